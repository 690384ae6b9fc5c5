"""How an item stands in a terminal: as lines, and nothing that a customer typed moves the cursor."""

from __future__ import annotations

from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.rule import Rule
from rich.text import Text

from faqtune.annotate.shown import Offer, Shown

MOST_LINES = 8
"""Of the conversation, so that an item fits on a screen."""


def drawn(item: Shown, words: dict[str, str]) -> RenderableType:
    """The item as lines. Customers' text is put out as text: neither markup nor control characters count."""
    parts: list[RenderableType] = [Rule(style="dim"), Text(words["why"].format(why=words[f"why_{item.why}"]), "dim")]
    for line in item.lines[-MOST_LINES:]:
        if line.customer:
            parts.append(_said(words["customer"], line.customer, "bold" if line.asked else "dim", mark=line.asked))
        if line.agent:
            parts.append(_said(words["agent"], line.agent, "" if line.replied else "dim", mark=False))
    parts.append(Text(""))
    parts.append(Text.assemble((harmless(item.text), "bold cyan"), _turn_count(item, words)))
    if item.audit:
        parts.append(Text(words["audit"], "dim"))
    for number, offer in enumerate(item.offers, start=1):
        parts.append(_offer(number, offer, words))
    parts.append(Text(words["hint"], "dim"))
    return Group(*parts)


def _turn_count(item: Shown, words: dict[str, str]) -> tuple[str, str]:
    return (words["turns"].format(n=item.turns, all=item.most_turns) if item.most_turns > 1 else "", "dim")


def _said(who: str, text: str, style: str, *, mark: bool) -> RenderableType:
    return Padding(Text.assemble(("▌" if mark else " ", "cyan"), (f"{who}: ", "dim"), (harmless(text), style)), (0, 0))


def _offer(number: int, offer: Offer, words: dict[str, str]) -> RenderableType:
    similarity = "" if offer.similarity is None else f"  {offer.similarity:.2f}"
    sources = "".join(f" · {words.get(f'source_{name}', name)}" for name in offer.sources)
    head = Text.assemble(
        (f" {number} ", "reverse"), " ", (harmless(offer.question), "bold"), (similarity + sources, "dim")
    )
    answer = Padding(Text(harmless(offer.answer), style="dim", no_wrap=True, overflow="ellipsis"), (0, 0, 0, 4))
    return Group(head, answer)


def harmless(text: str) -> str:
    """Text that a terminal only shows: escape sequences in what a customer typed move no cursor.

    >>> harmless("发货\\x1b[2J\\r吗")
    '发货�[2J�吗'
    """
    shown = (c if c in "\n\t" or (c.isprintable() and c.isascii()) or ord(c) >= 0xA0 else "\ufffd" for c in text)
    return "".join(shown).encode("utf-8", "replace").decode()
