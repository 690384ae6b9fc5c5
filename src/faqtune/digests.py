"""One number for what a step was made from: sha256 over texts and files."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

from faqtune.errors import UserError


def digest(*sources: Path | str) -> str:
    """sha256 over texts (str) and over the names and contents of files (Path).

    A folder counts with every file in it, by its path inside the folder. Where files lie and when
    they were written does not count; a file that is not there is a content of its own. Raises
    UserError for a file that cannot be read.
    """
    return _sha256(b"all", *map(_digest_of, sources)).hex()


def _digest_of(source: Path | str) -> bytes:
    if isinstance(source, str):
        return _sha256(b"text", source.encode("utf-8", "surrogatepass"))
    if source.is_dir():
        files = sorted(file for file in source.rglob("*") if file.is_file())
        return _sha256(b"folder", *(_digest_of_file(file, file.relative_to(source)) for file in files))
    return _digest_of_file(source, Path(source.name))


def _digest_of_file(file: Path, name: Path) -> bytes:
    try:
        with file.open("rb") as handle:
            content = hashlib.file_digest(handle, "sha256").digest()
    except FileNotFoundError:
        content = bytes(32)
    except OSError as error:
        raise UserError(f"{file}: {error.strerror or error}", "check its permissions") from None
    return _sha256(b"file", os.fsencode(name.as_posix()), content)


def _sha256(kind: bytes, *parts: bytes) -> bytes:
    return hashlib.sha256(b"\0".join((kind, *parts))).digest()
