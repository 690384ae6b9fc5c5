"""The rules of labelling, on written conversations: which text gets which entry, and when nobody says anything."""

import random

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from faqtune.config import LabelConfig
from faqtune.label import Bin, exchanges, label
from faqtune.label.reply_rules import NO_THRESHOLD, _prefix, chosen_threshold
from faqtune.records import Catalogue, Entry, normalise

HELLO = ("在吗", "在的亲，请说")
ADDRESS_REPLY = "没发货之前可以在订单详情里修改收货地址哦"


@pytest.fixture
def labelling(shop, logs, encoder):
    """Label conversations among the plain ones of the shop, by default at a fixed threshold."""

    def run(*conversations, catalogue=shop, among=logs, max_prefix_turns=3, **settings):
        config = LabelConfig(**{"reply_threshold": 0.6, **settings})
        return label(catalogue, list(exchanges([*among, *conversations], max_prefix_turns)), encoder, config)

    return run


@pytest.fixture
def labels(labelling):
    """Turns of a conversation that were labelled, to entry."""

    def run(conversation, **settings):
        made = labelling(conversation, **settings)
        pairs = zip(made.queries, made.claims, strict=True)
        return {query.turns: claim.entry for query, claim in pairs if query.conversation == conversation.id}

    return run


def test_what_both_sides_say_is_labelled(labelling, logs):
    made = labelling()
    assert [claim.entry for claim in made.claims] == [
        "发货", "快递", "退货", "发票", "保修", "优惠", "尺码", "地址", "ship", "return", "gift", "battery",
    ]  # fmt: skip
    assert [query.text for query in made.queries] == [conversation.turns[0].customer for conversation in logs]
    assert min(claim.confidence for claim in made.claims) > 0.8


def test_the_shortest_prefix_that_finds_the_entry_is_taken(labels, talk):
    one_is_enough = talk("x", HELLO, ("收货地址填错了能改吗", ADDRESS_REPLY))
    assert labels(one_is_enough) == {(1,): "地址"}
    two_are_needed = talk("x", HELLO, ("收货地址填错了", "您稍等一下亲"), ("咋整啊", ADDRESS_REPLY))
    assert labels(two_are_needed) == {(1, 2): "地址"}


def test_which_turns_are_the_query_can_be_chosen(labels, talk):
    """The last turn alone has the entry among its best; with the turn before it is the first."""
    vague = talk("x", HELLO, ("下错地址怎么改", "您稍等一下亲"), ("怎么开地址", ADDRESS_REPLY))
    assert labels(vague) == labels(vague, prefix="shortest") == {(2,): "地址"}
    assert labels(vague, prefix="surest") == {(1, 2): "地址"}
    assert labels(vague, prefix="whole") == {(0, 1, 2): "地址"}
    assert labels(vague, query_top=0) == labels(vague, query_top=0, prefix="whole") == {(0, 1, 2): "地址"}
    assert labels(vague, query_top=0, prefix="surest") == {(1, 2): "地址"}


@given(st.lists(st.integers(0, 5), min_size=1, max_size=4))
def test_the_chosen_prefix_is_its_naive_twin(places):
    """Place 5: not among the best five."""

    def chosen(**settings):
        return _prefix(np.array(places), 5, LabelConfig(**settings))

    finding = [number for number, place in enumerate(places) if place < 5]
    last = len(places) - 1
    assert chosen() == chosen(prefix="shortest") == (finding[0] if finding else last)
    assert chosen(prefix="surest") == (min(finding, key=lambda n: (places[n], n)) if finding else last)
    assert chosen(prefix="whole") == chosen(query_top=0) == last


def test_turns_without_a_reply_accumulate(labels, talk):
    assert labels(talk("x", ("收货地址填错了", ""), ("咋整啊", ADDRESS_REPLY))) == {(0, 1): "地址"}


def test_no_more_turns_accumulate_than_the_user_wants(labels, talk):
    conversation = talk("x", ("收货地址填错了", ""), ("咋整啊", ""), ("快嗦", ADDRESS_REPLY))
    assert labels(conversation) == {(0, 1, 2): "地址"}
    assert labels(conversation, max_prefix_turns=2) == {}


