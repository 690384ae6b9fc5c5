"""The score-matrix engine: stages, batches, losses, mining and checkpoints. A torch room.

A batch encodes each distinct text once; then every loss is arithmetic on one matrix of cosines.
Torch is imported only when something that needs it is asked for, so that data can be put together without.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from faqtune.train.data import Example, TrainingData

if TYPE_CHECKING:
    from faqtune.train.engine import StepLoss
    from faqtune.train.loop import Outcome, train
    from faqtune.train.state import Listener, Measure
    from faqtune.train.trainable import refuse_untrainable

__all__ = ["Example", "Listener", "Measure", "Outcome", "StepLoss", "TrainingData", "refuse_untrainable", "train"]

_WHERE = {
    "Listener": "state",
    "Measure": "state",
    "Outcome": "loop",
    "StepLoss": "engine",
    "refuse_untrainable": "trainable",
    "train": "loop",
}


def __getattr__(name: str) -> Any:
    if name not in _WHERE:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    import importlib

    return getattr(importlib.import_module(f"{__name__}.{_WHERE[name]}"), name)
