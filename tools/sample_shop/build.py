"""Builds the shipped sample project from the hand-written episodes beside this file.

    python tools/sample_shop/build.py [TARGET]

The shop, its customers and its agents are fictional; every line was written for this project.
An episode is one exchange about one entry; sessions are strung together from episodes with a
fixed seed, so the same episodes always give the same files.
"""

from __future__ import annotations

import sys
from pathlib import Path

from episodes import read_shop
from logs import write_chatter, write_logs
from spreadsheet import write_spreadsheet

DEFAULT_TARGET = Path(__file__).parents[2] / "src" / "faqtune" / "sample"


def main() -> None:
    target = Path(sys.argv[1]) if len(sys.argv) > 1 else DEFAULT_TARGET
    target.mkdir(parents=True, exist_ok=True)
    shop = read_shop()
    write_spreadsheet(target / "base2.xlsx", shop.entries)
    write_logs(target, shop)
    write_chatter(target)
    print(f"{len(shop.entries)} entries, {len(shop.episodes)} episodes in {target}")


if __name__ == "__main__":
    main()
