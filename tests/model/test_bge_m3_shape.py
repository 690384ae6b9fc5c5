"""The real size: one full training step, saving and loading at the exact shape of BGE-M3, with random weights."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
import torch

from faqtune.model import ModelCard, TextModel, load, save, unfreeze
from faqtune.model.layout import Layout, write_layout
from faqtune.model.machine import free_disk_bytes, free_ram_bytes
from faqtune.model.memory import KNOWN, need_of_known
from faqtune.recipe import Losses, Stage
from faqtune.train.batches import Batch
from faqtune.train.engine import learn
from faqtune.train.optimiser import make_optimiser, update

TEXTS = ("什么时候发货", "我昨天拍的怎么还没发", "包邮吗", "When will my order ship?")

SETTINGS = Losses.model_validate({"ranking": {"weight": 1.0, "temperature": 0.05}})


@pytest.fixture
def bge_m3_shape(builtin_model_folder: Path, tmp_path: Path) -> Path:
    """A folder of 2.3 GB: 24 layers, 1024 wide, 250,002 tokens, 8,194 positions, laid out as BGE-M3 is."""
    from transformers import XLMRobertaConfig, XLMRobertaModel

    need = need_of_known("BAAI/bge-m3")
    assert need is not None
    if (free_ram_bytes() or 0) < 12e9 or free_disk_bytes(tmp_path) < 3 * need.weights:
        pytest.skip("needs 12 GB of memory and 7 GB of disk")
    config = XLMRobertaConfig(**KNOWN["BAAI/bge-m3"], pad_token_id=1, bos_token_id=0, eos_token_id=2)
    folder = tmp_path / "bge-m3"
    with torch.random.fork_rng():
        torch.manual_seed(0)
        XLMRobertaModel(config, add_pooling_layer=False).save_pretrained(folder)
    for name in ("tokenizer.json", "tokenizer_config.json"):
        shutil.copyfile(builtin_model_folder / name, folder / name)
    write_layout(folder, Layout("cls", "", 8192), config.hidden_size)
    return folder


@pytest.mark.slow
def test_a_step_at_the_shape_of_bge_m3_is_saved_and_read_by_sentence_transformers(bge_m3_shape: Path, tmp_path: Path):
    model = load(bge_m3_shape, max_length_tokens=64, device="cpu")
    before = {name: parameter.detach()[:2].clone() for name, parameter in model.named_parameters()}
    assert np.isfinite(one_step(model))
    changed = {name for name, parameter in model.named_parameters() if not torch.equal(parameter[:2], before[name])}
    # Row 1 of the word and position tables is padding; all other weights are pulled by decay or gradient.
    assert changed == before.keys()

    save(model, tmp_path / "tuned", ModelCard())
    vectors = model.encode(TEXTS)
    del model
    shutil.rmtree(bge_m3_shape)
    from sentence_transformers import SentenceTransformer

    tuned = SentenceTransformer(str(tmp_path / "tuned"), device="cpu", model_kwargs={"dtype": torch.float32})
    theirs = tuned.encode(list(TEXTS))
    assert float((vectors * theirs).sum(axis=1).min()) > 0.999


def one_step(model: TextModel) -> float:
    """Everything trained, one update; returns the loss."""
    unfreeze(model)
    stage = Stage.model_validate({"data": {}, "losses": {}})
    optimiser = make_optimiser(model, stage)
    labels = np.array([[1, 0], [1, 0]], dtype=np.float32)
    batch = Batch(
        TEXTS, np.array([1, 3]), np.array([0, 2]), np.array([], dtype=np.int64), labels,
        np.ones(2, dtype=np.float32), np.ones(2, dtype=np.bool_), np.zeros(2, dtype=np.bool_),
    )  # fmt: skip
    loss = learn(model, batch, SETTINGS, 2048, 8192)
    assert np.isfinite(update(optimiser, 1e-3, stage.max_gradient_norm))
    return loss.total
