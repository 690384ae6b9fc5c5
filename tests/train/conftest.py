"""A shop small enough to learn by heart, and a training that tells what happened."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor

from faqtune.model import TextModel, load
from faqtune.recipe import Recipe
from faqtune.records import Catalogue, Entry, normalise
from faqtune.train import Outcome, train
from faqtune.train.data import Example, TrainingData

ENTRIES = (
    Entry("ship", ("什么时候发货", "下单后几天发货", "When will my order ship?"), "付款后48小时内发货。"),
    Entry("cost", ("运费多少钱", "包邮吗"), "满59元包邮。"),
    Entry("return", ("怎么退货", "七天无理由怎么申请"), "在订单页点退货，仓库收到后退款。"),
    Entry("invoice", ("可以开发票吗",), "订单页可以申请电子发票。"),
    Entry("broken", ("收到的杯子碎了怎么办", "The mug arrived broken"), "拍照发给我们，补发一个。"),
    Entry("colour", ("有别的颜色吗", "白色有货吗"), "目前有白、蓝、黑三色。"),
    Entry("wash", ("能放洗碗机吗", "Is it dishwasher safe?"), "可以，但金边款请手洗。"),
    Entry("address", ("下单后能改地址吗", "地址填错了"), "未发货前可以改。"),
)

LABELS = (
    ("我的货啥时候发呀", 0), ("昨天拍的今天能发吗", 0), ("has it shipped yet", 0), ("急用，能快点发不", 0),
    ("邮费谁出", 1), ("寄新疆要运费吗", 1), ("买一个包不包邮", 1),
    ("不想要了想退", 2), ("退货地址发我一下", 2), ("i want to send it back", 2),
    ("公司报销要票", 3), ("能不能开专票", 3),
    ("到手就裂了", 4), ("杯把断了，给个说法", 4), ("it came in pieces", 4),
    ("蓝色的还有没有", 5), ("粉色什么时候补货", 5),
    ("可以机洗吗这个杯子", 6), ("微波炉和洗碗机都行吗", 6),
    ("地址写错了帮我改下", 7), ("收货人电话换一个", 7),
)  # fmt: skip

DIALOGUES = (
    ("你好，昨天拍的杯子发了吗", "亲，今天下午就给您发出"),
    ("能便宜点吗", "已经是活动价了哦"),
    ("杯子多高", "高九厘米，容量三百五十毫升"),
    ("Do you ship to Canada?", "Sorry, only within China for now."),
    ("刚拍错了想取消", "可以的，您在订单里点取消就行"),
    ("有礼盒装吗", "有的，加十元换礼盒"),
)

NOISE = (
    "今天天气真好", "周末去爬山吗", "哈哈哈哈笑死我了", "晚饭吃什么好呢", "the match last night was great",
    "我家猫又掉毛了", "帮我写一首诗", "what is the capital of France", "明天要早起赶火车", "这电影真好看",
    "你是机器人吗", "唱首歌听听",
)  # fmt: skip

HELD_OUT = (
    ("多久能发货呢", 0), ("when does it ship", 0), ("要不要邮费", 1), ("怎么申请退货", 2), ("发票怎么开", 3),
    ("杯子是碎的", 4), ("还有什么颜色", 5), ("洗碗机能洗吗", 6), ("想改一下地址", 7),
)  # fmt: skip

HELD_OUT_NOISE = ("天气不错去走走", "讲个笑话", "how old are you", "昨晚的球赛你看了吗", "猫粮买哪种")

RECIPE: dict[str, Any] = {
    "name": "toy",
    "seed": 3,
    "checkpoint_every_steps": 2,
    "stages": [
        {
            "name": "warm",
            "data": {"labels": 1, "catalogue": 1, "dialogues": 1},
            "losses": {"ranking": {"weight": 1}, "rejection": {"weight": 0.5}},
            "batch_queries": 9,
            "batch_noise": 4,
            "learning_rate": 3e-3,
            "max_steps": 6,
            "epochs": 100,
            "evaluate_every_steps": 2,
            "mining": {"every_steps": 3},
        }
    ],
}


class Characters:
    """An Encoder without a model: texts that share characters are near each other."""

    name = "characters"

    def encode(self, texts: Sequence[str]) -> NDArray[np.float32]:
        return np.stack([_bag(normalise(text)) for text in texts])


@cache
def _bag(text: str) -> NDArray[np.float32]:
    total = 0.2 + sum((np.random.default_rng(ord(character)).normal(size=24) for character in text), np.zeros(24))
    return (total / np.linalg.norm(total)).astype(np.float32)


@pytest.fixture(scope="session")
def characters() -> Characters:
    return Characters()


@pytest.fixture(autouse=True, scope="session")
def one_thread() -> Iterator[None]:
    """Sums in a fixed order, so that equal means bit for bit."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="session")
