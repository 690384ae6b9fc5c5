"""Vectors beside the project: no text is encoded twice with one model, also when somebody stopped in the middle."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from faqtune.commands.project import kept_vectors
from faqtune.commands.project.kept_vectors import KeptVectors
from faqtune.encoder import Vectors
from faqtune.progress import Reporter, Silent

TEXTS = [f"第{n}句" for n in range(10)] + ["half \ud83d"]


class StopError(Exception):
    pass


class Counting:
    """Unit vectors that tell which text they are of; stops after `most` batches."""

    name = "counting"

    def __init__(self, most: int = 99) -> None:
        self.seen: list[str] = []
        self.most = most
        self.told: list[tuple[int, int]] = []

    def reporting_to(self, reporter: Reporter) -> "Counting":
        self.reporter = reporter
        return self

    def encode(self, texts: Sequence[str]) -> Vectors:
        if self.most == 0:
            raise StopError
        self.most -= 1
        self.seen += texts
        self.reporter.advance("texts encoded", len(texts), len(texts))
        return vectors_of(texts)

    def say(self, text: str) -> None:
        raise AssertionError(text)

    def advance(self, what: str, done: int, total: int) -> None:
        self.told.append((done, total))


def vectors_of(texts: Sequence[str]) -> Vectors:
    angles = np.array([TEXTS.index(text) if text in TEXTS else 99 for text in texts])
    return np.stack([np.cos(angles), np.sin(angles)], axis=1).astype(np.float32)


@pytest.fixture(autouse=True)
def small_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kept_vectors, "AT_ONCE", 4)


def test_what_was_encoded_before_an_end_is_kept(tmp_path: Path) -> None:
    path = tmp_path / "vectors.npz"
    stopped = Counting(most=2)
    with pytest.raises(StopError):
        KeptVectors(path, "m").of(TEXTS, stopped.reporting_to, stopped)
    assert stopped.told == [(4, 11), (8, 11)]
    again = Counting()
    found = KeptVectors(path, "m").of(TEXTS, again.reporting_to, again)
    assert stopped.seen + again.seen == TEXTS
    np.testing.assert_array_equal(found, vectors_of(TEXTS))
    third = Counting(most=0)
    np.testing.assert_array_equal(
        KeptVectors(path, "m").of(TEXTS[::-1], third.reporting_to, Silent()), vectors_of(TEXTS[::-1])
    )


def test_new_texts_alone_are_encoded_and_another_model_encodes_all(tmp_path: Path) -> None:
    path = tmp_path / "vectors.npz"
    for model, texts, expected in (
        ("m", TEXTS[:5], TEXTS[:5]),
        ("m", TEXTS[3:9], TEXTS[5:9]),
        ("other", TEXTS[3:9], TEXTS[3:9]),
        ("m", TEXTS[3:9], TEXTS[3:9]),
    ):
        encoder = Counting()
        found = KeptVectors(path, model).of(texts, encoder.reporting_to, Silent())
        assert encoder.seen == expected
        np.testing.assert_array_equal(found, vectors_of(texts))


@pytest.mark.parametrize("damaged", [b"", b"PK\x03\x04 half", b"no zip at all"])
def test_a_damaged_file_is_made_anew(tmp_path: Path, damaged: bytes) -> None:
    path = tmp_path / "vectors.npz"
    path.write_bytes(damaged)
    encoder = Counting()
    KeptVectors(path, "m").of(TEXTS, encoder.reporting_to, Silent())
    assert encoder.seen == TEXTS
    assert KeptVectors(path, "m").of(TEXTS, Counting(most=0).reporting_to, Silent()).shape == (11, 2)


def test_each_text_is_looked_up_a_few_times_however_many_are_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    looked_up = [0]

    class Counted(bytes):
        def __hash__(self) -> int:
            looked_up[0] += 1
            return super().__hash__()

    key = kept_vectors._key
    monkeypatch.setattr(kept_vectors, "_key", lambda text: Counted(key(text)))
    texts = [str(number) for number in range(300)]
    kept = KeptVectors(tmp_path / "vectors.npz", "m")
    kept.of(texts, Counting().reporting_to, Silent())
    looked_up[0] = 0
    kept.of(texts, Counting().reporting_to, Silent())
    assert looked_up[0] <= 5 * len(texts)
