"""A small shop to annotate, with a model made of character pairs: as a module, and as a server to be killed.

`python world.py FOLDER PORT [NAMES]` serves the page of the project in FOLDER and prints one line of JSON: the
address of each person. What people do lies in FOLDER, so a server started again goes on where the last one stopped.
"""

from __future__ import annotations

import itertools
import json
import sys
import zlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from faqtune.annotate.material import Material
from faqtune.annotate.people import People, project_secret
from faqtune.annotate.pool import make_pool
from faqtune.annotate.queue import Shares
from faqtune.annotate.session import Session
from faqtune.annotate.signals import Meanings
from faqtune.annotate.store import Store
from faqtune.annotate.tuning import Tuner
from faqtune.encoder import Vectors
from faqtune.records import Catalogue, Conversation, Entry, Turn

WIDTH = 256
ENTRIES = (
    ("付款后多久能发货", "当天16:00前付款当天发出"),
    ("发货后几天能到", "江浙沪一到两天，其他地区二到四天"),
    ("可以指定快递吗", "默认中通，加8元可发顺丰"),
    ("怎么退货", "七天无理由，在订单页申请"),
    ("退款多久到账", "验收后48小时内原路退回"),
    ("能开发票吗", "下单时填写抬头，随货寄出"),
    ("杯子有几种颜色", "白色、青色、墨绿三种"),
    ("茶叶保质期多久", "绿茶18个月，普洱不限"),
    ("有优惠券吗", "关注店铺送5元券"),
    ("可以修改收货地址吗", "发货前可以，发货后请联系快递"),
    ("Do you ship abroad", "Yes, by DHL, to most countries"),
    ("茶具能进洗碗机吗", "不建议，高温会裂"),
)
SAID = (
    "多久发货", "几天能到", "能发顺丰吗", "想退货怎么弄", "退款什么时候到", "能开票不", "杯子什么颜色", "茶叶能放多久",
    "有券吗", "改一下地址", "ship to Canada?", "能放洗碗机吗",
)  # fmt: skip
HEADS = ("", "请问", "亲，", "你好，", "那个")
MORE_HEADS = ("老板，", "想问下", "客服在吗？", "掌柜的，", "再问一句，")
"""For the server that many tests use: nobody is asked the same twice."""
TAILS = ("", "呀", "，急", "，谢谢", "，麻烦看下")


class PairsEncoder:
    """Unit vectors of the characters and their pairs: texts with the same characters are near."""

    name = "pairs"

    def encode(self, texts: Sequence[str]) -> Vectors:
        found = np.full((len(texts), WIDTH), 1e-3, dtype=np.float32)
        for row, text in enumerate(texts):
            for piece in [*text, *map("".join, itertools.pairwise(text))]:
                found[row, zlib.crc32(piece.encode("utf-8", "surrogatepass")) % WIDTH] += 1
        found /= np.linalg.norm(found, axis=1, keepdims=True)
        return found


def conversations(count: int = 150, heads: Sequence[str] = HEADS) -> list[Conversation]:
    """Of one to three exchanges each; every third opens with small talk."""
    made = []
    for number in range(count):
        turns = [Turn("在吗", "")] if number % 3 == 0 else []
        for step in range(1 + number % 3):
            at = (number * 5 + step * 7) % len(SAID)
            head, tail = heads[number % len(heads)], TAILS[number // len(heads) % 5]
            turns.append(Turn(f"{head}{SAID[at]}{tail}", ENTRIES[at][1]))
        made.append(Conversation(f"c{number}", tuple(turns)))
    return made


def material(
    logs: Sequence[Conversation] | None = None, entries: Sequence[Entry] | None = None, shares: Shares | None = None
) -> Material:
    catalogue = Catalogue(
        tuple(entries or (Entry(f"e{n}", (question,), answer, "") for n, (question, answer) in enumerate(ENTRIES)))
    )
    pool = make_pool(conversations() if logs is None else logs, [], 3, 10_000)
    encoder = PairsEncoder()
    meanings = Meanings(
        encoder.encode([query.text for query in pool.queries]),
        encoder.encode(catalogue.questions),
        encoder.encode([query.reply for query in pool.queries]),
        encoder.encode([entry.answer for entry in catalogue]),
    )
    return Material(catalogue, pool, (), meanings, encoder, "pairs", 0.5, shares=shares or Shares())


def open_world(folder: Path, made: Material | None = None, lease_seconds: float = 900) -> Session:
    """The session of the project in `folder`."""
    return Session(
        Store(folder / "annotate.db"),
        folder / "claims.db",
        folder / "queries-annotated.jsonl",
        made or material(),
        lease_seconds,
    )


def idle_tuner(folder: Path) -> Tuner:
    """A tuner whose process only says that it is done."""
    return Tuner(
        folder / "tuning.json", ["default"], lambda recipe: [sys.executable, "-c", ""], lambda: 0.7, print, lambda: None
    )


def application(folder: Path, session: Session, names: Sequence[str], port: int = 80) -> tuple[object, People]:
    """The guarded server of a session, and who may use it."""
    from faqtune.annotate.preparation import Preparation
    from faqtune.annotate.server import make_app

    people = People(names, project_secret(folder))
    return make_app(Preparation.done(session, idle_tuner(folder)), people, f"faqtune-{port}"), people


def main(folder: Path, port: int, names: Sequence[str]) -> None:
    import uvicorn

    many = material(conversations(300, (*HEADS, *MORE_HEADS)))
    app, people = application(folder, open_world(folder, many), names, port)
    addresses = {name: f"http://127.0.0.1:{port}/enter/{people.token(name)}" for name in people.names}
    print(json.dumps(addresses), flush=True)
    uvicorn.run(app, host="127.0.0.1", port=port, log_level="error", access_log=False, lifespan="off")


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]), sys.argv[3].split(",") if len(sys.argv) > 3 else ["王敏"])
