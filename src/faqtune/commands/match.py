"""`faqtune match`: the entries nearest to a text, and whether it would be answered."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice

from faqtune.commands.certificate import certified_threshold
from faqtune.commands.models import TUNED, load_model, resolved_name
from faqtune.encoder import Encoder, Vectors
from faqtune.errors import UserError
from faqtune.progress import Reporter, Silent
from faqtune.ranking import rank
from faqtune.records import Catalogue
from faqtune.runs import finished_runs
from faqtune.workspace import Workspace, read_json

TEXTS_AT_ONCE = 64


@dataclass(frozen=True, slots=True)
class Hit:
    """An entry with its score: the cosine of its best question."""

    id: str
    question: str
    answer: str
    score: float


@dataclass(frozen=True, slots=True)
class Match:
    """What one text was matched with. `answered` is None where no threshold has been set for the model."""

    text: str
    answered: bool | None
    threshold_cosine: float | None
    hits: list[Hit]


@dataclass(frozen=True, slots=True)
class Matcher:
    """A model with a catalogue that is encoded already; `questions` are the vectors of its questions."""

    encoder: Encoder
    catalogue: Catalogue
    questions: Vectors
    threshold_cosine: float | None
    top: int

    def match(self, texts: Sequence[str]) -> list[Match]:
        """Match texts, all at once. Empty ones are passed over."""
        asked = [text.strip() for text in texts if text.strip()]
        if not asked:
            return []
        ranking = rank(self.encoder.encode(asked), self.questions, self.catalogue.owners, k=self.top)
        return [
            Match(text, self._is_answered(scores[0]), self.threshold_cosine, self._hits(rows, scores))
            for text, rows, scores in zip(asked, ranking.rows, ranking.scores, strict=True)
        ]

    def _is_answered(self, score: float) -> bool | None:
        return None if self.threshold_cosine is None else bool(score >= self.threshold_cosine)

    def _hits(self, rows: Iterable[int], scores: Iterable[float]) -> list[Hit]:
        entries = [self.catalogue.entries[row] for row in rows]
        return [
            Hit(entry.id, entry.questions[0], entry.answer, round(float(score), 4))
            for entry, score in zip(entries, scores, strict=True)
        ]


def load_matcher(
    workspace: Workspace,
    *,
    model: str = "",
    threshold_cosine: float | None = None,
    top: int = 5,
    reporter: Reporter | None = None,
) -> Matcher:
    """Load the newest run's model or any other, with the whole catalogue, held-out entries too.

    The threshold is the run's certified one, else the one calibrated when it was trained, unless given.
    Raises UserError for a model that is nowhere, an empty catalogue, and a threshold that is no cosine.
    """
    if threshold_cosine is not None and not -1 <= threshold_cosine <= 1:
        raise UserError(f"the threshold {threshold_cosine} is no cosine", "give a number from -1 to 1")
    catalogue = workspace.catalogue()
    if not catalogue.questions:
        raise UserError("the catalogue is empty", "check catalogue.files in faqtune.toml, then run `faqtune ingest`")
    reporter = reporter or Silent()
    done = {run.name: run for run in finished_runs(workspace, reporter.say)}
    name = resolved_name(workspace, model or (TUNED if done else workspace.config().model.base))
    run = done.get(name)
    if threshold_cosine is None and run is not None:
        threshold_cosine = certified_threshold(run)
    if threshold_cosine is None and run is not None and run.thresholds_path.exists():
        threshold_cosine = read_json(run.thresholds_path, "faqtune train")["threshold_cosine"]
    encoder = load_model(workspace, name, reporter, exact=True)
    return Matcher(encoder, catalogue, encoder.encode(catalogue.questions), threshold_cosine, top)


def match_texts(
    workspace: Workspace,
    texts: Iterable[str],
    *,
    model: str = "",
    threshold_cosine: float | None = None,
    top: int = 5,
    reporter: Reporter | None = None,
) -> Iterator[Match]:
    """Match any number of texts, in blocks; see `load_matcher`. Empty texts are passed over."""
    matcher = load_matcher(workspace, model=model, threshold_cosine=threshold_cosine, top=top, reporter=reporter)
    remaining = iter(texts)
    while block := list(islice(remaining, TEXTS_AT_ONCE)):
        yield from matcher.match(block)
