"""Every preset on the shipped sample shop with the built-in model, cut to a few steps: what a newcomer runs."""

from __future__ import annotations

import json
import math
import re
import shutil
from collections.abc import Callable
from importlib import resources
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from faqtune import Workspace, ingest_files, init_project, label_queries, make_split
from faqtune.commands.tune import SAMPLE_FILES
from faqtune.recipe import load_recipe, presets

Run = Callable[..., tuple[int, str, str]]

pytestmark = pytest.mark.slow
STEPS = 2


@pytest.fixture(scope="module")
def sample(builtin_model_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The sample shop, labelled and split as `faqtune demo` does it; nothing is trained."""
    folder = tmp_path_factory.mktemp("sample") / "shop"
    folder.mkdir()
    for name in SAMPLE_FILES:
        content = resources.files("faqtune").joinpath("sample", name).read_bytes()
        (folder / name).write_bytes(content)
    workspace = Workspace(folder)
    faq, logs, chatter, gold = (folder / name for name in SAMPLE_FILES)
    init_project(workspace, (faq, logs), noise=(chatter,), gold=(gold,), model="builtin", recipe="quick")
    ingest_files(workspace)
    label_queries(workspace)
    make_split(workspace)
    return folder


@pytest.fixture(scope="module")
def shared(sample: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy in which half of the hand labels train."""
    folder = Path(shutil.copytree(sample, tmp_path_factory.mktemp("shared") / "shop"))
    _give_training_a_share(folder, 0.5)
    make_split(Workspace(folder))
    return folder


def _give_training_a_share(folder: Path, share: float) -> None:
    path = Workspace(folder).config_path
    text, count = re.subn(
        r"(?m)^# human_labels_for_training = .*$", f"human_labels_for_training = {share}", path.read_text("utf-8")
    )
    assert count == 1
    path.write_text(text, "utf-8")


def _few_steps(recipe: str) -> list[str]:
    numbers = range(1, len(load_recipe(recipe).stages) + 1)
    keys = ("max_steps", "evaluate_every_steps")
    return [part for n in numbers for key in keys for part in ("--set", f"stage.{n}.{key}={STEPS}")]


@pytest.mark.parametrize("recipe", presets())
def test_a_preset_trains_on_the_sample_from_end_to_end(cli: Run, shared: Path, recipe: str) -> None:
    code, out, err = cli("train", "--project", str(shared), "--recipe", recipe, "--json", *_few_steps(recipe))

    assert code == 0, err
    trained: dict[str, Any] = json.loads(out)
    run = Path(trained["model"]).parent
    assert json.loads((run / "run.json").read_text("utf-8"))["status"] == "done"
    events = [json.loads(line) for line in (run / "log.jsonl").read_text("utf-8").splitlines()]
    steps = [event for event in events if event["event"] == "step"]
    plan = load_recipe(recipe)
    assert [(step["stage"], step["step"]) for step in steps] == [
        (stage, step) for stage in range(1, len(plan.stages) + 1) for step in range(1, STEPS + 1)
    ]
    for step in steps:
        assert set(step["parts"]) == set(plan.stages[step["stage"] - 1].losses.active)
        assert step["loss"] > 0 and math.isfinite(step["gradient_norm"]) and step["gradient_norm"] > 0
    measured = [event for event in events if event["event"] == "measured"]
    assert len(measured) == 1 + len(plan.stages)
    assert all(math.isfinite(event["figures"][plan.selection.metric]) for event in measured)
    assert any(event["event"] == "mined" for event in events)
    assert (run / "loss_curve.svg").is_file()

    from faqtune.model import load

    model = load(trained["model"], max_length_tokens=128, device="cpu")
    assert np.isfinite(model.encode(["什么时候发货", "Where is my parcel?"])).all()


def test_what_classic_two_stage_lacks_is_said_and_mended_as_it_says(cli: Run, sample: Path, tmp_path: Path) -> None:
    """As shipped, all hand labels of the sample measure. The advice is followed to the letter."""
    folder = Path(shutil.copytree(sample, tmp_path / "shop"))
    train = ("train", "--project", str(folder), "--recipe", "classic-two-stage", *_few_steps("classic-two-stage"))

    code, _, err = cli(*train)
    assert code == 2
    assert "stage 2 (contrastive with noise penalty) has nothing to learn from: no human labels" in err
    assert "set human_labels_for_training = 0.5 under [split] in faqtune.toml" in err
    (command,) = re.findall(r"run `faqtune (split [^`]*)` again", err)

    _give_training_a_share(folder, 0.5)
    assert cli(*command.split())[0] == 0
    code, _, err = cli(*train)
    assert code == 0, err
