"""Planted changes are found exactly, and every figure has its naive twin."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from faqtune import UserError
from faqtune.compare import WeightChanges, compare_weights, sums
from faqtune.compare.gram import Gram

Weights = dict[str, NDArray[np.generic]]
Folder = Callable[..., Path]
WORDS = "embeddings.word_embeddings.weight"
QUERY = "encoder.layer.1.attention.self.query.weight"


def changed_tensors(found: WeightChanges) -> list[str]:
    return [tensor.name for tensor in found.tensors if tensor.change.changed]


def changed_layers(found: WeightChanges) -> list[str]:
    return [layer.layer for layer in found.layers if layer.change.changed]


def test_the_same_weights_have_not_moved_at_all(weights: Weights, folder: Folder) -> None:
    found = compare_weights(folder(weights, "a"), folder(weights, "b"))

    assert [layer.layer for layer in found.layers] == ["embeddings", "layer 0", "layer 1", "layer 2", "other"]
    assert changed_layers(found) == []
    assert (found.total.relative, found.total.cosine, found.total.largest_at) == (0, 1, None)
    assert found.tokens == ()


def test_one_layer_that_moved_is_found_and_no_other(weights: Weights, folder: Folder) -> None:
    moved = weights | {n: w + np.float32(0.1) for n, w in weights.items() if "layer.1." in n}

    found = compare_weights(folder(weights, "a"), folder(moved, "b"))

    assert changed_layers(found) == ["layer 1"]
    layer = found.layers[2]
    assert layer.changed_tensors == layer.tensors == 14
    assert layer.change.changed_share == 1
    cells = {(cell.layer, cell.kind) for cell in found.cells if cell.change.changed}
    assert {kind for _, kind in cells} == {
        "query", "key", "value", "attention output", "intermediate", "output", "norms",
    }  # fmt: skip


def test_one_element_is_found_with_its_place(weights: Weights, folder: Folder) -> None:
    moved = weights | {QUERY: weights[QUERY].copy()}
    moved[QUERY][2, 5] -= np.float32(0.5)

    found = compare_weights(folder(weights, "a"), folder(moved, "b"))

    assert changed_tensors(found) == [QUERY]
    assert found.total.largest == pytest.approx(-0.5, abs=1e-6)
    assert found.total.largest_at == (QUERY, (2, 5))
    assert found.total.changed_share * found.total.elements == pytest.approx(1)
    assert found.total.effective_rank == pytest.approx(1)


def test_the_token_that_moved_most_is_named(weights: Weights, folder: Folder) -> None:
    moved = weights | {WORDS: weights[WORDS].copy()}
    moved[WORDS][7] *= np.float32(2)
    moved[WORDS][31] *= np.float32(1.5)
    after = folder(moved, "b")
    pieces = [[f"▁{number}", 0.0] for number in range(30)]
    tokenizer = {"model": {"vocab": pieces}, "added_tokens": [{"id": 31, "content": "<mask>"}]}
    (after / "tokenizer.json").write_text(json.dumps(tokenizer), encoding="utf-8")

    found = compare_weights(folder(weights, "a"), after)

    assert [(token.row, token.token) for token in found.tokens] == [(7, "▁7"), (31, "<mask>")]
    assert [token.relative for token in found.tokens] == pytest.approx([1.0, 0.5])
    assert changed_tensors(found) == [WORDS]


@pytest.mark.parametrize("content", ["{", "[]", '{"model": {"vocab": 5}}', None])
def test_without_a_vocabulary_tokens_go_by_number(weights: Weights, folder: Folder, content: str | None) -> None:
    after = folder(weights | {WORDS: weights[WORDS] * np.float32(2)}, "b")
    if content is not None:
        (after / "tokenizer.json").write_text(content, encoding="utf-8")

    tokens = compare_weights(folder(weights, "a"), after).tokens

    assert len(tokens) == 20
    assert {token.token for token in tokens} == {None}


def test_another_dtype_is_no_change_where_it_holds_the_same_values(weights: Weights, folder: Folder) -> None:
    half = {name: values.astype(np.float16) for name, values in weights.items()}
    whole = {name: values.astype(np.float32) for name, values in half.items()}

    found = compare_weights(folder(half, "a"), folder(whole, "b"))
    rounded = compare_weights(folder(weights, "c"), folder(half, "d"))

    assert changed_tensors(found) == []
    assert {(tensor.dtype_a, tensor.dtype_b) for tensor in found.tensors} == {("F16", "F32")}
    assert len(changed_tensors(rounded)) == len(weights)
    assert rounded.total.relative is not None and 0 < rounded.total.relative < 1e-3


def test_what_is_missing_or_reshaped_is_listed_and_in_no_figure(weights: Weights, folder: Folder) -> None:
    after = {name: values for name, values in weights.items() if "layer.2." not in name}
    after |= {WORDS: weights[WORDS][:30], "head.weight": weights[QUERY]}

    found = compare_weights(folder(weights, "a"), folder(after, "b"))

    assert len(found.only_a) == 14 and all("layer.2." in name for name in found.only_a)
    assert found.only_b == ("head.weight",)
    assert [(r.name, r.shape_a, r.shape_b) for r in found.reshaped] == [(WORDS, (40, 8), (30, 8))]
    assert not found.total.changed
    assert len(found.tensors) == len(weights) - 15


@pytest.mark.parametrize("prefix", ["roberta.", "model.", "0.auto_model.", "module.bert."])
def test_parts_and_prefixes_change_nothing(weights: Weights, folder: Folder, prefix: str) -> None:
    moved = weights | {QUERY: weights[QUERY] + np.float32(1)}

    whole = compare_weights(folder(weights, "a"), folder(moved, "b"))
    parts = compare_weights(folder(weights, "c", parts=3, prefix=prefix), folder(moved, "d"))

    assert parts == whole
    assert changed_tensors(whole) == [QUERY]


def test_models_of_different_kinds_are_refused(weights: Weights, folder: Folder) -> None:
    other = {"blocks.0.linear.weight": weights[QUERY]}
    wider = {name: np.concatenate([values, values]) for name, values in weights.items()}

    for number, unlike in enumerate((other, wider)):
        with pytest.raises(UserError, match="no tensor of the same name and shape"):
            compare_weights(folder(weights, f"a{number}"), folder(unlike, f"b{number}"))


def test_every_figure_agrees_with_its_naive_twin(
    weights: Weights, folder: Folder, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In pieces of a few rows, so that sums over pieces are what is tested."""
    monkeypatch.setattr(sums, "PIECE_ELEMENTS", 3 * 8)
    random = np.random.default_rng(1)
    moved: Weights = {}
    for name, values in weights.items():
        change = random.normal(scale=0.1, size=values.shape) * (random.random(values.shape) < 0.4)
        moved[name] = (values + change).astype(np.float32)

    found = compare_weights(folder(weights, "a"), folder(moved, "b"))

    for tensor in found.tensors:
        a, b = (side[tensor.name].astype(np.float64) for side in (weights, moved))
        naive = _naive(a, b)
        change = tensor.change
        assert (change.relative, change.cosine, change.largest, change.changed_share) == pytest.approx(naive[:4])
        if a.ndim == 2:
            assert change.effective_rank == pytest.approx(naive[4])
        else:
            assert change.effective_rank is None
    layer = next(found for found in found.layers if found.layer == "layer 1")
    names = [name for name in weights if "layer.1." in name]
    flat = [np.concatenate([side[name].ravel() for name in names]).astype(np.float64) for side in (weights, moved)]
    figures = layer.change
    assert (figures.relative, figures.cosine, figures.largest, figures.changed_share) == pytest.approx(
        _naive(*flat)[:4]
    )
    assert figures.effective_rank == pytest.approx(_naive_rank_of_blocks(weights, moved, names))
    rows = [_naive(weights[WORDS][row], moved[WORDS][row])[0] for row in range(40)]
    assert [token.relative for token in found.tokens] == pytest.approx(sorted(rows, reverse=True)[:20], rel=1e-5)


