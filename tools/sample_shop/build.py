"""Builds the shipped sample project from the hand-written episodes beside this file.

    python tools/sample_shop/build.py [TARGET]

The shop, its customers and its agents are fictional; every line was written for this project.
An episode is one exchange about one entry; sessions are strung together from episodes with a
fixed seed, so the same episodes always give the same files.
"""

from __future__ import annotations

import json
import random
import sys
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import groupby
from pathlib import Path

import xlsxwriter

HERE = Path(__file__).parent
DEFAULT_TARGET = HERE.parents[1] / "src" / "faqtune" / "sample"
SEED = 20260301
GOLD_PER_ENTRY = (2, 3)
GOLD_WITHOUT_ENTRY = {"unsupported": 80, "several": 20, "chitchat": 40}
SHEETS = {
    "1_orders.txt": "售前售中",
    "2_aftersales.txt": "售后与会员",
    "3_products.txt": "商品知识",
    "4_english.txt": "English FAQ",
}


@dataclass
class Episode:
    """One exchange: (speaker, text) lines, speaker C or S; `entry` is its number, or None with a reason."""

    lines: list[tuple[str, str]]
    entry: int | None = None
    reason: str = ""

    @property
    def is_english(self) -> bool:
        return all(ord(c) < 0x3000 for _, text in self.lines for c in text)


@dataclass
class Entry:
    sheet: str
    category: str
    questions: list[str] = field(default_factory=list)
    answer: str = ""


def read_episodes(path: Path) -> tuple[list[tuple[str, list[str], str]], list[tuple[int, Episode]]]:
    """Blocks (heading, questions, answer) and episodes with the number of their block (-1 before the first)."""
    blocks: list[tuple[str, list[str], str]] = []
    episodes: list[tuple[int, Episode]] = []
    for raw in path.read_text(encoding="utf-8").splitlines():
        line = raw.strip()
        if line.startswith("=="):
            blocks.append((line[2:].strip(), [], ""))
        elif line.startswith("Q "):
            blocks[-1][1].append(line[2:].strip())
        elif line.startswith("A "):
            blocks[-1] = (*blocks[-1][:2], line[2:].strip())
        elif line == "--":
            episodes.append((len(blocks) - 1, Episode([])))
        elif line[:2] in ("C ", "S "):
            episodes[-1][1].lines.append((line[0], line[2:].strip()))
        elif line:
            raise ValueError(f"{path.name}: cannot read {line!r}")
    return blocks, [(block, e) for block, e in episodes if e.lines]


def load() -> tuple[list[Entry], list[Episode], dict[str, list[Episode]]]:
    """All entries, all episodes, and the phrases by kind (`greeting zh`, ...)."""
    entries: list[Entry] = []
    episodes: list[Episode] = []
    for file, sheet in SHEETS.items():
        blocks, found = read_episodes(HERE / "episodes" / file)
        first = len(entries)
        entries += [Entry(sheet, heading.split("/")[0].strip(), qs, answer) for heading, qs, answer in blocks]
        for block, episode in found:
            episode.entry = first + block
            episodes.append(episode)
    for file, reason in (("5_unsupported", "unsupported"), ("6_several", "several"), ("7_smalltalk", "chitchat")):
        for _, episode in read_episodes(HERE / "episodes" / f"{file}.txt")[1]:
            episode.reason = reason
            episodes.append(episode)
    blocks, found = read_episodes(HERE / "episodes" / "8_phrases.txt")
    phrases: dict[str, list[Episode]] = {}
    for block, episode in found:
        phrases.setdefault(blocks[block][0], []).append(episode)
    return entries, episodes, phrases


def choose_gold(entries: list[Entry], episodes: list[Episode], rng: random.Random) -> set[int]:
    """Numbers of the episodes that carry a hand label; their sessions are for testing only."""
    gold: set[int] = set()
    for number in range(len(entries)):
        own = [i for i, e in enumerate(episodes) if e.entry == number]
        gold.update(rng.sample(own, min(len(own), GOLD_PER_ENTRY[number % 2])))
    for reason, count in GOLD_WITHOUT_ENTRY.items():
        own = [i for i, e in enumerate(episodes) if e.reason == reason]
        gold.update(rng.sample(own, count))
    return gold


def sessions_of(episodes: list[Episode], gold: set[int], rng: random.Random) -> list[list[int]]:
    """Every episode in one session: gold ones alone, of the others one in eight shares a session."""
    rest = {False: [], True: []}
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


