"""A step that several processes, which a launcher has started, do together: the first as if alone, the others help."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import ParamSpec, TypeVar

from faqtune.processes import place

P = ParamSpec("P")
R = TypeVar("R")


def together(follow: Callable[..., Callable[[], R]]) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """A step whose first process does it as one alone would, while all others do `follow` with the same arguments.

    `follow` first asks `told`, which waits until the first process tells it by `tell`; what it returns is
    called when the first process has finished, for the others' result.
    """

    def decorate(lead: Callable[P, R]) -> Callable[P, R]:
        @functools.wraps(lead)
        def step(*args: P.args, **kwargs: P.kwargs) -> R:
            here = place()
            if here.count == 1:
                return lead(*args, **kwargs)
            from faqtune.train.ranks import joined

            with joined(here):
                if here.is_writer:
                    return lead(*args, **kwargs)
                result = follow(*args, **kwargs)
            return result()

        return step

    return decorate


def tell(run: str, is_done: bool) -> None:
    """Tell the other processes which run it is, and whether nothing is left to do for them. Alone it does nothing."""
    if place().count > 1:
        from faqtune.train.ranks import same

        same((run, is_done))


def told() -> tuple[str, bool]:
    """What the first process tells."""
    from faqtune.train.ranks import same

    return same(("", False))
