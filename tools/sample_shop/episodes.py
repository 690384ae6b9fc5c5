"""The hand-written episodes of the sample shop, read as entries, exchanges and phrases."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

FOLDER = Path(__file__).parent / "episodes"
SHEETS = {
    "1_orders.txt": "售前售中",
    "2_aftersales.txt": "售后与会员",
    "3_products.txt": "商品知识",
    "4_english.txt": "English FAQ",
}
REASONS = {"5_unsupported.txt": "unsupported", "6_several.txt": "several", "7_smalltalk.txt": "chitchat"}
PHRASES = "8_phrases.txt"
CHATTER = "9_chatter.txt"

CUSTOMER, AGENT = "C", "S"


@dataclass
class Episode:
    """One exchange: (speaker, text) lines; `entry` is its number, or None with a reason."""

    lines: list[tuple[str, str]]
    entry: int | None = None
    reason: str = ""

    @property
    def is_english(self) -> bool:
        return all(ord(character) < 0x3000 for _, text in self.lines for character in text)


@dataclass
class Block:
    """What stands under one heading `== …`: an entry with its episodes, or a kind of phrases."""

    heading: str
    questions: list[str] = field(default_factory=list)
    answer: str = ""
    episodes: list[Episode] = field(default_factory=list)


@dataclass(frozen=True)
class Entry:
    sheet: str
    category: str
    questions: list[str]
    answer: str


@dataclass(frozen=True)
class Shop:
    """All entries; all episodes, in the order of the files; and the phrases by kind (`greeting zh`, …)."""

    entries: list[Entry]
    episodes: list[Episode]
    phrases: dict[str, list[Episode]]


def read_shop() -> Shop:
    """Read every file but the chatter. Raises ValueError for a line that is none of the known kinds."""
    entries: list[Entry] = []
    episodes: list[Episode] = []
    for file, sheet in SHEETS.items():
        for block in _blocks(file):
            for episode in block.episodes:
                episode.entry = len(entries)
            episodes += block.episodes
            entries.append(Entry(sheet, block.heading.split("/")[0].strip(), block.questions, block.answer))
    for file, reason in REASONS.items():
        for episode in (episode for block in _blocks(file) for episode in block.episodes):
            episode.reason = reason
            episodes.append(episode)
    return Shop(entries, episodes, {block.heading: block.episodes for block in _blocks(PHRASES)})


def read_chatter() -> list[tuple[str, str]]:
    """(source, sentence) of every line of the chatter."""
    lines = (FOLDER / CHATTER).read_text(encoding="utf-8").splitlines()
    return [(source, text.strip()) for source, _, text in (line.partition("\t") for line in lines if line.strip())]


def _blocks(file: str) -> list[Block]:
    """The blocks of a file; episodes without a heading are in a block without one."""
    blocks: list[Block] = []
    for raw in (FOLDER / file).read_text(encoding="utf-8").splitlines():
        line = raw.strip()
        if line.startswith("=="):
            blocks.append(Block(line[2:].strip()))
            continue
        if not blocks:
            blocks.append(Block(""))
        kind, text = line[:2], line[2:].strip()
        if kind == "Q ":
            blocks[-1].questions.append(text)
        elif kind == "A ":
            blocks[-1].answer = text
        elif line == "--":
            blocks[-1].episodes.append(Episode([]))
        elif kind in ("C ", "S "):
            blocks[-1].episodes[-1].lines.append((kind[0], text))
        elif line:
            raise ValueError(f"{file}: cannot read {line!r}")
    for block in blocks:
        block.episodes = [episode for episode in block.episodes if episode.lines]
    return blocks
