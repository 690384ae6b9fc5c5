"""What a model is measured on: labelled queries, noise, and the catalogue they are matched against."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from faqtune.digests import digest
from faqtune.errors import UserError
from faqtune.records import Catalogue
from faqtune.scorecard import STRATA, Stratum


@dataclass(frozen=True, slots=True)
class Positive:
    """An in-distribution query and the entry that answers it.

    `group` is its conversation; queries without one ("") count as conversations of their own.
    """

    text: str
    entry: str
    group: str = ""


@dataclass(frozen=True, slots=True)
class Negative:
    """A noise sentence: no entry of the catalogue answers it.

    `group` is its source, or its conversation where it comes from the logs; without one ("")
    it is a source of its own. `generated`: nobody wrote it; it counts in figures of its stratum only,
    never in those over all noise.
    """

    text: str
    stratum: Stratum
    group: str = ""
    generated: bool = False


@dataclass(frozen=True)
class EvaluationSet:
    """Labelled queries and noise of one part of a split, or of a file.

    `catalogue` is what queries are matched against: held-out entries are already gone from it,
    and their queries are in `negatives` as "unsupported". `excluded` counts labelled queries
    that are neither, by reason. Raises UserError for a label that the catalogue does not know.
    """

    positives: tuple[Positive, ...]
    negatives: tuple[Negative, ...]
    catalogue: Catalogue
    part: str
    excluded: Mapping[str, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for positive in self.positives:
            if positive.entry not in self.catalogue.rows:
                raise UserError(
                    f"{self.part}: “{positive.text}” is labelled with entry {positive.entry}, "
                    "which is not in the catalogue that is measured",
                    "label it again, or count it as unsupported noise if the entry is held out",
                )
        for negative in self.negatives:
            if negative.stratum not in STRATA:
                raise UserError(
                    f"{self.part}: “{negative.text}” has the unknown noise stratum {negative.stratum}",
                    f"use one of {', '.join(STRATA)}",
                )

    @cached_property
    def entry_rows(self) -> NDArray[np.int64]:
        """Catalogue row of the entry that answers each of `positives`."""
        return np.array([self.catalogue.rows[positive.entry] for positive in self.positives], dtype=np.int64)

    @cached_property
    def noise_rows(self) -> dict[str, NDArray[np.int64]]:
        """Rows of `negatives` per stratum, only strata that have any, in the order of STRATA."""
        strata = np.array([negative.stratum for negative in self.negatives], dtype=object)
        rows = {stratum: np.flatnonzero(strata == stratum) for stratum in STRATA}
        return {stratum: found for stratum, found in rows.items() if len(found)}

    @cached_property
    def written_rows(self) -> NDArray[np.int64]:
        """Rows of `negatives` that somebody wrote: what figures over all noise are about."""
        return np.flatnonzero([not negative.generated for negative in self.negatives])

    def digest(self) -> str:
        """sha256 over everything that figures depend on, in order: two sets with it can be paired row by row.

        Answers, `part` and `excluded` do not count: they change no figure.
        """
        return self._digest(self.negatives)

    def written_digest(self) -> str:
        """The same without generated texts: whether two sets are the same part, whatever has been added to it."""
        return self._digest([negative for negative in self.negatives if not negative.generated])

    def _digest(self, negatives: Sequence[Negative]) -> str:
        content = [
            [(p.text, p.entry, p.group) for p in self.positives],
            [(n.text, n.stratum, n.group, *(("generated",) if n.generated else ())) for n in negatives],
            [(e.id, e.questions) for e in self.catalogue],
        ]
        return digest(json.dumps(content, ensure_ascii=False))
