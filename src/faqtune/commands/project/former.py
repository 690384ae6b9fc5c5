"""Entries that left the catalogue or were called otherwise, and the labels of people that stand on them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace

from faqtune import claims as claim_store
from faqtune.errors import UserError
from faqtune.ingest import successors
from faqtune.label import acts_of, last_of_people, latest
from faqtune.progress import Reporter
from faqtune.records import Catalogue, Claim, Entry, normalise
from faqtune.stored import write_jsonl
from faqtune.workspace import Workspace

NAMED = 5
HOW_TO_MOVE = (
    "    labels on an entry that left train and measure nothing. To move them: `faqtune annotate --export "
    "labels.xlsx`; write the standard question that they belong to now into the column label; `faqtune annotate "
    "--import labels.xlsx`. Labels of a file given with --gold are corrected in that file"
)
HOW_TO_TAKE_ALONG = (
    "    labels on an id that left train and measure nothing. To take them along: `faqtune annotate --export "
    "labels.xlsx`; `faqtune annotate --import labels.xlsx`, as it is. Those of a file given with --gold that names "
    "questions follow with `faqtune label`"
)


@dataclass(frozen=True, slots=True)
class Left:
    """An entry that left the catalogue: its first question then, how many labels of people stand on it, and the first
    questions of those that likely took its place. `has_other_id`: its first question is that of another entry, and of
    no further one, so that an export moves its labels."""

    id: str
    question: str
    hand_labels: int
    successors: tuple[str, ...]
    has_other_id: bool = False


def earlier_catalogues(workspace: Workspace, reporter: Reporter) -> tuple[Catalogue, Catalogue]:
    """The catalogue as the last `faqtune ingest` left it, and the former entries.

    Both are empty where there are none; what cannot be read any more is said, and made anew.
    """
    found: list[tuple[Entry, ...]] = []
    for read, path in (
        (workspace.catalogue, workspace.catalogue_path),
        (workspace.former_entries, workspace.former_entries_path),
    ):
        try:
            found.append(tuple(read()) if path.exists() else ())
        except UserError as error:
            reporter.say(f"note: {error.problem}: entries that were called otherwise before get new ids")
            found.append(())
    return Catalogue(found[0]), Catalogue(found[1])


def remember_former(workspace: Workspace, former: Catalogue, before: Catalogue, now: Catalogue) -> None:
    """Keep the entries of `before` that are not in `now`, or are there under another first question, with `former`."""
    known = {entry.id: entry for entry in former}
    for entry in before:
        if entry.id not in now.rows or _first(now, entry.id) != normalise(entry.questions[0]):
            earlier = known.pop(entry.id, entry)
            known[entry.id] = replace(entry, questions=tuple(dict.fromkeys((*entry.questions, *earlier.questions))))
    if known or workspace.former_entries_path.exists():
        write_jsonl(workspace.former_entries_path, known.values())


def _first(catalogue: Catalogue, entry: str) -> str:
    return normalise(catalogue.entries[catalogue.rows[entry]].questions[0])


def hand_labels_by_entry(claims: Iterable[Claim]) -> Counter[str]:
    """How many queries people say belong to each entry; of each the last word."""
    last = (last_of_people(latest(acts)) for acts in acts_of(claims).values())
    return Counter(entry for act in last if act for entry in act.answer)


def left_with_labels(workspace: Workspace, before: Catalogue, now: Catalogue) -> list[Left]:
    """Entries of `before` that are not in `now` although labels of people stand on them."""
    counts = hand_labels_by_entry(claim_store.read(workspace.claims_path))
    left = [entry for entry in before if entry.id not in now.rows and counts[entry.id]]
    again = _sole_first_questions(now) if left else frozenset()
    return [
        Left(
            entry.id, entry.questions[0], counts[entry.id], tuple(other.questions[0] for other in found),
            has_other_id=normalise(entry.questions[0]) in again,
        )
        for entry, found in zip(left, successors(left, now), strict=True)
    ]  # fmt: skip


def _sole_first_questions(catalogue: Catalogue) -> frozenset[str]:
    """First questions, normalised, that no other entry has."""
    owners = Counter(question for entry in catalogue for question in set(map(normalise, entry.questions)))
    return frozenset(first for entry in catalogue if owners[first := normalise(entry.questions[0])] == 1)


def told_left(left: list[Left]) -> Iterator[str]:
    """A line for each of the first ones, and what to do."""
    for one in sorted(left, key=lambda one: -one.hand_labels)[:NAMED]:
        stand = "1 hand label stands" if one.hand_labels == 1 else f"{one.hand_labels} hand labels stand"
        if one.has_other_id:
            yield f"note: {one.question} has another id now: {stand} on the one that it had"
            continue
        by = f"; likely in its place: {' or '.join(one.successors)}" if one.successors else ""
        yield f"note: {one.question} is no longer in the catalogue: {stand} on it{by}"
    if len(left) > NAMED:
        rest = sum(one.hand_labels for one in left) - sum(sorted(one.hand_labels for one in left)[-NAMED:])
        yield f"note: … and {len(left) - NAMED} more entries with {rest} hand labels"
    if any(one.has_other_id for one in left):
        yield HOW_TO_TAKE_ALONG
    if not all(one.has_other_id for one in left):
        yield HOW_TO_MOVE


def told_renamed(workspace: Workspace, before: Catalogue, now: Catalogue) -> Iterator[str]:
    """A line for each entry with labels of people that keeps its id under another first question."""
    counts: Mapping[str, int] | None = None
    for entry in before:
        if entry.id in now.rows and _first(now, entry.id) != normalise(entry.questions[0]):
            if counts is None:
                counts = hand_labels_by_entry(claim_store.read(workspace.claims_path))
            if counts[entry.id]:
                name = now.entries[now.rows[entry.id]].questions[0]
                labels = f"its hand labels ({counts[entry.id]})"
                yield f"note: {entry.questions[0]} is called {name} now: {labels} go with it"
