"""Which files a folder stands for."""

from __future__ import annotations

from pathlib import Path

import pytest

from faqtune.errors import UserError
from faqtune.ingest.kinds import expand


def test_a_folder_stands_for_its_readable_files_sorted_by_path(put):
    for name in (
        "logs/b/2.csv",
        "logs/a.json",
        "logs/~$a.xlsx",
        "logs/.hidden/x.csv",
        "logs/b/readme.md",
        "logs/c.CSV",
    ):
        folder = put(name, "x").parent
    folder = next(parent for parent in (folder, *folder.parents) if parent.name == "logs")
    assert [source.name for source in expand([folder])] == ["a.json", "b/2.csv", "c.CSV"]


def test_a_folder_inside_that_cannot_be_read_is_an_error_that_names_it(put, monkeypatch):
    """It was left out without a word, and all the logs in it."""
    folder = put("logs/a.csv", "x").parent
    locked = put("logs/deep/locked/b.csv", "x").parent
    listed = Path.iterdir

    def iterdir(path: Path):
        if path == locked:
            raise PermissionError(13, "Permission denied", str(path))
        return listed(path)

    monkeypatch.setattr(Path, "iterdir", iterdir)

    with pytest.raises(UserError, match=r"logs/deep/locked cannot be read: Permission denied"):
        expand([folder])
