"""Claims to decisions: the one place where it is settled what a query's label is."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

from faqtune.label.acts import Act, Answer, acts_of, last_of_people, latest, place_of
from faqtune.label.sources import Source
from faqtune.records import HUMAN, Catalogue, Claim, Pair, Query

CANDIDATES = 5
"""What a wrong label may say: a source that errs picks among the few entries that are like the right one."""
LEAST_SURE, MOST_SURE = 0.001, 0.999
"""Nobody who is contradicted is quite sure."""


@dataclass(frozen=True, slots=True)
class Decision:
    """The label of a query: an entry, or none (`entry` is None), how sure, and the sources behind it.

    `others`: the further entries of a query that asks for several at once.
    """

    query: str
    entry: str | None
    confidence: float
    sources: tuple[str, ...]
    reason: str = ""
    others: tuple[str, ...] = ()

    @property
    def is_human(self) -> bool:
        return any(source.startswith(HUMAN) for source in self.sources)

    @property
    def entries(self) -> tuple[str, ...]:
        """All entries, `entry` first; empty if there is none."""
        return () if self.entry is None else (self.entry, *self.others)


def decide(claims: Iterable[Claim], sources: Mapping[str, Source] | None = None) -> dict[str, Decision]:
    """Query id to its decision: the latest act of a person wins, then the weighted agreement of the machines.

    Claims come in the order in which they were made; of each machine source only the latest act counts. `sources`
    are as people found them (`estimate_sources`); others count as right as they say. Machines are combined as if they
    erred independently (naive Bayes): each gives its answer its precision p, and every other of `CANDIDATES` answers
    an equal share of 1 - p; the likeliest answer that somebody gave wins, its confidence is its probability. A single
    machine keeps its p. A last tie goes to an entry before none, and to the greater id: labelling anew changes the
    order of the machines' claims and must not change the decision.
    """
    return {query: _decide_one(query, said, sources or {}) for query, said in acts_of(claims).items()}


def settle(
    claims: Iterable[Claim], queries: Collection[Query], sources: Mapping[str, Source] | None = None
) -> dict[str, Decision]:
    """`decide`, without what machines say of a turn that a person labelled, with whatever turns before it.

    Of queries that are not among `queries` nothing is returned.
    """
    decided = decide(claims, sources)
    people = {place_of(query) for query in queries if query.id in decided and decided[query.id].is_human}
    return {
        query.id: decided[query.id]
        for query in queries
        if query.id in decided and (decided[query.id].is_human or place_of(query) not in people)
    }


def _decide_one(query: str, said: Sequence[Act], sources: Mapping[str, Source]) -> Decision:
    last = latest(said)
    human = last_of_people(last)
    if human:
        return _decision(query, human.answer, human.confidence, [human])
    voices: dict[Answer, dict[str, Act]] = defaultdict(dict)
    for act in last.values():
        voices[tuple(sorted(act.answer))][act.by] = act
    sure = {answer: [_precision(act, sources) for act in acts.values()] for answer, acts in voices.items()}
    probability = posterior(sure)
    answer = max(voices, key=lambda a: (probability[a], bool(a), a))
    acts = [act for _, act in sorted(voices[answer].items())]
    return _decision(query, acts[0].answer, probability[answer], acts)


def _precision(act: Act, sources: Mapping[str, Source]) -> float:
    return sources[act.by].precision(act.confidence) if act.by in sources else act.confidence


def posterior(sure: Mapping[Answer, Sequence[float]]) -> dict[Answer, float]:
    """The probability of each answer that somebody gave; `sure` are the precisions of those who gave it.

    >>> posterior({("a",): [0.5, 0.5]}), posterior({("a",): [0.8], ("b",): [0.5]})
    ({('a',): 0.8}, {('a',): 0.695652174, ('b',): 0.173913043})
    """
    voices = [(answer, p) for answer, given in sure.items() for p in given]
    if len(voices) == 1:
        return dict(voices)
    others = max(CANDIDATES, len(sure)) - 1
    logarithms = {answer: sum(_log(p, answer == given, others) for given, p in voices) for answer in sure}
    nobody = sum(_log(p, False, others) for _, p in voices)
    most = max(*logarithms.values(), nobody)
    weights = {answer: math.exp(value - most) for answer, value in logarithms.items()}
    total = math.fsum(weights.values()) + (others + 1 - len(sure)) * math.exp(nobody - most)
    # Rounded, so that the order of the voices does not move it across a threshold.
    return {answer: round(weight / total, 9) for answer, weight in weights.items()}


def _log(precision: float, is_its_own: bool, others: int) -> float:
    p = min(max(precision, LEAST_SURE), MOST_SURE)
    return math.log(p if is_its_own else (1 - p) / others)


def _decision(query: str, answer: Answer, confidence: float, acts: Sequence[Act]) -> Decision:
    reason = next((act.reason for act in acts if act.reason), "")
    entry, others = (answer[0], answer[1:]) if answer else (None, ())
    return Decision(query, entry, confidence, tuple(act.by for act in acts), reason, others)


def pairs_of(
    decisions: Mapping[str, Decision], queries: Iterable[Query], catalogue: Catalogue
) -> tuple[list[Pair], list[Query]]:
    """Positive pairs (query with the first question of each of its entries), and the queries decided to have none.

    Entries that left the catalogue are dropped.
    """
    pairs: list[Pair] = []
    nothing: list[Query] = []
    for query in queries:
        decision = decisions.get(query.id)
        if decision is None:
            continue
        if decision.entry is None:
            nothing.append(query)
        present = [catalogue.entries[catalogue.rows[entry]] for entry in decision.entries if entry in catalogue.rows]
        pairs += [
            Pair(
                text=query.text,
                partner=entry.questions[0],
                label=1.0,
                weight=decision.confidence,
                entry=entry.id,
                group=query.conversation,
                claims=decision.sources,
            )
            for entry in present
        ]
    return pairs, nothing
