from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import Tensor

from faqtune.encoder import Encoder
from faqtune.model import Precision, TextModel
from faqtune.recipe import Losses, Mining, Recipe
from faqtune.train import engine, losses, scale
from faqtune.train.batches import Batch, batch_at
from faqtune.train.data import TrainingData
from faqtune.train.engine import batch_loss, learn, micro_batches, tokens_of
from faqtune.train.mining import mine
from faqtune.train.teaching import can_learn

EVERY_LOSS = Losses.model_validate(
    {
        "ranking": {"weight": 1.0, "temperature": 0.1},
        "online_contrastive": {"weight": 0.3, "margin": 0.5},
        "noise_ceiling": {"weight": 2.0, "ceiling_cosine": 0.2},
        "rejection": {"weight": 0.5, "temperature": 0.1},
        "near_rejection": {"weight": 0.25, "temperature": 0.2, "near_cosine": 0.95},
        "positive_floor": {"weight": 0.7, "floor_cosine": 0.99},
        "stay_near": {"weight": 0.4},
    }
)


@pytest.fixture
def batch(shop: TrainingData, characters: Encoder, recipe_of: Callable[..., Recipe]) -> Batch:
    stage = recipe_of(batch_queries=12, batch_noise=5).stages[0]
    return batch_at(
        shop, stage, mine(characters, shop, Mining(negatives_per_query=1, relative_margin=0.95))[0], 0, 1, 0
    )


def gradients(model: TextModel, batch: Batch, micro_batch_tokens: int, graph_tokens: int) -> dict[str, Tensor]:
    return learned(model, batch, EVERY_LOSS, micro_batch_tokens, graph_tokens)


def learned(
    model: TextModel, batch: Batch, settings: Losses, micro_batch_tokens: int, graph_tokens: int
) -> dict[str, Tensor]:
    model.zero_grad(set_to_none=True)
    learn(model, batch, settings, micro_batch_tokens, graph_tokens)
    return {name: p.grad.clone() for name, p in model.named_parameters() if p.grad is not None}


def agree(left: dict[str, Tensor], right: dict[str, Tensor], tolerance: float) -> None:
    assert left.keys() == right.keys() and left
    scale = max(float(gradient.abs().max()) for gradient in left.values())
    for name, gradient in left.items():
        torch.testing.assert_close(gradient, right[name], atol=tolerance * scale, rtol=0, msg=name)


@pytest.mark.parametrize("micro_batch_tokens", [64, 200, 10_000])
def test_gradient_caching_gives_the_gradients_of_one_graph(
    tiny_model: TextModel, batch: Batch, micro_batch_tokens: int
):
    one_graph = gradients(tiny_model, batch, 10_000, graph_tokens=100_000)
    agree(one_graph, gradients(tiny_model, batch, micro_batch_tokens, graph_tokens=1), 1e-5)


@pytest.mark.parametrize("graph_tokens", [1, 100_000])
def test_micro_batching_does_not_change_the_loss(tiny_model: TextModel, batch: Batch, graph_tokens: int):
    found = [learn(tiny_model, batch, EVERY_LOSS, budget, graph_tokens) for budget in (64, 150, 10_000)]
    for loss in found[1:]:
        assert loss.total == pytest.approx(found[0].total, abs=1e-4)
        assert loss.parts == pytest.approx(found[0].parts, abs=1e-4)
    agree(gradients(tiny_model, batch, 64, graph_tokens), gradients(tiny_model, batch, 10_000, graph_tokens), 1e-5)


def test_gradients_are_those_of_texts_encoded_one_by_one(tiny_model: TextModel, batch: Batch):
    tiny_model.zero_grad(set_to_none=True)
    vectors = torch.cat([tiny_model.embed_ids(tiny_model.tokenise([text])) for text in batch.texts])
    batch_loss(vectors, batch, EVERY_LOSS)[0].backward()
    alone = {name: p.grad.clone() for name, p in tiny_model.named_parameters() if p.grad is not None}
    agree(alone, gradients(tiny_model, batch, 200, graph_tokens=1), 1e-5)


@pytest.mark.parametrize("graph_tokens", [1, 100_000])
def test_every_distinct_text_goes_through_within_the_budget(
    tiny_model: TextModel, batch: Batch, graph_tokens: int, monkeypatch: pytest.MonkeyPatch
):
    seen: list[list[Sequence[int]]] = []
    embed = tiny_model.embed_ids
    monkeypatch.setattr(tiny_model, "embed_ids", lambda ids: seen.append(list(ids)) or embed(ids))
    learn(tiny_model, batch, EVERY_LOSS, 64, graph_tokens)
    passes = 1 if graph_tokens > 1 else 2
    assert sum(map(len, seen)) == passes * len(batch.texts)
    assert all(len(ids) == 1 or sum(map(len, ids)) <= 64 for ids in seen)


