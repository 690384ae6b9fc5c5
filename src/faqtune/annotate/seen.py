"""What has been answered, as the queue needs to know it: rebuilt from the answers on every call, never kept."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from faqtune.annotate.answers import FLAG, SKIP, Answer


@dataclass(frozen=True)
class Seen:
    """Rows of queries, and counts.

    `labelled`: somebody said what it (or a twin) means; `passed`: skipped by this person, or flagged by anyone;
    `mine`: this person's acts; `my_rows`: this person has acted on it or a twin; `voices`: row to the people who
    labelled it, in the order of their first label; `whys`: acts per reason; `again`: labelled once more out of doubt.
    """

    labelled: frozenset[int]
    passed: frozenset[int]
    mine: int
    my_rows: frozenset[int]
    voices: Mapping[int, tuple[str, ...]]
    whys: Counter[str]
    again: frozenset[int]
    entries: Counter[str]

    @property
    def closed(self) -> frozenset[int]:
        """Not to be asked of this person again as something new."""
        return self.labelled | self.passed


def seen(
    answers: Iterable[Answer],
    annotator: str,
    rows: Mapping[str, int],
    twins: Sequence[Sequence[int]],
    by_people: Mapping[str, str | None],
    doubtful: str,
) -> Seen:
    """`by_people`: what Claims of people say already; `doubtful`: the reason that asks labelled queries again."""
    labelled: set[int] = {twin for query in by_people if query in rows for twin in twins[rows[query]]}
    passed: set[int] = set()
    my_rows: set[int] = set()
    again: set[int] = set()
    voices: dict[int, dict[str, None]] = defaultdict(dict)
    whys: Counter[str] = Counter()
    entries: Counter[str] = Counter()
    mine = 0
    for answer in answers:
        whys[answer.why] += 1
        mine += answer.by == annotator
        if answer.query not in rows:
            continue
        row = rows[answer.query]
        if answer.by == annotator:
            my_rows.update(twins[row])
        if answer.why == doubtful:
            again.add(row)
        if answer.is_label:
            labelled.update(twins[row])
            voices[row][answer.by] = None
            entries.update(answer.entries)
        elif answer.act == FLAG or (answer.act == SKIP and answer.by == annotator):
            passed.update(twins[row])
    return Seen(
        frozenset(labelled),
        frozenset(passed),
        mine,
        frozenset(my_rows),
        {row: tuple(people) for row, people in voices.items()},
        whys,
        frozenset(again),
        entries,
    )
