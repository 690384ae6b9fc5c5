"""Two processes that train one model do what one does; how they start is the business of tests/commands."""

from __future__ import annotations

import importlib.util
import json
import os
import random
import re
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest
import torch

from faqtune.errors import UserError
from faqtune.model import TextModel
from faqtune.processes import Place, place
from faqtune.recipe import Recipe
from faqtune.train import TrainingData, ranks
from faqtune.train.shards import owners
from faqtune.train.shares import stretches

WORKER = Path(__file__).with_name("rank.py")
spec = importlib.util.spec_from_file_location("rank", WORKER)
assert spec is not None and spec.loader is not None
rank = importlib.util.module_from_spec(spec)
spec.loader.exec_module(rank)

pytestmark = [
    pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork"),
    # What the two ranks do is done once, not by each worker of a test run.
    pytest.mark.xdist_group("ranks"),
]

APART = ("interrupted apart", "resumed interrupted apart")
TRAININGS = (
    "search",
    "whole",
    "adapters",
    "interrupted",
    "resumed interrupted",
    "too little memory",
    "too little for a table",
    "too little to gather",
    *APART,
)


class Pairs:
    """Two ranks on the CPU (see rank.py), and the same work done by one."""

    def __init__(self, process: subprocess.Popen[str], alone: Callable[[str, Path], dict[str, Any]], root: Path):
        self.process, self.alone, self.root = process, alone, root

    def run(self, folder: Path, *scenarios: str) -> tuple[list[int], list[str]]:
        """Exit statuses of the two, and what each had to say."""
        assert self.process.stdin is not None and self.process.stdout is not None
        self.process.stdin.write(json.dumps([str(folder), *scenarios]) + "\n")
        self.process.stdin.flush()
        codes: list[int] = json.loads(self.process.stdout.readline())
        return codes, [(folder / f"{number}.txt").read_text(encoding="utf-8") for number in range(2)]


