"""A way of training is a list of Stages. Adding one is adding a TOML file, never a class.

`load_recipe("default")` reads a shipped preset; a path reads the user's own file. Every
default is written into the run, so a run is reproducible from its own folder.
"""

from __future__ import annotations

import tomllib
from importlib import resources
from pathlib import Path
from typing import Any

from pydantic import ConfigDict, Field

from faqtune.config import Section, validated
from faqtune.errors import UserError

LEAST_TEMPERATURE = 0.005
SPREAD_SHARE = 0.1
"""An open temperature is this share of the distance between related and unrelated cosines."""

FILE_NAME = r'^[^\\/:*?"<>|\x00-\x1f.][^\\/:*?"<>|\x00-\x1f]*$'
"""A recipe's name becomes part of its runs' folders."""


class Part(Section):
    """Unknown keys, infinity and NaN are refused; nothing changes once it is read."""

    model_config = ConfigDict(frozen=True, allow_inf_nan=False)


class Data(Part):
    """Share of each source among the queries of a batch; shares are relative to each other."""

    labels: float = Field(default=0.0, ge=0, title="Customers' queries with the entry decided from Claims")
    catalogue: float = Field(
        default=0.0, ge=0, title="A standard question with a sibling, or with its answer if it has none"
    )
    dialogues: float = Field(default=0.0, ge=0, title="A customer's turn with the reply that followed it")
    minimum_confidence: float = Field(default=0.5, ge=0, le=1, title="Labels of machines below are not used")

    @property
    def shares(self) -> dict[str, float]:
        """Source to share, adding up to 1; sources without a share are left out."""
        given = {"labels": self.labels, "catalogue": self.catalogue, "dialogues": self.dialogues}
        total = sum(given.values())
        return {source: share / total for source, share in given.items() if share > 0}


class RankingLoss(Part):
    weight: float = Field(default=0.0, ge=0, title="Share in the sum of losses; 0: off")
    temperature: float | None = Field(
        default=None, gt=0, title="Cosines are divided by it; unset: a tenth of the spread"
    )


class OnlineContrastiveLoss(Part):
    weight: float = Field(default=0.0, ge=0, title="Share in the sum of losses; 0: off")
    margin: float = Field(
        default=0.3, gt=0, le=2, title="Negatives farther apart (1 - cosine) than this are left alone"
    )


class NoiseCeilingLoss(Part):
    weight: float = Field(default=0.0, ge=0, title="Share in the sum of losses; 0: off")
    ceiling_cosine: float | None = Field(
        default=None,
        ge=-1,
        le=1,
        title="Noise below it is left alone; unset: the mean of unrelated cosines at the start",
    )


class RejectionLoss(Part):
    weight: float = Field(default=0.0, ge=0, title="Share in the sum of losses; 0: off")
    temperature: float | None = Field(
        default=None, gt=0, title="Score differences are divided by it; unset: a tenth of the spread"
    )


class Losses(Part):
    ranking: RankingLoss = RankingLoss()
    online_contrastive: OnlineContrastiveLoss = OnlineContrastiveLoss()
    noise_ceiling: NoiseCeilingLoss = NoiseCeilingLoss()
    rejection: RejectionLoss = RejectionLoss()
    near_rejection: RejectionLoss = RejectionLoss()

    def resolved(self, related: float, unrelated: float) -> Losses:
        """The same with every open setting filled in from the base model's own cosines.

        `related` and `unrelated` are mean cosines at the start. Models differ tenfold in the spread
        between the two (multilingual-e5 0.09, MiniLM 0.5), so one temperature cannot serve them all.
        """
        temperature = max(SPREAD_SHARE * (related - unrelated), LEAST_TEMPERATURE)
        return Losses(
            ranking=_filled(self.ranking, temperature=temperature),
            online_contrastive=self.online_contrastive,
            noise_ceiling=_filled(self.noise_ceiling, ceiling_cosine=unrelated),
            rejection=_filled(self.rejection, temperature=temperature),
            near_rejection=_filled(self.near_rejection, temperature=temperature),
        )

    @property
    def active(self) -> list[str]:
        """Names of the losses that have a weight."""
        return [name for name in type(self).model_fields if getattr(self, name).weight > 0]


class Freeze(Part):
    embeddings: bool = Field(default=True, title="Leave the token embeddings as they are")
    lower_layers: int = Field(default=0, ge=0, title="Leave so many layers from the bottom as they are")


