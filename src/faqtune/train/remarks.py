"""What is said once where a stage begins, because the recipe alone would make one expect something else."""

from __future__ import annotations

from collections.abc import Iterator

from faqtune.recipe import Stage


def nested_below(stage: Stage, width: int) -> list[int]:
    """The stage's nested dimensions that a model has whose vectors are `width` numbers long."""
    return [length for length in stage.nested_dimensions if length < width]


def remarks(stage: Stage, number: int, width: int) -> Iterator[str]:
    """Notes of the stage with this number, for a model whose vectors are `width` numbers long."""
    place = f"stage {number} ({stage.name})"
    kept = nested_below(stage, width)
    if left_out := [length for length in stage.nested_dimensions if length not in kept]:
        rest = ", ".join(map(str, kept)) if kept else "none"
        yield (
            f"{place}: this model's vectors are {width} numbers long, so of nested_dimensions "
            f"{', '.join(map(str, left_out))} {'is' if len(left_out) == 1 else 'are'} left out; trained on besides the "
            f"whole: {rest}"
        )
