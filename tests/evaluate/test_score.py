"""From an encoder to figures, intervals and differences, on a small bilingual shop."""

import dataclasses

import numpy as np
import pytest

from faqtune.errors import UserError
from faqtune.evaluate import (
    Negative,
    Positive,
    compare,
    evaluate,
    indifferent,
    measure,
    outcomes,
    point_figures,
    right_by_entry,
    sampled,
    sampled_difference,
    scorecard,
)
from faqtune.evaluate.figures import contributions, figures, supporting
from faqtune.evaluate.outcomes import Outcomes
from faqtune.evaluate.score import resampling_plan
from faqtune.evaluate.tallies import once
from faqtune.scorecard import CHOOSABLE, MEASURED_ONLY, STRATA

RESAMPLES = 300


def planted(data, *, seed, gain=0.0, threshold_cosine=None):
    """Outcomes of an imagined model: `gain` lifts its queries above the noise."""
    rng = np.random.default_rng(seed)
    queries, noise = len(data.positives), len(data.negatives)
    scores = rng.normal(0.7 + gain, 0.1, queries).round(2).astype(np.float32)
    ranks = rng.integers(0, 6, queries) if gain == 0 else rng.integers(1, 4, queries)
    noise_scores = rng.normal(0.65, 0.1, noise).round(2).astype(np.float32)
    best = np.where(ranks == 1, data.entry_rows, (data.entry_rows + 1) % len(data.catalogue))
    return Outcomes(f"model {seed}", data, ranks, best, scores, scores, noise_scores, threshold_cosine)


@pytest.fixture
def large(shop):
    """Enough for every figure: 60 conversations of three queries and 120 sentences of each kind of noise."""
    entries = [entry.id for entry in shop.catalogue]
    positives = tuple(Positive(f"问题{i}", entries[i % 5], f"c{i // 3}") for i in range(180))
    negatives = tuple(Negative(f"噪声{i}", STRATA[i % 4], f"s{i // 2}") for i in range(480))
    return dataclasses.replace(shop, positives=positives, negatives=negatives)


def test_outcomes_are_their_naive_twin(shop, tuned):
    """Every query against every question of every entry, one cosine at a time."""
    found = evaluate(tuned, shop)

    def best_of(text, entry):
        return max(float(tuned.encode([text])[0] @ tuned.encode([question])[0]) for question in entry.questions)

    for row, positive in enumerate(shop.positives):
        cosines = {entry.id: best_of(positive.text, entry) for entry in shop.catalogue}
        ordered = sorted(cosines, key=cosines.get, reverse=True)
        assert found.ranks[row] == ordered.index(positive.entry) + 1
        assert found.scores[row] == pytest.approx(cosines[ordered[0]], abs=1e-6)
        assert found.related[row] == pytest.approx(cosines[positive.entry], abs=1e-6)
    for row, negative in enumerate(shop.negatives):
        best = max(best_of(negative.text, entry) for entry in shop.catalogue)
        assert found.noise_scores[row] == pytest.approx(best, abs=1e-6)


def test_blocks_give_the_same_outcomes_as_one_go(shop, tuned, monkeypatch):
    whole = evaluate(tuned, shop)
    monkeypatch.setattr(outcomes, "BLOCK_TEXTS", 3)
    blocks = evaluate(tuned, shop)
    assert np.array_equal(whole.ranks, blocks.ranks)
    for name in ("scores", "related", "noise_scores"):
        assert getattr(whole, name) == pytest.approx(getattr(blocks, name), abs=1e-6)


def test_every_distinct_text_is_encoded_once(shop, tuned):
    evaluate(tuned, shop)
    assert len(tuned.encoded) == len(set(tuned.encoded))
    assert {row.text for row in (*shop.positives, *shop.negatives)} <= set(tuned.encoded)


def test_equal_texts_have_equal_scores(shop, tuned):
    noise = tuple(Negative(positive.text, "garbage") for positive in shop.positives)
    found = evaluate(tuned, dataclasses.replace(shop, negatives=noise))
    assert np.array_equal(found.scores, found.noise_scores)


def test_a_model_that_gives_nan_is_refused(shop, base, monkeypatch):
    monkeypatch.setattr(base, "encode", lambda texts: np.full((len(texts), 4), np.nan, dtype=np.float32))
    with pytest.raises(UserError, match="not numbers"):
        evaluate(base, shop)


def test_a_part_without_labelled_queries_is_refused(shop, base):
    with pytest.raises(UserError, match="no query with an entry"):
        evaluate(base, dataclasses.replace(shop, positives=()))


