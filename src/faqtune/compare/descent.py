"""Which layers to turn back, and how far: a search over one coefficient per layer, by whatever is measured."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

Coefficients = tuple[float, ...]
"""One per layer, from the bottom up: 0 is the model A, 1 the model B."""

FIRST, FINER = (0.0, 0.5), (0.25, 0.75, 1.0)
"""What every layer is tried at, and what those that were turned back are tried at once more."""

Values = tuple[float, ...]


def descend(
    layers: int,
    value: Callable[[Coefficients], Values],
    forgotten: Callable[[Coefficients], float],
    budget: float,
) -> Coefficients:
    """Coordinate descent from B: the most of `value` (compared as tuples) within the budget of forgetting.

    Every layer is put back alone; those whose change does the most harm are tried first. A coefficient is
    taken over only if the value is strictly higher, so that a layer that does not matter stays B's. While
    the budget is exceeded, what forgets less is better, whatever its value. Greedy: the best of all
    combinations may be another one. Both functions are asked for the same coefficients more than once.
    """
    start: Coefficients = (1.0,) * layers

    def is_better(new: Coefficients, best: Coefficients) -> bool:
        if forgotten(best) > budget:
            return forgotten(new) < forgotten(best)
        return value(new) > value(best) and forgotten(new) <= budget

    def swept(best: Coefficients, order: Iterable[int], tried: Sequence[float]) -> Coefficients:
        for layer in order:
            for coefficient in tried:
                new = turned(best, layer, coefficient)
                if new != best and is_better(new, best):
                    best = new
        return best

    order = sorted(range(layers), key=lambda layer: value(turned(start, layer, 0.0)), reverse=True)
    best = swept(start, order, FIRST)
    return swept(best, [layer for layer in order if best[layer] != 1], FINER)


def most_tried(layers: int) -> int:
    """How many different coefficients `descend` asks for at most.

    >>> most_tried(2)
    13
    """
    return 1 + layers * (1 + len(FIRST) + len(FINER))


def turned(coefficients: Coefficients, layer: int, coefficient: float) -> Coefficients:
    """The same with one layer elsewhere.

    >>> turned((1.0, 1.0), 0, 0.5)
    (0.5, 1.0)
    """
    return (*coefficients[:layer], coefficient, *coefficients[layer + 1 :])
