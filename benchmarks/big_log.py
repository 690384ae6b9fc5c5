"""Memory and speed of reading a log far larger than what a laptop holds.

    python benchmarks/big_log.py [--gb 2]

Writes synthetic logs, one message per row with the rows of ten sessions interleaved, as JSON in one
array and as JSONL: of a tenth of the size and of the whole. Each is read in a process of its own;
growth is the peak of resident memory above what it was before the first byte was read. Seconds are
those of the CPU, so that other work on the machine does not count.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from collections.abc import Iterator
from itertools import chain
from pathlib import Path
from typing import Any

from common import fresh, keep_run, peak_memory_bytes
from faqtune.config import ConversationsConfig
from faqtune.ingest import read_conversations
from faqtune.model.machine import free_disk_bytes

FORMS = ("json", "jsonl")
ROUNDS_PER_SESSION = 6
INTERLEAVED = 10
SPACE = 3.0
"""Free disk asked for, in sizes of the log: the log itself, and its messages while they are put in order."""


def rows() -> Iterator[dict[str, str]]:
    """Messages without end, the same every time."""
    for group in range(10**9):
        for place in range(2 * ROUNDS_PER_SESSION):
            for session in range(INTERLEAVED):
                number = group * INTERLEAVED + session
                yield {
                    "session_id": f"TB{number:09d}",
                    "sender": "客服" if place % 2 else "客户",
                    "content": f"{number}号订单的第{place}句话：我前天拍的那件到现在还没有发货，麻烦帮我看看是怎么回事",
                    "time": f"2026-01-{1 + number % 28:02d} 10:{place:02d}:{session:02d}",
                }


def write_log(path: Path, size_bytes: int) -> None:
    """A log of at least so many bytes."""
    is_array = path.suffix == ".json"
    written = 0
    with path.open("w", encoding="utf-8") as file:
        file.write("[\n" if is_array else "")
        between = chain([""], iter(lambda: ",\n" if is_array else "\n", None))
        for row, before in zip(rows(), between, strict=False):
            if written >= size_bytes:
                break
            line = before + json.dumps(row, ensure_ascii=False)
            written += len(line.encode())
            file.write(line)
        file.write("\n]\n" if is_array else "\n")


def read(given: argparse.Namespace) -> dict[str, Any]:
    before, started = peak_memory_bytes(), time.process_time()
    conversations, _ = read_conversations([given.log], ConversationsConfig())
    count = sum(1 for _ in conversations)
    seconds = time.process_time() - started
    return {"conversations": count, "growth_bytes": peak_memory_bytes() - before, "seconds": seconds}


def measure(form: str, size_gb: float, work: Path) -> None:
    log = work / f"data.{form}"
    write_log(log, int(size_gb * 1e9))
    size_bytes = log.stat().st_size
    found = fresh(__file__, log=log)
    log.unlink()
    row = {
        "form": form,
        "size, GB": f"{size_bytes / 1e9:.2f}",
        "conversations": f"{found['conversations']:,}",
        "growth of memory, MB": f"{found['growth_bytes'] / 1e6:.0f}",
        "MB/s": f"{size_bytes / 1e6 / found['seconds']:.1f}",
    }
    keep_run("big_log", __doc__ or "", f"{form} {size_gb}", row, {**found, "size_bytes": size_bytes})


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--gb", type=float, default=2.0)
    parser.add_argument("--forms", nargs="+", choices=FORMS, default=FORMS)
    parser.add_argument("--log", type=Path, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.log:
        print(json.dumps(read(given)))
        return
    with tempfile.TemporaryDirectory(prefix="faqtune-big-log-") as work:
        if free_disk_bytes(Path(work)) < SPACE * given.gb * 1e9:
            raise SystemExit(f"{work}: needs {SPACE * given.gb:.0f} GB of free disk")
        for form in given.forms:
            for size_gb in (given.gb / 10, given.gb):
                measure(form, size_gb, Path(work))


if __name__ == "__main__":
    main()
