"""References to pictures survive reading; texts, and files without pictures, are as they were."""

from __future__ import annotations

import json

import pytest

from faqtune import Workspace
from faqtune.config import ConversationsConfig
from faqtune.ingest import read_conversations
from faqtune.ingest.pictures import in_parts, in_text
from faqtune.records import Conversation, Turn
from faqtune.stored import write_jsonl


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("[图片: a/1.jpg]坏了", ("a/1.jpg",)),
        ("【截图：2.png】", ("2.png",)),
        ('看 <img alt="x" src="https://img.example.com/3.jpeg"> 这个', ("https://img.example.com/3.jpeg",)),
        ("![p](x.png)", ("x.png",)),
        ("https://img.example.com/a.webp?x=1，这个", ("https://img.example.com/a.webp?x=1",)),
        ("[图片]这个多少钱", ()),
        ("看 https://item.example.com/123 这款", ()),
        ("尺寸 3.5:1 (大)", ()),
    ],
)
def test_references_in_a_text(text, found):
    assert in_text(text) == found


def test_references_in_parts():
    parts = [
        {"type": "text", "text": "这个"},
        {"type": "image_url", "image_url": {"url": "https://img.example.com/1.png"}},
        {"type": "image", "image": "2.png"},
        {"type": "image_url", "image_url": {"url": "data:image/png;base64," + "A" * 600}},
        {"type": "image_url", "image_url": 3},
    ]
    assert in_parts(parts) == ("https://img.example.com/1.png", "2.png")


NESTED = [
    {
        "session_id": "s1",
        "messages": [
            {"role": "user", "content": [{"type": "text", "text": "这个坏了"}, {"type": "image", "image": "1.png"}]},
            {"role": "agent", "content": "亲，请看 [图片: 说明.png]"},
            {"role": "user", "content": "[图片: 2.png]"},
            {"role": "agent", "content": "收到"},
        ],
    }
]


def test_every_form_keeps_the_customers_pictures(tmp_path):
    nested, rows = tmp_path / "nested.json", tmp_path / "rows.csv"
    nested.write_text(json.dumps(NESTED, ensure_ascii=False), encoding="utf-8")
    rows.write_text(
        "会话ID,角色,内容,图片链接\ns2,客户,这个坏了,https://img.example.com/1.png\ns2,客服,好的,\ns2,客户,第二张,2.png;3.png\ns2,客服,看到了,\n",
        encoding="utf-8",
    )
    one, two = (next(iter(read_conversations([path], ConversationsConfig())[0])) for path in (nested, rows))
    assert one.turns == (Turn("这个坏了", "亲，请看", "", ("1.png",)), Turn("", "收到", "", ("2.png",)))
    assert [turn.images for turn in two.turns] == [("https://img.example.com/1.png",), ("2.png", "3.png")]


def test_they_are_written_and_read_and_turns_without_have_no_place_for_them(tmp_path):
    workspace = Workspace(tmp_path)
    told = [Conversation("c", (Turn("看", "好", "", ("1.png",)), Turn("谢谢", "不客气")))]
    write_jsonl(workspace.conversations_path, told)
    row = json.loads(workspace.conversations_path.read_text(encoding="utf-8").splitlines()[1])
    assert row["turns"] == [
        {"customer": "看", "agent": "好", "time": "", "images": ["1.png"]},
        {"customer": "谢谢", "agent": "不客气", "time": ""},
    ]
    assert list(workspace.conversations()) == told
