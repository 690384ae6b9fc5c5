"""A label with the query it is about, and what a reader has to know to take labels in."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields, replace
from typing import Any

from faqtune.annotate.answers import ACTS, NONE, PICK, REASONS, Answer
from faqtune.errors import UserError
from faqtune.label import query_id
from faqtune.records import Catalogue, Conversation, Entry, Query, content_id, normalise

NOTHING = tuple(f"({reason})" for reason in REASONS)
"""How forms with one field for the label write that there is no entry, and why."""
IN_CHINESE = {"闲聊": "chitchat", "看不懂": "unclear", "不提供这项服务": "unsupported", "同时问了几件事": "several"}
"""As the page has them."""
WITHOUT_ENTRY = f"{', '.join(NOTHING)} (in Chinese {', '.join(f'（{word}）' for word in IN_CHINESE)})"
"""For a next step."""


@dataclass(frozen=True, slots=True)
class Annotated:
    """What a person did with a query."""

    query: Query
    answer: Answer


@dataclass(frozen=True, slots=True)
class Unasked:
    """A row that is passed over, since no query of the project says its text. `row` as the user's program counts."""

    row: int
    text: str


class Known:
    """A project as importing and exporting know it: entries by name, queries by id and text, conversations by id.

    `former`: entries that left the catalogue, or are in it under another first question, as they were called. Labels
    that stand on one that left are written and read by its name then, so that an export can come back.
    """

    def __init__(
        self,
        catalogue: Catalogue,
        queries: Iterable[Query] = (),
        conversations: Mapping[str, Conversation] | None = None,
        former: Iterable[Entry] = (),
    ) -> None:
        self.catalogue = catalogue
        self.conversations = conversations or {}
        self.queries = {query.id: query for query in queries}
        self._by_text: dict[str, list[Query]] = {}
        for query in self.queries.values():
            self._by_text.setdefault(normalise(query.text), []).append(query)
        self._by_question: dict[str, set[str]] = {}
        for entry in catalogue:
            for question in entry.questions:
                self._by_question.setdefault(normalise(question), set()).add(entry.id)

        self._former = {entry.id: entry for entry in former}
        self._by_former_question: dict[str, set[str]] = {}
        for entry in self._former.values():
            for question in entry.questions:
                self._by_former_question.setdefault(normalise(question), set()).add(self.now(entry.id))

    def entry(self, name: str, where: str, otherwise: str = "") -> str:
        """The id of an entry by its id or one of its questions, or one that it had.

        Raises UserError if it is none (then `otherwise` ends the next step), or several.
        """
        if name in self.catalogue.rows or name in self._former:
            return self.now(name)
        found = self._called(name)
        if not found:
            next_step = f"write its id or a standard question{otherwise}"
            raise UserError(f"{where}: no entry {name[:60]!r} in the catalogue", next_step)
        if len(found) > 1:
            raise UserError(f"{where}: {name[:60]!r} stands under {', '.join(sorted(found))}", "write the id")
        return next(iter(found))

    def knows(self, entry: str) -> bool:
        """Whether this is the id of an entry that is in the catalogue, or was."""
        return entry in self.catalogue.rows or entry in self._former

    def now(self, entry: str) -> str:
        """The id of an entry; for one that left, of the only one that has its first question now, if there is one."""
        if entry in self.catalogue.rows or entry not in self._former:
            return entry
        owners = self._by_question.get(normalise(self._former[entry].questions[0]), set())
        return next(iter(owners)) if len(owners) == 1 else entry

    def _called(self, name: str) -> set[str]:
        question = normalise(name)
        return self._by_question.get(question) or self._by_former_question.get(question, set())

    def has(self, name: str) -> bool:
        """Whether exactly one entry goes by this id or question."""
        return name in self.catalogue.rows or len(self._called(name)) == 1

    def label_of(self, entry: str) -> str:
        """What other tools show for an entry: its first question, or the id where that is another entry's too."""
        if (entry := self.now(entry)) in self.catalogue.rows:
            question = self.catalogue.entries[self.catalogue.rows[entry]].questions[0]
        elif entry in self._former:
            question = self._former[entry].questions[0]
        else:
            return entry
        return question if self._called(question) == {entry} and question not in NOTHING else entry

    def asking(self, text: str) -> list[Query]:
        """The queries that say exactly this."""
        return self._by_text.get(normalise(text), [])

    def dialogue(self, query: Query) -> str:
        """The conversation up to the query's last turn, one line per message; the query alone where it is not known."""
        conversation = self.conversations.get(query.conversation)
        if conversation is None:
            return query.text
        lines = []
        for turn in conversation.turns[: query.turns[-1] + 1]:
            lines += [f"客户 / customer: {turn.customer}"] * bool(turn.customer)
            lines += [f"客服 / agent: {turn.agent}"] * bool(turn.agent)
        return "\n".join(lines)


