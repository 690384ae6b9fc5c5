"""`faqtune annotate` as a command: what it prints, how it ends, and what it does without the page.

Apart from the tests with a browser, whose event loop would be in the way of the server's.
"""

from __future__ import annotations

import json
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from faqtune import UserError, Workspace, claims
from faqtune.config import with_value
from faqtune.console import annotate as console
from faqtune.console import annotate_page


def test_only_train_tunes_and_shows_the_table(tuned_shop: Workspace, cli: Callable[..., Any]) -> None:
    text = tuned_shop.config_path.read_text(encoding="utf-8")
    tuned_shop.config_path.write_text(with_value(text, "split", "human_labels_for_training", 0.3), encoding="utf-8")
    recipe = str(tuned_shop.root / "few_steps.toml")
    code, out, _ = cli("annotate", "--only-train", "--recipe", recipe, "--project", str(tuned_shop.root), "--json")
    assert code == 0
    found = json.loads(out)
    assert set(found["tables"]) == {"en", "zh"}
    code, out, _ = cli("annotate", "--only-train", "--recipe", recipe, "--project", str(tuned_shop.root))
    assert code == 0
    assert "recall@1" in out


def test_annotations_are_written_and_read_by_the_command(
    tuned_shop: Workspace, cli: Callable[..., Any], tmp_path: Path
) -> None:
    """Without a model: nobody is shown anything."""
    for run in tuned_shop.runs_path.glob("*/model"):
        shutil.rmtree(run)
    project = ("--project", str(tuned_shop.root))
    rows = tmp_path / "theirs.jsonl"
    query = tuned_shop.queries()[0]
    answer = {"act": "none", "reason": "unclear", "by": "Ann", "id": "act-of-ann-1"}
    rows.write_text(json.dumps({"query": {"id": query.id}, "answer": answer}) + "\n", encoding="utf-8")
    code, out, err = cli("annotate", "--import", str(rows), "--export", str(tmp_path / "all.xlsx"), *project, "--json")
    assert (code, json.loads(out)["new"]) == (0, 1), err
    assert (tmp_path / "all.xlsx").stat().st_size > 1000
    assert [claim.reason for claim in claims.read(tuned_shop.claims_path) if claim.by == "human:Ann"] == ["unclear"]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--export", "{}/labels.txt"), "labels.txt: no form of annotations"),
        (("--import", "{}/labels.jsonl"), "there is no"),
        (("--import", "{}"), "is a folder"),
    ],
)
def test_a_file_that_cannot_be_is_refused(
    tuned_shop: Workspace, cli: Callable[..., Any], tmp_path: Path, arguments: tuple[str, str], said: str
) -> None:
    option, path = arguments
    code, _, err = cli("annotate", option, path.format(tmp_path), "--project", str(tuned_shop.root))
    assert (code, said in err, "Next: " in err) == (2, True, True), err
    assert "loading the model" not in err


def test_without_the_extra_it_says_what_to_install(cli: Callable[..., Any], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(console, "NEEDED", ("no_such_package",))
    code, _, err = cli("annotate")
    assert code == 2
    assert "pip install 'faqtune[annotate]'" in err


def test_what_cannot_be_annotated_says_why(tuned_shop: Workspace, cli: Callable[..., Any], tmp_path: Path) -> None:
    assert cli("annotate", "--project", str(tmp_path))[0] == 2
    code, _, err = cli("annotate", "--terminal", "--project", str(tuned_shop.root))
    assert (code, "there is no terminal" in err) == (2, True)
    with pytest.raises(UserError, match="another --port"):
        annotate_page.listen("203.0.113.7", 8765)


def test_ctrl_c_while_it_is_made_ready_ends_cleanly(tuned_shop: Workspace) -> None:
    (tuned_shop.root / ".faqtune-annotate-vectors.npz").unlink(missing_ok=True)
    command = [sys.executable, "-m", "faqtune", "annotate", "--project", str(tuned_shop.root), "--no-browser"]
    process = subprocess.Popen(
        [*command, "--port", "0", "--then-train"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    assert "/enter/" in process.stdout.readline()
    process.send_signal(signal.SIGINT)
    out, said = process.communicate(timeout=180)
    assert process.returncode == 0, said
    assert "Traceback" not in said
    # Nothing has been annotated: there is nothing to tune on.
    assert "recall@1" not in out


def test_what_is_found_out_later_ends_the_command_with_the_reason(
    tuned_shop: Workspace, cli: Callable[..., Any]
) -> None:
    project = ("--project", str(tuned_shop.root))
    code, out, err = cli("annotate", "--no-browser", "--port", "0", "--model", "no-such-model", *project)
    assert code == 2
    assert "/enter/" in out
    assert "no-such-model" in err
