"""Several processes that train one model: which one am I, and what must we agree on.

Each process, a rank, has its own GPU, or they share the CPU. Outside `joined` there is one rank, and every
function returns what it was given. The functions that wait for the others must be called by all ranks in the
same order. What is decided, is decided once: by rank 0, or by a sum that all ranks have to the bit, so that
ranks on different hardware never part.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import timedelta
from typing import Any, TypeVar

import torch
import torch.distributed as dist
from torch.distributed.rendezvous import rendezvous

from faqtune.errors import UserError, is_out_of_memory
from faqtune.processes import LAUNCHER, Place

PATIENCE = timedelta(minutes=30)
"""How long a rank waits for the others: rank 0 may be writing a checkpoint to a slow disk."""
LAST_PATIENCE = timedelta(days=1)
"""How long the others wait for rank 0 to save and measure the model."""
HEARING_SECONDS = 3.0
"""How long a rank that others have left waits for one that knows why."""
FAILURES, FINISHED = "failures", "finished"

T = TypeVar("T")


_joined: Place | None = None
_store: Any = None
"""What all processes of this training can read and write: small values by name."""


class RankLostError(UserError):
    """Another rank has ended or does not answer."""

    def __init__(self) -> None:
        super().__init__(
            "another process of this training has ended, or does not answer",
            "look at what it said; run the same command again to go on from the last checkpoint",
        )


def count() -> int:
    return 1 if _joined is None else _joined.count


def number() -> int:
    return 0 if _joined is None else _joined.number


def is_writer() -> bool:
    """Whether this rank writes files: rank 0."""
    return number() == 0


@contextmanager
def joined(place: Place) -> Iterator[None]:
    """Train together with the other processes inside it; NCCL between GPUs, Gloo between CPUs.

    At its end the others wait for rank 0, so that whoever started them sees them end together. The first
    rank that fails raises its error; those that fail after it, which is mostly for its sake, end in silence.
    Raises UserError if there are fewer GPUs than ranks on this machine, and RankLostError if a rank does not come.
    """
    global _joined, _store
    _take_device(place)
    with waited_for():
        store = next(iter(rendezvous("env://", place.number, place.count)))[0]
        store = dist.PrefixStore("faqtune", store)  # type: ignore[attr-defined]
        backend = "cpu:gloo,cuda:nccl" if torch.cuda.is_available() else "gloo"
        dist.init_process_group(backend, store=store, rank=place.number, world_size=place.count, timeout=PATIENCE)
    _joined, _store = place, store
    try:
        yield
        final(None)
        dist.destroy_process_group()
    except SystemExit:
        raise
    except BaseException as error:
        if _is_spoken_for(store, error):
            raise SystemExit(error.exit_code if isinstance(error, UserError) else 1) from None
        raise
    finally:
        _joined = _store = None


def final(value: T) -> T:
    """What rank 0 has when it has finished, however long that takes."""
    if is_writer():
        _store.set(FINISHED, "")
        # The store may live in this process: the others must have read it. Whoever is gone by now is not missed.
        with suppress(RankLostError):
            same(value)
            barrier()
        return value
    with waited_for():
        _store.wait([FINISHED], LAST_PATIENCE)
    found = same(value)
    # Whoever has seen all others here may be gone already.
    with suppress(RankLostError):
        barrier()
    return found


def agreed(*wishes: bool) -> list[bool]:
    """Of each wish, whether any rank has it."""
    return list(map(bool, _highest(wishes)))


def _highest(values: Sequence[int]) -> list[int]:
    """The highest of each value over all ranks."""
    if _joined is None:
        return list(values)
    found = torch.tensor(values, dtype=torch.int64)
    with waited_for():
        dist.all_reduce(found, dist.ReduceOp.MAX)
    return found.tolist()


def same(value: T) -> T:
    """What rank 0 has."""
    if _joined is None:
        return value
    values = [value]
    with waited_for():
        dist.broadcast_object_list(values, device=torch.device("cpu"))
    return values[0]


def of_all(value: T) -> list[T]:
    """What each rank has."""
    if _joined is None:
        return [value]
    values: list[Any] = [None] * count()
    with waited_for():
        dist.all_gather_object(values, value)
    return values


def barrier() -> None:
    """Wait until all ranks are here."""
    _highest([0])


def refuse_different(digest: str) -> None:
    """Raises UserError if ranks are about to train different things, as with a copy of the project that is stale."""
    digests = of_all(digest)
    if other := [rank for rank, found in enumerate(digests) if found != digests[0]]:
        raise UserError(
            f"process {other[0]} has other data, another recipe or another base model than process 0",
            "give all machines the same project folder, base model and options",
        )


@contextmanager
def all_or_none() -> Iterator[None]:
    """Work of each rank alone that must succeed on all: if one fails, none waits for it in vain.

    Where memory was too small on one rank, it is on all: torch.OutOfMemoryError. After any other error the
    other ranks raise RankLostError.
    """
    if _joined is None:
        yield
        return
    error: Exception | None = None
    try:
        yield
    except Exception as raised:
        error = raised
    worst = _highest([0 if error is None else 1 if is_out_of_memory(error) else 2])[0]
    if error is not None:
        raise error
    if worst == 1:
        raise torch.OutOfMemoryError("the memory of another process is too small")
    if worst:
        raise RankLostError


def _take_device(place: Place) -> None:
    if torch.cuda.is_available():
        if place.local >= (there := torch.cuda.device_count()):
            raise UserError(
                f"process {place.local} of this machine has no GPU: there are {there}",
                f"start at most {there} processes on this machine",
            )
        torch.cuda.set_device(place.local)
    elif torch.backends.mps.is_available():
        raise UserError("several processes need NVIDIA GPUs or plain CPUs", "train in one process")


@contextmanager
def waited_for() -> Iterator[None]:
    """Around whatever waits for other ranks. Raises RankLostError where they do not answer: Gloo says so in words."""
    try:
        yield
    except RuntimeError as error:
        if is_out_of_memory(error):
            raise
        raise RankLostError from error


def _is_spoken_for(store: Any, error: BaseException) -> bool:
    """Whether another rank failed before, or is about to say why: only who was not lost by others knows the reason."""
    is_lost = isinstance(error, RankLostError)
    if is_lost and LAUNCHER in os.environ:
        return True  # of a process that was killed, `faqtune train --gpus` says so
    try:
        until = time.monotonic() + HEARING_SECONDS
        while is_lost and not store.add(FAILURES, 0) and time.monotonic() < until:
            time.sleep(0.05)
        return bool(store.add(FAILURES, 1) > 1)
    except RuntimeError:
        return is_lost  # the rank that kept the store is gone
