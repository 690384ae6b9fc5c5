"""A way of training is a list of Stages. Adding one is adding a TOML file, never a class.

`load_recipe("default")` reads a shipped preset; a path reads the user's own file. Every
default is written into the run, so a run is reproducible from its own folder.
"""

from __future__ import annotations

import tomllib
from importlib import resources
from pathlib import Path
from typing import Any

from pydantic import Field

from faqtune.config import Section, validated
from faqtune.errors import UserError


class Data(Section):
    """Share of each source among the queries of a batch; shares are relative to each other."""

    labels: float = Field(0.0, ge=0, title="Customers' queries with the entry decided from Claims")
    catalogue: float = Field(0.0, ge=0, title="A standard question with its siblings and its answer")
    dialogues: float = Field(0.0, ge=0, title="A customer's turn with the reply that followed it")
    minimum_confidence: float = Field(0.5, ge=0, le=1, title="Labels below are not used")

    @property
    def shares(self) -> dict[str, float]:
        """Source to share, adding up to 1; sources without a share are left out."""
        given = {"labels": self.labels, "catalogue": self.catalogue, "dialogues": self.dialogues}
        total = sum(given.values())
        return {source: share / total for source, share in given.items() if share > 0}


class RankingLoss(Section):
    weight: float = Field(0.0, ge=0)
    temperature: float | None = Field(None, gt=0, title="Cosines are divided by it; unset: a tenth of the spread")


class OnlineContrastiveLoss(Section):
    weight: float = Field(0.0, ge=0)
    margin: float = Field(0.3, gt=0, title="Negatives farther apart (1 - cosine) than this are left alone")


class NoiseCeilingLoss(Section):
    weight: float = Field(0.0, ge=0)
    ceiling_cosine: float | None = Field(
        None, ge=-1, le=1, title="Noise below it is left alone; unset: the mean of unrelated cosines at the start"
    )


class RejectionLoss(Section):
    weight: float = Field(0.0, ge=0)
    temperature: float | None = Field(
        None, gt=0, title="Score differences are divided by it; unset: a tenth of the spread"
    )


class Losses(Section):
    ranking: RankingLoss = RankingLoss()
    online_contrastive: OnlineContrastiveLoss = OnlineContrastiveLoss()
    noise_ceiling: NoiseCeilingLoss = NoiseCeilingLoss()
    rejection: RejectionLoss = RejectionLoss()

    def resolved(self, related: float, unrelated: float) -> Losses:
        """The same with every open setting filled in from the base model's own cosines.

        `related` and `unrelated` are mean cosines at the start. Models differ tenfold in the spread
        between the two (multilingual-e5 0.09, MiniLM 0.5), so one temperature cannot serve them all.
        """
        temperature = max(0.1 * (related - unrelated), 0.005)
        given = self.model_copy(deep=True)
        given.ranking.temperature = given.ranking.temperature or temperature
        given.rejection.temperature = given.rejection.temperature or temperature
        if given.noise_ceiling.ceiling_cosine is None:
            given.noise_ceiling.ceiling_cosine = unrelated
        return given

    @property
    def active(self) -> list[str]:
        return [name for name in type(self).model_fields if getattr(self, name).weight > 0]


class Freeze(Section):
    embeddings: bool = Field(True, title="Leave the token embeddings as they are")
    lower_layers: int = Field(0, ge=0, title="Leave so many layers from the bottom as they are")


class Stage(Section):
    name: str = Field("train", min_length=1)
    data: Data
    losses: Losses
    freeze: Freeze = Freeze()
    batch_queries: int = Field(32, ge=2, title="Queries per step, over all sources")
    batch_noise: int = Field(16, ge=0, title="Noise sentences per step")
    negatives_per_query: int = Field(1, ge=0, title="Mined catalogue questions per query, besides the batch's own")
    remine_every_steps: int = Field(100, ge=0, title="Mine negatives and near noise anew; 0: only at the start")
    relative_margin: float = Field(
        0.95, gt=0, le=1, title="Mined entries scoring above so much of the positive's score may be right: masked"
    )
    learning_rate: float = Field(2e-5, gt=0)
    weight_decay: float = Field(0.01, ge=0)
    warmup_share: float = Field(0.1, ge=0, le=1, title="Share of the steps in which the learning rate rises")
    max_gradient_norm: float = Field(1.0, gt=0)
    epochs: float = Field(3.0, gt=0, title="Passes over the labels (else the catalogue, else the dialogues)")
    max_steps: int = Field(1000, ge=1, title="Most steps, whatever the epochs say")
    evaluate_every_steps: int = Field(50, ge=1)


