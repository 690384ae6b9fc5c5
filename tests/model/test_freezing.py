from __future__ import annotations

import pytest
import torch

from faqtune.errors import UserError
from faqtune.model import TextModel, freeze, layers_above, unfreeze


def step(model: TextModel) -> set[str]:
    """Names of the weights that one step of training changes."""
    before = {name: p.detach().clone() for name, p in model.named_parameters()}
    optimiser = torch.optim.SGD([p for p in model.parameters() if p.requires_grad], lr=1.0)
    model.embed_ids(model.tokenise(["支持货到付款吗", "free returns?"]))[:, :5].sum().backward()
    optimiser.step()
    return {name for name, p in model.named_parameters() if not torch.equal(p, before[name])}


def test_frozen_embeddings_and_layers_do_not_move(tiny_model: TextModel):
    freeze(tiny_model, embeddings=True, lower_layers=1)
    moved = step(tiny_model)
    assert moved and all(name.startswith("backbone.encoder.layer.1.") for name in moved)


def test_unfrozen_everything_that_is_used_moves(tiny_model: TextModel):
    freeze(tiny_model, embeddings=True, lower_layers=1)
    unfreeze(tiny_model)
    starts = ("backbone.embeddings.word", "backbone.encoder.layer.0.", "backbone.encoder.layer.1.")
    moved = step(tiny_model)
    assert all(any(name.startswith(start) for name in moved) for start in starts)
    assert not any("pooler" in name for name in moved)


def test_counts_worked_out_by_hand(tiny_model: TextModel):
    # Width 32, feed-forward 64. A layer: 4 x (32 x 32 + 32) attention, 32 x 64 + 64 and 64 x 32 + 32
    # feed-forward, 2 x 64 norms = 4224 + 2112 + 2080 + 128 = 8544. The pooler, 32 x 32 + 32, never trains.
    counts = freeze(tiny_model, embeddings=True, lower_layers=1)
    assert counts.trainable == 8544
    everything = unfreeze(tiny_model)
    assert everything.frozen == 1056
    assert everything.trainable + everything.frozen == counts.trainable + counts.frozen


@pytest.mark.parametrize(("embeddings", "lower_layers"), [(False, 3), (False, -1), (True, 2)])
def test_freezing_too_much_is_refused(tiny_model: TextModel, embeddings: bool, lower_layers: int):
    with pytest.raises(UserError):
        freeze(tiny_model, embeddings=embeddings, lower_layers=lower_layers)


def test_layers_above_are_counted_from_the_last_layer_down(tiny_model: TextModel):
    above = layers_above(tiny_model)
    assert above.keys() == {name for name, _ in tiny_model.named_parameters()}
    for name, count in above.items():
        expected = 2 if ".embeddings." in name else 1 if ".layer.0." in name else 0
        assert count == expected, name