def test_the_prefix_starts_anew_after_a_recognised_reply(labels, talk):
    asked = ("收货地址填错了能改吗", ADDRESS_REPLY)
    assert labels(talk("x", asked, ("能开发票吗", "电子发票随订单发到您的邮箱"))) == {(0,): "地址", (1,): "发票"}
    # The same reply again, after words that mean nothing without the question that is already answered.
    assert labels(talk("x", asked, ("咋整啊", ADDRESS_REPLY))) == {(0,): "地址"}


def test_both_sides_must_agree(labels, talk):
    """The agent answers with another entry's text."""
    assert labels(talk("x", ("能开发票吗", "付款后48小时内发货"))) == {}
    assert labels(talk("x", ("can you wrap it as a gift", "签收七天内不影响二次销售可以退货"))) == {}


def test_a_reply_below_the_threshold_labels_nothing(labels, talk):
    conversation = talk("x", ("能退货吗", "签收七天内可以退货，运费自理"))
    assert labels(conversation) == {(0,): "退货"}
    assert labels(conversation, reply_threshold=0.95) == {}


@pytest.mark.parametrize("reply", ["可以的", "嗯嗯", "ok", "好 的"])
def test_short_replies_carry_nothing(labels, talk, shop, reply):
    catalogue = Catalogue((*shop, Entry("能改吗", ("能改吗",), reply)))
    for query_top in (0, 5):
        conversation = talk("x", ("能改吗", reply))
        assert labels(conversation, catalogue=catalogue, query_top=query_top, reply_threshold=-1.0) == {}


def test_a_stock_reply_that_follows_everything_labels_nothing(labelling, talk, logs, shop):
    """It is the answer of an entry, word by word; now and then the customer even asked for it."""
    stock = shop.entries[shop.rows["地址"]].answer
    asked = [conversation.turns[0].customer for conversation in logs] * 4
    made = labelling(*(talk(f"s{number}", (text, stock)) for number, text in enumerate(asked)))
    labelled = {query.conversation for query in made.queries}
    assert not [name for name in labelled if name.startswith("s")]
    assert len(labelled) == len(logs)


def test_chatter_is_nobodys_question(shop, logs, encoder, talk):
    """However well it finds an entry; with the turn before it, it says more."""
    asked, address = "收货地址填错了", ("咋整啊", ADDRESS_REPLY)
    alone, after = talk("x", ("咋整啊，收货地址填错了", ADDRESS_REPLY)), talk("y", (asked, "您稍等一下亲"), address)
    for chatter, turns in (
        (frozenset(), [(0,), (0, 1)]),
        ({normalise("咋整啊,收货地址填错了")}, [(0, 1)]),
        ({normalise(asked), normalise("咋整啊")}, [(0,), (0, 1)]),
        ({normalise("收货地址填错了，咋整啊")}, [(0,)]),
    ):
        found = list(exchanges([*logs, alone, after], 3))
        made = label(shop, found, encoder, LabelConfig(reply_threshold=0.6), chatter)
        assert [query.turns for query in made.queries if query.conversation in "xy"] == turns
    whole = LabelConfig(reply_threshold=0.6, query_top=0)  # the older workflow does not look at what was asked
    assert len(label(shop, found, encoder, whole, chatter).claims) == len(label(shop, found, encoder, whole).claims)


def test_at_most_one_claim_per_exchange_and_only_within_the_conversation(labelling, logs, talk):
    """Conversations shuffled together at random."""
    chance = random.Random(3)
    turns = [turn for conversation in logs for turn in conversation.turns]
    conversations = [
        talk(f"r{number}", *((turn.customer, turn.agent) for turn in chance.choices(turns, k=6)))
        for number in range(40)
    ]
    for settings in ({}, {"query_top": 0}):
        made = labelling(*conversations, **settings)
        last_turns = [(query.conversation, query.turns[-1]) for query in made.queries]
        assert len(set(last_turns)) == len(last_turns) > 100
        assert [claim.query for claim in made.claims] == [query.id for query in made.queries]
        spoken = [(query.conversation, turn) for query in made.queries for turn in query.turns]
        assert len(set(spoken)) == len(spoken), "a turn belongs to one question only"


