"""What is made ready in the background, so that the page has an address at once: what is being done, and how far.

Encoding all queries takes seconds for a small model and a sample, and many minutes for a large one and real logs.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from threading import Event, Lock, Thread
from typing import Any

from faqtune.annotate.chinese import in_chinese
from faqtune.annotate.session import Session
from faqtune.annotate.tuning import Tuner
from faqtune.errors import UserError
from faqtune.progress import Reporter, Silent

READING, ENCODING, ORDERING = STAGES = ("reading", "encoding", "ordering")
SECONDS_TO_READ_WHY = 2.0
"""How long a page that waits can still be told why nothing comes."""

Make = Callable[[Reporter], tuple[Session, Tuner]]


class Stopped(Exception):  # noqa: N818 - somebody wanted it so
    """Raised out of whatever is being done, at its next report."""


class Preparation:
    """Makes a session and its tuner in a thread, and is the Reporter of that work. Safe for several threads.

    `made` is None until everything is there; `failure` is what stopped it for good.
    """

    def __init__(self, make: Make, also: Reporter | None = None) -> None:
        self._make, self._also = make, also or Silent()
        self.made: tuple[Session, Tuner] | None = None
        self.failure: BaseException | None = None
        self._stage, self._done, self._total = READING, 0, 0
        self._since = 0.0
        self._stopping, self._watched = Event(), Event()
        self._working = Lock()

    @classmethod
    def done(cls, session: Session, tuner: Tuner) -> Preparation:
        """One with nothing left to do."""
        found = cls(lambda _: (session, tuner))
        found.made = (session, tuner)
        return found

    def start(self, failed: Callable[[], None]) -> None:
        """Begin; `failed` is called if it cannot be done."""
        Thread(target=self._run, args=(failed,), daemon=True).start()

    def stop(self) -> None:
        """End it at its next report, wait for that, and close what it has made.

        Ctrl-C can come while the thread is being started, when nobody can tell yet whether it will run and joining it
        is an error: what is waited for is the work, if it has begun. If not, it never will.
        """
        self._stopping.set()
        with self._working:
            if self.made is not None:
                session, tuner = self.made
                tuner.close()
                session.close()

    def state(self) -> dict[str, Any]:
        """For a page that waits. `seconds_left` is a guess from what has been done so far, or None."""
        self._watched.set()
        failure = self.failure
        took = time.monotonic() - self._since
        left = took / self._done * (self._total - self._done) if self._stage == ENCODING and self._done else None
        told = {
            "error": failure.problem if isinstance(failure, UserError) else "" if failure is None else str(failure),
            "next": failure.next_step if isinstance(failure, UserError) else "",
        }
        return {
            "ready": self.made is not None,
            "stage": self._stage,
            "done": self._done,
            "total": self._total,
            "seconds_left": left,
            **told,
            "zh": in_chinese(told),
        }

    def say(self, text: str) -> None:
        self._go_on()
        self._also.say(text)

    def advance(self, what: str, done: int, total: int) -> None:
        self._go_on()
        self._also.advance(what, done, total)
        if self._stage != ENCODING:
            self._since = time.monotonic()
        self._stage = ORDERING if done >= total else ENCODING
        self._done, self._total = done, total

    def _go_on(self) -> None:
        if self._stopping.is_set():
            raise Stopped

    def _run(self, failed: Callable[[], None]) -> None:
        with self._working:
            if not self._stopping.is_set():
                self._make_ready(failed)

    def _make_ready(self, failed: Callable[[], None]) -> None:
        try:
            session, tuner = self._make(self)
            self._stage = ORDERING
            session.material.order()
        except Stopped:
            return
        except BaseException as error:
            # Raised again by whoever waits for the end: nothing that went wrong here is passed over.
            self.failure = error
            if self._watched.is_set():
                time.sleep(SECONDS_TO_READ_WHY)
            failed()
            return
        self.made = (session, tuner)
        session.material.warm_up()
