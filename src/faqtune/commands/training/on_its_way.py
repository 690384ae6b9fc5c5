"""What a run says of its training while it lasts, and of its end where that comes too early."""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Any

from pydantic import ValidationError

from faqtune.errors import UserError, is_out_of_memory, out_of_memory
from faqtune.recipe import Recipe, load_recipe
from faqtune.runs import FAILED, FINISHED, INTERRUPTED, RUNNING, Run
from faqtune.stored import read_json

FAILURE = "failure"
"""The fact of a run that says why its training failed."""


class Interrupted(UserError):  # noqa: N818 - that someone stopped it is no error
    """A training was asked to stop and has left a checkpoint."""

    exit_code = 130


@contextmanager
def on_its_way(run: Run) -> Iterator[None]:
    """`run.json` says running inside. What ends a training too early is its last event in `log.jsonl`, and the run is
    `interrupted` or `failed`, with the reason; it goes on to the caller, and the same training can be taken up.

    A kill leaves no time for that: the run then goes on saying running.
    """
    run.facts.pop(FAILURE, None)
    run.status = RUNNING
    run.save()
    try:
        yield
    except (Interrupted, KeyboardInterrupt):
        _end(run, INTERRUPTED)
        raise
    except Exception as error:
        reason = _reason(error)
        _end(run, FAILED, problem=reason.problem, next=reason.next_step)
        raise


def refuse_nothing_to_resume(run: Run | None, plan: Recipe, runs: Sequence[Run]) -> None:
    """`run`, of all `runs`, has the inputs of the training that was asked for, by `plan`. Raises UserError where there
    is none, or it is finished."""
    if run is None:
        raise UserError(
            f"no interrupted training of {plan.name} with these labels and settings is there to resume",
            _way_on(runs, plan, "run the same command without --resume to begin one"),
        )
    if run.status in FINISHED:
        raise UserError(
            f"{run.name}, the training of {plan.name} with these labels and settings, is finished: there is nothing to "
            "resume",
            _way_on(
                runs,
                plan,
                "run the same command without --resume to make it the newest run, with --force to train anew",
            ),
        )


def _way_on(runs: Sequence[Run], asked: Recipe, otherwise: str) -> str:
    """What to give instead of what was `asked` for to go on with the newest run that is not finished, or what to do
    `otherwise`."""
    left = next(filter(_can_go_on, reversed(runs)), None)
    if left is None:
        return otherwise
    if options := _options(left, asked):
        return f"give {options} to go on with {left.name}, or {otherwise}"
    if left.recipe != asked.name:
        return f"give the recipe {left.recipe} to go on with {left.name}, or {otherwise}"
    return f"give the --set and the files that {left.name} was begun with to go on with it, or {otherwise}"


def _can_go_on(run: Run) -> bool:
    """Whether a run is unfinished and the user's, and its recipe has the settings that recipes have today: one of
    another version is another recipe."""
    if run.status in FINISHED or not run.is_users:
        return False
    try:
        plan = read_json(run.folder / "recipe.json", "faqtune train")
        return bool(Recipe.model_validate(plan).model_dump(mode="json") == plan)
    except ValidationError:
        return False
    except UserError:  # gone or damaged, which going on mends
        return True


def _options(run: Run, asked: Recipe) -> str:
    """What a run was begun with, if it is not what was `asked` for: the recipe and every `--set`. "" where that cannot
    be told: it is a recipe of one's own, which its name alone does not find, or it is damaged."""
    try:
        plan, preset = read_json(run.folder / "recipe.json", "faqtune train"), load_recipe(run.recipe)
    except UserError:
        return ""
    if plan == asked.model_dump(mode="json"):
        return ""
    recipe = [f"--recipe {shlex.quote(run.recipe)}"] if run.recipe != asked.name else []
    sets = [f"--set {shlex.quote(found)}" for found in _changes(preset.model_dump(mode="json"), plan, "")]
    return " ".join([*recipe, *sets, "and no other --set" if sets else "and no --set"]).removeprefix("and ")


def _changes(preset: Any, plan: Any, place: str) -> Iterator[str]:
    """`stage.1.max_steps=30` for each value of `plan` that `preset` has otherwise."""
    if isinstance(preset, dict) and isinstance(plan, dict):
        for key in (key for key in plan if key in preset):
            yield from _changes(preset[key], plan[key], f"{place}.{key}" if place else key)
    elif place == "stages" and isinstance(plan, list) and len(plan) == len(preset):
        for number, (left, right) in enumerate(zip(preset, plan, strict=True), start=1):
            yield from _changes(left, right, f"stage.{number}")
    elif preset != plan and plan is not None:
        yield f"{place}={json.dumps(plan, ensure_ascii=False)}"


def unfinished_like(runs: Sequence[Run], recipe: str, base: str) -> str:
    """What to tell whoever begins a training although one of this recipe and base was not finished; "" if none is."""
    begun = [run for run in runs if run.status not in FINISHED and run.is_users]
    left = [run.name for run in begun if (run.recipe, run.base) == (recipe, base)]
    if not left:
        return ""
    return (
        f"note: {left[-1]} is not finished, and does not go on: labels, settings, base model or data are not those "
        "that it was begun with"
    )


def _reason(error: Exception) -> UserError:
    """The error as a user reads it."""
    if isinstance(error, UserError):
        return error
    return out_of_memory(error) if is_out_of_memory(error) else UserError(f"{type(error).__name__}: {error}")


def _end(run: Run, status: str, **reason: str) -> None:
    from faqtune.train.log import RunLog

    run.status = status
    if reason:
        run.facts[FAILURE] = reason
    # A full disk may be the reason itself, which must not be lost for that.
    with suppress(UserError):
        run.save()
    with suppress(UserError):
        RunLog(run.folder / "log.jsonl").end(status, **reason)
