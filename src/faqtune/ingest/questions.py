"""Several questions in one cell, and when a mark between words does not part questions.

A line break or a running number parts questions, and so does `|` between phrases, which stands in no
sentence. `;` and `；` do so in a list of three or more phrases of which one asks something, or if both
of two ask: 价格1.5元；包邮吗 is one question.
"""

from __future__ import annotations

import re

from faqtune.ingest.cells import tidy
from faqtune.records import normalise

_NUMBER = re.compile(
    r"""\s*(?:
        [(（]\s*(\d{1,2})\s*[)）][.、．]?       # (1) （2）
      | (\d{1,2})\s*[.、．)）:：](?!\s*\d)      # 1. 2、 3)  but not 1.5 and not 5、6号
      | ([①-⑳])
      | (?:Q|问题?)\s*(\d{0,2})\s*[:：.、](?!\s*\d)  # Q1: 问：
      | ([一二三四五六七八九十]{1,2})、
      | [-•·●○◆■►▪*]\s+
    )\s*""",
    re.VERBOSE | re.IGNORECASE,
)
_CHINESE_DIGITS = "一二三四五六七八九十"

_ASKS = re.compile(
    r"""[?？]\s*$
      | [吗嘛呢]\W*$ | 么\W*$ | 什么|啥|怎[么样]|咋|如何|为何|哪|几[天个时点号月年件包斤日种次]|多[少久长大高重远快]|谁
      | 是否|能否|可否|有没有|有无|(\w)不\1|没有?\W*$|不\W*$
      | ^(?:请问|帮我|麻烦|申请|取消|修改|查询|查看|查|催|开通|关闭|绑定|解绑|注销|重置|找回|求助?|投诉)
      | (?:流程|方式|方法|时间|时效|政策|规则|步骤|原因|费用|运费|地址|电话|条件|期限|范围|区别|教程|进度|售后|问题)\W*$
      | ^(?:how|what|when|where|why|which|who|whose|do|does|did|can|could|is|are|am|was|were|will|would|should|may
          |have|has|any|cancel|change|track|return|refund|reset|contact|i\s+(?:want|need|can't|cannot))\b
    """,
    re.VERBOSE | re.IGNORECASE,
)
_END_MARK = r"[?？!！。]"
_SHORTEST_PHRASE = 4


def split_questions(cell: str) -> tuple[list[str], bool]:
    """The questions of a cell in order, numbering and white space stripped, repeats left out.

    The flag says that there was a `;`, `；` or `|` that was not taken for a separator.

    >>> split_questions("怎么退货？\\n退货运费谁出")
    (['怎么退货？', '退货运费谁出'], False)
    >>> split_questions("1. How do I return it? 2. Who pays?")
    (['How do I return it?', 'Who pays?'], False)
    >>> split_questions("价格1.5元；包邮吗")
    (['价格1.5元；包邮吗'], True)
    """
    found: dict[str, str] = {}
    kept_whole = False
    for line in _lines(tidy(cell)):
        for item in _numbered(line):
            parts = _separated(item)
            kept_whole |= any(re.search(r"\S\s*[;；|｜]\s*\S", part) for part in parts)
            for part in parts:
                if text := without_number(part):
                    found.setdefault(normalise(text), text)
    return list(found.values()), kept_whole


def without_number(text: str) -> str:
    """A question without the running number, bullet or `Q:` before it, and without separators around it.

    >>> without_number("3、怎么退货；"), without_number("3天能到吗"), without_number("1.5米的有吗")
    ('怎么退货', '3天能到吗', '1.5米的有吗')
    """
    text = text.strip().strip(";；|｜").strip()
    match = _NUMBER.match(text)
    return text[match.end() :].strip() if match and match.end() < len(text) else text


def asks(text: str) -> bool:
    """Whether a piece of text looks like a question or request of its own."""
    return len(text.strip()) > 1 and bool(_ASKS.search(text.strip()))


def _lines(cell: str) -> list[str]:
    """Lines, those joined again that only wrap one sentence: after a comma, or inside brackets."""
    lines: list[str] = []
    for line in re.split(r"[\n\v\f\u2028\u2029]+", cell):
        if lines and line.strip() and _runs_on(lines[-1]):
            space = " " if lines[-1][-1:].isascii() and line[:1].isascii() else ""
            lines[-1] = lines[-1].rstrip() + space + line.strip()
        elif line.strip():
            lines.append(line.strip())
    return lines


def _runs_on(line: str) -> bool:
    opened = sum(line.count(mark) for mark in "(（【《“")
    closed = sum(line.count(mark) for mark in ")）】》”")
    return line.rstrip().endswith(("，", ",", "、", "：")) or (opened == closed + 1 and not asks(line))


def _numbered(line: str) -> list[str]:
    """Pieces of a line that numbers itself 1, 2, … from its beginning; the whole line otherwise."""
    starts = [0]
    if _value(_NUMBER.match(line)) != 1:
        return [line]
    position = 1
    while match := _next_number(line, position, len(starts) + 1):
        starts.append(match.start())
        position = match.end()
    return [line[start:end] for start, end in zip(starts, [*starts[1:], len(line)], strict=True)]


def _next_number(line: str, position: int, wanted: int) -> re.Match[str] | None:
    for match in _NUMBER.finditer(line, position):
        if _value(match) == wanted:
            return match
    return None


def _value(match: re.Match[str] | None) -> int:
    """The number that a piece of numbering stands for; 0 if none."""
    if not match:
        return 0
    bracketed, plain, circled, question, chinese = match.groups()
    if digits := bracketed or plain or question:
        return int(digits)
    if circled:
        return ord(circled) - ord("①") + 1
    return _CHINESE_DIGITS.index(chinese) + 1 if chinese and len(chinese) == 1 else 0


def _separated(item: str) -> list[str]:
    """Pieces between separators: always after an end mark (？；), else if they look like a list of questions."""
    parts: list[str] = []
    for piece in re.split(rf"(?<={_END_MARK})\s*[;；|｜]+", item):
        # A bar between digits is part of a value: 50|60Hz.
        bars = r"\s*(?<!\d)[|｜]+(?!\d)\s*"
        for separators, is_list in ((bars, _is_barred_list), (r"\s*[;；]+\s*", _is_list)):
            split = [part for part in re.split(separators, piece) if part.strip()]
            if len(split) > 1 and is_list(split):
                parts.extend(split)
                break
        else:
            parts.append(piece)
    return parts


def _is_barred_list(pieces: list[str]) -> bool:
    """Whether pieces between bars are phrases."""
    return all(len(piece.strip()) >= _SHORTEST_PHRASE for piece in pieces) or all(map(asks, pieces))


def _is_list(pieces: list[str]) -> bool:
    """Whether pieces between semicolons are questions of their own."""
    phrases = all(len(piece.strip()) >= _SHORTEST_PHRASE for piece in pieces)
    return all(map(asks, pieces)) or (len(pieces) > 2 and phrases and any(map(asks, pieces)))
