"""What a report is drawn from: everything is measured elsewhere, nothing is computed here."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from faqtune.evaluate.wording import Language
from faqtune.scorecard import Comparison, Scorecard


@dataclass(frozen=True, slots=True)
class EntryLabels:
    """One entry of the catalogue and how many training labels it has."""

    question: str
    labels: int


@dataclass(frozen=True, slots=True)
class Checked:
    """Labels of one source that people looked at, and how many of them were right."""

    compared: int
    right: int


@dataclass(frozen=True, slots=True)
class LabelSummary:
    """Where labels came from. Sources are those of Claims: `reply_rules`, `llm:<model>`, `human:<name>`.

    `measured` counts every label once, at those who agree on it (`llm:<model> + reply_rules`); `training` counts labels
    at each of their sources; `checked` says of a source how many of its labels people
    looked at and how many of these they found right; `entries` is the whole catalogue, in its order.
    """

    measured: Mapping[str, int] = field(default_factory=dict)
    training: Mapping[str, int] = field(default_factory=dict)
    checked: Mapping[str, Checked] = field(default_factory=dict)
    entries: Sequence[EntryLabels] = ()


@dataclass(frozen=True, slots=True)
class Example:
    """A customer's text whose outcome changed. Entries are named by a question; "" means rejected or none."""

    text: str
    expected: str
    before: str
    after: str


@dataclass(frozen=True, slots=True)
class Examples:
    """Texts that switched sides, in the order in which they should be read."""

    now_right: Sequence[Example] = ()
    now_wrong: Sequence[Example] = ()


@dataclass(frozen=True, slots=True)
class RunFacts:
    """How the model came about. `best_stage` and `best_step` are 0, 0 where the base model stayed best. `digests` are
    those of the project's files when it was trained, `changed` the names of those that are others now. `answers_from`:
    the cosine from which on it answers now, if one is set."""

    name: str = ""
    status: str = ""
    device: str = ""
    seconds: float | None = None
    best_stage: int | None = None
    best_step: int | None = None
    counts: Mapping[str, int] = field(default_factory=dict)
    versions: Mapping[str, str] = field(default_factory=dict)
    digests: Mapping[str, str] = field(default_factory=dict)
    changed: Sequence[str] = ()
    answers_from: float | None = None


@dataclass(frozen=True, slots=True)
class Models:
    """Three or more models on the same data, each of `comparisons` against the first; `general` as that of a run."""

    comparisons: Sequence[Comparison]
    general: Mapping[str, Any] | None = None

    @property
    def scorecards(self) -> list[Scorecard]:
        return [self.comparisons[0].before, *(comparison.after for comparison in self.comparisons)]


@dataclass(frozen=True, slots=True)
class Vectors:
    """What question vectors bring: `moved` of so many `questions` by `labels` of the training part.

    `comparison`: the model by itself and with them on the test part, None where that is too small; `selection`: what to
    decide by (part, number of queries, figures without and with, verdict, whether people labelled it), None where
    that is. They answer from `certified_cosine` on where a certificate of them is there, else from `threshold_cosine`.
    """

    questions: int
    moved: int
    labels: int
    threshold_cosine: float | None
    certified_cosine: float | None
    selection: Mapping[str, Any] | None
    comparison: Comparison | None


@dataclass(frozen=True, slots=True)
class RunReport:
    """One run and its comparison with the model it started from.

    `history` are the events of `log.jsonl`; `certificate`, `details`, `general`, `mteb` and `compared` are what
    `certificate.json`, `test-details.json`, `test-general.json`, `test-mteb.json` and `compare.json` hold, None where
    they are not there; `models` is a measurement of both and others; `vectors` what an index of this model brings;
    `sources` names the file behind each of these; `language` is shown where the browser asks for neither Chinese nor
    English.
    """

    comparison: Comparison
    history: Sequence[dict[str, Any]] = ()
    recipe: Mapping[str, Any] = field(default_factory=dict)
    labels: LabelSummary | None = None
    run: RunFacts = RunFacts()
    examples: Examples | None = None
    certificate: Mapping[str, Any] | None = None
    details: Mapping[str, Any] | None = None
    compared: Mapping[str, Any] | None = None
    general: Mapping[str, Any] | None = None
    mteb: Mapping[str, Any] | None = None
    models: Models | None = None
    vectors: Vectors | None = None
    sources: Mapping[str, str] = field(default_factory=dict)
    language: Language = "zh"
