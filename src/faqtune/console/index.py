"""Output of `faqtune index`."""

from __future__ import annotations

from pathlib import Path

from faqtune.commands.index import Indexed, make_index
from faqtune.console.output import UNCHANGED, emit, emit_json, next_step
from faqtune.console.reporter import ConsoleReporter
from faqtune.evaluate import format_comparison, plain_text
from faqtune.workspace import Workspace


def _advice(made: Indexed) -> list[str]:
    """By the selection part: what is decided by the test part flatters there."""
    if made.selection is None:
        return ["The selection part is too small to tell whether the index is worth using"]
    found = made.selection
    name = {"oscr@5": "OSCR@5%", "auroc": "AUROC"}[found.figure]
    better = found.with_index > found.without
    verdict = "use it" if better else "by this figure the model does as well without it"
    return [
        f"{name} on the selection part: {100 * found.without:.1f} by itself, {100 * found.with_index:.1f} with the "
        f"index: {verdict}"
    ]


def run_index(
    project: Path, model: str, prior: float, confidence: float, resamples: int, *, force: bool, as_json: bool
) -> None:
    with ConsoleReporter() as reporter:
        made = make_index(
            Workspace(project), model=model, prior=prior, confidence=confidence, resamples=resamples, force=force,
            reporter=reporter,
        )  # fmt: skip
    if as_json:
        emit_json(made)
        return
    emit(*[UNCHANGED] * made.skipped)
    if made.comparison is not None:
        emit(plain_text(format_comparison(made.comparison, details=False)))
    emit(
        f"{made.folder}: vectors of {made.questions:,} questions, {made.moved:,} of them moved by {made.labels:,} "
        "labels of the training part"
    )
    emit(
        "no threshold: the calibration part has no labelled queries or no noise"
        if made.threshold_cosine is None
        else f"With it the model answers from a cosine of {made.threshold_cosine:.4f} on"
    )
    emit(*_advice(made))
    named = f" --model {made.model}" if model else ""
    emit("", next_step("match", project, f'{named} --index "what a customer would type"'))
