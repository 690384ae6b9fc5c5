"""Every metric against plain loops and scikit-learn, on numbers worked out by hand, and on repeated data."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import average_precision_score, roc_auc_score, roc_curve

from faqtune.evaluate.curves import CURVE_POINTS, trade_off
from faqtune.evaluate.metrics import Entries, aupr, auroc, fpr95, hits, mean, oscr, per_entry, reciprocal_ranks
from faqtune.evaluate.tallies import once, tally

PERCENT = (1, 5, 10, 30)


def naive_auroc(queries, noise):
    wins = [1.0 if q > n else 0.5 if q == n else 0.0 for q in queries for n in noise]
    return sum(wins) / len(wins)


def naive_aupr(queries, noise):
    """Sum over rising thresholds of the gain in recall times the precision there."""
    area, recall_before = 0.0, 0.0
    for threshold in sorted(set(noise)):
        caught = sum(n <= threshold for n in noise)
        recall = caught / len(noise)
        area += (recall - recall_before) * caught / (caught + sum(q <= threshold for q in queries))
        recall_before = recall
    return area


def naive_fpr95(queries, noise):
    threshold = max(t for t in queries if 100 * sum(q >= t for q in queries) >= 95 * len(queries))
    return sum(n >= threshold for n in noise) / len(noise)


def naive_oscr(queries, right, noise, percent):
    allowed = percent * len(noise) // 100
    thresholds = [t for t in {*queries, *noise, np.inf} if sum(n >= t for n in noise) <= allowed]
    threshold = min(thresholds)
    return sum(r and q >= threshold for q, r in zip(queries, right, strict=True)) / len(queries)


def all_metrics(queries, right, noise, query_counts, noise_counts):
    """Every rejection metric by name: float64 (b,) each."""
    q, n = tally(queries, query_counts), tally(noise, noise_counts)
    r = tally(queries[right], query_counts[right])
    return {
        "auroc": auroc(q, n),
        "aupr": aupr(q, n),
        "fpr95": fpr95(q, n),
        **{f"oscr@{percent}": oscr(q, r, n, percent) for percent in PERCENT},
    }


def naive_metrics(queries, right, noise):
    return {
        "auroc": naive_auroc(queries, noise),
        "aupr": naive_aupr(queries, noise),
        "fpr95": naive_fpr95(queries, noise),
        **{f"oscr@{percent}": naive_oscr(queries, right, noise, percent) for percent in PERCENT},
    }


def cosines(*values):
    return np.array(values, dtype=np.float32)


@st.composite
def samples(draw):
    """Scores on a coarse grid, so that ties within and between queries and noise are common."""
    score = st.integers(-4, 4).map(lambda eighths: eighths / 8)
    queries = draw(st.lists(score, min_size=1, max_size=12))
    right = draw(st.lists(st.booleans(), min_size=len(queries), max_size=len(queries)))
    return cosines(*queries), np.array(right), cosines(*draw(st.lists(score, min_size=1, max_size=25)))


@given(samples())
def test_metrics_are_their_naive_twins(sample):
    queries, right, noise = sample
    found = all_metrics(queries, right, noise, once(len(queries)), once(len(noise)))
    for name, expected in naive_metrics(queries.tolist(), right.tolist(), noise.tolist()).items():
        assert found[name] == pytest.approx([expected], abs=1e-9), name


@given(samples(), st.data())
def test_counted_rows_are_repeated_rows(sample, data):
    queries, right, noise = sample

    def counts(n):
        return np.array(data.draw(st.lists(st.integers(0, 3), min_size=n, max_size=n).filter(any)))

    query_counts, noise_counts = counts(len(queries)), counts(len(noise))
    one_column = (query_counts[:, None].astype(float), noise_counts[:, None].astype(float))
    found = all_metrics(queries, right, noise, *one_column)
    repeated = [np.repeat(column, query_counts) for column in (queries, right)] + [np.repeat(noise, noise_counts)]
    for name, expected in naive_metrics(*(column.tolist() for column in repeated)).items():
        assert found[name] == pytest.approx([expected], abs=1e-9), name


def test_metrics_agree_with_scikit_learn():
    rng = np.random.default_rng(5)
    queries = rng.normal(0.8, 0.1, 700).round(2).astype(np.float32)
    noise = rng.normal(0.7, 0.1, 900).round(2).astype(np.float32)
    everything, is_query = np.r_[queries, noise], np.r_[np.ones(700), np.zeros(900)]
    found = all_metrics(queries, np.ones(700, dtype=bool), noise, once(700), once(900))
    accepted_noise, accepted_queries, _ = roc_curve(is_query, everything, drop_intermediate=False)
    assert found["auroc"] == pytest.approx([roc_auc_score(is_query, everything)], abs=1e-9)
    assert found["aupr"] == pytest.approx([average_precision_score(1 - is_query, -everything)], abs=1e-9)
    assert found["fpr95"] == pytest.approx([accepted_noise[accepted_queries >= 0.95][0]], abs=1e-9)
    # All queries are right here, so that OSCR@f is the ROC curve's height at f.
    assert found["oscr@5"] == pytest.approx([accepted_queries[accepted_noise <= 0.05][-1]], abs=1e-9)


def test_by_hand():
    """Queries 0.9 right, 0.7 wrong, 0.5 right; noise 0.8, 0.6, 0.6, 0.4."""
    queries, right, noise = cosines(0.9, 0.7, 0.5), np.array([True, False, True]), cosines(0.8, 0.6, 0.6, 0.4)
    q, r, n = tally(queries, once(3)), tally(queries[right], once(2)), tally(noise, once(4))
    assert auroc(q, n) == pytest.approx([(4 + 3 + 1) / 12])
    # Rising: 0.4 caught alone; 0.6 twice with the query 0.5; 0.8 with 0.5 and 0.7.
    assert aupr(q, n) == pytest.approx([0.25 * 1 + 0.5 * 3 / 4 + 0.25 * 4 / 6])
    assert fpr95(q, n) == pytest.approx([3 / 4])
    assert oscr(q, r, n, 25) == pytest.approx([1 / 3]), "0.8 passes; the tied 0.6 would be three of four"
    assert oscr(q, r, n, 74) == pytest.approx([1 / 3]), "the tied 0.6 pass together or not at all"
    assert oscr(q, r, n, 75) == pytest.approx([2 / 3])
    assert oscr(q, r, n, 100) == pytest.approx([2 / 3]), "all noise passes, every query is answered"


@pytest.mark.parametrize(("n", "percent", "passing"), [(100, 1, 1), (199, 1, 1), (700, 7, 49), (99, 1, 0), (300, 1, 3)])
def test_of_n_noise_sentences_only_floor_f_n_may_pass(n, percent, passing):
    """One right query stands below each noise sentence, so that OSCR counts the sentences that pass."""
    noise = np.linspace(0, 1, n, dtype=np.float32)
    below = np.nextafter(noise, np.float32(-1))
    answered = oscr(tally(below, once(n)), tally(below, once(n)), tally(noise, once(n)), percent)
    assert answered * n == pytest.approx([passing])


def test_a_collapsed_model_rejects_nothing_and_has_oscr_zero():
    queries, noise = np.full(30, 0.9, dtype=np.float32), np.full(70, 0.9, dtype=np.float32)
    found = all_metrics(queries, np.ones(30, dtype=bool), noise, once(30), once(70))
    assert {name: figure.item() for name, figure in found.items()} == pytest.approx(
        {"auroc": 0.5, "aupr": 0.7, "fpr95": 1.0, **{f"oscr@{percent}": 0.0 for percent in PERCENT}}, abs=1e-12
    )


def test_a_resample_without_queries_or_noise_has_no_figure():
    """First resample: no query. Second: no noise. Finding noise among noise alone is always right."""
    queries, right, noise = cosines(0.9, 0.5), np.array([True, True]), cosines(0.4)
    found = all_metrics(queries, right, noise, np.array([[0.0, 1.0], [0.0, 1.0]]), np.array([[1.0, 0.0]]))
    assert found.pop("aupr") == pytest.approx([1.0, np.nan], nan_ok=True)
    for name, figure in found.items():
        assert np.isnan(figure).all(), name


def test_columns_are_independent_resamples():
    rng = np.random.default_rng(3)
    queries, noise = rng.random(20).astype(np.float32), rng.random(30).astype(np.float32)
    right = rng.random(20) < 0.6
    query_counts = rng.integers(0, 3, (20, 7)).astype(float)
    noise_counts = rng.integers(0, 3, (30, 7)).astype(float)
    together = all_metrics(queries, right, noise, query_counts, noise_counts)
    for column in range(7):
        pick = slice(column, column + 1)
        alone = all_metrics(queries, right, noise, query_counts[:, pick], noise_counts[:, pick])
        for name, figure in alone.items():
            assert together[name][column] == pytest.approx(figure[0], abs=1e-12), name


def test_ranking_metrics_by_hand():
    ranks = np.array([1, 2, 4, 0, 11])
    assert [mean(hits(ranks, k), once(5)).item() for k in (1, 3, 5)] == pytest.approx([1 / 5, 2 / 5, 3 / 5])
    assert mean(reciprocal_ranks(ranks, 10), once(5)) == pytest.approx([(1 + 1 / 2 + 1 / 4) / 5])


@given(st.lists(st.tuples(st.integers(0, 4), st.integers(0, 12), st.integers(0, 3)), min_size=1, max_size=20))
def test_macro_average_is_its_naive_twin_on_repeated_rows(rows):
    entries, ranks, counts = (np.array(column) for column in zip(*rows, strict=True))
    found = mean(hits(ranks, 3), per_entry(Entries(entries), counts[:, None].astype(float)))
    of_entry = {}
    for entry, rank, count in rows:
        of_entry.setdefault(entry, []).extend([float(1 <= rank <= 3)] * count)
    means = [sum(values) / len(values) for values in of_entry.values() if values]
    assert found == pytest.approx([sum(means) / len(means) if means else np.nan], abs=1e-9, nan_ok=True)


def test_curves_start_with_nothing_answered_and_end_with_all_noise_accepted():
    queries, right, noise = cosines(0.9, 0.7, 0.5), np.array([True, False, True]), cosines(0.8, 0.6, 0.6, 0.4)
    q, r, n = tally(queries, once(3)), tally(queries[right], once(2)), tally(noise, once(4))
    assert trade_off(r, q, n)[0] == [0, 0, 0.25, 0.25, 0.75, 0.75, 1.0]
    assert trade_off(r, q, n)[1] == pytest.approx([0, 1 / 3, 1 / 3, 1 / 3, 1 / 3, 2 / 3, 2 / 3])


def test_curves_are_thinned_and_keep_both_ends():
    rng = np.random.default_rng(0)
    scores = tally(rng.random(3000).astype(np.float32), once(3000))
    x, y = trade_off(scores, scores, scores)
    assert len(x) == len(y) == CURVE_POINTS
    assert (x[0], y[0], x[-1], y[-1]) == (0, 0, 1, 1)
    assert x == sorted(x)
