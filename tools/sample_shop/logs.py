"""The sample shop's chat logs and hand labels, strung together from its episodes."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from datetime import datetime, timedelta
from itertools import groupby
from pathlib import Path

from episodes import AGENT, CUSTOMER, Episode, Shop, read_chatter

SEED = 20260301
GOLD_PER_ENTRY = (2, 3)
GOLD_WITHOUT_ENTRY = {"unsupported": 80, "several": 20, "chitchat": 40}
OPENED, CLOSED, PICTURE = "客户已接入，会话开始。", "会话已超时结束。", "[图片]"

Said = tuple[str, str, int | None]
"""Speaker, text, and the number of the episode that it belongs to."""


def write_logs(target: Path, shop: Shop) -> None:
    """`data.json` (one message per row, sessions interleaved by time) and `gold.jsonl`."""
    rng = random.Random(SEED)
    gold = _choose_gold(shop, rng)
    rows: list[dict[str, str]] = []
    labels: list[dict[str, object]] = []
    opening = datetime(2026, 1, 5, 9, 0)
    for number, session in enumerate(_sessions(shop.episodes, gold, rng)):
        opening += timedelta(seconds=rng.randint(20, 170))
        if opening.hour >= 22:
            opening = (opening + timedelta(days=1)).replace(hour=9, minute=rng.randint(0, 20))
        session_id = f"XG{opening:%Y%m%d}{number:05d}"
        said = _messages(session, shop, rng)
        rows += _rows(session_id, said, opening, rng)
        labels += [_label(session_id, said, shop, episode) for episode in session if episode in gold]
    rows.sort(key=lambda row: row["time"])
    lines = ",\n".join(json.dumps(row, ensure_ascii=False) for row in rows)
    (target / "data.json").write_text(f"[\n{lines}\n]\n", encoding="utf-8")
    text = "".join(json.dumps(label, ensure_ascii=False) + "\n" for label in labels)
    (target / "gold.jsonl").write_text(text, encoding="utf-8")


def write_chatter(target: Path) -> None:
    """`modified_daily_datasets.json`: lines of one source after the other, one to four to a conversation."""
    rng = random.Random(SEED + 1)
    conversations = []
    for _, group in groupby(read_chatter(), key=lambda line: line[0]):
        texts = [text for _, text in group]
        while texts:
            size = rng.randint(1, 4)
            conversations.append({"conversation": [{"input": text, "output": ""} for text in texts[:size]]})
            del texts[:size]
    text = json.dumps(conversations, ensure_ascii=False, indent=1)
    (target / "modified_daily_datasets.json").write_text(text + "\n", encoding="utf-8")


def _choose_gold(shop: Shop, rng: random.Random) -> set[int]:
    """Numbers of the episodes that carry a hand label; their sessions are for testing only."""
    gold: set[int] = set()
    for entry in range(len(shop.entries)):
        own = [number for number, episode in enumerate(shop.episodes) if episode.entry == entry]
        gold.update(rng.sample(own, min(len(own), GOLD_PER_ENTRY[entry % 2])))
    for reason, count in GOLD_WITHOUT_ENTRY.items():
        gold.update(rng.sample([n for n, episode in enumerate(shop.episodes) if episode.reason == reason], count))
    return gold


def _sessions(episodes: list[Episode], gold: set[int], rng: random.Random) -> list[list[int]]:
    """Every episode in one session: gold ones alone, of the others one in six together with one or two more."""
    rest: dict[bool, list[int]] = {False: [], True: []}
    for number, episode in enumerate(episodes):
        if number not in gold:
            rest[episode.is_english].append(number)
    sessions = [[number] for number in sorted(gold)]
    for numbers in rest.values():
        rng.shuffle(numbers)
        while numbers:
            size = rng.choices((1, 2, 3), (84, 13, 3))[0]
            sessions.append(numbers[:size])
            del numbers[:size]
    rng.shuffle(sessions)
    return sessions


def _messages(session: list[int], shop: Shop, rng: random.Random) -> list[Said]:
    """What is said in a session, with greeting, thanks and system phrases around the episodes."""
    language = "en" if shop.episodes[session[0]].is_english else "zh"
    said: list[Said] = [(AGENT, OPENED, None)]
    if rng.random() < 0.3:
        said += [(who, text, None) for who, text in rng.choice(shop.phrases[f"greeting {language}"]).lines]
    for number in session:
        if shop.episodes[number].entry is not None and rng.random() < 0.06:
            said.append((CUSTOMER, PICTURE, None))
        said += [(who, text, number) for who, text in shop.episodes[number].lines]
    if rng.random() < 0.3:
        said += [(who, text, None) for who, text in rng.choice(shop.phrases[f"closing {language}"]).lines]
    if rng.random() < 0.7:
        said.append((AGENT, CLOSED, None))
    return said


def _rows(session_id: str, said: list[Said], now: datetime, rng: random.Random) -> Iterator[dict[str, str]]:
    """One row per message, seconds apart; a session times out minutes after the last word."""
    for who, text, _ in said:
        sender = "客服" if who == AGENT else "客户"
        yield {"session_id": session_id, "sender": sender, "content": text, "time": f"{now:%Y-%m-%d %H:%M:%S}"}
        now += timedelta(seconds=rng.randint(600, 900) if text == CLOSED else rng.randint(4, 75))


def _label(session_id: str, said: list[Said], shop: Shop, number: int) -> dict[str, object]:
    """The gold label of an episode. A turn is a run of customer messages with the run of replies after it."""
    spoken = [(who, text, episode) for who, text, episode in said if text not in (OPENED, CLOSED, PICTURE)]
    turn, last_who = -1, ""
    turns: dict[int, list[str]] = {}
    for who, text, episode in spoken:
        if who == CUSTOMER and last_who != CUSTOMER:
            turn += 1
        # What an agent says before the customer is a turn of its own.
        turn, last_who = max(turn, 0), who
        if who == CUSTOMER and episode == number:
            turns.setdefault(turn, []).append(text)
    asked = shop.episodes[number]
    separator = ", " if asked.is_english else "，"
    return {
        "query": separator.join(text for texts in turns.values() for text in texts),
        "conversation": session_id,
        "turn": max(turns),
        "entry": shop.entries[asked.entry].questions[0] if asked.entry is not None else None,
        "reason": asked.reason or None,
        "context_turns": len(turns) - 1,
    }
