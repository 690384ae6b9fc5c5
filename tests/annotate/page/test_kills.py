"""Many people, and a server that is killed again and again: what was acknowledged is there, exactly once."""

from __future__ import annotations

import http.client
import json
import random
import threading
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from faqtune import claims
from faqtune.annotate.people import People, project_secret
from faqtune.annotate.store import ANSWER, Store

NAMES = ("王敏", "李雷", "韩梅", "Ann")


class Client(threading.Thread):
    """Sends its decisions one after the other, each until it is acknowledged, as the page's outbox does."""

    def __init__(self, number: int, decisions: int, port: int, people: People, items: list[dict[str, Any]]) -> None:
        super().__init__(daemon=True)
        self.port, self.items = port, items
        by = NAMES[number % len(NAMES)]
        self.headers = {
            "host": f"127.0.0.1:{port}", "origin": f"http://127.0.0.1:{port}", "content-type": "application/json",
            "cookie": f"faqtune-{port}={people.cookie(by)}", "x-csrf-token": people.csrf(by),
        }  # fmt: skip
        self.to_send = [f"client-{number:02d}-{n:04d}" for n in range(decisions)]
        self.acknowledged: list[str] = []
        self.refused: list[str] = []
        self.chance = random.Random(number)

    def run(self) -> None:
        connection: http.client.HTTPConnection | None = None
        for act in self.to_send:
            item = self.chance.choice(self.items)
            body = {"act": act, "item": item["item"], "what": "pick", "turns": item["turns"], "entries": ["e1"]}
            while True:
                try:
                    connection = connection or http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
                    connection.request("POST", "/api/answers", json.dumps(body), self.headers)
                    answered = connection.getresponse()
                    said = answered.read()
                except (OSError, http.client.HTTPException):
                    if connection is not None:
                        connection.close()
                    connection = None
                    time.sleep(0.02)
                    continue
                if answered.status == 200:
                    self.acknowledged.append(act)
                elif answered.status < 500:
                    self.refused.append(f"{answered.status} {said!r}")
                else:
                    continue
                break
        if connection is not None:
            connection.close()


def kill_while_people_annotate(
    serve: Callable[..., Any], world: ModuleType, folder: Path, clients: int, decisions: int, kills: int
) -> None:
    served = serve(NAMES)
    people = People(NAMES, project_secret(folder))
    material = world.material()
    items = [
        {"item": query.id, "turns": sum(n in query.turns for n in material.pool.customer_turns(query))}
        for query in material.pool.queries
    ]
    working = [Client(number, decisions, served.port, people, items) for number in range(clients)]
    for client in working:
        client.start()
    total = clients * decisions
    killed = 0
    chance = random.Random(0)
    while any(client.is_alive() for client in working):
        # Spread over the whole of the work, each at an unforeseen moment of it.
        done = sum(len(client.acknowledged) for client in working)
        if killed < kills and done >= total * killed / (kills + 1):
            time.sleep(chance.uniform(0, 0.05))
            served.kill()
            served.start()
            killed += 1
        time.sleep(0.002)
    assert killed >= kills
    assert [client.refused for client in working] == [[]] * clients
    acknowledged = [act for client in working for act in client.acknowledged]
    assert len(acknowledged) == total
    stored = Counter(act.act for act in Store(folder / "annotate.db").acts() if act.kind == ANSWER)
    claimed = Counter(claim.act for claim in claims.read(folder / "claims.db"))
    assert stored == Counter(acknowledged)
    assert claimed == Counter(acknowledged)


def test_what_was_acknowledged_is_there_once_though_the_server_is_killed(
    serve: Callable[..., Any], world: ModuleType, tmp_path: Path
) -> None:
    kill_while_people_annotate(serve, world, tmp_path, clients=4, decisions=25, kills=2)


@pytest.mark.slow
def test_twenty_people_with_500_decisions_each_and_twenty_kills_lose_nothing(
    serve: Callable[..., Any], world: ModuleType, tmp_path: Path
) -> None:
    kill_while_people_annotate(serve, world, tmp_path, clients=20, decisions=500, kills=20)
