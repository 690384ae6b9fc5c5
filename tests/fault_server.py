"""A server that speaks as an OpenAI-compatible one does, and fails as they do, on request. Loopback only.

What it answers is decided by a function from the number of the request (from 0) and its body to one of the
actions below. Also a small honest model, the `oracle`, which answers by what texts have in common.
"""

from __future__ import annotations

import json
import re
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass
class Reply:
    """What the model writes, in the form of the API."""

    content: Any
    finish: str = "stop"
    logprobs: list[tuple[str, float]] | None = None
    usage: dict[str, Any] | None = field(default_factory=lambda: {"prompt_tokens": 100, "completion_tokens": 10})
    delay_seconds: float = 0.0


@dataclass
class Status:
    """An error, or anything else that is no completion."""

    code: int
    message: str = "no"
    headers: dict[str, str] = field(default_factory=dict)


@dataclass
class Raw:
    """Bytes as they are. `missing`: so many are announced and never sent."""

    content: bytes
    missing: int = 0


@dataclass
class Hang:
    """No answer for so long; then the connection is closed."""

    seconds: float


Action = Reply | Status | Raw | Hang
Script = Callable[[int, dict[str, Any]], Action]


class FaultServer:
    """`requests` are the bodies in the order in which they came, `headers` theirs; `most_at_once` how many ran."""

    def __init__(self, script: Script) -> None:
        self.script = script
        self.requests: list[dict[str, Any]] = []
        self.headers: list[dict[str, str]] = []
        self.times: list[float] = []
        self.most_at_once = 0
        self.stopping = threading.Event()
        self._running = 0
        self._lock = threading.Lock()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._server.daemon_threads = True
        self._server.handle_error = lambda *_: None  # type: ignore[method-assign] - clients that are killed

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}/v1"

    @property
    def prompts(self) -> list[str]:
        """The text of the last message of each request that is no probe."""
        return [text_of(body) for body in self.requests if not is_probe(body)]

    @contextmanager
    def running(self) -> Iterator[FaultServer]:
        thread = threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True)
        thread.start()
        try:
            yield self
        finally:
            self.stopping.set()
            self._server.shutdown()
            self._server.server_close()
            thread.join()

    def _take(self, handler: BaseHTTPRequestHandler) -> tuple[int, dict[str, Any]]:
        body = json.loads(handler.rfile.read(int(handler.headers["Content-Length"])))
        with self._lock:
            self.requests.append(body)
            self.headers.append({name.lower(): value for name, value in handler.headers.items()})
            self.times.append(time.monotonic())
            self._running += 1
            self.most_at_once = max(self.most_at_once, self._running)
            return len(self.requests) - 1, body

    def _done(self) -> None:
        with self._lock:
            self._running -= 1

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        fault_server = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True

            def do_POST(self) -> None:
                number, body = fault_server._take(self)
                try:
                    self.act(fault_server.script(number, body), body)
                except (BrokenPipeError, ConnectionResetError):
                    self.close_connection = True
                finally:
                    fault_server._done()

            def act(self, action: Action, body: dict[str, Any]) -> None:
                if isinstance(action, Hang):
                    fault_server.stopping.wait(action.seconds)
                    self.close_connection = True
                elif isinstance(action, Status):
                    content = json.dumps({"error": {"message": action.message, "code": action.code}}).encode()
                    self.send(action.code, content, action.headers)
                elif isinstance(action, Raw):
                    self.send(200, action.content, {}, action.missing)
                else:
                    fault_server.stopping.wait(action.delay_seconds)
                    self.send(200, json.dumps(completion(action, body)).encode(), {})

            def send(self, code: int, content: bytes, headers: dict[str, str], missing: int = 0) -> None:
                self.send_response(code)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(content) + missing))
                for name, value in headers.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(content)
                if missing:
                    self.wfile.flush()
                    self.close_connection = True

            def log_message(self, *_: Any) -> None:
                return

        return Handler


def completion(reply: Reply, body: dict[str, Any]) -> dict[str, Any]:
    choice: dict[str, Any] = {
        "index": 0,
        "finish_reason": reply.finish,
        "message": {"role": "assistant", "content": reply.content},
    }
    if reply.logprobs is not None and body.get("logprobs"):
        choice["logprobs"] = {"content": [{"token": token, "logprob": value} for token, value in reply.logprobs]}
    made = {"id": "x", "object": "chat.completion", "model": body["model"], "choices": [choice]}
    return made | ({"usage": reply.usage} if reply.usage is not None else {})


def text_of(body: dict[str, Any]) -> str:
    content = body["messages"][-1]["content"]
    return content if isinstance(content, str) else "\n".join(part.get("text", "") for part in content)


def is_probe(body: dict[str, Any]) -> bool:
    return len(body["messages"]) == 1


PROBED = '{"choice": "bcdf"}'


def answering(script: Script) -> Script:
    """The same, with probes answered well, and the others counted from 0 without them."""
    seen = [0]
    lock = threading.Lock()

    def act(number: int, body: dict[str, Any]) -> Action:
        if is_probe(body):
            return Reply(PROBED)
        with lock:
            seen[0] += 1
            mine = seen[0] - 1
        return script(mine, body)

    return act


def offered(body: dict[str, Any]) -> dict[str, str]:
    """Ids on offer in a request, with what stands behind them."""
    lines = re.findall(r"^([b-z]{4}) (?:标准问题|standard questions): (.*)$", text_of(body), re.MULTILINE)
    return dict(lines)


def marked(body: dict[str, Any]) -> str:
    """What the customer typed in the marked lines."""
    return " ".join(re.findall(r"^» [^:]*: (.*)$", text_of(body), re.MULTILINE))


def pieces(text: str) -> set[str]:
    letters = "".join(character for character in text.lower() if character.isalnum())
    return {letters[at : at + 2] for at in range(len(letters) - 1)}


def oracle(_: int, body: dict[str, Any]) -> Reply:
    """The entry that has most pairs of letters in common with what was asked; none where hardly any are."""
    asked = pieces(marked(body))
    shares = {name: len(asked & pieces(text)) / max(1, len(asked)) for name, text in offered(body).items()}
    best = max(sorted(shares, key=lambda name: offered(body)[name]), key=lambda name: shares[name], default="")
    return Reply(json.dumps({"choice": best if best and shares[best] >= 0.3 else "unsupported"}))