def test_ids_are_stable_under_re_ordering(labelling, logs, talk):
    more = [talk("x", HELLO, ("收货地址填错了", "稍等哦亲"), ("咋整啊", ADDRESS_REPLY)), *logs]
    forwards, backwards = labelling(among=more), labelling(among=more[::-1])
    assert {claim.query: claim.entry for claim in forwards.claims} == {c.query: c.entry for c in backwards.claims}
    alone = labelling(among=logs)
    assert {claim.query for claim in alone.claims} < {claim.query for claim in forwards.claims}


def naive_old_workflow(conversation, catalogue, encoder, threshold):
    """SPEC §2.2: the prefix accumulates until the best cosine of a reply reaches the threshold, then starts anew."""
    prefix, found = [], {}
    for number, turn in enumerate(conversation.turns):
        if turn.customer:
            prefix.append(number)
        if turn.customer and len(normalise(turn.agent)) >= 4:
            (reply,) = encoder.encode([turn.agent])
            cosines = [float(reply @ answer) for answer in encoder.encode([entry.answer for entry in catalogue])]
            if max(cosines) >= threshold:
                found[tuple(range(prefix[0], number + 1))] = catalogue.entries[cosines.index(max(cosines))].id
                prefix = []
    return found


def test_without_the_query_it_is_the_old_workflow(labels, talk, logs, shop, encoder):
    chance = random.Random(4)
    customers = ["在吗", "收货地址填错了", "咋整啊", "能开发票吗", "", "thanks"]
    agents = [turn.agent for conversation in logs for turn in conversation.turns] + ["在的亲，请说", "", "好的"]
    for _ in range(20):
        turns = [(chance.choice(customers), chance.choice(agents)) for _ in range(7)]
        conversation = talk("x", *(turn for turn in turns if any(turn)))
        made = labels(conversation, query_top=0, reply_threshold=0.7, max_prefix_turns=99)
        assert made == naive_old_workflow(conversation, shop, encoder, 0.7)


def test_an_entry_without_an_answer_is_never_found(labelling, shop):
    silent = Catalogue(tuple(Entry(entry.id, entry.questions, "") for entry in shop))
    made = labelling(catalogue=silent)
    assert (made.claims, made.bins, made.threshold_cosine) == ((), (), NO_THRESHOLD)


def test_there_is_nothing_to_label(labelling):
    assert labelling(among=[]).exchanges == 0


def test_why_names_the_reply_and_its_cosine(labelling, encoder, shop, talk):
    reply = "没发货之前可以在订单详情里修改收货地址，" + "改好以后请您核对一下再付款，" * 5
    made = labelling(talk("x", ("收货地址填错了能改吗", reply)), reply_threshold=0.0)
    why = made.claims[-1].why
    assert made.claims[-1].entry == "地址"
    assert f"«{reply[:79]}…»" in why
    one, answer = encoder.encode([reply, shop.entries[shop.rows["地址"]].answer])
    assert f"cosine {float(one @ answer):.3f}" in why


def test_the_threshold_comes_from_the_data(labelling, logs, talk):
    """Here every reply fits its question, so all are labelled; dealt out at random, hardly any is believed."""
    turns = [turn for conversation in logs for turn in conversation.turns]
    asked = [turn.customer for turn in turns for _ in range(20)]
    replies = [f"{turn.agent}（{number}）" for turn in turns for number in range(20)]
    fitting = [talk(f"c{number}", turn) for number, turn in enumerate(zip(asked, replies, strict=True))]
    assert len(labelling(among=fitting, reply_threshold=None).claims) == len(fitting)
    random.Random(5).shuffle(replies)
    dealt = [talk(f"c{number}", turn) for number, turn in enumerate(zip(asked, replies, strict=True))]
    made = labelling(among=dealt, reply_threshold=None)
    assert sum(claim.confidence for claim in made.claims) < 0.1 * len(dealt)


def bins(*precisions):
    return [Bin(0.8 + at / 100, 0.81 + at / 100, 50, 20, 0.1, precision) for at, precision in enumerate(precisions)]


def test_labels_start_where_every_bin_from_there_on_is_right_often_enough():
    assert chosen_threshold(bins(0.1, 0.5, 0.3, 0.4, 0.9)) == pytest.approx(0.83)
    assert chosen_threshold(bins(0.4, 0.9)) == pytest.approx(0.8)
    assert chosen_threshold(bins(0.9, 0.39)) == NO_THRESHOLD
    assert chosen_threshold([]) == NO_THRESHOLD
