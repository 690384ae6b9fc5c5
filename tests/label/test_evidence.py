"""Both sides of an exchange against plain loops, ties and shared answers included."""

from zlib import crc32

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from faqtune.label import Exchange, evidence, exchanges, gather
from faqtune.records import Catalogue, Entry, normalise


class SmallNumbers:
    """Vectors of small whole numbers: products are exact, and ties are common."""

    name = "small numbers"

    def encode(self, texts):
        return np.array(
            [[crc32(f"{axis}{text}".encode()) % 5 - 2 for axis in range(3)] for text in texts], dtype=np.float32
        ).reshape(-1, 3)


def score(one, other):
    a, b = SmallNumbers().encode([one, other])
    return sum(int(x) * int(y) for x, y in zip(a, b, strict=True))


def naive(catalogue, exchange, query_top, most_prefixes):
    """One exchange: similarity, margin, entry and place per prefix, and the share of decoys found."""
    distinct = {}
    for entry in catalogue:
        distinct.setdefault(normalise(entry.answer), entry.answer)
    answers = list(distinct.values())
    answers.sort(key=lambda answer: -score(exchange.reply, answer))
    scores = [score(exchange.reply, answer) for answer in answers]
    wanted, *decoys = [normalise(answer) for answer in answers[:3]]
    first = next(row for row, entry in enumerate(catalogue) if normalise(entry.answer) == wanted)
    entries, places, decoys_found = [], [], set()
    for _, text in exchange.prefixes:
        by_score = {row: max(score(text, q) for q in entry.questions) for row, entry in enumerate(catalogue)}
        best = sorted(by_score, key=lambda row: (-by_score[row], row))[:query_top]
        found = [normalise(catalogue.entries[row].answer) for row in best]
        places.append(found.index(wanted) if wanted in found else query_top)
        entries.append(best[places[-1]] if wanted in found else first)
        decoys_found |= set(decoys) & set(found)
    missing = most_prefixes - len(places)
    return (
        scores[0],
        scores[0] - scores[1] if len(scores) > 1 else 2,
        entries + [first] * missing,
        places + [query_top] * missing,
        len(decoys_found) / len(decoys) if decoys else 1.0,
    )


texts = st.integers(0, 12).map(lambda number: f"文字{number}")
catalogues = st.lists(st.tuples(st.lists(texts, min_size=1, max_size=2), texts), min_size=1, max_size=6).map(
    lambda rows: Catalogue(tuple(Entry(str(n), tuple(asked), answer) for n, (asked, answer) in enumerate(rows)))
)
exchanges_found = st.lists(
    st.builds(
        Exchange,
        st.just("c"),
        st.integers(0, 9),
        texts,
        st.lists(st.tuples(st.integers(0, 9), texts), min_size=1, max_size=3).map(tuple),
    ),
    min_size=1,
    max_size=4,
)


@settings(deadline=None)
@given(catalogues, exchanges_found, st.integers(1, 4))
def test_gather_is_its_naive_twin(catalogue, found, query_top):
    made = gather(catalogue, found, SmallNumbers(), query_top)
    most = max(len(exchange.prefixes) for exchange in found)
    for number, exchange in enumerate(found):
        similarity, margin, entries, places, decoy_rate = naive(catalogue, exchange, query_top, most)
        assert (made.similarity[number], made.margin[number]) == (similarity, margin)
        assert made.entries[number].tolist() == entries
        assert made.places[number].tolist() == places
        assert made.decoy_rate[number] == decoy_rate
        assert made.agrees[number] == (min(places) < query_top)


def test_a_shared_answer_goes_to_the_entry_that_was_asked_about(encoder, talk):
    answer = "请联系人工客服处理，工作时间九点到六点"
    catalogue = Catalogue(
        (
            Entry("换货", ("可以换货吗",), answer),
            Entry("投诉", ("我要投诉快递员",), f" {answer}"),
            Entry("发货", ("什么时候发货",), "48小时内发货"),
        )
    )
    found = list(exchanges([talk("c", ("我想投诉那个快递员", "麻烦联系人工客服处理哦，九点到六点"))], 3))
    made = gather(catalogue, found, encoder, query_top=1)
    assert made.entries[0, 0] == 1
    assert made.places[0, 0] == 0
    assert made.margin[0] > 0.3


def test_each_text_is_encoded_once(shop, logs, encoder):
    found = list(exchanges([*logs, *logs, *logs], 3))
    gather(shop, found, encoder, 3)
    replies = {exchange.reply for exchange in found}
    prefixes = {text for exchange in found for _, text in exchange.prefixes}
    assert len(encoder.encoded) == len(shop) + len(shop.questions) + len(replies) + len(prefixes)


def test_blocks_of_texts_give_the_same_as_one_go(shop, logs, encoder, monkeypatch):
    found = list(exchanges(logs, 3))
    whole = gather(shop, found, encoder, 3)
    monkeypatch.setattr(evidence, "TEXTS_AT_ONCE", 5)
    blocks = gather(shop, found, encoder, 3)
    assert np.allclose(whole.similarity, blocks.similarity, atol=1e-6)
    assert np.array_equal(whole.places, blocks.places)
    assert np.array_equal(whole.entries, blocks.entries)
