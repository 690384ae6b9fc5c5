"""`faqtune init`: look at the files, show what was understood, and write `faqtune.toml`."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from faqtune.alone import alone
from faqtune.config import Config, validated, with_value
from faqtune.errors import UserError
from faqtune.ingest import Guess, inspect, write_config
from faqtune.recipe import load_recipe
from faqtune.stored import write_text
from faqtune.workspace import Workspace


@dataclass(frozen=True, slots=True)
class Initialised:
    """Where the configuration lies, what each file was taken for, and the same as lines for people."""

    path: Path
    written: bool
    guesses: list[Guess]
    preview: list[str]


def init_project(
    workspace: Workspace,
    files: tuple[Path, ...],
    *,
    noise: tuple[Path, ...] = (),
    gold: tuple[Path, ...] = (),
    gold_catalogue: Path | None = None,
    model: str = "",
    recipe: str = "",
    force: bool = False,
    keep: bool = False,
) -> Initialised:
    """Write a commented `faqtune.toml` with everything understood of the files.

    With `keep` an existing one that names these files is left as the user has it; `model` is written into
    it if it has none so far. Raises UserError for files that cannot be read, without a catalogue among
    them, for a recipe that is none, and for an existing configuration unless `force` or `keep`.
    """
    if recipe:
        load_recipe(recipe)
    if not files:
        raise UserError("no files were given", "run `faqtune init FAQ.xlsx LOGS… --noise CHATTER…`")
    path = workspace.config_path
    guesses = _guesses(workspace, files, noise, gold)
    text = write_config(guesses, workspace.root, _chosen(workspace, model, gold_catalogue, recipe))
    if any("\ud800" <= character <= "\udfff" for character in text):
        raise UserError("a name among the files or columns is not UTF-8", "rename it")
    wanted = validated(Config, tomllib.loads(text), path.name)
    if path.exists() and not force:
        difference = _difference(workspace, wanted, model, gold_catalogue) if keep else "is there already"
        if not difference:
            written = bool(model) and _chose_model(workspace, wanted.model.base)
            return Initialised(path, written, guesses, list(_preview(guesses)))
        raise UserError(
            f"{path} {difference}",
            "change it there, or write it anew with `faqtune init --force FILES…`, or choose another --project folder",
        )
    write_text(path, text)
    return Initialised(path, True, guesses, list(_preview(guesses)))


def _guesses(workspace: Workspace, files: Sequence[Path], noise: Sequence[Path], gold: Sequence[Path]) -> list[Guess]:
    """What each file is. Raises UserError for one that cannot be used, and if none is a catalogue."""
    guesses = inspect(files, noise)
    known = {guess.path.resolve() for guess in guesses}
    by_people = inspect(gold)
    guesses += [guess for guess in by_people if guess.path.resolve() not in known]
    for guess in guesses:
        if guess.problem:
            raise UserError(guess.problem + _beginning(workspace, guess))
    for guess in by_people:
        if guess.kind != "gold":
            raise UserError(
                f"{guess.path.name} holds no hand labels but {guess.kind} ({guess.form})",
                "give it without --gold to train on it, or make hand labels of it with `faqtune convert --to gold`"
                if guess.kind == "pairs"
                else 'hand labels are JSONL, one {"query": "…", "entry": "…"} a line: see docs/formats.md',
            )
    if not any(guess.kind == "catalogue" for guess in guesses):
        raise UserError("none of the files is a catalogue of questions and answers", "give the FAQ spreadsheet as well")
    return guesses


def _beginning(workspace: Workspace, guess: Guess) -> str:
    """How to begin the faqtune.toml in which a problem with logs is mended, if there is none yet."""
    if "[conversations]" not in guess.problem or workspace.config_path.exists():
        return ""
    path = json.dumps(str(guess.path.resolve()), ensure_ascii=False)
    return f" There is none yet: leave this file out here, then add `files = [{path}]` and these keys to it"


def _chosen(workspace: Workspace, model: str, gold_catalogue: Path | None, recipe: str) -> dict[tuple[str, str], str]:
    """Section and key of what was said besides the files; paths as the configuration names them."""
    folder, own_recipe = Path(model).expanduser(), Path(recipe)
    chosen = {
        ("model", "base"): _name(workspace, folder) if model and folder.is_dir() else model,
        ("gold", "catalogue"): _name(workspace, gold_catalogue) if gold_catalogue else "",
        ("train", "recipe"): _name(workspace, own_recipe) if recipe and own_recipe.is_file() else recipe,
    }
    return {place: value for place, value in chosen.items() if value}


def _name(workspace: Workspace, path: Path) -> str:
    """Relative to the project if the path lies inside."""
    path, root = path.resolve(), workspace.root.resolve()
    return (path.relative_to(root) if path.is_relative_to(root) else path).as_posix()


def _difference(workspace: Workspace, wanted: Config, model: str, gold_catalogue: Path | None) -> str:
    """What the existing configuration has otherwise than the command line; "" if nothing.

    What the command line does not speak of is the user's own.
    """
    there = workspace.config()
    files = [(kind, "files") for kind in ("catalogue", "conversations", "noise", "gold", "pairs")]
    for kind, key in (*files, ("pairs", "generated_files")):
        asked = _resolved(workspace, getattr(getattr(wanted, kind), key))
        if asked and asked != _resolved(workspace, getattr(getattr(there, kind), key)):
            return f"names other files under [{kind}] than the command line"
    # A default that nobody chose is no decision: it gives way (see `_chose_model`).
    if model and wanted.model.base != there.model.base and "base" in there.model.model_fields_set:
        return f"has another model ({there.model.base}) than the command line ({wanted.model.base})"
    if gold_catalogue and _resolved(workspace, [wanted.gold.catalogue]) != _resolved(workspace, [there.gold.catalogue]):
        return "has another gold.catalogue than the command line"
    return ""


@alone
def _chose_model(workspace: Workspace, base: str) -> bool:
    """Write the model into the existing configuration, unless it is there. Returns whether it was written."""
    if workspace.config().model.base == base:
        return False
    path = workspace.config_path
    write_text(path, with_value(path.read_text(encoding="utf-8-sig"), "model", "base", base))
    return True


def _resolved(workspace: Workspace, names: Sequence[str]) -> set[Path]:
    return {workspace.resolve(name) for name in names}


def taken_for(guesses: Sequence[Guess]) -> Iterator[str]:
    """A line for each file or folder, and what the user should know of it."""
    for guess in guesses:
        yield _in_a_line(guess)
        yield from (f"    ! {remark}" for remark in guess.remarks)


def _in_a_line(guess: Guess) -> str:
    several = f", {guess.files} files" if guess.files > 1 else ""
    counts = ", ".join(f"{count} {what}" for what, count in guess.counts.items())
    sample = " (of a sample)" if guess.is_sample else ""
    encoding = f", {', '.join(guess.encodings)}" if guess.encodings else ""
    known = f"{guess.kind} ({guess.form}{encoding}{several})"
    return f"{guess.path.name}: {known}{': ' + counts if counts else ''}{sample}"


def _preview(guesses: Sequence[Guess]) -> Iterator[str]:
    for guess in guesses:
        yield _in_a_line(guess)
        if guess.sheets:
            yield f"    sheets: {', '.join(guess.sheets)}"
        for meaning, names in {**guess.columns, **guess.roles}.items():
            yield f"    {meaning}: {', '.join(names)}"
        for remark in guess.remarks:
            yield f"    ! {remark}"
        for line in guess.preview:
            yield f"    | {line}"
