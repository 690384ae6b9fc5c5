"""What can be told from the data alone, before a model is loaded: stages that have nothing to learn from."""

from __future__ import annotations

from faqtune.errors import UserError
from faqtune.recipe import NEED_NOISE, Recipe
from faqtune.train.data import TrainingData
from faqtune.train.draws import queries_per_step, usable


def refuse_empty_stages(recipe: Recipe, data: TrainingData) -> None:
    """Refuse before anything has begun what no model could learn from. Raises UserError."""
    if not len(data.catalogue):
        raise UserError("no entry of the catalogue is left to train on", "lower split.held_out_entries in faqtune.toml")
    for number, stage in enumerate(recipe.stages, start=1):
        place = f"stage {number} ({stage.name})"
        if not queries_per_step(stage, usable(stage, data, recipe.seed)):
            raise UserError(
                f"{place} has nothing to learn from: no "
                f"{' and no '.join(source.replace('_', ' ') for source in stage.data.shares)} in the training part",
                "give it a share of the hand labels: set human_labels_for_training = 0.5 under [split] in "
                "faqtune.toml and run `faqtune split` again; where there are none yet, `faqtune annotate` first"
                if set(stage.data.shares) == {"human_labels"}
                else "label more (`faqtune label`), lower minimum_confidence, or give another source a share",
            )
        if not data.noise and set(stage.losses.active) <= set(NEED_NOISE):
            raise UserError(
                f"{place}: {stage.losses.active[0]} needs noise, and there is none",
                "add chatter, or add a ranking loss",
            )
