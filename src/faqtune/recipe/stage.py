"""Recipe and Stage: a way of training is a list of Stages, never a class."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from faqtune.recipe.losses import LEAST, MOST, Losses, Part

FILE_NAME = r'^[^\\/:*?"<>|\x00-\x1f.][^\\/:*?"<>|\x00-\x1f]*$'
"""A recipe's name becomes part of its runs' folders."""

MOST_SEED = 2**63 - 1
"""What TOML, and every generator of random numbers, can hold."""

SOURCES = ("human_labels", "weak_labels", "labels", "catalogue", "dialogues")
"""Where queries come from; what is most precious comes first."""


class Data(Part):
    """Share of each source among the queries of a batch; shares are relative to each other."""

    labels: float = Field(default=0.0, ge=0, le=MOST, title="Customers' queries with the entry decided from Claims")
    human_labels: float = Field(default=0.0, ge=0, le=MOST, title="Only those that people labelled")
    weak_labels: float = Field(default=0.0, ge=0, le=MOST, title="Only those that rules or a language model labelled")
    catalogue: float = Field(
        default=0.0, ge=0, le=MOST, title="A standard question with a sibling, or with its answer if it has none"
    )
    dialogues: float = Field(default=0.0, ge=0, le=MOST, title="A customer's turn with the reply that followed it")
    minimum_confidence: float = Field(default=0.5, ge=0, le=1, title="Labels of machines below are not used")
    minimum_human_confidence: float = Field(default=0.0, ge=0, le=1, title="Labels of people below are not used")
    disturbed: float = Field(
        default=0.0, ge=0, le=1, title="Share of the labelled queries that get one character swapped, lost or doubled"
    )
    most_pairs: int = Field(
        default=0,
        ge=0,
        title="Labels that the stage draws are left out at random until so many pairs are drawn an epoch (each has its "
        "positive, its mined entries and one sentence of noise); 0: all",
    )
    most_negatives: int = Field(
        default=0,
        ge=0,
        title="Of all that a query is compared with in its batch, at most so many are negatives of one positive, "
        "the noise of `online_contrastive` included; texts beyond that are left out at random; 0: all",
    )

    @property
    def shares(self) -> dict[str, float]:
        """Source to share, adding up to 1; sources without a share are left out."""
        given = {source: float(getattr(self, source)) for source in SOURCES}
        total = sum(given.values())
        return {source: share / total for source, share in given.items() if share and share / total}


class Mining(Part):
    """What a round looks at is encoded once with the model as it is; then the hardest are found exactly."""

    every_steps: int = Field(default=100, ge=0, title="Mine anew after so many steps; 0: only at the start")
    at_evaluations: bool = Field(default=False, title="Mine anew after every evaluation as well")
    negatives_per_query: int = Field(
        default=1, ge=0, le=1000, title="Entries per query, each with its nearest question, besides the batch's own"
    )
    negatives_pool: int = Field(
        default=0, ge=0, le=1000, title="They are drawn from so many nearest entries; 0: the nearest themselves"
    )
    queries_per_query: int = Field(
        default=0, ge=0, le=1000, title="Nearest customers' queries of other entries, as further negatives"
    )
    relative_margin: float = Field(
        default=0.95, gt=0, le=1, title="Entries scoring above so much of the label's own may be right: masked"
    )
    near_noise: float = Field(
        default=0.5, ge=0, le=1, title="Share of the batch's noise that is taken from the nearest"
    )
    near_to: Literal["catalogue", "queries"] = Field(
        default="catalogue", title="Near to the catalogue's questions, or to the labelled queries that the stage draws"
    )
    nearest_noise: int = Field(default=0, ge=0, title="So many sentences are the nearest; 0: a tenth of those compared")
    noise_pool: int = Field(
        default=0,
        ge=0,
        title="The nearest are looked for among so many drawn anew, and among all that people named or a language "
        "model wrote; 0: among all",
    )
    above_noise_similarity: float = Field(
        default=-1.0,
        ge=-1,
        le=1,
        title="Near noise is taken only while the mean cosine of noise with the catalogue is above; -1: always",
    )


class Freeze(Part):
    embeddings: bool = Field(default=True, title="Leave the token embeddings as they are")
    lower_layers: int = Field(default=0, ge=0, title="Leave so many layers from the bottom as they are")
    lora_rank: int = Field(
        default=0, ge=0, le=1024, title="Train adapters of this rank (LoRA) in place of weights; 0: off"
    )
    lora_alpha: float = Field(default=16.0, gt=0, le=MOST, title="The adapters count alpha / rank times")


class Heads(Part):
    """Heads of BGE-M3 beside its dense vector, trained in the same steps; off unless one is asked for."""

    sparse: bool = Field(default=False, title="Train `sparse_linear.pt`, the weights of tokens in lexical matching")
    multi_vector: bool = Field(default=False, title="Train `colbert_linear.pt`, the vectors of single tokens")
    weight: float = Field(default=1.0, gt=0, le=MOST, title="Share of the heads' loss in the sum of losses")
    temperature: float = Field(default=0.02, ge=LEAST, title="Scores of all heads are divided by it")
    distillation: float = Field(
        default=1.0,
        ge=0,
        le=MOST,
        title="Weight of learning from the heads' common score, against 1 of the labels; 0: off",
    )

    @property
    def trained(self) -> tuple[str, ...]:
        """Names of the heads that are trained."""
        return tuple(name for name in ("sparse", "multi_vector") if getattr(self, name))


class Stage(Part):
    name: str = Field(default="train", min_length=1, title="How the stage is called in the log")
    data: Data
    losses: Losses
    mining: Mining = Mining()
    freeze: Freeze = Freeze()
    heads: Heads = Heads()
    nested_dimensions: list[Annotated[int, Field(ge=1)]] = Field(
        default=[], title="The losses are applied to so many first numbers of the vectors as well (Matryoshka)"
    )
    batch_queries: int = Field(default=32, ge=2, title="Queries per step, over all sources")
    batch_noise: int = Field(default=16, ge=0, title="Noise sentences per step")
    optimiser: Literal["adamw", "adafactor"] = Field(
        default="adamw", title="adamw, or adafactor, which remembers next to nothing: less memory by twice the weights"
    )
    learning_rate: float = Field(default=2e-5, gt=0, title="Highest learning rate")
    layer_decay: float = Field(
        default=1.0, gt=0, le=1, title="Each layer below the highest learns so much slower than the one above it"
    )
    weight_decay: float = Field(
        default=0.01, ge=0, le=100, title="Pull of weights towards 0; biases and norms are left out"
    )
    warmup_share: float = Field(default=0.1, ge=0, le=1, title="Share of the steps in which the learning rate rises")
    max_gradient_norm: float = Field(default=1.0, gt=0, title="Longer gradients are cut to this length")
    epochs: float = Field(
        default=1.0,
        gt=0,
        le=MOST,
        title="Passes over the labels; without them over the catalogue, or else the dialogues",
    )
    max_steps: int = Field(default=1000, ge=1, title="Most steps, whatever the epochs say")
    larger_batches_above_steps: int = Field(
        default=0,
        ge=0,
        title="A longer stage takes as many queries in fewer steps, at most 8 times as large, the learning rate by the "
        "square root of it; 0: never",
    )
    evaluate_every_steps: int | None = Field(
        default=None, ge=1, title="Measure the model; unset: a fifth of an epoch, 10 to 1000 steps"
    )
    patience: int = Field(default=0, ge=0, title="End the stage after so many evaluations without a better; 0: never")


class Selection(Part):
    metric: str = Field(default="oscr@5", title="Figure on the selection part that the best model has the best of")
    guard: str = Field(default="recall@1", title="Figure that the best model must not lose against the start")
    guard_tolerance: float = Field(
        default=0.02, ge=0, title="How much of the guard may be lost: two points, for one query in fifty is chance"
    )


class Merge(Part):
    """After the last stage: models between the base and the best one."""

    coefficients: list[Annotated[float, Field(ge=0, le=1)]] = Field(
        default=[], title="Share of the tuned model in each mixture that is measured, 0 to 1; empty: no mixing"
    )
    forgetting_budget: float = Field(
        default=0.01, ge=0, title="Loss of AUROC on general text that the chosen mixture may have"
    )


class Recipe(Part):
    name: str = Field(default="unnamed", pattern=FILE_NAME, max_length=60, title="Part of the run's folder name")
    description: str = Field(default="", title="What it is for, in one sentence")
    seed: int = Field(default=0, ge=0, le=MOST_SEED, title="Of every random choice in training")
    micro_batch_tokens: int | None = Field(
        default=None,
        ge=64,
        title="Tokens that go through the encoder at once; unset: up to 2048 on a CPU, 131072 on a GPU",
    )
    graph_tokens: int | None = Field(
        default=None,
        ge=64,
        title="Batches of more tokens are trained with gradient caching, which takes less memory; "
        "unset: what free memory holds, on a CPU at most 8192",
    )
    checkpoint_every_minutes: float = Field(
        default=5.0, ge=0, title="Write a checkpoint at least so often; 0: not by time"
    )
    checkpoint_every_steps: int = Field(
        default=0, ge=0, title="Write a checkpoint after so many steps; 0: not by steps"
    )
    selection: Selection = Selection()
    merge: Merge = Merge()
    stages: list[Stage] = Field(min_length=1)
