"""Recipes by name or by path, with single settings overridden.

`load_recipe("default")` reads a shipped preset; a path reads the user's own file. Every
default is written into the run, so a run is reproducible from its own folder.
"""

from __future__ import annotations

import difflib
import re
import tomllib
from collections.abc import Sequence
from contextlib import suppress
from importlib import resources
from pathlib import Path
from typing import Any

from faqtune.config import toml_of, validated
from faqtune.errors import UserError
from faqtune.recipe.stage import Recipe
from faqtune.scorecard import CHOOSABLE

NEED_NOISE = ("noise_ceiling", "rejection", "stay_near")
"""Losses that are nothing without noise in the batch."""

HOLDING = ("positive_floor", "stay_near")
"""Losses that keep what there is, by which alone no stage learns."""


def presets() -> tuple[str, ...]:
    """Names of the shipped recipes."""
    files = resources.files("faqtune").joinpath("recipes").iterdir()
    # Files are named like modules, presets like commands.
    return tuple(
        sorted(file.name.removesuffix(".toml").replace("_", "-") for file in files if file.name.endswith(".toml"))
    )


def listed(overrides: str | Sequence[str]) -> tuple[str, ...]:
    """Overrides as a tuple; a text by itself is one of them, not a list of its letters."""
    return (overrides,) if isinstance(overrides, str) else tuple(overrides)


def load_recipe(name: str, overrides: str | Sequence[str] = ()) -> Recipe:
    """A preset by name, or the user's own TOML by path, with overrides such as `stage.1.learning_rate=1e-5`.

    Raises UserError naming the file and the key, with the nearest valid one.
    """
    place = f"recipe {name}"
    try:
        data = toml_of(_read(name), place, "mend the file (TOML, in UTF-8)")
    except OSError as error:
        raise UserError(f"{place}: {error.strerror or error}", "check the file and its permissions") from None
    by_file = {} if "name" in data else {"name": f"{place}, which has the name of its file"}
    data.setdefault("name", Path(name).stem)
    for override in listed(overrides):
        _set(data, override)
    set_by = by_file | {_key(change): f"--set {change}" for change in listed(overrides)}
    return checked(validated(Recipe, data, place, set_by))


def checked(recipe: Recipe) -> Recipe:
    """The recipe, if a model can be chosen by its figures and every stage can learn something.

    Raises UserError that names the key or the stage.
    """
    for key in ("metric", "guard"):
        refuse_unknown_figure(f"recipe {recipe.name}: `selection.{key}`", getattr(recipe.selection, key))
    for number, stage in enumerate(recipe.stages, start=1):
        place = f"recipe {recipe.name}, stage {number} ({stage.name})"
        if not stage.data.shares:
            raise UserError(f"{place} has no data", "give labels, catalogue or dialogues a share")
        lengths = stage.nested_dimensions
        if repeated := next((length for length in lengths if lengths.count(length) > 1), None):
            raise UserError(f"{place}: nested_dimensions has {repeated} more than once", "write each length once")
        if not stage.losses.active:
            raise UserError(f"{place} has no loss", "give one of the losses a weight")
        if stage.freeze.lora_rank and not stage.freeze.embeddings:
            raise UserError(
                f"{place}: freeze.embeddings = false with freeze.lora_rank: adapters are trained in place of weights, "
                "the embeddings too",
                f"set freeze.embeddings to true (--set stage.{number}.freeze.embeddings=true), or lora_rank to 0",
            )
        if set(stage.losses.active) <= set(HOLDING):
            raise UserError(
                f"{place}: {' and '.join(stage.losses.active)} only keeps what there is, so nothing is learned",
                "give ranking, or another loss, a weight",
            )
        needs_noise = [n for n in NEED_NOISE if n in stage.losses.active]
        if stage.losses.online_contrastive.weight and stage.losses.online_contrastive.noise:
            needs_noise.append("online_contrastive.noise")
        if needs_noise and stage.batch_noise == 0:
            raise UserError(f"{place}: {needs_noise[0]} needs noise in the batch", "set batch_noise")
        pool, drawn = stage.mining.negatives_pool, stage.mining.negatives_per_query
        if 0 < pool < drawn:
            raise UserError(
                f"{place}: mining.negatives_pool is {pool}, and {drawn} entries a query cannot be drawn from it",
                f"raise it above negatives_per_query ({drawn}), or set it to 0 for the nearest themselves",
            )
    return recipe


def refuse_unknown_figure(place: str, name: str) -> None:
    """Raises UserError where no model can be chosen by `name`, a setting at `place`."""
    if name in CHOOSABLE:
        return
    near = difflib.get_close_matches(name.lower(), CHOOSABLE, n=1)
    meant = f"write `{near[0]}` if that is meant; " if near else ""
    plain = ", ".join(figure for figure in CHOOSABLE if "/" not in figure)
    raise UserError(f"{place} is {name!r:.40}: there is no such figure", f"{meant}a model can be chosen by {plain}")


def _read(name: str) -> bytes:
    if name in presets():
        return resources.files("faqtune").joinpath("recipes", f"{name.replace('-', '_')}.toml").read_bytes()
    if not Path(name).is_file():
        near = difflib.get_close_matches(name.lower().replace("_", "-"), presets(), n=1)
        known = f"use one of {', '.join(presets())}, or the path of a TOML file"
        raise UserError(f"there is no recipe `{name}`", f"`{near[0]}` may be meant; {known}" if near else known)
    return Path(name).read_bytes()


def _key(override: str) -> str:
    """As messages write it: `stage.1.epochs`."""
    return re.sub(r"^stages\.", "stage.", override.partition("=")[0].strip())


def _set(data: dict[str, Any], override: str) -> None:
    """Apply `stage.2.learning_rate=1e-5` (stages count from 1) to the raw TOML."""
    key, separator, value = override.partition("=")
    steps = [step.strip() for step in key.split(".")]
    if not separator or not all(steps):
        raise UserError(f"--set {override}: this is no `key=value`", "write --set stage.1.learning_rate=1e-5")
    target: Any = data
    if steps[0] in ("stage", "stages") and len(steps) > 1:
        target, steps = _stage(data, steps[1], override), steps[2:]
    if not steps:
        raise UserError(f"--set {override}: a stage is no value", "write --set stage.1.learning_rate=1e-5")
    for step in steps[:-1]:
        target = target.setdefault(step, {})
        if not isinstance(target, dict):
            raise UserError(f"--set {override}: `{step}` is a value, not a table", "shorten the key")
    target[steps[-1]] = _value(value.strip())


def _stage(data: dict[str, Any], number: str, override: str) -> dict[str, Any]:
    stages = data.get("stages", [])
    if not isinstance(stages, list) or not all(isinstance(stage, dict) for stage in stages):
        raise UserError(f"--set {override}: `stages` of the recipe is no list of tables", "write [[stages]] in it")
    if not (number.isdecimal() and 1 <= int(number) <= len(stages)):
        raise UserError(f"--set {override}: there is no stage `{number}`", f"stages are 1 to {len(stages)}")
    return stages[int(number) - 1]  # type: ignore[no-any-return]


def _value(text: str) -> Any:
    """A TOML value; anything that is not one, or more than one, is taken as a string."""
    with suppress(tomllib.TOMLDecodeError):
        read = tomllib.loads(f"x = {text}")
        if len(read) == 1:
            return read["x"]
    return text
