"""Many requests at once, each until it is answered or has failed for good; what is answered is kept at once.

Nothing here decides what an answer means for a label: it hands texts to a reader, which refuses what is none.
"""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from faqtune.label.llm.answer import BadAnswer
from faqtune.label.llm.cache import Cache, Kept
from faqtune.label.llm.client import CallFailed, Endpoint, Mode, Reply, probability_of
from faqtune.label.llm.cost import NOTHING, Price, Usage
from faqtune.label.llm.limits import Breaker, Patience, RateLimit
from faqtune.label.llm.prompt import Prompt

TRIES_OF_BAD_ANSWERS = 2
"""A model that answers out of form twice will do so again."""


@dataclass(frozen=True)
class Request:
    """`read` takes an answer's text apart; it raises BadAnswer for one that is none, and returns the piece of the
    text that the model's probability is asked of ("" for none)."""

    key: str
    prompt: Prompt
    read: Callable[[str], str]
    estimate: Usage


@dataclass
class Outcome:
    """What became of the requests. `failures`: why, and how many; `stopped`: why nothing more was asked ("" if all
    was); `usage` counts what was read and written now, not what had been kept."""

    answered: int = 0
    known: int = 0
    failures: Counter[str] = field(default_factory=Counter)
    examples: dict[str, str] = field(default_factory=dict)
    usage: Usage = NOTHING
    stopped: str = ""
    next_step: str = ""

    def fail(self, kind: str, detail: str = "") -> None:
        self.failures[kind] += 1
        if detail:
            self.examples.setdefault(kind, detail)


@dataclass
class Asker:
    """Asks with a set number of requests on their way, within the limits."""

    endpoint: Endpoint
    cache: Cache
    mode: Mode
    limit: RateLimit
    patience: Patience
    concurrency: int
    logprobs: bool = False
    price: Price = field(default_factory=Price)
    budget: float = 0.0
    chance: random.Random = field(default_factory=random.Random)
    breaker: Breaker = field(default_factory=Breaker)
    outcome: Outcome = field(default_factory=Outcome)
    _on_their_way: Usage = NOTHING
    _begun: set[str] = field(default_factory=set)

    async def ask_all(self, requests: Iterable[Request], on_progress: Callable[[int], None]) -> Outcome:
        """Ask everything that is not kept already. `on_progress` gets the number of requests that are settled."""
        queue = iter(requests)
        settled = 0

        async def work() -> None:
            nonlocal settled
            for request in queue:
                if self.outcome.stopped:
                    return
                await self._settle(request)
                settled += 1
                on_progress(settled)

        try:
            async with asyncio.TaskGroup() as group:
                for _ in range(self.concurrency):
                    group.create_task(work())
        except BaseExceptionGroup as failed:
            raise failed.exceptions[0] from None
        return self.outcome

    async def _settle(self, request: Request) -> None:
        # The same question twice (a conversation that was exported twice) may be on its way already.
        if request.key in self._begun or self.cache.get(request.key) is not None:
            self.outcome.known += 1
            return
        self._begun.add(request.key)
        if self.budget and self._would_cost(request) > self.budget:
            self._stop(
                f"the budget of {self.budget:g} {self.price.currency} would be exceeded".replace("  ", " "),
                "raise llm.budget in faqtune.toml to go on",
            )
            return
        self._on_their_way += request.estimate
        try:
            await self._until_answered(request)
            self.breaker.succeeded()
        except CallFailed as failure:
            self.outcome.fail(failure.kind, failure.detail)
            if failure.stops or self.breaker.failed():
                self._stop(*self._why_stopped(failure))
        except BadAnswer as failure:
            # The server is well; the model's text was not what was asked for.
            self.breaker.succeeded()
            self.outcome.fail(f"bad answer: {failure}")
        finally:
            self._on_their_way += request.estimate * -1

    def _would_cost(self, request: Request) -> float:
        return self.price.of(self.outcome.usage + self._on_their_way + request.estimate)

    async def _until_answered(self, request: Request) -> None:
        bad = 0
        for failures in range(1, self.patience.tries + 1):
            await self.limit.wait(request.estimate.read + request.estimate.written)
            try:
                reply = await self._once(request)
                part = request.read(reply.text)
            except BadAnswer:
                bad += 1
                if bad >= TRIES_OF_BAD_ANSWERS or failures == self.patience.tries:
                    raise
            except CallFailed as failure:
                if not failure.again or failures == self.patience.tries or self.outcome.stopped:
                    raise
                await self.pause(failure, failures)
            else:
                kept = Kept(reply.text, probability_of(reply, part) if part else 1.0, reply.usage)
                self.cache.put(request.key, self.endpoint.settings.model, kept)
                self.outcome.answered += 1
                return

    async def _once(self, request: Request) -> Reply:
        reply = await self.endpoint.ask(request.prompt.sent(), request.prompt.schema, self.mode, logprobs=self.logprobs)
        # Also what cannot be used has been paid for. A server that does not count is taken at the estimate.
        self.outcome.usage += reply.usage if reply.usage.read else request.estimate
        return reply

    async def pause(self, failure: CallFailed, failures: int) -> None:
        """Wait as long as the server asks for, or longer the more often it has failed."""
        if failure.pause_seconds is not None:
            self.limit.hold(failure.pause_seconds)
        await self.limit.sleep(max(failure.pause_seconds or 0.0, self.patience.pause_seconds(failures, self.chance)))

    def _why_stopped(self, failure: CallFailed) -> tuple[str, str]:
        settings = self.endpoint.settings
        problem = f"{settings.address} fails: {failure}"
        if not failure.stops:
            problem = f"{self.breaker.most} requests in a row failed; the last: {failure}"
        return problem, advice(failure, settings.key_variable)

    def _stop(self, why: str, next_step: str) -> None:
        if not self.outcome.stopped:
            self.outcome.stopped, self.outcome.next_step = why, next_step


def advice(failure: CallFailed, key_variable: str) -> str:
    """What to check after a failure."""
    kind = failure.kind
    if kind == "no connection":
        return "check that the server runs, and llm.address in faqtune.toml"
    if "(401)" in kind or "(403)" in kind:
        return f"check the key in the environment variable {key_variable}, and that it may use llm.model"
    if "(402)" in kind:
        return "check the account that the key belongs to"
    if "(404)" in kind or "(405)" in kind or "(30" in kind:
        return "check llm.model, and that llm.address ends as the server's documents say, mostly with /v1"
    if "(429)" in kind:
        return "check the account's quota, or lower llm.requests_per_minute and llm.concurrency"
    if kind == "no answer in time":
        return "check the server's load; lower llm.concurrency or raise llm.timeout_seconds"
    return "check the server's own log, llm.address, llm.model and the key"
