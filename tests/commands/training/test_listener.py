"""What a training tells while it runs."""

from __future__ import annotations

from typing import Any

import pytest

from faqtune.commands.training.listener import TrainingListener
from faqtune.recipe import load_recipe


@pytest.mark.parametrize(("recipe", "metric"), [("quick", "oscr@5"), ("classic", "noise_similarity")])
def test_the_best_step_is_named_with_the_figure_that_it_is_best_by(recipe: str, metric: str, heard: Any) -> None:
    figures = {"oscr@5": 0.5, "recall@1": 0.6, "auroc": 0.7, "noise_similarity": 0.2}
    TrainingListener(load_recipe(recipe), heard).measured(1, 20, figures, is_best=True)
    (line,) = heard.lines
    assert f"{metric} {figures[metric]:.3f}" in line and line.endswith(f"(best by {metric} so far)")
    TrainingListener(load_recipe(recipe), heard).measured(1, 40, figures, is_best=False)
    assert "best" not in heard.lines[1]


@pytest.mark.parametrize(
    ("steps", "done", "queries", "line"),
    [
        (3, 0, {"labels": 3, "catalogue": 333}, "3 steps of 336 queries (labels 3, catalogue 333)"),
        (40, 12, {"human_labels": 2, "weak_labels": 6}, "40 steps of 8 queries (human labels 2, weak labels 6), "
         "going on after step 12"),
        (1, 0, {"labels": 5}, "1 step of 5 queries"),
    ],
)  # fmt: skip
def test_a_stage_begins_with_the_size_that_its_steps_have(
    steps: int, done: int, queries: dict[str, int], line: str, heard: Any
) -> None:
    plan = load_recipe("quick", ("stage.1.batch_queries=1000",))
    TrainingListener(plan, heard).stage_started(plan.stages[0], 1, steps, done, 0, queries)
    assert heard.lines == [f"stage 1 (rank and reject): {line}"]


COSINES = {"related": 0.6, "unrelated": 0.2, "noise_similarity": 0.4123, "noise_best_similarity": 0.6551}
NEGATIVES = {"queries_mined_for": 1204.0, "negatives_mined": 1190.0, "queries_without_negative": 14 / 1204}
NOISE = {"noise_compared": 10000.0, "noise_near": 1500.0, "near_noise_per_step": 16.0}


@pytest.mark.parametrize(
    ("figures", "line"),
    [
        (
            NEGATIVES | NOISE | {"noise_similarity_change": -0.0312},
            "step 60: mining: 1,190 negatives of other entries for the next 1,204 queries (1.2% have none); "
            "10,000 noise sentences compared, 16 a step from the 1,500 nearest; noise similarity 0.412, "
            "-0.031 on the same sentences (with its nearest question 0.655)",
        ),
        (
            NEGATIVES | {"queries_mined": 30.0, "queries_without_negative": 0.0},
            "step 60: mining: 1,190 negatives of other entries and 30 customers' queries for the next 1,204 queries",
        ),
        (
            NOISE | {"noise_near": 0.0, "near_noise_per_step": 0.0},
            "step 60: mining: 10,000 noise sentences compared, near noise is off; noise similarity 0.412 "
            "(with its nearest question 0.655)",
        ),
        ({}, "step 60: mining: nothing is mined"),
    ],
)
def test_mining_says_what_it_found_and_what_it_did_to_noise(figures: dict[str, float], line: str, heard: Any) -> None:
    TrainingListener(load_recipe("quick"), heard).mined(1, 60, COSINES | figures)
    assert heard.lines == [line]


def test_the_first_round_is_for_all_queries(heard: Any) -> None:
    TrainingListener(load_recipe("quick"), heard).mined(1, 0, COSINES | NEGATIVES)
    assert heard.lines == ["step 0: mining: 1,190 negatives of other entries for 1,204 queries (1.2% have none)"]
