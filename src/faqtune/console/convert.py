"""Output of `faqtune convert`."""

from __future__ import annotations

from pathlib import Path

from faqtune.commands.convert import convert
from faqtune.console.output import emit, emit_json
from faqtune.workspace import Workspace


def run_convert(
    project: Path, source: Path, target: Path, source_form: str, target_form: str, *, force: bool, as_json: bool
) -> None:
    place = Workspace(project)
    result = convert(place.resolve(str(source)), place.resolve(str(target)), source_form, target_form, force=force)
    if as_json:
        emit_json(result)
    else:
        emit(f"{result.records} records: {result.source} ({result.from_form}) → {result.target} ({result.to_form})")
        emit(*(f"  not carried: {what} of {count}" for what, count in result.lost.items()))
