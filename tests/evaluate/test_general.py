"""The shipped pairs, and how much general ability a model has lost on them."""

from __future__ import annotations

import subprocess
import sys
import unicodedata
from collections import Counter
from collections.abc import Sequence

import numpy as np
import pytest

from faqtune.encoder import Vectors
from faqtune.errors import UserError
from faqtune.evaluate import forgetting, general_ability, general_figures
from faqtune.evaluate.general import _sharing_plan, general_pairs
from faqtune.evaluate.intervals import holm, resample
from faqtune.model import TextModel


class Characters:
    """Encodes a text as counts of its characters, so that cosines are known without a model."""

    name = "characters"

    def __init__(self, ceiling: int = 99) -> None:
        self.ceiling = ceiling

    def encode(self, texts: Sequence[str]) -> Vectors:
        vectors = np.ones((len(texts), 512), dtype=np.float32)
        for row, text in enumerate(texts):
            for character, count in Counter(text).items():
                vectors[row, ord(character) % 512] += min(count, self.ceiling)
        return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


def naive_auroc(cosines: Sequence[float], labels: Sequence[int]) -> float:
    won = [
        (a > b) + (a == b) / 2
        for a, one in zip(cosines, labels, strict=True)
        for b, other in zip(cosines, labels, strict=True)
        if one == 1 and other == 0
    ]
    return sum(won) / len(won)


def test_the_pairs_are_balanced_over_languages_and_labels() -> None:
    pairs = general_pairs()
    assert len(pairs) >= 400
    for language in ("zh", "en"):
        mine = [pair for pair in pairs if pair.language == language]
        assert abs(len(mine) / len(pairs) - 0.5) < 0.05
        assert abs(sum(pair.label for pair in mine) / len(mine) - 0.5) < 0.05
    assert {pair.label for pair in pairs} == {0, 1}


def test_no_pair_is_there_twice_and_no_sentence_is_its_own_paraphrase() -> None:
    pairs = general_pairs()
    assert len({frozenset((pair.a, pair.b)) for pair in pairs}) == len(pairs)
    assert all(pair.a.strip(" .?!。？！") != pair.b.strip(" .?!。？！") for pair in pairs)
    paraphrased = Counter(text for pair in pairs if pair.label for text in (pair.a, pair.b))
    assert set(paraphrased.values()) == {1}


def test_the_sentences_are_in_the_language_they_claim() -> None:
    for pair in general_pairs():
        for text in (pair.a, pair.b):
            chinese = any("CJK UNIFIED" in unicodedata.name(character, "") for character in text)
            assert chinese == (pair.language == "zh")
            assert text == text.strip() and len(text) > 6


def test_auroc_is_that_of_a_double_loop() -> None:
    ability = general_ability(Characters())
    pairs = general_pairs()
    labels = [pair.label for pair in pairs]
    assert ability.pairs == len(pairs) == len(ability.cosines)
    assert ability.auroc == pytest.approx(naive_auroc(ability.cosines.tolist(), labels), abs=1e-12)
    for language, value in ability.by_language.items():
        rows = [row for row, pair in enumerate(pairs) if pair.language == language]
        mine = naive_auroc([float(ability.cosines[row]) for row in rows], [labels[row] for row in rows])
        assert value == pytest.approx(mine, abs=1e-12)


def test_forgetting_is_what_the_second_model_has_less() -> None:
    before, after = general_ability(Characters()), general_ability(Characters(ceiling=1))
    lost = forgetting(before, after, resamples=500)
    assert lost.value == before.auroc - after.auroc
    assert lost.low < lost.value < lost.high
    nothing = forgetting(before, before, resamples=100)
    assert (nothing.value, nothing.low, nothing.high) == (0, 0, 0)


def test_a_model_that_gives_nan_is_refused() -> None:
    class Broken(Characters):
        def encode(self, texts: Sequence[str]) -> Vectors:
            return np.full((len(texts), 4), np.nan, dtype=np.float32)

    with pytest.raises(UserError, match="not numbers"):
        general_ability(Broken())


def test_the_built_in_model_is_neither_perfect_nor_blind(builtin_model: TextModel) -> None:
    ability = general_ability(builtin_model)
    assert 0.75 < ability.auroc < 0.95
    assert all(0.7 < value < 0.95 for value in ability.by_language.values())


def test_it_imports_no_torch() -> None:
    script = "import sys, faqtune.evaluate.general; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", script], check=False).returncode == 0


def test_figures_of_several_models_are_those_of_each_with_intervals_of_a_loop() -> None:
    """Intervals over few resamples against AUROC counted pair by pair, within a language too."""
    abilities = [general_ability(Characters(ceiling)) for ceiling in (99, 1, 2)]
    figures, differences = general_figures(abilities, resamples=6, seed=3)
    pairs = general_pairs()
    counts = np.concatenate(list(resample(_sharing_plan(), 6, 3)), axis=1)

    def looped(cosines: np.ndarray, column: int, language: str) -> float:
        of_language = np.array([language in ("all", pair.language) for pair in pairs])
        weight = counts[:, column] * of_language
        same = np.array([pair.label == 1 for pair in pairs])
        won = total = 0.0
        for row in np.flatnonzero(same & (weight > 0)):
            others = np.flatnonzero(~same & (weight > 0))
            better = (cosines[row] > cosines[others]) + (cosines[row] == cosines[others]) / 2
            won += weight[row] * float(better @ weight[others])
            total += weight[row] * float(weight[others].sum())
        return won / total

    for language in ("all", "zh", "en"):
        drawn = [[looped(each.cosines, column, language) for column in range(6)] for each in abilities]
        for each, ability, values in zip(figures, abilities, drawn, strict=True):
            assert each[language].value == (ability.auroc if language == "all" else ability.by_language[language])
            wanted = np.percentile(values, (2.5, 97.5))
            assert (each[language].low, each[language].high) == pytest.approx(wanted, abs=1e-9)
            assert each[language].n == sum(language in ("all", pair.language) for pair in pairs)
        for each, values in zip(differences, drawn[1:], strict=True):
            moved = np.array(values) - np.array(drawn[0])
            assert (each[language].low, each[language].high) == pytest.approx(
                tuple(np.percentile(moved, (2.5, 97.5))), abs=1e-9
            )


def test_differences_are_what_was_not_forgotten_and_corrected_for_all_of_them() -> None:
    abilities = [general_ability(Characters(ceiling)) for ceiling in (99, 1, 2)]
    _, differences = general_figures(abilities, resamples=400)
    lost = forgetting(abilities[0], abilities[1], resamples=400)
    found = differences[0]["all"]
    assert (found.value, found.low, found.high) == pytest.approx((-lost.value, -lost.high, -lost.low))
    every = [each for one in differences for each in one.values()]
    assert len(every) == 6
    assert [each.p_holm for each in every] == pytest.approx(holm([each.p for each in every]))
