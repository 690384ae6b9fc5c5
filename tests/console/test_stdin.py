"""Lines of standard input: any encoding, any chunks, no line waits for the next."""

from __future__ import annotations

import io
import os
import threading

from hypothesis import given
from hypothesis import strategies as st

from faqtune.console.stdin import decoded, lines_as_they_come


@given(lines=st.lists(st.binary(max_size=20).map(lambda raw: raw.replace(b"\n", b""))), sizes=st.data())
def test_lines_do_not_depend_on_the_chunks_that_they_come_in(lines: list[bytes], sizes: st.DataObject) -> None:
    stream = io.BytesIO(b"".join(line + b"\n" for line in lines))

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


def test_every_line_has_its_own_encoding() -> None:
    assert decoded("能开发票吗".encode()) == "能开发票吗"
    assert decoded("能开发票吗".encode("gb18030")) == "能开发票吗"
    assert decoded(b"\xef\xbb\xbf" + "能开发票吗\r".encode()) == "能开发票吗"
    assert decoded(b"caf\xe9 \xff") == "caf� �"
