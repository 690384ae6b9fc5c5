"""JSON that goes down for ever."""

from __future__ import annotations

import json
import tracemalloc
from pathlib import Path

import pytest

from faqtune.errors import UserError
from faqtune.ingest.jsonstream import MAX_DEPTH, layout_of, stream_items
from faqtune.ingest.kinds import expand


@pytest.mark.parametrize("opening", ["[", '{"a":', '[{"a":'])
def test_a_bottomless_file_is_refused_before_it_takes_the_memory(tmp_path: Path, opening: str) -> None:
    """100 kB of brackets used to take 4 GB."""
    path = tmp_path / "deep.json"
    path.write_text(opening * 50_000, encoding="utf-8")
    tracemalloc.start()
    with pytest.raises(UserError, match=rf"deep\.json.*more than {MAX_DEPTH} lists and objects"):
        layout_of(expand([path])[0])
    assert tracemalloc.get_traced_memory()[1] < 20_000_000
    tracemalloc.stop()


def test_depth_is_refused_wherever_it_begins(tmp_path: Path) -> None:
    """Behind an ordinary first item it used to take 12 GB."""
    path = tmp_path / "deep.json"
    path.write_text('[{"a": "b"},' + " " * 100_000 + "[" * 50_000, encoding="utf-8")
    tracemalloc.start()
    with pytest.raises(UserError, match=rf"deep\.json, after item \d: .*more than {MAX_DEPTH} lists and objects"):
        list(stream_items(source := expand([path])[0], layout_of(source)))
    assert tracemalloc.get_traced_memory()[1] < 20_000_000
    tracemalloc.stop()


@pytest.mark.parametrize("text", ["[" * 200, '"' + "[" * 200, "\\", '\\"' + "{" * 200, "a", ""])
@pytest.mark.parametrize("shift", range(6))
def test_brackets_in_a_text_are_no_depth(tmp_path: Path, text: str, shift: int) -> None:
    """Whatever is in a text, and wherever it is cut into pieces."""
    items = [{"q": text * times, text: [[text]]} for times in range(1, 60)]
    path = tmp_path / "texts.json"
    path.write_text(" " * shift + json.dumps(items), encoding="utf-8")
    source = expand([path])[0]

    assert [item for _, item in stream_items(source, layout_of(source))] == items


def test_the_depth_of_many_items_does_not_add_up(tmp_path: Path) -> None:
    path = tmp_path / "items.json"
    path.write_text(json.dumps([[[[number]]] for number in range(20_000)]), encoding="utf-8")
    source = expand([path])[0]

    assert sum(1 for _ in stream_items(source, layout_of(source))) == 20_000
