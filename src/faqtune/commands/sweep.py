"""`faqtune merge` in a project: the best model between a run's base and its tuned model, as a run of its own."""

from __future__ import annotations

import math
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING

from faqtune.alone import alone
from faqtune.commands.merge import merge_words
from faqtune.commands.mixing.mixture import (
    FORGETTING_BUDGET,
    Place,
    Swept,
    forgotten_words,
    made_before,
    mixed_run,
    source_run,
    swept_facts,
)
from faqtune.commands.project.assemble import Project, evaluation_set, load_project, selection_set
from faqtune.commands.project.models import ReportingEncoder, load_model, model_digest
from faqtune.commands.training.finish import MEASURED_ON, finish_run, shown
from faqtune.config import validated
from faqtune.digests import digest
from faqtune.errors import UserError
from faqtune.evaluate import EvaluationSet, GeneralAbility, evaluate, forgetting, general_ability, point_figures
from faqtune.progress import Reporter, Silent
from faqtune.recipe import Recipe, Selection
from faqtune.records import CALIBRATION
from faqtune.runs import Run
from faqtune.steps import is_current, mark_current
from faqtune.stored import read_json, write_json
from faqtune.workspace import Workspace

if TYPE_CHECKING:
    from faqtune.model import Line

COEFFICIENTS = tuple(tenth / 10 for tenth in range(11))
MERGE_NAME = "merge.json"


@alone
def merge_run(
    workspace: Workspace,
    *,
    run: str = "",
    coefficients: tuple[float, ...] = COEFFICIENTS,
    forgetting_budget: float = FORGETTING_BUDGET,
    force: bool = False,
    reporter: Reporter | None = None,
) -> Swept:
    """Measure the models between a finished run's base and its tuned one; the best becomes the newest run.

    Measured on the selection part only, in float32; both ends always are. Best is the most of the figure
    that the run's own recipe chooses by (OSCR@5%), then of its guard (recall@1), then the nearest to the base,
    among those that lose at most `forgetting_budget` of AUROC on everyday sentences. Where an end of the
    line is best there is no new run. By default of the newest finished run that is not merged itself.
    Raises UserError for bad coefficients, a run that has not finished, or a selection part that decides nothing.
    """
    from faqtune.model import refuse_coefficient

    reporter = reporter or Silent()
    for coefficient in coefficients:
        refuse_coefficient(coefficient)
    if not forgetting_budget >= 0:
        raise UserError(f"{forgetting_budget:g} of AUROC cannot be forgotten", "give --forgetting 0 or more")
    source = source_run(workspace, run, reporter.say)
    choice = _selection(source)
    project = load_project(workspace)
    selection = selection_set(project)
    wanted = sorted({0.0, 1.0, *coefficients})
    inputs = digest(
        "merge", str(wanted), str(forgetting_budget), choice.model_dump_json(),
        workspace.config().model.model_dump_json(),
        model_digest(workspace, source.base), model_digest(workspace, source.name), selection.digest(),
        evaluation_set(project, CALIBRATION).digest(),
    )  # fmt: skip
    step, outcome_path = f"merge {source.name}", source.folder / MERGE_NAME
    if not force and is_current(workspace, step, inputs, [outcome_path], say=reporter.say, is_dear=True):
        known = _known(workspace, outcome_path)
        if known is not None:
            return known
    swept = _swept(workspace, source, choice, project, selection, wanted, forgetting_budget, inputs, reporter)
    write_json(outcome_path, asdict(swept) | {"model": None})
    mark_current(workspace, step, inputs, [outcome_path])
    return swept


def _selection(run: Run) -> Selection:
    """What the run's recipe chooses a model by."""
    path = run.folder / "recipe.json"
    recipe = read_json(path, "faqtune train")
    for mixture in ("merge", "layers"):
        recipe.pop(mixture, None)
    return validated(Recipe, recipe, str(path)).selection


def _known(workspace: Workspace, path: Path) -> Swept | None:
    """What was found before; None if the run that it made has gone."""
    data = read_json(path, "faqtune merge")
    swept = Swept(**{**data, "curve": [Place(**place) for place in data["curve"]], "skipped": True})
    if not swept.run:
        return swept
    made = made_before(workspace, swept.run)
    return replace(swept, model=made.model_path) if made else None


def _swept(
    workspace: Workspace,
    source: Run,
    choice: Selection,
    project: Project,
    selection: EvaluationSet,
    coefficients: list[float],
    budget: float,
    inputs: str,
    reporter: Reporter,
) -> Swept:
    from faqtune.model import ModelCard, base_name, line_between

    start = load_model(workspace, source.base, reporter, exact=True)
    base = base_name(start.source)
    line = line_between(start, load_model(workspace, source.name, reporter, exact=True))
    del start
    curve = _curve(line, coefficients, selection, reporter)
    best = best_place(curve, choice, budget)
    swept = Swept(source.name, source.base, best.coefficient, "", choice.metric, choice.guard, budget, curve)
    if best.coefficient in (0, 1):
        return swept
    before, after = (shown(place.figures, choice.metric, choice.guard) for place in (curve[0], best))
    card = ModelCard(
        figures=after,
        figures_before=before,
        measured_on=MEASURED_ON,
        made="merged",
        origin=merge_words(base, source.name, best.coefficient)
        + forgotten_words(best.general, best.forgetting, best.forgetting_low, best.forgetting_high),
        base=base,
    )
    with mixed_run(workspace, source, "merge", swept_facts(swept), inputs) as run:
        finish_run(workspace, run, line.move_to(best.coefficient), project, card, {"before": before, "after": after})
    return replace(swept, run=run.name, model=run.model_path)


def _curve(line: Line, coefficients: list[float], selection: EvaluationSet, reporter: Reporter) -> list[Place]:
    curve: list[Place] = []
    before: GeneralAbility | None = None
    for number, coefficient in enumerate(coefficients):
        encoder = ReportingEncoder(line.move_to(coefficient), Silent(), f"{coefficient:g}")
        found = point_figures(evaluate(encoder, selection))
        figures = {name: value for name, value in found.items() if math.isfinite(value)}
        ability = general_ability(encoder)
        before = before or ability
        lost = forgetting(before, ability)
        curve.append(Place(coefficient, figures, ability.auroc, ability.by_language, lost.value, lost.low, lost.high))
        reporter.advance("coefficients measured", number + 1, len(coefficients))
    return curve


def best_place(curve: list[Place], choice: Selection, budget: float) -> Place:
    """The most of the metric, then of the guard, then the nearest to the base, within the budget of forgetting.

    The base forgets nothing and is always within it. Raises UserError if the metric or the guard has no value.
    """
    from faqtune.train.selection import figure

    return max(
        (place for place in curve if place.forgetting <= budget),
        key=lambda p: (figure(p.figures, choice.metric), figure(p.figures, choice.guard), -p.coefficient),
    )
