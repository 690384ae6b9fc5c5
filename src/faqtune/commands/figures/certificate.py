"""What a run's certificate says of where to answer."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from faqtune.evaluate import ProbabilityMap
from faqtune.runs import Run
from faqtune.stored import read_json, reading

MADE_BY, TRAINED_BY = "faqtune calibrate", "faqtune train"


@dataclass(frozen=True, slots=True)
class Answering:
    """Where a model answers: from this score on, if the best entry leads the second by the margin; `probability`:
    from a score to the probability that the answer is right."""

    threshold_cosine: float
    margin_cosine: float = 0.0
    probability: ProbabilityMap | None = None


def certified_answering(run: Run, calibration_digest: str = "") -> Answering | None:
    """What a run's certificate promises things for; None where there is none, where a promise
    is not kept, or where it was set on other data than these."""
    certificate = kept_certificate(run.certificate_path, calibration_digest)
    return None if certificate is None else answering_of(certificate)


def answers_from(run: Run) -> Answering | None:
    """Where a run answers: as its certificate promises, else from the threshold that was set when it was trained; None
    where neither is there."""
    if (promised := certified_answering(run)) is not None:
        return promised
    threshold = set_threshold(run)
    return None if threshold is None else Answering(threshold)


def kept_certificate(path: Path, calibration_digest: str = "", made_by: str = MADE_BY) -> dict[str, Any] | None:
    """A certificate whose promises are kept, on this calibration data if a digest is given; None if there is none."""
    if not path.exists():
        return None
    certificate = read_json(path, made_by)
    with reading(path, made_by):
        answering_of(certificate)
        if certificate["certified"] is not True:
            return None
        if calibration_digest and certificate["calibration"]["digest"] != calibration_digest:
            return None
    return certificate


def answering_of(certificate: dict[str, Any]) -> Answering:
    """Raises ValueError or TypeError for what is no certificate."""
    threshold, margin = _finite(certificate["threshold_cosine"]), _finite(certificate.get("margin_cosine", 0.0))
    return Answering(threshold, margin, _probability(certificate))


def set_threshold(run: Run) -> float | None:
    """The threshold that was set when the run was trained, which promises nothing; None without one."""
    if not run.thresholds_path.exists():
        return None
    thresholds = read_json(run.thresholds_path, TRAINED_BY)
    with reading(run.thresholds_path, TRAINED_BY):
        return _finite(thresholds["threshold_cosine"])


def _finite(value: Any) -> float:
    if not math.isfinite(number := float(value)):
        raise ValueError(f"{value} is no cosine")
    return number


def _probability(certificate: dict[str, Any]) -> ProbabilityMap | None:
    kept = certificate.get("probability")
    return None if kept is None else ProbabilityMap.model_validate(kept)
