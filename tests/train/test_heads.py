"""Trainings in which BGE-M3's other heads take part."""

from __future__ import annotations

import json
import signal
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from faqtune.encoder import Encoder
from faqtune.model import ModelCard, Precision, TextModel, attach_heads, lexical_weights, load, save, token_vectors
from faqtune.recipe import Heads, Losses, Mining, Recipe
from faqtune.train.batches import Batch, batch_at
from faqtune.train.data import TrainingData
from faqtune.train.engine import StepLoss, learn
from faqtune.train.heads import learn_with_heads
from faqtune.train.mining import mine
from faqtune.train.unified import unified

Toys = Callable[..., Any]

LOSSES = Losses.model_validate(
    {"ranking": {"weight": 1.0, "temperature": 0.1}, "rejection": {"weight": 0.5, "temperature": 0.1}}
)
BOTH = Heads(sparse=True, multi_vector=True, temperature=0.1)
BOTH_IN_TOML = {"sparse": True, "multi_vector": True, "temperature": 0.1}


@pytest.fixture
def batch(shop: TrainingData, characters: Encoder, recipe_of: Callable[..., Recipe]) -> Batch:
    stage = recipe_of(batch_queries=12, batch_noise=5).stages[0]
    return batch_at(shop, stage, mine(characters, shop, Mining())[0], 0, 1, 0)


@pytest.fixture
def m3(tiny_model: TextModel) -> TextModel:
    """The tiny model with fresh heads."""
    attach_heads(tiny_model, 5)
    return tiny_model


def learned(
    model: TextModel, batch: Batch, heads: Heads, micro_batch_tokens: int, graph_tokens: int
) -> tuple[StepLoss, dict[str, Tensor]]:
    model.zero_grad(set_to_none=True)
    loss = learn_with_heads(model, batch, LOSSES, heads, micro_batch_tokens, graph_tokens)
    return loss, {name: p.grad.clone() for name, p in model.named_parameters() if p.grad is not None}


def agree(left: dict[str, Tensor], right: dict[str, Tensor], tolerance: float) -> None:
    assert left.keys() == right.keys() and left
    scale = max(float(gradient.abs().max()) for gradient in left.values())
    for name, gradient in left.items():
        torch.testing.assert_close(gradient, right[name], atol=tolerance * scale, rtol=0, msg=name)


@pytest.mark.parametrize("pooling", ["cls", "mean"])
@pytest.mark.parametrize("micro_batch_tokens", [64, 200, 10_000])
def test_gradient_caching_gives_the_gradients_of_one_graph(
    tiny_model_folder: Path, batch: Batch, micro_batch_tokens: int, pooling: Any
):
    model = load(tiny_model_folder, max_length_tokens=64, device="cpu", pooling=pooling)
    attach_heads(model)
    loss, one_graph = learned(model, batch, BOTH, 10_000, graph_tokens=100_000)
    cached_loss, cached = learned(model, batch, BOTH, micro_batch_tokens, graph_tokens=1)
    agree(one_graph, cached, 1e-5)
    assert cached_loss.parts == pytest.approx(loss.parts, abs=1e-4)
    assert {"heads.sparse.weight", "heads.sparse.bias", "heads.multi_vector.weight"} < one_graph.keys()


def test_the_loss_is_that_of_texts_encoded_one_by_one(m3: TextModel, batch: Batch):
    """A naive twin: scores from what the library says of single texts."""
    loss = learn_with_heads(m3, batch, LOSSES, BOTH, 200, 100_000)
    words, vectors = lexical_weights(m3, batch.texts), token_vectors(m3, batch.texts)
    dense = m3.encode(batch.texts)
    queries, columns = batch.queries.tolist(), batch.columns.tolist()
    pairs = [[(q, c) for c in columns] for q in queries]
    scores = {
        "dense": dense[queries] @ dense[columns].T,
        "sparse": np.array([[sum(w * words[c].get(t, 0.0) for t, w in words[q].items()) for q, c in r] for r in pairs]),
        "multi_vector": np.array([[(vectors[q] @ vectors[c].T).max(1).mean() for q, c in row] for row in pairs]),
    }
    tensors = {name: torch.from_numpy(value).float() for name, value in scores.items()}
    parts = unified(tensors, torch.from_numpy(batch.labels), torch.from_numpy(batch.weights), 0.1, 1.0)
    found = {name.removeprefix("heads_"): value for name, value in loss.parts.items() if name.startswith("heads_")}
    assert found == pytest.approx({name: float(value) for name, value in parts.items()}, rel=1e-4)
    assert loss.total == pytest.approx(sum(loss.parts.values()), rel=1e-5)


