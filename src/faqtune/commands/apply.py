"""`faqtune compare --apply`: layers whose tuning does harm are turned back, and what holds up becomes a run.

Everything is found and confirmed on the selection part, each on one half of it; the test part is never touched.
"""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING

from faqtune.alone import alone
from faqtune.commands.mixing.mixture import forgotten_words, made_before, mixed_run
from faqtune.commands.mixing.search import APPLIED, Applied, LayerSearch
from faqtune.commands.mixing.tried import TRIED_NAME, Tried, read_tried
from faqtune.commands.project.assemble import Project, evaluation_set, load_project, selection_set
from faqtune.commands.project.models import load_model, model_digest
from faqtune.commands.training.finish import MEASURED_ON, finish_run, shown
from faqtune.compare import WeightChanges, descent
from faqtune.compare.descent import Coefficients
from faqtune.compare.mix import LayerMix
from faqtune.compare.revert import Reverted, revertible, unmatched
from faqtune.compare.weights import open_weights
from faqtune.digests import digest
from faqtune.errors import UserError
from faqtune.evaluate import EvaluationSet, evaluate, general_ability, halved, point_figures
from faqtune.progress import Reporter
from faqtune.records import CALIBRATION
from faqtune.runs import Run
from faqtune.workspace import Workspace

if TYPE_CHECKING:
    from faqtune.model import TextModel


@alone
def apply_layers(
    workspace: Workspace,
    source: Run,
    folders: tuple[Path, Path],
    changes: WeightChanges,
    *,
    forgetting_budget: float,
    resamples: int,
    force: bool,
    reporter: Reporter,
) -> Applied:
    """Search for each layer's best place between a run's base and its tuned model, in float32.

    `folders` are those of the base and of the run, `changes` what was found between them. The search is
    `compare.descent`, by OSCR@5% (AUROC where there is too little noise for it), then recall@1. What it finds is
    taken over if on the other half that figure is higher and recall@1 not clearly lower; it then becomes the
    newest run. Each measured mixture is kept in the run's `layers.json`: interrupted, the search goes on from
    there. Raises UserError for a selection part that cannot be halved, and where no layer differs.
    """
    project = load_project(workspace)
    selection = selection_set(project)
    halves = halved(selection)
    inputs = digest(
        "layers", str((descent.FIRST, descent.FINER, forgetting_budget, resamples)),
        workspace.config().model.model_dump_json(), model_digest(workspace, source.base),
        model_digest(workspace, source.name), *(half.digest() for half in halves),
        evaluation_set(project, CALIBRATION).digest(),
    )  # fmt: skip
    tried = read_tried(source.folder / TRIED_NAME, inputs, force=force)
    known = _known(workspace, tried)
    if known is not None:
        return known
    ability = general_ability(load_model(workspace, source.base, reporter, exact=True))
    with ExitStack() as opened:
        model = load_model(workspace, source.name, reporter, exact=True)
        stored = [opened.enter_context(open_weights(folder)) for folder in folders]
        mix = LayerMix(model, _movable(model, changes), stored[0], stored[1])
        search = LayerSearch(mix, source, halves, ability, forgetting_budget, resamples, tried, reporter)
        best, applied = search.run()
        if applied.verdict == APPLIED:
            applied = _finished(workspace, source, project, selection, search, best, applied, inputs)
    tried.outcome = asdict(applied) | {"model": ""}
    tried.save()
    return applied


def _movable(model: TextModel, changes: WeightChanges) -> Reverted:
    layers = {}
    for layer, names in revertible(changes).items():
        missing = unmatched(model, names)
        if found := [name for name in names if name not in missing]:
            layers[layer] = found
    if not layers:
        raise UserError(
            "no layer of the tuned model differs from its base: there is nothing to turn back",
            "train first, or name another run",
        )
    return layers


def _known(workspace: Workspace, tried: Tried) -> Applied | None:
    """What came of the same search before; None if it was not finished, or the run that it made has gone."""
    if tried.outcome is None:
        return None
    try:
        applied = Applied(**{**tried.outcome, "skipped": True})
    except TypeError:
        return None
    if not applied.run:
        return applied
    made = made_before(workspace, applied.run)
    return replace(applied, model=str(made.model_path)) if made else None


def _finished(
    workspace: Workspace,
    source: Run,
    project: Project,
    selection: EvaluationSet,
    search: LayerSearch,
    best: Coefficients,
    applied: Applied,
    inputs: str,
) -> Applied:
    """The mixture as a run of its own, evaluated and reported like any other."""
    from faqtune.model import ModelCard, base_name

    base = load_model(workspace, source.base, search.reporter, exact=True)
    base_title = base_name(base.source)
    before = shown(point_figures(evaluate(base, selection)))
    del base
    after = shown(point_figures(evaluate(search.at(best), selection)))
    lost = applied.forgetting
    card = ModelCard(
        figures=after,
        figures_before=before,
        measured_on=MEASURED_ON,
        made="merged",
        origin=_origin(base_title, source.name, applied)
        + forgotten_words(search.ability.auroc - lost["value"], lost["value"], lost["low"], lost["high"]),
        base=base_title,
    )
    facts = {key: value for key, value in asdict(applied).items() if key not in ("run", "model", "skipped", "source")}
    with mixed_run(workspace, source, "layers", {"of": source.name, **facts}, inputs) as run:
        finish_run(workspace, run, search.mix.move_to(best), project, card, {"before": before, "after": after})
    return replace(applied, run=run.name, model=str(run.model_path))


def _origin(base: str, source: str, applied: Applied) -> str:
    rows = "\n".join(f"| {layer} | {coefficient:g} |" for layer, coefficient in applied.coefficients.items())
    return (
        f"By faqtune's `compare --apply`: every weight of a layer is 1 - c times that of `{base}` plus c times that of "
        f"`{source}`. Tokenizer, pooling and prompt are those of `{source}`.\n\n| layer | c |\n|---|---:|\n{rows}"
    )
