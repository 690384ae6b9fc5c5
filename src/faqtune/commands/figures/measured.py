"""One model on one part of a project: at a threshold of its own, and without what it was trained on."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection
from dataclasses import replace

from faqtune.commands.figures.certificate import Answering, certified_answering
from faqtune.commands.project.adhoc import SEEN, TRAINED
from faqtune.commands.project.assemble import Project, evaluation_set, measured_queries
from faqtune.commands.project.seen import without_seen
from faqtune.encoder import Encoder, Vectors
from faqtune.evaluate import (
    EvaluationSet,
    Outcomes,
    Thresholds,
    calibrate,
    evaluate,
    probability_map,
    threshold_for,
    with_garbage,
)
from faqtune.records import Catalogue
from faqtune.runs import all_runs
from faqtune.workspace import Workspace


def measured(
    workspace: Workspace,
    encoder: Encoder,
    data: EvaluationSet,
    calibration: EvaluationSet,
    questions: Callable[[Catalogue], Vectors] | None = None,
) -> Outcomes:
    """A model at its own threshold, set on the calibration part or promised by its certificate.

    `questions`: the vectors that stand for the questions of a catalogue. The run's certificate does not speak of
    these, and one of an index is left aside, so that both are measured at thresholds that were set alike.
    """
    of_data, of_calibration = (questions and questions(each.catalogue) for each in (data, calibration))
    thresholds: Thresholds | None = None
    threshold_cosine: float | None = None
    margin_cosine, probability = 0.0, None
    is_other = calibration.written_digest() != data.written_digest()
    promised = certified(workspace, encoder.name, calibration) if is_other and not questions else None
    if promised is not None:  # also of wrong answers alone, without any noise
        threshold_cosine, margin_cosine = promised.threshold_cosine, promised.margin_cosine
    if calibration.positives and calibration.negatives and is_other:
        calibrated = evaluate(encoder, calibration, questions=of_calibration)
        probability = probability_map(calibrated)
        if promised is None:
            thresholds = calibrate(calibrated)
            threshold_cosine = threshold_for(thresholds, encoder.name, data)
    outcomes = evaluate(
        encoder, data, threshold_cosine=threshold_cosine, margin_cosine=margin_cosine, probability=probability,
        details=True, questions=of_data,
    )  # fmt: skip
    return outcomes if thresholds is None else replace(outcomes, set_on=thresholds.set_on)


def certified(workspace: Workspace, name: str, calibration: EvaluationSet) -> Answering | None:
    """Where the run's certificate promises things for, if it was set on this calibration part."""
    run = next((run for run in all_runs(workspace) if run.name == name), None)
    return certified_answering(run, calibration.digest()) if run is not None else None


def unseen_part(
    workspace: Workspace, whole: Project, names: Collection[str], part: str
) -> tuple[Project, EvaluationSet]:
    """The project, and a part of it, without what the named models were trained on; what that was is counted."""
    project, seen, seen_noise = without_seen(workspace, whole, names)
    return project, with_garbage(with_left_out(evaluation_set(project, part), whole, part, seen, seen_noise))


def with_left_out(
    data: EvaluationSet,
    whole: Project,
    part: str,
    seen: Collection[str],
    seen_noise: Collection[str],
    replaced: Collection[str] = (),
) -> EvaluationSet:
    """`data` with a count of what is not in it: of this part of the `whole` project, the labelled queries of
    conversations that were `seen` in training, and such noise, but for kinds that are `replaced` by other files."""
    left_out = {SEEN: _labelled_in(whole, part, seen), TRAINED: _sentences_in(whole, part, seen_noise, replaced)}
    return replace(data, excluded=dict(Counter(data.excluded) + Counter(left_out)))


def _labelled_in(project: Project, part: str, conversations: Collection[str]) -> int:
    """How many queries that a part would be measured on are in these conversations."""
    return sum(query.conversation in conversations for query in measured_queries(project, part)[0])


def _sentences_in(project: Project, part: str, sources: Collection[str], replaced: Collection[str]) -> int:
    """How many noise sentences of a part are in these sources, but for kinds that are `replaced` by other files."""
    parts = project.split.noise
    return sum(
        noise.source in sources and parts[noise.source] == part and noise.stratum not in replaced
        for noise in project.noise
    )
