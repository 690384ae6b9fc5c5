"""Labelled pairs that the user brought along, as texts with the entry that they ask for."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from faqtune.errors import UserError
from faqtune.ingest.forms import form_of
from faqtune.ingest.kinds import Source, expand
from faqtune.ingest.pair_forms import PAIR_FORMS, labelled_pairs
from faqtune.ingest.report import IngestReport
from faqtune.records import Catalogue, OwnPair, Pair, normalise

SHOWN_CHARS = 40

UNKNOWN = "neither text is a question or an answer of the catalogue"
STANDARD = "only says what the catalogue says"
TWO_ENTRIES = "both texts are standard questions, of two entries"
REPEATED = "repeated pair"
CONTRADICTED = "a pair of label 0 says the opposite"


class _Place(NamedTuple):
    source: Source
    form: str
    by_people: bool


def read_own_pairs(
    catalogue: Catalogue, by_people: Sequence[Path], generated: Sequence[Path]
) -> tuple[list[OwnPair], IngestReport]:
    """Every text that a pair of label 1 puts to an entry, once for each entry; first those that people made.

    A pair of label 0 adds nothing, since a text is trained against every other entry anyway; but it takes back what
    a pair of label 1 says of the same two, unless only a program contradicts people. Files are read twice, so that
    memory grows with the positives only.

    Raises UserError for a file that holds no pairs, a damaged item, or files without any usable pair.
    """
    reader = _Reader(catalogue)
    places = [*reader.places(by_people, True), *reader.places(generated, False)]
    for place in places:
        for row, pair in labelled_pairs(place.source, place.form):
            if pair.label == 1:
                reader.take(pair, row, place)
    for place in places:
        for row, pair in labelled_pairs(place.source, place.form):
            if pair.label == 0:
                reader.take_back(pair, row, place)
    report, found = reader.report, list(reader.found.values())
    for kept in found:
        report.count(kept.source.rpartition("#")[0], "pairs")
    if places and not found:
        names, reasons = ", ".join(place.source.name for place in places), report.skipped_by_reason()
        why = max(reasons, key=reasons.__getitem__, default="no pair has the label 1")
        raise UserError(
            f"{names}: no pair is of use: {why}",
            "check that these are pairs of this catalogue, or take them out of [pairs] in faqtune.toml",
        )
    return found, report


class _Reader:
    """Takes pairs one by one: `found` by the key of the text and the entry, `report` of what was of no use."""

    def __init__(self, catalogue: Catalogue) -> None:
        self.questions: dict[str, list[str]] = defaultdict(list)
        self.answers: dict[str, list[str]] = defaultdict(list)
        for entry in catalogue:
            for key in dict.fromkeys(map(normalise, entry.questions)):
                self.questions[key].append(entry.id)
            if entry.answer:
                self.answers[normalise(entry.answer)].append(entry.id)
        self.found: dict[tuple[str, str], OwnPair] = {}
        self.report = IngestReport()

    def places(self, paths: Sequence[Path], by_people: bool) -> Iterator[_Place]:
        """The files behind some paths. Raises UserError for one that holds no pairs."""
        for source in expand(paths):
            form = form_of(source)
            if form not in PAIR_FORMS:
                raise UserError(
                    f"{source.name} holds no pairs but {form}",
                    "pairs are [[text, text, 1 or 0], …] or FlagEmbedding JSONL: see docs/formats.md",
                )
            self.report.file(source.name).form = form
            self.report.count(source.name, "pairs", 0)
            yield _Place(source, form, by_people)

    def take(self, pair: Pair, row: int, place: _Place) -> None:
        """A pair of label 1."""
        text, asked, useless = self._asked(pair)
        key = normalise(text)
        new = [entry for entry in asked if (key, entry) not in self.found]
        if not useless and key and new:
            for entry in new:
                self.found[key, entry] = OwnPair(text, entry, place.by_people, f"{place.source.name}#{row}")
        else:
            why = useless or (REPEATED if key else "no text")
            self.report.skip(place.source.name, why, text[:SHOWN_CHARS], row=row)

    def take_back(self, pair: Pair, row: int, place: _Place) -> None:
        """A pair of label 0."""
        self.report.count(place.source.name, "pairs of label 0, which say nothing new")
        text, asked, _ = self._asked(pair)
        for entry in asked:
            said = self.found.get((normalise(text), entry))
            if said is not None and (place.by_people or not said.by_people):
                del self.found[normalise(text), entry]
                self.report.skip(place.source.name, CONTRADICTED, text[:SHOWN_CHARS], row=row)

    def _asked(self, pair: Pair) -> tuple[str, list[str], str]:
        """The text of a pair, the entries that its other side stands for (those with such a question, else those with
        such an answer), and why it is of no use ("" if it is)."""
        text, partner = normalise(pair.text), normalise(pair.partner)
        of_text, of_partner = self.questions.get(text, []), self.questions.get(partner, [])
        if of_text and of_partner:
            return pair.text, [], TWO_ENTRIES if set(of_text).isdisjoint(of_partner) else STANDARD
        if of_text:
            return (pair.partner, of_text, "") if partner not in self.answers else (pair.text, [], STANDARD)
        found = of_partner or self.answers.get(partner, [])
        return pair.text, found, "" if found else UNKNOWN
