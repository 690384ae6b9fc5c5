"""When to ask: so many requests and tokens a minute, a pause when the server asks for one, and when to give up."""

from __future__ import annotations

import asyncio
import random
import time
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

MINUTE_SECONDS = 60.0
LONGEST_PAUSE_SECONDS = 600.0
"""A server that asks for a longer pause is asked again after this one."""


@dataclass(frozen=True, slots=True)
class Patience:
    """How often a request is tried, and how long after each failure: `first_seconds`, then twice as long each time."""

    tries: int = 5
    first_seconds: float = 1.0
    longest_seconds: float = 60.0

    def pause_seconds(self, failures: int, chance: random.Random) -> float:
        """After so many failures: half of the time is certain, half is chance, so that no crowd comes back at once."""
        whole = min(self.longest_seconds, self.first_seconds * 2.0 ** (failures - 1))
        return whole * (0.5 + 0.5 * chance.random())


def retry_after_seconds(value: str | None, now: Callable[[], datetime] = lambda: datetime.now(UTC)) -> float | None:
    """What a Retry-After header asks for (RFC 9110 §10.2.3: seconds, or a date); None if it says nothing.

    >>> retry_after_seconds("2"), retry_after_seconds("soon"), retry_after_seconds("-1")
    (2.0, None, None)
    """
    if not value:
        return None
    try:
        seconds = float(value)
    except ValueError:
        try:
            seconds = max(0.0, (parsedate_to_datetime(value) - now()).total_seconds())
        except (ValueError, TypeError):
            return None
    return min(seconds, LONGEST_PAUSE_SECONDS) if seconds >= 0 else None


@dataclass
class RateLimit:
    """Lets requests through so that no minute holds more than so many requests, and tokens; 0: no limit."""

    requests_per_minute: int = 0
    tokens_per_minute: int = 0
    clock: Callable[[], float] = time.monotonic
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep
    _past: deque[tuple[float, int]] = field(default_factory=deque)
    _not_before: float = 0.0
    _gate: asyncio.Lock = field(default_factory=asyncio.Lock)

    async def wait(self, tokens: int) -> None:
        """Return when a request of about so many tokens may go; they are counted as used then.

        One that alone is above the limit of tokens goes when nothing else has gone for a minute.
        """
        async with self._gate:
            while (pause := self._pause(tokens)) > 0:
                await self.sleep(pause)
            self._past.append((self.clock(), tokens))

    def hold(self, seconds: float) -> None:
        """Let nothing through for so long: the server has asked for it."""
        self._not_before = max(self._not_before, self.clock() + seconds)

    def _pause(self, tokens: int) -> float:
        now = self.clock()
        if now < self._not_before:
            return self._not_before - now
        while self._past and self._past[0][0] <= now - MINUTE_SECONDS:
            self._past.popleft()
        used = sum(count for _, count in self._past)
        is_full = self.requests_per_minute and len(self._past) >= self.requests_per_minute
        is_heavy = self.tokens_per_minute and self._past and used + tokens > self.tokens_per_minute
        return self._past[0][0] + MINUTE_SECONDS - now if is_full or is_heavy else 0.0


@dataclass
class Breaker:
    """Counts failures in a row; after `most` of them nothing more is asked."""

    most: int = 8
    in_a_row: int = 0

    def succeeded(self) -> None:
        self.in_a_row = 0

    def failed(self) -> bool:
        """Whether that was one too many."""
        self.in_a_row += 1
        return self.in_a_row >= self.most
