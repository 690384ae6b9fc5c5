from __future__ import annotations

import string
from typing import Any

import pytest

from faqtune.report import (
    general,
    layers,
    maps,
    missing,
    models,
    operating,
    probability_charts,
    promises,
    slices,
    training_tables,
)
from faqtune.report.chart_words import CHARTS
from faqtune.report.words import HEADLINE, MEASURED, PAGE

ALL = [
    *(HEADLINE, MEASURED, PAGE, CHARTS),
    *(part.WORDS for part in (general, layers, maps, missing, models, operating)),
    *(part.WORDS for part in (probability_charts, promises, slices, training_tables)),
]


def places(sentence: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(sentence) if name}


@pytest.mark.parametrize("words", ALL, ids=range(len(ALL)))
def test_both_languages_say_the_same_things(words: dict[Any, dict[str, str]]) -> None:
    assert list(words["en"]) == list(words["zh"])
    for key, sentence in words["en"].items():
        assert places(sentence) == places(words["zh"][key]), key


def test_no_word_is_left_untranslated() -> None:
    for words in ALL:
        for key, sentence in words["zh"].items():
            assert any("\u4e00" <= character <= "\u9fff" for character in sentence) or "{" in sentence, key
