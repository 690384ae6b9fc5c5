"""What is said about the use of hand labels before the first one is given."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from faqtune import Workspace
from faqtune.console.annotate_page import give_labels_a_use


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ("[split]\nhuman_labels_for_training = 0.0\n", "will only measure"),
        ("[split]\nhuman_labels_for_training = 0.5\n", None),
        ("[split]\n", "70% of the conversations that you label will train"),
        ('[gold]\nfiles = ["gold.jsonl"]\n', "will only measure"),
    ],
)
def test_whoever_labels_is_told_what_for(tmp_path: Path, settings: str, said: str | None, heard: Any) -> None:
    workspace = Workspace(tmp_path)
    workspace.config_path.write_text(settings, encoding="utf-8")
    give_labels_a_use(workspace, heard)
    assert [said in text for text in heard.lines if said] == ([True] if said else [])
    assert bool(heard.lines) == (said is not None)
