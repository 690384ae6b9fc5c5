"""A way of training is a list of Stages. Adding one is adding a TOML file, never a class."""

from faqtune.recipe.losses import Losses
from faqtune.recipe.read import NEED_NOISE, checked, listed, load_recipe, presets, refuse_unknown_figure
from faqtune.recipe.stage import SOURCES, Data, Freeze, Heads, Merge, Mining, Recipe, Selection, Stage

__all__ = [
    "NEED_NOISE",
    "SOURCES",
    "Data",
    "Freeze",
    "Heads",
    "Losses",
    "Merge",
    "Mining",
    "Recipe",
    "Selection",
    "Stage",
    "checked",
    "listed",
    "load_recipe",
    "presets",
    "refuse_unknown_figure",
]