def fresh(tiny_model_folder: Path) -> Callable[[], TextModel]:
    """The tiny model as it is in its folder, as often as wanted."""
    base = load(tiny_model_folder, max_length_tokens=64, device="cpu")
    return lambda: copy.deepcopy(base, {id(base.tokenizer): base.tokenizer})


@pytest.fixture
def tiny_model(fresh: Callable[[], TextModel]) -> TextModel:
    return fresh()


@pytest.fixture(scope="session")
def shop() -> TrainingData:
    return TrainingData(
        Catalogue(ENTRIES), tuple(Example(text, row, weight=0.9) for text, row in LABELS), DIALOGUES, NOISE
    )


@pytest.fixture(scope="session")
def recipe_of() -> Callable[..., Recipe]:
    """The toy recipe with settings of its stage changed, `recipe_of(max_steps=4)`; each dict makes a stage."""

    def make(*stages: dict[str, Any], **settings: Any) -> Recipe:
        first = RECIPE["stages"][0]
        return Recipe.model_validate(RECIPE | {"stages": [first | settings | stage for stage in stages or ({},)]})

    return make


@pytest.fixture
def measure() -> Callable[[TextModel], dict[str, float]]:
    """Recall, and the share of queries that are right and above all noise, on texts that are not trained on."""
    questions, owners = zip(*((q, row) for row, entry in enumerate(ENTRIES) for q in entry.questions), strict=True)

    def figures(model: TextModel) -> dict[str, float]:
        vectors = model.encode(questions)
        scores = model.encode([text for text, _ in HELD_OUT]) @ vectors.T
        right = np.array(owners)[scores.argmax(axis=1)] == [row for _, row in HELD_OUT]
        highest_noise = (model.encode(HELD_OUT_NOISE) @ vectors.T).max()
        # Smooth, so that every step of a toy training changes it.
        separation = float((scores.max(axis=1) - highest_noise).mean())
        return {"oscr@5": separation, "recall@1": float(right.mean())}

    return figures


class Record:
    """A Listener that remembers what it was told, and does `on_step` after a step."""

    def __init__(self) -> None:
        self.told: list[tuple[Any, ...]] = []
        self.on_step: Callable[[int, int], None] = lambda stage, step: None

    def stage_started(
        self, stage: Any, number: int, steps: int, done: int, before: int, queries: Mapping[str, int]
    ) -> None:
        self.told.append(("stage", number, steps, done))

    def settled(self, number: int, settings: dict[str, Any]) -> None:
        self.told.append(("settled", number, settings))

    def stepped(self, stage: Any, number: int, step: int, loss: Any) -> None:
        self.told.append(("step", number, step, loss.total))
        self.on_step(number, step)

    def measured(self, number: int, step: int, figures: dict[str, float], is_best: bool) -> None:
        self.told.append(("measured", number, step, is_best))

    def mined(self, number: int, step: int, figures: dict[str, float]) -> None:
        self.told.append(("mined", number, step))

    def noted(self, text: str) -> None:
        self.told.append(("noted", text))


@dataclass
class Toy:
    """A training ready to run, with a fresh base model."""

    model: TextModel
    data: TrainingData
    recipe: Recipe
    folder: Path
    measure: Callable[[TextModel], dict[str, float]]
    record: Record = field(default_factory=Record)

    def train(self) -> Outcome:
        return train(self.model, self.data, self.recipe, self.folder, self.measure, self.record)

    def weights(self) -> dict[str, Tensor]:
        return {name: parameter.detach().clone() for name, parameter in self.model.named_parameters()}

    def has(self, weights: dict[str, Tensor]) -> bool:
        """Whether the model's weights are these, bit for bit."""
        mine = self.weights()
        return mine.keys() == weights.keys() and all(torch.equal(mine[name], weights[name]) for name in mine)

    def log(self) -> list[dict[str, Any]]:
        """The events of `log.jsonl`, without the clock."""
        events = map(json.loads, (self.folder / "log.jsonl").read_text(encoding="utf-8").splitlines())
        return [{name: value for name, value in event.items() if name != "seconds"} for event in events]


@pytest.fixture
def toy(
    fresh: Callable[[], TextModel],
    shop: TrainingData,
    recipe_of: Callable[..., Recipe],
    measure: Callable[[TextModel], dict[str, float]],
    tmp_path: Path,
) -> Callable[..., Toy]:
    """A Toy with settings of the stage changed, or its recipe, folder or measure: `toy(max_steps=4, folder=...)`."""

    def make(*stages: dict[str, Any], **changes: Any) -> Toy:
        parts = {name: changes.pop(name) for name in ("recipe", "folder", "measure") if name in changes}
        usual = {"recipe": recipe_of(*stages, **changes), "folder": tmp_path, "measure": measure}
        return Toy(model=fresh(), data=shop, **(usual | parts))

    return make