def test_beside_the_heads_the_stages_losses_are_as_ever(m3: TextModel, batch: Batch):
    alone = learn(m3, batch, LOSSES, 200, 100_000)
    both = learn_with_heads(m3, batch, LOSSES, BOTH.model_copy(update={"weight": 0.25}), 200, 100_000)
    assert {name: both.parts[name] for name in alone.parts} == pytest.approx(alone.parts, rel=1e-6)
    whole = learn_with_heads(m3, batch, LOSSES, BOTH, 200, 100_000)
    assert both.parts["heads_together"] == pytest.approx(0.25 * whole.parts["heads_together"], rel=1e-5)


@pytest.mark.parametrize("graph_tokens", [1, 100_000])
@pytest.mark.parametrize("name", ["sparse", "multi_vector"])
def test_one_head_can_be_trained_alone(m3: TextModel, batch: Batch, name: str, graph_tokens: int):
    loss, gradients = learned(m3, batch, Heads(**{name: True}), 200, graph_tokens)
    assert {part for part in gradients if part.startswith("heads.")} == {f"heads.{name}.weight", f"heads.{name}.bias"}
    assert {"heads_dense", f"heads_{name}", "heads_together", "heads_distillation"} < loss.parts.keys()


def test_bfloat16_reaches_the_encoder_but_not_the_heads(m3: TextModel, batch: Batch):
    _, in_float32 = learned(m3, batch, BOTH, 200, 100_000)
    seen: list[torch.dtype] = []
    for module in (m3.heads.sparse, m3.heads.multi_vector):
        module.register_forward_hook(lambda module, given, out: seen.append(out.dtype))
    m3.precision = Precision("bfloat16", "test")
    for graph_tokens in (1, 100_000):
        agree(in_float32, learned(m3, batch, BOTH, 200, graph_tokens)[1], 0.25)
    assert set(seen) == {torch.float32}


@pytest.mark.parametrize("graph_tokens", [1, 100_000])
def test_a_batch_with_nothing_to_compare_gives_gradients_of_zero(m3: TextModel, batch: Batch, graph_tokens: int):
    none = replace(batch, labels=np.full_like(batch.labels, np.nan), noise=batch.noise[:0])
    loss, gradients = learned(m3, none, BOTH, 200, graph_tokens)
    assert loss.total == 0 and len(gradients) > 10
    assert {"heads.sparse.weight", "heads.multi_vector.weight"} < gradients.keys()
    assert not any(gradient.any() for gradient in gradients.values())


def test_off_the_heads_are_not_even_there(toy: Toys):
    training = toy(max_steps=2)
    training.train()
    assert training.model.heads is None
    assert not any("heads" in name for name in training.weights())


def test_training_moves_the_heads_and_their_losses_fall(toy: Toys):
    training = toy(
        max_steps=40, learning_rate=5e-3, heads=BOTH_IN_TOML, evaluate_every_steps=40, mining={"every_steps": 0}
    )
    training.measure = lambda model: {"oscr@5": float(bool(model.heads.changed())), "recall@1": 1.0}
    assert training.train().best_step == (1, 40)
    assert training.model.heads.changed() == ("sparse", "multi_vector")
    steps = [event["parts"] for event in training.log() if event["event"] == "step"]
    for name in ("heads_sparse", "heads_multi_vector", "heads_together"):
        assert np.mean([s[name] for s in steps[-5:]]) < 0.7 * np.mean([s[name] for s in steps[:5]]), name


