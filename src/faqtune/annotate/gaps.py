"""What customers ask and the catalogue lacks: queries that nobody could match, in groups, the largest first."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from faqtune.annotate.duplicates import same_key
from faqtune.encoder import Vectors
from faqtune.ranking import rank
from faqtune.records import Catalogue, Query

MOST_EXAMPLES = 5
LEAST_CHARACTERS = 3
"""Of what the model alone takes for a gap: shorter texts (在吗, 得嘞, hi) ask nothing that an entry could answer."""
LONGEST_TITLE = 30
"""Characters; a longer text is a story, and the title is taken from a shorter one where there is one."""


@dataclass(frozen=True, slots=True)
class Gap:
    """Queries that ask much the same. `title`: the typical one of them, as a question to write an entry for.

    `queries`: ids; `conversations`: how many they are from; `by_people`: of the queries, those that people said no
    entry answers; `nearest`: id of the entry that comes nearest to the title, with its cosine.
    """

    title: str
    queries: tuple[str, ...]
    conversations: int
    by_people: int
    examples: tuple[str, ...]
    nearest: str
    nearest_cosine: float


def gaps(
    queries: Sequence[Query],
    vectors: Vectors,
    catalogue: Catalogue,
    questions: Vectors,
    threshold_cosine: float,
    *,
    unsupported: Mapping[str, bool],
    noise: Vectors | None = None,
) -> list[Gap]:
    """Groups of queries without an entry, those of most conversations first; the same on every run.

    `unsupported`: query id to whether people say that no entry answers it though it is the company's business; what
    they say otherwise (an entry, small talk, unclear) is False and keeps it out. Of the rest those count that no
    entry reaches the threshold for, that are nearer to some entry than to any `noise` (m, d), and that say enough
    (`LEAST_CHARACTERS`). Two queries ask the same where their cosine reaches the threshold, the model's own measure
    of that.
    """
    if not len(queries) or not len(catalogue):
        return []
    ranking = rank(vectors, questions, catalogue.owners, 1)
    by_people = np.array([unsupported.get(query.id, False) for query in queries], dtype=bool)
    said = np.array([query.id in unsupported for query in queries], dtype=bool)
    far = ranking.best < threshold_cosine
    if noise is not None and len(noise):
        far &= ranking.best > _greatest(vectors, noise)
    keys = [same_key(query.text) for query in queries]
    far &= np.array([len(key) >= LEAST_CHARACTERS for key in keys], dtype=bool)
    often = Counter(keys)
    rows = sorted(
        np.flatnonzero(by_people | (far & ~said)).tolist(),
        key=lambda row: (not by_people[row], -often[keys[row]], keys[row], queries[row].id),
    )
    found = []
    for members in groups(vectors[rows], threshold_cosine):
        inside = [rows[member] for member in members]
        title = _title(queries, vectors, inside)
        found.append(
            Gap(
                queries[title].text,
                tuple(queries[row].id for row in inside),
                len({queries[row].conversation for row in inside}),
                int(by_people[inside].sum()),
                tuple({keys[row]: queries[row].text for row in [title, *inside]}.values())[:MOST_EXAMPLES],
                catalogue.entries[int(ranking.rows[title, 0])].id,
                round(float(ranking.best[title]), 4),
            )
        )
    # Sorting is stable: of equals those that people named come first.
    return sorted(found, key=lambda gap: (-gap.conversations, -gap.by_people))


def groups(vectors: Vectors, least_cosine: float) -> list[list[int]]:
    """Leader clustering: each row joins the nearest leader that it reaches, else it becomes one. Rows in their order.

    Memory grows with rows times leaders of one row at a time, not with the square of the rows.
    """
    leaders = np.empty((0, vectors.shape[1]), dtype=np.float32)
    members: list[list[int]] = []
    for row, vector in enumerate(vectors):
        cosines = leaders[: len(members)] @ vector
        if len(members) and cosines.max() >= least_cosine:
            members[int(cosines.argmax())].append(row)
            continue
        if len(members) == len(leaders):
            leaders = np.concatenate([leaders, np.empty((max(64, len(leaders)), vectors.shape[1]), dtype=np.float32)])
        leaders[len(members)] = vector
        members.append([row])
    return members


def _title(queries: Sequence[Query], vectors: Vectors, rows: Sequence[int]) -> int:
    """The row nearest to the middle, of the short ones if there are any."""
    short = [row for row in rows if len(queries[row].text) <= LONGEST_TITLE] or list(rows)
    middle = vectors[list(rows)].mean(axis=0)
    return short[int((vectors[short] @ middle).argmax())]


def _greatest(vectors: Vectors, others: Vectors) -> NDArray[np.float32]:
    """Per row its best cosine with any of the others: float32 (n,)."""
    return rank(vectors, others, range(len(others)), 1).best
