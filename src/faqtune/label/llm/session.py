"""A run of requests from the first probe to the last answer, and what is left when someone stops it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Iterable

from faqtune.config import LlmConfig
from faqtune.label.llm.asking import Asker, Outcome, Request
from faqtune.label.llm.cache import Cache
from faqtune.label.llm.client import Endpoint
from faqtune.label.llm.cost import Price
from faqtune.label.llm.limits import Patience, RateLimit
from faqtune.label.llm.probe import forget, probed

INTERRUPTED = "interrupted"
"""`Outcome.stopped` after Ctrl-C or SIGTERM."""


def answer_settings(settings: LlmConfig) -> str:
    """What an answer depends on besides the prompt and the model's name."""
    return json.dumps([settings.address, settings.temperature, settings.extra], sort_keys=True)


def price_of(settings: LlmConfig) -> Price:
    return Price(settings.price_read, settings.price_written, settings.currency)


def ask(
    settings: LlmConfig,
    key: str,
    cache: Cache,
    requests: Iterable[Request],
    on_progress: Callable[[int], None],
    patience: Patience | None = None,
) -> Outcome:
    """Ask what is not kept in the cache. Raises UserError where the server cannot be reached at all.

    Interrupted, it returns what was done: every answer that had arrived is in the cache.
    """
    outcome = Outcome()
    try:
        asyncio.run(_ask(settings, key, cache, requests, on_progress, patience or Patience(settings.tries), outcome))
    except KeyboardInterrupt:
        outcome.stopped, outcome.next_step = INTERRUPTED, "run the same command again to go on"
    return outcome


async def _ask(
    settings: LlmConfig,
    key: str,
    cache: Cache,
    requests: Iterable[Request],
    on_progress: Callable[[int], None],
    patience: Patience,
    outcome: Outcome,
) -> None:
    endpoint = Endpoint(settings, key)
    asker = Asker(
        endpoint,
        cache,
        "text",
        RateLimit(settings.requests_per_minute, settings.tokens_per_minute),
        patience,
        settings.concurrency,
        price=price_of(settings),
        budget=settings.budget,
        outcome=outcome,
    )
    try:
        asker.mode, asker.logprobs = await probed(
            endpoint, cache, patience, asker.pause, want_logprobs=settings.logprobs
        )
        await asker.ask_all(requests, on_progress)
        if outcome.stopped and not outcome.answered:
            forget(endpoint, cache)
    finally:
        await endpoint.close()