class Selection(Section):
    metric: str = Field("oscr@5", title="Figure on the selection part that the best model has the most of")
    guard: str = Field("recall@1", title="Figure that the best model must not lose against the start")
    guard_tolerance: float = Field(0.0, ge=0, title="How much of the guard may be lost")


class Recipe(Section):
    name: str = ""
    description: str = ""
    seed: int = Field(0, ge=0)
    micro_batch_tokens: int = Field(2048, ge=64, title="Padded tokens that go through the encoder at once")
    graph_tokens: int = Field(65536, ge=64, title="Batches of more padded tokens are trained with gradient caching")
    selection: Selection = Selection()
    stages: list[Stage] = Field(min_length=1)


PRESETS = ("default", "quick")


def load_recipe(name: str, overrides: tuple[str, ...] = ()) -> Recipe:
    """A preset by name, or the user's own TOML by path, with overrides such as `stage.1.learning_rate=1e-5`.

    Raises UserError naming the file and the key, with the nearest valid one.
    """
    path = Path(name)
    if name in PRESETS:
        text = resources.files("faqtune").joinpath("recipes", f"{name}.toml").read_text(encoding="utf-8")
    elif path.is_file():
        text = path.read_text(encoding="utf-8-sig")
    else:
        raise UserError(f"there is no recipe `{name}`", f"use one of {', '.join(PRESETS)}, or the path of a TOML file")
    try:
        data = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise UserError(f"recipe {name}: {error}", "mend the file") from None
    data.setdefault("name", path.stem)
    for override in overrides:
        _set(data, override)
    return checked(validated(Recipe, data, f"recipe {name}"))


def checked(recipe: Recipe) -> Recipe:
    """The recipe, if every stage can learn something. Raises UserError that names the stage."""
    for number, stage in enumerate(recipe.stages, start=1):
        place = f"recipe {recipe.name}, stage {number} ({stage.name})"
        if not stage.data.shares:
            raise UserError(f"{place} has no data", "give labels, catalogue or dialogues a share")
        if not stage.losses.active:
            raise UserError(f"{place} has no loss", "give one of the losses a weight")
        needs_noise = [n for n in ("noise_ceiling", "rejection") if n in stage.losses.active]
        if needs_noise and stage.batch_noise == 0:
            raise UserError(f"{place}: {needs_noise[0]} needs noise in the batch", "set batch_noise")
    return recipe


def _set(data: dict[str, Any], override: str) -> None:
    """Apply `stage.2.learning_rate=1e-5` (stages count from 1) to the raw TOML."""
    key, separator, value = override.partition("=")
    if not separator:
        raise UserError(f"--set {override}: there is no `=`", "write --set stage.1.learning_rate=1e-5")
    steps = key.strip().split(".")
    target: Any = data
    if steps[0] in ("stage", "stages") and len(steps) > 2:
        stages = data.get("stages", [])
        if not steps[1].isdigit() or not 1 <= int(steps[1]) <= len(stages):
            raise UserError(f"--set {override}: there is no stage {steps[1]}", f"the recipe has {len(stages)}")
        target, steps = stages[int(steps[1]) - 1], steps[2:]
    for step in steps[:-1]:
        target = target.setdefault(step, {})
        if not isinstance(target, dict):
            raise UserError(f"--set {override}: `{step}` is a value, not a table", "shorten the key")
    target[steps[-1]] = _value(value.strip())


def _value(text: str) -> Any:
    """A TOML value; anything that is not one is taken as a string."""
    try:
        return tomllib.loads(f"x = {text}")["x"]
    except tomllib.TOMLDecodeError:
        return text
