import dataclasses

import pytest

from faqtune.errors import UserError
from faqtune.evaluate import EvaluationSet, Negative, Positive
from faqtune.records import Catalogue, Entry


def test_a_label_for_a_held_out_entry_is_refused(shop):
    with pytest.raises(UserError, match=r"优惠券怎么叠加.*coupon"):
        EvaluationSet((Positive("优惠券怎么叠加", "coupon"),), (), shop.catalogue.without(["coupon"]), "test")


def test_an_unknown_stratum_is_refused(shop):
    with pytest.raises(UserError, match=r"smalltalk.*chatter"):
        EvaluationSet((), (Negative("你好", "smalltalk"),), shop.catalogue, "test")


def test_rows_of_noise_are_told_apart_by_stratum(shop):
    assert {stratum: rows.tolist() for stratum, rows in shop.noise_rows.items()} == {
        "chatter": [0, 1, 2],
        "other_domain": [3, 4],
        "unsupported": [5, 6],
        "garbage": [7, 8, 9],
    }


def test_the_digest_changes_with_everything_that_figures_depend_on(shop):
    first, *rest = shop.positives
    entry, *entries = shop.catalogue
    changed = [
        {"positives": (dataclasses.replace(first, text="发货"), *rest)},
        {"positives": (dataclasses.replace(first, entry="return"), *rest)},
        {"positives": (dataclasses.replace(first, group="c9"), *rest)},
        {"positives": (*rest, first)},
        {"negatives": shop.negatives[:-1]},
        {"negatives": (dataclasses.replace(shop.negatives[0], stratum="garbage"), *shop.negatives[1:])},
        {"catalogue": Catalogue((Entry("ship", entry.questions[:1], entry.answer), *entries))},
    ]
    digests = {dataclasses.replace(shop, **change).digest() for change in changed}
    assert len(digests | {shop.digest()}) == len(changed) + 1


def test_the_digest_does_not_change_with_what_figures_do_not_depend_on(shop):
    answers = Catalogue(tuple(dataclasses.replace(entry, answer="改过的答案") for entry in shop.catalogue))
    assert dataclasses.replace(shop, catalogue=answers, part="other", excluded={}).digest() == shop.digest()
