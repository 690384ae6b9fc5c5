"""The whole journey through the command line, on a tea shop of ninety lines with a tiny random model."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import pty
import re
import shutil
import subprocess
import sys
import termios
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import faqtune
from faqtune import Workspace
from faqtune.alone import LOCK_NAME

Run = Callable[..., tuple[int, str, str]]
COMMAND = [sys.executable, "-m", "faqtune"]
ENVIRONMENT = dict(os.environ, PYTHONPATH=str(Path(faqtune.__file__).parents[1]))
HIDE_CURSOR, SHOW_CURSOR, CTRL_C = b"\x1b[?25l", b"\x1b[?25h", b"\x03"
FEW_STEPS = [
    "--set", "stage.1.max_steps=4", "--set", "stage.1.evaluate_every_steps=2", "--set", "stage.1.batch_queries=8",
    "--set", "selection.metric=auroc", "--set", "selection.guard=recall@5",
]  # fmt: skip


@pytest.fixture
def shop(small_shop_files: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The tea shop's files, where the user is."""
    monkeypatch.chdir(shutil.copytree(small_shop_files, tmp_path / "files"))
    return Path("shop")


def test_from_a_spreadsheet_to_a_measured_model_and_again(cli: Run, shop: Path, tiny_model_folder: Path) -> None:
    def do(command: str, *arguments: str) -> str:
        """stdout of a command that must succeed."""
        code, out, err = cli(command, *arguments, "--project", str(shop))
        assert code == 0, err
        return out

    files = ("FAQ.xlsx", "logs", "--noise", "chatter.json", "--gold", "gold.jsonl", "--model", str(tiny_model_folder))
    assert "FAQ.xlsx: catalogue (sheet): 10 entries, 30 questions" in do("init", *files)
    _set(shop, selection=0.25, calibration=0.2)
    assert "96, 96 turns with a customer's text" in do("ingest")
    assert re.search(r"\d\d labels out of 96 exchanges", do("label"))
    assert re.search(r"^test +42 ", do("split"), re.MULTILINE)
    assert "model: shop/runs/" in do("train", *FEW_STEPS)
    assert "right entry first (recall@1)" in do("evaluate", "--resamples", "100")
    assert "1. 1.0000  什么时候发货" in do("match", "什么时候发货")
    page = Path(do("report").split()[1])
    assert "Content-Security-Policy" in page.read_text(encoding="utf-8")
    assert "10 records" in do("convert", "../FAQ.xlsx", "parsed_data.json")
    assert (shop / "parsed_data.json").exists()
    assert "✓ model" in do("doctor")

    done = _files_with_times(shop)
    for command in ("ingest", "label", "split", "train", "evaluate"):
        extra = {"train": FEW_STEPS, "evaluate": ["--resamples", "100"]}.get(command, [])
        assert "Nothing has changed; use --force to do it again." in do(command, *extra)
        answer = json.loads(do(command, *extra, "--json"))
        assert answer["skipped"] is True
    changed = {path.name for path, time in _files_with_times(shop).items() if done.get(path) != time}
    assert changed - {LOCK_NAME} == {"run.json"}, "the run that was asked for last is the newest"


def test_every_command_answers_with_one_json_object(cli: Run, tuned_shop: Workspace) -> None:
    root = str(tuned_shop.root)
    init = ("init", f"{root}/FAQ.xlsx", f"{root}/logs", "--noise", f"{root}/chatter.json")
    for arguments, keys in (
        ((*init, "--project", f"{root}/other"), {"path", "written", "guesses", "preview"}),
        (("ingest",), {"skipped", "entries", "conversations", "noise", "reports"}),
        (("label",), {"skipped", "claims", "threshold_cosine", "coverage", "bins"}),
        (("split",), {"skipped", "queries", "held_out", "pairs"}),
        (("train",), {"skipped", "run", "best_step", "before", "after", "model"}),
        (("evaluate",), {"skipped", "scorecards", "differences", "paths"}),
        (("report",), {"run", "page", "picture"}),
        (("match", "能退吗"), {"text", "answered", "threshold_cosine", "hits"}),
        (("tune",), {"ingested", "labelled", "splitted", "trained", "evaluated", "report", "model"}),
        (("convert", "FAQ.xlsx", "parsed_data.json"), {"records", "lost", "from_form", "to_form"}),
        (("doctor",), {"checks", "healthy"}),
    ):
        where = () if "--project" in arguments else ("--project", root)
        code, out, err = cli(*arguments, *where, "--json")
        assert code == 0, err
        assert out.count("\n") == 1
        assert json.loads(out).keys() >= keys, arguments


