"""The next batch, made while the device works on this one: a GPU would wait for it."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future
from threading import Thread

from faqtune.model import TextModel
from faqtune.train.batches import Batch


class BatchesAhead:
    """Batches by step, taken in order. `make` has to be a pure function of the step, the same for all before `until`.

    On a GPU the next one is made, and its texts tokenised, in a thread; on a CPU, which has its hands full, when it is
    taken. The batches are the same.
    """

    def __init__(self, make: Callable[[int], Batch], model: TextModel, until: int) -> None:
        self._make, self._model, self._until = make, model, until
        self._next: tuple[int, Future[Batch]] | None = None

    def take(self, step: int) -> Batch:
        """The batch of a step. Raises what making it raises."""
        started, self._next = self._next, None
        batch = started[1].result() if started is not None and started[0] == step else self._make(step)
        if step + 1 < self._until and waits_for_batches(self._model):
            self._next = step + 1, _in_a_thread(self._made_ready, step + 1)
        return batch

    def _made_ready(self, step: int) -> Batch:
        batch = self._make(step)
        self._model.tokenise(batch.texts)  # which remembers them
        return batch


def waits_for_batches(model: TextModel) -> bool:
    return model.device.type == "cuda"


def _in_a_thread(make: Callable[[int], Batch], step: int) -> Future[Batch]:
    made: Future[Batch] = Future()

    def run() -> None:
        try:
            made.set_result(make(step))
        except BaseException as error:  # raised where the batch is taken
            made.set_exception(error)

    # A process that ends waits for none.
    Thread(target=run, name=f"batch of step {step + 1}", daemon=True).start()
    return made