def test_figures_by_hand(shop):
    """Ten queries, five right; threshold 0.75; noise 0.9 to 0.0 in steps of 0.1."""
    ranks = np.array([1, 1, 0, 1, 2, 1, 1, 3, 4, 6])
    scores = np.array([0.95, 0.85, 0.85, 0.75, 0.75, 0.65, 0.35, 0.55, 0.45, 0.25], dtype=np.float32)
    noise = np.linspace(0.9, 0, 10, dtype=np.float32)
    found = Outcomes("m", shop, ranks, ranks, scores, scores, noise, threshold_cosine=0.75)
    value = {name: figure.item() for name, figure in figures(found, once(20)).items()}
    assert value["recall@1"] == 0.5
    assert value["recall@3"] == 0.7
    assert value["recall@5"] == 0.8
    assert value["mrr@10"] == pytest.approx((5 + 1 / 2 + 1 / 3 + 1 / 4 + 1 / 6) / 10)
    # ship 1 1 0, return 1 0, invoice 1, coupon 1 0, address 0 0
    assert value["recall@1/macro"] == pytest.approx((2 / 3 + 1 / 2 + 1 + 1 / 2 + 0) / 5)
    assert value["oscr@10"] == 0.2, "0.9 passes, so that 0.85 and 0.95 are answered"
    assert value["fpr95"] == 0.7, "all ten must be accepted, from 0.25 on"
    assert value["answered"] == 0.5
    assert value["precision"] == pytest.approx(3 / 5)
    assert [supporting(name, found) for name in ("answered", "precision")] == [10, 5], "five of ten are answered"
    assert value["accepted"] == 0.2
    assert value["accepted/chatter"] == pytest.approx(2 / 3)
    assert right_by_entry(found) == {
        "ship": (2, 3),
        "return": (1, 2),
        "invoice": (1, 1),
        "coupon": (1, 2),
        "address": (0, 2),
    }


def test_strata_are_measured_as_if_alone(large):
    whole = planted(large, seed=1, gain=0.1)
    together = scorecard(whole, resamples=RESAMPLES).figures
    for stratum, rows in large.noise_rows.items():
        alone = dataclasses.replace(large, negatives=tuple(large.negatives[row] for row in rows))
        figures_alone = figures(
            dataclasses.replace(whole, data=alone, noise_scores=whole.noise_scores[rows]), once(180 + len(rows))
        )
        for name in ("auroc", "aupr", "fpr95", "oscr@1", "oscr@5", "oscr@10"):
            assert together[f"{name}/{stratum}"].value == figures_alone[name].item()
            assert together[f"{name}/{stratum}"].n == len(rows)


def test_every_value_lies_in_its_interval_and_every_rate_in_zero_to_one(large):
    for name, figure in scorecard(planted(large, seed=1), resamples=RESAMPLES).figures.items():
        assert 0 <= figure.low <= figure.value <= figure.high <= 1, name
        assert figure.low < figure.high, name


def test_oscr_is_left_out_where_no_noise_sentence_may_pass(shop, large, base):
    names = set(measure(base, shop, resamples=RESAMPLES).figures)
    assert {name for name in names if name.startswith("oscr")} == {"oscr@10"}, "ten sentences carry 10 % only"
    large_names = set(scorecard(planted(large, seed=1), resamples=RESAMPLES).figures)
    assert {f"oscr@{f}/{stratum}" for f in (1, 5, 10) for stratum in STRATA} <= large_names


def test_without_noise_only_ranking_is_reported(shop, base):
    card = measure(base, dataclasses.replace(shop, negatives=()), resamples=RESAMPLES)
    assert {name.split("@")[0] for name in card.figures} == {"recall", "mrr", "augrc_queries"}
    assert set(card.curves) == {"density/queries", "risk_coverage", "similarity/related", "similarity/other"}
    assert list(card.means) == ["related"]


def test_a_model_that_never_answers_has_no_precision(large):
    silent = planted(large, seed=1, threshold_cosine=1.5)
    card = scorecard(silent, resamples=RESAMPLES)
    assert card.figures["answered"].value == 0
    assert "precision" not in card.figures


def test_counts_say_what_was_measured(shop, base):
    card = measure(base, shop, resamples=RESAMPLES)
    assert card.counts == {
        "entries": 5,
        "queries": 10,
        "conversations": 7,
        "chatter": 3,
        "chatter/sources": 3,
        "other_domain": 2,
        "other_domain/sources": 1,
        "unsupported": 2,
        "unsupported/sources": 2,
        "garbage": 3,
        "garbage/sources": 3,
    }
    assert card.excluded == {"several": 2}
    assert (card.part, card.digest, card.model) == ("test", shop.digest(), "1-grams")


