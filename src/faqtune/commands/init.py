"""`faqtune init`: look at the files, show what was understood, and write `faqtune.toml`."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from faqtune.errors import UserError
from faqtune.ingest import Guess, inspect, write_config
from faqtune.workspace import Workspace, write_text


@dataclass(frozen=True)
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
    force: bool = False,
    keep: bool = False,
) -> Initialised:
    """Write a commented `faqtune.toml` with everything understood of the files.

    With `keep` an existing one that names the same files is left as the user has it.
    Raises UserError for files that cannot be read, without a catalogue among them, and for an
    existing configuration unless `force` or `keep`.
    """
    path = workspace.config_path
    guesses = inspect(files, noise)
    guesses += [guess for guess in inspect(gold) if guess.path not in {g.path for g in guesses}]
    unread = [guess for guess in guesses if guess.problem]
    if unread:
        raise UserError(unread[0].problem.rstrip("."), "mend the file, or leave it out")
    if not any(guess.kind == "catalogue" for guess in guesses):
        raise UserError("none of the files is a catalogue of questions and answers", "give the FAQ spreadsheet as well")
    text = _with_choices(write_config(guesses, workspace.root), workspace, model, gold_catalogue)
    if path.exists() and not force:
        if keep and _names_same_files(path.read_text(encoding="utf-8"), text):
            return Initialised(path, False, guesses, list(_preview(guesses)))
        raise UserError(f"{path} is there already", "add --force to write it anew, or another --project folder")
    write_text(path, text)
    workspace.config()
    return Initialised(path, True, guesses, list(_preview(guesses)))


def _with_choices(text: str, workspace: Workspace, model: str, gold_catalogue: Path | None) -> str:
    """The configuration with what the command line said; the comments stay."""
    if model:
        folder = Path(model).expanduser()
        name = str(folder.resolve()) if folder.is_dir() else model
        text = _set(text, "base", name)
    if gold_catalogue is not None:
        text = _set(text, "catalogue", str(gold_catalogue.resolve()))
    return text


def _set(text: str, key: str, value: str) -> str:
    quoted = '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'
    changed, count = re.subn(rf"(?m)^(?:# )?{key} = .*$", lambda _: f"{key} = {quoted}", text, count=1)
    assert count == 1, key
    return changed


def _names_same_files(one: str, other: str) -> bool:
    """Whether two configurations read the same files with the same model."""
    lines = [re.findall(r"(?m)^(?:files|base|catalogue) = .*$", text) for text in (one, other)]
    return lines[0] == lines[1]


def _preview(guesses: list[Guess]) -> Iterator[str]:
    for guess in guesses:
        several = f", {guess.files} files" if guess.files > 1 else ""
        counts = ", ".join(f"{count} {what}" for what, count in guess.counts.items())
        sample = " (of a sample)" if guess.is_sample else ""
        encoding = f", {', '.join(guess.encodings)}" if guess.encodings else ""
        yield f"{guess.path.name}: {guess.kind} ({guess.form}{encoding}{several}){': ' + counts if counts else ''}{sample}"
        if guess.sheets:
            yield f"    sheets: {', '.join(guess.sheets)}"
        for meaning, names in {**guess.columns, **guess.roles}.items():
            yield f"    {meaning}: {', '.join(names)}"
        for remark in guess.remarks:
            yield f"    ! {remark}"
        for line in guess.preview:
            yield f"    | {line}"
