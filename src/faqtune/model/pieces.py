"""Cut a Unigram vocabulary to some of its pieces: pure work on the content of a `tokenizer.json`.

Why a text whose pieces are all kept is segmented as before: the segmentation with the highest sum
of scores is still there, and everything else that is still there had a lower sum already (or came
later among equals). Two things could break that. The price of an unknown character is the lowest
score of the *vocabulary* less a constant, so the piece with the lowest score is kept. And a
character that had a piece of its own may have none now; it is then unknown where it stands alone,
which costs more than the piece did, so that no such segmentation wins either.
"""

from __future__ import annotations

import copy
import re
from collections.abc import Iterable, Iterator
from typing import Any

from faqtune.errors import UserError
from faqtune.model.scripts import is_wanted

BLANK = "▁"
"""How sentencepiece writes a blank, at the beginning of words."""

BYTE_PIECE = re.compile(r"<0x[0-9A-Fa-f]{2}>")

OTHER_TOKENIZER = "trim an XLM-R style model such as BAAI/bge-m3 or builtin, or use this one as it is"


def refuse_other_tokenizers(content: dict[str, Any], name: str) -> None:
    """Raises UserError unless the tokenizer is Unigram with parts whose ids we know how to rewrite."""
    kind = str((content.get("model") or {}).get("type"))
    if kind != "Unigram":
        raise UserError(
            f"{name}: its tokenizer is {kind}; only Unigram can be cut without changing other texts", OTHER_TOKENIZER
        )
    for processor in _processors(content.get("post_processor")):
        if processor["type"] not in ("TemplateProcessing", "BertProcessing", "RobertaProcessing", "ByteLevel"):
            raise UserError(f"{name}: its post-processor {processor['type']} is not supported", OTHER_TOKENIZER)


def kept_ids(content: dict[str, Any], used: Iterable[int], characters: set[str], scripts: tuple[str, ...]) -> list[int]:
    """Ids to keep, rising: `used`, `characters` and single characters of `scripts`, special and byte pieces.

    Single characters are kept at the beginning of words too. See the top of this file for the piece
    with the lowest score.
    """
    vocabulary = content["model"]["vocab"]
    kept = set(used) | {token["id"] for token in content.get("added_tokens") or []}
    if (unknown := content["model"].get("unk_id")) is not None:
        kept.add(unknown)
    kept.add(min(range(len(vocabulary)), key=lambda number: vocabulary[number][1]))
    for number, (piece, _) in enumerate(vocabulary):
        alone = piece.removeprefix(BLANK) or piece
        if (len(alone) == 1 and (alone in characters or is_wanted(alone, scripts))) or BYTE_PIECE.fullmatch(piece):
            kept.add(number)
    return sorted(kept)


def cut_tokenizer(content: dict[str, Any], kept: list[int]) -> dict[str, Any]:
    """The content of a `tokenizer.json` with the pieces `kept` only; ids are places in `kept`.

    Normaliser, pre-tokenizer and decoder know no ids and stay as they are.
    """
    place = {old: new for new, old in enumerate(kept)}
    cut = copy.copy(content)
    vocabulary, unknown = content["model"]["vocab"], content["model"].get("unk_id")
    cut["model"] = content["model"] | {"vocab": [vocabulary[number] for number in kept if number < len(vocabulary)]}
    if unknown is not None:
        cut["model"]["unk_id"] = place[unknown]
    cut["added_tokens"] = [token | {"id": place[token["id"]]} for token in content.get("added_tokens") or []]
    cut["post_processor"] = copy.deepcopy(content.get("post_processor"))
    for processor in _processors(cut["post_processor"]):
        _renumber(processor, place)
    if content.get("padding"):
        cut["padding"] = content["padding"] | {"pad_id": place[content["padding"]["pad_id"]]}
    return cut


def special_ids(content: dict[str, Any]) -> Iterator[int]:
    """Ids that post-processor and padding put in."""
    for processor in _processors(content.get("post_processor")):
        for token in (processor.get("special_tokens") or {}).values():
            yield from token["ids"]
        yield from (processor[end][1] for end in ("cls", "sep") if end in processor)
    if content.get("padding"):
        yield content["padding"]["pad_id"]


def _processors(processor: dict[str, Any] | None) -> Iterator[dict[str, Any]]:
    """A post-processor, or those that a sequence is made of."""
    if processor is None:
        return
    if processor["type"] == "Sequence":
        for part in processor["processors"]:
            yield from _processors(part)
    else:
        yield processor


def _renumber(processor: dict[str, Any], place: dict[int, int]) -> None:
    for token in (processor.get("special_tokens") or {}).values():
        token["ids"] = [place[number] for number in token["ids"]]
    for end in ("cls", "sep"):
        if end in processor:
            text, number = processor[end]
            processor[end] = [text, place[number]]
