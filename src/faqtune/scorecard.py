"""Figures with intervals, and the curves behind them: data, no drawing.

Names of figures are `metric` or `metric/stratum`, e.g. `recall@1`, `oscr@5`, `auroc/chatter`.
Without a stratum a rejection metric is over all noise. All rates are fractions in 0 to 1.
"""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict

STRATA = ("chatter", "other_domain", "unsupported", "garbage")
"""Kinds of noise, reported apart (SPEC §4): everyday chatter; another company's domain; own
domain but unsupported (held-out entries, or queries labelled so by people); garbage, unclear
and very short texts."""

Stratum = Literal["chatter", "other_domain", "unsupported", "garbage"]


class Record(BaseModel):
    """Unknown keys are refused, so that a file of a later version is never half understood."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Figure(Record):
    """A value with its 95 % interval; `n` is how many queries (or noise sentences) stand behind it."""

    value: float
    low: float
    high: float
    n: int


class Curve(Record):
    """A curve to be drawn by a report: `x` and `y` of equal length, thinned to at most 200 points."""

    x: list[float]
    y: list[float]
    x_label: str
    y_label: str


class Scorecard(Record):
    """One model measured on one set of queries and noise against one catalogue."""

    schema_version: int = 1
    model: str
    part: str
    """Which part of the split, or which file, was measured."""
    counts: dict[str, int]
    """`entries`, `queries`, `conversations`, one count per noise stratum, and its sources as `<stratum>/sources`."""
    excluded: dict[str, int] = {}
    """Labelled queries left out, by reason (`several`: neither answerable by one entry nor noise)."""
    figures: dict[str, Figure]
    means: dict[str, float] = {}
    """Mean cosines: `related` (query with its entry), `unrelated` (noise with its best entry), ..."""
    curves: dict[str, Curve] = {}
    threshold_cosine: float | None = None
    """Where `answered`, `precision` and `accepted` were measured; None: no threshold was calibrated."""
    notes: list[str] = []
    """What the data cannot support, in plain words."""
    digest: str = ""
    """Digest of the measured data; two scorecards compare only if it is the same."""
    created: str = ""


class Difference(Record):
    """After minus before, paired by query and resampled by conversation; `p` two-sided."""

    value: float
    low: float
    high: float
    p: float

    @property
    def is_clear(self) -> bool:
        """Whether the 95 % interval leaves zero out."""
        return self.low > 0 or self.high < 0


class Comparison(Record):
    """Two models on the same data; `differences` has the names of `Scorecard.figures`."""

    before: Scorecard
    after: Scorecard
    differences: dict[str, Difference]
