"""A process that forks pairs of ranks: `python rank.py MODEL SHOP.json RECIPE.json`.

A pair does one scenario after the other, inside one process group, and rank 0 writes what came out to
`FOLDER/SCENARIO.pt`. The tests import this file, too, to do the same in one process.
"""

from __future__ import annotations

import copy
import hashlib
import importlib.util
import json
import os
import signal
import socket
import sys
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any
from unittest import mock

import torch

from faqtune.model import TextModel, attach_heads, freeze, load
from faqtune.processes import LAUNCHER, place
from faqtune.recipe import Heads, Losses, Mining, Recipe
from faqtune.train import TrainingData, engine, ranks, sending, shares, stage, train
from faqtune.train import heads as heads_module
from faqtune.train.batches import batch_at
from faqtune.train.engine import learn
from faqtune.train.heads import learn_with_heads
from faqtune.train.mining import mine
from faqtune.train.optimiser import make_optimiser, optimiser_tensors, update

LOSSES = Losses.model_validate(
    {
        "ranking": {"weight": 1.0, "temperature": 0.1},
        "rejection": {"weight": 0.5, "temperature": 0.1},
        "near_rejection": {"weight": 0.25, "temperature": 0.2, "near_cosine": 0.95},
        "noise_ceiling": {"weight": 2.0, "ceiling_cosine": 0.2},
    }
)
STEPS, RATE = 3, 1e-4
DEALT = ("even", "idle")
WAYS = [(way, graph_tokens, dealt) for way, graph_tokens in (("cached", 1), ("one-graph", 100_000)) for dealt in DEALT]
ENGINE: dict[str, tuple[str, int, str]] = {
    f"{part}, {way}, {dealt}": (part, graph_tokens, dealt)
    for part in ("frozen", "unfrozen", "with heads", "adafactor")
    for way, graph_tokens, dealt in WAYS
}
"""What is special: embeddings are frozen or not, BGE-M3's other heads are trained, too, or Adafactor learns; whether
gradients are cached, and whether rank 0 gets no texts at all."""


def steps(
    model: TextModel,
    data: TrainingData,
    recipe: Recipe,
    part: str,
    graph_tokens: int,
    dealt: str,
) -> dict[str, Any]:
    """Some optimiser steps without a training around them: losses, norms, weights and what the optimiser remembers."""
    with_heads = part == "with heads"
    stage = recipe.stages[0].model_copy(update={"optimiser": "adafactor" if part == "adafactor" else "adamw"})
    mined, _ = mine(model, data, Mining(negatives_per_query=1))
    freeze(model, embeddings=part == "frozen")
    heads = Heads(sparse=True, multi_vector=True, temperature=0.1)
    if with_heads:
        attach_heads(model, 5)
        model.requires_grad_(True)
    optimiser = make_optimiser(model, stage)
    found: dict[str, Any] = {"losses": [], "norms": []}
    with ExitStack() as patched:
        if dealt == "idle":
            for module in (engine, heads_module):
                patched.enter_context(mock.patch.object(module, "stretches", all_to_the_last))
        for step in range(STEPS):
            batch = batch_at(data, stage, mined, 3, 1, step)
            if with_heads:
                loss = learn_with_heads(model, batch, LOSSES, heads, 200, graph_tokens)
            else:
                loss = learn(model, batch, LOSSES, 200, graph_tokens)
            found["losses"].append(loss.total)
            found["norms"].append(update(optimiser, RATE, 1.0))
    return found | {"weights": weights(model), "optimiser": optimiser_tensors(optimiser)}


def all_to_the_last(lengths: Sequence[int], count: int) -> list[list[int]]:
    return [*([] for _ in range(count - 1)), shares.stretches(lengths, 1)[0]]


def weights(model: TextModel) -> dict[str, torch.Tensor]:
    """Without the keys' biases: softmax does not see them, so their gradient is 0 but for the last bits, of which
    AdamW makes a step as large as any."""
    return {
        name: parameter.detach().clone()
        for name, parameter in model.named_parameters()
        if not name.endswith("key.bias")
    }


def digest(tensors: dict[str, torch.Tensor]) -> str:
    return hashlib.sha256(b"".join(tensor.numpy().tobytes() for tensor in tensors.values())).hexdigest()


