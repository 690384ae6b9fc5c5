"""Output of `faqtune init`."""

from __future__ import annotations

from pathlib import Path

from faqtune.commands.init import init_project
from faqtune.console.output import emit, emit_json, next_step
from faqtune.ingest import WILL_STOP
from faqtune.workspace import Workspace


def run_init(
    project: Path,
    files: list[Path],
    noise: list[Path],
    gold: list[Path],
    gold_catalogue: Path | None,
    model: str,
    *,
    force: bool,
    as_json: bool,
) -> None:
    result = init_project(
        Workspace(project), tuple(files), noise=tuple(noise), gold=tuple(gold), gold_catalogue=gold_catalogue,
        model=model, force=force,
    )  # fmt: skip
    if as_json:
        emit_json(result)
    else:
        emit(*result.preview, "", f"Wrote {result.path}: check it.")
        stops = any(remark.startswith(WILL_STOP) for guess in result.guesses for remark in guess.remarks)
        emit("Mend what `ingest` will stop at first." if stops else next_step("tune", project))
