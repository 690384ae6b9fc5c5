"""Two models layer by layer: how far each weight moved, whether what was frozen stood still, and what each
layer's change does. Weights are read without torch; activations and putting layers back need it."""

from faqtune.compare.changes import Cell, LayerChange, Reshaped, TensorChange, WeightChanges, compare_weights
from faqtune.compare.frozen import FrozenCheck, check_frozen, declared_frozen
from faqtune.compare.names import EMBEDDING_KINDS, EMBEDDINGS, KINDS, OTHER
from faqtune.compare.sums import Change
from faqtune.compare.tokens import MovedToken

__all__ = [
    "EMBEDDINGS",
    "EMBEDDING_KINDS",
    "KINDS",
    "OTHER",
    "Cell",
    "Change",
    "FrozenCheck",
    "LayerChange",
    "MovedToken",
    "Reshaped",
    "TensorChange",
    "WeightChanges",
    "check_frozen",
    "compare_weights",
    "declared_frozen",
]
