"""What a file is, by its content: file names lie (GBK text called .xls, xlsx called .csv)."""

from __future__ import annotations

import re
import zipfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from faqtune.errors import UserError
from faqtune.ingest.encodings import open_text

Kind = Literal["xlsx", "ods", "xls", "json", "text"]

SPREADSHEETS = ("xlsx", "ods", "xls")

_READABLE = "give a spreadsheet (xlsx, xls, ods, csv, tsv), JSON, JSONL or plain text file"
_SUFFIXES = {".xlsx", ".xlsm", ".xlsb", ".xls", ".ods", ".csv", ".tsv", ".txt", ".json", ".jsonl", ".ndjson"}
_OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
_FOREIGN = (
    (b"%PDF", "a PDF file"),
    (b"\x89PNG", "a picture"),
    (b"\xff\xd8\xff", "a picture"),
    (b"GIF8", "a picture"),
    (b"Rar!", "a RAR archive"),
    (b"7z\xbc\xaf", "a 7z archive"),
    (b"\x1f\x8b", "a gzip archive"),
    (b"SQLite format 3", "an SQLite database"),
)

_DOCUMENTS = {
    "xl/": "a binary workbook (xlsb)",
    "word/": "a Word document",
    "ppt/": "a PowerPoint file",
    "Index/": "a Numbers file",
}


_SCALAR = re.compile(r'"|-?\d|(null|true|false)\s*$')
"""JSON that is neither a list nor an object."""


@dataclass(frozen=True, slots=True)
class Source:
    """A file to read, and the short unique name by which reports and ids call it."""

    path: Path
    name: str


def expand(paths: Sequence[Path]) -> list[Source]:
    """Files in the order given; a folder stands for the readable files under it, sorted by path.

    A file of a folder is named by its path inside the folder, any other by its own name (with as
    many parents as make it unique), so that ids survive a move of the data.
    Raises UserError for a missing path, an empty folder, and one that cannot be read, however deep.
    """
    found: dict[Path, str] = {}
    for path in paths:
        if _is_folder(path):
            inside = sorted(_files_under(path))
            if not inside:
                raise UserError(f"{path}: no readable file in this folder", _READABLE)
            for file in inside:
                found.setdefault(file.resolve(), file.relative_to(path).as_posix())
        else:
            found.setdefault(path.resolve(), path.name)
    return [Source(path, name) for path, name in _unique(found)]


def _is_folder(path: Path) -> bool:
    """Whether it is a folder, or else a file. Raises UserError for a path that is neither or cannot be reached."""
    try:
        is_folder, is_file = path.is_dir(), path.is_file()
    except OSError as error:
        raise UserError(f"{path}: {error.strerror or error}", "check the path and its permissions") from None
    if not is_folder and not is_file:
        raise UserError(f"there is no {path}", "check the path")
    return is_folder


def distinct(paths: Sequence[Path]) -> list[Path]:
    """Each file and folder once, as it is spelled first, without what lies in another of the folders.

    Raises UserError as `expand` does.
    """
    once = {path.resolve(): path for path in reversed(paths)}
    folders = {path for path, spelled in once.items() if _is_folder(spelled)}
    inside = {source.path for source in expand(sorted(folders))}
    unique = dict.fromkeys(path.resolve() for path in paths)
    return [once[path] for path in unique if path not in inside and folders.isdisjoint(path.parents)]


def _files_under(folder: Path) -> list[Path]:
    """The files of a folder, and below it, that are meant as input: no lock files (~$base2.xlsx), no hidden ones.

    Raises UserError for a folder that cannot be read.
    """
    try:
        found = [(path, path.is_dir() and not path.is_symlink(), path.is_file()) for path in folder.iterdir()]
    except OSError as error:
        raise UserError(
            f"the folder {folder} cannot be read: {error.strerror or error}", "check its permissions, or move it away"
        ) from None
    files: list[Path] = []
    for path, is_folder, is_file in found:
        if path.name.startswith((".", "~$", "__MACOSX")):
            continue
        if is_folder:
            files += _files_under(path)
        elif is_file and path.suffix.lower() in _SUFFIXES:
            files.append(path)
    return files


def _unique(found: dict[Path, str]) -> Iterator[tuple[Path, str]]:
    names = list(found.values())
    for path, name in found.items():
        depth = name.count("/") + 1
        while names.count(name) > 1 and depth < len(path.parts):
            depth += 1
            name = "/".join(path.parts[-depth:])
        yield path, name


def kind_of(source: Source) -> Kind:
    """What the content is, whatever the name says. Raises UserError for what faqtune cannot read."""
    try:
        with source.path.open("rb") as file:
            head = file.read(16)
    except OSError as error:
        raise UserError(f"{source.path}: {error.strerror or error}", "check the path and its permissions") from None
    if not head:
        raise UserError(f"{source.name} is empty", "export it again")
    if head.startswith((b"PK\x03\x04", b"PK\x05\x06")):
        return _kind_of_zip(source)
    if head.startswith(_OLE):
        return _kind_of_ole(source)
    for mark, what in _FOREIGN:
        if head.startswith(mark):
            raise UserError(f"{source.name} is {what}", _READABLE)
    return _kind_of_text(source)


def _kind_of_zip(source: Source) -> Kind:
    try:
        with zipfile.ZipFile(source.path) as archive:
            names = set(archive.namelist())
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError, UnicodeError):
        raise UserError(f"{source.name} is cut off or damaged", "copy or export the file again") from None
    if "xl/workbook.xml" in names:
        return "xlsx"
    if "content.xml" in names and not any(name.startswith("word/") for name in names):
        return "ods"
    what = next((what for part, what in _DOCUMENTS.items() if any(n.startswith(part) for n in names)), "a zip archive")
    raise UserError(f"{source.name} is {what}, not a spreadsheet", f"unpack or convert it, then {_READABLE}")


def _kind_of_ole(source: Source) -> Kind:
    """Old Office files, and the shell around encrypted new ones."""
    with source.path.open("rb") as file:
        content = file.read(1 << 24)
    if "EncryptedPackage".encode("utf-16-le") in content:
        raise UserError(f"{source.name} is protected by a password", "save a copy without password and give that")
    return "xls"


def _kind_of_text(source: Source) -> Kind:
    file, _ = open_text(source.path)
    with file:
        start = file.read(4096).lstrip("\ufeff \t\r\n")
    lowered = start[:200].lower()
    if lowered.startswith(("<?xml", "<html", "<!doctype", "<table", "<meta", "<head")):
        raise UserError(
            f"{source.name} is an HTML or XML page, whatever its name says",
            "open it in Excel or WPS and save it as .xlsx",
        )
    is_called_json = source.path.suffix.lower() in {".json", ".jsonl", ".ndjson"}
    # A sentence may begin with a bracket ([图片]在吗), so that a bracket alone does not make JSON of a text.
    if start[:1] == "{" or (start[:1] == "[" and (is_called_json or start[1:].lstrip()[:1] in set('{["]'))):
        return "json"
    if is_called_json and _SCALAR.match(start):
        raise UserError(f"{source.name} holds a single value ({start[:20]!r}) instead of a list", "export it again")
    if is_called_json:
        raise UserError(f"{source.name} is not JSON: it begins with {start[:20]!r}", "export it again, or name it .txt")
    return "text"
