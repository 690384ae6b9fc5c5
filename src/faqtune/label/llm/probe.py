"""How a server wants the form of an answer asked for; found out with small requests, once, and remembered."""

from __future__ import annotations

import json
from typing import Any

from faqtune.errors import UserError
from faqtune.label.llm.answer import BadAnswer, read_answer
from faqtune.label.llm.asking import advice
from faqtune.label.llm.cache import Cache
from faqtune.label.llm.client import MODES, CallFailed, Endpoint, Mode, Reply
from faqtune.label.llm.limits import Patience

FACT = "form"
UNREACHABLE = ("no connection", "no answer in time", "too many requests (429)")
MOST_TRIES = 3


async def probed(
    endpoint: Endpoint, cache: Cache, patience: Patience, pause: Any, *, want_logprobs: bool
) -> tuple[Mode, bool]:
    """The strictest mode that the server takes and the model answers in, and whether log-probabilities come.

    Raises UserError where no request gets through: wrong address, model or key.
    """
    name = _fact(endpoint)
    if known := cache.fact(name):
        mode, logprobs = json.loads(known)
        if mode in MODES and (logprobs is not None or not want_logprobs):
            return mode, bool(logprobs)
    mode = await _mode(endpoint, patience, pause)
    logprobs = await _gives_logprobs(endpoint, mode, patience, pause) if want_logprobs else None
    cache.remember(name, json.dumps([mode, logprobs]))
    return mode, bool(logprobs)


def forget(endpoint: Endpoint, cache: Cache) -> None:
    """After a server has refused everything: it may be another one by now."""
    cache.remember(_fact(endpoint), None)


def _fact(endpoint: Endpoint) -> str:
    return f"{FACT} {endpoint.settings.address} {endpoint.settings.model}"


async def _mode(endpoint: Endpoint, patience: Patience, pause: Any) -> Mode:
    for mode in MODES[:-1]:
        try:
            reply = await _ask(endpoint, mode, patience, pause)
            read_answer(reply.text, {"bcdf": "entry"})
        except CallFailed as failure:
            # Some servers answer a form that they do not know with 500.
            if failure.stops or failure.kind in UNREACHABLE:
                raise _unreachable(endpoint, failure) from None
        except BadAnswer:
            continue
        else:
            return mode
    try:
        await _ask(endpoint, "text", patience, pause)
    except CallFailed as failure:
        raise _unreachable(endpoint, failure) from None
    # Whether the model keeps to the form in words alone shows in the failures.
    return "text"


async def _gives_logprobs(endpoint: Endpoint, mode: Mode, patience: Patience, pause: Any) -> bool:
    try:
        return bool((await _ask(endpoint, mode, patience, pause, logprobs=True)).tokens)
    except CallFailed:
        return False


async def _ask(endpoint: Endpoint, mode: Mode, patience: Patience, pause: Any, *, logprobs: bool = False) -> Reply:
    words = 'Answer with this JSON object and nothing else: {"choice": "bcdf"}'
    schema = {
        "type": "object",
        "properties": {"choice": {"type": "string"}},
        "required": ["choice"],
        "additionalProperties": False,
    }
    tries = min(MOST_TRIES, patience.tries)
    for failures in range(1, tries + 1):
        try:
            return await endpoint.ask([{"role": "user", "content": words}], schema, mode, logprobs=logprobs)
        except CallFailed as failure:
            if not failure.again or failures == tries:
                raise
            await pause(failure, failures)
    raise AssertionError("a try returns or raises")


def _unreachable(endpoint: Endpoint, failure: CallFailed) -> UserError:
    settings = endpoint.settings
    return UserError(
        f"{settings.address} with the model {settings.model} gives no answer: {failure}",
        advice(failure, settings.key_variable),
    )
