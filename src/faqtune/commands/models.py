"""Models by name, with progress: the only place where commands load one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from faqtune.encoder import Vectors
from faqtune.progress import Reporter
from faqtune.runs import all_runs, find_run
from faqtune.workspace import Workspace

if TYPE_CHECKING:
    from faqtune.model import TextModel


def load_model(workspace: Workspace, name: str, reporter: Reporter) -> TextModel:
    """`tuned` (the newest run), a run's name, `builtin`, a folder or a hub name; raises UserError if it is nowhere."""
    from faqtune.model import load

    config = workspace.config().model
    if name == "tuned":
        name = str(find_run(workspace).model_path)
    elif any(run.name == name for run in all_runs(workspace)):
        name = str(find_run(workspace, name).model_path)
    elif workspace.resolve(name).is_dir():
        name = str(workspace.resolve(name))
    reporter.say(f"loading the model {name}")
    return load(name, max_length_tokens=config.max_length_tokens, prompt=config.prompt)


class ReportingEncoder:
    """An Encoder that tells how far it is. `name` is what tables call it: a run rather than its folder."""

    def __init__(self, model: TextModel, reporter: Reporter, name: str) -> None:
        self.model, self.reporter, self._name = model, reporter, name

    @property
    def name(self) -> str:
        return self._name

    def encode(self, texts: Sequence[str]) -> Vectors:
        return self.model.encode(
            texts, on_progress=lambda done, total: self.reporter.advance("texts encoded", done, total)
        )