def test_means_of_related_and_unrelated_cosines(shop, tuned):
    found = evaluate(tuned, shop)
    means = scorecard(found, resamples=RESAMPLES).means
    assert means["related"] == pytest.approx(sum(found.related.tolist()) / 10)
    assert means["unrelated"] == pytest.approx(sum(found.noise_scores.tolist()) / 10)
    assert means["unrelated/other_domain"] == pytest.approx(sum(found.noise_scores[3:5].tolist()) / 2)


def test_contributions_sum_up_to_their_figures(large):
    found = planted(large, seed=2, threshold_cosine=0.7)
    whole = figures(found, once(180 + 480))
    parts = contributions(found)
    assert {"recall@1", "mrr@10/macro", "answered", "accepted", "accepted/garbage"} <= set(parts)
    for name, rows in parts.items():
        assert rows.sum() == pytest.approx(whole[name].item(), abs=1e-12), name


def test_counted_rows_are_repeated_rows(large):
    """Every figure under counts 0 to 2 is the plain figure of the data with its rows repeated."""
    found = planted(large, seed=2, threshold_cosine=0.7)
    counts = np.random.default_rng(4).integers(0, 3, 180 + 480)
    queries, noise = np.repeat(np.arange(180), counts[:180]), np.repeat(np.arange(480), counts[180:])
    repeated = Outcomes(
        "repeated",
        dataclasses.replace(
            large,
            positives=tuple(large.positives[row] for row in queries),
            negatives=tuple(large.negatives[row] for row in noise),
        ),
        found.ranks[queries],
        found.best[queries],
        found.scores[queries],
        found.related[queries],
        found.noise_scores[noise],
        threshold_cosine=0.7,
    )
    plain = figures(repeated, once(len(queries) + len(noise)))
    for name, figure in figures(found, counts[:, None].astype(float)).items():
        assert figure == pytest.approx(plain[name], abs=1e-12), name


def test_a_conversation_with_queries_and_noise_is_resampled_with_the_conversations(shop):
    """c7 holds a query and an unsupported question: 7 conversations, then 3, 1, 1 and 3 sources of noise."""
    design = resampling_plan(shop)
    assert design.block_sizes == (7, 3, 1, 1, 3)
    assert design.group_of_row[9] == design.group_of_row[15]


def test_means_are_tested_by_sign_flips_and_the_rest_by_the_bootstrap(shop):
    """All five conversations gain a right answer: p = 2/32 by flips, where the bootstrap sees no doubt at all."""
    positives = tuple(Positive(f"问题{row}", "ship", f"c{row}") for row in range(5))
    data = dataclasses.replace(shop, positives=positives)
    scores, noise = np.full(5, 0.7, dtype=np.float32), np.full(10, 0.5, dtype=np.float32)
    best = np.zeros(5, dtype=int)
    before, after = (Outcomes("m", data, np.full(5, rank), best, scores, scores, noise) for rank in (2, 1))
    differences = compare(before, after, resamples=2000).differences
    assert differences["recall@1"].p == pytest.approx(1 / 16, abs=0.015)
    assert differences["oscr@10"].p == pytest.approx(2 / 2001)


def test_both_models_are_measured_on_the_same_resamples(large):
    found = planted(large, seed=1)
    comparison = compare(found, dataclasses.replace(found, model="another name"), resamples=RESAMPLES)
    assert {(difference.low, difference.high) for difference in comparison.differences.values()} == {(0.0, 0.0)}


def test_a_model_compared_with_itself_does_not_differ(large):
    found = planted(large, seed=1, threshold_cosine=0.7)
    comparison = compare(found, found, resamples=RESAMPLES)
    assert comparison.differences.keys() == comparison.before.figures.keys()
    for name, difference in comparison.differences.items():
        assert (difference.value, difference.low, difference.high, difference.p) == (0.0, 0.0, 0.0, 1.0), name


def test_a_plainly_better_model_is_found_better(large):
    comparison = compare(planted(large, seed=1), planted(large, seed=2, gain=0.2), resamples=RESAMPLES)
    for name in ("recall@1", "mrr@10", "recall@1/macro", "auroc", "aupr", "oscr@5", "auroc/chatter"):
        difference = comparison.differences[name]
        assert difference.low > 0, name
        assert difference.p < 0.05, name
        assert difference.low <= difference.value <= difference.high, name


