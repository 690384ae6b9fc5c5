"""Chatter of every form; sentences of one source stay together."""

from __future__ import annotations

import json

import pytest

from faqtune.config import NoiseConfig
from faqtune.errors import UserError
from faqtune.ingest import read_noise
from faqtune.records import Noise


def read(*paths):
    return read_noise(paths, NoiseConfig())[0]


def test_conversations_give_what_the_customer_says(put):
    data = [
        {"conversation": [{"input": "你喜欢哪首歌？", "output": "都喜欢"}, {"input": "[图片]", "output": "好看"}]},
        {"conversation": [{"input": "今天天气真好", "output": ""}, {"input": "去爬山吗", "output": "好"}]},
    ]
    assert read(put("daily.json", json.dumps(data))) == [
        Noise("你喜欢哪首歌？", "daily.json#0"),
        Noise("今天天气真好", "daily.json#1"),
        Noise("去爬山吗", "daily.json#1"),
    ]


@pytest.mark.parametrize("name", ["a.txt", "a.csv"])
def test_a_sentence_per_line_perhaps_after_its_source(put, name):
    text = "film\t这部电影好看吗\nfilm\tI liked it, a lot\n\n今天好冷,多穿点\n"
    assert read(put(name, text, "utf-16")) == [
        Noise("这部电影好看吗", "film"),
        Noise("I liked it, a lot", "film"),
        Noise("今天好冷,多穿点", f"{name}#4"),
    ]


def test_rows_with_text_and_source(put, xlsx):
    rows = [{"text": "你好", "source": "d1"}, {"text": "再见"}]
    for path in (put("a.jsonl", "\n".join(map(json.dumps, rows))), put("b.json", json.dumps(rows))):
        assert read(path) == [Noise("你好", "d1"), Noise("再见", f"{path.name}#2")]
    assert read(put("c.json", '["你好", "再见"]')) == [Noise("你好", "c.json#1"), Noise("再见", "c.json#2")]
    assert read(put("d.csv", "来源,句子\nd1,你好\n,再见\n")) == [Noise("你好", "d1"), Noise("再见", "d.csv#3")]
    assert read(xlsx("e.xlsx", {"S": [["闲聊"], ["你好"]]})) == [Noise("你好", "e.xlsx#S!2")]
    assert read(xlsx("f.xlsx", {"S": [["你好"], ["再见"]]}))[1] == Noise("再见", "f.xlsx#S!2")


def test_a_sentence_is_read_once_over_all_files(put):
    first, second = put("a.txt", "你好！\nHello World\n"), put("b.txt", "你好!\nhello   world\n早\n")
    sentences, report = read_noise([first, second], NoiseConfig())
    assert [noise.text for noise in sentences] == ["你好！", "Hello World", "早"]
    assert report.files["b.txt"].skipped == {"repeated sentence": 2}


def test_files_without_a_sentence_are_an_error_and_no_files_are_none(put):
    assert read() == []
    with pytest.raises(UserError, match=r"a\.txt: no sentence"):
        read(put("a.txt", "\n \n[图片]\n"))


@pytest.mark.parametrize(
    "item", [{"role": "user", "foo": "x"}, {"foo": "x"}, {"session_id": 1, "role": "R1", "content": "x"}]
)
def test_chatter_that_is_not_understood_is_not_advised_to_set_what_is_for_logs(put, item):
    path = put("odd.json", json.dumps([item, item | {"role": "R2"}]))
    with pytest.raises(UserError, match=r"odd\.json") as caught:
        read(path)
    assert "rows with a `text`" in caught.value.next_step and "[conversations]" not in str(caught.value)
