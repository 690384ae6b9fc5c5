"""Scorecards on disk."""

from __future__ import annotations

from pathlib import Path

import pytest

from faqtune import UserError, Workspace, evaluate_models
from faqtune.commands.figures.scorecards import read_scorecards, save_scorecards
from faqtune.report import Example, Examples


def test_what_was_saved_is_read_back(tuned_shop: Workspace, tmp_path: Path) -> None:
    made = evaluate_models(tuned_shop)
    examples = Examples([Example("几天到", "什么时候发货", "", "什么时候发货")], [])
    paths = [tmp_path / f"test-{what}.json" for what in ("before", "after", "comparison", "examples")]

    saved = save_scorecards(paths, made.scorecards, made.comparisons, examples)

    assert read_scorecards(paths) == saved


def test_a_damaged_or_missing_file_names_the_command_that_makes_it(tmp_path: Path) -> None:
    path = tmp_path / "test-model.json"

    with pytest.raises(UserError, match="run `faqtune evaluate` first"):
        read_scorecards([path])
    path.write_text('{"model": "x", "of_the_future": 1}', encoding="utf-8")
    with pytest.raises(UserError, match=r"test-model\.json is damaged.* run `faqtune evaluate --force`"):
        read_scorecards([path])
