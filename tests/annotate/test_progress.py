"""Pace, and what the random share says about the machines' labels."""

import numpy as np
import pytest

from faqtune.annotate.answers import Answer
from faqtune.annotate.progress import pace, pace_by_person, shares_of_kinds, weak_precision
from faqtune.annotate.queue import Drawn, Shares, Weights
from faqtune.annotate.signals import by_query
from faqtune.label.proportion import proportion
from faqtune.records import Claim, Query


def test_pace_leaves_breaks_out_and_counts_the_last_word_only():
    answers = [
        Answer("pick", "a", ("e",), by="x", seconds=10),
        Answer("pick", "a", ("f",), by="x", seconds=20),
        Answer("skip", "b", by="x", seconds=40),
        Answer("none", "c", reason="unclear", by="y", seconds=10_000),
        Answer("none", "d", reason="unclear", by="y"),
    ]
    found = pace(answers)
    assert (found.items, found.labels, found.minutes, found.median_seconds) == (4, 3, 6.0, 40)
    assert found.labels_per_hour == pytest.approx(30)
    assert pace_by_person(answers)["x"].minutes == 1.0
    assert pace([]).labels_per_hour == 0


def drawn(name, answer, conversation=""):
    return Drawn(Query(name, name, conversation or name, (0,)), answer)


def test_precision_compares_each_source_with_what_people_say():
    claims = by_query(
        [
            Claim("a", "e", "reply_rules", 0.6),
            Claim("a", None, "llm:x", 0.6),
            Claim("b", "e", "reply_rules", 0.6),
            Claim("c", "e", "reply_rules", 0.6),
            Claim("d", "e", "reply_rules", 0.6),
            Claim("d", "e", "human:gold", 1.0),
        ]
    )
    sample = [
        drawn("a", Answer("none", "a", reason="unclear")),
        drawn("b", Answer("pick", "b", ("f", "e"))),
        drawn("c", None),
        drawn("d", Answer("none", "d", reason="several")),
    ]
    rules, llm = sorted(weak_precision(sample, claims), key=lambda found: found.by, reverse=True)
    assert (rules.by, rules.right, rules.unanswered) == ("reply_rules", proportion([False, True], ["a", "b"]), 2)
    assert (llm.by, llm.right.share, llm.unanswered) == ("llm:x", 1.0, 0)


def test_kinds_of_what_customers_ask():
    sample = [
        drawn("a", Answer("pick", "a", ("e",))),
        drawn("b", Answer("none", "b", reason="chitchat")),
        drawn("c", None),
    ]
    found = shares_of_kinds(sample)
    assert {kind: (share.right, share.n) for kind, share in found.items()} == {"entry": (1, 2), "chitchat": (1, 2)}


def test_the_precision_from_the_random_share_is_unbiased_and_its_interval_covers(world):
    """Over seeds: the mean is the true precision, while that of what was chosen for disagreement is not."""
    true = np.mean([world.truth[claim.query] == claim.entry for claim in world.claims])
    estimates, covered, chosen = [], [], []
    for seed in range(40):
        queue = world.queue(seed=seed, weights=Weights(1, 1, 0, 0, 0, 1), shares=Shares(second=0, audit=0))
        answers = []
        for _ in range(70):
            item = queue.next(answers, {}, "a")
            entry = world.truth[item.query.id]
            answers.append(Answer("pick" if entry else "none", item.query.id, (entry,) if entry else (), why=item.why))
        (found,) = weak_precision(queue.sample(answers, labelled=True), by_query(world.claims))
        estimates.append(found.right.share)
        covered.append(found.right.low <= true <= found.right.high)
        said = {claim.query: claim.entry for claim in world.claims}
        picked = [said[a.query] in a.entries for a in answers if a.query in said and a.why == "disagreeing"]
        chosen.append(np.mean(picked))
    error = np.std(estimates) / np.sqrt(len(estimates))
    assert abs(np.mean(estimates) - true) < 3 * error
    assert np.mean(covered) >= 0.85
    assert abs(np.mean(chosen) - true) > 5 * np.std(chosen) / np.sqrt(len(chosen))
