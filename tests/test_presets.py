"""The classic presets are the older workflow to the number: a change of any of them is one of what is compared with."""

from __future__ import annotations

from typing import Any

import pytest

from faqtune.recipe import Stage, load_recipe, presets

GENERATED: dict[str, Any] = {"weak_labels": 1}
ANNOTATED: dict[str, Any] = {"human_labels": 1}

STAGES: dict[str, list[tuple[dict[str, Any], bool]]] = {
    "classic": [(GENERATED, False)],
    "classic-two-stage": [(GENERATED, False), (ANNOTATED, True)],
    "classic-second-stage": [(ANNOTATED, True)],
}
"""Of each preset the stages: which pairs, and whether with frozen embeddings and the noise penalty."""


def stages() -> list[Any]:
    return [
        pytest.param(load_recipe(name).stages[number], pairs, is_second, id=f"{name} {number + 1}")
        for name, found in STAGES.items()
        for number, (pairs, is_second) in enumerate(found)
    ]


@pytest.mark.parametrize("name", STAGES)
def test_a_classic_preset_has_the_older_workflows_stages_and_keeps_the_model_with_the_least_noise(name: str) -> None:
    recipe = load_recipe(name)
    assert len(recipe.stages) == len(STAGES[name])
    assert recipe.selection.metric == "noise_similarity"
    assert recipe.selection.guard == "recall@1", "a collapsed model has the least noise similarity"
    assert recipe.merge.coefficients == []


@pytest.mark.parametrize(("stage", "pairs", "is_second"), stages())
def test_every_classic_stage_has_the_older_workflows_numbers(
    stage: Stage, pairs: dict[str, Any], is_second: bool
) -> None:
    assert {source: share for source, share in stage.data.shares.items() if share} == pairs
    assert stage.data.most_pairs == 210_000
    assert stage.data.most_negatives == 1000, "negatives of a positive"
    assert (stage.optimiser, stage.learning_rate, stage.epochs) == ("adamw", 5e-6, 3)
    assert stage.max_steps >= 210_000 / 102 * 3 / stage.batch_queries, "the epochs decide"
    losses = stage.losses
    assert (losses.online_contrastive.weight, losses.online_contrastive.margin) == (1.0, 0.3)
    assert losses.online_contrastive.noise
    mining = stage.mining
    assert (mining.negatives_per_query, mining.negatives_pool) == (100, 250), "num_neg of hard_pool"
    assert (mining.every_steps, mining.at_evaluations) == (1000, True)
    assert mining.above_noise_similarity == 0.5
    assert (mining.nearest_noise, mining.noise_pool, mining.near_noise) == (1500, 10_000, 1.0)
    assert stage.freeze.embeddings is is_second
    assert (stage.freeze.lower_layers, stage.freeze.lora_rank, stage.layer_decay) == (0, 0, 1.0)
    if is_second:
        assert (losses.noise_ceiling.weight, losses.noise_ceiling.ceiling_cosine) == (0.5, 0.0)
        assert losses.noise_ceiling.of_the_mean, "the square of the mean (SPEC 2.6)"
    expected = ["online_contrastive", "noise_ceiling"] if is_second else ["online_contrastive"]
    assert losses.active == expected


def test_all_presets_are_known_to_this_file_or_free_to_change() -> None:
    assert set(presets()) == {*STAGES, "default", "quick"}