def test_a_text_that_the_loss_does_not_move_is_encoded_once(
    tiny_model: TextModel, batch: Batch, monkeypatch: pytest.MonkeyPatch
):
    with_margin = Losses.model_validate({"online_contrastive": {"weight": 1.0, "margin": 0.1}})
    vectors = tiny_model.embed_ids(tiny_model.tokenise(batch.texts)).detach().requires_grad_()
    batch_loss(vectors, batch, with_margin)[0].backward()
    assert vectors.grad is not None
    moved = {tuple(tiny_model.tokenise([batch.texts[p]])[0]) for p in vectors.grad.any(dim=1).nonzero().flatten()}
    assert 0 < len(moved) < len(batch.texts)
    one_graph = learned(tiny_model, batch, with_margin, 200, graph_tokens=100_000)
    seen: list[tuple[int, ...]] = []
    embed = tiny_model.embed_ids
    monkeypatch.setattr(tiny_model, "embed_ids", lambda ids: seen.extend(map(tuple, ids)) or embed(ids))
    agree(one_graph, learned(tiny_model, batch, with_margin, 200, graph_tokens=1), 1e-5)
    assert set(seen[len(batch.texts) :]) == moved and len(seen) == len(batch.texts) + len(moved)


def test_the_gradients_of_embeddings_are_dense_and_add_up(tiny_model: TextModel, batch: Batch):
    words = tiny_model.backbone.get_input_embeddings()
    once = gradients(tiny_model, batch, 200, graph_tokens=1)
    learn(tiny_model, batch, EVERY_LOSS, 200, 1)
    assert not words.sparse and words.weight.grad.layout == torch.strided
    torch.testing.assert_close(words.weight.grad, 2 * once["backbone.embeddings.word_embeddings.weight"])


def test_bfloat16_reaches_the_encoder_but_not_the_losses(
    tiny_model: TextModel, batch: Batch, monkeypatch: pytest.MonkeyPatch
):
    inside: list[torch.dtype] = []
    tiny_model.backbone.encoder.layer[0].intermediate.dense.register_forward_hook(
        lambda module, given, out: inside.append(out.dtype)
    )
    scores: list[torch.dtype] = []
    ranking = losses.ranking
    monkeypatch.setattr(engine.losses, "ranking", lambda s, *rest: scores.append(s.dtype) or ranking(s, *rest))
    in_float32 = gradients(tiny_model, batch, 200, graph_tokens=100_000)
    tiny_model.precision = Precision("bfloat16", "test")
    for graph_tokens in (1, 100_000):
        agree(in_float32, gradients(tiny_model, batch, 200, graph_tokens), 0.25)
    assert {torch.bfloat16, torch.float32} == set(inside) and set(scores) == {torch.float32}


@pytest.mark.parametrize("graph_tokens", [1, 100_000])
def test_float16_keeps_gradients_that_it_could_not_hold_unscaled(
    tiny_model: TextModel, batch: Batch, graph_tokens: int
):
    small = Losses.model_validate({"ranking": {"weight": 1e-4, "temperature": 0.1}})
    in_float32 = learned(tiny_model, batch, small, 200, graph_tokens)
    tiny_model.precision = Precision("float16", "test")
    scaled = learned(tiny_model, batch, small, 200, graph_tokens)
    scale.unscale(tiny_model)
    found = {name: p.grad for name, p in tiny_model.named_parameters() if p.grad is not None}
    agree(in_float32, found, 0.05)
    name = "backbone.encoder.layer.0.attention.self.value.weight"
    torch.testing.assert_close(scaled[name], found[name] * 4096)


