"""Scripts by name."""

from __future__ import annotations

import pytest

from faqtune.errors import UserError
from faqtune.model.scripts import SCRIPTS, is_wanted, parse_scripts


@pytest.mark.parametrize(
    ("script", "characters"),
    [
        ("han", "退款々㐀"),
        ("latin", "aZéßĀｗ"),
        ("kana", "あアーｱ"),
        ("hangul", "한ㄱ"),
        ("cyrillic", "яЖ"),
        ("greek", "αΩ"),
        ("arabic", "ع"),
        ("thai", "ก"),
    ],
)
def test_characters_are_of_their_script_and_of_no_other(script: str, characters: str) -> None:
    for character in characters:
        assert is_wanted(character, (script,))
        assert not is_wanted(character, tuple(set(SCRIPTS) - {script}))


def test_digits_punctuation_and_symbols_are_of_every_script() -> None:
    assert all(is_wanted(character, ()) for character in "7７½，.!？《》¥€☕😀+ \ufe0f\u0301\u200d")


def test_names_are_read_kindly_and_checked() -> None:
    assert parse_scripts(" Han，latin,,han") == ("han", "latin")
    with pytest.raises(UserError, match="no script `chinese`") as raised:
        parse_scripts("chinese")
    assert "han" in raised.value.next_step
