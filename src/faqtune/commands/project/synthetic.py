"""The texts that a language model wrote to train on, as they lie in the project."""

from __future__ import annotations

from faqtune.label.llm import Synthetic
from faqtune.stored import read_jsonl
from faqtune.workspace import Workspace


def read_synthetic(workspace: Workspace) -> list[Synthetic]:
    """Everything that was written; nothing if nobody has. Raises UserError for a damaged file."""
    if not workspace.synthetic_path.exists():
        return []
    return list(read_jsonl(workspace.synthetic_path, "faqtune write", lambda row: Synthetic(**row)))


def to_train_on(workspace: Workspace) -> list[Synthetic]:
    """What was written, where `llm.use_synthetic` asks for it."""
    return read_synthetic(workspace) if workspace.config().llm.use_synthetic else []
