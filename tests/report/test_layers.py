from __future__ import annotations

import copy
from typing import Any

from faqtune.report.layers import layers


def test_what_a_recipe_froze_is_said_to_be_the_same_or_to_have_moved(compared: dict[str, Any]) -> None:
    section = layers(compared, "en")
    assert section is not None and "froze (embeddings) are identical to the last bit" in section.reading
    moved = copy.deepcopy(compared)
    moved["frozen"]["moved"] = ["embeddings.word_embeddings.weight"]
    section = layers(moved, "en")
    assert section is not None and "have moved: embeddings.word_embeddings.weight." in section.reading


def test_weights_alone_give_a_section_without_what_data_would_tell(compared: dict[str, Any]) -> None:
    section = layers({**compared, "data": None, "frozen": None, "applied": None}, "zh")
    assert section is not None
    assert [sheet.caption for sheet in section.sheets] == ["各层"]
    assert len(section.sheets[0].header) == 4


def test_a_mixture_of_layers_is_shown_with_what_was_confirmed_of_it(compared: dict[str, Any]) -> None:
    section = layers(compared, "en")
    assert section is not None
    assert section.sheets[-1].rows[0][1].whole == "-3.1 [-5.2, -1.2]"
    assert [row[1].text for row in section.folded[0].rows] == ["0.75", "1.00"]


def test_a_comparison_of_another_form_is_left_out() -> None:
    assert layers({}, "en") is None
    assert layers({"weights": {}}, "en") is None


def test_a_layer_whose_return_helps_is_marked_as_better_and_the_other_way_round(compared: dict[str, Any]) -> None:
    turned = copy.deepcopy(compared)
    clear = {"value": 0.03, "low": 0.01, "high": 0.05, "p": 0.01}
    turned["data"]["reverted"][0]["differences"] = {"recall@1": clear, "accepted": clear}
    section = layers(turned, "en")
    assert section is not None
    assert [cell.mark for cell in section.sheets[1].rows[0]] == ["", "better", "worse"]
