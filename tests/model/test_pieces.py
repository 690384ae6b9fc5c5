"""Cutting a Unigram vocabulary: the proof that seen texts stay as they are, and every id in a tokenizer.json."""

from __future__ import annotations

import itertools
import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers import Tokenizer, pre_tokenizers, processors
from tokenizers.models import Unigram

from faqtune.errors import UserError
from faqtune.model.pieces import cut_tokenizer, kept_ids, refuse_other_tokenizers, special_ids
from faqtune.model.trim import different_tokens

ALPHABET = "ab退"
MULTIPLES = ["".join(letters) for length in (2, 3) for letters in itertools.product(ALPHABET, repeat=length)]


def unigram(pieces: list[tuple[str, float]], unknown: int = 0) -> Tokenizer:
    return Tokenizer(Unigram(pieces, unk_id=unknown, byte_fallback=False))


def content_of(tokenizer: Tokenizer) -> dict[str, Any]:
    content: dict[str, Any] = json.loads(tokenizer.to_str())
    return content


def cut(tokenizer: Tokenizer, texts: list[str], *, scripts: tuple[str, ...] = ()) -> tuple[Tokenizer, list[int]]:
    content = content_of(tokenizer)
    used = {number for text in texts for number in tokenizer.encode(text).ids}
    kept = kept_ids(content, used, {character for text in texts for character in text}, scripts)
    return Tokenizer.from_str(json.dumps(cut_tokenizer(content, kept))), kept


def naive_best(text: str, prices: dict[str, float], unknown: float) -> float:
    """The highest sum of scores over every segmentation, each tried."""
    if not text:
        return 0.0
    found = [prices[text[:end]] + naive_best(text[end:], prices, unknown) for end in range(1, len(text) + 1)
             if text[:end] in prices]  # fmt: skip
    if text[0] not in prices:
        found.append(unknown + naive_best(text[1:], prices, unknown))
    return max(found)


vocabularies = st.dictionaries(
    st.sampled_from([*ALPHABET, *MULTIPLES]), st.sampled_from([-1.0, -2.0, -2.5, -3.0, -4.0, -7.25]), min_size=4
)
texts_of_letters = st.lists(st.text(ALPHABET + "xy", min_size=1, max_size=9), min_size=1, max_size=6)


@settings(max_examples=300, deadline=None)
@given(vocabularies, texts_of_letters)
def test_every_seen_text_is_segmented_as_before(vocabulary: dict[str, float], texts: list[str]) -> None:
    """Scores are few, so that ties abound; x, y and whatever else the vocabulary lacks are unknown."""
    tokenizer = unigram([("<unk>", 0.0), *vocabulary.items()])
    smaller, kept = cut(tokenizer, texts)
    for text in texts:
        old, new = tokenizer.encode(text), smaller.encode(text)
        assert (old.tokens, old.offsets) == (new.tokens, new.offsets)
        assert [kept[number] for number in new.ids] == old.ids


@settings(max_examples=100, deadline=None)
@given(vocabularies, st.text(ALPHABET, min_size=1, max_size=6))
def test_the_cut_tokenizer_is_still_the_best_segmentation(vocabulary: dict[str, float], text: str) -> None:
    smaller, _ = cut(unigram([("<unk>", 0.0), *vocabulary.items()]), [text[:3]])
    pieces = [(piece, score) for piece, score in content_of(smaller)["model"]["vocab"] if piece != "<unk>"]
    prices = dict(pieces)
    unknown = min([0.0, *prices.values()]) - 10
    found = smaller.encode(text)
    spans = [text[start:end] for start, end in found.offsets]
    total = sum(
        unknown * len(span) if smaller.id_to_token(number) == "<unk>" else prices[span]
        for number, span in zip(found.ids, spans, strict=True)
    )
    assert total == pytest.approx(naive_best(text, prices, unknown))


def test_the_lowest_score_stays_because_it_prices_the_unknown() -> None:
    """`ax` unknown costs -1 - (10 + lowest): without the lowest piece, `axb` as one piece would lose."""
    tokenizer = unigram([("<unk>", 0.0), ("a", -1.0), ("b", -1.0), ("axb", -15.0), ("never", -9.0)])
    assert tokenizer.encode("axb").tokens == ["axb"]
    _, kept = cut(tokenizer, ["axb"])
    assert 3 in kept  # here it is the lowest itself
    cheaper = unigram([("<unk>", 0.0), ("a", -1.0), ("b", -1.0), ("axb", -14.0), ("never", -15.0)])
    smaller, kept = cut(cheaper, ["axb", "ab"])
    assert 4 in kept
    assert smaller.encode("axb").tokens == cheaper.encode("axb").tokens == ["axb"]
    without = content_of(cheaper)
    careless = Tokenizer.from_str(json.dumps(cut_tokenizer(without, [0, 1, 2])))
    assert careless.encode("axb").tokens != ["axb"]