def messages_of(session: list[int], episodes: list[Episode], phrases: dict[str, list[Episode]], rng: random.Random) -> list[tuple[str, str, int | None]]:
    """(speaker, text, episode) of a session, with greeting, thanks and system phrases around the episodes."""
    language = "en" if episodes[session[0]].is_english else "zh"
    said: list[tuple[str, str, int | None]] = [("S", "客户已接入，会话开始。", None)]
    if rng.random() < 0.3:
        said += [(who, text, None) for who, text in rng.choice(phrases[f"greeting {language}"]).lines]
    for number in session:
        if episodes[number].entry is not None and rng.random() < 0.06:
            said.append(("C", "[图片]", None))
        said += [(who, text, number) for who, text in episodes[number].lines]
    if rng.random() < 0.3:
        said += [(who, text, None) for who, text in rng.choice(phrases[f"closing {language}"]).lines]
    if rng.random() < 0.7:
        said.append(("S", "会话已超时结束。", None))
    return said


def write_logs(target: Path, entries: list[Entry], episodes: list[Episode], phrases: dict[str, list[Episode]]) -> None:
    """`data.json` (one message per row, sessions interleaved by time) and `gold.jsonl`."""
    rng = random.Random(SEED)
    gold = choose_gold(entries, episodes, rng)
    rows = []
    labels = []
    start = datetime(2026, 1, 5, 9, 0)
    for number, session in enumerate(sessions_of(episodes, gold, rng)):
        start += timedelta(seconds=rng.randint(20, 170))
        if start.hour >= 22:
            start = (start + timedelta(days=1)).replace(hour=9, minute=rng.randint(0, 20))
        session_id = f"XG{start:%Y%m%d}{number:05d}"
        said = messages_of(session, episodes, phrases, rng)
        now = start
        for who, text, _ in said:
            sender = "客服" if who == "S" else "客户"
            rows.append({"session_id": session_id, "sender": sender, "content": text, "time": f"{now:%Y-%m-%d %H:%M:%S}"})
            now += timedelta(seconds=rng.randint(600, 900) if text.startswith("会话已") else rng.randint(4, 75))
        labels += [label_of(session_id, said, episodes, entries, n) for n in session if n in gold]
    rows.sort(key=lambda row: row["time"])
    lines = ",\n".join(json.dumps(row, ensure_ascii=False) for row in rows)
    (target / "data.json").write_text(f"[\n{lines}\n]\n", encoding="utf-8")
    (target / "gold.jsonl").write_text("".join(json.dumps(x, ensure_ascii=False) + "\n" for x in labels), encoding="utf-8")


def label_of(session_id: str, said: list[tuple[str, str, int | None]], episodes: list[Episode], entries: list[Entry], number: int) -> dict[str, object]:
    """The gold label of an episode. A turn is a run of customer messages with the run of replies after it."""
    spoken = [(who, text, n) for who, text, n in said if text not in ("客户已接入，会话开始。", "会话已超时结束。", "[图片]")]
    turn = -1
    last_who = ""
    turns: dict[int, list[str]] = {}
    for who, text, n in spoken:
        if who == "C" and last_who != "C":
            turn += 1
        elif turn < 0:
            turn = 0
        last_who = who
        if who == "C" and n == number:
            turns.setdefault(turn, []).append(text)
    query = "，".join(text for texts in turns.values() for text in texts)
    if episodes[number].is_english:
        query = ", ".join(text for texts in turns.values() for text in texts)
    entry = episodes[number].entry
    return {
        "query": query,
        "conversation": session_id,
        "turn": max(turns),
        "entry": entries[entry].questions[0] if entry is not None else None,
        "reason": episodes[number].reason or None,
        "context_turns": len(turns) - 1,
    }


def write_chatter(target: Path) -> None:
    """`modified_daily_datasets.json`: lines of one source after the other, two to four to a conversation."""
    rng = random.Random(SEED + 1)
    lines = [line.split("\t") for line in (HERE / "episodes" / "9_chatter.txt").read_text(encoding="utf-8").splitlines() if line.strip()]
    conversations = []
    for _, group in groupby(lines, key=lambda line: line[0]):
        texts = [text.strip() for _, text in group]
        while texts:
            size = rng.randint(1, 4)
            conversations.append({"conversation": [{"input": text, "output": ""} for text in texts[:size]]})
            del texts[:size]
    text = json.dumps(conversations, ensure_ascii=False, indent=1)
    (target / "modified_daily_datasets.json").write_text(text + "\n", encoding="utf-8")


