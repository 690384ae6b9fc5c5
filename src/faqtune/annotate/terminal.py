"""Annotating in a terminal, for a machine that is reached by ssh: the same session, the same keys as on the page."""

from __future__ import annotations

import os
import secrets
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from rich.console import Console
from rich.text import Text

from faqtune.annotate.decisions import Decision
from faqtune.annotate.session import Session
from faqtune.annotate.shown import Offer, Shown
from faqtune.annotate.terminal_drawn import drawn
from faqtune.annotate.terminal_keys import CTRL_C, CTRL_D, ENTER, ESCAPE, is_terminal, keys_one_by_one, read_key
from faqtune.annotate.terminal_words import REASON_KEYS, WORDS, language_of
from faqtune.errors import UserError


@dataclass
class Screen:
    """What is typed and what is shown. `keys` gives one character at a time; `line` asks for a line of text."""

    console: Console
    keys: Callable[[], str]
    line: Callable[[str], str]
    words: dict[str, str]


@dataclass
class Work:
    """The item on the screen and what has been marked on it."""

    item: Shown
    since: float = field(default_factory=time.monotonic)
    marked: dict[str, Offer] = field(default_factory=dict)

    @property
    def seconds(self) -> float:
        return time.monotonic() - self.since


def annotate_in_terminal(session: Session, by: str) -> None:
    """Items one after the other until `q`, Ctrl-C or nothing is left. Raises UserError where there is no terminal."""
    if not is_terminal():
        raise UserError("there is no terminal to annotate in", "leave --terminal out to get a page")
    console = Console(highlight=False, markup=False, emoji=False)
    words = WORDS[language_of(os.environ)]
    with keys_one_by_one() as by_lines:

        def line(prompt: str) -> str:
            with by_lines():
                return console.input(Text(prompt))

        answered = run(session, by, Screen(console, lambda: read_key(sys.stdin), line, words))
    console.print(words["ended"].format(n=answered))


def run(session: Session, by: str, screen: Screen) -> int:
    """The loop; returns how many decisions were made and not taken back."""
    answered = 0
    undone: Shown | None = None
    while True:
        items = [undone] if undone is not None else session.next(by, 1)
        undone = None
        if not items:
            screen.console.print(screen.words["done"])
            return answered
        work = Work(items[0])
        try:
            act = one(session, screen, work)
        except KeyboardInterrupt:
            act = None
        if act is None:
            return answered
        if isinstance(act, Decision):
            session.answer(by, act)
            answered += 1
            screen.console.print(Text(screen.words["saved"], style="green"))
        else:
            taken_back = session.undo(by, new_act())
            undone = taken_back.item if taken_back else None
            # What is taken back may be of an earlier sitting.
            answered = max(answered - (undone is not None), 0)
            screen.console.print(screen.words["undone" if undone else "nothing_to_undo"])


UNDO = "undo"


def one(session: Session, screen: Screen, work: Work) -> Decision | str | None:
    """What somebody decides about one item: a decision, `UNDO`, or None to stop."""
    screen.console.print(drawn(work.item, screen.words))
    while True:
        key = screen.keys()
        if key in ("q", CTRL_C, CTRL_D, ""):
            return None
        if key == "u":
            return UNDO
        made = _decided(session, screen, work, key)
        if made is not None:
            return made


def _decided(session: Session, screen: Screen, work: Work, key: str) -> Decision | None:
    """The decision that a key makes, None if it makes none."""
    offers = work.item.offers
    if key.isdigit() and 1 <= int(key) <= len(offers):
        return decision(work, "pick", entries=(offers[int(key) - 1].entry,))
    if key == "0":
        return _none(screen, work)
    if key == "s":
        return decision(work, "skip")
    if key == "f":
        return decision(work, "flag", note=screen.line(screen.words["note"]))
    if key == "/":
        offer = _searched(session, screen)
        return None if offer is None else decision(work, "pick", entries=(offer.entry,))
    if key == "m":
        screen.console.print(screen.words["several"])
        return _several(session, screen, work)
    if key in ("e", "E"):
        _turns(session, screen, work, 1 if key == "e" else -1)
    elif key == "?":
        screen.console.print(screen.words["keys"])
    return None


def _several(session: Session, screen: Screen, work: Work) -> Decision | None:
    """Mark until Enter; Escape goes back."""
    while True:
        key = screen.keys()
        offer: Offer | None = None
        if key in ENTER:
            if work.marked:
                return decision(work, "pick", entries=tuple(work.marked))
        elif key in (ESCAPE, "m", "q", CTRL_C, CTRL_D, ""):
            work.marked = {}
            screen.console.print(screen.words["back"])
            return None
        elif key == "/":
            offer = _searched(session, screen)
        elif key.isdigit() and 1 <= int(key) <= len(work.item.offers):
            offer = work.item.offers[int(key) - 1]
        if offer is not None:
            if work.marked.pop(offer.entry, None) is None:
                work.marked[offer.entry] = offer
            marked = "; ".join(one.question for one in work.marked.values())
            screen.console.print(Text(screen.words["marked"].format(entries=marked), style="bold"))


def _none(screen: Screen, work: Work) -> Decision | None:
    screen.console.print(screen.words["why_none"])
    key = screen.keys()
    name = REASON_KEYS.get(key)
    if name is None:
        screen.console.print(screen.words["back"])
        return None
    return decision(work, "none", reason=name)


def _searched(session: Session, screen: Screen) -> Offer | None:
    """An entry of the whole catalogue. Whoever types Chinese does so in a line: Enter ends the line, no more."""
    text = screen.line(screen.words["search"])
    found = session.search(text, top=9)
    if not found:
        screen.console.print(screen.words["found_none"])
        return None
    for number, hit in enumerate(found, start=1):
        how = screen.words[f"how_{hit.how}"]
        screen.console.print(Text.assemble((f" {number} ", "reverse"), " ", hit.question, "  ", (how, "dim")))
    screen.console.print(screen.words["pick"])
    key = screen.keys()
    return found[int(key) - 1].offer if key.isdigit() and 1 <= int(key) <= len(found) else None


def _turns(session: Session, screen: Screen, work: Work, step: int) -> None:
    item = work.item
    if item.most_turns > 1:
        count = (item.turns - 1 + step) % item.most_turns + 1
        work.item = session.show(item.item, item.why, count)
        screen.console.print(drawn(work.item, screen.words))


def decision(work: Work, what: str, *, entries: tuple[str, ...] = (), reason: str = "", note: str = "") -> Decision:
    """A decision about the item on the screen, with an id of its own."""
    item = work.item
    return Decision(
        act=new_act(),
        item=item.item,
        what=what,
        turns=item.turns,
        entries=entries,
        reason=reason,
        note=note,
        seconds=work.seconds,
        candidates=tuple(offer.entry for offer in item.offers),
        suggested=item.suggested,
        why=item.why,
        audit=item.audit,
    )


def new_act() -> str:
    return secrets.token_hex(16)
