"""A small world to annotate: twelve entries, queries around them, unit vectors that say what belongs together."""

import numpy as np
import pytest

from faqtune.annotate.queue import Meanings, Queue
from faqtune.records import Catalogue, Claim, Entry, Query

ENTRIES, PER_ENTRY, STRAY, WIDTH = 12, 8, 24, 16


def unit(vectors):
    return (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)


class World:
    """A fifth of the queries is about nothing in the catalogue; the rules label some others, at times wrongly."""

    threshold = 0.8

    def __init__(self, seed=0):
        rng = np.random.default_rng(seed)
        self.catalogue = Catalogue(
            tuple(Entry(f"e{i}", (f"第{i}号标准问题", f"另一种说法{i}"), f"第{i}号答案，很长") for i in range(ENTRIES))
        )
        centres = unit(rng.normal(size=(ENTRIES, WIDTH)))
        self.truth, vectors, self.queries = {}, [], []
        for number in range(ENTRIES * PER_ENTRY + STRAY):
            entry = number % ENTRIES if number < ENTRIES * PER_ENTRY else None
            noise = rng.normal(size=WIDTH) * 0.15
            vectors.append(noise + centres[entry] if entry is not None else rng.normal(size=WIDTH))
            query = Query(f"q{number}", f"客户问题{chr(0x4E00 + number)}", f"c{number // 2}", (0,), "回答一二三")
            self.truth[query.id] = None if entry is None else f"e{entry}"
            self.queries.append(query)
        vectors = unit(np.array(vectors))
        questions = unit(np.repeat(centres, 2, axis=0) + 0.05 * rng.normal(size=(2 * ENTRIES, WIDTH)))
        self.meanings = Meanings(vectors, questions, vectors, centres)
        # Entries 0 to 8 have labels of the rules, a fifth of them wrong; 9 to 11 have none.
        self.claims = []
        for number in range(0, ENTRIES * PER_ENTRY, 2):
            if (entry := number % ENTRIES) < 9:
                said = entry if number % 5 else (entry + 1) % 9
                self.claims.append(Claim(f"q{number}", f"e{said}", "reply_rules", 0.6))

    def queue(self, **options):
        return Queue(
            self.queries, self.catalogue, options.pop("claims", self.claims), self.meanings, self.threshold, **options
        )


@pytest.fixture(scope="session")
def world():
    return World()