def test_tune_does_all_of_it_and_keeps_the_users_edits(
    cli: Run, shop: Path, tiny_model_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = ("FAQ.xlsx", "logs", "--noise", "chatter.json", "--gold", "gold.jsonl", "--model", str(tiny_model_folder))
    assert cli("init", *files, "--project", str(shop))[0] == 0
    _set(shop, selection=0.25, calibration=0.2)
    edited = (shop / "faqtune.toml").read_text(encoding="utf-8")

    code, out, err = cli("tune", *files, *FEW_STEPS, "--project", str(shop))

    assert code == 0, err
    assert [line[0] for line in err.splitlines() if re.match(r"\d/6 ", line)] == list("123456")
    assert "difference" in out
    assert "Next: faqtune match --project shop" in out
    assert (shop / "faqtune.toml").read_text(encoding="utf-8") == edited

    monkeypatch.chdir(shop)
    code, _, err = cli("tune", *FEW_STEPS)
    assert code == 0, err
    assert err.count("(nothing has changed)") == 5


def test_a_training_interrupted_on_a_terminal_goes_on_where_it_stopped(cli: Run, tuned_shop: Workspace) -> None:
    more = ["--set", "stage.1.max_steps=40", "--set", "stage.1.epochs=99", "--project", str(tuned_shop.root)]

    code, shown = _on_a_terminal(["train", *more], press_ctrl_c_after=b"step 2:")

    assert code == 130
    assert b"interrupted; " in shown
    assert re.search(rb"holds all that was done. Next: run the same command again to go on from\s+there", shown)
    assert b"Traceback" not in shown
    assert b"training steps" in shown, "progress is live"
    assert shown.count(HIDE_CURSOR) == shown.count(SHOW_CURSOR) > 0
    assert shown.rindex(SHOW_CURSOR) > shown.rindex(HIDE_CURSOR)

    code, _, err = cli("train", *more)
    assert code == 0
    resumed = re.search(r"40 steps of 8 queries \([a-z0-9, ]+\), going on after step (\d+)", err)
    assert resumed is not None
    assert 2 <= int(resumed[1]) < 40


def _on_a_terminal(arguments: list[str], press_ctrl_c_after: bytes) -> tuple[int, bytes]:
    """Exit code of a command on a terminal of its own, and all that it showed there."""
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        [*COMMAND, *arguments],
        env=ENVIRONMENT | {"TERM": "xterm", "COLUMNS": "300"}, stdin=theirs, stdout=theirs, stderr=theirs,
        start_new_session=True, preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),
    )  # fmt: skip
    os.close(theirs)
    shown, is_pressed = b"", False
    with contextlib.suppress(OSError):  # how Linux says that the other side has closed
        while chunk := os.read(ours, 65536):
            shown += chunk
            if press_ctrl_c_after in shown and not is_pressed:
                is_pressed = True
                os.write(ours, CTRL_C)
    os.close(ours)
    return process.wait(), shown


def test_match_answers_lines_of_any_encoding_and_length(tuned_shop: Workspace) -> None:
    """One line at a time, as a program does that waits for each answer."""
    process = subprocess.Popen(
        [*COMMAND, "match", "--json", "--top", "1", "--project", str(tuned_shop.root)],
        env=ENVIRONMENT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    assert process.stdin is not None
    assert process.stdout is not None

    def ask(line: bytes) -> dict[str, Any]:
        process.stdin.write(line)  # type: ignore[union-attr]
        process.stdin.flush()  # type: ignore[union-attr]
        found: dict[str, Any] = json.loads(process.stdout.readline())  # type: ignore[union-attr]
        return found

    assert ask("什么时候发货\n".encode())["hits"][0]["score"] == 1
    for blank in (b"\n", b"\r\n", b"   \n"):
        assert ask(blank)["hits"] == []
    assert ask("能开发票吗\r\n".encode("gbk"))["hits"][0]["question"] == "能开发票吗"
    assert ask(b"how can i pay " * 75_000 + b"\n")["text"].startswith("how can i pay how")
    rest, _ = process.communicate("要放冰箱吗".encode())
    assert json.loads(rest)["hits"][0]["question"] == "茶叶怎么保存"
    assert process.returncode == 0


def _set(project: Path, **values: float) -> None:
    path = project / "faqtune.toml"
    text = path.read_text(encoding="utf-8")
    for key, value in values.items():
        text = re.sub(rf"(?m)^# {key} = .*$", f"{key} = {value}", text)
    path.write_text(text, encoding="utf-8")


def _files_with_times(project: Path) -> dict[Path, int]:
    files = (path for path in project.rglob("*") if path.is_file() and path.name != ".faqtune.lock")
    return {path: path.stat().st_mtime_ns for path in files}


def test_without_logs_a_catalogue_and_labelled_pairs_are_enough(cli: Run, shop: Path, tiny_model_folder: Path) -> None:
    """From annonated_dataset.json alone: every line of the shop's file that is asked, and every hand label."""
    faq = tomllib.loads((Path(__file__).parent / "small_shop.toml").read_text(encoding="utf-8"))["entry"]
    asked = [
        [text + more, entry["questions"][0], 1.0]
        for entry in faq
        for text in (*entry["asked"], *entry["gold"])
        for more in ("", "，麻烦快一点", "？谢谢啦")
    ]
    Path("annonated_dataset.json").write_text(json.dumps(asked, ensure_ascii=False), encoding="utf-8")
    assert cli("convert", "annonated_dataset.json", "labels.jsonl", "--to", "gold")[0] == 0

    code, out, err = cli(
        "tune", "FAQ.xlsx", "--gold", "labels.jsonl", "--noise", "chatter.json", "--model", str(tiny_model_folder),
        "--project", str(shop), *FEW_STEPS,
    )  # fmt: skip

    assert code == 0, err
    assert f"no logs: {len(asked)} hand labels train and measure" in err
    assert "report.html" in out
    run = next((shop / "runs").iterdir())
    facts = json.loads((run / "run.json").read_text(encoding="utf-8"))["facts"]
    assert 0 < facts["data"]["labels"] < len(asked)
    code, out, err = cli("label", "--project", str(shop), "--force")
    assert code == 0, err
    assert f"No logs: {len(asked)} hand labels are all there is" in out
    settings = (shop / "faqtune.toml").read_text(encoding="utf-8")
    for way in ([], ["--terminal"], ["--export", "doubts.xlsx"]):
        code, out, err = cli("annotate", "--project", str(shop), *way)
        assert (code, out) == (2, "") and "no conversation with a customer's text and a reply" in err
        assert "what you label" not in err
    assert (shop / "faqtune.toml").read_text(encoding="utf-8") == settings