def test_differences_turn_their_sign_with_the_order_of_models(large):
    one, other = planted(large, seed=1), planted(large, seed=2)
    there, back = compare(one, other, resamples=RESAMPLES), compare(other, one, resamples=RESAMPLES)
    for name, difference in there.differences.items():
        turned = back.differences[name]
        assert (difference.value, difference.low, difference.high) == pytest.approx(
            (-turned.value, -turned.high, -turned.low)
        ), name
        assert difference.p == pytest.approx(turned.p), name


def test_models_with_the_same_errors_in_pairs_are_told_apart_more_sharply_than_unpaired(large):
    """One more right answer in every tenth query: clear when paired, lost in the width of each interval."""
    before = planted(large, seed=1)
    mended = before.ranks.copy()
    mended[::10] = 1
    comparison = compare(before, dataclasses.replace(before, ranks=mended), resamples=RESAMPLES)
    assert comparison.after.figures["recall@1"].low < comparison.before.figures["recall@1"].high
    assert comparison.differences["recall@1"].low > 0


def test_a_comparison_holds_the_same_scorecards_as_measuring_each(large):
    one, other = planted(large, seed=1), planted(large, seed=2)
    comparison = compare(one, other, resamples=RESAMPLES, seed=3)
    for card, found in ((comparison.before, one), (comparison.after, other)):
        assert card.figures == scorecard(found, resamples=RESAMPLES, seed=3).figures


def test_models_measured_on_different_data_are_not_compared(shop, large):
    with pytest.raises(UserError, match="different data"):
        compare(planted(shop, seed=1), planted(large, seed=1))


def test_intervals_are_wider_when_conversations_are_larger(large):
    """The same outcomes in 6 conversations instead of 60, alike within each: much less is known."""
    found = planted(large, seed=1)
    alike = np.repeat(np.random.default_rng(0).integers(1, 3, 6), 30)
    widths = []
    for size in (3, 30):
        positives = tuple(dataclasses.replace(p, group=f"c{i // size}") for i, p in enumerate(large.positives))
        data = dataclasses.replace(large, positives=positives)
        figure = scorecard(dataclasses.replace(found, data=data, ranks=alike), resamples=RESAMPLES).figures["recall@1"]
        widths.append(figure.high - figure.low)
    assert widths[1] > 2 * widths[0]


def test_a_scorecard_survives_json(large):
    card = scorecard(planted(large, seed=1, threshold_cosine=0.7), resamples=RESAMPLES)
    assert type(card).model_validate_json(card.model_dump_json()) == card
    assert set(card.curves) >= {"roc", "oscr", "roc/chatter", "oscr/garbage"}


def test_a_collapsed_model_whose_scores_differ_in_the_last_bits_is_measured(shop, tuned):
    found = evaluate(tuned, shop)
    almost = np.float32(1) - np.arange(10, dtype=np.float32) * np.spacing(np.float32(0.5))

    card = scorecard(dataclasses.replace(found, scores=almost, noise_scores=almost), resamples=20)

    for side in ("queries", "noise"):
        assert sum(card.curves[f"density/{side}"].y) == pytest.approx(1)


def test_models_measured_apart_differ_as_those_measured_together(large):
    before, after = planted(large, seed=1), planted(large, seed=2, gain=0.05)
    together = compare(before, after, resamples=RESAMPLES)
    old, new = (sampled(each, resamples=RESAMPLES) for each in (before, after))
    apart = sampled_difference(old, new)
    figure = together.after.figures["oscr@5"]
    assert (new.value, *new.interval) == (figure.value, figure.low, figure.high)
    difference = together.differences["oscr@5"]
    assert (apart.value, apart.low, apart.high) == (difference.value, difference.low, difference.high)


def test_a_figure_that_the_noise_is_too_little_for_is_none(shop):
    assert sampled(planted(shop, seed=1), "oscr@1") is None


def test_every_figure_that_a_model_can_be_chosen_by_is_one_that_the_selection_part_can_give(large):
    found = point_figures(planted(large, seed=1))
    assert {name for name in found if name.partition("/")[2] not in MEASURED_ONLY} == set(CHOOSABLE)


def test_what_a_set_gives_of_any_model_is_known_without_one(shop, base):
    """Figures of a set without a kind of noise are missing, of whatever model."""
    for noise in (shop.negatives, tuple(n for n in shop.negatives if n.stratum == "chatter"), ()):
        data = dataclasses.replace(shop, negatives=noise)
        given, found = (point_figures(each) for each in (indifferent(data), evaluate(base, data)))
        assert given.keys() == found.keys()
        assert {name for name in given if np.isnan(given[name])} == {name for name in found if np.isnan(found[name])}
    with pytest.raises(UserError, match="no query with an entry"):
        indifferent(dataclasses.replace(shop, positives=()))
