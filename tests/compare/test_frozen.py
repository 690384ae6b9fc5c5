"""What a recipe froze is checked to the last bit."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from faqtune.compare import check_frozen, compare_weights, declared_frozen

Weights = dict[str, NDArray[np.generic]]
Folder = Callable[..., Path]
WORDS = "embeddings.word_embeddings.weight"
POSITIONS = "embeddings.position_ids"


def stage(embeddings: bool, lower_layers: int) -> dict[str, dict[str, object]]:
    return {"freeze": {"embeddings": embeddings, "lower_layers": lower_layers}}


@pytest.mark.parametrize(
    ("stages", "declared"),
    [
        ([stage(True, 0)], ("embeddings",)),
        ([stage(False, 2)], ("layer 0", "layer 1")),
        ([stage(True, 2), stage(True, 1)], ("embeddings", "layer 0")),
        ([stage(True, 2), stage(False, 0)], ()),
        ([], ()),
    ],
)
def test_only_what_every_stage_froze_counts(stages: list[dict[str, object]], declared: tuple[str, ...]) -> None:
    assert declared_frozen(stages) == declared  # type: ignore[arg-type]


def test_a_frozen_layer_that_stood_still_is_fine(weights: Weights, folder: Folder) -> None:
    """Weights above it moved, and another program stored position numbers with them."""
    after = {n: w if n == WORDS or "layer.0." in n else w * np.float32(1.1) for n, w in weights.items()}
    before = weights | {POSITIONS: np.arange(16)[None]}
    after |= {"embeddings.position_embeddings.weight": weights["embeddings.position_embeddings.weight"]}

    check = check_frozen(compare_weights(folder(before, "a"), folder(after, "b")), ("embeddings", "layer 0"))

    assert check.ok is True
    assert check.moved == ()


def test_the_last_bit_of_one_element_counts(weights: Weights, folder: Folder) -> None:
    after = weights | {WORDS: weights[WORDS].copy()}
    after[WORDS][3, 3] = np.nextafter(after[WORDS][3, 3], np.float32(9))

    check = check_frozen(compare_weights(folder(weights, "a"), folder(after, "b")), ("embeddings",))

    assert check.ok is False
    assert check.moved == (WORDS,)


def test_what_was_frozen_must_not_be_gone_or_reshaped(weights: Weights, folder: Folder) -> None:
    after = weights | {WORDS: weights[WORDS][:20]}
    del after["encoder.layer.0.output.dense.bias"]

    changes = compare_weights(folder(weights, "a"), folder(after, "b"))

    assert set(check_frozen(changes, ("embeddings", "layer 0")).moved) == {WORDS, "encoder.layer.0.output.dense.bias"}
    assert check_frozen(changes, ("layer 9",)).moved == ("layer 9",)
    assert check_frozen(changes, ()).ok is None
