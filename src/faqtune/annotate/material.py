"""What annotating needs of a project and a model, made before the first item is shown."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

from faqtune.annotate.pool import Pool
from faqtune.annotate.queue import Queue, Shares, Weights
from faqtune.annotate.search import Search
from faqtune.annotate.signals import Meanings
from faqtune.encoder import Encoder, Vectors
from faqtune.ranking import rank
from faqtune.records import Catalogue, Claim, Entry


@dataclass(frozen=True)
class Material:
    """One model's view of a project. `claims` as they were when it was made.

    `model` is what people know the model by; `trains` says of a conversation whether its hand labels train.
    """

    catalogue: Catalogue
    pool: Pool
    claims: tuple[Claim, ...]
    meanings: Meanings
    encoder: Encoder
    model: str
    threshold_cosine: float
    weights: Weights = field(default_factory=Weights)
    shares: Shares = field(default_factory=Shares)
    doubts: Mapping[str, float] = field(default_factory=dict)
    trains: Callable[[str], bool] | None = None
    noise: Vectors | None = None
    """Chatter that may train, (m, d)."""
    measured_noise: Vectors | None = None
    """Chatter that only measures, (m, d)."""
    weak: Mapping[str, int] = field(default_factory=dict)
    """What machines' labels come to, by query: entry row, or -1 for none. Only what is sure enough to train."""
    seed: int = 0
    former: tuple[Entry, ...] = ()
    """Entries that left the catalogue or were called otherwise."""

    @cached_property
    def queue(self) -> Queue:
        return Queue(
            self.pool.queries,
            self.catalogue,
            self.claims,
            self.meanings,
            self.threshold_cosine,
            weights=self.weights,
            shares=self.shares,
            doubts=self.doubts,
            trains=self.trains,
            seed=self.seed,
        )

    @cached_property
    def search(self) -> Search:
        return Search(self.catalogue, self.meanings.questions, self.encoder)

    def order(self) -> None:
        """Rank and order all queries now, in seconds, rather than when the first item is asked for."""
        assert self.queue

    def warm_up(self) -> None:
        """Build the search's index and let the model encode once now, rather than when somebody searches first."""
        self.search.find("a")


def threshold_between(queries: Vectors, noise: Vectors, questions: Vectors, owners: tuple[int, ...]) -> float:
    """A cosine to begin with where none has been calibrated: midway between what queries and what noise reach.

    Only the queue's order hangs on it. Without noise, the queries' median.
    """
    asked = float(np.median(rank(queries, questions, owners, 1).best)) if len(queries) else 0.5
    if not len(noise):
        return asked
    return (asked + float(np.median(rank(noise, questions, owners, 1).best))) / 2
