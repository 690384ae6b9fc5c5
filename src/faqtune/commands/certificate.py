"""What a run's certificate says of where to answer."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from faqtune.evaluate import ProbabilityMap
from faqtune.runs import Run
from faqtune.stored import read_json

MADE_BY = "faqtune calibrate"


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


def certified_threshold(run: Run, calibration_digest: str = "") -> float | None:
    """Its threshold alone."""
    found = certified_answering(run, calibration_digest)
    return None if found is None else found.threshold_cosine


def kept_certificate(path: Path, calibration_digest: str = "", made_by: str = MADE_BY) -> dict[str, Any] | None:
    """A certificate whose promises are kept, on this calibration data if a digest is given; None if there is none."""
    if not path.exists():
        return None
    certificate = read_json(path, made_by)
    if not certificate["certified"]:
        return None
    if calibration_digest and certificate["calibration"]["digest"] != calibration_digest:
        return None
    return certificate


def answering_of(certificate: dict[str, Any]) -> Answering:
    return Answering(
        float(certificate["threshold_cosine"]), float(certificate.get("margin_cosine", 0.0)), _probability(certificate)
    )


def _probability(certificate: dict[str, Any]) -> ProbabilityMap | None:
    kept = certificate.get("probability")
    return None if kept is None else ProbabilityMap.model_validate(kept)
