"""What this machine has free: memory, disk, cores."""

from __future__ import annotations

import ctypes
import os
import platform
import re
import shutil
from pathlib import Path

import torch

CGROUP_MEMORY = (
    ("memory.max", "memory.current", "memory.stat", "inactive_file"),
    ("memory/memory.limit_in_bytes", "memory/memory.usage_in_bytes", "memory/memory.stat", "total_inactive_file"),
)
"""Limit and use of a container, and what of that is only read files that can go, in both forms of cgroups."""

M_MMAP_THRESHOLD, RETURNED_BYTES = -3, 1_000_000
"""glibc's number of the setting, and from what size on a block of memory is returned once it is freed."""


def return_freed_memory() -> bool:
    """Have large blocks given back to the system as soon as they are freed; False where that cannot be asked for.

    glibc otherwise keeps them for later, in pieces that often do not fit: 0.6 GB while BGE-M3 is trained. Taking
    them anew costs time: see docs/experiments.md.
    """
    if platform.libc_ver()[0] != "glibc":
        return False
    return bool(ctypes.CDLL(None).mallopt(M_MMAP_THRESHOLD, RETURNED_BYTES))


def free_memory_bytes(device: torch.device) -> int | None:
    """Memory that a process can still take on `device`; None where the system does not tell."""
    if device.type == "cuda":
        # What torch has taken and not in use counts as taken to the driver.
        kept = torch.cuda.memory_reserved(device) - torch.cuda.memory_allocated(device)
        return int(torch.cuda.mem_get_info(device)[0]) + kept
    return free_ram_bytes()


def free_ram_bytes(proc: Path = Path("/proc"), cgroup: Path = Path("/sys/fs/cgroup")) -> int | None:
    """Free main memory, within what a container allows; all of it where only that is known (macOS)."""
    try:
        meminfo = (proc / "meminfo").read_text(encoding="utf-8")
    except OSError:
        if "SC_PHYS_PAGES" not in getattr(os, "sysconf_names", {}):
            return None
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    available = re.search(r"^MemAvailable:\s*(\d+) kB", meminfo, re.MULTILINE)
    free = [] if available is None else [int(available[1]) * 1024]
    for limit, used, stat, files in CGROUP_MEMORY:
        limit_bytes, used_bytes = _number(cgroup / limit), _number(cgroup / used)
        if limit_bytes is not None and used_bytes is not None:
            free.append(max(0, limit_bytes - used_bytes + _counted(cgroup / stat, files)))
    return min(free, default=None)


def free_disk_bytes(path: Path) -> int:
    """Free disk where `path` lies or will lie."""
    return shutil.disk_usage(nearest_folder(path)).free


def nearest_folder(path: Path) -> Path:
    """The folder `path`, or the nearest above it that is there already."""
    return next(place for place in (path.absolute(), *path.absolute().parents) if place.is_dir())


def usable_cores() -> int:
    """Cores that this process may run on."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _number(path: Path) -> int | None:
    """The number in a file; None if it is missing or says `max`."""
    try:
        return int(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None


def _counted(path: Path, name: str) -> int:
    """The number behind a name in a file of names and numbers; 0 if it is not there."""
    try:
        found = re.search(rf"^{name} (\d+)$", path.read_text(encoding="utf-8"), re.MULTILINE)
    except OSError:
        return 0
    return int(found[1]) if found else 0
