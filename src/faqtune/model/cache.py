"""Where faqtune keeps what it can make again."""

from __future__ import annotations

import os
import sys
from pathlib import Path

CACHE_VARIABLE = "FAQTUNE_CACHE"


def cache_folder() -> Path:
    """`FAQTUNE_CACHE` if set, else the platform's place for caches; not created here."""
    if chosen := os.environ.get(CACHE_VARIABLE):
        return Path(chosen).expanduser().absolute()
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Caches" / "faqtune"
    if sys.platform == "win32":
        return Path(os.environ.get("LOCALAPPDATA", Path.home() / "AppData" / "Local")) / "faqtune" / "Cache"
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "faqtune"
