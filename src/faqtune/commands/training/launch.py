"""`faqtune train --gpus N`: the same command in N processes, one for each GPU, which start, stop and end together."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from types import FrameType

from faqtune.errors import UserError
from faqtune.processes import LAUNCHER, place

COMMAND = (sys.executable, "-m", "faqtune.train")
SECONDS_BETWEEN_LOOKS = 0.1
GRACE_SECONDS = 15.0
"""How long the others may take to end after one has failed, and again after they were asked to."""


def launch_on_gpus(gpus: int, options: Sequence[str], *, prints: bool = True) -> int:
    """Train on the first `gpus` GPUs of this machine; the exit code. Raises UserError if there are fewer.

    Without `prints` nothing of it goes to stdout, where another command's result will stand.
    """
    refuse_gpus(gpus)
    return launch(gpus, options, prints=prints)


def refuse_gpus(gpus: int) -> None:
    """Raises UserError where a training cannot be started on so many GPUs."""
    if place().count > 1:
        raise UserError("a launcher has started this process already", "leave --gpus out")
    import torch

    there = torch.cuda.device_count()
    if not there:
        raise UserError(
            f"--gpus {gpus}: there is no NVIDIA GPU that torch could use",
            "leave --gpus out to train on the CPU, or see what `faqtune doctor` says about the device",
        )
    if there < gpus:
        raise UserError(f"--gpus {gpus}: there {'is' if there == 1 else 'are'} {there}", f"use --gpus {there}")


def launch(count: int, options: Sequence[str], *, prints: bool = True) -> int:
    """Run `faqtune train` in `count` processes; the exit code of the first that failed, or 0.

    Ctrl-C and SIGTERM are passed on, once each: the terminal would give Ctrl-C to all of them as well, and
    a second one acts at once. They therefore have sessions of their own, and notice when this process dies.
    """
    children: list[subprocess.Popen[bytes]] = []
    with _passed_on(children):
        address = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(_free_port()), LAUNCHER: str(os.getpid())}
        threads = os.environ.get("OMP_NUM_THREADS", str(max(1, (os.cpu_count() or 1) // count)))
        for number in range(count):
            ranks = {"RANK": str(number), "LOCAL_RANK": str(number), "WORLD_SIZE": str(count)}
            environment = {**os.environ, **address, **ranks, "OMP_NUM_THREADS": threads}
            children.append(
                subprocess.Popen(
                    [*COMMAND, *options],
                    env=environment,
                    stdin=subprocess.DEVNULL,
                    stdout=None if prints else subprocess.DEVNULL,
                    start_new_session=True,
                )
            )
        try:
            return _watched(children)
        finally:
            for child in children:
                child.kill()  # does nothing to those that have ended
                child.wait()


def _watched(children: Sequence[subprocess.Popen[bytes]]) -> int:
    """Wait for all. After one has failed the others get some time, then SIGTERM, then no more."""
    code, deadline, asked = 0, float("inf"), False
    while any([child.poll() is None for child in children]):  # noqa: C419 - all are asked
        if not code and (code := _failure(children)):
            deadline = time.monotonic() + GRACE_SECONDS
        if time.monotonic() > deadline:
            if asked:
                break
            for child in children:
                child.terminate()
            asked, deadline = True, time.monotonic() + GRACE_SECONDS
        time.sleep(SECONDS_BETWEEN_LOOKS)
    if not asked:
        code = _failure(children)
    if code < 0:
        number = next(number for number, child in enumerate(children) if child.returncode == code)
        raise UserError(
            f"process {number} was ended by {signal.Signals(-code).name}",
            "if nobody did that, memory was too small; run the same command again to go on",
        )
    return code


def _failure(children: Sequence[subprocess.Popen[bytes]]) -> int:
    """The code of one that failed, of one that was killed rather than of those that missed it then; 0 if none."""
    return min((child.returncode for child in children if child.returncode), default=0)


@contextmanager
def _passed_on(children: Sequence[subprocess.Popen[bytes]]) -> Iterator[None]:
    """Pass Ctrl-C and SIGTERM on to all children instead of ending by them."""

    def pass_on(number: int, frame: FrameType | None) -> None:
        for child in children:
            child.send_signal(number)

    before = {number: signal.signal(number, pass_on) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])
