"""What a training tells while it runs."""

from __future__ import annotations

from typing import Any

import pytest

from faqtune.commands.listener import TrainingListener
from faqtune.recipe import load_recipe


@pytest.mark.parametrize(("recipe", "metric"), [("quick", "oscr@5"), ("classic", "noise_similarity")])
def test_the_best_step_is_named_with_the_figure_that_it_is_best_by(recipe: str, metric: str, heard: Any) -> None:
    figures = {"oscr@5": 0.5, "recall@1": 0.6, "auroc": 0.7, "noise_similarity": 0.2}
    TrainingListener(load_recipe(recipe), heard).measured(1, 20, figures, is_best=True)
    (line,) = heard.lines
    assert f"{metric} {figures[metric]:.3f}" in line and line.endswith(f"(best by {metric} so far)")
    TrainingListener(load_recipe(recipe), heard).measured(1, 40, figures, is_best=False)
    assert "best" not in heard.lines[1]
