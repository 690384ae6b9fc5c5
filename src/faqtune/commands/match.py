"""`faqtune match`: the entries nearest to a text, and whether it would be answered."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice

from faqtune.commands.figures.certificate import Answering, answers_from
from faqtune.commands.project.models import TUNED, load_model, resolved_name
from faqtune.commands.vectors.files import read_index
from faqtune.encoder import Encoder, Vectors
from faqtune.errors import UserError
from faqtune.progress import Reporter, Silent
from faqtune.ranking import Ranking, rank
from faqtune.records import Catalogue
from faqtune.runs import finished_runs
from faqtune.workspace import Workspace

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
    """What one text was matched with. `answered` is None where no threshold has been set for the model.

    `probability` that answering with the first hit is right, where a certificate has been made for the model.
    `lead_cosine`: what the first entry leads the second by, None without one; it has to be `margin_cosine` at least.
    """

    text: str
    answered: bool | None
    threshold_cosine: float | None
    hits: list[Hit]
    probability: float | None = None
    lead_cosine: float | None = None
    margin_cosine: float = 0.0


@dataclass(frozen=True, slots=True)
class Matcher:
    """A model with a catalogue that is encoded already; `questions` are the vectors of its questions."""

    encoder: Encoder
    catalogue: Catalogue
    questions: Vectors
    answering: Answering | None
    top: int

    @property
    def threshold_cosine(self) -> float | None:
        return None if self.answering is None else self.answering.threshold_cosine

    def match(self, texts: Sequence[str]) -> list[Match]:
        """Match texts, all at once. Empty ones are passed over."""
        asked = [text.strip() for text in texts if text.strip()]
        if not asked:
            return []
        # A margin needs the second entry, however few are shown.
        ranking = rank(self.encoder.encode(asked), self.questions, self.catalogue.owners, k=max(2, self.top))
        answered, said = [None] * len(asked), [None] * len(asked)
        if self.answering is not None:
            answered = ranking.answered(self.answering.threshold_cosine, self.answering.margin_cosine).tolist()
            if self.answering.probability is not None:
                said = self.answering.probability.of(ranking.best).round(4).tolist()
        margin = 0.0 if self.answering is None else self.answering.margin_cosine
        has_second = len(self.catalogue) > 1
        leads = [round(lead, 4) if has_second else None for lead in ranking.margin.tolist()]
        return [
            Match(text, answered[row], self.threshold_cosine, self._hits(row, ranking), said[row], leads[row], margin)
            for row, text in enumerate(asked)
        ]

    def _hits(self, row: int, ranking: Ranking) -> list[Hit]:
        entries = [self.catalogue.entries[entry] for entry in ranking.rows[row, : self.top]]
        return [
            Hit(entry.id, entry.questions[0], entry.answer, round(float(score), 4))
            for entry, score in zip(entries, ranking.scores[row], strict=False)
        ]


def load_matcher(
    workspace: Workspace,
    *,
    model: str = "",
    threshold_cosine: float | None = None,
    top: int = 5,
    with_index: bool = False,
    reporter: Reporter | None = None,
) -> Matcher:
    """Load the newest run's model or any other, with the whole catalogue, held-out entries too.

    The threshold is the run's certified one, else the one calibrated when it was trained, unless given.
    `with_index`: with the vectors that `faqtune index` has written, and their threshold, or that of their certificate.
    Raises UserError for a model that is nowhere, an empty catalogue, a threshold that is no cosine, and an index that
    is not there or not of this model and catalogue.
    """
    if threshold_cosine is not None and not -1 <= threshold_cosine <= 1:
        raise UserError(f"the threshold {threshold_cosine} is no cosine", "give a number from -1 to 1")
    if top < 1:
        raise UserError(f"{top} entries cannot be shown", "give a number from 1")
    catalogue = workspace.catalogue()
    if not catalogue.questions:
        raise UserError("the catalogue is empty", "check catalogue.files in faqtune.toml, then run `faqtune ingest`")
    reporter = reporter or Silent()
    done = {run.name: run for run in finished_runs(workspace, reporter.say)}
    name = resolved_name(workspace, model or (TUNED if done else workspace.config().model.base))
    run = done.get(name)
    answering = None if threshold_cosine is None else Answering(threshold_cosine)
    if with_index:
        found = read_index(workspace, name, catalogue)
        encoder = load_model(workspace, name, reporter, exact=True)
        return Matcher(encoder, catalogue, found.vectors, answering or found.answering(), top)
    if answering is None and run is not None:
        answering = answers_from(run)
    encoder = load_model(workspace, name, reporter, exact=True)
    return Matcher(encoder, catalogue, encoder.encode(catalogue.questions), answering, top)


def match_texts(
    workspace: Workspace,
    texts: str | Iterable[str],
    *,
    model: str = "",
    threshold_cosine: float | None = None,
    top: int = 5,
    with_index: bool = False,
    reporter: Reporter | None = None,
) -> Iterator[Match]:
    """Match any number of texts, or one, in blocks; see `load_matcher`. Empty texts are passed over."""
    matcher = load_matcher(
        workspace, model=model, threshold_cosine=threshold_cosine, top=top, with_index=with_index, reporter=reporter
    )
    remaining = iter([texts] if isinstance(texts, str) else texts)
    while block := list(islice(remaining, TEXTS_AT_ONCE)):
        yield from matcher.match(block)
