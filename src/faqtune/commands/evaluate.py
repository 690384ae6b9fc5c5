"""`faqtune evaluate`: scorecards of one or two models on the test part or on a file of hand labels."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from faqtune.commands.assemble import STRATUM_OF_REASON, Project, evaluation_set, load_project
from faqtune.commands.gold import gold_labels
from faqtune.commands.models import ReportingEncoder, load_model
from faqtune.errors import UserError
from faqtune.evaluate import (
    EvaluationSet,
    Negative,
    Outcomes,
    Positive,
    calibrate,
    compare,
    evaluate,
    scorecard,
    threshold_for,
)

from faqtune.ingest import GoldLabel
from faqtune.progress import Reporter, Silent
from faqtune.records import CALIBRATION, TEST, TRAIN
from faqtune.report import Example, Examples
from faqtune.runs import Run, all_runs, find_run
from faqtune.scorecard import Comparison, Scorecard
from faqtune.workspace import Workspace, write_text

LEAST_QUERIES = 20


@dataclass(frozen=True)
class Evaluated:
    """Scorecards in the order of the models; `comparison` where there were two."""

    scorecards: list[Scorecard]
    comparison: Comparison | None
    examples: Examples | None
    """Queries whose outcome the second model changed."""
    paths: list[Path]


def evaluate_models(
    workspace: Workspace,
    *,
    models: tuple[str, ...] = (),
    part: str = TEST,
    gold: Path | None = None,
    gold_catalogue: Path | None = None,
    resamples: int = 2000,
    reporter: Reporter | None = None,
) -> Evaluated:
    """Measure models side by side; by default the newest run against its base model.

    Every model answers at the threshold that was set for it on the calibration part. With `gold`,
    queries of conversations that training has seen are left out, and counted as such.
    Raises UserError for more than two models, for a part that thresholds or models were chosen
    on without saying so, and where too little is left to measure.
    """
    reporter = reporter or Silent()
    project = load_project(workspace)
    if len(models) > 2:
        raise UserError(f"{len(models)} models were given", "compare at most two at once")
    run = _run_among(workspace, models)
    names = models or ((run.base, run.name) if run else (workspace.config().model.base,))
    data = _gold_set(workspace, project, gold, gold_catalogue) if gold else evaluation_set(project, part)
    if len(data.positives) < LEAST_QUERIES:
        raise UserError(
            f"{data.part}: only {len(data.positives)} queries with an entry, too few for an honest figure",
            f"label at least {LEAST_QUERIES} by hand, or raise split.{part} in faqtune.toml",
        )
    calibration = evaluation_set(project, CALIBRATION)
    results = [_measure(workspace, name, data, calibration, reporter) for name in names]
    if len(results) == 1:
        card = scorecard(results[0], resamples=resamples)
        return Evaluated([card], None, None, _save(workspace, run, [card], None))
    comparison = compare(results[0], results[1], resamples=resamples)
    cards = [comparison.before, comparison.after]
    return Evaluated(cards, comparison, _switched(*results), _save(workspace, run, cards, comparison))


def _run_among(workspace: Workspace, models: tuple[str, ...]) -> Run | None:
    """The run that one of the models comes from; the newest finished one if no model was named."""
    runs = {run.name: run for run in all_runs(workspace)}
    if not models or "tuned" in models:
        return find_run(workspace)
    return next((runs[name] for name in models if name in runs), None)


def _measure(
    workspace: Workspace, name: str, data: EvaluationSet, calibration: EvaluationSet, reporter: Reporter
) -> Outcomes:
    encoder = ReportingEncoder(load_model(workspace, name, reporter), reporter, name)
    threshold: float | None = None
    if calibration.positives and calibration.negatives and calibration.digest() != data.digest():
        thresholds = calibrate(evaluate(encoder, calibration))
        threshold = threshold_for(thresholds, encoder.name, data)
    return evaluate(encoder, data, threshold_cosine=threshold)


def _gold_set(workspace: Workspace, project: Project, path: Path, id_catalogue: Path | None) -> EvaluationSet:
    """Hand labels of a file with the chatter of the test part; what training has seen is left out."""
    labels = gold_labels(workspace, [path], project.catalogue, id_catalogue)
    positives: list[Positive] = []
    negatives: list[Negative] = []
    excluded: dict[str, int] = {}
    for label in labels:
        _place_gold(project, label, positives, negatives, excluded)
    negatives += [n for n in evaluation_set(project, TEST).negatives if n.group in project.split.noise]
    return EvaluationSet(tuple(positives), tuple(negatives), project.measured_catalogue, path.name, excluded)


def _place_gold(
    project: Project,
    label: GoldLabel,
    positives: list[Positive],
    negatives: list[Negative],
    excluded: dict[str, int],
) -> None:
    why = ""
    if project.split.conversations.get(label.conversation, TEST) != TEST:
        seen = project.split.conversations[label.conversation]
        why = "conversation was trained on" if seen == TRAIN else f"conversation is in the {seen} part"
    elif label.entry is None and label.reason in STRATUM_OF_REASON:
        negatives.append(Negative(label.query_text, STRATUM_OF_REASON[label.reason], label.conversation))
    elif label.entry is None:
        why = label.reason or "no reason"
    elif label.entry in project.split.held_out:
        negatives.append(Negative(label.query_text, "unsupported", label.conversation))
    else:
        positives.append(Positive(label.query_text, label.entry, label.conversation))
    if why:
        excluded[why] = excluded.get(why, 0) + 1


def _switched(before: Outcomes, after: Outcomes, most: int = 40) -> Examples:
    """Queries that one model answers rightly and the other does not; `before` and `after` name the entries found."""
    catalogue = before.data.catalogue
    right, wrong = [], []
    for number, positive in enumerate(before.data.positives):
        was, now = before.ranks[number] == 1, after.ranks[number] == 1
        if was == now:
            continue
        names = [catalogue.entries[int(o.best[number])].questions[0] for o in (before, after)]
        expected = catalogue.entries[catalogue.rows[positive.entry]].questions[0]
        (right if now else wrong).append(Example(positive.text, expected, *names))
    return Examples(right[:most], wrong[:most])


def _save(workspace: Workspace, run: Run | None, cards: list[Scorecard], comparison: Comparison | None) -> list[Path]:
    folder = run.scorecards_path if run else workspace.root / "scorecards"
    part = cards[0].part.split(" ")[0]
    paths: list[Path] = []
    for place, card in zip(("before", "after"), cards, strict=False):
        paths.append(folder / f"{part}-{place if comparison else 'model'}.json")
        write_text(paths[-1], card.model_dump_json(indent=1) + "\n")
    if comparison is not None:
        paths.append(folder / f"{part}-comparison.json")
        write_text(paths[-1], comparison.model_dump_json(indent=1) + "\n")
    return paths
