"""`convert`: what may be written where; the forms themselves are tested in tests/ingest."""

from __future__ import annotations

from pathlib import Path

import pytest

from faqtune import UserError, convert


def test_a_file_becomes_another_form(small_shop_files: Path, tmp_path: Path) -> None:
    made = convert(small_shop_files / "FAQ.xlsx", tmp_path / "parsed_data.json")

    assert (made.from_form, made.to_form, made.records) == ("sheet", "parsed_data", 10)
    assert made.lost == {"category": 10}


def test_nothing_is_written_over_itself_or_over_a_folder(tmp_path: Path) -> None:
    source = tmp_path / "pairs.jsonl"
    source.write_text('{"query": "几天到", "pos": ["多久送达"], "neg": []}\n', encoding="utf-8")
    (tmp_path / "link.json").symlink_to(source)
    before = source.read_bytes()

    with pytest.raises(UserError, match="over itself"):
        convert(source, source)
    with pytest.raises(UserError, match="over itself"):
        convert(source, tmp_path / "link.json")
    with pytest.raises(UserError, match="is a folder"):
        convert(source, tmp_path)
    assert source.read_bytes() == before
