"""Whatever the bytes: a reader gives a result or a UserError, never another exception."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from faqtune.config import CatalogueConfig, ConversationsConfig, NoiseConfig
from faqtune.errors import UserError
from faqtune.ingest import convert, inspect, read_catalogue, read_conversations, read_gold, read_noise
from faqtune.ingest.questions import split_questions
from faqtune.records import Catalogue, Entry, normalise

OURS = Catalogue((Entry("x", ("几天到",), "3天"),))
quick = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])

WORDS = "问题 答案 会话ID 发送者 内容 时间 客户 客服 在吗 包邮吗？；几天到 [图片] 会话已超时结束。 1.5 2026-01-05 hi"
KEYS = "conversation input output session_id messages role content text source problems answer id query entry pos turns"
texts = st.sampled_from([*WORDS.split(), "\ud800", "\0", "\u2028"]) | st.text(max_size=8)
keys = st.sampled_from(KEYS.split())
values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(keys | texts, inner, max_size=4),
    max_leaves=12,
)


def read_every_way(path: Path) -> None:
    """Run all readers on a file; UserErrors are an answer, too."""
    ways = (
        lambda: read_catalogue([path], CatalogueConfig(skip_empty=True)),
        lambda: list(read_conversations([path], ConversationsConfig())[0]),
        lambda: read_noise([path], NoiseConfig()),
        lambda: read_gold([path], OURS),
        lambda: inspect([path]),
        lambda: convert(path, path.with_name("target.jsonl")),
    )
    for way in ways:
        try:
            way()
        except UserError as error:
            assert error.problem


@quick
@given(content=st.binary(max_size=400), suffix=st.sampled_from([".csv", ".json", ".xlsx", ".txt"]))
def test_random_bytes(tmp_path, content, suffix):
    path = tmp_path / f"a{suffix}"
    path.write_bytes(content)
    read_every_way(path)


@quick
@given(data=values, suffix=st.sampled_from([".json", ".jsonl"]), cut=st.floats(0.3, 1.0))
def test_random_json_perhaps_cut_off(tmp_path, data, suffix, cut):
    path = tmp_path / f"a{suffix}"
    text = json.dumps(data)
    path.write_text(text[: int(len(text) * cut) + 1])
    read_every_way(path)


@quick
@given(
    rows=st.lists(
        st.dictionaries(keys, texts | st.lists(texts, max_size=2), min_size=1, max_size=5), min_size=1, max_size=5
    )
)
def test_random_rows(tmp_path, rows):
    path = tmp_path / "a.json"
    path.write_text(json.dumps(rows))
    read_every_way(path)


@quick
@given(rows=st.lists(st.lists(texts, max_size=5), max_size=8), codec=st.sampled_from(["utf-8", "utf-16", "gb18030"]))
def test_random_tables(tmp_path, rows, codec):
    path = tmp_path / "a.csv"
    path.write_bytes("\n".join(",".join(row) for row in rows).encode(codec, "replace"))
    read_every_way(path)


@pytest.fixture(scope="module")
def workbooks(tmp_path_factory):
    import xlsxwriter

    path = tmp_path_factory.mktemp("books") / "a.xlsx"
    book = xlsxwriter.Workbook(path)
    sheet = book.add_worksheet("问答")
    for number, row in enumerate([["问题", "答案"], ["几天到", "3天"], ["包邮吗", "包"]]):
        sheet.write_row(number, 0, row)
    sheet.merge_range(3, 0, 4, 0, "能退吗")
    book.close()
    return path.read_bytes()


@quick
@given(data=st.data())
def test_damaged_workbooks(tmp_path, workbooks, xls, data):
    content = bytearray(
        data.draw(st.sampled_from([workbooks, xls("b.xls", [["问题", "答案"], ["几天到", "3天"]]).read_bytes()]))
    )
    for _ in range(data.draw(st.integers(1, 8))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    path = tmp_path / "a.xlsx"
    path.write_bytes(content[: data.draw(st.integers(len(content) // 2, len(content)))])
    read_every_way(path)


@given(cell=st.text(max_size=60) | st.lists(texts, max_size=6).map("；".join))
def test_splitting_a_cell_loses_and_repeats_nothing(cell):
    questions, _ = split_questions(cell)
    assert all(question == question.strip() and question for question in questions)
    assert len({normalise(question) for question in questions}) == len(questions)
    letters = [c for c in cell if c.isalpha()]
    assert set("".join(questions)) - set(cell) <= {" ", "\n", "\ufffd"}
    if letters and not questions:
        raise AssertionError("a cell with words has no question")
