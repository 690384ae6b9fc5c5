"""Every text of a project that a model may be asked to encode, as a stream."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import TypeVar

from faqtune.ingest import open_text
from faqtune.workspace import Workspace

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Said:
    """A text; `group` is its conversation or its source of noise, "" where it has none.

    `is_asked`: a customer's text or noise, which a model is asked about when it is used.
    """

    text: str
    group: str = ""
    is_asked: bool = False


def project_texts(workspace: Workspace, more: tuple[Path, ...] = ()) -> Iterator[Said]:
    """Catalogue, conversations, noise, queries (where there are any yet) and the lines of the files `more`.

    Empty texts are passed over. Raises UserError where the project has not been read in, and for files that are
    not text.
    """
    return (said for said in _all_texts(workspace, more) if said.text.strip())


def _all_texts(workspace: Workspace, more: tuple[Path, ...]) -> Iterator[Said]:
    for entry in workspace.catalogue():
        yield from (Said(text) for text in (*entry.questions, entry.answer))
    for conversation in workspace.conversations():
        for turn in conversation.turns:
            yield Said(turn.customer, conversation.id, is_asked=True)
            yield Said(turn.agent, conversation.id)
    yield from (Said(noise.text, noise.source, is_asked=True) for noise in workspace.noise())
    if workspace.queries_path.is_file():
        yield from (Said(query.text, query.conversation, is_asked=True) for query in workspace.queries())
    for path in more:
        file, _ = open_text(path)
        with file:
            yield from (Said(line.strip()) for line in file)


def in_blocks(items: Iterable[T], size: int) -> Iterator[list[T]]:
    """
    >>> list(in_blocks("abc", 2))
    [['a', 'b'], ['c']]
    """
    remaining = iter(items)
    while block := list(islice(remaining, size)):
        yield block
