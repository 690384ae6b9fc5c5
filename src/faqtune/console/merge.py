"""Output of `faqtune merge`."""

from __future__ import annotations

from pathlib import Path

from faqtune.commands.merge import Merged, merge_models
from faqtune.commands.mixing.mixture import Swept
from faqtune.commands.sweep import COEFFICIENTS, merge_run
from faqtune.console.output import UNCHANGED, emit, emit_json, next_step, table
from faqtune.console.reporter import ConsoleReporter
from faqtune.errors import UserError
from faqtune.scorecard import is_better_lower
from faqtune.workspace import Workspace


def run_merge(
    project: Path,
    models: list[str],
    coefficient: float | None,
    out: Path | None,
    run: str,
    sweep: str,
    forgetting: float,
    *,
    force: bool,
    as_json: bool,
) -> None:
    workspace = Workspace(project)
    _refuse_mixture(models, coefficient, out, run, sweep)
    with ConsoleReporter() as reporter:
        if coefficient is not None and out is not None:
            merged = merge_models(workspace, *models, coefficient=coefficient, out=out, reporter=reporter)
            swept = None
        else:
            swept = merge_run(
                workspace, run=run, coefficients=coefficients(sweep), forgetting_budget=forgetting, force=force,
                reporter=reporter,
            )  # fmt: skip
    if as_json:
        emit_json(merged if swept is None else swept)
    elif swept is None:
        _show_merged(merged)
    else:
        _show_swept(swept)
        emit("", next_step("evaluate", project))


def _refuse_mixture(models: list[str], coefficient: float | None, out: Path | None, run: str, sweep: str) -> None:
    """Two ways of asking, and what belongs to one of them says nothing in the other."""
    if models or coefficient is not None or out is not None:
        if len(models) != 2 or coefficient is None or out is None:
            raise UserError(
                "a merge of two models wants both of them, a coefficient and a folder",
                "write `faqtune merge A B --coefficient 0.5 --out DIR`, or nothing to look for the best in a project",
            )
        if run or sweep:
            raise UserError("--run and --sweep look for the best in a project", "leave them out, or the two models")


def coefficients(text: str) -> tuple[float, ...]:
    """
    >>> coefficients("0.5, 1"), len(coefficients(""))
    ((0.5, 1.0), 11)
    """
    if not text:
        return COEFFICIENTS
    try:
        return tuple(float(part) for part in text.replace("，", ",").split(","))
    except ValueError:
        raise UserError(f"--sweep {text}: these are no numbers", "write e.g. --sweep 0.5,0.75,1") from None


def _show_merged(merged: Merged) -> None:
    emit(
        f"{1 - merged.coefficient:g} x {merged.start} + {merged.coefficient:g} x {merged.end}",
        f"  {merged.changed_tensors} tensors differed; weights in float32",
        *(f"  note: {note}" for note in merged.notes),
        f"  model: {merged.model}",
    )


def _show_swept(swept: Swept) -> None:
    names = list(dict.fromkeys((swept.metric, swept.guard)))
    emit(*[UNCHANGED] * swept.skipped)
    rows = [
        (
            f"{place.coefficient:g}",
            *(f"{place.figures[name]:.3f}" for name in names),
            f"{place.general:.4f}",
            f"{place.forgetting:+.4f} [{place.forgetting_low:+.4f}, {place.forgetting_high:+.4f}]",
            _mark(swept, place.coefficient, place.forgetting),
        )
        for place in swept.curve
    ]
    emit(f"Between {swept.base} (0) and {swept.source} (1), on the selection part:", "")
    emit(*table(("coefficient", *names, "general AUROC", "forgetting", ""), rows), "", *_verdict(swept))


def _mark(swept: Swept, coefficient: float, forgotten: float) -> str:
    if coefficient == swept.chosen:
        return "← chosen"
    return "forgets too much" if forgotten > swept.forgetting_budget else ""


def _verdict(swept: Swept) -> list[str]:
    if swept.chosen == 1:
        return [f"The tuned model itself is best: no new run was made. Its name: {swept.source}"]
    if swept.chosen == 0:
        return [
            f"The base model is best among those that forget at most {swept.forgetting_budget:g}: no new run was made.",
            "Train with a lower learning rate, or allow more with --forgetting.",
        ]
    lines = [f"{swept.run}: coefficient {swept.chosen:g}, now the newest run", f"  model: {swept.model}"]
    tuned, best = swept.curve[-1], swept.best
    sign, side = (-1, "above") if is_better_lower(swept.metric) else (1, "below")
    cost = sign * (tuned.figures[swept.metric] - best.figures[swept.metric])
    if cost > 0:
        lines.append(
            f"  note: {swept.metric} is {cost:.3f} {side} that of {swept.source}, which forgets too much "
            f"({tuned.forgetting:+.4f}); to use that one all the same, give --model {swept.source}"
        )
    return lines
