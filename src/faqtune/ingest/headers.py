"""Find the header row of a table by the names in it, whatever stands above."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from faqtune.config import CatalogueConfig
from faqtune.ingest.archive import Range
from faqtune.ingest.cells import Cell, cell_text
from faqtune.records import normalise

SEARCH_ROWS = 30
MOST_NAMES = 20
"""Names that an error message lists."""
_LONGEST_HEADER_CHARS = 30

_QUESTION = (
    r"(标准|相似|扩展|扩充|常见|用户|客户|参考|主|原始|同义|类似|关联|其[他它])?"
    r"(问题?|问法|问句|提问|疑问|咨询问题)(内容|描述|标题|文本|列表)?[一二三四五六七八九十]?"
    r"|(standard|similar|main|user|customer)?(question|problem|query|utterance|faq)s?(text)?|q"
)
_QUESTION_WEAK = r"[\w一-鿿]{0,6}问[\w一-鿿]{0,3}|咨询|(知识)?标题|知识点|主题|咨询内容|title|subject"
_ANSWER = (
    r"(标准|参考|客服|人工|机器人|推荐|默认|建议)?(答案?|回答|回复|答复|应答|解答|话术|解决方案|处理方案|(回复|应答)话术)"
    r"(内容|文本|话术)?|(standard|suggested)?(answer|reply|response|solution)s?(text)?|a"
)
_ANSWER_WEAK = r"内容|正文|详情|content|body"
_CATEGORY = r"[\w一-鿿]*(分类|类别|类目|类型|目录|模块|板块|栏目|场景)|category|type|topic|section|group"
_ID = r"((知识|问题|条目|faq|entry|question|item)?(编号|编码|id))|kid|uuid|key"


_SIMPLIFIED = str.maketrans(
    "問題標準擴類覆應話術編號內間時對會戶買賣統機訪顧員發訊記錄識",
    "问题标准扩类复应话术编号内间时对会户买卖统机访顾员发讯记录识",
)
"""The characters of all names that faqtune knows, for headers in traditional Chinese."""


@dataclass(frozen=True, slots=True)
class Header:
    """Where the columns of a catalogue are; rows and columns from 0, -1 where there is none."""

    row: int
    names: tuple[str, ...]
    questions: tuple[int, ...]
    answer: int
    category: int = -1
    id: int = -1

    @property
    def unread(self) -> list[str]:
        """Names of the columns that are not used."""
        used = {*self.questions, self.answer, self.category, self.id}
        return [name for column, name in enumerate(self.names) if name and column not in used]


@lru_cache(maxsize=4096)  # asked for every value of a role column
def fold(name: str) -> str:
    """A header for comparing: case, width, spaces, marks and remarks in brackets gone, and a number behind.

    >>> fold("标准问题 1（必填）"), fold("Session_ID")
    ('标准问题', 'sessionid')
    """
    name = unicodedata.normalize("NFKC", name).casefold().translate(_SIMPLIFIED)
    plain = re.sub(r"[\W_]+", "", re.sub(r"[(\[【].*?[)\]】]", "", name))
    return re.sub(r"(?<=\D)\d+$", "", plain)


def find_header(rows: Sequence[Sequence[Cell]], merges: Sequence[Range], config: CatalogueConfig) -> Header | None:
    """The first of the top rows that has a question and an answer column; None if no row has.

    `merges` spread a name over all columns that it is merged over. `config.header_row` (from 1)
    and the columns named in the config come before any guess.
    """
    wanted = range(config.header_row - 1, config.header_row) if config.header_row else range(len(rows))
    for weak in (False, True):
        for number in wanted:
            if number < len(rows) and (header := _as_header(rows, number, merges, config, weak=weak)):
                return header
    return None


def names_seen(rows: Sequence[Sequence[Cell]], header_row: int = 0) -> list[str]:
    """What most likely is the header of a table in which none was recognised, for an error message."""
    if header_row:
        rows = rows[header_row - 1 : header_row]
    named = [[name for name in map(cell_text, row) if 0 < len(name) <= _LONGEST_HEADER_CHARS] for row in rows]
    return max(named, key=len, default=[])


def keys_seen(item: Any) -> list[str]:
    """The same for an item of a JSON file."""
    return [str(key)[:_LONGEST_HEADER_CHARS] for key in item][:MOST_NAMES] if isinstance(item, dict) else []


def _as_header(
    rows: Sequence[Sequence[Cell]], number: int, merges: Sequence[Range], config: CatalogueConfig, *, weak: bool
) -> Header | None:
    names = _spread([cell_text(cell) for cell in rows[number]], number, merges)
    configured = [*config.question_columns, config.answer_column, config.category_column, config.id_column]
    claimed = {normalise(name) for name in configured if name}
    free = {column: fold(name) for column, name in enumerate(names) if normalise(name) not in claimed}

    def columns(named: Sequence[str], strong: str, last_resort: str = "") -> tuple[int, ...]:
        if any(named):
            wanted = set(map(normalise, named))
            return tuple(column for column, name in enumerate(names) if normalise(name) in wanted)
        found = tuple(column for column, name in free.items() if re.fullmatch(strong, name))
        if not found and weak and last_resort:
            found = tuple(column for column, name in free.items() if re.fullmatch(last_resort, name))
        return found

    answers = columns([config.answer_column], _ANSWER, _ANSWER_WEAK)
    questions = columns(config.question_columns, _QUESTION, _QUESTION_WEAK)
    if not answers or not questions:
        return None
    category = (*columns([config.category_column], _CATEGORY), -1)[0]
    identifier = (*columns([config.id_column], _ID), -1)[0]
    return Header(number, tuple(names), questions, answers[0], category, identifier)


def _spread(names: list[str], row: int, merges: Sequence[Range]) -> list[str]:
    """Names of a header row, each merged one repeated over its columns; sentences are no names."""
    names = [name if len(name) <= _LONGEST_HEADER_CHARS else "" for name in names]
    for first_row, first_column, last_row, last_column in merges:
        if first_row <= row <= last_row and first_column < len(names):
            width = len(names[first_column : last_column + 1])
            names[first_column : last_column + 1] = [names[first_column]] * width
    return names
