"""Models by name, with progress: the only place where commands load one."""

from __future__ import annotations

import difflib
import hashlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from faqtune.digests import digest
from faqtune.encoder import Vectors
from faqtune.errors import UserError
from faqtune.progress import Reporter
from faqtune.runs import RUN_NAME, Run, all_runs, find_run, refuse_without_model
from faqtune.workspace import Workspace

if TYPE_CHECKING:
    from faqtune.model import TextModel

TUNED = "tuned"
"""How users call the newest finished run."""
BASE, BUILTIN = "base", "builtin"
"""What people take for a name of the project's base model; and the name of the built-in one."""
CLOSE = 0.75
"""How alike two names are, from 0 to 1, of which one may be meant by the other."""

SAMPLES, SAMPLE_BYTES = 64, 4096

LONGEST_TOKENS = 1_000_000
"""Beyond what any model reads, so that its own limit holds."""


def resolved_name(workspace: Workspace, name: str, warn: Callable[[str], None] = lambda text: None) -> str:
    """The name of the newest run for `tuned`, with a warning of those that cannot be read, that of the run whose model
    lies in a folder of that name, any other name as it is. Raises UserError if no run has finished."""
    if name == TUNED:
        return find_run(workspace, warn=warn).name
    model = _folder(workspace, name) or Path()
    is_of_run = model.parent.parent == workspace.runs_path.resolve() and (model.parent / RUN_NAME).is_file()
    return model.parent.name if is_of_run and model.name == "model" else name


def model_place(workspace: Workspace, name: str) -> str:
    """What `faqtune.model.load` finds a model by: the folder of a run or of the project, else the name as it is.

    Raises UserError for a run that has not finished or is damaged.
    """
    name = resolved_name(workspace, name)
    if Path(name).name == name and (workspace.runs_path / name / RUN_NAME).exists():
        run = find_run(workspace, name)
        refuse_without_model(run)
        return str(run.model_path)
    folder = workspace.resolve(name)
    if folder.is_dir():
        return str(folder)
    if not Path(name).expanduser().exists() and (near := _near(workspace, name)):
        raise UserError(f"there is no model {name}", f"did you mean `{near}`? Else give a folder or <owner>/<name>")
    return name


def _near(workspace: Workspace, name: str) -> str:
    """What is most likely meant by a name that is spelt like one of faqtune's or of a run; "" for any other."""
    if name == BASE and workspace.config_path.exists():
        return workspace.config().model.base
    known = [TUNED, BUILTIN, *(run.name for run in all_runs(workspace))]
    return "" if name in known else _closest(name, known)


def _near_folder(workspace: Workspace, name: str) -> str:
    """A folder that is called nearly so, of the project or where the command was given; "" if none is."""
    for root in (workspace.root, Path()):
        place = root / Path(name).expanduser()
        if place.parent.is_dir():
            folders = [path.name for path in place.parent.iterdir() if path.is_dir() and not path.name.startswith(".")]
            if near := _closest(place.name, folders):
                return str(Path(name).with_name(near))
    return ""


def _closest(name: str, known: Sequence[str]) -> str:
    return next(iter(difflib.get_close_matches(name, known, n=1, cutoff=CLOSE)), "")


def load_model(workspace: Workspace, name: str, reporter: Reporter, *, exact: bool = False) -> TextModel:
    """`tuned` (the newest run), a run's name, `builtin`, a folder or a hub name; raises UserError if it is nowhere.

    `exact`: in float32, for figures, thresholds and matches; otherwise in the precision of the settings.
    """
    from faqtune.model import FLOAT16_WARNING, load

    config = workspace.config().model
    place = model_place(workspace, name)
    reporter.say(f"loading the model {place}")
    if config.precision == "float16" and not exact:
        reporter.say(FLOAT16_WARNING)
    with _meant(workspace, place):
        model = load(
            place,
            max_length_tokens=config.max_length_tokens,
            prompt=config.prompt,
            pooling=config.pooling or None,
            precision="float32" if exact else config.precision,
        )
    model.room.say = reporter.say
    return model