def test_the_total_is_the_weighted_sum_of_the_losses(batch: Batch):
    vectors = torch.nn.functional.normalize(torch.randn(len(batch.texts), 8), dim=1)
    before = torch.nn.functional.normalize(torch.randn(len(batch.noise), 8), dim=1)
    total, loss = batch_loss(vectors, batch, EVERY_LOSS, before)
    queries, columns = vectors[batch.queries], vectors[batch.columns]
    scores, labels, weights = queries @ columns.T, torch.tensor(batch.labels), torch.tensor(batch.weights)
    questions = [c for c, is_question in zip(batch.columns, batch.is_question, strict=True) if is_question]
    noise_best = torch.tensor([max(float(vectors[n] @ vectors[c]) for c in questions) for n in batch.noise])
    best, others, weight = [], [], []
    for row in range(len(scores)):
        mine = np.flatnonzero(batch.labels[row] == 1)
        own = [
            float(scores[row, c]) for c in range(scores.shape[1]) if batch.labels[row, c] == 1 and batch.is_question[c]
        ]
        if own:
            best.append(max(own))
            weight.append(float(weights[row]))
            wrong = [
                float(s)
                for s, q, y, column in zip(scores[row], batch.is_question, batch.labels[row], columns, strict=True)
                if q and y == 0 and not any(float(column @ columns[c]) >= 0.95 for c in mine)
            ]
            others += [max(wrong)] if wrong else []
    expected = {
        "ranking": losses.ranking(scores, labels, weights, 0.1),
        "online_contrastive": 0.3 * losses.online_contrastive(scores, labels, 0.5),
        "noise_ceiling": 2 * losses.noise_ceiling(noise_best, 0.2),
        "rejection": 0.5 * losses.rejection(torch.tensor(best), noise_best, torch.tensor(weight), 0.1),
        "near_rejection": 0.25 * losses.rejection(torch.tensor(best), torch.tensor(others), torch.tensor(weight), 0.2),
        "positive_floor": 0.7 * losses.positive_floor(torch.tensor(best), torch.tensor(weight), 0.99),
        "stay_near": 0.4 * losses.stay_near(vectors[batch.noise], before),
    }
    assert 0 < len(best) < len(scores)  # dialogues, and entries with a single question, have no own question
    assert loss.parts == pytest.approx({name: float(value) for name, value in expected.items()}, rel=1e-5)
    assert loss.total == pytest.approx(sum(loss.parts.values()), rel=1e-5)
    assert float(total) == pytest.approx(loss.total)


def test_where_no_query_has_its_own_question_rejection_holds_noise_below_its_answer(batch: Batch):
    """As in a catalogue of single questions with answers. A dialogue's turn is compared with replies alone."""
    labels = batch.labels.copy()
    labels[:, batch.is_question] = np.where(labels[:, batch.is_question] == 1, np.nan, labels[:, batch.is_question])
    compared = np.flatnonzero((labels[:, batch.is_question] == 0).any(1))
    labels[compared[:3], np.flatnonzero(~batch.is_question)[:3]] = 1
    answered = np.isin(np.arange(len(labels)), compared[:3])
    single = replace(batch, labels=labels, is_answered=answered)
    vectors = torch.nn.functional.normalize(torch.randn(len(batch.texts), 8), dim=1)
    questions = vectors[batch.columns[batch.is_question]]
    noise_best = torch.tensor([max(float(vectors[n] @ question) for question in questions) for n in batch.noise])
    best, weight = [], []
    for row, query in enumerate(batch.queries):
        mine = [float(vectors[query] @ vectors[c]) for c, y in zip(batch.columns, labels[row], strict=True) if y == 1]
        if answered[row]:
            best.append(max(mine))
            weight.append(float(batch.weights[row]))
    assert 0 < len(best) < int((labels == 1).any(1).sum())  # there are dialogues, too
    _, loss = batch_loss(vectors, single, EVERY_LOSS)
    expected = 0.5 * losses.rejection(torch.tensor(best), noise_best, torch.tensor(weight), 0.1)
    assert loss.parts["rejection"] == pytest.approx(float(expected), rel=1e-5)
    assert not {"near_rejection", "positive_floor"} & loss.parts.keys()
    only = EVERY_LOSS.only("rejection")
    assert can_learn(single, only) and not can_learn(replace(single, noise=batch.noise[:0]), only)
    none_answered = replace(single, is_answered=np.zeros_like(answered))
    assert not can_learn(none_answered, only)
    assert "rejection" not in batch_loss(vectors, none_answered, EVERY_LOSS)[1].parts


def test_nested_dimensions_hold_every_prefix_to_the_same_losses(batch: Batch):
    vectors = torch.nn.functional.normalize(torch.randn(len(batch.texts), 8), dim=1)
    before = torch.nn.functional.normalize(torch.randn(len(batch.noise), 8), dim=1)
    total, loss = batch_loss(vectors, batch, EVERY_LOSS, before, nested=[4, 2, 8, 100])
    alone = []
    for length in (8, 4, 2):
        prefix = torch.nn.functional.normalize(vectors[:, :length], dim=1)
        base = torch.nn.functional.normalize(before[:, :length], dim=1)
        alone.append(float(batch_loss(prefix, batch, EVERY_LOSS, base)[0]))
    assert float(total) == pytest.approx(sum(alone) / 3, rel=1e-5)
    assert loss.total == pytest.approx(sum(loss.parts.values()), rel=1e-5)


