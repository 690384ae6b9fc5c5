"""The split: grouped, seeded, and the same tomorrow."""

import random
import sys
from collections import Counter

import pytest

from faqtune.config import SplitConfig
from faqtune.errors import UserError
from faqtune.records import CALIBRATION, SELECTION, TEST, TRAIN
from faqtune.split import assign, check_split, hand_labels_train

CONVERSATIONS = [f"output.json#{number}" for number in range(5_000)]
SOURCES = [f"chatter.json#{number}" for number in range(5_000)]
ENTRIES = [f"entry{number}" for number in range(200)]


def labelled_among(conversations, seed=0):
    """Every entry with a few queries, in conversations drawn at random."""
    chance = random.Random(seed)
    return {entry: chance.choices(conversations, k=chance.choice([0, *range(12, 20)])) for entry in ENTRIES}


LABELLED = labelled_among(CONVERSATIONS)


def test_everything_has_one_part():
    made = assign(CONVERSATIONS, SOURCES, LABELLED, SplitConfig())
    assert set(made.conversations) == set(CONVERSATIONS)
    assert set(made.noise) == set(SOURCES)
    check_split(made)


def test_shares_are_roughly_kept():
    """Five thousand draws are within 2 points of their share 99 times in 100."""
    made = assign(CONVERSATIONS, SOURCES, {}, SplitConfig(selection=0.15, calibration=0.1, test=0.25))
    for parts in (made.conversations, made.noise):
        counts = Counter(parts.values())
        for part, share in ((SELECTION, 0.15), (CALIBRATION, 0.1), (TEST, 0.25), (TRAIN, 0.5)):
            assert counts[part] / 5_000 == pytest.approx(share, abs=0.02)


def test_half_of_the_held_out_entries_are_for_the_test():
    made = assign(CONVERSATIONS, SOURCES, LABELLED, SplitConfig(held_out_entries=0.5))
    counts = Counter(made.held_out.values())
    assert sum(counts.values()) == pytest.approx(0.5 * len(ENTRIES), abs=20)
    assert counts[TEST] == pytest.approx(0.25 * len(ENTRIES), abs=18)
    assert min(counts[SELECTION], counts[CALIBRATION]) > 10
    assert counts[TRAIN] == 0


def test_the_same_seed_gives_the_same_split_and_another_seed_another():
    one, same, other = (assign(CONVERSATIONS, SOURCES, LABELLED, SplitConfig(seed=seed)) for seed in (1, 1, 2))
    assert one == same
    assert other.held_out != one.held_out
    for name in ("conversations", "noise"):
        before, after = getattr(one, name), getattr(other, name)
        assert sum(before[key] != after[key] for key in before) > 1_000


def test_the_order_of_the_input_does_not_matter():
    """Not even for a conversation with queries of two entries that are held out for different parts."""
    settings = SplitConfig(held_out_entries=0.5)
    forwards = assign(CONVERSATIONS, SOURCES, LABELLED, settings)
    backwards = assign(CONVERSATIONS[::-1], SOURCES[::-1], dict(reversed(LABELLED.items())), settings)
    assert forwards == backwards


def test_adding_conversations_moves_none_that_was_there():
    """Nor a noise source, nor a held-out entry; the new ones bring labels of their own, of new entries too."""
    before = assign(CONVERSATIONS, SOURCES, LABELLED, SplitConfig())
    new = [f"march.json#{number}" for number in range(1_000)]
    more = labelled_among(new, seed=1) | {f"new{number}": [new[number]] for number in range(50)}
    together = {entry: [*LABELLED.get(entry, []), *more[entry]] for entry in more}
    after = assign([*new, *CONVERSATIONS], [*SOURCES, "new"], together, SplitConfig())
    assert {name: after.conversations[name] for name in before.conversations} == before.conversations
    assert {name: after.noise[name] for name in before.noise} == before.noise
    assert before.held_out.items() <= after.held_out.items()


def test_training_gets_its_share_of_the_hand_labels_and_no_held_out_entry_with_it():
    by_hand = [name for entry in ENTRIES[:100] for name in LABELLED[entry]]
    settings = SplitConfig(held_out_entries=0.3, human_labels_for_training=0.4)
    made = assign(CONVERSATIONS, SOURCES, LABELLED, settings, by_hand)
    parts = Counter(made.conversations[name] for name in dict.fromkeys(by_hand))
    assert 0.2 < parts[TRAIN] / sum(parts.values()) < 0.5
    for entry, part in made.held_out.items():
        assert all(made.conversations[name] != TRAIN for name in LABELLED[entry]), part
    # A larger share only adds to training.
    more = assign(
        CONVERSATIONS, SOURCES, LABELLED, settings.model_copy(update={"human_labels_for_training": 0.6}), by_hand
    )
    assert all(more.conversations[n] == TRAIN for n in by_hand if made.conversations[n] == TRAIN)


def test_conversations_with_hand_labels_are_in_test_unless_training_gets_a_share():
    by_hand = CONVERSATIONS[::7] + [name for entry in ENTRIES[:100] for name in LABELLED[entry]]
    made = assign(CONVERSATIONS, SOURCES, LABELLED, SplitConfig(held_out_entries=0.5), by_hand)
    assert {made.conversations[name] for name in by_hand} == {TEST}


