"""Memory does not grow with the size of the logs, and nothing is left on disk."""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
from pathlib import Path

import pytest

from faqtune.config import ConversationsConfig
from faqtune.ingest import read_conversations, store
from faqtune.ingest.messages import Message
from faqtune.ingest.store import regroup

# VmHWM, not getrusage: that one begins with the peak of the process that started this one.
_GROWTH = """
import re, sys
from pathlib import Path
from faqtune.config import ConversationsConfig
from faqtune.ingest import read_conversations
peak_kb = lambda: int(re.search(r"VmHWM:\\s+(\\d+)", Path("/proc/self/status").read_text())[1])
before = peak_kb()
conversations, report = read_conversations([Path(sys.argv[1])], ConversationsConfig())
number = sum(1 for _ in conversations)
print(number, peak_kb() - before)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="peak memory is read from /proc")
@pytest.mark.parametrize(("form", "most_mb"), [("nested", 16), ("rows", 32)])  # rows: 16 MB are SQLite's cache
def test_memory_stays_far_below_the_size_of_the_log(tmp_path, form, most_mb):
    log = tmp_path / "log.json"
    long = "这款什么时候能发货呢我已经拍下好几天了" * 25
    with log.open("w", encoding="utf-8") as file:
        file.write("[")
        for number in range(12_000):
            text = f"{number} {long}"
            item = (
                {"conversation": [{"input": text, "output": text}]}
                if form == "nested"
                else {"session_id": number % 6000, "sender": "客户", "content": text * 2}
            )
            # No line breaks: a file in one line must not be read as one line.
            file.write(("," if number else "") + json.dumps(item, ensure_ascii=False))
        file.write("]")
    assert log.stat().st_size > 30 << 20
    result = subprocess.run([sys.executable, "-c", _GROWTH, log], capture_output=True, text=True, check=True)
    number, growth_kb = map(int, result.stdout.split())
    assert number == (12_000 if form == "nested" else 6_000)
    assert growth_kb < most_mb << 10


def test_regroup_gives_what_a_dictionary_would():
    chance = random.Random(7)
    rows = [(f"S{chance.randrange(40)}", row, Message("客户", f"第{row}句")) for row in range(2000)]
    expected: dict[str, list[Message]] = {}
    for session, _, message in rows:
        expected.setdefault(session, []).append(message)
    assert [(s.id, list(s.messages)) for s in regroup(rows)] == list(expected.items())


def test_the_temporary_database_leaves_nothing_behind(tmp_path, monkeypatch):
    monkeypatch.setenv("SQLITE_TMPDIR", str(tmp_path))
    monkeypatch.setattr(store, "CACHE_KB", 64)
    rows = ((f"S{row % 100}", row, Message("客户", "什么时候发货" * 50)) for row in range(5000))
    sessions = regroup(rows)
    next(sessions)
    assert not any(tmp_path.iterdir()), "a killed process would leave its file behind"
    sessions.close()
    assert not any(tmp_path.iterdir())


def test_a_reader_that_is_stopped_early_closes_its_files(put):
    path = put("a.csv", "session_id,sender,content\n" + "".join(f"{n},客户,在吗{n}\n" for n in range(1000)))
    conversations, _ = read_conversations([path], ConversationsConfig())
    next(conversations)
    conversations.close()
    handles = Path("/proc/self/fd")
    if handles.exists():
        assert not any(os.path.realpath(handle) == str(path) for handle in handles.iterdir())
