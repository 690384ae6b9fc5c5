"""Hand labels whose ids come from another file than the project's catalogue."""

from __future__ import annotations

import json

import pytest

from faqtune import Workspace
from faqtune.commands.project.gold import gold_labels
from faqtune.progress import Silent


@pytest.mark.parametrize("keys", [("questions", "answer"), ("problems", "answer")])
def test_the_file_of_the_ids_has_columns_of_its_own(tuned_shop: Workspace, keys: tuple[str, str]) -> None:
    """A spreadsheet's headers in faqtune.toml say nothing of the catalogue.json that the ids come from."""
    catalogue = tuned_shop.catalogue()
    text = tuned_shop.config_path.read_text(encoding="utf-8")
    assert 'answer_column = "' in text
    others = tuned_shop.root / "catalogue.json"
    questions, answer = keys
    rows = [{"id": f"F{n}", questions: list(e.questions), answer: e.answer} for n, e in enumerate(catalogue)]
    others.write_text(json.dumps(rows, ensure_ascii=False), encoding="utf-8")
    gold = tuned_shop.root / "more.jsonl"
    gold.write_text(json.dumps({"query": "几时能发", "entry": "F0"}, ensure_ascii=False) + "\n", encoding="utf-8")

    assert [label.entry for label in gold_labels(tuned_shop, [gold], catalogue, others)] == [catalogue.entries[0].id]


def test_labels_without_a_place_in_the_logs_are_counted_and_their_lines_said(tuned_shop: Workspace) -> None:
    known = next(iter(tuned_shop.conversations()))
    rows = [(known.id, 0), ("nowhere", 0), (known.id, len(known.turns)), ("nowhere", 1)]
    gold = tuned_shop.root / "more.jsonl"
    lines = [json.dumps({"query": "几时能发", "entry": None, "conversation": c, "turn": t}) for c, t in rows]
    gold.write_text("\n".join(lines), encoding="utf-8")
    said: list[str] = []
    reporter = Silent()
    reporter.say = said.append  # type: ignore[method-assign]

    assert len(gold_labels(tuned_shop, [gold], tuned_shop.catalogue(), reporter=reporter)) == 4
    assert said == [
        "note: 2 hand labels of more.jsonl name a conversation that is not among the logs: line 2, 4",
        "note: 1 hand labels of more.jsonl name a turn that their conversation does not have: line 3",
    ]
