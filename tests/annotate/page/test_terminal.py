"""The same in a terminal: keys, typed into a pseudo-terminal as over ssh; and what customers type moves no cursor."""

from __future__ import annotations

import os
import re
import select
import signal
import sys
import time
from pathlib import Path
from types import ModuleType

import pytest
from rich.console import Console

from faqtune import claims
from faqtune.annotate.store import ANSWER, Store
from faqtune.annotate.terminal_drawn import drawn, harmless
from faqtune.annotate.terminal_words import WORDS

pty = pytest.importorskip("pty", reason="there are no pseudo-terminals here")
WORLD = Path(__file__).with_name("world.py")
CHILD = """
import importlib.util, sys
from pathlib import Path
spec = importlib.util.spec_from_file_location("annotated_world", sys.argv[1])
world = importlib.util.module_from_spec(spec); sys.modules[spec.name] = world; spec.loader.exec_module(world)
from faqtune.annotate.terminal import annotate_in_terminal
annotate_in_terminal(world.open_world(Path(sys.argv[2])), "王敏")
"""


class Terminal:
    """`annotate --terminal` in a pseudo-terminal of 100 columns."""

    def __init__(self, folder: Path, language: str = "zh_CN.UTF-8") -> None:
        self.seen = ""
        self.child, self.master = pty.fork()
        if self.child == 0:
            os.environ.update({"LC_ALL": language, "COLUMNS": "100", "TERM": "xterm-256color", "PYTHONUTF8": "1"})
            os.execv(sys.executable, [sys.executable, "-c", CHILD, str(WORLD), str(folder)])

    def until(self, wanted: str) -> str:
        """What was shown up to and with a text."""
        deadline = time.monotonic() + 300
        while not (found := re.search(wanted, self.seen)):
            assert time.monotonic() < deadline, f"{wanted!r} never came:\n{self.seen[-2000:]}"
            if select.select([self.master], [], [], 0.1)[0]:
                try:
                    self.seen += os.read(self.master, 65536).decode("utf-8", "replace")
                except OSError:
                    break
        assert found, self.seen[-2000:]
        before, self.seen = self.seen[: found.end()], self.seen[found.end() :]
        return re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", before)

    def press(self, keys: str) -> None:
        os.write(self.master, keys.encode())

    def end(self) -> int:
        status = os.waitstatus_to_exitcode(os.waitpid(self.child, 0)[1])
        os.close(self.master)
        return status


ITEM = "q 结束"


def test_annotating_by_keys_in_a_pseudo_terminal(tmp_path: Path) -> None:
    terminal = Terminal(tmp_path)
    assert "选中原因" in terminal.until(ITEM)
    for keys, shown in (("1", "已保存"), ("02", "已保存"), ("s", "已保存"), ("f请看\r", "已保存")):
        terminal.press(keys)
        terminal.until(shown)
        terminal.until(ITEM)
    terminal.press("u")
    terminal.until("已撤销")
    terminal.until(ITEM)
    terminal.press("/fapiao\r")
    terminal.until("1-9 选择")
    terminal.press("1")
    terminal.until("已保存")
    terminal.until(ITEM)
    terminal.press("m")
    terminal.until("回车保存")
    terminal.press("13")
    terminal.until("已标：.+; .+")
    terminal.press("\r")
    terminal.until("已保存")
    terminal.until(ITEM)
    # An arrow key is no Escape and no letter; "?" shows the keys.
    terminal.press("\x1b[A?")
    terminal.until("首字母")
    terminal.press("q")
    terminal.until("共 5 条，已全部保存")
    assert terminal.end() == 0
    done = Store(tmp_path / "annotate.db").standing(ANSWER)
    assert [act.data["what"] for act in done] == ["pick", "none", "skip", "pick", "pick"]
    assert done[1].data["reason"] == "unclear"
    assert done[3].data["entries"] == ["e5"]
    assert len(done[4].data["entries"]) == 2
    assert len(claims.read(tmp_path / "claims.db")) == 5


def test_keys_typed_before_the_first_item_answer_nothing(tmp_path: Path) -> None:
    terminal = Terminal(tmp_path)
    terminal.press("111")
    terminal.until(ITEM)
    terminal.press("q")
    terminal.until("共 0 条，已全部保存")
    assert terminal.end() == 0
    assert claims.read(tmp_path / "claims.db") == []


def test_taking_back_what_an_earlier_sitting_said_counts_for_nothing(tmp_path: Path) -> None:
    for keys, shown, total in (("1", "已保存", 1), ("u", "已撤销", 0)):
        terminal = Terminal(tmp_path)
        terminal.until(ITEM)
        terminal.press(keys)
        terminal.until(shown)
        terminal.until(ITEM)
        terminal.press("q")
        terminal.until(f"共 {total} 条，已全部保存")
        assert terminal.end() == 0


def test_a_terminal_that_goes_away_loses_nothing(tmp_path: Path) -> None:
    terminal = Terminal(tmp_path, "en_US.UTF-8")
    terminal.until("q end")
    terminal.press("1")
    terminal.until("saved")
    os.kill(terminal.child, signal.SIGKILL)
    assert terminal.end() == -signal.SIGKILL
    assert len(claims.read(tmp_path / "claims.db")) == 1


def test_what_customers_type_moves_no_cursor(world: ModuleType, tmp_path: Path) -> None:
    from faqtune.records import Conversation, Turn

    bad = "发货\x1b[2J\x1b]0;title\x07[red]了吗\x9b1A\r"
    logs = [Conversation("c", (Turn(bad, f"{bad}，请查收"),))]
    item = world.open_world(tmp_path, world.material(logs)).next("a", 1)[0]
    console = Console(record=True, width=100, markup=False, force_terminal=False)
    with console.capture() as captured:
        console.print(drawn(item, WORDS["en"]))
    text = captured.get()
    assert not re.search(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]", text)
    assert "[red]了吗" in text
    assert harmless("a\nb\tc中\ud83d") == "a\nb\tc中?"
