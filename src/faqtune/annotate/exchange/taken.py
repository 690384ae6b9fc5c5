"""What an import adds: what is new, nothing twice, and nothing older in place of what was said since."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, time

from faqtune.annotate.answers import Answer, claims_of
from faqtune.annotate.exchange.annotated import Annotated, Known, act_id
from faqtune.claims import Told
from faqtune.errors import UserError
from faqtune.records import HUMAN

Word = tuple[tuple[str, ...], str]
"""What an answer says: its entries, sorted, or why there is none."""


@dataclass(slots=True)
class Taken:
    """`rows`: the answers to store, each under the id of its act. `changed_since`: answers that are passed over because
    they were here before, or are older, and were taken back since, or their person has said something else.
    `replacing`: those of `rows` that take the place of a newer answer, or of one that may be newer: the file does not
    say when its own was given. The answer may be somebody else's, since what came in last decides."""

    rows: list[Annotated] = field(default_factory=list)
    changed_since: int = 0
    replacing: int = 0


@dataclass(frozen=True, slots=True)
class _Last:
    """The last word of a person on a query. `number` grows with time; `is_of_file`: it came with the same file."""

    word: Word
    act: str
    when: str
    number: int = 0
    is_of_file: bool = False


def new_answers(rows: Iterable[Annotated], stored: Sequence[Told], known: Known) -> Taken:
    """The answers that are to be stored beside the `stored` claims, withdrawn ones among them.

    An answer whose act is stored is passed over, whatever was said since. With other content (somebody corrected a
    spreadsheet) it is an act of its own, as is the last word on an entry that left the catalogue, where the file has
    the one that took its place. An answer that is new here is passed over if its person said something else later.
    """
    last, acts = _said(stored)
    in_order = sorted(last.items(), key=lambda one: one[1].number)
    deciding = {query: (by, told) for (by, query), told in in_order if by.startswith(HUMAN)}
    added: dict[str, tuple[str, _Last]] = {}
    taken, replacing = Taken(), set[str]()
    for row in rows:
        answer = row.answer
        if not answer.is_label:
            continue
        key, word = (_person(answer), answer.query), _word(answer.entries, answer.reason)
        told = last.get(key)
        if told and told.word == word:
            continue
        act = answer.id or claims_of([answer])[0].act
        if act not in acts:
            is_passed, may_be_newer = _is_older(answer.when, told), not answer.when
        elif _word(map(known.now, acts[act][0]), acts[act][1]) == word and (told is None or told.act != act):
            is_passed, may_be_newer = True, False
        else:
            may_be_newer = told is None or told.act != act
            act, answer = act_id(act, answer.label), replace(answer, when="")
            is_passed = act in acts
        if is_passed:
            taken.changed_since += 1
            continue
        if told and not told.is_of_file and may_be_newer:
            replacing.add(act)
        taken.rows.append(Annotated(row.query, replace(answer, id=act)))
        acts[act] = word
        last[key] = _Last(word, act, answer.when, is_of_file=True)
        added[answer.query] = key[0], last[key]
    replacing |= {now.act for query, (by, now) in added.items() if _overrules(by, now, deciding.get(query))}
    taken.replacing = len(replacing)
    return taken


def _overrules(by: str, now: _Last, before: tuple[str, _Last] | None) -> bool:
    """Whether it decides instead of another person's answer that says something else and is not known to be older."""
    return before is not None and before[0] != by and before[1].word != now.word and not _is_older(before[1].when, now)


def _said(stored: Sequence[Told]) -> tuple[dict[tuple[str, str], _Last], dict[str, Word]]:
    """Each person's last word on each query, and what each act says, also of those that were withdrawn."""
    together: dict[tuple[str, str, str | int], list[Told]] = {}
    for number, told in enumerate(stored):
        claim = told.claim
        together.setdefault((claim.by, claim.query, claim.act or number), []).append(told)
    last: dict[tuple[str, str], _Last] = {}
    acts: dict[str, Word] = {}
    for number, ((by, query, _), said) in enumerate(together.items()):
        first = said[0].claim
        word = _word((told.claim.entry for told in said if told.claim.entry is not None), first.reason)
        if first.act:
            acts[first.act] = word
        if not said[0].withdrawn_by:
            last[by, query] = _Last(word, first.act, first.when, number)
    return last, acts


def _word(entries: Iterable[str], reason: str) -> Word:
    named = tuple(sorted(set(entries)))
    return named, "" if named else reason


def _is_older(when: str, told: _Last | None) -> bool:
    """Whether both say when they were given, and the stored answer is later."""
    given, stored = moment(when), moment(told.when) if told else None
    return given is not None and stored is not None and given < stored


def moment(when: str) -> datetime | None:
    """A point in time, in UTC; of a day alone its end. None for anything else.

    >>> moment("2026-11-28T10:00:00+00:00").isoformat(), moment("yesterday")
    ('2026-11-28T10:00:00+00:00', None)
    """
    try:
        if len(when) <= len("2026-11-28"):
            return datetime.combine(date.fromisoformat(when), time.max).astimezone(UTC)
        return datetime.fromisoformat(when).astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def refuse_gone(rows: Sequence[Annotated], stored: Sequence[Told], known: Known, file: str) -> None:
    """Raises UserError where answers that are new name an entry that left the catalogue, unless their person has named
    it for the query before: of a label of several entries one may have left, and another be moved."""
    before = {(told.claim.by, told.claim.query, told.claim.entry) for told in stored}
    named = Counter(
        entry
        for row in rows
        for entry in row.answer.entries
        if entry not in known.catalogue.rows and (_person(row.answer), row.answer.query, entry) not in before
    )
    for entry, count in named.most_common(1):
        answers = "1 new answer names" if count == 1 else f"{count} new answers name"
        raise UserError(
            f"{file}: {answers} {known.label_of(entry)!r}, which is no longer in the catalogue",
            "write a standard question of the catalogue instead",
        )


def _person(answer: Answer) -> str:
    return answer.by if answer.by.startswith(HUMAN) else f"{HUMAN}{answer.by}"
