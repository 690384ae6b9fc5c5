"""Output of `faqtune index`."""

from __future__ import annotations

import shlex
from pathlib import Path

from faqtune.commands.index import make_index
from faqtune.commands.project.assemble import BY_PEOPLE
from faqtune.commands.vectors.kept import Indexed
from faqtune.console.output import UNCHANGED, emit, emit_json, next_step
from faqtune.console.reporter import ConsoleReporter
from faqtune.evaluate import format_comparison, plain_text
from faqtune.evaluate.wording import points_of
from faqtune.workspace import Workspace

VERDICTS = {
    "better": "clearly better with the index: use it",
    "worse": "clearly worse with the index: leave it",
    "unclear": "no clear difference",
}


def _advice(made: Indexed) -> list[str]:
    """By the selection part: what is decided by the test part flatters there."""
    found = made.selection
    if found is None:
        return ["The selection part is too small to tell whether the index is worth using."]
    named = {"oscr@5": "OSCR@5%", "auroc": "AUROC"}
    figures = ", ".join(
        f"{named[name]} {100 * each['without']:.1f} → {100 * each['with_index']:.1f}, {points_of(each)}"
        for name, each in found.figures.items()
    )
    part = found.part.replace(" (", " part (")
    lines = [f"Decide by the {part}, {found.queries:,} queries: {figures}: {VERDICTS[found.verdict]}."]
    if BY_PEOPLE not in found.part:
        lines.append("Its labels come from rules, as those in the vectors may: hand labels there would tell more.")
    return lines


def _where(made: Indexed) -> str:
    if made.certified_cosine is not None:
        return f"With it the model answers from a cosine of {made.certified_cosine:.4f} on, as its certificate says"
    if made.threshold_cosine is not None:
        return f"With it the model answers from a cosine of {made.threshold_cosine:.4f} on"
    return "no threshold: the calibration part has no labelled queries or no noise"


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
    emit(_where(made))
    emit(*_advice(made))
    named = f" --model {shlex.quote(made.model)}" if model else ""
    with_it = " --index" if made.selection is not None and made.selection.verdict == "better" else ""
    emit("", next_step("match", project, f'{named}{with_it} "what a customer would type"'))
