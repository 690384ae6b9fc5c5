"""Tuning in the background: a process of its own, so that people go on annotating, and its state in a file.

The file outlives the server. A training that the server's end broke off goes on when the next one starts; one
that somebody cancelled does not.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from threading import Lock, Thread
from typing import Any

from faqtune.annotate.refused import Refused
from faqtune.annotate.tuned import Tuned
from faqtune.progress import Reporter, Silent
from faqtune.stored import write_json

IDLE, RUNNING, DONE, FAILED, CANCELLED = "idle", "running", "done", "failed", "cancelled"
SHOWN_LINES = 200
SECONDS_BETWEEN_WRITES = 0.5
SECONDS_BETWEEN_LOOKS = 0.5
SECONDS_TO_STOP = 20.0


class TuningState:
    """A `faqtune.progress.Reporter` that keeps what it is told in a file, for whoever shows it."""

    def __init__(self, path: Path, recipe: str, also: Reporter | None = None) -> None:
        self.path, self.also = path, also or Silent()
        self._state: dict[str, Any] = {
            "status": RUNNING, "recipe": recipe, "process": os.getpid(), "started": time.time(), "lines": [],
            "what": "", "done": 0, "total": 0, "result": None, "problem": "", "next": "",
        }  # fmt: skip
        self._next_write = 0.0
        self._write()

    def say(self, text: str) -> None:
        self.also.say(text)
        self._state["lines"] = [*self._state["lines"], text][-SHOWN_LINES:]
        self._write()

    def advance(self, what: str, done: int, total: int) -> None:
        self.also.advance(what, done, total)
        self._state |= {"what": what, "done": done, "total": total}
        if time.monotonic() >= self._next_write or done >= total:
            self._write()

    def finish(self, status: str, **more: Any) -> None:
        self._state |= {"status": status, "what": "", "ended": time.time(), **more}
        self._write()

    def _write(self) -> None:
        self._next_write = time.monotonic() + SECONDS_BETWEEN_WRITES
        write_json(self.path, self._state)


class Tuner:
    """Starts, watches and stops the process that tunes. Safe for several threads.

    `command` makes its command line from a recipe's name; it must keep its state at `path` by a `TuningState`.
    `set_share` keeps which share of the hand labels trains; `taken_over` is called when a better model is there;
    `history` tells of the tunings so far, `points` what they are in the learning curve.
    """

    def __init__(
        self,
        path: Path,
        recipes: Sequence[str],
        command: Callable[[str], list[str]],
        share: Callable[[], float],
        set_share: Callable[[float], None],
        taken_over: Callable[[], None],
        history: Callable[[], list[dict[str, Any]]] = list,
        points: Callable[[], Sequence[Tuned]] = tuple,
    ) -> None:
        self.path, self.recipes, self._command = path, tuple(recipes), command
        self._share, self._set_share, self._taken_over = share, set_share, taken_over
        self._history, self.points = history, points
        self._process: subprocess.Popen[bytes] | None = None
        self._orphan: int | None = None
        self._lock = Lock()
        self._reordering = False

    def state(self) -> dict[str, Any]:
        """What is known of the last tuning; `status` is idle if there was none."""
        found = self._read() or {"status": IDLE}
        return {
            **found,
            "recipes": self.recipes,
            "share": self._share(),
            "reordering": self._reordering,
            "history": self._history(),
        }

    def start(self, recipe: str = "", share: float | None = None) -> dict[str, Any]:
        """Begin to tune, unless it is being done. Raises Refused for a recipe that is not offered."""
        recipe = recipe or self.recipes[0]
        if recipe not in self.recipes:
            raise Refused(f"there is no recipe {recipe}", f"choose one of {', '.join(self.recipes)}")
        with self._lock:
            if not self._is_running():
                if share is not None and share != self._share():
                    self._set_share(share)
                self._launch(recipe)
        return self.state()

    def go_on(self) -> bool:
        """Take up a training that the server's end broke off. False if there is none."""
        found = self._read()
        with self._lock:
            if found is None or found["status"] != RUNNING or found["recipe"] not in self.recipes:
                return False
            if self._is_running():
                return True
            if _is_alive(found["process"]):
                # It outlived a server that was killed.
                self._orphan = int(found["process"])
                Thread(target=self._watch_orphan, args=(self._orphan,), daemon=True).start()
            else:
                self._launch(found["recipe"])
        return True

    def cancel(self) -> dict[str, Any]:
        """Stop it; what it has done so far lies in its checkpoints."""
        with self._lock:
            self._end()
            found = self._read()
            if found is not None and found["status"] == RUNNING:
                write_json(self.path, {**found, "status": CANCELLED})
        return self.state()

    def close(self) -> None:
        """Stop it because the server ends: it goes on with the next one."""
        with self._lock:
            self._end()

    def _end(self) -> None:
        process, self._process = self._process, None
        orphan, self._orphan = self._orphan, None
        if process is not None and process.poll() is None:
            _stop(process)
        if orphan is not None and _is_alive(orphan):
            os.kill(orphan, signal.SIGTERM)

    def wait(self) -> None:
        """Until the process has ended."""
        if (process := self._process) is not None:
            process.wait()

    def _is_running(self) -> bool:
        running = self._process is not None and self._process.poll() is None
        return running or (self._orphan is not None and _is_alive(self._orphan))

    def _launch(self, recipe: str) -> None:
        log = self.path.with_suffix(".log").open("wb")
        with log:
            self._process = subprocess.Popen(
                self._command(recipe), stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True
            )
        # At once, so that nobody sees the state of the last one.
        state = {"status": RUNNING, "recipe": recipe, "process": self._process.pid, "started": time.time(),
                 "lines": [], "what": "", "done": 0, "total": 0, "result": None, "problem": "", "next": ""}  # fmt: skip
        write_json(self.path, state)
        Thread(target=self._watch, args=(self._process,), daemon=True).start()

    def _watch(self, process: subprocess.Popen[bytes]) -> None:
        process.wait()
        with self._lock:
            if self._process is not process:
                return
            self._process = None
            self._settle()

    def _watch_orphan(self, process: int) -> None:
        while _is_alive(process):
            time.sleep(SECONDS_BETWEEN_LOOKS)
        with self._lock:
            if self._orphan != process:
                return
            self._orphan = None
            self._settle()

    def _settle(self) -> None:
        """What a process that has ended leaves to be done."""
        found = self._read()
        if found is not None and found["status"] == RUNNING:
            problem = _last_line(self.path.with_suffix(".log")) or "it ended without a word"
            write_json(self.path, {**found, "status": FAILED, "problem": problem})
        elif found is not None and found["status"] == DONE and (found["result"] or {}).get("taken_over"):
            self._reordering = True
            Thread(target=self._take_over, daemon=True).start()

    def _take_over(self) -> None:
        try:
            self._taken_over()
        finally:
            self._reordering = False

    def _read(self) -> dict[str, Any] | None:
        try:
            found = json.loads(self.path.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return None
        return found if isinstance(found, dict) and "status" in found else None


def _stop(process: subprocess.Popen[bytes]) -> None:
    process.send_signal(signal.SIGTERM)
    try:
        process.wait(SECONDS_TO_STOP)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def _is_alive(process: int) -> bool:
    """Whether the process is there and still ours: another one may have got its number meanwhile."""
    command = Path(f"/proc/{process}/cmdline")
    if command.parent.parent.is_dir():
        try:
            words = command.read_bytes()
        except OSError:
            return False
        return b"faqtune" in words
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def _last_line(path: Path) -> str:
    lines = path.read_text(encoding="utf-8", errors="replace").strip().splitlines()
    return lines[-1][:500] if lines else ""