def _naive(a: NDArray[np.float64], b: NDArray[np.float64]) -> tuple[float, float, float, float, float]:
    """Relative change, cosine, largest change, share of changed elements, effective rank: by loops and by SVD."""
    aa = bb = ab = dd = 0.0
    largest, changed = 0.0, 0
    for x, y in zip(a.ravel().tolist(), b.ravel().tolist(), strict=True):
        aa, bb, ab, dd = aa + x * x, bb + y * y, ab + x * y, dd + (y - x) ** 2
        largest = y - x if abs(y - x) > abs(largest) else largest
        changed += x != y
    rank = math.nan
    if a.ndim == 2:
        squares = np.linalg.svd(b - a, compute_uv=False) ** 2
        rank = float(squares.sum() ** 2 / (squares**2).sum())
    return math.sqrt(dd) / math.sqrt(aa), ab / math.sqrt(aa * bb), largest, changed / a.size, rank


def _naive_rank_of_blocks(before: Weights, after: Weights, names: list[str]) -> float:
    squares = [
        np.linalg.svd(after[n].astype(float) - before[n], compute_uv=False) ** 2 for n in names if before[n].ndim == 2
    ]
    found = np.concatenate(squares)
    return float(found.sum() ** 2 / (found**2).sum())


@pytest.mark.parametrize("shape", [(5, 3), (3, 5), (4, 4)])
def test_a_change_equal_in_every_direction_has_the_rank_of_the_short_side(shape: tuple[int, int]) -> None:
    gram = Gram.for_shape(shape)
    gram.add(0.3 * np.eye(*shape)[:2])
    gram.add(0.3 * np.eye(*shape)[2:])

    second, fourth = gram.powers()

    assert second**2 / fourth == pytest.approx(min(shape))


@pytest.mark.parametrize("shape", [(8,), (), (1, 9), (9, 1), (2, 3, 4), (4096, 4096), (1500, 9000)])
def test_what_is_no_matrix_or_too_large_has_no_rank(shape: tuple[int, ...]) -> None:
    gram = Gram.for_shape(shape)

    assert not gram.ranks
    assert gram.powers() == (0, 0)


def test_zeros_and_what_is_no_number_leave_figures_out_and_nothing_breaks(weights: Weights, folder: Folder) -> None:
    bias = "encoder.layer.0.output.dense.bias"
    before = weights | {bias: np.zeros(8, np.float32), QUERY: weights[QUERY].copy()}
    before[QUERY][0, 0] = np.nan
    after = before | {bias: np.ones(8, np.float32), QUERY: before[QUERY].copy()}
    after[QUERY][1, 1] = np.inf

    found = compare_weights(folder(before, "a"), folder(after, "b"))

    by_name = {tensor.name: tensor.change for tensor in found.tensors}
    assert (by_name[bias].relative, by_name[bias].cosine, by_name[bias].largest) == (None, None, 1)
    assert by_name[QUERY].relative is None
    # The NaN that was one before has not changed, the other number has.
    assert by_name[QUERY].changed_share == 1 / 64
    assert found.layers[1].change.relative is not None
