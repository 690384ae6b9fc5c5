"""Which item next: deterministic, never twice, by weights, and with a random share that stays a fair sample."""

from collections import Counter

import numpy as np
import pytest

from faqtune.annotate.answers import Answer
from faqtune.annotate.queue import WHYS, Queue, Shares, Weights
from faqtune.annotate.signals import disagreement, uncertainty
from faqtune.ranking import Ranking
from faqtune.records import Claim, Query

NO_SHARES = Shares(second=0, audit=0)


def answer_of(world, item, by="王敏", act=""):
    entry = world.truth[item.query.id]
    return Answer(
        act or ("pick" if entry else "none"),
        item.query.id,
        (entry,) if entry and act in ("", "pick") else (),
        by=by,
        why=item.why,
        candidates=tuple(c.entry for c in item.candidates),
        suggested=item.suggested,
        audit=item.audit,
    )


def asked(world, queue, count, people=("王敏",)):
    """Items in the order in which they come when everybody answers rightly, in turn."""
    items, answers = [], []
    for number in range(count):
        by = people[number % len(people)]
        item = queue.next(answers, {}, by)
        if item is None:
            break
        items.append(item)
        answers.append(answer_of(world, item, by))
    return items, answers


def test_the_same_seed_asks_the_same_and_another_seed_another(world):
    ids = [[item.query.id for item in asked(world, world.queue(seed=seed), 40)[0]] for seed in (3, 3, 4)]
    assert ids[0] == ids[1]
    assert ids[0] != ids[2]


def test_nobody_is_asked_twice_and_everything_is_asked_once(world):
    items, _ = asked(world, world.queue(shares=NO_SHARES), 1000)
    ids = [item.query.id for item in items]
    assert len(ids) == len(set(ids)) == len(world.queries)


def test_reasons_come_as_often_as_their_weights_say(world):
    weights = Weights(uncertain=2, disagreeing=0, diverse=1, uncovered=1, doubtful=0, random=1)
    items, _ = asked(world, world.queue(weights=weights, shares=NO_SHARES), 50)
    assert Counter(item.why for item in items) == {"uncertain": 20, "diverse": 10, "uncovered": 10, "random": 10}


def test_every_reason_is_a_known_one_and_the_doubtful_come_by_their_score(world):
    doubts = {"q4": 0.2, "q10": 0.9, "q6": 0.5}
    queue = world.queue(weights=Weights(0, 0, 0, 0, 1, 0), doubts=doubts)
    items, _ = asked(world, queue, 10)
    assert [item.query.id for item in items if item.why == "doubtful"] == ["q10", "q6", "q4"]
    assert all(item.why in WHYS for item in asked(world, world.queue(), 60)[0])


def test_a_doubtful_label_of_a_person_is_asked_again_once(world):
    gold = Claim("q10", "e3", "human:gold", 1.0)
    queue = world.queue(claims=[*world.claims, gold], doubts={"q10": 1.0}, shares=NO_SHARES)
    items, _ = asked(world, queue, 200)
    assert [item.why for item in items if item.query.id == "q10"] == ["doubtful"]
    without = world.queue(claims=[*world.claims, gold], shares=NO_SHARES)
    assert "q10" not in [item.query.id for item in asked(world, without, 200)[0]]


def test_duplicates_of_answered_queries_are_not_asked(world):
    twin = Query("twin", f"亲，{world.queries[0].text} ？？", "other", (0,))
    vectors = np.concatenate([world.meanings.queries, world.meanings.queries[:1]])
    meanings = type(world.meanings)(vectors, world.meanings.questions)
    queue = Queue([*world.queries, twin], world.catalogue, world.claims, meanings, world.threshold, shares=NO_SHARES)
    assert queue.twins("twin") == ["q0"]
    ids = [item.query.id for item in asked_any(world, queue, twin)]
    assert len({"q0", "twin"} & set(ids)) == 1
    assert len(ids) == len(world.queries)


def asked_any(world, queue, twin):
    answers, items = [], []
    while (item := queue.next(answers, {}, "a")) is not None:
        items.append(item)
        answers.append(Answer("none", item.query.id, by="a", why=item.why))
    return items