class Listener:
    """Does `on_step` after a step, and keeps notes."""

    def __init__(self, on_step: Callable[[int], None] = lambda step: None) -> None:
        self.on_step = on_step
        self.notes: list[str] = []

    def stage_started(self, *told: object) -> None: ...
    def settled(self, *told: object) -> None: ...
    def measured(self, *told: object) -> None: ...
    def mined(self, *told: object) -> None: ...

    def stepped(self, stage: object, number: int, step: int, loss: object) -> None:
        self.on_step(step)

    def noted(self, text: str) -> None:
        self.notes.append(text)


def whole(model: TextModel, data: TrainingData, recipe: Recipe, folder: Path, listener: Listener) -> dict[str, Any]:
    """A training in `folder`."""
    folder.mkdir(exist_ok=True, parents=True)
    outcome = train(model, data, recipe, folder, victim().measure_by(data), listener)
    events = [{name: value for name, value in e.items() if name != "seconds"} for e in outcome.history]
    return {
        "status": outcome.status, "best_step": outcome.best_step, "weights": weights(model), "log": events,
        "notes": listener.notes,
    }  # fmt: skip


def with_adapters(recipe: Recipe) -> Recipe:
    """Two stages: LoRA adapters, then everything with Adafactor."""
    content = recipe.model_dump()
    first = content["stages"][0]
    lora = {"freeze": {"lora_rank": 4}, "max_steps": 3}
    then = {"name": "then", "max_steps": 2, "optimiser": "adafactor"}
    return Recipe.model_validate(content | {"stages": [first | lora, first | then]})


def interrupted(model: TextModel, data: TrainingData, recipe: Recipe, folder: Path) -> dict[str, Any]:
    """Ctrl-C on the last rank only."""
    is_last = ranks.number() == ranks.count() - 1
    return whole(
        model, data, recipe, folder, Listener(lambda step: is_last and step == 3 and signal.raise_signal(signal.SIGINT))
    )


def too_little_memory(model: TextModel, data: TrainingData, recipe: Recipe, folder: Path) -> dict[str, Any]:
    """On the last rank, for more than 128 tokens at once while it learns."""
    embed = model.embed_ids

    def small(ids: Sequence[Sequence[int]]) -> torch.Tensor:
        if not torch.is_inference_mode_enabled() and sum(map(len, ids)) > 128:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return embed(ids)

    if ranks.number() == ranks.count() - 1:
        model.embed_ids = small  # type: ignore[method-assign]
    return whole(model, data, recipe, folder, Listener())


def too_little_memory_for_a_table(model: TextModel, data: TrainingData, recipe: Recipe, folder: Path) -> dict[str, Any]:
    """On the last rank, once, where the gradient of the token embeddings becomes as large as they are."""
    to_dense = torch.Tensor.to_dense
    failed: list[int] = []

    def small(gradient: torch.Tensor) -> torch.Tensor:
        if not failed:
            failed.append(1)
            raise torch.OutOfMemoryError("CUDA out of memory")
        return to_dense(gradient)

    stage = recipe.stages[0].model_dump() | {"freeze": {"embeddings": False}}
    recipe = Recipe.model_validate(recipe.model_dump() | {"stages": [stage]})
    with ExitStack() as patched:
        if ranks.number() == ranks.count() - 1:
            patched.enter_context(mock.patch.object(torch.Tensor, "to_dense", small))
        return whole(model, data, recipe, folder, Listener()) | {"failed": ranks.of_all(len(failed))}


def too_little_memory_to_gather(model: TextModel, data: TrainingData, recipe: Recipe, folder: Path) -> dict[str, Any]:
    """On the last rank, once, where it makes room for the vectors of all."""
    room, failed = sending.room_for_rows, []

    def small(*given: Any) -> Any:
        if not failed and not torch.is_inference_mode_enabled() and given[0].dtype == torch.float32 and learning:
            failed.append(1)
            raise torch.OutOfMemoryError("CUDA out of memory")
        return room(*given)

    learning: list[int] = []
    with ExitStack() as patched:
        if ranks.number() == ranks.count() - 1:
            patched.enter_context(mock.patch.object(sending, "room_for_rows", small))
        return whole(model, data, recipe, folder, Listener(learning.append)) | {"failed": ranks.of_all(len(failed))}


