"""`faqtune merge A B`: the model between two models of one shape."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from faqtune.commands.project.models import card_base, load_unchanged, model_place, refuse_existing, resolved_name
from faqtune.errors import UserError
from faqtune.progress import Reporter, Silent
from faqtune.workspace import Workspace


@dataclass(frozen=True, slots=True)
class Merged:
    """What was merged and where it lies. `changed_tensors` is how many tensors the two models do not share;
    `notes` is what the user should know of the second model's layout."""

    start: str
    end: str
    coefficient: float
    model: Path
    changed_tensors: int
    notes: list[str]


def merge_models(
    workspace: Workspace, start: str, end: str, *, coefficient: float, out: Path, reporter: Reporter | None = None
) -> Merged:
    """Write (1 - coefficient) times `start` plus coefficient times `end` to the folder `out`.

    The models go by the names of every command (a run, `tuned`, `builtin`, a folder, a hub name); no
    project is needed. Tokenizer, pooling, prompt and length are those of `end`; weights are float32.
    Raises UserError for models of different shapes or vocabularies, for one model twice, for a
    coefficient outside 0 to 1, and if `out` exists.
    """
    from faqtune.model import ModelCard, line_between, refuse_coefficient, save

    reporter = reporter or Silent()
    refuse_coefficient(coefficient)
    refuse_existing(out)
    names = resolved_name(workspace, start, reporter.say), resolved_name(workspace, end, reporter.say)
    if model_place(workspace, names[0]) == model_place(workspace, names[1]):
        raise UserError(f"{start} and {end} are the same model", "give a model and one that was trained from it")
    models = [load_unchanged(workspace, name, reporter) for name in names]
    notes = [
        f"{what} differs ({getattr(models[0], what)!r} and {getattr(models[1], what)!r}): the second model's is kept"
        for what in ("pooling", "prompt", "max_length_tokens")
        if getattr(models[0], what) != getattr(models[1], what)
    ]
    line = line_between(*models)
    line.move_to(coefficient)
    of_runs = [card_base(workspace, name) for name in names]
    shown = [of_run or _shown_name(name) for of_run, name in zip(of_runs, names, strict=True)]
    card = ModelCard(made="merged", origin=merge_words(shown[0], shown[1], coefficient), base=of_runs[1])
    save(line.model, out, card)
    return Merged(*names, coefficient, out, len(line.ends), notes)


def merge_words(start: str, end: str, coefficient: float) -> str:
    """How a merged model was made, for its card."""
    return (
        f"By faqtune's `merge`: every weight is {1 - coefficient:.6g} times that of `{start}` plus "
        f"{coefficient:.6g} times that of `{end}`. Tokenizer, pooling and prompt are those of `{end}`."
    )


def _shown_name(name: str) -> str:
    """A folder goes by its last part: a card is given away, and paths are nobody's business."""
    return Path(name).name if Path(name).is_absolute() or name.startswith((".", "~")) else name