def test_a_leased_item_goes_to_nobody_else(world):
    queue = world.queue(shares=NO_SHARES)
    leased = {}
    for number in range(len(world.queries)):
        item = queue.next([], leased, f"person {number}")
        assert item.query.id not in leased
        leased[item.query.id] = f"person {number}"
    assert queue.next([], leased, "late") is None


def test_skipped_is_not_asked_of_the_same_person_but_of_others_and_flagged_of_nobody(world):
    queue = world.queue(shares=NO_SHARES)
    first = queue.next([], {}, "a").query.id
    skipped = [Answer("skip", first, by="a", why="uncertain")]
    answers = list(skipped)
    while (item := queue.next(answers, {}, "a")) is not None:
        assert item.query.id != first
        answers.append(Answer("none", item.query.id, by="a", why=item.why))
    assert queue.next(answers, {}, "b").query.id == first
    flagged = [Answer("flag", first, by="a", why="uncertain", note="?"), *answers[1:]]
    assert queue.next(flagged, {}, "b") is None


def test_a_set_share_goes_to_two_people_and_to_no_third(world):
    queue = world.queue(shares=Shares(second=0.3, opinions=2, audit=0))
    _, answers = asked(world, queue, 2000, people=("a", "b", "c"))
    voices = Counter(answer.query for answer in answers)
    assert set(voices.values()) == {1, 2}
    assert 0.15 < np.mean([count == 2 for count in voices.values()]) < 0.45
    for query, count in voices.items():
        assert len({answer.by for answer in answers if answer.query == query}) == count
    assert {a.why for a in answers if a.query in [q for q, n in voices.items() if n == 2]} >= {"second_opinion"}


def test_one_person_alone_gives_no_second_opinion(world):
    _, answers = asked(world, world.queue(shares=Shares(second=1.0)), 1000)
    assert len(answers) == len(world.queries)


def test_audited_items_are_decided_per_item_and_shuffled(world):
    plain, audited = (world.queue(shares=Shares(second=0, audit=share)) for share in (0.0, 1.0))
    moved = 0
    for query in world.queries:
        shown, hidden = plain.item(query.id, "random"), audited.item(query.id, "random")
        assert not shown.audit
        assert hidden.audit
        assert set(shown.candidates) == set(hidden.candidates)
        assert shown.suggested == hidden.suggested == shown.candidates[0].entry
        assert hidden == audited.item(query.id, "random")
        moved += hidden.candidates[0].entry != hidden.suggested
    assert moved > len(world.queries) / 2
    some = world.queue(shares=Shares(second=0, audit=0.3))
    assert 0.15 < np.mean([some.item(query.id, "random").audit for query in world.queries]) < 0.45


def test_candidates_are_the_models_best_and_all_that_sources_claim(world):
    claims = [Claim("q0", "e7", "llm:qwen", 0.9), Claim("q0", "e0", "reply_rules", 0.5), Claim("q0", None, "llm:b", 1)]
    item = world.queue(claims=claims, shares=NO_SHARES).item("q0", "random")
    found = {candidate.entry: candidate for candidate in item.candidates}
    assert len(item.candidates) == len(found) == 5
    assert found["e7"].sources == ("llm:qwen",)
    assert found["e0"].sources == ("model", "reply", "reply_rules")
    similarities = [candidate.similarity for candidate in item.candidates]
    assert similarities == sorted(similarities, reverse=True)
    questions = np.array(world.catalogue.owners) == 7
    assert found["e7"].similarity == pytest.approx(
        float((world.meanings.questions[questions] @ world.meanings.queries[0]).max())
    )


def test_entries_without_labels_come_first_among_the_uncovered(world):
    items, _ = asked(world, world.queue(weights=Weights(0, 0, 0, 1, 0, 0), shares=NO_SHARES), 3)
    assert {world.truth[item.query.id] for item in items} == {"e9", "e10", "e11"}


def test_diverse_asks_about_clusters_not_yet_seen(world):
    queue = world.queue(weights=Weights(0, 0, 1, 0, 0, 0), shares=NO_SHARES)
    items, _ = asked(world, queue, queue.clusters.count)
    seen = [int(queue.clusters.number[queue.rows[item.query.id]]) for item in items]
    assert len(set(seen)) == queue.clusters.count


def naive_uncertainty(best, second, threshold, sd_best, sd_lead):
    reached = [abs(best - threshold) / sd_best]
    if best >= threshold:
        reached.append((best - second) / sd_lead)
    return -min(reached)


