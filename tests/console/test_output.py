"""What goes to stdout: JSON that any program can read, whatever is in it."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from faqtune.console.output import emit_json, next_step, plain, table
from faqtune.records import Split
from faqtune.scorecard import Figure


@dataclass(frozen=True)
class Found:
    where: Path
    scores: tuple[float, ...]
    figure: Figure
    parts: dict[str, Split]


def test_records_of_every_kind_become_plain() -> None:
    figure = Figure(value=0.5, low=0.25, high=float("inf"), n=3)
    found = Found(Path("a/b"), (1.0, float("nan")), figure, {"x": Split(3, {"c": "test"})})

    assert plain(found) == {
        "where": "a/b",
        "scores": [1.0, None],
        "figure": {"value": 0.5, "low": 0.25, "high": None, "n": 3},
        "parts": {"x": {"seed": 3, "conversations": {"c": "test"}, "noise": {}, "held_out": {}}},
    }


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(text=st.text(st.characters(exclude_categories=()), max_size=20), number=st.floats(allow_nan=True))
@example("\ud83d cut in two", 1.0)
def test_any_text_and_number_is_one_line_of_strict_json(
    capfdbinary: pytest.CaptureFixture[bytes], text: str, number: float
) -> None:
    emit_json({"text": text, "number": number})

    out = capfdbinary.readouterr().out
    assert out.endswith(b"\n")
    assert out.count(b"\n") == 1
    read = json.loads(out.decode("utf-8"), parse_constant=lambda name: pytest.fail(name))
    # Two halves of a pair side by side come back as the one character that they are.
    assert read["text"].encode("utf-16-le", "surrogatepass") == text.encode("utf-16-le", "surrogatepass")
    assert read["number"] is None or read["number"] == number


def test_columns_line_up_for_wide_characters() -> None:
    assert table(("部分", "会话"), [("train", 12), ("测试集", 3)]) == ["部分    会话", "train   12", "测试集  3"]
    assert table(("a", "b"), []) == ["a  b"]


def test_the_next_step_can_be_pasted() -> None:
    assert next_step("train", Path("我的 店")) == "Next: faqtune train --project '我的 店'"
