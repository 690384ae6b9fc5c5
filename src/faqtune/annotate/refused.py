"""What a client asked for that cannot be: unlike a full disk, asking again does not help."""

from __future__ import annotations

from faqtune.errors import UserError


class Refused(UserError):  # noqa: N818 - what was asked is at fault, not the program
    """The server answers it with 400; every other UserError with 503, on which clients try again."""
