"""The next batch, made while a GPU still works on this one."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from faqtune.train.batches import Batch


class BatchesAhead:
    """Batches by step. `make` has to be a pure function of the step, the same for all before `until`.

    A GPU is told what to do long before it has done it. Between that and the first number that is read back the
    processor is free to make the next batch, and to tokenise its texts; made when it is taken, the GPU would wait for
    it. No thread is needed, which would only keep the other from telling the GPU what to do.
    """

    def __init__(self, make: Callable[[int], Batch], tokenise: Callable[[Sequence[str]], object], until: int) -> None:
        self._make, self._tokenise, self._until = make, tokenise, until
        self._made: tuple[int, Batch] | None = None

    def take(self, step: int) -> Batch:
        """The batch of a step, made before or now."""
        made, self._made = self._made, None
        return made[1] if made is not None and made[0] == step else self._make(step)

    def make_ready(self, step: int) -> None:
        """Make the batch of a step, if it is before `until`, and tokenise its texts, which the model remembers."""
        if step < self._until and (self._made is None or self._made[0] != step):
            batch = self._make(step)
            self._tokenise(batch.texts)
            self._made = step, batch
