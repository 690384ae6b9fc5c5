"""Generated garbage: the same every time, none of it a text that is measured, and no part of figures over all noise."""

from __future__ import annotations

import dataclasses

import pytest

from faqtune.evaluate import Negative, garbage, measure, with_garbage
from faqtune.records import normalise


def test_it_is_the_same_every_time_and_differs_by_seed():
    assert garbage(200) == garbage(200) and garbage(200, seed=1) != garbage(200)
    assert len(set(garbage(200))) == 200 and all(text.strip() for text in garbage(200))
    assert sum(len(text) <= 3 for text in garbage(200)) > 30, "very short texts are among it"


def test_it_fills_a_stratum_that_nobody_has_labelled(shop):
    full = with_garbage(shop)
    made = [negative for negative in full.negatives if negative.generated]
    assert len(made) > 150 and {negative.stratum for negative in made} == {"garbage"}
    known = {normalise(each.text) for each in (*shop.positives, *shop.negatives)}
    known |= {normalise(question) for question in shop.catalogue.questions}
    assert not known & {normalise(negative.text) for negative in made}
    written = tuple(Negative(f"#{n}", "garbage", f"g{n}") for n in range(20))
    enough = dataclasses.replace(shop, negatives=(*shop.negatives, *written))
    assert with_garbage(enough) is enough


def test_figures_over_all_noise_stay_as_they_were(shop, tuned):
    before, after = measure(tuned, shop, resamples=100), measure(tuned, with_garbage(shop), resamples=100)
    for name in ("auroc", "aupr", "fpr95", "oscr@10", "augrc", "auroc/chatter"):
        assert after.figures[name].value == pytest.approx(before.figures[name].value, abs=1e-12), name
    assert after.figures["auroc/garbage"].n > 150
    assert after.counts["garbage"] == 3 and after.counts["garbage/generated"] > 150
    assert after.means["unrelated"] == pytest.approx(before.means["unrelated"], abs=1e-6)
    assert any("were generated" in note for note in after.notes)


def test_notes_say_what_is_still_open_where_nothing_was_answered(shop, base):
    """The rule of three: 100 sources, none answered, still leave 3 %; 299 are needed for 1 %."""
    many = tuple(Negative(f"闲聊{n}", "chatter", f"s{n}") for n in range(100))
    (note,) = [
        n for n in measure(base, dataclasses.replace(shop, negatives=many), resamples=50).notes if "leaves open" in n
    ]
    assert "3.0 % of everyday chatter (100 sources)" in note and "299 without an exception" in note
    enough = tuple(Negative(f"闲聊{n}", "chatter", f"s{n}") for n in range(299))
    assert not [
        n for n in measure(base, dataclasses.replace(shop, negatives=enough), resamples=50).notes if "leaves open" in n
    ]
