"""Lets nobody in: every request is checked before the page's own code sees it.

- Host: an address in digits, this machine, or a name that was given. A web page elsewhere whose name is made to
  point here (DNS rebinding) is refused on every method.
- Origin and Sec-Fetch-Site: other sites' pages get nothing, not even a picture's width.
- Cookie: without the one that the printed address gives, nothing but that address answers.
- Writes: an Origin of our own and the page's CSRF token besides.
- Size: a body that is larger than the limit, or does not say how large it is, is not read.
"""

from __future__ import annotations

import hmac
import html
import ipaddress
import json
from collections.abc import Collection
from http.cookies import CookieError, SimpleCookie
from typing import Any

from faqtune.annotate.chinese import in_chinese
from faqtune.annotate.people import People

LARGEST_BODY_BYTES = 64 * 1024
READS, WRITES = ("GET", "HEAD"), ("POST",)
CSRF_HEADER = b"x-csrf-token"
ENTER, STATIC = "/enter/", "/static/"
NO_ADDRESS = "open the address that `faqtune annotate` printed"

POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self'",
        "connect-src 'self'",
        "form-action 'self'",
        "base-uri 'none'",
        "frame-ancestors 'none'",
        # No string becomes markup in this page, whatever its scripts do.
        "require-trusted-types-for 'script'",
        "trusted-types 'none'",
    )
)
HEADERS = (
    (b"content-security-policy", POLICY.encode()),
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (b"cache-control", b"no-store"),
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"x-frame-options", b"DENY"),
)

Scope = dict[str, Any]


class Guard:
    """An ASGI application around another one. `names`: host names that are this server's, besides this machine's."""

    def __init__(self, app: Any, people: People, cookie_name: str, names: Collection[str]) -> None:
        self.app, self.people, self.cookie_name = app, people, cookie_name
        self.names = {"localhost", *(name.lower() for name in names)}

    async def __call__(self, scope: Scope, receive: Any, send: Any) -> None:
        if scope["type"] == "lifespan":
            await self.app(scope, receive, send)
            return
        if scope["type"] != "http":
            return
        headers: dict[bytes, bytes] = dict(scope["headers"])
        refusal = self._refusal(scope, headers)
        if refusal is not None:
            as_page = scope["path"] == "/" and b"text/html" in headers.get(b"accept", b"")
            await _answer(_with_headers(send), *refusal, as_page=as_page)
            return
        await self.app(scope, receive, _with_headers(send))

    def _refusal(self, scope: Scope, headers: dict[bytes, bytes]) -> tuple[int, str] | None:
        """Status and words of why a request is refused; None if it is not. Says in `scope` who asks."""
        method, path = scope["method"], scope["path"]
        if method not in (*READS, *WRITES):
            return 405, "this method is not known here"
        host = headers.get(b"host", b"").decode("latin-1")
        if sum(name == b"host" for name, _ in scope["headers"]) != 1 or not self._is_own(host):
            return 421, "this server goes by another name"
        origin = headers.get(b"origin")
        if origin is not None and origin.decode("latin-1") != f"{scope['scheme']}://{host}":
            return 403, "another site asks"
        if headers.get(b"sec-fetch-site", b"none") not in (b"same-origin", b"none") and not path.startswith(ENTER):
            return 403, "another site asks"
        if b"transfer-encoding" in headers or (method in WRITES and b"content-length" not in headers):
            return 411, "the length of the request is missing"
        length = headers.get(b"content-length", b"0")
        if not length.isdigit() or int(length) > LARGEST_BODY_BYTES:
            return 413, "the request is too large"
        if path.startswith((ENTER, STATIC)) and method in READS:
            return None
        by = self.people.by_cookie(_cookie(headers, self.cookie_name))
        if by is None:
            return 401, NO_ADDRESS
        if method in WRITES:
            token = headers.get(CSRF_HEADER, b"")
            if origin is None or not hmac.compare_digest(token, self.people.csrf(by).encode()):
                return 403, "load the page anew"
        scope.setdefault("state", {})["by"] = by
        return None

    def _is_own(self, host: str) -> bool:
        name = host.rsplit(":", 1)[0] if not host.endswith("]") else host
        name = name.strip("[]").lower().rstrip(".")
        if name in self.names:
            return True
        try:
            # No name leads to digits: rebinding needs one.
            ipaddress.ip_address(name)
        except ValueError:
            return False
        return True


def _with_headers(send: Any) -> Any:
    async def sending(message: Any) -> None:
        if message["type"] == "http.response.start":
            own = {name for name, _ in HEADERS}
            kept = [(name, value) for name, value in message.get("headers", []) if name.lower() not in own]
            message = {**message, "headers": [*kept, *HEADERS]}
        await send(message)

    return sending


async def _answer(send: Any, status: int, problem: str, *, as_page: bool) -> None:
    """Whoever opens the page with an old address reads why nothing is there; scripts get JSON."""
    told = {"error": problem}
    body = refusal_page(problem).encode() if as_page else json.dumps({**told, "zh": in_chinese(told)}).encode()
    kind = b"text/html; charset=utf-8" if as_page else b"application/json"
    headers = [(b"content-type", kind), (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


def refusal_page(problem: str) -> str:
    """A text of ours, in both languages: who is refused has chosen none."""
    return (
        '<!doctype html><html lang="zh-CN"><meta charset="utf-8"><meta name="viewport" content="width=device-width">'
        '<title>faqtune</title><link rel="stylesheet" href="/static/page.css">'
        f"<main><h1>faqtune annotate</h1><p>{html.escape(in_chinese({'': problem})[''])}</p>"
        f'<p lang="en">{html.escape(problem)}</p></main></html>'
    )


def _cookie(headers: dict[bytes, bytes], name: str) -> str:
    try:
        found = SimpleCookie(headers.get(b"cookie", b"").decode("latin-1"))
    except CookieError:
        return ""
    return found[name].value if name in found else ""
