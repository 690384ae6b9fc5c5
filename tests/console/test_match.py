"""`match` on a terminal and in a pipe."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest

from faqtune import Workspace
from faqtune.console import match as console

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture(autouse=True)
def lines(monkeypatch: pytest.MonkeyPatch) -> None:
    """What comes from stdin."""
    monkeypatch.setattr(console, "_asked", lambda: iter([["", "能\x1b[31m退吗"], [" "]]))


def test_every_line_has_its_object(cli: Run, tuned_shop: Workspace) -> None:
    """A program that waits for one answer to every line must not wait for ever."""
    _, out, _ = cli("match", "--json", "--project", str(tuned_shop.root))

    found = [json.loads(line) for line in out.splitlines()]
    assert [(match["text"], bool(match["hits"])) for match in found] == [
        ("", False),
        ("能\x1b[31m退吗", True),
        ("", False),
    ]
    assert found[0]["answered"] is False


def test_customers_do_not_colour_the_terminal(cli: Run, tuned_shop: Workspace) -> None:
    _, out, _ = cli("match", "--top", "1", "--project", str(tuned_shop.root))

    assert out.startswith(r"能\x1b[31m退吗  [")
    assert "\x1b" not in out
    assert len(out.splitlines()) == 2
