"""The figures of faqtune as an evaluator of sentence-transformers, for trainings that faqtune does not run."""

from __future__ import annotations

import csv
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import numpy as np
from sentence_transformers.sentence_transformer.evaluation import SentenceEvaluator

from faqtune.encoder import Vectors
from faqtune.errors import UserError
from faqtune.evaluate import EvaluationSet, Negative, Positive, evaluate, point_figures
from faqtune.recipe import refuse_unknown_figure
from faqtune.records import Catalogue, Entry
from faqtune.scorecard import is_better_lower, stratum_named

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer
    from sentence_transformers.base.model import BaseModel

PRIMARY = ("oscr@5", "auroc", "recall@1")
"""The first of these that the data supports decides which model is best: ranking and rejection at once, if there is
enough noise."""


class OpenSetEvaluator(SentenceEvaluator):
    """Ranking, rejection and both at once of a SentenceTransformer, by the names of a scorecard (docs/figures.md).

    Give it to `SentenceTransformerTrainer(evaluator=…)`, or call it with a model: it returns every figure without
    intervals, each as `<name>_<figure>` where it has a name, and adds a line to `<name>_open_set.csv` if there is an
    output folder. `primary`: the figure that decides; unset: the first of `PRIMARY` that there is. Raises UserError for
    a figure that is none, or that the data do not give. `prompt_name` as in `SentenceTransformer.encode`, for queries,
    noise and questions alike.
    """

    def __init__(
        self,
        data: EvaluationSet,
        name: str = "",
        *,
        primary: str = "",
        batch_size: int = 32,
        prompt_name: str | None = None,
        write_csv: bool = True,
    ) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        if primary:
            refuse_unknown_figure("primary", primary)
        self.data, self.name, self.primary = data, name, primary
        self.greater_is_better = not is_better_lower(primary)
        self.batch_size, self.prompt_name, self.write_csv = batch_size, prompt_name, write_csv

    @classmethod
    def from_texts(
        cls,
        catalogue: Mapping[str, str | Sequence[str]],
        queries: Sequence[tuple[str, str]],
        noise: Mapping[str, str | Sequence[str]] | None = None,
        name: str = "",
        **settings: Any,
    ) -> OpenSetEvaluator:
        """From plain texts: `catalogue` maps entry ids to their question or questions, `queries` are (text, entry id),
        `noise` maps strata (chatter, other_domain, unsupported, garbage) to sentences. Raises UserError for an entry
        that is not in the catalogue, ValueError for an unknown stratum."""
        entries = tuple(Entry(id_, _several(questions), "") for id_, questions in catalogue.items())
        negatives = tuple(
            Negative(text, stratum_named(stratum))
            for stratum, texts in (noise or {}).items()
            for text in _several(texts)
        )
        positives = tuple(Positive(text, entry) for text, entry in queries)
        return cls(EvaluationSet(positives, negatives, Catalogue(entries), name or "texts"), name, **settings)

    def __call__(
        self, model: BaseModel, output_path: str | None = None, epoch: int = -1, steps: int = -1
    ) -> dict[str, float]:
        """All figures that the data supports; see the class."""
        # The base class speaks of any model; this evaluator is for those that encode texts.
        encoder = _Encoding(cast("SentenceTransformer", model), self.batch_size, self.prompt_name)
        figures = {name: value for name, value in point_figures(evaluate(encoder, self.data)).items() if _is_one(value)}
        if self.primary and self.primary not in figures:
            raise UserError(f"these data give no {self.primary}", f"choose another primary: {', '.join(figures)}")
        self.primary_metric = self.primary or next(name for name in PRIMARY if name in figures)
        if output_path is not None and self.write_csv:
            self._append(Path(output_path), figures, epoch, steps)
        metrics: dict[str, float] = self.prefix_name_to_metrics(figures, self.name)
        self.store_metrics_in_model_card_data(model, metrics, epoch, steps)
        return metrics

    @property
    def description(self) -> str:
        return "Open-Set Retrieval"

    def get_config_dict(self) -> dict[str, Any]:
        """What the model card says of this evaluator."""
        return {"digest": self.data.digest(), "queries": len(self.data.positives), "noise": len(self.data.negatives)}

    def _append(self, folder: Path, figures: dict[str, float], epoch: int, steps: int) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / f"{self.name + '_' if self.name else ''}open_set.csv"
        is_new = not path.exists()
        with path.open("a", newline="", encoding="utf-8") as file:
            table = csv.writer(file)
            if is_new:
                table.writerow(["epoch", "steps", *figures])
            table.writerow([epoch, steps, *figures.values()])


class _Encoding:
    """A SentenceTransformer as an Encoder."""

    def __init__(self, model: SentenceTransformer, batch_size: int, prompt_name: str | None) -> None:
        self.model, self.batch_size, self.prompt_name = model, batch_size, prompt_name

    @property
    def name(self) -> str:
        return "model"

    def encode(self, texts: Sequence[str]) -> Vectors:
        vectors = self.model.encode(
            list(texts),
            batch_size=self.batch_size,
            prompt_name=self.prompt_name,
            normalize_embeddings=True,
            convert_to_numpy=True,
            show_progress_bar=False,
        )
        return np.asarray(vectors, dtype=np.float32)


def _several(texts: str | Sequence[str]) -> tuple[str, ...]:
    return (texts,) if isinstance(texts, str) else tuple(texts)


def _is_one(value: float) -> bool:
    return not math.isnan(value)
