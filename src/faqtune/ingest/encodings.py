"""Open a text file in the encoding it was written in, and say which one that is.

The encoding is found from a bounded sample (the head and windows spread over the file);
the file itself is streamed. Bytes that do not fit are an error that names the line:
guessing there would let damaged text into the training data.
"""

from __future__ import annotations

import codecs
import io
import re
from pathlib import Path
from typing import TextIO

from faqtune.encodings import decoded, encoding_of
from faqtune.errors import UserError

HEAD_BYTES = 1 << 16
WINDOW_BYTES = 1 << 14
WINDOWS = 15

_SAVE_AGAIN = "open the file in the program it came from and save it again as UTF-8"


def open_text(path: Path) -> tuple[TextIO, str]:
    """Open a text file for streaming; newlines are left as they are. The caller closes it.

    Returns the file and the name of its encoding: utf-8, utf-8-sig, utf-16, utf-16-le,
    utf-16-be, utf-32, gb18030, big5 or cp1252. Raises UserError for a missing or binary file
    and for mojibake; reading raises UserError with the line number where bytes do not fit.
    """
    try:
        encoding = _detect(path)
        return _NamedErrors(path, encoding), encoding
    except OSError as error:
        raise UserError(f"{path}: {error.strerror or error}", "check the path and its permissions") from None


class _NamedErrors(io.TextIOWrapper):
    """A text file whose decoding errors are UserErrors with a line number."""

    def __init__(self, path: Path, encoding: str) -> None:
        self._path = path
        super().__init__(path.open("rb"), encoding=encoding, newline="")

    def read(self, size: int | None = -1, /) -> str:
        try:
            return super().read(size)
        except UnicodeDecodeError as error:
            raise self._named(error) from None

    def readline(self, size: int = -1, /) -> str:  # type: ignore[override]
        try:
            return super().readline(size)
        except UnicodeDecodeError as error:
            raise self._named(error) from None

    def _named(self, error: UnicodeDecodeError) -> UserError:
        line = _line_of_first_fault(self._path, self.encoding)
        found = error.object[error.start : error.start + 4].hex(" ")
        return UserError(
            f"{self._path.name}, line {line}: the bytes {found} are not {self.encoding}",
            f"mend that line, or {_SAVE_AGAIN}",
        )


def _line_of_first_fault(path: Path, encoding: str) -> int:
    decoder = codecs.getincrementaldecoder(encoding)()
    line = 1
    with path.open("rb") as file:
        while True:
            chunk = file.read(HEAD_BYTES)
            try:
                line += decoder.decode(chunk, final=not chunk).count("\n")
            except UnicodeDecodeError as error:
                return line + error.object[: error.start].decode(encoding, "ignore").count("\n")
            if not chunk:
                return line


def _detect(path: Path) -> str:
    """Name of the encoding. Raises UserError for binary content and mojibake."""
    samples = _samples(path)
    encoding = encoding_of(samples)
    if encoding.startswith(("utf-8-", "utf-16", "utf-32")):
        samples = samples[:1]  # windows may begin in the middle of a two-byte unit
    if not encoding:
        raise UserError(
            f"{path.name} is neither text nor a spreadsheet that faqtune knows",
            "give a spreadsheet (xlsx, xls, ods, csv, tsv), JSON, JSONL or plain text file",
        )
    if trouble := _damage("".join(decoded(sample, encoding) for sample in samples)):
        raise UserError(f"{path.name}: {trouble}", "export the file again from where it came from, as UTF-8")
    return encoding


def _samples(path: Path) -> list[bytes]:
    """The head, then windows spread evenly over the rest; the few characters cut by them count for nothing."""
    with path.open("rb") as file:
        samples = [file.read(HEAD_BYTES)]
        size = file.seek(0, io.SEEK_END)
        rest = size - HEAD_BYTES
        for window in range(min(WINDOWS, max(0, rest) // WINDOW_BYTES)):
            file.seek(HEAD_BYTES + rest * window // WINDOWS)
            samples.append(file.read(WINDOW_BYTES))
    return samples


def _damage(text: str) -> str:
    """What is wrong with a text that was decoded wrongly and saved once before; "" if nothing is.

    Text that, written in another encoding, is valid UTF-8 almost throughout came about by
    reading UTF-8 in that encoding: 你好 turns into 浣犲ソ (GBK) or ä½\xa0å¥½ (Latin-1).
    """
    beyond_ascii = re.sub(r"[\x00-\x7f]+", "", text)
    for other in ("latin-1", "cp1252", "gb18030"):
        again = beyond_ascii.replace("\ufffd", "").encode(other, "ignore").decode("utf-8", "replace")
        faults = again.count("\ufffd")
        whole = len(again) - faults
        if whole >= 8 and whole > 3 * faults and whole > len(beyond_ascii) / 8:
            return f"its text is mojibake: UTF-8 that was read as {other} and saved so"
    lost = beyond_ascii.count("\ufffd") + 3 * text.count("锟斤拷")
    if lost > 8 and lost > len(beyond_ascii) / 50:
        return f"its text was damaged when it was saved: {lost} characters of the sample are lost (�, 锟斤拷)"
    return ""
