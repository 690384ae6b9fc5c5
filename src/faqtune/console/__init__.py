"""What people see: runs a command, shows its progress and prints its result. No logic of its own."""

from faqtune.console.journey import run_demo, run_evaluate, run_match, run_train, run_tune
from faqtune.console.preparation import run_convert, run_doctor, run_ingest, run_init, run_label, run_split

__all__ = [
    "run_convert", "run_demo", "run_doctor", "run_evaluate", "run_ingest", "run_init", "run_label", "run_match",
    "run_split", "run_train", "run_tune",
]  # fmt: skip
