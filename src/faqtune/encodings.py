"""Which encoding bytes are in: of the files that come in, and of settings that were not saved as UTF-8."""

from __future__ import annotations

import codecs
import re
from collections.abc import Sequence

_BOMS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),  # before UTF-16: its mark begins with the same two bytes
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_DAMAGED_SHARE = 0.2
"""A text in another encoding has faults in nearly every character, a damaged one in few."""


def encoding_of(samples: Sequence[bytes]) -> str:
    """utf-8, utf-8-sig, utf-16, utf-16-le, utf-16-be, utf-32, gb18030, big5 or cp1252; "" if it is no text.

    `samples` are pieces of one file, the first its beginning; the others may begin inside a character.

    >>> encoding_of(["发货".encode("gb18030")]), encoding_of([bytes(range(32))])
    ('gb18030', '')
    """
    head = samples[0]
    encoding = marked(head)
    if not encoding and b"\0" in head:
        encoding = _utf16_without_mark(head)
    return encoding or _from_bytes(samples)


def marked(head: bytes) -> str:
    """utf-8-sig, utf-16 or utf-32, where the first bytes are the mark of one; "" else.

    >>> marked("几天发货".encode("utf-16")), marked("几天发货".encode())
    ('utf-16', '')
    """
    return next((name for mark, name in _BOMS if head.startswith(mark)), "")


def decoded(sample: bytes, encoding: str) -> str:
    """Text of a sample with U+FFFD for faults; a character cut at the end is left out."""
    return codecs.getincrementaldecoder(encoding)(errors="replace").decode(sample, final=False)


def _utf16_without_mark(head: bytes) -> str:
    """utf-16-le, utf-16-be, or nothing: the one whose text is mostly of everyday characters."""
    for encoding in ("utf-16-le", "utf-16-be"):
        text = decoded(head, encoding)
        everyday = len(re.findall(r"[\t\n\r\x20-\x7e\u3000-\u30ff\u4e00-\u9fff\uff00-\uffee\u2010-\u2027]", text))
        if text and everyday >= 0.9 * len(text) and re.search(r"[\n\x20-\x7e]", text):
            return encoding
    return ""


def _from_bytes(samples: Sequence[bytes]) -> str:
    """utf-8, gb18030, big5, cp1252, or nothing if it is not text."""
    joined = b"\n".join(samples)
    # One stray NUL makes no binary file of a short text; whoever reads on names its place.
    if len(re.findall(rb"[\x00-\x08\x0e-\x1a\x1c-\x1f]", joined)) > max(1, len(joined) // 200):
        return ""
    if _fault_share(samples, "utf-8") < _DAMAGED_SHARE:
        return "utf-8"
    alone = sum(map(len, re.findall(rb"(?<![\x80-\xff])[\x80-\xff](?![\x80-\xff])", joined)))
    high = len(re.findall(rb"[\x80-\xff]", joined))
    pairs = re.findall(rb"[\x81-\xfe][\x40-\xfe]", joined)
    low_second = sum(pair[1] < 0x80 for pair in pairs)
    # Western text has accents and curly quotes between ASCII letters; Chinese has runs of pairs.
    if alone > high / 2 and low_second > len(pairs) / 2:
        return "cp1252" if _fault_share(samples, "cp1252") == 0.0 else ""
    # A third of all Big5 characters end in a byte below 0x80, almost none of everyday GBK does.
    chinese = "big5" if low_second > len(pairs) / 6 else "gb18030"
    return chinese if _fault_share(samples, chinese) < _DAMAGED_SHARE else ""


def _fault_share(samples: Sequence[bytes], encoding: str) -> float:
    """Share of the characters beyond ASCII that cannot be decoded."""
    text = "".join(decoded(sample, encoding) for sample in samples)
    beyond_ascii = len(text) - len(text.encode("ascii", "ignore"))
    return text.count("\ufffd") / beyond_ascii if beyond_ascii else 0.0
