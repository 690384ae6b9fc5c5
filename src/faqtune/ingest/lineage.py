"""Which entry of an earlier catalogue a row is now: ids, and the labels on them, outlive a question's new wording."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from typing import Protocol

from faqtune.records import Catalogue, Entry, normalise

MOST_SUCCESSORS = 3
END_MARKS = "?!.。,、;:~… "
"""Behind a question they say nothing; full-width ones are compared as these."""


def bare(question: str) -> str:
    """A question for comparing: 能开发票吗 and 能开发票吗？ ask the same.

    >>> bare("能开发票吗？"), bare("？")
    ('能开发票吗', '?')
    """
    whole = normalise(question)
    return whole.rstrip(END_MARKS) or whole


class Asked(Protocol):
    """A row of a file or an entry: `id` is "" where the file has none."""

    @property
    def id(self) -> str: ...
    @property
    def questions(self) -> Sequence[str]: ...
    @property
    def answer(self) -> str: ...


def kept_ids(rows: Sequence[Asked], *earlier: Catalogue) -> dict[int, str]:
    """Row number to the id of the entry that it is in one of the `earlier` catalogues, the first one first.

    A row with an id of its own keeps that. Any other one is the entry with the same first question and answer, else
    that with the same first question, else the one that left the catalogue and that it shares something with that
    stands nowhere else (`_renamed`). Where several could be meant, none is: then its id is made as a new entry's.
    """
    found: dict[int, str] = {}
    for catalogue in earlier:
        taken = {row.id for row in rows if row.id} | set(found.values())
        old = [entry for entry in catalogue if entry.id not in taken]
        open_rows = {number: row for number, row in enumerate(rows) if not row.id and number not in found}
        for same in (_first_and_answer, _first):
            found |= _matched(open_rows, old, same)
            open_rows = {number: row for number, row in open_rows.items() if number not in found}
            taken |= set(found.values())
            old = [entry for entry in old if entry.id not in taken]
        found |= _renamed(rows, open_rows, catalogue, old)
    return found


def _first(entry: Asked) -> Hashable:
    return bare(entry.questions[0])


def _first_and_answer(entry: Asked) -> Hashable:
    return bare(entry.questions[0]), normalise(entry.answer)


def _matched(rows: Mapping[int, Asked], old: Iterable[Entry], same: Callable[[Asked], Hashable]) -> dict[int, str]:
    """Rows to entries, where one of either has this key."""
    entries, numbers = defaultdict(list), defaultdict(list)
    for entry in old:
        entries[same(entry)].append(entry.id)
    for number, row in rows.items():
        numbers[same(row)].append(number)
    return {
        places[0]: entries[key][0]
        for key, places in numbers.items()
        if len(places) == 1 and len(entries.get(key, ())) == 1
    }


def _renamed(
    rows: Sequence[Asked], open_rows: Mapping[int, Asked], catalogue: Catalogue, left: Iterable[Entry]
) -> dict[int, str]:
    """Rows that are new and entries that left, each of which shares a question or the answer with the other alone.

    What stands under several entries of one of the catalogues (a stock answer) joins nothing. Of what a question joins
    the answers have to be the same, or more than half of the questions: else it is another entry that took one over.
    """
    before, now = _owners(catalogue), _owners(rows)
    of_row, of_entry = defaultdict[int, set[int]](set), defaultdict[int, set[int]](set)
    for key, places in now.items():
        if len(places) == 1 and len(before.get(key, ())) == 1:
            of_row[places[0]].add(before[key][0])
            of_entry[before[key][0]].add(places[0])
    gone = {catalogue.rows[entry.id] for entry in left}
    return {
        number: catalogue.entries[place].id
        for number, row in open_rows.items()
        if len(of_row[number]) == 1
        for place in of_row[number] & gone
        if len(of_entry[place]) == 1 and _is_the_same(row, catalogue.entries[place])
    }


def _owners(entries: Iterable[Asked]) -> dict[Hashable, list[int]]:
    """Each question, and each answer, to the entries that have it."""
    found: dict[Hashable, list[int]] = defaultdict(list)
    for number, entry in enumerate(entries):
        for key in _keys(entry):
            found[key].append(number)
    return found


def _keys(entry: Asked) -> set[Hashable]:
    answers = {("answer", normalise(entry.answer))} if normalise(entry.answer) else set()
    return {("question", bare(question)) for question in entry.questions} | answers


def _is_the_same(row: Asked, entry: Entry) -> bool:
    asked, before = set(map(bare, row.questions)), set(map(bare, entry.questions))
    return normalise(row.answer) == normalise(entry.answer) or 2 * len(asked & before) > len(before)


def successors(left: Iterable[Entry], catalogue: Catalogue) -> list[list[Entry]]:
    """For each entry that left those that likely took its place: they share most questions, and the answer, with it."""
    owners = _owners(catalogue)
    found: list[list[Entry]] = []
    for entry in left:
        shared = Counter(number for key in _keys(entry) for number in owners.get(key, ()))
        most = max(shared.values(), default=0)
        best = [catalogue.entries[number] for number in sorted(shared) if shared[number] == most]
        found.append(best if len(best) <= MOST_SUCCESSORS else [])
    return found
