"""From conversations to the texts that may have been one question."""

from hypothesis import given
from hypothesis import strategies as st

from faqtune.label import exchanges, joined, query_id, query_of
from faqtune.records import Conversation, Turn

words = st.sampled_from(["", "在吗", "能退吗", "何时发货？", "hello"])
conversations = st.lists(st.tuples(words, words), max_size=8).map(
    lambda turns: Conversation("c", tuple(Turn(customer, agent) for customer, agent in turns))
)


def naive_exchanges(conversation, most):
    """For every turn with both sides, every run of customer turns that ends there."""
    turns = conversation.turns
    asking = [number for number, turn in enumerate(turns) if turn.customer]
    for place, number in enumerate(asking):
        if turns[number].agent:
            runs = [asking[first : place + 1] for first in range(place, -1, -1)][:most]
            prefixes = [(run[0], joined([turns[at].customer for at in run])) for run in runs]
            yield number, turns[number].agent, prefixes


@given(conversations, st.integers(1, 4))
def test_exchanges_are_their_naive_twin(conversation, most):
    found = [(e.turn, e.reply, list(e.prefixes)) for e in exchanges([conversation], most)]
    assert found == list(naive_exchanges(conversation, most))


def test_turns_accumulate_over_replies_and_silence(talk):
    conversation = talk("c", ("在吗", "在的亲"), ("", "有什么可以帮您"), ("那个杯子", ""), ("还有货吗", "有的，放心拍"))
    first, second = exchanges([conversation], 3)
    assert first.prefixes == ((0, "在吗"),)
    assert second.prefixes == ((3, "还有货吗"), (2, "那个杯子，还有货吗"), (0, "在吗，那个杯子，还有货吗"))


def test_conversations_are_not_mixed(talk):
    _, second = exchanges([talk("a", ("能退吗", "可以的亲")), talk("b", ("何时发货", "48小时内"))], 3)
    assert second.prefixes == ((0, "何时发货"),)


def test_what_joins_two_turns():
    assert joined(["can I return it", "the blue one"]) == "can I return it, the blue one"
    assert joined(["Can I return it?", "The blue one"]) == "Can I return it? The blue one"
    assert joined(["能退吗！", "蓝色那个", "L码"]) == "能退吗！蓝色那个，L码"
    assert joined(["iPhone 15", "有货吗"]) == "iPhone 15，有货吗"


def test_a_query_covers_all_turns_up_to_its_reply(talk):
    (_, exchange) = exchanges([talk("c", ("那个杯子", "您好"), ("", "在吗"), ("还有货吗", "有的，放心拍"))], 3)
    query = query_of(exchange, *exchange.prefixes[1])
    assert query.turns == (0, 1, 2)
    assert query.text == "那个杯子，还有货吗"
    assert query.reply == "有的，放心拍"
    assert query.id == query_id("c", (0, 1, 2))


def test_other_turns_or_another_conversation_make_another_id():
    places = [("c", (1,)), ("c", (11,)), ("c", (1, 2)), ("c", (2,)), ("c1", (1,)), ("d", (1,))]
    assert len({query_id(*place) for place in places}) == len(places)
