"""The shipped sample shop: as much as is promised, and made by `tools/sample_shop/build.py`."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections import Counter
from importlib import resources
from pathlib import Path

import pytest
from python_calamine import CalamineWorkbook

from faqtune.config import CatalogueConfig, ConversationsConfig, NoiseConfig
from faqtune.ingest import GoldLabel, read_catalogue, read_conversations, read_gold, read_noise
from faqtune.ingest.clean import cleaner
from faqtune.label import joined
from faqtune.records import Catalogue, Conversation, normalise

SAMPLE = Path(str(resources.files("faqtune") / "sample"))
BUILD = Path(__file__).parents[1] / "tools" / "sample_shop" / "build.py"
SAID_BY_ALL = ("[图片]", "[image]", "hello", "hi", "老板在吗", "嗯")
"""Pictures, and how customers of several episodes begin or agree."""


@pytest.fixture(scope="module")
def catalogue() -> Catalogue:
    return read_catalogue([SAMPLE / "base2.xlsx"], CatalogueConfig())[0]


@pytest.fixture(scope="module")
def conversations() -> list[Conversation]:
    return list(read_conversations([SAMPLE / "data.json"], ConversationsConfig())[0])


@pytest.fixture(scope="module")
def gold(catalogue: Catalogue, conversations: list[Conversation]) -> list[GoldLabel]:
    """Raises for a label whose entry is not in the catalogue."""
    return read_gold([SAMPLE / "gold.jsonl"], catalogue, conversations)[0]


def test_there_is_as_much_as_is_promised(
    catalogue: Catalogue, conversations: list[Conversation], gold: list[GoldLabel]
) -> None:
    noise, _ = read_noise([SAMPLE / "modified_daily_datasets.json"], NoiseConfig())

    assert len(catalogue) >= 150
    assert len(conversations) >= 1500
    assert len(noise) >= 800
    assert len(gold) >= 400
    assert Counter(label.reason for label in gold if label.entry is None).keys() == {
        "unsupported", "several", "chitchat",
    }  # fmt: skip


def test_no_customer_says_what_another_has_said() -> None:
    """Greetings, thanks and pictures aside."""
    phrases = (BUILD.parent / "episodes" / "8_phrases.txt").read_text(encoding="utf-8")
    phrases_said = [line[2:] for line in phrases.splitlines() if line.startswith("C ")]
    common = {normalise(text) for text in (*phrases_said, *SAID_BY_ALL)}
    rows = json.loads((SAMPLE / "data.json").read_text(encoding="utf-8"))

    every = [normalise(row["content"]) for row in rows if row["sender"] == "客户"]
    said = Counter(text for text in every if text not in common)

    assert len(said) > 2500
    assert [text for text, times in said.items() if times > 1] == []


def test_no_question_and_no_answer_stands_under_two_entries(catalogue: Catalogue) -> None:
    for texts in (catalogue.questions, [entry.answer for entry in catalogue]):
        assert [text for text, times in Counter(map(normalise, texts)).items() if times > 1] == []


def test_every_gold_query_is_what_was_said_at_the_turn_it_names(
    conversations: list[Conversation], gold: list[GoldLabel]
) -> None:
    clean = cleaner()
    by_id = {conversation.id: conversation for conversation in conversations}
    for label in gold:
        turns = by_id[label.conversation].turns[label.turn - label.context_turns : label.turn + 1]
        said = joined([turn.customer for turn in turns])
        assert _letters(clean(label.query_text)) == _letters(said), label


def _letters(text: str) -> str:
    """Without the punctuation and blanks that messages are joined by."""
    return re.sub(r"[\s,，]", "", text)


def test_each_hand_label_has_a_conversation_of_its_own(gold: list[GoldLabel]) -> None:
    assert len({label.conversation for label in gold}) == len(gold)


def test_the_build_gives_the_shipped_files(tmp_path: Path) -> None:
    subprocess.run([sys.executable, str(BUILD), str(tmp_path)], check=True, capture_output=True)

    for name in ("data.json", "gold.jsonl", "modified_daily_datasets.json"):
        assert (tmp_path / name).read_bytes() == (SAMPLE / name).read_bytes(), name
    assert _cells(tmp_path / "base2.xlsx") == _cells(SAMPLE / "base2.xlsx")


def _cells(path: Path) -> dict[str, tuple[list[list[object]], object]]:
    """Cells and merged ranges by sheet; the bytes of a workbook depend on the version of its writer."""
    book = CalamineWorkbook.from_path(path)
    sheets = {name: book.get_sheet_by_name(name) for name in book.sheet_names}
    return {name: (sheet.to_python(), sheet.merged_cell_ranges) for name, sheet in sheets.items()}