def failing_together(model: TextModel, data: TrainingData, recipe: Recipe, folder: Path) -> dict[str, Any]:
    """Too little main memory on the last rank, for the next batch, inside of what is done together."""

    def small(*given: Any) -> Any:
        if ranks.number() == ranks.count() - 1 and given[-1] == 2:
            raise MemoryError
        return batch_at(*given)

    with mock.patch.object(stage, "batch_at", small):
        return whole(model, data, recipe, folder, Listener())


def failing(model: TextModel, data: TrainingData, recipe: Recipe, folder: Path) -> dict[str, Any]:
    """An error on the last rank, outside of what is done together."""

    def fail(step: int) -> None:
        if ranks.number() == ranks.count() - 1 and step == 2:
            raise ValueError("this rank has had enough")

    return whole(model, data, recipe, folder, Listener(fail))


def killed(model: TextModel, data: TrainingData, recipe: Recipe, folder: Path) -> dict[str, Any]:
    def die(step: int) -> None:
        if ranks.number() == ranks.count() - 1 and step == 2:
            os.kill(os.getpid(), signal.SIGKILL)

    return whole(model, data, recipe, folder, Listener(die))


def _free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


def victim() -> Any:
    """The module beside this one that knows a shop in JSON and how to measure it."""
    return beside("victim")


def beside(name: str) -> Any:
    spec = importlib.util.spec_from_file_location(name, Path(__file__).with_name(f"{name}.py"))
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def do(scenario: str, model: TextModel, data: TrainingData, recipe: Recipe, folder: Path) -> dict[str, Any]:
    if scenario == "search":
        return beside("searcher").search_alone(data)  # type: ignore[no-any-return]
    if scenario in ENGINE:
        return steps(model, data, recipe, *ENGINE[scenario])
    if scenario == "adapters":
        recipe = with_adapters(recipe)
    if scenario.endswith("apart") and not ranks.is_writer():
        folder = folder / "another disk"
    if scenario.endswith("launcher"):
        os.environ[LAUNCHER] = str(os.getppid())
    if scenario.startswith(("whole", "resumed", "adapters")):
        return whole(model, data, recipe, folder / scenario.removeprefix("resumed "), Listener())
    acts = {
        "too little memory": too_little_memory, "too little for a table": too_little_memory_for_a_table,
        "too little to gather": too_little_memory_to_gather, "failing": failing, "killed": killed,
        "failing together": failing_together, "failing together under a launcher": failing_together,
    }  # fmt: skip
    return acts.get(scenario, interrupted)(model, data, recipe, folder / scenario)


def serve(model_folder: str, shop: str, recipe: str) -> None:
    """For each line on stdin, a list of a folder and scenarios, fork two ranks and print their exit statuses.

    Forking spares the import of torch, which takes longer than all they do.
    """
    torch.set_num_threads(1)
    data = victim().read_shop(Path(shop))
    plan = Recipe.model_validate_json(Path(recipe).read_text(encoding="utf-8"))
    model = load(model_folder, max_length_tokens=64, device="cpu", precision="float32")
    for line in sys.stdin:
        folder, *scenarios = json.loads(line)
        os.environ |= {"WORLD_SIZE": "2", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(_free_port())}
        children = []
        for number in range(2):
            if not (child := os.fork()):
                os.environ["RANK"] = str(number)
                os._exit(run(model, data, plan, Path(folder), scenarios))
            children.append(child)
        print([os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) for child in children], flush=True)


def run(model: TextModel, data: TrainingData, recipe: Recipe, folder: Path, scenarios: Sequence[str]) -> int:
    """All scenarios in one process group; the exit code, with what there is to say in `FOLDER/RANK.txt`."""
    said = (folder / f"{place().number}.txt").open("w", encoding="utf-8")
    try:
        with ranks.joined(place()):
            for scenario in scenarios:
                found = do(scenario, copy.deepcopy(model, {id(model.tokenizer): model.tokenizer}), data, recipe, folder)
                every = ranks.of_all(digest(found["weights"]))
                if ranks.is_writer():
                    torch.save(found | {"every": every}, folder / f"{scenario}.pt")
    except SystemExit as end:
        return int(end.code or 0)
    except BaseException as error:
        said.write(repr(error))
        return 1
    finally:
        said.close()
    return 0


if __name__ == "__main__":
    serve(*sys.argv[1:])
