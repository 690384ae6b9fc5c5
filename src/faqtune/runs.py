"""A Run: one training with everything needed to repeat it, trust it and use it."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from datetime import UTC, date, datetime
from itertools import chain, count
from pathlib import Path
from typing import Any

from faqtune.errors import UserError
from faqtune.records import SCHEMA, content_id
from faqtune.stored import read_json, write_json
from faqtune.workspace import Workspace

RUN_NAME = "run.json"
CERTIFICATE_NAME, REFUSED_CERTIFICATE_NAME = "certificate.json", "certificate_not_kept.json"
"""What `calibrate` promises, and what was asked for beside a certificate that holds and is not kept."""
DONE, RUNNING, INTERRUPTED, FAILED = "done", "running", "interrupted", "failed"
"""Of these, all but the first can be taken up again."""
SET_ASIDE = "set aside"
"""Finished, and not to be used unless it is named: it was no better than the model from before, or trained to see
what fewer labels bring."""
FINISHED = (DONE, SET_ASIDE)
ON_PURPOSE = "learning_curve"
"""The fact of a run that was trained for the learning curve alone, and is never the current model."""


class WithCertificates:
    """What `calibrate` makes promises for, and keeps them in its folder."""

    folder: Path

    @property
    def certificate_path(self) -> Path:
        return self.folder / CERTIFICATE_NAME

    @property
    def refused_certificate_path(self) -> Path:
        return self.folder / REFUSED_CERTIFICATE_NAME


@dataclass
class Run(WithCertificates):
    """The facts of `run.json`. `inputs` is the digest of all that the result depends on; `status` becomes
    `done` last, so a folder without it holds no finished model. `saved` is the time (UTC) of the last save.
    """

    folder: Path
    recipe: str
    base: str
    inputs: str
    status: str = RUNNING
    facts: dict[str, Any] = field(default_factory=dict)
    """Versions, device, precision, data counts, best step, seconds."""
    saved: str = ""

    @property
    def name(self) -> str:
        return self.folder.name

    @property
    def model_path(self) -> Path:
        return self.folder / "model"

    @property
    def has_model(self) -> bool:
        """Whether its weights are there, which somebody may have removed for their size."""
        return any(self.model_path.glob("*.safetensors"))

    @property
    def checkpoints_path(self) -> Path:
        """What an unfinished training goes on from."""
        return self.folder / "checkpoints"

    @property
    def scorecards_path(self) -> Path:
        return self.folder / "scorecards"

    @property
    def thresholds_path(self) -> Path:
        return self.folder / "thresholds.json"

    @property
    def report_path(self) -> Path:
        return self.folder / "report.html"

    @property
    def is_users(self) -> bool:
        """Whether somebody asked for this training, and not for a curve that needs it."""
        return ON_PURPOSE not in self.facts

    def set_aside(self) -> None:
        """Keep the model, but let no command take it for the tuned one."""
        self.status = SET_ASIDE
        self.save()

    def save(self) -> None:
        """Write `run.json`."""
        self.saved = datetime.now(UTC).isoformat()
        content = {key: value for key, value in asdict(self).items() if key != "folder"}
        write_json(self.folder / RUN_NAME, {"schema": SCHEMA, **content})


def new_run(workspace: Workspace, recipe: str, base: str, inputs: str) -> Run:
    """A run in `runs/<date>-<recipe>-<digest>`, with a `run.json` that says running.

    Where that is a finished run with its model, which must stay as it is until there is another, or one whose
    `run.json` cannot be read, a number follows.
    """
    name = re.sub(r"[^\w.-]+", "-", recipe)
    # Eight digits: two runs of one day must not fall into one folder by chance, or a model would be lost.
    first = workspace.runs_path / f"{date.today().isoformat()}-{name}-{content_id(inputs, length=8)}"
    numbered = (first.with_name(f"{first.name}-{number}") for number in count(2))
    folder = next(folder for folder in chain([first], numbered) if not _is_to_stay(folder))
    run = Run(folder, recipe, base, inputs)
    run.save()
    return run


def _is_to_stay(folder: Path) -> bool:
    """Whether a folder is a finished run that still has its model, or what is in it is not known."""
    if not (folder / RUN_NAME).exists():
        return False
    with suppress(UserError):
        run = _read(folder)
        return run.status in FINISHED and run.has_model
    return True


def all_runs(workspace: Workspace, damaged: Callable[[UserError], object] = lambda error: None) -> Iterator[Run]:
    """Every readable run, in the order in which they were last saved; `damaged` is told of every other."""
    runs = []
    for path in sorted(workspace.runs_path.glob(f"*/{RUN_NAME}")):
        try:
            runs.append(_read(path.parent))
        except UserError as error:
            damaged(error)
    yield from sorted(runs, key=lambda run: (run.saved, run.name))


def finished_runs(workspace: Workspace, warn: Callable[[str], None] = lambda text: None) -> list[Run]:
    """Every finished run, the newest last.

    One that cannot be read may be newer than all others: it is warned of. Where there is no other, raises
    UserError: the base model must not answer in its place in silence.
    """
    damaged: list[UserError] = []
    done = [run for run in all_runs(workspace, damaged.append) if run.status == DONE]
    if damaged and not done:
        raise damaged[0]
    for error in damaged:
        warn(passed_over(error))
    return done


def passed_over(error: UserError) -> str:
    """What to tell of a run that cannot be read."""
    return f"note: {error.problem}; this run is passed over"


def find_run(workspace: Workspace, name: str = "", warn: Callable[[str], None] = lambda text: None) -> Run:
    """A run by its folder name, or the newest finished one, with a warning of those that cannot be read. Raises
    UserError if there is none."""
    if not workspace.runs_path.exists():
        workspace.refuse_no_project()
    if name:
        folder = workspace.runs_path / name
        if not (folder / RUN_NAME).exists():
            names = [run.name for run in all_runs(workspace)]
            known = f"use one of {', '.join(names)}" if names else "run `faqtune train` first"
            raise UserError(f"there is no run {name} in {workspace.runs_path}", known)
        return _read(folder)
    done = finished_runs(workspace, warn)
    if not done:
        nothing = f"there is no finished run in {workspace.runs_path}"
        if begun := [run for run in all_runs(workspace) if run.status not in FINISHED and run.is_users]:
            name, recipe = begun[-1].name, begun[-1].recipe
            raise UserError(
                nothing, f"repeat the `faqtune train` that began {name} (recipe {recipe}), or begin another one"
            )
        raise UserError(nothing, "run `faqtune train` first")
    return done[-1]


def refuse_without_model(run: Run) -> None:
    """Raises UserError for a run that has not finished, or whose weights are gone, and names what would make its model:
    a plain `faqtune train` would begin another run, where the recipe or a setting was given by hand."""
    by = "merge" if "merged" in run.facts else "train" if run.is_users else "labels --learning-curve"
    if run.status not in FINISHED:
        problem = f"the run {run.name} has not finished"
    elif not run.has_model:
        problem = f"{run.model_path} has no weights any more"
    else:
        return
    raise UserError(problem, f"repeat the `faqtune {by}` that began it (recipe {run.recipe}), or name another run")


def _read(folder: Path) -> Run:
    path = folder / RUN_NAME
    content = read_json(path, "faqtune train")
    if content.pop("schema", None) != SCHEMA:
        raise UserError(f"{path} was written by another version of faqtune", "update faqtune, or train again")
    try:
        return Run(folder, **content)
    except TypeError as error:
        raise UserError(
            f"{path} is damaged ({error})",
            f"move {folder} away, or run `faqtune train --force` with the --recipe and --set that it was trained with",
        ) from None
