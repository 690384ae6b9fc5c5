"""What to ask next: a mix of reasons by weights, the same on every run, and a random share that stays a fair sample.

Two kinds of conversations are kept apart, by chance and before anybody has labelled: those whose hand labels will
train and those whose hand labels will test (`faqtune.split.hand_labels_train`). Reasons that choose (uncertain,
disagreeing, …) look at the first only. The random share has two halves: all queries of the second, so that the test
is a random sample of what customers ask; and of the first those that machines have labelled, so that how right these
are is known without looking at the test.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass

from faqtune.annotate.answers import Answer, standing
from faqtune.annotate.clusters import Clusters, cluster
from faqtune.annotate.duplicates import twins_of
from faqtune.annotate.items import Candidate, Item, item_of
from faqtune.annotate.orders import DISAGREEING, DIVERSE, DOUBTFUL, RANDOM, UNCERTAIN, UNCOVERED, Orders
from faqtune.annotate.seen import Seen, seen
from faqtune.annotate.shares import chance, drawn_so_far
from faqtune.annotate.signals import Meanings, by_query, signals
from faqtune.records import Catalogue, Claim, Query

__all__ = ["WHYS", "Candidate", "Drawn", "Item", "Meanings", "Queue", "Shares", "Weights"]

SECOND_OPINION = "second_opinion"
WHYS = (UNCERTAIN, DISAGREEING, DIVERSE, UNCOVERED, DOUBTFUL, RANDOM, SECOND_OPINION)
SECOND_EVERY = 3
"""Every so many-th item is a second opinion while one is wanted: nobody gets only those."""


@dataclass(frozen=True, slots=True)
class Weights:
    """How often each reason chooses the next item; only their proportions count. A reason with 0 never does.

    Raises ValueError for a negative weight, or if none is positive.
    """

    uncertain: float = 0.3
    disagreeing: float = 0.2
    diverse: float = 0.15
    uncovered: float = 0.1
    doubtful: float = 0.1
    random: float = 0.15

    def __post_init__(self) -> None:
        values = asdict(self).values()
        if min(values) < 0 or not sum(values) > 0:
            raise ValueError("weights are not negative, and one of them is positive")


@dataclass(frozen=True, slots=True)
class Shares:
    """`second`: share of items that `opinions` people answer; `audit`: share with hidden scores. Drawn per item."""

    second: float = 0.1
    opinions: int = 2
    audit: float = 0.1


@dataclass(frozen=True, slots=True)
class Drawn:
    """A query of the random sample and what people say of it; `answer` is None where they passed it over."""

    query: Query
    answer: Answer | None


class Queue:
    """Which item next. Holds arrays over all queries; what was answered comes with every question.

    `claims` are all Claims of the project: those of machines suggest and disagree; what a person has labelled
    already is not asked, unless it is doubtful. `doubts` maps queries to how likely their label is wrong (greater:
    asked earlier). `trains` says of a conversation's id whether hand labels in it train; unset: no difference is
    made. The same answers give the same next item.
    """

    def __init__(
        self,
        queries: Sequence[Query],
        catalogue: Catalogue,
        claims: Iterable[Claim],
        meanings: Meanings,
        threshold_cosine: float,
        *,
        weights: Weights | None = None,
        shares: Shares | None = None,
        doubts: Mapping[str, float] | None = None,
        trains: Callable[[str], bool] | None = None,
        clusters: Clusters | None = None,
        seed: int = 0,
    ) -> None:
        """Ranks and clusters all queries, in seconds. Raises ValueError if `meanings` does not fit the texts."""
        if (len(meanings.queries), len(meanings.questions)) != (len(queries), len(catalogue.questions)):
            raise ValueError("one vector per query and per question is needed")
        claims = list(claims)
        self.queries, self.catalogue, self.meanings, self.seed = tuple(queries), catalogue, meanings, seed
        self.shares = shares or Shares()
        self.rows = {query.id: row for row, query in enumerate(self.queries)}
        self.clusters = clusters or cluster(meanings.queries, seed=seed)
        self._twins = twins_of(query.text for query in self.queries)
        self._claims = by_query(claims)
        self._by_people = {claim.query: claim.entry for claim in claims if claim.is_human}
        self._weights = {why: weight for why, weight in asdict(weights or Weights()).items() if weight > 0}
        self._signals = signals(self.queries, catalogue, self._claims, meanings, threshold_cosine)
        self._orders = Orders(
            self.queries, catalogue, self._signals, self.clusters, self._claims, doubts or {}, trains, seed
        )

    def next(self, answered: Iterable[Answer], leased: Mapping[str, str], annotator: str) -> Item | None:
        """The next item for one person, or None if nothing is left for them.

        `answered`: the answers of all people (undone ones left out); `leased`: query id to the person who has it
        now. A leased item goes to nobody else, nor is it given to that person again: show it with `item`.
        """
        now = self._seen(answered, annotator)
        taken = {twin for query in leased if query in self.rows for twin in self._twins[self.rows[query]]}
        if now.mine % SECOND_EVERY == SECOND_EVERY - 1 and (row := self._second(now, taken)) is not None:
            return self._item(row, SECOND_OPINION)
        for why in self._by_need(now):
            if (row := self._orders.first(why, now, taken)) is not None:
                return self._item(row, why)
        row = self._second(now, taken)
        return None if row is None else self._item(row, SECOND_OPINION)

    def item(self, query: str, why: str) -> Item:
        """The item of a query, for showing it again. Raises KeyError for a query that is not in the queue."""
        return self._item(self.rows[query], why)

    def twins(self, query: str) -> list[str]:
        """Ids of the other queries that ask the same to the letter."""
        row = self.rows[query]
        return [self.queries[twin].id for twin in self._twins[row] if twin != row]

    def sample(self, answered: Iterable[Answer], *, labelled: bool = False) -> list[Drawn]:
        """The random sample as far as it has got: of all queries (that test), or of those that a machine has labelled
        (and that train).

        Fair whatever else was asked (`drawn_so_far`). A twin's answer counts for the query itself; of several
        answers the latest. Queries that only an older Claim of a person labels have that as their answer.
        """
        answers = standing(answered)
        now = self._seen(answers, "")
        passed = {twin for a in answers if not a.is_label and a.query in self.rows for twin in self._twins_of(a)}
        said: dict[int, Answer] = {}
        for query, entry in self._by_people.items():
            if query in self.rows:
                old = Answer("pick" if entry else "none", query, (entry,) if entry else ())
                said |= dict.fromkeys(self._twins_of(old), old)
        for answer in answers:
            if answer.is_label and answer.query in self.rows:
                said |= dict.fromkeys(self._twins_of(answer), answer)
        order = self._orders.random[int(labelled)]
        return [Drawn(self.queries[row], said.get(row)) for row in drawn_so_far(order, now.labelled | passed)]

    def _seen(self, answered: Iterable[Answer], annotator: str) -> Seen:
        return seen(standing(answered), annotator, self.rows, self._twins, self._by_people, DOUBTFUL)

    def _twins_of(self, answer: Answer) -> Sequence[int]:
        return self._twins[self.rows[answer.query]]

    def _by_need(self, now: Seen) -> list[str]:
        """Reasons by how far each lags behind its share of what was asked."""
        asked = sum(now.whys[why] for why in self._weights) + 1
        whole = sum(self._weights.values())
        return sorted(self._weights, key=lambda why: now.whys[why] - asked * self._weights[why] / whole)

    def _second(self, now: Seen, taken: Collection[int]) -> int | None:
        """The first labelled query that wants one more opinion and is new to this person."""
        for row, people in now.voices.items():
            wanted = chance("second", self.queries[row].id, self.seed) < self.shares.second
            if wanted and len(people) < self.shares.opinions and row not in now.my_rows and row not in taken:
                return row
        return None

    def _item(self, row: int, why: str) -> Item:
        query = self.queries[row]
        audit = chance("audit", query.id, self.seed) < self.shares.audit
        return item_of(
            query, row, self.catalogue, self._signals, self.meanings, self._claims, why=why, audit=audit, seed=self.seed
        )