def write_spreadsheet(path: Path, entries: list[Entry]) -> None:
    """`base2.xlsx`, as messy as such files are."""
    book = xlsxwriter.Workbook(path, {"strings_to_formulas": False})
    book.set_properties({"created": datetime(2026, 1, 4), "title": "溪谷营地 客服标准问答"})
    style = {
        "title": book.add_format({"bold": True, "font_size": 15}),
        "head": book.add_format({"bold": True, "bg_color": "#DDE8DD", "border": 1}),
        "cell": book.add_format({"text_wrap": True, "valign": "top"}),
        "category": book.add_format({"bold": True, "align": "center", "valign": "vcenter"}),
    }
    forms = {
        "售前售中": (["溪谷营地 客服标准问答（2026 春）", "内部资料，请勿外传"], ["序号", "分类", "问题", "答案", "备注"]),
        "售后与会员": ([""], ["类别", "标准问", "相似问1", "相似问2", "相似问3", "标准回复"]),
        "商品知识": (["商品知识库", "", "更新：2026-01-04"], ["分类", "客户常问", "答案", "负责人"]),
        "English FAQ": (["Creekside Camp – help centre"], ["Category", "Question", "Answer"]),
    }
    for name, (titles, header) in forms.items():
        sheet = book.add_worksheet(name)
        sheet.set_column(0, len(header), 28, style["cell"])
        for row, title in enumerate(titles):
            sheet.write(row, 0, title, style["title"])
        sheet.write_row(len(titles), 0, header, style["head"])
        _fill(sheet, len(titles) + 1, header, [e for e in entries if e.sheet == name], style)
    log = book.add_worksheet("修改记录")
    log.write_column(0, 0, ["日期", "2025-11-02", "2025-12-18", "2026-01-04"])
    log.write_column(0, 1, ["修改内容", "双11政策更新", "新增咖啡器具", "核对全部时效与金额"])
    book.close()


def _fill(sheet: xlsxwriter.worksheet.Worksheet, row: int, header: list[str], entries: list[Entry], style: dict[str, xlsxwriter.format.Format]) -> None:
    notes = {"售前售中": "注：大促期间时效以公告为准，请各位同事及时更新。", "商品知识": "注：以上为常规款，联名款另行补充。"}
    number = 0
    for category, group in groupby(entries, key=lambda e: e.category):
        first = row
        for entry in group:
            number += 1
            sheet.write_row(row, 0, _cells(header, entry, number), style["cell"])
            row += 1
        column = 1 if header[0] == "序号" else 0
        if row - first > 1:
            sheet.merge_range(first, column, row - 1, column, category, style["category"])
        else:
            sheet.write(first, column, category, style["category"])
        row += 1 if header[0] in ("序号", "分类") else 0
    if entries[0].sheet in notes:
        sheet.write(row, 0, notes[entries[0].sheet])


def _cells(header: list[str], entry: Entry, number: int) -> list[str | int]:
    """One row: several questions share a cell in a different way on every sheet."""
    qs = entry.questions
    if header[0] == "序号":
        joined = "；".join(qs) if number % 3 == 0 else "\n".join(qs)
        return [number, "", joined, entry.answer, "已核对" if number % 7 == 0 else ""]
    if header[0] == "类别":
        return ["", *(qs + ["", "", ""])[:4], entry.answer]
    if header[0] == "分类":
        joined = "\n".join(f"{i}. {q}" for i, q in enumerate(qs, 1)) if len(qs) > 1 else qs[0]
        return ["", joined, entry.answer, "阿松" if number % 2 else "小禾"]
    return ["", " | ".join(qs) if number % 2 else "\n".join(qs), entry.answer]


def main() -> None:
    target = Path(sys.argv[1]) if len(sys.argv) > 1 else DEFAULT_TARGET
    target.mkdir(parents=True, exist_ok=True)
    entries, episodes, phrases = load()
    write_spreadsheet(target / "base2.xlsx", entries)
    write_logs(target, entries, episodes, phrases)
    write_chatter(target)
    print(f"{len(entries)} entries, {len(episodes)} episodes in {target}")


if __name__ == "__main__":
    main()
