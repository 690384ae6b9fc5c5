"""faqtune: from a spreadsheet of questions and chat logs to a tuned, measured model.

The functions behind the commands:

    from faqtune import Workspace, tune
    done = tune(Workspace("shop"), (Path("base2.xlsx"), Path("output.json")), noise=(Path("chatter.json"),))
    print(done.evaluated.comparison.differences["oscr@5"])

They also take the path of a folder as the project, text as a path, a path as a model, and one thing or a list where a
tuple goes (`faqtune.door`). Nothing heavy is imported until a function is asked for.
"""

from __future__ import annotations

import functools
import importlib
import inspect
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from faqtune.commands.calibrate import calibrate_run
    from faqtune.commands.compare import compare_models
    from faqtune.commands.convert import convert
    from faqtune.commands.decide import decide_labels
    from faqtune.commands.doctor import diagnose_machine
    from faqtune.commands.evaluate import evaluate_models
    from faqtune.commands.evaluators import OpenSetEvaluator
    from faqtune.commands.index import make_index
    from faqtune.commands.ingest import ingest_files
    from faqtune.commands.init import init_project
    from faqtune.commands.label import label_queries
    from faqtune.commands.labels import show_labels
    from faqtune.commands.match import match_texts
    from faqtune.commands.merge import merge_models
    from faqtune.commands.report import write_report
    from faqtune.commands.split import make_split
    from faqtune.commands.sweep import merge_run
    from faqtune.commands.train import train_model
    from faqtune.commands.trim import trim_model
    from faqtune.commands.tune import tune, tune_sample
    from faqtune.errors import UserError
    from faqtune.evaluate.general import general_ability
    from faqtune.model.loading import load as load_model
    from faqtune.workspace import Workspace

__version__ = "0.1.0"

_HOMES = {
    "OpenSetEvaluator": ("faqtune.commands.evaluators", "OpenSetEvaluator"),
    "UserError": ("faqtune.errors", "UserError"),
    "Workspace": ("faqtune.workspace", "Workspace"),
    "calibrate_run": ("faqtune.commands.calibrate", "calibrate_run"),
    "compare_models": ("faqtune.commands.compare", "compare_models"),
    "convert": ("faqtune.commands.convert", "convert"),
    "decide_labels": ("faqtune.commands.decide", "decide_labels"),
    "diagnose_machine": ("faqtune.commands.doctor", "diagnose_machine"),
    "evaluate_models": ("faqtune.commands.evaluate", "evaluate_models"),
    "general_ability": ("faqtune.evaluate", "general_ability"),
    "ingest_files": ("faqtune.commands.ingest", "ingest_files"),
    "init_project": ("faqtune.commands.init", "init_project"),
    "label_queries": ("faqtune.commands.label", "label_queries"),
    "load_model": ("faqtune.model", "load"),
    "make_index": ("faqtune.commands.index", "make_index"),
    "make_split": ("faqtune.commands.split", "make_split"),
    "match_texts": ("faqtune.commands.match", "match_texts"),
    "merge_models": ("faqtune.commands.merge", "merge_models"),
    "merge_run": ("faqtune.commands.sweep", "merge_run"),
    "show_labels": ("faqtune.commands.labels", "show_labels"),
    "train_model": ("faqtune.commands.train", "train_model"),
    "trim_model": ("faqtune.commands.trim", "trim_model"),
    "tune": ("faqtune.commands.tune", "tune"),
    "tune_sample": ("faqtune.commands.tune", "tune_sample"),
    "write_report": ("faqtune.commands.report", "write_report"),
}
"""Where each name lives. None is the name of a room: `faqtune.train` stays the package."""

__all__ = [
    "OpenSetEvaluator", "UserError", "Workspace", "__version__", "calibrate_run", "compare_models", "convert",
    "decide_labels", "diagnose_machine", "evaluate_models", "general_ability", "ingest_files", "init_project",
    "label_queries", "load_model", "make_index", "make_split", "match_texts", "merge_models", "merge_run",
    "show_labels", "train_model", "trim_model", "tune", "tune_sample", "write_report",
]  # fmt: skip


@functools.cache
def _opening(step: Callable[..., Any]) -> Callable[..., Any]:
    """A function behind a command, which takes paths as text, too."""
    from faqtune.door import opening

    return opening(step)


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        home, attribute = _HOMES[name]
        found = getattr(importlib.import_module(home), attribute)
        return _opening(found) if home.startswith("faqtune.commands") and inspect.isfunction(found) else found
    raise AttributeError(f"module 'faqtune' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *_HOMES})
