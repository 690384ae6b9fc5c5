"""Per reason, which query would be asked first: orders made once, and the first of each that is still open."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from itertools import islice

from faqtune.annotate.clusters import Clusters
from faqtune.annotate.seen import Seen
from faqtune.annotate.shares import shuffled
from faqtune.annotate.signals import Signals, queries_near
from faqtune.records import Catalogue, Claim, Query

UNCERTAIN, DISAGREEING, DIVERSE, UNCOVERED, DOUBTFUL = "uncertain", "disagreeing", "diverse", "uncovered", "doubtful"
RANDOM = "random"

LOOK_AHEAD = 40
"""So many of the next in line are compared, so that like texts do not follow each other."""
MACHINE_LABELS_COUNT = 3
"""An entry with more labels of machines counts as no better covered."""


class Orders:
    """All orders of a queue. Ties go by chance, not by where a query stands in the logs."""

    def __init__(
        self,
        queries: Sequence[Query],
        catalogue: Catalogue,
        found: Signals,
        clusters: Clusters,
        claims: Mapping[str, Sequence[Claim]],
        doubts: Mapping[str, float],
        trains: Callable[[str], bool] | None,
        seed: int,
    ) -> None:
        rows = {query.id: row for row, query in enumerate(queries)}
        by_chance = [rows[query] for query in shuffled("random", rows, seed)]
        chosen = [row for row in by_chance if trains is None or trains(queries[row].conversation)]
        mine = set(chosen)
        # Of what tests, all queries; of what trains, those that a machine has labelled. More of these in the test would
        # make it easier than what customers ask, and what judges the machines must not be the test.
        sample = by_chance if trains is None else [row for row in by_chance if row not in mine]
        self.random = (sample, [row for row in chosen if queries[row].id in claims])
        doubted = [row for row in chosen if queries[row].id in doubts]
        self._fixed = {
            # Sorting is stable: equals stay in the order by chance.
            UNCERTAIN: sorted(chosen, key=lambda row: -found.uncertain[row]),
            DISAGREEING: sorted(
                (row for row in chosen if found.disagreeing[row] > 0), key=lambda row: -found.disagreeing[row]
            ),
            DOUBTFUL: sorted(doubted, key=lambda row: -doubts[queries[row].id]),
        }
        self._cluster = clusters.number
        self._members = _members(chosen, clusters)
        self._first_entry = found.ranking.rows[:, 0]
        near = queries_near(found.ranking)
        self._near = {entry: [row for row in found_rows if row in mine] for entry, found_rows in near.items()}
        machine = Counter(claim.entry for said in claims.values() for claim in said)
        self._machine = [min(machine[entry.id], MACHINE_LABELS_COUNT) for entry in catalogue]
        self._ids = [entry.id for entry in catalogue]
        self._entries = [catalogue.rows[entry] for entry in shuffled("entries", catalogue.rows, seed)]

    def first(self, why: str, now: Seen, taken: Collection[int]) -> int | None:
        """Row of the first open query for a reason; None where it has none left."""
        if why == DOUBTFUL:
            closed = now.again | now.passed
            return next((row for row in self._fixed[why] if row not in closed and row not in taken), None)
        closed = now.closed

        def is_open(row: int) -> bool:
            return row not in closed and row not in taken

        if why == RANDOM:
            turn = now.whys[RANDOM] % 2
            orders = (self.random[turn], self.random[1 - turn])
            return next((row for order in orders for row in order if is_open(row)), None)
        if why == DIVERSE:
            return next(filter(is_open, self._typical(now)), None)
        if why == UNCOVERED:
            return next(filter(is_open, self._about_thin_entries(now)), None)
        ahead = list(islice(filter(is_open, self._fixed[why]), LOOK_AHEAD))
        asked = self._asked(now)
        return min(ahead, key=lambda row: asked[int(self._cluster[row])], default=None)

    def _asked(self, now: Seen) -> Counter[int]:
        """Labelled queries per cluster."""
        return Counter(int(self._cluster[row]) for row in now.labelled)

    def _typical(self, now: Seen) -> Iterator[int]:
        """Queries cluster by cluster: those with the fewest labels first, the larger first, typical ones first."""
        asked = self._asked(now)
        order = sorted(range(len(self._members)), key=lambda number: (asked[number], -len(self._members[number])))
        for number in order:
            yield from self._members[number]

    def _about_thin_entries(self, now: Seen) -> Iterator[int]:
        """Queries entry by entry: those with the fewest labels first. A label that turned out to be another entry's
        counts as a try, so that an entry nobody asks about does not hold up the others."""
        tried = Counter(int(self._first_entry[row]) for row in now.labelled)
        labels = [now.entries[name] for name in self._ids]
        order = sorted(self._entries, key=lambda entry: labels[entry] + tried[entry] + self._machine[entry])
        for entry in order:
            yield from self._near.get(entry, ())


def _members(rows: Iterable[int], clusters: Clusters) -> list[list[int]]:
    """Rows per cluster, the most typical first."""
    found: list[list[int]] = [[] for _ in range(clusters.count)]
    for row in rows:
        found[clusters.number[row]].append(row)
    return [sorted(members, key=lambda row: -clusters.typical[row]) for members in found]
