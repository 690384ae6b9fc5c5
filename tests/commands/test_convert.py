"""`convert`: what may be written where; the forms themselves are tested in tests/ingest."""

from __future__ import annotations

import json
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


def test_a_folder_is_converted_whole(tmp_path: Path) -> None:
    for name in ("a", "b"):
        path = tmp_path / "logs" / f"{name}.json"
        path.parent.mkdir(exist_ok=True)
        talk = [{"conversation": [{"input": f"{name}几天到", "output": "三天"}]}]
        path.write_text(json.dumps(talk, ensure_ascii=False), encoding="utf-8")

    assert convert(tmp_path / "logs", tmp_path / "all.json").records == 2
    assert [c["conversation"][0]["input"] for c in json.loads((tmp_path / "all.json").read_text("utf-8"))] == [
        "a几天到",
        "b几天到",
    ]

    (tmp_path / "logs" / "c.jsonl").write_text('{"query": "几天到", "pos": ["多久送达"], "neg": []}\n', "utf-8")
    with pytest.raises(UserError, match="several forms"):
        convert(tmp_path / "logs", tmp_path / "more.json")


def test_what_is_there_is_replaced_only_if_that_is_asked_for(small_shop_files: Path, tmp_path: Path) -> None:
    target = tmp_path / "parsed_data.json"
    target.write_text("precious", encoding="utf-8")

    with pytest.raises(UserError, match="is there already"):
        convert(small_shop_files / "FAQ.xlsx", target)
    assert target.read_text("utf-8") == "precious"
    assert convert(small_shop_files / "FAQ.xlsx", target, force=True).records == 10


def test_a_name_of_the_older_workflow_holds_what_it_says(small_shop_files: Path, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="holds conversations, and this would be catalogue"):
        convert(small_shop_files / "FAQ.xlsx", tmp_path / "output.json")
    assert convert(small_shop_files / "FAQ.xlsx", tmp_path / "output.json", to_form="parsed_data").records == 10
