"""What counts as an answer, and everything else, which does not."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from faqtune.label.llm import REASONS, Answer, BadAnswer, read_answer, read_texts
from faqtune.label.llm.answer import judge_schema

IDS = {"bcdf": "ship", "ghjk": "return"}


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        ('{"choice": "bcdf"}', Answer("ship")),
        ('{"choice": "ghjk", "reason": ""}', Answer("return")),
        ('{"choice": "ghjk", "reason": null}', Answer("return")),
        (' \n{ "choice" : "bcdf" }\n', Answer("ship")),
        ('\ufeff{"choice": "bcdf"}', Answer("ship")),
        ('```json\n{"choice": "bcdf"}\n```', Answer("ship")),
        ('<think>perhaps ghjk?\n{"choice": "ghjk"}</think>\n\n{"choice": "bcdf"}', Answer("ship")),
        ('{"choice": "chitchat"}', Answer(None, "chitchat")),
        ('{"choice": "none", "reason": "several"}', Answer(None, "several")),
    ],
)
def test_answers(text, answer):
    assert read_answer(text, IDS) == answer


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "empty"),
        ("bcdf", "no JSON"),
        ('"bcdf"', "no JSON"),
        ('["bcdf"]', "no JSON"),
        ("null", "no JSON"),
        ('{"choice": "bcdf"', "no JSON"),
        ('{"choice": "bcdf"} {"choice": "ghjk"}', "no JSON"),
        ('Sure: {"choice": "bcdf"}', "no JSON"),
        ('{"choice": "bcdf", "choice": "ghjk"}', "no JSON"),
        ('<think>{"choice": "bcdf"}', "no JSON"),
        ('{"choice": "zzzz"}', "not offered"),
        ('{"choice": "BCDF"}', "not offered"),
        ('{"choice": "ship"}', "not offered"),
        ('{"choice": ""}', "not offered"),
        ('{"choice": "none"}', "without a known reason"),
        ('{"choice": "none", "reason": "because"}', "without a known reason"),
        ('{"choice": "chitchat", "reason": "unclear"}', "not offered"),
        ('{"choice": "bcdf", "reason": "unclear"}', "an entry and a reason"),
        ('{"choice": ["bcdf"]}', "no text"),
        ('{"choice": 1}', "no text"),
        ("{}", "no text"),
        ('{"choice": "bcdf", "sure": 1}', "unknown keys"),
        ('{"choice": "bcdf"}' + " " * 30_000, "too long"),
        ("[" * 15_000, "no JSON"),
    ],
)
def test_what_is_no_answer(text, why):
    with pytest.raises(BadAnswer, match=why):
        read_answer(text, IDS)


@given(st.one_of(st.text(max_size=200), st.recursive(st.none() | st.booleans() | st.floats() | st.text(), st.lists)))
def test_nothing_that_any_model_writes_is_outside_of_what_was_offered(written):
    text = written if isinstance(written, str) else json.dumps(written)
    for whole in (text, json.dumps({"choice": text}), json.dumps({"choice": "none", "reason": text})):
        try:
            answer = read_answer(whole, IDS)
        except BadAnswer:
            continue
        assert answer.entry in ("ship", "return", None)
        assert (answer.entry is None) == (answer.reason in REASONS)


def test_the_schema_allows_exactly_what_is_read():
    choices = judge_schema(list(IDS))["properties"]["choice"]["enum"]
    answers = [read_answer(json.dumps({"choice": choice}), IDS) for choice in choices]
    assert len(set(answers)) == len(choices) == len(IDS) + len(REASONS)


@pytest.mark.parametrize(
    "text", ['{"texts": "a"}', '{"texts": [1]}', '{"texts": [["a"]]}', "[]", '{"texts": ["a"], "x": 1}']
)
def test_lists_of_texts_are_read_as_strictly(text):
    assert read_texts('{"texts": ["a", "b"]}') == ["a", "b"]
    with pytest.raises(BadAnswer):
        read_texts(text)
