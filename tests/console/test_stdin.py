"""Lines of standard input: any encoding, any chunks, no line waits for the next."""

from __future__ import annotations

import io
import os
import threading

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from faqtune.console.stdin import decoded, lines_as_they_come
from faqtune.encodings import marked


@given(lines=st.lists(st.binary(max_size=20).map(lambda raw: raw.replace(b"\n", b""))), sizes=st.data())
def test_lines_do_not_depend_on_the_chunks_that_they_come_in(lines: list[bytes], sizes: st.DataObject) -> None:
    raw = b"".join(line + b"\n" for line in lines)
    assume(marked(raw) in ("", "utf-8-sig"))
    stream = io.BytesIO(raw)

    def read(most: int) -> bytes:
        return stream.read(sizes.draw(st.integers(1, 7)))

    assert [line for block in lines_as_they_come(read) for line in block] == [decoded(line) for line in lines]


def test_a_last_line_without_an_end_counts() -> None:
    assert list(lines_as_they_come(io.BytesIO(b"a\nb").read)) == [["a"], ["b"]]
    assert list(lines_as_they_come(io.BytesIO(b"").read)) == []


def test_a_line_is_answered_before_the_next_one_is_written() -> None:
    """As a program does that keeps `faqtune match` open and waits for each answer."""
    reading, writing = os.pipe()
    blocks = lines_as_they_come(lambda most: os.read(reading, most))
    for asked in ("几天发货", "where is my order"):
        os.write(writing, f"{asked}\n".encode())
        answered: list[list[str]] = []
        thread = threading.Thread(target=lambda kept=answered: kept.append(next(blocks)), daemon=True)
        thread.start()
        thread.join(timeout=10)
        assert answered == [[asked]]
    os.close(writing)
    assert list(blocks) == []
    os.close(reading)


@pytest.mark.parametrize("encoding", ["utf-16", "utf-32", "utf-8-sig"])
@pytest.mark.parametrize("most", [7, 1000])
def test_text_with_a_mark_is_read_by_it(encoding: str, most: int) -> None:
    # 上 is 4E 0A in UTF-16: read byte by byte, it would end a line.
    raw = "上午能发货吗\r\n五十元可以吗\n\nwhere is it".encode(encoding)
    stream = io.BytesIO(raw)
    blocks = lines_as_they_come(lambda size: stream.read(min(size, most)))
    assert [line for block in blocks for line in block] == ["上午能发货吗", "五十元可以吗", "", "where is it"]


def test_every_line_has_its_own_encoding() -> None:
    assert decoded("能开发票吗".encode()) == "能开发票吗"
    assert decoded("能开发票吗".encode("gb18030")) == "能开发票吗"
    assert decoded(b"\xef\xbb\xbf" + "能开发票吗\r".encode()) == "能开发票吗"
    assert decoded(b"caf\xe9 \xff") == "caf� �"
