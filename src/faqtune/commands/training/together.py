"""A step that several processes, which a launcher has started, do together: the first as if alone, the others help."""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass
from typing import ParamSpec, TypeVar, cast

from faqtune.processes import place

P = ParamSpec("P")
R = TypeVar("R")


@dataclass(frozen=True, slots=True)
class Told:
    """What the first process is about to train: a run's name and base, or one that is done and leaves nothing to do."""

    run: str
    base: str
    is_done: bool


def together(follow: Callable[..., None]) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """A step whose first process does it as one alone would, while all others do `follow` with the same arguments.

    `follow` first asks `told`, which waits until the first process tells it by `tell`. It may run on another machine,
    where nothing is but a copy of the project's inputs. The result is that of the first process, everywhere.
    """

    def decorate(lead: Callable[P, R]) -> Callable[P, R]:
        @functools.wraps(lead)
        def step(*args: P.args, **kwargs: P.kwargs) -> R:
            here = place()
            if here.count == 1:
                return lead(*args, **kwargs)
            from faqtune.train.ranks import final, joined

            with joined(here):
                if here.is_writer:
                    return final(lead(*args, **kwargs))
                follow(*args, **kwargs)
                return final(cast(R, None))

        return step

    return decorate


def tell(read: str, plan: Told) -> None:
    """Tell the other processes what is trained. `read`: digest of all that was read for it, which must be the same for
    all. Alone it does nothing."""
    if place().count > 1:
        from faqtune.train.ranks import refuse_different, same

        refuse_different(read)
        same(plan)


def told(read: str) -> Told:
    """What the first process tells one that has `read` the same."""
    from faqtune.train.ranks import refuse_different, same

    refuse_different(read)
    return same(Told("", "", False))
