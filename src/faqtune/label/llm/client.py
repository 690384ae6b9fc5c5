"""One request to an OpenAI-compatible server, through the `openai` client: a Reply, or a CallFailed that says what."""

from __future__ import annotations

import asyncio
import json
import math
from dataclasses import dataclass, field
from typing import Any, Literal, get_args

from faqtune.config import LlmConfig
from faqtune.errors import UserError
from faqtune.label.llm.address import NO_KEY, is_local
from faqtune.label.llm.cost import NOTHING, Usage
from faqtune.label.llm.limits import retry_after_seconds

Mode = Literal["json_schema", "json_object", "text"]
MODES: tuple[Mode, ...] = get_args(Mode)
"""How an answer's form is asked for, the strictest first: by a schema that the server enforces, as any JSON
object, or only in words."""

MOST_BYTES = 1 << 20
"""Of a response; more is not read."""
QUOTED_CHARACTERS = 160


class CallFailed(Exception):  # noqa: N818 - what it is
    """A request that brought no answer. `kind` is what is counted, `detail` what the server said of it.

    `again`: another try may help. `pause_seconds`: what the server asked for. `stops`: every further request
    would fail alike.
    """

    def __init__(
        self,
        kind: str,
        detail: str = "",
        *,
        again: bool = False,
        pause_seconds: float | None = None,
        stops: bool = False,
    ) -> None:
        super().__init__(f"{kind}: {detail}" if detail else kind)
        self.kind, self.detail, self.again, self.pause_seconds, self.stops = kind, detail, again, pause_seconds, stops


@dataclass(frozen=True, slots=True)
class Reply:
    """What the model wrote. `tokens` are (text, probability) where the server gives log-probabilities."""

    text: str
    usage: Usage = NOTHING
    tokens: tuple[tuple[str, float], ...] = ()


@dataclass
class Endpoint:
    """A server and a model; made inside of the event loop that uses it, and closed after."""

    settings: LlmConfig
    key: str
    client: Any = field(init=False)

    def __post_init__(self) -> None:
        openai = import_openai()
        # A redirect could lead what is meant for this machine elsewhere; so could a proxy of the environment.
        transport = openai.DefaultAsyncHttpxClient(
            follow_redirects=False, trust_env=not is_local(self.settings.address)
        )
        self.client = openai.AsyncOpenAI(
            base_url=self.settings.address,
            api_key=self.key,
            max_retries=0,
            timeout=self.settings.timeout_seconds,
            http_client=transport,
        )

    async def close(self) -> None:
        await self.client.close()

    async def ask(
        self, messages: list[dict[str, Any]], schema: dict[str, Any], mode: Mode, *, logprobs: bool = False
    ) -> Reply:
        """Raises CallFailed for everything that is no complete answer of a model."""
        openai = import_openai()
        body = self.settings.extra | _response_format(schema, mode)
        if self.settings.temperature is not None:
            body["temperature"] = self.settings.temperature
        if self.settings.most_answer_tokens:
            body["max_tokens"] = self.settings.most_answer_tokens
        if logprobs:
            body["logprobs"] = True
        create = self.client.chat.completions.with_streaming_response.create
        try:
            # The client's own time-out starts anew with every byte: a server that drips would hold for ever.
            async with (
                asyncio.timeout(self.settings.timeout_seconds),
                create(model=self.settings.model, messages=messages, extra_body=body) as response,
            ):
                raw = await _read(response)
        except (openai.APITimeoutError, TimeoutError):
            raise CallFailed("no answer in time", again=True) from None
        except openai.APIConnectionError as error:
            raise CallFailed("no connection", self._quoted(str(error.__cause__ or error)), again=True) from None
        except openai.APIStatusError as error:
            raise self._refused(error.status_code, error.response.headers.get("retry-after"), error.message) from None
        except openai.OpenAIError as error:
            raise CallFailed("no answer", self._quoted(str(error)), again=True) from None
        return reply_of(raw)

    def _refused(self, status: int, retry_after: str | None, message: str) -> CallFailed:
        detail = self._quoted(message)
        pause = retry_after_seconds(retry_after)
        if status in (408, 409, 425, 429) or status >= 500:
            kind = "too many requests (429)" if status == 429 else f"error of the server ({status})"
            return CallFailed(kind, detail, again=True, pause_seconds=pause)
        return CallFailed(f"refused ({status})", detail, stops=status in (301, 302, 307, 308, 401, 402, 403, 404, 405))

    def _quoted(self, text: str) -> str:
        """What a server said, short, on one line, without the key."""
        if self.key != NO_KEY:
            text = text.replace(self.key, "***")
        line = " ".join("".join(c if c.isprintable() else " " for c in text).split())
        return line if len(line) <= QUOTED_CHARACTERS else f"{line[:QUOTED_CHARACTERS]}…"


