"""Which Claims an import adds: what is new, and nothing twice."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import replace

from faqtune.annotate.answers import Answer, claims_of
from faqtune.annotate.exchange.annotated import Annotated, Known, act_id
from faqtune.errors import UserError
from faqtune.label import acts_of, latest
from faqtune.records import HUMAN, Claim

Word = tuple[tuple[str, ...], str]


def new_claims(rows: Iterable[Annotated], stored: Sequence[Claim]) -> list[Claim]:
    """Claims of the answers that are not yet the last word of their person on their query.

    An answer whose act is stored already, but with other content (somebody corrected a spreadsheet), is a new act.
    Reading a file twice therefore adds nothing, and reading an older one again says the older thing again.
    """
    words: dict[tuple[str, str], Word] = {}
    for query, said in acts_of(stored).items():
        for by, act in latest(said).items():
            words[by, query] = (tuple(sorted(act.answer)), "" if act.answer else act.reason)
    taken = {claim.act for claim in stored if claim.act}
    added: list[Claim] = []
    for number, row in enumerate(rows):
        answer = row.answer
        if not answer.is_label:
            continue
        key, word = (_person(answer), answer.query), (tuple(sorted(answer.entries)), answer.reason)
        if words.get(key) == word:
            continue
        if answer.id in taken:
            answer = replace(answer, id=act_id(answer.id, answer.label, str(len(stored) + number)))
        claims = claims_of([answer])
        taken.add(claims[0].act)
        words[key] = word
        added += claims
    return added


def refuse_gone(claims: Sequence[Claim], known: Known, file: str) -> None:
    """Raises UserError where answers that are new name an entry that left the catalogue."""
    gone = Counter(claim.entry for claim in claims if claim.entry and claim.entry not in known.catalogue.rows)
    for entry, count in gone.most_common(1):
        answers = "1 new answer names" if count == 1 else f"{count} new answers name"
        raise UserError(
            f"{file}: {answers} {known.label_of(entry)!r}, which is no longer in the catalogue",
            "write a standard question of the catalogue instead",
        )


def _person(answer: Answer) -> str:
    return answer.by if answer.by.startswith(HUMAN) else f"{HUMAN}{answer.by}"