def said(labels: Iterable[str], known: Known, where: str) -> tuple[str, tuple[str, ...], str]:
    """Act, entries and reason of labels such as ["退货政策"] or ["(unclear)"]; UserError for none, and for both."""
    given = [_ours(label.strip()) for label in labels if label.strip()]
    reasons = [label[1:-1] for label in given if label in NOTHING]
    otherwise = f"; where no entry fits, one of {WITHOUT_ENTRY}"
    entries = dict.fromkeys(known.entry(label, where, otherwise) for label in given if label not in NOTHING)
    if not given or (reasons and entries) or len(reasons) > 1:
        raise UserError(
            f"{where}: {'; '.join(given)[:60] or 'nothing'!r} is no label",
            f"name entries, or one of {WITHOUT_ENTRY}",
        )
    return (PICK, tuple(entries), "") if entries else (NONE, (), reasons[0])


def _ours(label: str) -> str:
    """The name of a reason in brackets of either width, in Chinese or not, as we write it; any other label as it is."""
    if not (label[:1] in ("(", "（") and label[-1:] in (")", "）")):
        return label
    inside = label[1:-1].strip()
    reason = IN_CHINESE.get(inside, inside)
    return f"({reason})" if reason in REASONS else label


def query_from(data: Any, known: Known, where: str) -> Query:
    """A query that a file describes: by the id of one that is known, else by conversation and turns.

    Raises UserError for a query that is neither, or whose id is not that of its turns.
    """
    if not isinstance(data, dict):
        raise UserError(f"{where}: no query", "write it with id, text, conversation and turns")
    name = str(data.get("id") or "")
    if name in known.queries:
        return known.queries[name]
    conversation, turns = str(data.get("conversation") or ""), data.get("turns")
    if not conversation or not isinstance(turns, list) or not turns or not isinstance(data.get("text"), str):
        raise UserError(f"{where}: the query {name!r} is not of this project", "write its text, conversation and turns")
    try:
        places = tuple(int(turn) for turn in turns)
    except (TypeError, ValueError):
        raise UserError(f"{where}: the turns {turns!r:.40} are no numbers", "write them as [2, 3]") from None
    made = query_id(conversation, places)
    if name and name != made:
        raise UserError(f"{where}: the query {name!r} is not that of its conversation and turns", "leave the id out")
    if (query := known.queries.get(made)) is not None:
        if normalise(query.text) != normalise(data["text"]):
            raise UserError(
                f"{where}: these turns do not say {data['text'][:40]!r}",
                "count turns from 0, or leave out conversation and turns where the text tells which query it is",
            )
        return query
    return Query(made, data["text"], conversation, places, str(data.get("reply") or ""))


def answer_from(data: Any, query: Query, known: Known, where: str) -> Answer:
    """An answer that a file describes, every field checked. Raises UserError with the field."""
    if not isinstance(data, dict):
        raise UserError(f"{where}: no answer", "write it with act, entries and by")
    given = {field.name: data[field.name] for field in fields(Answer) if data.get(field.name) is not None}
    given |= {name: tuple(given[name]) for name in ("entries", "candidates") if isinstance(given.get(name), list)}
    answer = Answer(**{"act": "", **given, "query": query.id})
    for name, kind in (("act", str), ("reason", str), ("by", str), ("when", str), ("note", str), ("id", str)):
        if not isinstance(getattr(answer, name), kind):
            raise UserError(f"{where}: `{name}` is no text", "mend it")
    if answer.act not in ACTS or not answer.by:
        raise UserError(f"{where}: nobody, or no act", f"write who in `by`, and one of {', '.join(ACTS)} in `act`")
    if (answer.act == PICK) != bool(answer.entries) or (answer.act == NONE and answer.reason not in REASONS):
        raise UserError(
            f"{where}: act {answer.act!r} with entries {list(answer.entries)} and reason {answer.reason!r}",
            f"a pick has entries; none has one of the reasons {', '.join(REASONS)}",
        )
    for entry in answer.entries:
        if not known.knows(entry):
            raise UserError(f"{where}: no entry {entry!r} in the catalogue", "write the id of one that is there")
    return replace(answer, entries=tuple(dict.fromkeys(map(known.now, answer.entries))))


def act_id(*parts: str) -> str:
    """The id of an act that came without one: the same for the same content, so that it is taken in once."""
    return content_id("imported", *parts, length=20)
