"""Figures with intervals, and the curves behind them: data, no drawing.

Names of figures are `metric` or `metric/stratum`, e.g. `recall@1`, `oscr@5`, `auroc/chatter`.
Without a stratum a rejection metric is over all noise. All rates are fractions in 0 to 1.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Literal, cast, get_args

from pydantic import BaseModel, ConfigDict

STRATA = ("chatter", "other_domain", "unsupported", "garbage")
"""Kinds of noise, reported apart (SPEC §4): everyday chatter; another company's domain; own
domain but unsupported (held-out entries, or queries labelled so by people); garbage, unclear
and very short texts."""

Stratum = Literal["chatter", "other_domain", "unsupported", "garbage"]


SAME_COSINE = 5e-5
"""Thresholds that differ by less are written the same."""

MEASURED_ONLY: tuple[Stratum, ...] = ("other_domain", "garbage")
"""Noise that is never trained on, nor chosen by: it shows what a model makes of a kind of text that it has not seen."""

RANKING = ("recall@1", "recall@3", "recall@5", "mrr@10")
REJECTION = ("oscr@1", "oscr@5", "oscr@10", "auroc", "aupr", "fpr95", "augrc")
CHOOSABLE = (
    *REJECTION,
    *RANKING,
    "augrc_queries",
    "noise_similarity",
    *(f"{metric}/macro" for metric in RANKING),
    *(f"{metric}/{stratum}" for stratum in STRATA if stratum not in MEASURED_ONLY for metric in REJECTION),
)
"""Every figure that a model can be chosen by: those that need neither a threshold nor probabilities."""

LOWER_IS_BETTER = frozenset({"fpr95", "augrc", "augrc_queries", "accepted", "ece", "noise_similarity"})
"""Metrics of which less is better; of every other one more is."""


def is_better_lower(figure: str) -> bool:
    """Whether less is better of a figure, whatever its stratum.

    >>> is_better_lower("augrc/chatter"), is_better_lower("oscr@5")
    (True, False)
    """
    return figure.partition("/")[0] in LOWER_IS_BETTER


def stratum_named(name: str) -> Stratum:
    """The stratum of this name. Raises ValueError if there is none."""
    for known in get_args(Stratum):
        if known == name:
            return cast(Stratum, known)
    raise ValueError(f"no stratum is called {name}")


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


class ReliabilityBin(Record):
    """Texts whose probability of a right answer was said to be in `low` to `high`: mean of what was said, and what
    came true."""

    low: float
    high: float
    predicted: float
    observed: Figure


class Slice(Record):
    """The queries of one category (`id` is its name) or of one entry (`name` is its first question).

    Few queries stand behind most of them: intervals are Wilson's, with conversations counted instead of queries.
    `answered` and `precision` at the threshold, None where none is set or nothing is answered.
    """

    id: str
    name: str
    queries: int
    conversations: int
    right: Figure
    """Right entry first (recall@1)."""
    answered: Figure | None = None
    precision: Figure | None = None


class Confusion(Record):
    """Two entries of which queries of one are matched with the other: `a_as_b` of `asked_a` queries, and back.

    `similarity`: cosine of their nearest questions. `merge`: they look like one entry written twice, for the
    owner of the content to decide.
    """

    a: str
    b: str
    question_a: str
    question_b: str
    asked_a: int
    asked_b: int
    a_as_b: int
    b_as_a: int
    similarity: float
    merge: bool


class Scored(Record):
    """One text as the model sees it. `kind`: `query`, or the stratum of a noise sentence.

    `found` is a question of the best entry, `expected` one of the right entry ("" for noise).
    """

    text: str
    kind: str
    score: float
    found: str
    expected: str = ""

    @property
    def is_right(self) -> bool:
        return self.expected != "" and self.found == self.expected


class SetOn(Record):
    """The noise that a threshold was set on: at most `noise_percent` % of its `noise` sentences, from `sources`
    sources, were to reach it, and `accepted` do."""

    noise_percent: int
    noise: int
    accepted: int
    sources: int


class Scorecard(Record):
    """One model measured on one set of queries and noise against one catalogue."""

    schema_version: int = 1
    model: str
    part: str
    """Which part of the split, or which file, was measured."""
    counts: dict[str, int]
    """`entries`, `queries`, `conversations`, one count per noise stratum, and its sources as `<stratum>/sources`;
    `garbage/generated`: texts that nobody wrote, beside those."""
    excluded: dict[str, int] = {}
    """Labelled queries left out, by reason (`several`: neither answerable by one entry nor noise)."""
    figures: dict[str, Figure]
    means: dict[str, float] = {}
    """Mean cosines: `related` (query with its entry), `unrelated` (noise with its best entry), ..."""
    curves: dict[str, Curve] = {}
    """ROC, OSCR and risk-coverage curves, histograms of scores and of similarities: see docs/figures.md."""
    threshold_cosine: float | None = None
    """Where `answered`, `precision` and `accepted` were measured; None: no threshold was calibrated."""
    threshold_set_on: SetOn | None = None
    """None where there is no threshold, and for that of a certificate, which promises more."""
    margin_cosine: float = 0.0
    """What the best entry leads the second by at least, where something is answered."""
    reliability: list[ReliabilityBin] = []
    categories: list[Slice] = []
    entries: list[Slice] = []
    """Those with any query, those with most first."""
    confusions: list[Confusion] = []
    """Most frequent first."""
    worst_accepted: list[Scored] = []
    """Noise with the highest scores (at or above the threshold, if there is one), highest first."""
    worst_rejected: list[Scored] = []
    """Queries with the lowest scores (below the threshold, if there is one), lowest first."""
    notes: list[str] = []
    """What the data cannot support, in plain words."""
    digest: str = ""
    """Digest of the measured data; two scorecards compare only if it is the same."""
    model_digest: str = ""
    """Digest of the model's files, where it has any."""
    resamples: int = 0
    """Bootstrap resamples behind the intervals."""
    created: str = ""


class Difference(Record):
    """After minus before, paired by query and resampled by conversation; `p` two-sided.

    `p_holm` is p corrected for all figures and models that were looked at together (Holm).
    """

    value: float
    low: float
    high: float
    p: float
    p_holm: float | None = None

    @property
    def is_clear(self) -> bool:
        """Whether the 95 % interval leaves zero out."""
        return self.low > 0 or self.high < 0


class Comparison(Record):
    """Two models on the same data; `differences` has the names of `Scorecard.figures`."""

    before: Scorecard
    after: Scorecard
    differences: dict[str, Difference]


def short_names(models: Sequence[str]) -> list[str]:
    """What people call models by: of a folder's path the last part, and the one above it where that is `model`.

    Names that would be the same stay as they are, as do names of runs and of a model hub.

    >>> short_names(["/data/models/bge-m3", "BAAI/bge-m3", "/lib/minilm/model", "builtin"])
    ['bge-m3', 'BAAI/bge-m3', 'minilm/model', 'builtin']
    >>> short_names(["/old/bge-m3", "/new/bge-m3"])
    ['/old/bge-m3', '/new/bge-m3']
    """
    short = [_last_parts(name) for name in models]
    return [name if short.count(brief) > 1 else brief for name, brief in zip(models, short, strict=True)]


def _last_parts(name: str) -> str:
    parts = [part for part in re.split(r"[/\\]", name) if part not in ("", ".", "..")]
    # The name of a hub has one slash, and is no path.
    if len(parts) < 2 or (len(parts) == 2 and name[0] not in "./\\"):
        return name
    return "/".join(parts[-2:] if parts[-1] == "model" else parts[-1:])
