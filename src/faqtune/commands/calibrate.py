"""`faqtune calibrate`: the threshold of a run with promises that hold for data to come, and its certificate."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from faqtune import __version__
from faqtune.alone import alone
from faqtune.commands.figures.certificate import MADE_BY, kept_certificate
from faqtune.commands.figures.enough import refuse_too_few
from faqtune.commands.figures.scorecards import read_scorecards, scorecard_paths
from faqtune.commands.project.asked import ask_people
from faqtune.commands.project.assemble import Project, evaluation_set, load_project
from faqtune.commands.project.models import ReportingEncoder, load_model, model_digest
from faqtune.commands.project.seen import without_seen
from faqtune.commands.vectors.figures import rows_of_part
from faqtune.commands.vectors.files import CERTIFIED_BY, Index, read_index
from faqtune.commands.vectors.labels import refuse_other_labels
from faqtune.digests import digest
from faqtune.encoder import Encoder, Vectors
from faqtune.errors import UserError
from faqtune.evaluate import EvaluationSet, Outcomes, evaluate, probability_map, scorecard, with_garbage
from faqtune.evaluate.certify import Certified, certify, on_other_data, refuse_promises
from faqtune.progress import Reporter, Silent
from faqtune.records import CALIBRATION, TEST, Catalogue
from faqtune.runs import Run, find_run, refuse_without_model
from faqtune.stored import write_json
from faqtune.workspace import Workspace

Intervals = dict[str, tuple[float, float, float]]
"""Figures with the ends of their 95 % intervals."""


@dataclass(frozen=True, slots=True)
class Calibrated:
    """What was promised and what became of it; `observed`: figures of the test part at the threshold, each with
    its 95 % interval; `on_test`: what was promised, there, by conversations and sources as it was promised, with
    95 % intervals; `to_label`: file with the queries whose labels would tell most, if a promise was not kept;
    `stays_cosine`: threshold of the certificate that there was before and stays, as these promises do not hold.
    `with_index`: whether all this is of the run with its index."""

    run: Run
    certified: Certified
    observed: dict[str, tuple[float, float, float]]
    certificate: Path
    to_label: Path | None = None
    stays_cosine: float | None = None
    with_index: bool = False
    on_test: Mapping[str, tuple[float, float, float]] = field(default_factory=dict)


@alone
def calibrate_run(
    workspace: Workspace,
    at_most: Mapping[str, float],
    *,
    run: str = "",
    confidence: float = 0.95,
    margins_cosine: Sequence[float] = (0.0,),
    with_index: bool = False,
    reporter: Reporter | None = None,
) -> Calibrated:
    """Set the answer threshold of a finished run by promises, on the calibration part only.

    `at_most`: what (`noise`, `noise/chatter`, `noise/unsupported`, `wrong`, `rejected`) to its largest share.
    `margins_cosine`: what the best entry must lead the second by; of several the best is taken (`certify`).
    Writes `certificate.json` into the run, with a map from scores to probabilities; where all promises are kept
    `match` and `evaluate` answer at its threshold from then on. Where they are not, a certificate that the run has
    for the same model and calibration data stays, and what was found goes to `certificate_not_kept.json`.
    `with_index`: of the run with the vectors that `faqtune index` has written; the certificate lies beside them, and
    `match` with the index answers by it.
    Raises UserError where a promise makes no sense on this data, there is too little of it, or most of it is what
    the run was trained on; with the index also where it is not there, or was made for another state of the project.
    """
    reporter = reporter or Silent()
    refuse_promises(at_most, confidence, margins_cosine)
    chosen = find_run(workspace, run, reporter.say)
    refuse_without_model(chosen)
    whole = load_project(workspace)
    index = read_index(workspace, chosen.name, whole.catalogue) if with_index else None
    if index is not None:
        refuse_other_labels(workspace, index, whole, reporter)
    project = _unseen(workspace, chosen, whole, reporter)
    data = {CALIBRATION: evaluation_set(project, CALIBRATION), TEST: with_garbage(evaluation_set(project, TEST))}
    refuse_too_few(len(data[CALIBRATION].positives), data[CALIBRATION].part)
    encoder = ReportingEncoder(load_model(workspace, chosen.name, reporter, exact=True), reporter, chosen.name)
    questions = rows_of_part(whole.catalogue, index.vectors) if index else None
    of_calibration = questions and questions(data[CALIBRATION].catalogue)
    calibration = evaluate(encoder, data[CALIBRATION], questions=of_calibration)
    certified = certify(calibration, at_most, confidence, margins_cosine)
    test, seen = _on_test(encoder, data[TEST], certified, questions)
    place, to_label, stays = index or chosen, None, None
    if not certified.is_certified:
        stays = _standing(workspace, chosen, index, calibration)
        to_label = ask_people(workspace, place.folder, project, encoder, data[CALIBRATION], certified, of_calibration)
    path = place.certificate_path if stays is None else place.refused_certificate_path
    write_json(path, _certificate(workspace, chosen, index, certified, calibration, data[TEST], test, seen))
    if stays is None:
        place.refused_certificate_path.unlink(missing_ok=True)
    return Calibrated(chosen, certified, test, path, to_label, stays, with_index, seen)


def _standing(workspace: Workspace, run: Run, index: Index | None, calibration: Outcomes) -> float | None:
    """The threshold of a certificate that still holds: it was made for this model, with this index, on this very
    data."""
    made_by = CERTIFIED_BY if index else MADE_BY
    kept = kept_certificate((index or run).certificate_path, calibration.data.digest(), made_by)
    if kept is None or kept["model_digest"] != model_digest(workspace, run.name):
        return None
    if kept.get("index_digest", "") != (index.index_digest if index else ""):
        return None
    return float(kept["threshold_cosine"])


def _unseen(workspace: Workspace, run: Run, project: Project, reporter: Reporter) -> Project:
    """The project without what the run was trained on, or those it began from, which may stand elsewhere in the split
    by now. Raises UserError if that is most of the calibration part: then it is another split altogether."""
    split = project.split
    left, gone, noise = without_seen(workspace, project, [run.name])
    leaked = gone | noise
    units = [name for parts in (split.conversations, split.noise) for name, of in parts.items() if of == CALIBRATION]
    bad = sum(name in leaked for name in units)
    if 2 * bad > len(units):
        raise UserError(
            f"{bad} of {len(units)} conversations and sources of the calibration part are what {run.name} was trained "
            "on: promises made on them would not hold",
            "train again with the present split (`faqtune train`), then calibrate that run",
        )
    if bad:
        reporter.say(f"note: {bad} conversations and sources are left out of calibration, since the run has seen them")
    return left


def _on_test(
    encoder: Encoder, data: EvaluationSet, certified: Certified, questions: Callable[[Catalogue], Vectors] | None
) -> tuple[Intervals, Intervals]:
    """Figures at the threshold on the test part, which had no say in it, and what became of the promises there; nothing
    where there is too little."""
    if not data.positives or not data.negatives:
        return {}, {}
    outcomes = evaluate(
        encoder, data, threshold_cosine=certified.threshold_cosine, margin_cosine=certified.margin_cosine,
        questions=questions and questions(data.catalogue),
    )  # fmt: skip
    promised = [promise.what for promise in certified.promises]
    seen = on_other_data(outcomes, promised, certified.threshold_cosine, certified.margin_cosine)
    card = scorecard(outcomes)
    return {
        name: (figure.value, figure.low, figure.high)
        for name, figure in card.figures.items()
        if name.partition("/")[0] in ("answered", "precision", "accepted")
    }, seen


def _certificate(
    workspace: Workspace,
    run: Run,
    index: Index | None,
    certified: Certified,
    calibration: Outcomes,
    test: EvaluationSet,
    observed: Intervals,
    seen: Intervals,
) -> dict[str, Any]:
    """Everything that somebody needs to trust the threshold, or to refute it."""
    probability = probability_map(calibration)
    return {
        "faqtune": __version__,
        "made": datetime.now(UTC).isoformat(timespec="seconds"),
        "run": run.name,
        "base": run.base,
        "model_digest": model_digest(workspace, run.name),
        **({"index_digest": index.index_digest} if index else {}),
        "certified": certified.is_certified,
        "threshold_cosine": certified.threshold_cosine,
        "margin_cosine": certified.margin_cosine,
        "margins_tried": list(certified.margins_tried),
        "probability": None if probability is None else probability.model_dump(),
        "confidence": certified.confidence,
        "promises": [asdict(promise) | {"kept": promise.is_kept} for promise in certified.promises],
        "calibration": {
            "part": calibration.data.part,
            "digest": calibration.data.digest(),
            "queries": len(calibration.scores),
            "noise": len(calibration.noise_scores),
            "answered": certified.answered,
            "right": certified.right,
        },
        "test": {
            "part": test.part,
            "digest": test.digest(),
            "figures": _named(observed),
            "promises": _named(seen),
        },
        "files": {
            name: digest(path)
            for name, path in (
                ("catalogue", workspace.catalogue_path),
                ("conversations", workspace.conversations_path),
                ("noise", workspace.noise_path),
                ("queries", workspace.queries_path),
                ("split", workspace.split_path),
            )
        },
        # `evaluate` has measured the run by itself.
        "better_than_base": None if index else _paired_test(workspace, run, test.digest()),
    }


def _named(intervals: Intervals) -> dict[str, dict[str, float]]:
    return {name: dict(zip(("value", "low", "high"), found, strict=True)) for name, found in intervals.items()}


PAIRED = ("oscr@5", "auroc", "recall@1", "augrc")


def _paired_test(workspace: Workspace, run: Run, test_digest: str) -> dict[str, Any] | None:
    """Differences to the base model on the test part, each with its p-values; None if `evaluate` has not measured
    this model on this data."""
    try:
        comparison = read_scorecards(scorecard_paths(workspace, run, TEST, models=2)).comparison
    except UserError:  # not made yet, or damaged
        return None
    assert comparison is not None
    model = comparison.after.model_digest
    if comparison.after.digest != test_digest or model not in ("", model_digest(workspace, run.name)):
        return None
    found = comparison.differences
    return {name: found[name].model_dump() for name in PAIRED if name in found}
