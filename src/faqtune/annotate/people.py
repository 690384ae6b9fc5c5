"""Who may use the page: every person has an address of their own, and is known by a cookie from then on.

All secrets derive from one random number beside the project, so a page that is open survives a restart of the
server, with everything it has still to send.
"""

from __future__ import annotations

import hashlib
import hmac
import os
import secrets
from collections.abc import Sequence
from pathlib import Path

from faqtune.errors import UserError

SECRET_NAME = ".faqtune-annotate-secret"
SECRET_BYTES = 32


class People:
    """The annotators by name, with the token of each one's address, cookie and writes. No name twice, none empty."""

    def __init__(self, names: Sequence[str], secret: bytes) -> None:
        self.names = tuple(dict.fromkeys(name.strip() for name in names if name.strip()))
        if not self.names:
            raise UserError("nobody is named", "give names with --annotators")
        if odd := next((name for name in self.names if not name.isprintable() or len(name) > 60), None):
            raise UserError(f"{odd!r} is no name", "give printable names of at most 60 characters")
        self._secret = secret

    def token(self, name: str) -> str:
        """Stands in the address that lets a person in."""
        return self._derived("token", name)

    def cookie(self, name: str) -> str:
        return self._derived("cookie", name)

    def csrf(self, name: str) -> str:
        """Goes with every write; only a page of ours can read it."""
        return self._derived("csrf", name)

    def by_token(self, token: str) -> str | None:
        return self._known(token, "token")

    def by_cookie(self, cookie: str) -> str | None:
        return self._known(cookie, "cookie")

    def _known(self, given: str, kind: str) -> str | None:
        found = None
        # All are compared, so that the time tells nothing.
        for name in self.names:
            if hmac.compare_digest(given.encode(), self._derived(kind, name).encode()):
                found = name
        return found

    def _derived(self, kind: str, name: str) -> str:
        return hmac.new(self._secret, f"{kind}|{name}".encode(), hashlib.sha256).hexdigest()[:43]


def project_secret(root: Path) -> bytes:
    """The project's random number, made on first use; readable by its owner only."""
    path = root / SECRET_NAME
    try:
        made = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        found = path.read_bytes()
        if len(found) == SECRET_BYTES:
            return found
        path.unlink()
        return project_secret(root)
    except OSError as error:
        raise UserError(f"{path}: {error.strerror or error}", "check the folder and its permissions") from error
    with os.fdopen(made, "wb") as file:
        secret = secrets.token_bytes(SECRET_BYTES)
        file.write(secret)
    return secret
