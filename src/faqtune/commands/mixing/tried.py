"""What mixtures of layers were found to give: kept on disk after each of them, so that a search goes on where it
was interrupted."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from faqtune.compare.descent import Coefficients, Values
from faqtune.errors import UserError
from faqtune.progress import Reporter
from faqtune.stored import read_json, write_json

TRIED_NAME = "layers.json"


@dataclass(slots=True)
class Tried:
    """`values` and `forgotten` by coefficients; `outcome` is what came of it, once it is finished.

    Only what was measured with the same `inputs` (a digest) is read back.
    """

    path: Path
    inputs: str
    values: dict[Coefficients, Values] = field(default_factory=dict)
    forgotten: dict[Coefficients, float] = field(default_factory=dict)
    outcome: dict[str, Any] | None = None

    def save(self) -> None:
        write_json(
            self.path,
            {
                "inputs": self.inputs,
                "values": [[*pair] for pair in self.values.items()],
                "forgotten": [[*pair] for pair in self.forgotten.items()],
                "outcome": self.outcome,
            },
        )


def read_tried(path: Path, inputs: str, *, force: bool) -> Tried:
    """What was measured before. A file that is damaged or of other inputs counts as none: it only saves time."""
    new = Tried(path, inputs)
    if force or not path.exists():
        return new
    try:
        data = read_json(path, "")
        if data["inputs"] != inputs:
            return new
        new.values = {tuple(key): tuple(values) for key, values in data["values"]}
        new.forgotten = {tuple(key): float(value) for key, value in data["forgotten"]}
        new.outcome = data["outcome"]
    except (UserError, KeyError, TypeError, ValueError):
        return Tried(path, inputs)
    return new


def remembering(
    tried: Tried,
    measure: Callable[[Coefficients], Values],
    forget: Callable[[Coefficients], float],
    layers: Sequence[str],
    metric: str,
    most: int,
    reporter: Reporter,
) -> tuple[Callable[[Coefficients], Values], Callable[[Coefficients], float]]:
    """The two functions, each asked once for the same coefficients; `reporter` hears of every mixture."""

    def value(coefficients: Coefficients) -> Values:
        if coefficients not in tried.values:
            tried.values[coefficients] = found = measure(coefficients)
            tried.save()
            reporter.say(f"    {in_words(layers, coefficients)}: {metric} {found[0]:.3f}, recall@1 {found[1]:.3f}")
            reporter.advance("mixtures measured", min(len(tried.values), most - 1), most)
        return tried.values[coefficients]

    def forgotten(coefficients: Coefficients) -> float:
        if coefficients not in tried.forgotten:
            tried.forgotten[coefficients] = forget(coefficients)
            tried.save()
        return tried.forgotten[coefficients]

    return value, forgotten


def in_words(layers: Sequence[str], coefficients: Sequence[float]) -> str:
    """
    >>> in_words(["embeddings", "layer 0", "layer 1"], (1, 0.5, 0)), in_words(["layer 0"], (1.0,))
    ('layer 0 at 0.5, layer 1 at 0', 'the tuned model')
    """
    turned = [
        f"{layer} at {coefficient:g}"
        for layer, coefficient in zip(layers, coefficients, strict=True)
        if coefficient != 1
    ]
    return ", ".join(turned) or "the tuned model"
