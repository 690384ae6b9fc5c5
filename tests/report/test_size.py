"""A page can be mailed and opened anywhere: it stays below 2 MB, and says what it leaves out."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from faqtune.report import EntryLabels, Example, Examples, LabelSummary, RunReport, report_html
from faqtune.scorecard import Confusion, Figure, Scored, Slice

MOST_BYTES = 2_000_000
ENTRIES = 500
RIGHT = Figure(value=0.6666, low=0.2077, high=0.9385, n=3)


def with_long_lists(report: RunReport, text: str) -> RunReport:
    """Everything that grows with a catalogue of 500 entries, at its most, with `text` wherever a user's text stands."""
    slices = [
        Slice(id=f"e{n}", name=f"{text}{n}", queries=30, conversations=28, right=RIGHT, answered=RIGHT, precision=RIGHT)
        for n in range(ENTRIES)
    ]
    mixed_up = Confusion(a="a", b="b", question_a=text, question_b=text, asked_a=40, asked_b=39, a_as_b=3, b_as_a=2,
                         similarity=0.91, merge=True)  # fmt: skip
    found = {
        "entries": slices,
        "categories": slices[:40],
        "confusions": [mixed_up] * 100,
        "worst_accepted": [Scored(text=text, kind="chatter", score=0.9, found=text)] * 50,
        "worst_rejected": [Scored(text=text, kind="query", score=0.1, found=text, expected=text)] * 50,
    }
    cards = [
        card.model_copy(update=found if card is report.comparison.after else {"entries": slices})
        for card in (report.comparison.before, report.comparison.after)
    ]
    return replace(
        report,
        comparison=report.comparison.model_copy(update={"before": cards[0], "after": cards[1]}),
        details=long_details(report, text),
        compared=deep_model(report),
        labels=LabelSummary(entries=[EntryLabels(f"{n}{text}", 0) for n in range(ENTRIES)]),
        examples=Examples(*[[Example(text, text, "", text)] * 40] * 2),
    )


def long_details(report: RunReport, text: str) -> dict[str, Any]:
    assert report.details is not None
    points = report.details["operating"][1]
    texts = [{"text": text, "kind": "wrong", "score": 1 - n / 240, "found": text, "expected": text} for n in range(240)]
    kinds = ["entry"] * 500 + ["query"] * 500 + ["chatter"] * 500
    question = {**report.details["missing"][0], "wordings": [text] * 4, "nearest": text}
    return {
        **report.details,
        "operating": [{**points, "texts": texts}] * 2,
        "landmarks": [{"kind": kind, "text": text} for kind in kinds],
        "maps": [{"x": [n % 1001 for n in range(1500)], "y": [n % 877 for n in range(1500)]}] * 2,
        "missing": [question] * 20,
    }


def deep_model(report: RunReport) -> dict[str, Any]:
    """The 24 layers of BGE-M3, each put back once."""
    assert report.compared is not None
    layers = [f"layer {n}" for n in range(24)]
    kinds = ("query", "key", "value", "attention output", "intermediate", "output", "norms")
    change = report.compared["weights"]["layers"][1]["change"]
    reverted = report.compared["data"]["reverted"][0]
    return {
        **report.compared,
        "weights": {
            "layers": [{"layer": layer, "change": change} for layer in layers],
            "cells": [{"layer": layer, "kind": kind, "change": change} for layer in layers for kind in kinds],
            "tokens": report.compared["weights"]["tokens"] * 10,
        },
        "data": {**report.compared["data"], "reverted": [{**reverted, "layer": layer} for layer in layers]},
    }


@pytest.mark.parametrize("text", ["双十一那天下的单到现在还没有发货是什么情况啊", "问" * 300], ids=["usual", "long"])
def test_a_catalogue_of_500_entries_gives_less_than_two_megabytes(report: RunReport, text: str) -> None:
    html = report_html(with_long_lists(report, text))
    assert len(html.encode()) < MOST_BYTES
    assert f"The first 100 of {ENTRIES} are shown." in html


def test_a_large_project_still_gives_a_small_page_that_says_what_it_left_out(report: RunReport) -> None:
    example = Example("问" * 5000, "标准问题" * 100, "", "标准问题" * 100)
    step = {"event": "step", "stage": 1, "loss": 1.23456789, "parts": {}}
    large = replace(
        report,
        history=[{**step, "step": number} for number in range(1, 30_001)]
        + [
            {"event": "measured", "stage": 1, "step": 10 * n, "figures": {"oscr@5": 0.5}, "best": False}
            for n in range(3000)
        ],
        labels=LabelSummary(entries=[EntryLabels(f"问题 {number}" + "长" * 400, 0) for number in range(20_000)]),
        examples=Examples([example] * 5000, [example] * 5000),
    )
    html = report_html(large)
    assert len(html.encode()) < MOST_BYTES
    assert "The first 100 of 20000 are shown." in html
    assert "共 5000 条，显示前 100 条。" in html
