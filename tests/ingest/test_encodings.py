"""Every encoding that exports come in is recognised, and damage is named with its line."""

from __future__ import annotations

import codecs

import pytest

from faqtune.errors import UserError
from faqtune.ingest.encodings import HEAD_BYTES, open_text

CHINESE = "问题,答案\n包邮吗,满68元包邮哦\n什么时候发货？,拍下后72小时内发货的呢亲\n"
ENGLISH = "question,answer\nHow long does it take?,Two to three days.\n"


def read(path):
    file, encoding = open_text(path)
    with file:
        return file.read(), encoding


@pytest.mark.parametrize(
    ("text", "codec", "found"),
    [
        (CHINESE, "utf-8", "utf-8"),
        (CHINESE, "utf-8-sig", "utf-8-sig"),
        (CHINESE, "gbk", "gb18030"),
        (CHINESE + "㐀𠀀,四字节\n", "gb18030", "gb18030"),
        (CHINESE, "utf-16", "utf-16"),
        (CHINESE, "utf-16-le", "utf-16-le"),
        (CHINESE, "utf-16-be", "utf-16-be"),
        (ENGLISH, "utf-16-le", "utf-16-le"),
        (ENGLISH, "ascii", "utf-8"),
        (CHINESE, "utf-32", "utf-32"),
        ("問題,答案\n請問運費多少呢,滿一千元免運費\n什麼時候出貨,三天內會幫您出貨\n", "big5", "big5"),
        ("question,answer\nDon’t you ship abroad?,We don’t – sorry\nUn café?,Oui\n", "cp1252", "cp1252"),
    ],
)
def test_a_text_is_read_in_the_encoding_it_was_written_in(put, text, codec, found):
    assert read(put("faq.csv", text, codec)) == (text, found)


def test_big_endian_utf16_with_a_mark(put):
    assert read(put("a.csv", codecs.BOM_UTF16_BE + CHINESE.encode("utf-16-be"))) == (CHINESE, "utf-16")


@pytest.mark.parametrize("codec", ["utf-8", "gb18030"])
@pytest.mark.parametrize("shift", range(4))
def test_a_character_cut_at_the_end_of_the_sample_does_not_mislead(put, codec, shift):
    text = "x" * shift + "发货时间" * 40_000
    assert len(text.encode(codec)) > 2 * HEAD_BYTES
    assert read(put("a.txt", text, codec)) == (text, "utf-8" if codec == "utf-8" else "gb18030")


def test_an_ascii_head_does_not_hide_gbk_further_down(put):
    text = "id,text\n" + "1,hello world\n" * 10_000 + "2,什么时候发货，我已经拍下了\n" * 4_000
    assert len(text.encode("gbk")) > 3 * HEAD_BYTES
    assert read(put("a.csv", text, "gbk")) == (text, "gb18030")


def test_a_damaged_byte_is_named_with_its_line(put):
    lines = [f"{number},您好，请问有什么可以帮您\n".encode() for number in range(20_000)]
    lines[15_000] = lines[15_000].replace("帮".encode(), b"\xe5\xb8")
    with pytest.raises(UserError, match=r"a\.csv, line 15001: the bytes e5 b8"):
        read(put("a.csv", b"".join(lines)))


def test_a_utf16_file_cut_in_a_character_is_named_with_its_line(put):
    with pytest.raises(UserError, match=r"line 4: .* utf-16"):
        read(put("a.csv", CHINESE.encode("utf-16") + b"\x2a"))


def test_a_short_text_cut_in_its_last_character_is_still_utf8(put):
    with pytest.raises(UserError, match=r"line 1: the bytes e5 a5 are not utf-8"):
        read(put("a.txt", "你好".encode()[:-1]))


@pytest.mark.parametrize("codec", ["latin-1", "gb18030"])
def test_mojibake_is_refused(put, codec):
    text = "你们家的衣服什么时候可以发货呢，我已经等了三天了，能不能帮我催一下快递"
    garbled = text.encode().decode(codec, "replace")
    with pytest.raises(UserError, match="mojibake"):
        read(put("a.csv", garbled * 3))


def test_text_with_lost_characters_is_refused(put):
    with pytest.raises(UserError, match="lost"):
        read(put("a.csv", "锟斤拷锟斤拷锟斤拷,亲，锟斤拷锟斤拷锟斤拷\n" * 5))


@pytest.mark.parametrize(
    "text", ["Ça coûte combien l’été à Noël ?\n" * 9, "你好，在吗？发货了没\n" * 9, "👍🏻亲😀\n" * 9]
)
def test_honest_text_is_not_taken_for_mojibake(put, text):
    assert read(put("a.txt", text)) == (text, "utf-8")


def test_binary_content_is_refused(put):
    with pytest.raises(UserError, match="neither text nor a spreadsheet"):
        read(put("a.csv", bytes(range(256)) * 20))


def test_a_missing_file_is_a_user_error(tmp_path):
    with pytest.raises(UserError, match="No such file"):
        open_text(tmp_path / "none.csv")