def test_a_stage_without_heads_leaves_those_of_another_alone(toy: Toys):
    stages = ({"max_steps": 2, "heads": BOTH_IN_TOML}, {"name": "then", "max_steps": 2})
    training, after = toy(*stages), []
    training.record.on_step = lambda *place: after.append(training.model.heads.file("sparse"))
    training.train()
    assert after[0] != after[1] == after[2] == after[3]


@pytest.mark.parametrize("last", [(1, 1), (1, 4), (2, 2)], ids=["1.1", "1.4", "2.2"])
def test_interrupted_and_run_again_it_ends_bit_identical(toy: Toys, tmp_path: Path, last: tuple[int, int]):
    stages = ({"heads": BOTH_IN_TOML}, {"name": "then", "max_steps": 4, "heads": {"sparse": True}})
    whole, interrupted, resumed = (
        toy(*stages, folder=tmp_path / name) for name in ("undisturbed", "interrupted", "interrupted")
    )
    undisturbed = whole.train()
    interrupted.record.on_step = lambda *place: signal.raise_signal(signal.SIGINT) if place == last else None
    assert interrupted.train().status == "interrupted"
    outcome = resumed.train()
    assert outcome.status == "done" and outcome.best_step == undisturbed.best_step != (0, 0)
    assert resumed.has(whole.weights()) and "heads.sparse.weight" in whole.weights()
    assert resumed.log() == whole.log()
    assert resumed.model.heads.changed() == whole.model.heads.changed()


def test_the_folder_holds_the_trained_heads_and_the_card_says_so(toy: Toys, tiny_m3_folder: Path, tmp_path: Path):
    training = toy(max_steps=2, heads={"sparse": True})
    training.model = load(tiny_m3_folder, max_length_tokens=64, device="cpu")
    training.measure = lambda model: {"oscr@5": float(bool(model.heads.changed())), "recall@1": 1.0}
    training.train()
    save(training.model, tmp_path / "tuned", ModelCard())
    state = torch.load(tmp_path / "tuned" / "sparse_linear.pt", weights_only=True)
    assert torch.equal(state["weight"], training.model.heads.sparse.weight)
    base, tuned = ((folder / "colbert_linear.pt").read_bytes() for folder in (tiny_m3_folder, tmp_path / "tuned"))
    assert base == tuned
    note = json.loads((tmp_path / "tuned" / "faqtune_heads.json").read_text(encoding="utf-8"))
    assert note["trained"] == ["sparse_linear.pt"] and note["not_retrained"] == ["colbert_linear.pt"]
    card = (tmp_path / "tuned" / "README.md").read_text(encoding="utf-8")
    assert "- Trained along with the vectors, for FlagEmbedding's `BGEM3FlagModel`: `sparse_linear.pt`." in card
    assert "**not trained again**: `colbert_linear.pt`." in card
    texts = ["什么时候发货", "can I return it"]
    assert lexical_weights(load(tmp_path / "tuned", max_length_tokens=64), texts) == lexical_weights(
        training.model, texts
    )


def test_where_the_base_stays_best_its_heads_are_carried_along(toy: Toys, tiny_m3_folder: Path, tmp_path: Path):
    training = toy(max_steps=2, heads=BOTH_IN_TOML)
    training.model = load(tiny_m3_folder, max_length_tokens=64, device="cpu")
    training.measure = lambda model: {"oscr@5": -float(bool(model.heads.changed())), "recall@1": 1.0}
    assert training.train().best_step == (0, 0)
    save(training.model, tmp_path / "tuned", ModelCard())
    for name in ("sparse_linear.pt", "colbert_linear.pt"):
        assert (tmp_path / "tuned" / name).read_bytes() == (tiny_m3_folder / name).read_bytes()
    note = json.loads((tmp_path / "tuned" / "faqtune_heads.json").read_text(encoding="utf-8"))
    assert note["not_retrained"] == ["colbert_linear.pt", "sparse_linear.pt"] and "trained" not in note
