"""The whole of it in a real project: `faqtune annotate` starts, people annotate, tune from the page, see the table."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from faqtune import Workspace, claims
from faqtune.config import with_value
from faqtune.runs import all_runs


@pytest.fixture
def address(tuned_shop: Workspace) -> Iterator[str]:
    """Served by the command itself, tuning with four steps."""
    text = tuned_shop.config_path.read_text(encoding="utf-8")
    text = with_value(text, "annotate", "recipe", str(tuned_shop.root / "few_steps.toml"))
    text = with_value(text, "split", "human_labels_for_training", 0.5)
    tuned_shop.config_path.write_text(text, encoding="utf-8")
    command = [sys.executable, "-m", "faqtune", "annotate", "--project", str(tuned_shop.root), "--annotators", "王敏"]
    process = subprocess.Popen(
        [*command, "--no-browser", "--port", "0", "--json"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    line = process.stdout.readline()
    yield json.loads(line)["addresses"]["王敏"]
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=180)
    assert process.returncode == 0, said
    assert "Traceback" not in said


def test_tuning_from_the_page_shows_the_new_table(
    tuned_shop: Workspace, address: str, visit: Callable[..., Any]
) -> None:
    runs = {run.name for run in all_runs(tuned_shop)}
    page = visit(address)
    for _ in range(3):
        page.keyboard.press("1")
        page.wait_for_timeout(150)
    page.evaluate("() => { location.hash = 'tune'; }")
    page.locator("button.go").press("Enter")
    page.wait_for_selector("progress", timeout=120_000)
    # People go on meanwhile.
    page.evaluate("() => { location.hash = 'annotate'; }")
    page.wait_for_selector(".offer")
    page.keyboard.press("2")
    page.evaluate("() => { location.hash = 'tune'; }")
    page.wait_for_selector(".verdict", timeout=120_000)
    assert "recall@1" in page.locator(".result table").first.inner_text()
    assert page.locator("tbody tr").count() > 3
    made = {run.name for run in all_runs(tuned_shop)} - runs
    assert len(made) == 1
    assert made.pop() in page.locator("main").inner_text()
    assert len([claim for claim in claims.read(tuned_shop.claims_path) if claim.by == "human:王敏"]) == 4


def test_the_address_alone_lets_in(address: str) -> None:
    origin = address.split("/enter/")[0]
    for path in ("/", "/api/items"):
        with pytest.raises(urllib.error.HTTPError, match="401"):
            urllib.request.urlopen(f"{origin}{path}", timeout=20)