def test_uncertainty_is_its_naive_twin():
    scores = np.sort(np.random.default_rng(0).uniform(0.5, 1, (50, 3)), axis=1)[:, ::-1].astype(np.float32)
    ranking = Ranking(np.tile(np.arange(3), (50, 1)), scores)
    sd = float(scores[:, 0].std()), float((scores[:, 0] - scores[:, 1]).astype(float).std())
    naive = [naive_uncertainty(float(row[0]), float(row[1]), 0.8, *sd) for row in scores]
    assert uncertainty(ranking, 0.8) == pytest.approx(naive, rel=1e-4)


def test_disagreement_is_how_sure_the_less_sure_of_two_is(world):
    ranking = Ranking(np.array([[0], [0], [0]]), np.array([[0.9], [0.9], [0.1]], dtype=np.float32))
    queries = world.queries[:3]
    claims = {
        "q0": [Claim("q0", "e0", "reply_rules", 0.9)],
        "q1": [Claim("q1", "e1", "reply_rules", 0.9), Claim("q1", None, "llm:a", 0.7)],
        "q2": [Claim("q2", None, "llm:a", 0.7)],
    }
    found = disagreement(queries, world.catalogue, claims, ranking, 0.5)
    assert found.tolist() == [0.0, 0.7, 0.0]


def test_the_random_share_is_a_fair_sample_whatever_else_is_asked(world):
    """Averaged over seeds, the sample's share of strays is that of all queries, though the rest of the mix is not."""
    whole = np.mean([entry is None for entry in world.truth.values()])
    shares, others = [], []
    for seed in range(40):
        queue = world.queue(seed=seed, weights=Weights(1, 0, 0, 2, 0, 1), shares=NO_SHARES)
        items, answers = asked(world, queue, 60)
        drawn = queue.sample(answers)
        shares.append(np.mean([not d.answer.entries for d in drawn]))
        others.append(np.mean([world.truth[item.query.id] is None for item in items if item.why != "random"]))
    standard_error = np.std(shares) / np.sqrt(len(shares))
    assert abs(np.mean(shares) - whole) < 3 * standard_error
    assert abs(np.mean(others) - whole) > 5 * standard_error


def test_the_sample_of_labelled_queries_holds_only_those(world):
    queue = world.queue(weights=Weights(random=1, uncertain=1), shares=NO_SHARES)
    _, answers = asked(world, queue, 40)
    drawn = queue.sample(answers, labelled=True)
    labelled = {claim.query for claim in world.claims}
    assert drawn
    assert all(d.query.id in labelled for d in drawn)
    assert all(d.answer is not None and d.answer.query == d.query.id for d in drawn)


def test_a_skipped_query_stays_in_the_sample_without_an_answer(world):
    queue = world.queue(weights=Weights(0, 0, 0, 0, 0, 1), shares=NO_SHARES)
    first = queue.next([], {}, "a")
    drawn = queue.sample([Answer("skip", first.query.id, by="a", why="random")])
    assert [(d.query.id, d.answer) for d in drawn] == [(first.query.id, None)]


def test_what_is_chosen_trains_and_the_test_is_drawn_from_all_queries(world):
    """The random share: every query of what tests, and of what trains those that a machine has labelled."""

    def trains(conversation):
        return int(conversation[1:]) % 3 > 0

    queue = world.queue(trains=trains, weights=Weights(uncertain=1, random=1), shares=NO_SHARES)
    items, answers = asked(world, queue, 200)
    labelled = {claim.query for claim in world.claims}
    assert len(items) == len(world.queries)
    for item in items:
        if not trains(item.query.conversation):
            assert item.why == "random"
        elif item.why == "random":
            assert item.query.id in labelled
    assert {d.query.id for d in queue.sample(answers)} == {
        query.id for query in world.queries if not trains(query.conversation)
    }
    assert {d.query.id for d in queue.sample(answers, labelled=True)} == {
        query.id for query in world.queries if trains(query.conversation) and query.id in labelled
    }


def test_vectors_that_do_not_fit_are_refused(world):
    with pytest.raises(ValueError, match="one vector per query"):
        Queue(world.queries[1:], world.catalogue, [], world.meanings, 0.5)
    with pytest.raises(ValueError, match="weights"):
        Weights(0, 0, 0, 0, 0, 0)
