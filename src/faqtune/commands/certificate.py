"""What a run's certificate says of where to answer."""

from __future__ import annotations

from faqtune.runs import Run
from faqtune.workspace import read_json


def certified_threshold(run: Run, calibration_digest: str = "") -> float | None:
    """The threshold of a run's certificate; None where there is none, where a promise
    is not kept, or where it was set on other data than these."""
    if not run.certificate_path.exists():
        return None
    certificate = read_json(run.certificate_path, "faqtune calibrate")
    if not certificate["certified"]:
        return None
    if calibration_digest and certificate["calibration"]["digest"] != calibration_digest:
        return None
    return float(certificate["threshold_cosine"])
