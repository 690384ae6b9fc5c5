"""JSON that goes down for ever."""

from __future__ import annotations

import tracemalloc
from pathlib import Path

import pytest

from faqtune.errors import UserError
from faqtune.ingest.jsonstream import MAX_DEPTH, layout_of
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