def test_noise_is_a_negative_of_every_query_where_the_contrastive_loss_asks_for_it(batch: Batch):
    vectors = torch.nn.functional.normalize(torch.randn(len(batch.texts), 8), dim=1)
    with_noise, without = (
        Losses.model_validate({"online_contrastive": {"weight": 1, "margin": 0.9, "noise": noise}})
        for noise in (True, False)
    )
    queries = vectors[batch.queries]
    scores = torch.cat([queries @ vectors[batch.columns].T, queries @ vectors[batch.noise].T], dim=1)
    labels = torch.tensor(np.pad(batch.labels, ((0, 0), (0, len(batch.noise)))))
    expected = losses.online_contrastive(scores, labels, 0.9)
    assert float(batch_loss(vectors, batch, with_noise)[0]) == pytest.approx(float(expected))
    assert float(batch_loss(vectors, batch, without)[0]) != pytest.approx(float(expected))


def test_a_batch_with_nothing_to_compare_gives_zero_and_a_gradient_of_zero(tiny_model: TextModel):
    nowhere = np.array([], dtype=np.int64)
    batch = Batch(
        ("什么时候发货", "包邮吗"), np.array([0]), np.array([1]), nowhere,
        np.array([[np.nan]], dtype=np.float32), np.ones(1, dtype=np.float32), np.array([True]), np.array([False]),
    )  # fmt: skip
    loss = learn(tiny_model, batch, EVERY_LOSS, 64, 1)
    assert loss.total == 0
    assert not any(p.grad.any() for p in tiny_model.parameters() if p.grad is not None)


def test_a_batch_without_columns_gives_zero(tiny_model: TextModel):
    nowhere = np.array([], dtype=np.int64)
    batch = Batch(
        ("什么时候发货",), np.array([0]), nowhere, nowhere,
        np.zeros((1, 0), dtype=np.float32), np.ones(1, dtype=np.float32), np.zeros(0, dtype=np.bool_),
        np.array([False]),
    )  # fmt: skip
    assert learn(tiny_model, batch, EVERY_LOSS, 64, 1).total == 0


def test_an_open_setting_is_refused(batch: Batch):
    with pytest.raises(ValueError, match="resolved"):
        batch_loss(torch.rand(len(batch.texts), 4), batch, Losses.model_validate({"ranking": {"weight": 1}}))


def test_micro_batches_hold_every_text_once_and_keep_to_the_budget():
    chance = np.random.default_rng(0)
    for budget in (8, 64, 500):
        lengths = chance.integers(2, 60, size=80).tolist()
        parts = micro_batches(lengths, budget)
        assert sorted(place for part in parts for place in part) == list(range(80))
        assert all(len(part) == 1 or len(part) * max(lengths[p] for p in part) <= budget for part in parts)
    assert micro_batches([], 64) == []


def test_where_nothing_is_padded_a_part_is_as_full_as_the_budget_allows():
    lengths = np.random.default_rng(0).integers(2, 60, size=2000).tolist()
    parts = micro_batches(lengths, 20_000, pads=False)
    assert sorted(place for part in parts for place in part) == list(range(2000))
    filled = [sum(lengths[place] for place in part) for part in parts]
    assert max(filled) <= 20_000 and min(filled[:-1]) > 20_000 - 60
    # One long text does not set memory aside for all.
    assert [len(part) for part in micro_batches([*[10] * 1000, 500], 20_000, pads=False)] == [1000, 1]
    assert [len(part) for part in micro_batches([*[10] * 1000, 50], 20_000, pads=False)] == [1001]
    texts = [[[0] * length for length in part] for part in ((2, 3), (7,))]
    assert (tokens_of(texts, pads=False), tokens_of(texts, pads=True)) == (12, 13)


def test_a_large_part_is_at_most_a_tenth_padding():
    lengths = np.random.default_rng(0).integers(2, 60, size=2000).tolist()
    parts = micro_batches(lengths, 100_000)
    assert sorted(place for part in parts for place in part) == list(range(2000))
    padded = [len(part) * lengths[part[-1]] for part in parts]
    assert all(
        sum(lengths[p] for p in part) >= 0.9 * size for part, size in zip(parts, padded, strict=True) if size > 4096
    )
    assert len(parts) < 12 and max(padded) > 4096