class Heads(Part):
    """Heads of BGE-M3 beside its dense vector, trained in the same steps; off unless one is asked for."""

    sparse: bool = Field(default=False, title="Train `sparse_linear.pt`, the weights of tokens in lexical matching")
    multi_vector: bool = Field(default=False, title="Train `colbert_linear.pt`, the vectors of single tokens")
    weight: float = Field(default=1.0, gt=0, title="Share of the heads' loss in the sum of losses")
    temperature: float = Field(default=0.02, gt=0, title="Scores of all heads are divided by it")
    distillation: float = Field(
        default=1.0, ge=0, title="Weight of learning from the heads' common score, against 1 of the labels; 0: off"
    )

    @property
    def trained(self) -> tuple[str, ...]:
        """Names of the heads that are trained."""
        return tuple(name for name in ("sparse", "multi_vector") if getattr(self, name))


class Stage(Part):
    name: str = Field(default="train", min_length=1, title="How the stage is called in the log")
    data: Data
    losses: Losses
    freeze: Freeze = Freeze()
    heads: Heads = Heads()
    batch_queries: int = Field(default=32, ge=2, title="Queries per step, over all sources")
    batch_noise: int = Field(default=16, ge=0, title="Noise sentences per step")
    negatives_per_query: int = Field(
        default=1, ge=0, title="Mined entries per query, each with its nearest question, besides the batch's own"
    )
    remine_every_steps: int = Field(default=100, ge=0, title="Mine negatives and near noise anew; 0: only at the start")
    relative_margin: float = Field(
        default=0.95, gt=0, le=1, title="Entries scoring above so much of the label's own may be right: masked"
    )
    learning_rate: float = Field(default=2e-5, gt=0, title="Highest learning rate of AdamW")
    weight_decay: float = Field(default=0.01, ge=0, title="AdamW's; biases and norms are left out")
    warmup_share: float = Field(default=0.1, ge=0, le=1, title="Share of the steps in which the learning rate rises")
    max_gradient_norm: float = Field(default=1.0, gt=0, title="Longer gradients are cut to this length")
    epochs: float = Field(
        default=1.0, gt=0, title="Passes over the labels; without them over the catalogue, or else the dialogues"
    )
    max_steps: int = Field(default=1000, ge=1, title="Most steps, whatever the epochs say")
    evaluate_every_steps: int = Field(default=50, ge=1, title="Measure the model and write a checkpoint")


class Selection(Part):
    metric: str = Field(default="oscr@5", title="Figure on the selection part that the best model has the most of")
    guard: str = Field(default="recall@1", title="Figure that the best model must not lose against the start")
    guard_tolerance: float = Field(default=0.0, ge=0, title="How much of the guard may be lost")


class Recipe(Part):
    name: str = Field(default="unnamed", pattern=FILE_NAME, max_length=60, title="Part of the run's folder name")
    description: str = Field(default="", title="What it is for, in one sentence")
    seed: int = Field(default=0, ge=0, title="Of every random choice in training")
    micro_batch_tokens: int = Field(default=2048, ge=64, title="Padded tokens that go through the encoder at once")
    graph_tokens: int = Field(
        default=8192, ge=64, title="Batches of more padded tokens are trained with gradient caching: less memory"
    )
    selection: Selection = Selection()
    stages: list[Stage] = Field(min_length=1)


def presets() -> tuple[str, ...]:
    """Names of the shipped recipes."""
    files = resources.files("faqtune").joinpath("recipes").iterdir()
    return tuple(sorted(file.name.removesuffix(".toml") for file in files if file.name.endswith(".toml")))


def load_recipe(name: str, overrides: tuple[str, ...] = ()) -> Recipe:
    """A preset by name, or the user's own TOML by path, with overrides such as `stage.1.learning_rate=1e-5`.

    Raises UserError naming the file and the key, with the nearest valid one.
    """
    place = f"recipe {name}"
    try:
        data = tomllib.loads(_read(name))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise UserError(f"{place}: {error}", "mend the file (TOML, in UTF-8)") from None
    except OSError as error:
        raise UserError(f"{place}: {error.strerror or error}", "check the file and its permissions") from None
    data.setdefault("name", Path(name).stem)
    for override in overrides:
        _set(data, override)
    return checked(validated(Recipe, data, place))


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


def _filled(loss: Any, **open_settings: float) -> Any:
    """A loss with the settings that are still open."""
    return loss.model_copy(update={n: v for n, v in open_settings.items() if getattr(loss, n) is None})


def _read(name: str) -> str:
    if name in presets():
        return resources.files("faqtune").joinpath("recipes", f"{name}.toml").read_text(encoding="utf-8")
    if not Path(name).is_file():
        raise UserError(
            f"there is no recipe `{name}`", f"use one of {', '.join(presets())}, or the path of a TOML file"
        )
    return Path(name).read_text(encoding="utf-8-sig")


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
    """A TOML value; anything that is not one is taken as a string."""
    try:
        return tomllib.loads(f"x = {text}")["x"]
    except tomllib.TOMLDecodeError:
        return text
