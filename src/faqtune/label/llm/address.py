"""Where the language model is, whether that is on this machine, and the key, which no file holds."""

from __future__ import annotations

import ipaddress
import os
from urllib.parse import urlsplit

from faqtune.config import LlmConfig
from faqtune.errors import UserError

NO_KEY = "no-key"
"""What servers that ask for no key are sent."""


def check_address(settings: LlmConfig) -> None:
    """Raises UserError where address or model are missing, or the address holds what it must not."""
    if not settings.address or not settings.model:
        raise UserError(
            "no language model is set",
            'write address = "http://127.0.0.1:8000/v1" and model = "…" under [llm] in faqtune.toml; see docs/llm.md',
        )
    try:
        parts = urlsplit(settings.address)
        host, _ = parts.hostname, parts.port
    except ValueError:
        host, parts = None, urlsplit("")
    if parts.scheme not in ("http", "https") or not host:
        raise UserError("llm.address in faqtune.toml is no http(s) address", "write it as http://127.0.0.1:8000/v1")
    if parts.username or parts.password or parts.query or parts.fragment:
        raise UserError(
            "llm.address in faqtune.toml holds more than an address (a user, a password or a query)",
            f"a key belongs into the environment variable {settings.key_variable}: the file is shared and kept",
        )


def is_local(address: str) -> bool:
    """Whether an address is this machine, whatever a name server says.

    >>> is_local("http://127.0.0.1:8000/v1"), is_local("http://[::1]/v1"), is_local("http://localhost:11434/v1")
    (True, True, True)
    >>> is_local("http://192.168.1.5/v1"), is_local("http://127.0.0.1.example.com/v1")
    (False, False)
    """
    host = (urlsplit(address).hostname or "").rstrip(".").lower()
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def may_see_everything(settings: LlmConfig) -> bool:
    """Whether texts go out as they are, and pictures at all: this machine, or one that the user trusts."""
    return settings.trusted or is_local(settings.address)


def key_of(settings: LlmConfig) -> str:
    """The key from the environment; `NO_KEY` for a server that may want none. Raises UserError without one where
    the address is not local and not trusted."""
    key = os.environ.get(settings.key_variable, "").strip()
    if not key and not may_see_everything(settings):
        raise UserError(
            f"the environment variable {settings.key_variable} holds no key for {settings.address}",
            f"set it (export {settings.key_variable}=…), or set llm.trusted = true for an own server without keys",
        )
    if not key.isascii() or not key.isprintable():
        raise UserError(f"the key in {settings.key_variable} holds characters that no key has", "set it anew")
    return key or NO_KEY
