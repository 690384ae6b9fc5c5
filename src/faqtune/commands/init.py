"""`faqtune init`: look at the files, show what was understood, and write `faqtune.toml`."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from faqtune.alone import alone
from faqtune.commands.ingest import ONE_ENTRY
from faqtune.commands.project.understood import settled_in, unclear_among, understood
from faqtune.config import CONFIG_NAME, Config, validated, with_value
from faqtune.errors import UserError
from faqtune.ingest import Guess, write_config
from faqtune.ingest.kinds import expand
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

    With `keep` an existing one that names these files is left as the user has it, and of `files` those that it names
    are what it names them for; `model` is written into it if it has none so far. Raises UserError for files that
    cannot be read, without a catalogue among them, for a recipe that is none, and for an existing configuration
    unless `force` or `keep`. Where settings would make a file readable, a `faqtune.toml` to write them into is begun
    before.
    """
    if recipe:
        load_recipe(recipe)
    if not files:
        raise UserError("no files were given", "run `faqtune init FAQ.xlsx LOGS… --noise CHATTER…`")
    path = workspace.config_path
    chosen = _chosen(workspace, model, gold_catalogue, recipe)
    settled = settled_in(workspace) if keep and path.exists() else {}
    guesses = understood(files, noise, gold, settled)
    if unclear := unclear_among(guesses, noise):
        raise UserError(unclear.problem + _begun(workspace, guesses, unclear, chosen))
    text, wanted = _config(workspace, guesses, chosen)
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


def _begun(
    workspace: Workspace, guesses: Sequence[Guess], unclear: Guess, chosen: Mapping[tuple[str, str], str]
) -> str:
    """Begin the faqtune.toml in which the settings are written that an unclear file needs, unless there is one."""
    if workspace.config_path.exists():
        return f" There is {workspace.config_path} already: see that it names the file"
    needs_catalogue = not any(guess.kind == "catalogue" for guess in guesses)
    placed: list[Guess] = []
    for guess in guesses:
        if needs_catalogue and guess.path == unclear.path:
            placed.append(replace(guess, kind="catalogue", problem=""))
        else:
            placed.append(replace(guess, kind="conversations", problem="") if guess.problem else guess)
    text, _ = _config(workspace, placed, chosen)
    write_text(workspace.config_path, text)
    project = "" if workspace.root == Path() else f" --project {workspace.root}"
    return (
        f" {workspace.config_path} has been begun and names your files: write the rest there, then run "
        f"`faqtune tune{project}`"
    )


def _config(
    workspace: Workspace, guesses: Sequence[Guess], chosen: Mapping[tuple[str, str], str]
) -> tuple[str, Config]:
    """The text of the configuration, and what it says. Raises UserError for names that no text can hold."""
    text = write_config(guesses, workspace.root, chosen)
    if any("\ud800" <= character <= "\udfff" for character in text):
        raise UserError("a name among the files or columns is not UTF-8", "rename it")
    return text, validated(Config, tomllib.loads(text), workspace.config_path.name)


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
        asked = _files_of(workspace, getattr(getattr(wanted, kind), key))
        if asked and asked != _files_of(workspace, getattr(getattr(there, kind), key)):
            return f"names other files under [{kind}] than the command line"
    # A default that nobody chose is no decision: it gives way (see `_chose_model`).
    if model and wanted.model.base != there.model.base and "base" in there.model.model_fields_set:
        return f"has another model ({there.model.base}) than the command line ({wanted.model.base})"
    if gold_catalogue and workspace.resolve(wanted.gold.catalogue) != workspace.resolve(there.gold.catalogue):
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


def _files_of(workspace: Workspace, names: Sequence[str]) -> set[Path]:
    """The files, those of folders one by one; what is not there by its own path."""
    paths = {workspace.resolve(name) for name in names}
    there = {path for path in paths if path.exists()}
    return {source.path for source in expand(sorted(there))} | (paths - there)


def taken_for(guesses: Sequence[Guess]) -> Iterator[str]:
    """A line for each file or folder, and what the user should know of it."""
    for guess in guesses:
        yield _in_a_line(guess)
        yield from (f"    ! {remark}" for remark in guess.remarks)


def _in_a_line(guess: Guess) -> str:
    several = f", {guess.files} files" if guess.files > 1 else ""
    counts = ", ".join(f"{count} {what}" for what, count in guess.counts.items())
    sample = " (of a sample)" if guess.is_sample else ""
    if guess.is_settled:
        return f"{guess.path.name}: {guess.kind}{several}, as {CONFIG_NAME} has it"
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
    if sum(guess.counts.get("entries", 0) for guess in guesses if guess.kind == "catalogue") == 1:
        yield f"! {ONE_ENTRY}"
