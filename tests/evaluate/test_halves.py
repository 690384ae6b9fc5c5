"""A part in two halves: no conversation, no source and no text on both sides."""

from __future__ import annotations

import random

import pytest

from faqtune import UserError
from faqtune.evaluate import EvaluationSet, Negative, Positive, halved
from faqtune.records import Catalogue, Entry, normalise


def catalogue() -> Catalogue:
    return Catalogue((Entry(id="e", questions=("何时发货",), answer="明天", category="", source="x"),))


def evaluation_set(queries: int = 60, noise: int = 40, seed: int = 0) -> EvaluationSet:
    """Conversations of one to four queries with an unsupported question now and then, sources of several sentences."""
    drawn = random.Random(seed)
    positives = tuple(Positive(f"问题{drawn.randrange(50)}", "e", f"c{n // 3}") for n in range(queries))
    unsupported = tuple(Negative(f"没有{n}", "unsupported", f"c{4 * n}") for n in range(5))
    chatter = tuple(Negative(f"闲聊{n}", "chatter", f"s{n // 5}") for n in range(noise))
    return EvaluationSet(positives, unsupported + chatter, catalogue(), "selection")


def groups(data: EvaluationSet) -> set[str]:
    return {row.group for row in (*data.positives, *data.negatives)}


def texts(data: EvaluationSet) -> set[str]:
    return {normalise(row.text) for row in (*data.positives, *data.negatives)}


@pytest.mark.parametrize("seed", range(5))
def test_no_conversation_source_or_text_is_in_both_halves(seed: int) -> None:
    one, other = halved(evaluation_set(seed=seed))

    assert not groups(one) & groups(other)
    assert not texts(one) & texts(other)


def test_both_halves_have_as_much_of_every_kind() -> None:
    data = evaluation_set(queries=300, noise=200)
    distinct = tuple(Positive(f"{p.text} {n}", p.entry, p.group) for n, p in enumerate(data.positives))

    one, other = halved(EvaluationSet(distinct, data.negatives, data.catalogue, data.part))

    assert abs(len(one.positives) - len(other.positives)) <= 4
    assert abs(len(one.negatives) - len(other.negatives)) <= 8
    assert len(one.positives) + len(other.positives) == 300
    assert len(one.negatives) + len(other.negatives) == 205


def test_the_halves_depend_on_what_there_is_and_not_on_its_order() -> None:
    data = evaluation_set()
    turned = EvaluationSet(data.positives[::-1], data.negatives[::-1], data.catalogue, data.part)

    for half, same in zip(halved(data), halved(turned), strict=True):
        assert sorted(map(str, half.positives)) == sorted(map(str, same.positives))
        assert sorted(map(str, half.negatives)) == sorted(map(str, same.negatives))


def test_rows_without_a_group_are_their_own_and_equal_texts_stay_together() -> None:
    rows = tuple(Positive(f"q{n % 6}", "e") for n in range(12))
    noise = tuple(Negative(f"n{n}", "chatter") for n in range(4))

    one, other = halved(EvaluationSet(rows, noise, catalogue(), "x"))

    assert (len(one.positives), len(other.positives)) == (6, 6)
    assert (len(one.negatives), len(other.negatives)) == (2, 2)


@pytest.mark.parametrize(("queries", "noise"), [(3, 40), (60, 0)])
def test_what_cannot_be_halved_is_one_clear_error(queries: int, noise: int) -> None:
    data = evaluation_set(queries, noise)
    one_source = EvaluationSet(data.positives, data.negatives[5:], data.catalogue, data.part)

    with pytest.raises(UserError, match="cannot be halved"):
        halved(one_source)