def import_openai() -> Any:
    """The client. Raises UserError that says what to install."""
    try:
        import openai
    except ImportError:
        raise UserError("the openai client is not installed", 'install it with `pip install "faqtune[llm]"`') from None
    return openai


async def _read(response: Any) -> bytes:
    raw = b""
    try:
        async for chunk in response.iter_bytes():
            raw += chunk
            if len(raw) > MOST_BYTES:
                raise CallFailed("too long an answer")
    except (CallFailed, TimeoutError):
        raise
    except Exception as error:  # the transport's own kinds of error, whichever library that is
        raise CallFailed("the answer broke off", type(error).__name__, again=True) from None
    return raw


def _response_format(schema: dict[str, Any], mode: Mode) -> dict[str, Any]:
    if mode == "text":
        return {}
    if mode == "json_object":
        return {"response_format": {"type": "json_object"}}
    named = {"name": "answer", "strict": True, "schema": schema}
    return {"response_format": {"type": "json_schema", "json_schema": named}}


def reply_of(raw: bytes) -> Reply:
    """A response's body as a Reply. Raises CallFailed if it is none, or not a whole one."""
    try:
        data = json.loads(raw)
        choice = data["choices"][0]
        text, finished = choice["message"].get("content"), choice.get("finish_reason")
        refusal = choice["message"].get("refusal")
    except (ValueError, KeyError, IndexError, TypeError, AttributeError, RecursionError):
        raise CallFailed("not the response of a model", again=True) from None
    if finished == "length":
        raise CallFailed("cut off: more than llm.most_answer_tokens")
    if finished == "content_filter" or refusal:
        raise CallFailed("refused by the server's content filter")
    if not isinstance(text, str) or not text.strip():
        raise CallFailed("an empty answer", again=True)
    return Reply(text, _usage(data.get("usage")), _tokens(choice.get("logprobs")))


def _usage(data: Any) -> Usage:
    counts = [data.get(name) if isinstance(data, dict) else 0 for name in ("prompt_tokens", "completion_tokens")]
    read, written = (count if isinstance(count, int) and 0 <= count < 1 << 31 else 0 for count in counts)
    return Usage(read, written)


def _tokens(data: Any) -> tuple[tuple[str, float], ...]:
    """The tokens of an answer with their probabilities; none where anything about them is odd."""
    try:
        found = tuple((str(token["token"]), math.exp(min(0.0, float(token["logprob"])))) for token in data["content"])
    except (KeyError, TypeError, ValueError, OverflowError):
        return ()
    return found


def probability_of(reply: Reply, written: str) -> float:
    """How likely the model found what it wrote for an id: the product over the tokens that `written` lies in.

    1 where the server gives no log-probabilities, or they are not those of the text.
    """
    start = reply.text.rfind(written)
    if not reply.tokens or start < 0 or "".join(token for token, _ in reply.tokens) != reply.text:
        return 1.0
    at, product = 0, 1.0
    for token, probability in reply.tokens:
        if at < start + len(written) and at + len(token) > start:
            product *= probability
        at += len(token)
    return product