def test_characters_of_the_scripts_are_kept_and_others_are_not() -> None:
    pieces = ["<unk>", "▁", "▁退", "退", "货", "退货", "a", "▁a", "ab", "は", "я", "7", "，", "☕", "<0x41>"]
    tokenizer = unigram([(piece, -float(number)) for number, piece in enumerate(pieces)])
    tokenizer.add_special_tokens(["<mask>"])
    content = content_of(tokenizer)

    def kept(scripts: tuple[str, ...], characters: set[str] = frozenset()) -> set[str]:  # type: ignore[assignment]
        ids = kept_ids(content, [], set(characters), scripts)
        return {pieces[number] if number < len(pieces) else "<mask>" for number in ids}

    always = {"<unk>", "▁", "7", "，", "☕", "<0x41>", "<mask>"}
    assert kept(()) == always
    assert kept(("han",)) == always | {"▁退", "退", "货"}
    assert kept(("latin", "kana")) == always | {"a", "▁a", "は"}
    assert kept((), {"я"}) == always | {"я"}


def test_every_number_is_rewritten() -> None:
    pieces = [("<s>", 0.0), ("<pad>", 0.0), ("</s>", 0.0), ("<unk>", 0.0), ("x", -3.0), ("y", -1.0), ("<sep>", 0.0)]
    tokenizer = unigram(pieces, unknown=3)
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace()
    tokenizer.post_processor = processors.Sequence(
        [
            processors.ByteLevel(trim_offsets=False),
            processors.TemplateProcessing(single="<s> $A <sep>", special_tokens=[("<s>", 0), ("<sep>", 6)]),
        ]
    )
    tokenizer.add_special_tokens(["<s>", "<mask>"])
    tokenizer.enable_padding(pad_id=1, pad_token="<pad>")
    content = content_of(tokenizer)
    assert sorted(set(special_ids(content))) == [0, 1, 6]
    kept = kept_ids(content, [5, *special_ids(content)], set(), ())
    assert kept == [0, 1, 3, 4, 5, 6, 7]  # 4 is the lowest score, 7 is <mask>, behind the vocabulary
    smaller = Tokenizer.from_str(json.dumps(cut_tokenizer(content, kept)))
    assert smaller.token_to_id("<mask>") == 6 and smaller.token_to_id("<sep>") == 5
    assert smaller.encode("y").ids == [0, smaller.token_to_id("<unk>"), 4, 5]
    assert smaller.padding is not None and smaller.padding["pad_id"] == 1
    assert content_of(smaller)["model"]["unk_id"] == 2
    assert content == content_of(tokenizer), "the old one is untouched"


def test_roberta_processing_is_rewritten() -> None:
    tokenizer = unigram([("a", -1.0), ("b", -9.0), ("<unk>", 0.0), ("c", -1.0), ("</s>", 0.0), ("<s>", 0.0)], unknown=2)
    tokenizer.post_processor = processors.RobertaProcessing(("</s>", 4), ("<s>", 5))
    content = content_of(tokenizer)
    kept = kept_ids(content, [3, *special_ids(content)], set(), ())
    smaller = Tokenizer.from_str(json.dumps(cut_tokenizer(content, kept)))
    assert smaller.encode("c").tokens == ["<s>", "c", "</s>"]


@pytest.mark.parametrize("kind", ["WordPiece", "BPE", "WordLevel"])
def test_other_tokenizers_are_refused(kind: str) -> None:
    with pytest.raises(UserError, match=f"its tokenizer is {kind}") as raised:
        refuse_other_tokenizers({"model": {"type": kind, "vocab": {}}}, "theirs")
    assert "BAAI/bge-m3" in raised.value.next_step


def test_an_unknown_post_processor_is_refused() -> None:
    with pytest.raises(UserError, match="post-processor Odd"):
        refuse_other_tokenizers({"model": {"type": "Unigram"}, "post_processor": {"type": "Odd"}}, "theirs")


def test_different_tokens_by_hand() -> None:
    whole = unigram([("<unk>", 0.0), ("a", -2.0), ("b", -2.0), ("ab", -1.0), ("c", -2.0)])
    smaller = unigram([("<unk>", 0.0), ("a", -2.0), ("b", -2.0), ("c", -2.0)])
    assert different_tokens(whole, smaller, ["ab", "abc", "cc", "cabab"]) == [(1, 1), (2, 1), (2, 0), (3, 2)]
    without_c = unigram([("<unk>", 0.0), ("a", -2.0), ("b", -2.0), ("ab", -1.0)])
    assert different_tokens(whole, without_c, ["abc", "x"]) == [(2, 1), (1, 0)], "unknown is not the piece it was"
