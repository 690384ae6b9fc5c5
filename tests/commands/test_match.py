"""`match`: the nearest entries of the whole catalogue, and the decision."""

from __future__ import annotations

import json
import shutil

import numpy as np
import pytest

from faqtune import UserError, Workspace, match_texts
from faqtune.commands.match import load_matcher
from faqtune.model import TextModel
from faqtune.runs import find_run
from faqtune.stored import write_jsonl

ASKED = ["今天能寄走吗", "do you ship to spain", "罐子坏了", "能不能开票", "八十度"]


def test_hits_are_the_best_question_of_every_entry(tuned_shop: Workspace, tiny_model: TextModel) -> None:
    """Against a plain loop over entries and questions, with the base model."""
    catalogue = tuned_shop.catalogue()
    base = tuned_shop.config().model.base

    for found in match_texts(tuned_shop, ASKED, model=base, top=3):
        query = tiny_model.encode([found.text])[0]
        scores = {
            entry.id: max(float(np.dot(query, tiny_model.encode([question])[0])) for question in entry.questions)
            for entry in catalogue
        }
        best = sorted(scores, key=lambda entry: -scores[entry])[:3]
        assert [hit.id for hit in found.hits] == best
        assert [hit.score for hit in found.hits] == pytest.approx([scores[entry] for entry in best], abs=1e-4)
        assert (found.answered, found.threshold_cosine) == (None, None)


@pytest.mark.parametrize("top", [0, -1])
def test_no_entries_to_show_are_refused(tuned_shop: Workspace, top: int) -> None:
    with pytest.raises(UserError, match="cannot be shown"):
        list(match_texts(tuned_shop, ASKED, top=top))


def test_the_newest_run_answers_at_its_own_threshold(tuned_shop: Workspace) -> None:
    threshold = json.loads(find_run(tuned_shop).thresholds_path.read_text(encoding="utf-8"))["threshold_cosine"]
    asked = [*ASKED, "什么时候发货"]

    made = list(match_texts(tuned_shop, asked))

    assert {found.threshold_cosine for found in made} == {threshold}
    assert [found.answered for found in made] == [found.hits[0].score >= round(threshold, 4) for found in made]
    assert made[-1].answered
    assert not made[1].answered


def test_a_given_threshold_counts_and_must_be_a_cosine(tuned_shop: Workspace) -> None:
    low, high = (next(match_texts(tuned_shop, ["能退吗"], threshold_cosine=cosine)) for cosine in (-1.0, 1.0))

    assert (low.answered, high.answered) == (True, False)
    for wrong in (1.5, float("nan")):
        with pytest.raises(UserError, match="is no cosine"):
            load_matcher(tuned_shop, threshold_cosine=wrong)


def test_empty_texts_are_passed_over_and_blocks_do_not_show(tuned_shop: Workspace) -> None:
    texts = [f"{asked}{number}" for number in range(30) for asked in ASKED]
    with_gaps = [gap for text in texts for gap in ("", f"  {text}\t", " ")]

    made = list(match_texts(tuned_shop, iter(with_gaps)))

    assert [found.text for found in made] == texts
    assert made == load_matcher(tuned_shop).match(texts)


def test_without_a_run_the_base_model_matches(tuned_shop: Workspace) -> None:
    shutil.rmtree(tuned_shop.runs_path)

    found = next(match_texts(tuned_shop, ["什么时候发货"]))

    assert found.hits[0].question == "什么时候发货"
    assert found.hits[0].score == pytest.approx(1)
    assert found.answered is None


def test_an_empty_catalogue_is_said(tuned_shop: Workspace) -> None:
    write_jsonl(tuned_shop.catalogue_path, [])

    with pytest.raises(UserError, match="the catalogue is empty"):
        load_matcher(tuned_shop)


def test_every_line_of_a_program_gets_an_answer(
    tuned_shop: Workspace, monkeypatch: pytest.MonkeyPatch, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    """A blank line too: whoever waits for one answer a line must not wait for ever."""
    from faqtune.console import match as console

    monkeypatch.setattr(console, "_asked", lambda: iter([["能退吗", " "], ["", "几天到"]]))
    console.run_match(tuned_shop.root, [], "", 2, None, as_json=True)
    lines = [json.loads(line) for line in capfdbinary.readouterr().out.splitlines()]
    assert [(line["text"], len(line["hits"])) for line in lines] == [("能退吗", 2), (" ", 0), ("", 0), ("几天到", 2)]
    assert lines[1]["answered"] is False


def test_every_text_that_a_program_gives_gets_an_object(
    tuned_shop: Workspace, capfd: pytest.CaptureFixture[str]
) -> None:
    from faqtune.console import match as console

    console.run_match(tuned_shop.root, ["能退吗", "", "几天到"], "", 2, None, as_json=True)
    lines = [json.loads(line) for line in capfd.readouterr().out.splitlines()]
    assert [(line["text"], len(line["hits"])) for line in lines] == [("能退吗", 2), ("", 0), ("几天到", 2)]


def test_a_customers_text_does_not_move_the_cursor(tuned_shop: Workspace, capsys: pytest.CaptureFixture[str]) -> None:
    from faqtune.console import match as console

    console.run_match(tuned_shop.root, ["能退吗\x1b[2J\x07"], "", 1, None, as_json=False)
    assert "\x1b" not in capsys.readouterr().out
