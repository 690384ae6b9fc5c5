"""Errors and progress of the other rooms in Chinese, for people at a Chinese page: `faqtune` speaks English elsewhere.

A text is found in `chinese.txt` by the English that it was made from, with `{}` for what was filled in; the same
values are filled into the Chinese. A test reads the sources of all rooms that can be heard on the page, and fails for
a text that has no Chinese there.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache
from importlib import resources

SYSTEM = {
    "No space left on device": "磁盘已满",
    "Permission denied": "没有权限",
    "Read-only file system": "文件系统只读",
    "No such file or directory": "没有这个文件或文件夹",
    "Is a directory": "这是一个文件夹",
    "database is locked": "数据库正被占用",
    "disk I/O error": "磁盘读写出错",
    "unable to open database file": "打不开数据库文件",
    "database disk image is malformed": "数据库文件已损坏",
    "attempt to write a readonly database": "数据库文件只读",
}
"""What the system says at the end of a text after a file's name."""

WORDS = {"test": "测试数据", "train": "训练数据", "selection": "挑选数据", "calibration": "校准数据"}
"""Values that are words of ours: the parts of a split."""


def chinese(text: str) -> str | None:
    """The Chinese of an English text, or None if it is not known.

    >>> chinese("there is no recipe fast"), chinese("/a/b.db: Permission denied"), chinese("no such words")
    ('没有名为 fast 的方案', '/a/b.db：没有权限', None)
    """
    for pattern, wanted in _patterns():
        if found := pattern.fullmatch(text):
            return wanted.format(*(WORDS.get(value, value) for value in found.groups()))
    where, _, system = text.rpartition(": ")
    return f"{where}：{SYSTEM[system]}" if where and system in SYSTEM else None


def in_chinese(texts: Mapping[str, str]) -> dict[str, str]:
    """The same texts for a Chinese page: what has no Chinese is quoted, and said to be a quotation.

    >>> in_chinese({"error": "boom", "next": ""})
    {'error': '程序报告（英文原文）：boom', 'next': ''}
    """
    return {key: (chinese(text) or f"程序报告（英文原文）：{text}") if text else "" for key, text in texts.items()}


@lru_cache(maxsize=1)
def _patterns() -> list[tuple[re.Pattern[str], str]]:
    """The most letters first: of two that fit, the one that says more is meant."""
    text = resources.files("faqtune.annotate").joinpath("chinese.txt").read_text(encoding="utf-8")
    lines = [line for line in text.splitlines() if line and not line.startswith("#")]
    pairs = zip(lines[::2], lines[1::2], strict=True)
    ordered = sorted(pairs, key=lambda pair: -len(pair[0].replace("{}", "")))
    return [(_pattern(english), zh) for english, zh in ordered]


def _pattern(english: str) -> re.Pattern[str]:
    return re.compile("(.*?)".join(map(re.escape, english.split("{}"))), re.DOTALL)
