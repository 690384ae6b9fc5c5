"""Silence what transformers and tokenizers say without need, and nothing else."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager

from transformers.utils import logging as transformers_logging

PARALLELISM = "TOKENIZERS_PARALLELISM"

LOAD_REPORTS = ("LOAD REPORT", "Some weights of")
"""How the lists of missing and unexpected weights begin, in transformers 5 and 4."""


@contextmanager
def quiet_transformers() -> Iterator[None]:
    """Load or save a model without progress bars and without the report on missing weights.

    Whoever loads must look at the missing weights themselves: `faqtune.model.load` does.
    """
    log = logging.getLogger("transformers.modeling_utils")
    bars = transformers_logging.is_progress_bar_enabled()
    log.addFilter(_is_no_load_report)
    transformers_logging.disable_progress_bar()  # type: ignore[no-untyped-call]
    try:
        yield
    finally:
        log.removeFilter(_is_no_load_report)
        if bars:
            transformers_logging.enable_progress_bar()  # type: ignore[no-untyped-call]


def _is_no_load_report(record: logging.LogRecord) -> bool:
    return not any(start in record.getMessage() for start in LOAD_REPORTS)


def settle_tokenizer_forks() -> None:
    """Keep tokenizers parallel here and serial in forked children, as it does by itself after a warning per fork."""
    if PARALLELISM not in os.environ and hasattr(os, "register_at_fork"):
        os.environ[PARALLELISM] = "true"
        os.register_at_fork(after_in_child=lambda: os.environ.update({PARALLELISM: "false"}))