def test_where_hand_labels_will_go_is_known_before_anybody_labels():
    settings = SplitConfig(human_labels_for_training=0.6)
    conversations = [f"c{number}" for number in range(200)]
    parts = assign(conversations, [], {}, settings, by_people=conversations).conversations
    assert parts == {c: TRAIN if hand_labels_train(c, settings) else TEST for c in conversations}


def test_conversations_of_a_held_out_entry_follow_it():
    made = assign(CONVERSATIONS, SOURCES, LABELLED, SplitConfig(held_out_entries=0.3))
    assert len(made.held_out) > 30
    for entry in made.held_out:
        assert TRAIN not in {made.conversations[name] for name in LABELLED[entry]}
    torn_by_two = Counter(name for entry in made.held_out for name in set(LABELLED[entry]))
    followed = [
        made.conversations[name] == part
        for entry, part in made.held_out.items()
        for name in LABELLED[entry]
        if torn_by_two[name] == 1
    ]
    assert len(followed) > 100
    assert all(followed)


SCARCE = {f"e{number}": [f"c{number}"] for number in range(400)}
PLENTY = {f"e{number}": [f"c{number}-{i}" for i in range(30)] for number in range(200)}


def test_a_part_whose_held_out_entries_are_hardly_asked_for_gets_some_more(monkeypatch):
    """Entries of one query each, a share of 2 % of 400: by hash 2 to 16, with more at most twice the share."""
    for seed in range(20):
        settings = SplitConfig(seed=seed, held_out_entries=0.08)
        with monkeypatch.context() as patch:
            patch.setattr(sys.modules["faqtune.split.assign"], "ENOUGH_NEAR_NOISE", 0)
            by_hash = Counter(assign([], [], SCARCE, settings).held_out.values())
        topped_up = Counter(assign([], [], SCARCE, settings).held_out.values())
        for part in (SELECTION, CALIBRATION):
            assert topped_up[part] == max(16, by_hash[part])
            assert by_hash[part] < 20


def test_enough_near_noise_is_not_topped_up(monkeypatch):
    plain = assign([], [], PLENTY, SplitConfig()).held_out
    assert {SELECTION, CALIBRATION, TEST} == set(plain.values())
    monkeypatch.setattr(sys.modules["faqtune.split.assign"], "ENOUGH_NEAR_NOISE", 0)
    assert assign([], [], PLENTY, SplitConfig()).held_out == plain


def test_parts_that_have_near_noise_of_their_own_need_no_held_out_entry():
    every = assign(CONVERSATIONS, SOURCES, LABELLED, SplitConfig(held_out_entries=0.3)).held_out
    without = assign(CONVERSATIONS, SOURCES, LABELLED, SplitConfig(held_out_entries=0.3), (), (TEST,)).held_out
    assert TEST in every.values()
    assert without == {entry: part for entry, part in every.items() if part != TEST}


def test_an_entry_without_labels_or_with_most_of_them_is_not_held_out():
    labelled = {f"e{number}": [f"c{number}"] for number in range(40)} | {"hot": ["c1"] * 40, "silent": []}
    for seed in range(20):
        held_out = assign([], [], labelled, SplitConfig(seed=seed, held_out_entries=0.9)).held_out
        assert len(held_out) > 25
        assert not {"hot", "silent"} & set(held_out)


def test_no_entry_is_held_out_for_a_part_that_the_user_does_not_want():
    settings = SplitConfig(selection=0.3, calibration=0.0, test=0.3, held_out_entries=0.5)
    made = assign(CONVERSATIONS, SOURCES, LABELLED, settings)
    assert set(made.held_out.values()) == {SELECTION, TEST}
    assert len(made.held_out) == pytest.approx(100, abs=20)
    assert CALIBRATION not in made.conversations.values()


@pytest.mark.parametrize("shares", [(0.3, 0.3, 0.4), (0.1, 0.2, 0.7), (0.5, 0.4, 0.3)])
def test_shares_that_leave_nothing_to_train_on_are_refused(shares):
    settings = SplitConfig(**dict(zip(("selection", "calibration", "test"), shares, strict=True)))
    with pytest.raises(UserError, match="nothing for training") as caught:
        assign(CONVERSATIONS, SOURCES, {}, settings)
    assert "lower them" in caught.value.next_step


def test_half_an_emoji_in_an_id_is_no_crash():
    assert set(assign(["c\ud83d"], [], {}, SplitConfig()).conversations) == {"c\ud83d"}


def test_noise_that_only_measures_is_never_trained_on_nor_chosen_by():
    made = assign(CONVERSATIONS, SOURCES, LABELLED, SplitConfig(), measured_only=SOURCES[:2000])
    counts = Counter(made.noise[source] for source in SOURCES[:2000])
    assert set(counts) == {CALIBRATION, TEST}
    # As 0.15 to 0.2, as of everything else.
    assert abs(counts[TEST] / 2000 - 0.2 / 0.35) < 0.04
    assert made.conversations == assign(CONVERSATIONS, SOURCES, LABELLED, SplitConfig()).conversations
    plain = assign(CONVERSATIONS, SOURCES, LABELLED, SplitConfig()).noise
    assert all(made.noise[source] == plain[source] for source in SOURCES[2000:])
    no_parts = SplitConfig(calibration=0, test=0)
    assert set(assign([], SOURCES, {}, no_parts, measured_only=SOURCES).noise.values()) == {TRAIN}
