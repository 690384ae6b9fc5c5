"""Threads that wait do not spin, unless someone wants that."""

from __future__ import annotations

import subprocess
import sys

import pytest

from faqtune.console.threads import FEW_SPINS, SPINS, WAIT_POLICY, wait_without_spinning


def test_threads_hardly_spin() -> None:
    environment: dict[str, str] = {}
    wait_without_spinning(environment)
    assert environment == {SPINS: FEW_SPINS}


@pytest.mark.parametrize("chosen", [{WAIT_POLICY: "active"}, {SPINS: "5"}])
def test_what_the_user_chose_stays(chosen: dict[str, str]) -> None:
    environment = dict(chosen)
    wait_without_spinning(environment)
    assert environment == chosen


def test_openmp_hears_of_it_before_it_is_loaded() -> None:
    """`main` sets it before any command runs, and nothing that brings OpenMP along is imported until then."""
    code = "import sys, faqtune.cli; print([name for name in ('torch', 'sklearn', 'scipy') if name in sys.modules])"
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert shown.stdout.strip() == "[]"