@contextmanager
def _meant(workspace: Workspace, place: str) -> Iterator[None]:
    """A model that is nowhere, with the folder that may be meant."""
    try:
        yield
    except UserError as error:
        if Path(place).expanduser().exists() or not (near := _near_folder(workspace, place)):
            raise
        raise UserError(error.problem, f"did you mean the folder `{near}`? Else {error.next_step}") from error


def load_unchanged(workspace: Workspace, name: str, reporter: Reporter, *, stored: bool = False) -> TextModel:
    """A model on the CPU with its own prompt and length, whatever a project says of these: to be written anew.

    In float32, or in the numbers of its files where `stored`. Raises UserError as `load_model` does.
    """
    import torch

    from faqtune.model import load

    place = model_place(workspace, name)
    reporter.say(f"loading the model {place}")
    pooling = workspace.config().model.pooling if workspace.config_path.exists() else ""
    with _meant(workspace, place):
        return load(
            place,
            max_length_tokens=LONGEST_TOKENS,
            pooling=pooling or None,
            device="cpu",
            dtype="auto" if stored else torch.float32,
        )


def refuse_existing(out: Path) -> None:
    """Raises UserError if there is something at `out`: a model is never overwritten."""
    if out.exists() or out.is_symlink():
        raise UserError(f"{out} exists already", "give another place with --out, or remove it first")


def runs_behind(workspace: Workspace, name: str, runs: Sequence[Run]) -> list[Run]:
    """Which of some runs made the model that a name stands for: the run itself, that of its folder, or else those of
    which the folder is a copy, or whose names its card mentions, as those of trimmed and merged models do."""
    if named := [run for run in runs if run.name == name]:
        return named
    folder = _folder(workspace, name)
    if folder is None:
        return []
    if made := [run for run in runs if folder in (run.folder.resolve(), run.model_path.resolve())]:
        return made
    weights, card = _weights(folder), _text(folder / "README.md")
    copied = [run for run in runs if weights and _weights(run.model_path) == weights]
    return [run for run in runs if run.name in card or (run in copied and not _learned_nothing(workspace, run))]


def _folder(workspace: Workspace, name: str) -> Path | None:
    """Of a model that has one, of the project or where the command was given; None for others."""
    return next(
        (place for place in (workspace.resolve(name), Path(name).expanduser().resolve()) if place.is_dir()), None
    )


def _learned_nothing(workspace: Workspace, run: Run) -> bool:
    """Whether a run's model is its base: who names that has not named the run."""
    base = workspace.runs_path / run.base / "model"
    folder = base if base.is_dir() else _folder(workspace, run.base)
    return folder is not None and _weights(folder) == _weights(run.model_path)


def _weights(folder: Path) -> list[str]:
    return [_sample(file) for file in sorted(folder.glob("*.safetensors"))]


def _text(path: Path) -> str:
    return path.read_text(encoding="utf-8", errors="replace") if path.is_file() else ""


def card_base(workspace: Workspace, name: str) -> str:
    """What a model card calls a base that is a run's, also where its folder is named; "" for other models, which go by
    their own names."""
    return next((run.name for run in runs_behind(workspace, name, list(all_runs(workspace)))), "")


def model_digest(workspace: Workspace, name: str) -> str:
    """Changes when the model behind a name does; of `builtin` and of hub names only the name counts.

    Evenly spread samples of each file stand for gigabytes of weights: training moves numbers everywhere.
    """
    place = model_place(workspace, name)
    folder = Path(place)
    if not folder.is_dir():
        return digest(place)
    files = sorted(file for file in folder.rglob("*") if file.is_file())
    return digest(*(f"{file.relative_to(folder).as_posix()} {_sample(file)}" for file in files))


def _sample(file: Path) -> str:
    size = file.stat().st_size
    sample = hashlib.sha256(str(size).encode())
    with file.open("rb") as handle:
        for place in range(0, size, max(SAMPLE_BYTES, size // SAMPLES)):
            handle.seek(place)
            sample.update(handle.read(SAMPLE_BYTES))
    return sample.hexdigest()


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
