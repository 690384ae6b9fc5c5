"""Krippendorff's alpha against a plain loop and the package of that name; disagreements; the lead of suggestions."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from faqtune.annotate.agreement import agreement, alpha, disagreements, label_counts, lead
from faqtune.annotate.answers import Answer

tables = st.lists(st.lists(st.sampled_from("abc"), min_size=2, max_size=4), min_size=1, max_size=8)


def naive_alpha(units):
    """1 - observed / expected disagreement over all ordered pairs of labels, by plain loops."""
    values = [label for unit in units for label in unit]
    n = len(values)
    observed = sum(
        sum(a != b for i, a in enumerate(unit) for j, b in enumerate(unit) if i != j) / (len(unit) - 1)
        for unit in units
    )
    expected = sum(a != b for i, a in enumerate(values) for j, b in enumerate(values) if i != j)
    return 1 - (n - 1) * observed / expected if expected else math.nan


def ours(units):
    counts, _ = label_counts(units)
    return float(alpha(counts, np.ones((len(units), 1)))[0])


@given(tables)
def test_alpha_is_its_naive_twin(units):
    assert ours(units) == pytest.approx(naive_alpha(units), nan_ok=True)


@given(tables)
def test_alpha_is_that_of_the_package(units):
    package = pytest.importorskip("krippendorff")
    if len({label for unit in units for label in unit}) < 2:
        return
    counts, _ = label_counts(units)
    assert ours(units) == pytest.approx(package.alpha(value_counts=counts.astype(int), level_of_measurement="nominal"))


def test_alpha_by_hand():
    """Two people, four queries, one disagreement: D = 2, n = 8, labels 5 and 3, E = 30, alpha = 1 - 7 * 2 / 30."""
    assert ours(["aa", "aa", "bb", "ab"]) == pytest.approx(1 - 14 / 30)


def said(query, *labels, **more):
    return [Answer("pick", query, (label,), by=f"p{n}", **more) for n, label in enumerate(labels)]


def test_agreement_looks_at_what_several_people_labelled():
    answers = [*said("q1", "a", "a"), *said("q2", "a", "a"), *said("q3", "b", "b"), *said("q4", "a", "b")]
    found = agreement([*answers, *said("alone", "a"), Answer("skip", "q1", by="p9")])
    assert (found.items, found.agreed) == (4, 3)
    assert found.alpha == pytest.approx(1 - 14 / 30)
    assert found.low <= found.alpha <= found.high
    assert agreement(answers) == agreement(answers)


def test_agreement_without_anything_to_compare_is_unknown():
    assert math.isnan(agreement(said("q", "a")).alpha)
    assert math.isnan(agreement(said("q", "a", "a")).alpha)


def test_more_items_narrow_the_interval():
    few = [a for n in range(8) for a in said(f"q{n}", "a" if n % 2 else "b", "ab"[n % 3 == 0])]
    many = [Answer("pick", f"{a.query}-{k}", a.entries, by=a.by) for a in few for k in range(20)]
    narrow, wide = agreement(many), agreement(few)
    assert narrow.high - narrow.low < (wide.high - wide.low) / 2


def test_a_disagreement_is_listed_until_somebody_settles_it():
    answers = [*said("q1", "a", "b"), *said("q2", "a", "a")]
    (found,) = disagreements(answers)
    assert (found.query, [a.by for a in found.said]) == ("q1", ["p0", "p1"])
    assert disagreements([*answers, Answer("pick", "q1", ("a",), by="boss", why="settled")]) == []
    assert agreement([*answers, Answer("pick", "q1", ("a",), by="boss", why="settled")]) == agreement(answers)


def test_several_entries_in_another_order_are_no_disagreement():
    one, other = (Answer("pick", "q", order, by=by) for order, by in ((("a", "b"), "x"), (("b", "a"), "y")))
    assert disagreements([one, other]) == []


def test_the_lead_is_the_difference_between_shown_and_hidden():
    def ask(number, picked, audit):
        candidates = ("b", "a") if audit else ("a", "b")
        return Answer("pick", f"q{number}", (picked,), candidates=candidates, suggested="a", audit=audit, by="x")

    shown = [ask(n, "a" if n < 8 else "b", False) for n in range(10)]
    hidden = [ask(10 + n, "a" if n < 5 else "b", True) for n in range(10)]
    found = lead([*shown, *hidden])
    assert (found.shown.share, found.hidden.share) == (0.8, 0.5)
    assert found.difference == pytest.approx(0.3)
    # Newcombe's interval of 8/10 - 5/10, by hand from Wilson's [0.490, 0.943] and [0.237, 0.763].
    assert found.low == pytest.approx(0.3 - math.hypot(0.8 - 0.4902, 0.7634 - 0.5), abs=1e-3)
    assert found.high == pytest.approx(0.3 + math.hypot(0.9433 - 0.8, 0.5 - 0.2366), abs=1e-3)
    assert (found.first_place.share, found.first_place_by_chance) == (0.5, 0.5)


def test_the_lead_is_unknown_while_nothing_was_audited():
    assert math.isnan(lead([Answer("pick", "q", ("a",), suggested="a", candidates=("a",))]).difference)
