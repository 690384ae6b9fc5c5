"""Threads that wait for each other without burning the processor meanwhile."""

from __future__ import annotations

from collections.abc import MutableMapping

WAIT_POLICY, SPINS = "OMP_WAIT_POLICY", "GOMP_SPINCOUNT"
FEW_SPINS = "1000"
"""Some ten microseconds. GNU's OpenMP, which torch and scikit-learn bring along on Linux, spins 300,000 times, which is
milliseconds: as soon as anything else runs on the machine, a thread spins for another that has no core, after each of
thousands of products. Encoding took 4 times the CPU and the wall time then, a map 7 times (docs/experiments.md)."""


def wait_without_spinning(environment: MutableMapping[str, str]) -> None:
    """To be called before anything imports torch or scikit-learn, whose OpenMP reads the environment once.

    What the user has chosen stays. How often a thread looks before it sleeps changes no result.
    """
    if not {WAIT_POLICY, SPINS} & environment.keys():
        environment[SPINS] = FEW_SPINS
