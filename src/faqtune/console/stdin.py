"""Lines of standard input in whatever encoding, answered as they come."""

from __future__ import annotations

import codecs
from collections.abc import Callable, Iterator

from faqtune.encodings import marked

CHUNK_BYTES = 1 << 16


def lines_as_they_come(read: Callable[[int], bytes]) -> Iterator[list[str]]:
    """Blocks of whole lines, each as soon as it is there: a program may wait for an answer before it writes again.

    `read` gives at most so many bytes, waits only if there are none yet, and gives b"" at the end.

    >>> import io
    >>> list(lines_as_they_come(io.BytesIO("几天发货\\r\\nwhere is it".encode()).read))
    [['几天发货'], ['where is it']]
    """
    rest = b""
    for chunk in _chunks(read):
        *whole, last = chunk.split(b"\n")
        if whole:
            whole[0] = rest + whole[0]
            rest = b""
            yield [decoded(line) for line in whole]
        rest += last
    if rest:
        yield [decoded(rest)]


def _chunks(read: Callable[[int], bytes]) -> Iterator[bytes]:
    """What is read; UTF-16 and UTF-32, which begin with a mark, as UTF-8: their ends of lines are no single bytes."""
    chunk = read(CHUNK_BYTES)
    encoding = marked(chunk)
    if encoding in ("utf-16", "utf-32"):
        decoder = codecs.getincrementaldecoder(encoding)(errors="replace")
        while chunk:
            yield decoder.decode(chunk).encode()
            chunk = read(CHUNK_BYTES)
    while chunk:
        yield chunk
        chunk = read(CHUNK_BYTES)


def decoded(line: bytes) -> str:
    """A line as UTF-8, else as GB18030, which every GBK text is; bytes that are neither become �.

    >>> decoded("几天发货".encode("gbk")), decoded(b"\\xef\\xbb\\xbfhello\\r")
    ('几天发货', 'hello')
    """
    for encoding in ("utf-8-sig", "gb18030"):
        try:
            return line.decode(encoding).rstrip("\r")
        except UnicodeDecodeError:
            continue
    return line.decode("utf-8", errors="replace").rstrip("\r")