@pytest.fixture(scope="module")
def pairs(
    fresh: Callable[[], TextModel],
    tiny_model_folder: Path,
    shop: TrainingData,
    recipe_of: Callable[..., Recipe],
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Pairs]:
    root = tmp_path_factory.mktemp("ranks")
    recipe = recipe_of(learning_rate=1e-4, freeze={"embeddings": False})
    files = [root / "shop.json", root / "recipe.json"]
    for file, text in zip(files, (json.dumps(asdict(shop)), recipe.model_dump_json()), strict=True):
        file.write_text(text, encoding="utf-8")
    process = subprocess.Popen(
        [sys.executable, str(WORKER), str(tiny_model_folder), *map(str, files)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env=os.environ | {"OMP_NUM_THREADS": "1", "TOKENIZERS_PARALLELISM": "false"},
    )
    yield Pairs(process, lambda scenario, folder: rank.do(scenario, fresh(), shop, recipe, folder), root)
    process.communicate(timeout=30)
    assert process.returncode == 0


@pytest.fixture(scope="module")
def together(pairs: Pairs) -> Callable[[str], dict[str, Any]]:
    """What two ranks made of a scenario."""
    codes, said = pairs.run(pairs.root, *rank.ENGINE, *TRAININGS)
    assert codes == [0, 0], said
    return lambda scenario: torch.load(pairs.root / f"{scenario}.pt", weights_only=False)


def agree(left: dict[str, torch.Tensor], right: dict[str, torch.Tensor]) -> None:
    assert left.keys() == right.keys() and left
    for name, tensor in left.items():
        torch.testing.assert_close(tensor, right[name], atol=1e-5, rtol=1e-5, msg=name)


@pytest.mark.parametrize("scenario", rank.ENGINE)
def test_two_ranks_learn_what_one_does(
    pairs: Pairs, together: Callable[[str], dict[str, Any]], tmp_path: Path, scenario: str
):
    one, both = pairs.alone(scenario, tmp_path), together(scenario)
    assert both["losses"] == pytest.approx(one["losses"], abs=1e-5)
    assert both["norms"] == pytest.approx(one["norms"], rel=1e-5)
    agree(both["weights"], one["weights"])


@pytest.mark.parametrize("scenario", rank.ENGINE)
def test_rank_0_gets_all_that_the_ranks_remember(
    pairs: Pairs, together: Callable[[str], dict[str, Any]], tmp_path: Path, scenario: str
):
    one, both = pairs.alone(scenario, tmp_path)["optimiser"], together(scenario)["optimiser"]
    assert both.keys() == one.keys() and len(one) > 0
    for name, tensor in one.items():
        assert both[name].shape == tensor.shape and both[name].dtype == tensor.dtype
        torch.testing.assert_close(both[name], tensor, atol=1e-6, rtol=1e-3, msg=name)


@pytest.mark.parametrize("scenario", [*rank.ENGINE, *TRAININGS])
def test_all_ranks_end_with_the_same_weights_to_the_bit(together: Callable[[str], dict[str, Any]], scenario: str):
    first, second = together(scenario)["every"]
    assert first == second


def test_two_ranks_mine_what_one_does_to_the_bit(
    pairs: Pairs, together: Callable[[str], dict[str, Any]], tmp_path: Path
):
    """Each compares half of the blocks."""
    one, both = pairs.alone("search", tmp_path), together("search")
    assert both["weights"].keys() == one["weights"].keys()
    for name, found in one["weights"].items():
        assert found.numel() and torch.equal(both["weights"][name], found), name
    assert both["figures"] == one["figures"]


@pytest.mark.parametrize("scenario", ["whole", "adapters"])
def test_a_training_by_two_is_that_of_one(
    pairs: Pairs, together: Callable[[str], dict[str, Any]], tmp_path: Path, scenario: str
):
    one, both = pairs.alone(scenario, tmp_path), together(scenario)
    assert both["status"] == one["status"] == "done" and both["best_step"] == one["best_step"]
    agree(both["weights"], one["weights"])
    assert [event["event"] for event in both["log"]] == [event["event"] for event in one["log"]]
    losses = [[event["loss"] for event in run["log"] if event["event"] == "step"] for run in (one, both)]
    assert losses[1] == pytest.approx(losses[0], abs=1e-4)


def test_ctrl_c_on_one_rank_stops_all_after_the_same_step(together: Callable[[str], dict[str, Any]]):
    found = together("interrupted")
    assert found["status"] == "interrupted"
    assert [event["step"] for event in found["log"] if event["event"] == "step"] == [1, 2, 3]


def test_two_go_on_where_two_were_interrupted(together: Callable[[str], dict[str, Any]]):
    resumed, undisturbed = together("resumed interrupted"), together("whole")
    assert resumed["status"] == "done" and resumed["log"] == undisturbed["log"]
    assert all(torch.equal(w, undisturbed["weights"][name]) for name, w in resumed["weights"].items())


def test_on_two_machines_only_the_disk_of_the_first_is_needed(pairs: Pairs, together: Callable[[str], dict[str, Any]]):
    """The second one's holds nothing of the run, before and after."""
    resumed, undisturbed = together("resumed interrupted apart"), together("whole")
    assert together("interrupted apart")["status"] == "interrupted" and resumed["log"] == undisturbed["log"]
    assert all(torch.equal(w, undisturbed["weights"][name]) for name, w in resumed["weights"].items())
    other = pairs.root / "another disk"
    assert [path for path in other.rglob("*") if not path.is_dir()] == [] and other.is_dir()


def test_one_goes_on_where_two_were_interrupted_and_two_where_one_was(
    pairs: Pairs, together: Callable[[str], dict[str, Any]], tmp_path: Path
):
    undisturbed = together("whole")
    assert pairs.run(tmp_path, "interrupted")[0] == [0, 0]
    agree(pairs.alone("resumed interrupted", tmp_path)["weights"], undisturbed["weights"])

    other = tmp_path / "other"
    other.mkdir()
    assert pairs.alone("interrupted", other)["status"] == "interrupted"
    assert pairs.run(other, "resumed interrupted")[0] == [0, 0]
    agree(torch.load(other / "resumed interrupted.pt", weights_only=False)["weights"], undisturbed["weights"])


def test_memory_that_is_too_small_on_one_rank_is_halved_on_all(together: Callable[[str], dict[str, Any]]):
    found, undisturbed = together("too little memory"), together("whole")
    assert found["status"] == "done"
    # Half of the half that a rank has, and half of that again, until it is 128 or less.
    assert 64 < int(re.findall(r"(\d+) tokens at once", found["notes"][-1])[0]) <= 128
    agree(found["weights"], undisturbed["weights"])


def test_memory_that_is_too_small_to_gather_is_halved_on_all(together: Callable[[str], dict[str, Any]]):
    """The other rank waited for half an hour."""
    found = together("too little to gather")
    assert found["failed"] == [0, 1], "on the last rank"
    assert found["status"] == "done" and "tokens at once" in found["notes"][-1]
    agree(found["weights"], together("whole")["weights"])


def test_memory_that_is_too_small_where_gradients_become_dense_is_halved_on_all(
    together: Callable[[str], dict[str, Any]],
):
    """The other rank waited for half an hour."""
    found = together("too little for a table")
    assert found["failed"] == [0, 1], "on the last rank"
    assert found["status"] == "done" and "tokens at once" in found["notes"][-1]


def test_an_error_on_one_rank_ends_all_and_is_told_once(pairs: Pairs, tmp_path: Path):
    codes, said = pairs.run(tmp_path, "failing")
    assert all(codes) and said == ["", "ValueError('this rank has had enough')"]


@pytest.mark.parametrize("again", range(3))
@pytest.mark.parametrize("scenario", ["failing together", "failing together under a launcher"])
def test_the_rank_that_knows_why_is_the_one_that_says_so(pairs: Pairs, tmp_path: Path, scenario: str, again: int):
    """Which of the two was first was a matter of luck, and where that was the other one nobody ever knew."""
    codes, said = pairs.run(tmp_path, scenario)
    assert all(codes) and said[0] == "" and "there is not enough memory" in said[1]


def test_a_killed_rank_ends_all_and_is_told_by_the_other(pairs: Pairs, tmp_path: Path):
    codes, said = pairs.run(tmp_path, "killed")
    assert codes == [1, -signal.SIGKILL] and "another process of this training has ended" in said[0]


def test_alone_nobody_is_asked():
    assert (ranks.count(), ranks.number(), ranks.is_writer()) == (1, 0, True)
    assert ranks.same({"a": 1}) == {"a": 1} and ranks.of_all(3) == [3]
    assert ranks.agreed(False, True) == [False, True]


def test_every_text_is_in_one_stretch_and_stretches_are_even():
    draw = random.Random(0)
    lengths = [draw.randint(3, 60) for _ in range(200)]
    for count in (1, 2, 3, 8):
        found = stretches(lengths, count)
        assert sorted(place for stretch in found for place in stretch) == list(range(200))
        tokens = [sum(lengths[place] for place in stretch) for stretch in found]
        assert max(tokens) - min(tokens) <= 2 * max(lengths)
        in_order = [lengths[place] for stretch in found for place in stretch]
        assert in_order == sorted(lengths)
    assert stretches([5], 2) == [[], [0]]


def test_parameters_are_spread_evenly():
    sizes = [256, 8, 64, 64, 8, 128, 32, 8]
    found = owners(sizes, 2)
    assert abs(sum(s if o else -s for s, o in zip(sizes, found, strict=True))) <= 16
    assert owners(sizes, 1) == [0] * len(sizes)


@pytest.mark.parametrize(
    ("environment", "found"),
    [
        ({}, Place()),
        ({"WORLD_SIZE": "1"}, Place()),
        ({"WORLD_SIZE": "4", "RANK": "3", "LOCAL_RANK": "1"}, Place(3, 4, 1)),
        ({"WORLD_SIZE": "4", "RANK": "3"}, Place(3, 4, 3)),
    ],
)
def test_the_place_is_read_from_the_environment(
    monkeypatch: pytest.MonkeyPatch, environment: dict[str, str], found: Place
):
    settle(monkeypatch, environment)
    assert place() == found


@pytest.mark.parametrize(
    ("environment", "message"),
    [
        ({"WORLD_SIZE": "2"}, "RANK"),
        ({"WORLD_SIZE": "2", "RANK": "2"}, "RANK is 2, but WORLD_SIZE is 2"),
        ({"WORLD_SIZE": "two"}, "two"),
    ],
)
def test_half_an_environment_is_refused(monkeypatch: pytest.MonkeyPatch, environment: dict[str, str], message: str):
    settle(monkeypatch, environment)
    with pytest.raises(UserError, match=message):
        place()


def settle(monkeypatch: pytest.MonkeyPatch, environment: dict[str, str]) -> None:
    for name in ("WORLD_SIZE", "RANK", "LOCAL_RANK"):
        monkeypatch.delenv(name, raising=False)
    for name, value in ({"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": "1"} | environment).items():
        monkeypatch.setenv(name, value)
