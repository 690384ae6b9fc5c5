"""Phone numbers, identity cards, bank cards and e-mail addresses taken out of what leaves for a foreign server.

Numbers are found whatever they are typed in: full-width digits, Chinese numerals, with blanks, dashes or dots
between. The same number has the same placeholder wherever it stands in one prompt, so that the text stays
readable. What is not found: numbers with other words between their digits, names, postal addresses.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from faqtune.label.llm.digits import AREA, LANDLINE, MOBILE, Kind, is_bank_card, is_id_card
from faqtune.records import normalise

NUMERALS = dict(zip("零〇一二三四五六七八九幺", "001234567891", strict=True))
SEPARATORS = r" \t\u00a0\u3000.·_\-‐‑‒–—－()（）/"
_DIGIT = rf"\d{''.join(NUMERALS)}"
_RUN = re.compile(rf"[{_DIGIT}](?:[{SEPARATORS}]{{0,3}}[{_DIGIT}])+(?:[{SEPARATORS}]{{0,2}}[xXｘＸ×])?")
_BLOCK = re.compile(rf"[{_DIGIT}]+[xXｘＸ×]?|[xXｘＸ×]")
_ASCII = "A-Za-z0-9ａ-ｚＡ-Ｚ０-９"
_EMAIL = re.compile(
    rf"[{_ASCII}](?:[{_ASCII}._%+\-＿．]*[{_ASCII}_])?\s?[@＠]\s?"
    rf"[{_ASCII}][{_ASCII}\-]*(?:\s?[.．。]\s?[{_ASCII}][{_ASCII}\-]*)+"
)
_FOREIGN = re.compile(
    r"\+\s?(?!86)[1-9](?:[ .\-()]{0,2}\d){7,13}(?!\d)|(?<![\d-])\(?[2-9]\d\d\)?[ .-]\d{3}[.-]\d{4}(?![\d-])"
)
_CARD_WORD = re.compile(
    r"(?:卡号|银行卡|储蓄卡|信用卡|账号|帐号|card (?:no|number)\.?|account)\D{0,8}\Z", re.IGNORECASE
)
_ID_WORD = re.compile(r"(?:身份证|证件|id (?:card|no|number))\D{0,8}\Z", re.IGNORECASE)
_ORDER_WORD = re.compile(r"(?:单号|订单|订单编号|运单|编号|流水号|order|tracking|no\.)\D{0,6}\Z", re.IGNORECASE)
_LATIN_BEFORE = re.compile(r"[A-Za-zＡ-Ｚａ-ｚ]\Z")
MOST_BLOCKS = 19
"""A bank card typed digit by digit."""

PLACEHOLDERS: dict[str, dict[Kind, str]] = {
    "zh": {"phone": "电话", "id_card": "身份证", "bank_card": "银行卡", "email": "邮箱"},
    "en": {"phone": "PHONE", "id_card": "ID_CARD", "bank_card": "BANK_CARD", "email": "EMAIL"},
}


@dataclass(frozen=True, slots=True)
class Found:
    """What stands at [start, end) of a text; `plain` is what tells two of a kind apart."""

    start: int
    end: int
    kind: Kind
    plain: str


@dataclass
class Masker:
    """Replaces what it finds; numbers placeholders in the order in which it meets them.

    >>> mask = Masker("zh")
    >>> mask("我电话138-0013-8000"), mask("１３８００１３８０００打不通"), mask("订单20240101123没到")
    ('我电话[电话1]', '[电话1]打不通', '订单20240101123没到')
    """

    language: str = "en"
    numbers: dict[tuple[Kind, str], int] = field(default_factory=dict)

    def __call__(self, text: str) -> str:
        pieces: list[str] = []
        end = 0
        for found in find_personal(text):
            pieces += [text[end : found.start], self._placeholder(found)]
            end = found.end
        return "".join([*pieces, text[end:]])

    def _placeholder(self, found: Found) -> str:
        of_kind = sum(kind == found.kind for kind, _ in self.numbers)
        number = self.numbers.setdefault((found.kind, found.plain), of_kind + 1)
        return f"[{PLACEHOLDERS[self.language][found.kind]}{number}]"


def find_personal(text: str) -> list[Found]:
    """Everything to be masked in a text, from left to right, without overlaps."""
    found = [Found(m.start(), m.end(), "email", "".join(normalise(m[0]).split())) for m in _EMAIL.finditer(text)]
    found += [Found(m.start(), m.end(), "phone", _plain(m[0])) for m in _FOREIGN.finditer(text)]
    for run in _RUN.finditer(text):
        found += _in_run(text, run)
    kept: list[Found] = []
    # What begins first wins, then what is longer.
    for one in sorted(found, key=lambda f: (f.start, -f.end)):
        if not kept or one.start >= kept[-1].end:
            kept.append(one)
    return kept


def _in_run(text: str, run: re.Match[str]) -> Iterator[Found]:
    """Numbers in a run of digits and separators. A number is made of whole blocks: inside of a longer one
    (an order number that holds a date and a phone) nothing is looked for."""
    blocks = [(run.start() + m.start(), run.start() + m.end()) for m in _BLOCK.finditer(run[0])]
    first = 0
    while first < len(blocks):
        found = next(_beginning_at(text, blocks, first), None)
        if found is None:
            first += 1
            continue
        yield found
        while first < len(blocks) and blocks[first][0] < found.end:
            first += 1


def _beginning_at(text: str, blocks: Sequence[tuple[int, int]], first: int) -> Iterator[Found]:
    """Numbers that begin with a block, the longest first."""
    start = blocks[first][0]
    before = text[max(0, start - 20) : start]
    for last in range(min(len(blocks), first + MOST_BLOCKS) - 1, first - 1, -1):
        end = blocks[last][1]
        # An X after the digits belongs to an identity card, or to what follows (13800138000x2).
        ends = (end, end - 1) if text[end - 1] in "xXｘＸ×" and end - 1 > blocks[last][0] else (end,)
        for place in ends:
            pieces = [_plain(text[a : min(b, place)]) for a, b in blocks[first : last + 1]]
            if kind := _kind("".join(pieces), before, pieces):
                yield _found(start, place, kind, "".join(pieces), before)


def _found(start: int, end: int, kind: Kind, plain: str, before: str) -> Found:
    if kind != "phone":
        return Found(start, end, kind, plain)
    return Found(start - before.endswith("+"), end, kind, plain.removeprefix("00").removeprefix("86"))


def _kind(plain: str, before: str, blocks: Sequence[str]) -> Kind | None:
    """What digits are, by their form and by the words in front of them."""
    digits = plain[:-1] if plain.endswith("X") else plain
    if _ID_WORD.search(before) and 15 <= len(plain) <= 18:
        return "id_card"
    if _CARD_WORD.search(before) and 12 <= len(digits) <= 19 and digits == plain:
        return "bank_card"
    if MOBILE.fullmatch(plain):
        return "phone"
    after_letter, is_order = _LATIN_BEFORE.search(before) is not None, _ORDER_WORD.search(before) is not None
    if is_id_card(plain) and not (len(plain) == 15 and (is_order or after_letter)):
        return "id_card"
    if digits != plain or after_letter or is_order:
        return None
    if is_bank_card(plain):
        return "bank_card"
    return "phone" if _is_landline(plain, before, blocks) else None


def _is_landline(plain: str, before: str, blocks: Sequence[str]) -> bool:
    """An area code with its zero; without it only after +86."""
    if not LANDLINE.fullmatch(plain):
        return False
    if before.endswith("+") or plain.startswith("0086"):
        return plain.startswith(("86", "0086"))
    return plain.startswith("0") and (len(blocks) == 1 or AREA.fullmatch(blocks[0]) is not None)


def _plain(text: str) -> str:
    """The digits of a number as typed; X for the last place of an identity card."""
    plain = ""
    for character in text:
        if character in NUMERALS:
            plain += NUMERALS[character]
        elif character.isdecimal():
            plain += str(unicodedata.decimal(character))
        elif character in "xXｘＸ×":
            plain += "X"
    return plain
