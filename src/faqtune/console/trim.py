"""Output of `faqtune trim`."""

from __future__ import annotations

from pathlib import Path

from faqtune.commands.trim import Trimmed, trim_model
from faqtune.console.output import emit, emit_json, table
from faqtune.console.reporter import ConsoleReporter
from faqtune.workspace import Workspace


def run_trim(project: Path, model: str, out: Path, scripts: str, keep_texts: list[Path], *, as_json: bool) -> None:
    from faqtune.model.scripts import parse_scripts

    with ConsoleReporter() as reporter:
        trimmed = trim_model(
            Workspace(project), model, out=out, scripts=parse_scripts(scripts), keep_texts=tuple(keep_texts),
            reporter=reporter,
        )  # fmt: skip
    if as_json:
        emit_json(trimmed)
    else:
        _show(trimmed)


def _show(trimmed: Trimmed) -> None:
    rows = [
        ("pieces", f"{trimmed.pieces_before:,}", f"{trimmed.pieces_after:,}"),
        ("parameters", f"{trimmed.parameters_before:,}", f"{trimmed.parameters_after:,}"),
        ("MB of weights", f"{trimmed.megabytes_before:,.1f}", f"{trimmed.megabytes_after:,.1f}"),
    ]
    emit(*table(("", "before", "after"), rows), "")
    emit(f"All {trimmed.texts:,} texts of the project are cut into the same pieces as before.")
    held_back = trimmed.held_back
    if held_back is None:
        emit("What new texts would meet is not known: the project has no test part with texts of its own.")
    else:
        emit(
            f"Had the {held_back.texts:,} texts that only the test part has not been seen, "
            f"{held_back.tokens_otherwise:.1%} of their {held_back.tokens:,} pieces would be others, "
            f"in {held_back.texts_otherwise:.1%} of the texts. --keep-texts and more logs make that less."
        )
    emit(f"  model: {trimmed.model}")
