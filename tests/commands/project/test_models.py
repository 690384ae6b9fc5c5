"""Models by name, and whether one is still the same."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from torch import Tensor

from faqtune import UserError, Workspace, evaluate_models, label_queries, match_texts, train_model
from faqtune.commands.merge import merge_models
from faqtune.commands.project.models import (
    load_model,
    load_unchanged,
    model_digest,
    model_place,
    resolved_name,
    runs_behind,
)
from faqtune.commands.trim import trim_model
from faqtune.model import FLOAT16_WARNING, TextModel
from faqtune.progress import Silent
from faqtune.runs import RUNNING, Run, all_runs, find_run


def test_tuned_is_the_newest_finished_run(tuned_shop: Workspace) -> None:
    run = find_run(tuned_shop)

    assert resolved_name(tuned_shop, "tuned") == run.name
    assert model_place(tuned_shop, "tuned") == model_place(tuned_shop, run.name) == str(run.model_path)
    assert resolved_name(tuned_shop, "builtin") == "builtin"


def test_a_run_that_has_not_finished_is_no_model(tuned_shop: Workspace) -> None:
    run = find_run(tuned_shop)
    run.status = RUNNING
    run.save()

    with pytest.raises(UserError, match="has not finished"):
        model_place(tuned_shop, run.name)
    with pytest.raises(UserError, match="no finished run") as error:
        model_place(tuned_shop, "tuned")
    assert f"began {run.name} (recipe {run.recipe})" in error.value.next_step


def test_folders_are_looked_for_in_the_project_first(tmp_path: Path) -> None:
    (tmp_path / "models" / "mine").mkdir(parents=True)
    workspace = Workspace(tmp_path)

    assert model_place(workspace, "models/mine") == str(tmp_path / "models" / "mine")
    assert model_place(workspace, "BAAI/bge-m3") == "BAAI/bge-m3"


@pytest.mark.parametrize(("name", "meant"), [("tunned", "tuned"), ("bultin", "builtin")])
def test_a_name_that_is_nearly_one_of_ours_is_no_name_of_the_hub(tuned_shop: Workspace, name: str, meant: str) -> None:
    """The advice was about a mirror of the hub."""
    with pytest.raises(UserError, match=f"there is no model {name}.* did you mean `{meant}`"):
        evaluate_models(tuned_shop, models=("builtin", name))


def test_a_run_and_the_base_model_are_told_by_nearly_their_names(tuned_shop: Workspace) -> None:
    run = find_run(tuned_shop)
    with pytest.raises(UserError, match=rf"did you mean `{run.name}`"):
        model_place(tuned_shop, run.name[:-1])
    with pytest.raises(UserError) as caught:
        model_place(tuned_shop, "base")
    assert f"did you mean `{run.base}`" in caught.value.next_step
    assert model_place(tuned_shop, "builtin") == "builtin"
    (tuned_shop.root / "tunned").mkdir()
    assert model_place(tuned_shop, "tunned") == str(tuned_shop.root / "tunned")


def test_a_folder_that_is_called_nearly_so_is_named(
    tuned_shop: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tuned_shop.root / "models" / "our-own").mkdir(parents=True)
    (tmp_path / "beside-it").mkdir()

    for wrong, meant in (("models/our-onw", "models/our-own"), ("./besides-it", "beside-it")):
        with pytest.raises(UserError) as caught:
            load_model(tuned_shop, wrong, Silent())
        assert f"did you mean the folder `{meant}`? Else " in caught.value.next_step


def test_a_digest_follows_the_weights_and_not_where_or_when_they_were_written(
    tiny_model_folder: Path, tmp_path: Path
) -> None:
    workspace = Workspace(tmp_path)
    copy = Path(shutil.copytree(tiny_model_folder, tmp_path / "copy"))
    weights = copy / "model.safetensors"
    os.utime(weights, (0, 0))
    same = model_digest(workspace, str(copy))
    assert same == model_digest(workspace, str(tiny_model_folder))

    import torch
    from safetensors.torch import load_file, save_file

    tensors = load_file(weights)
    layer = {name: tensor + 1e-3 * torch.ones(()) for name, tensor in tensors.items() if "layer.1" in name}
    save_file(tensors | layer, weights)
    assert model_digest(workspace, str(copy)) != same
    assert model_digest(workspace, "builtin") != model_digest(workspace, "BAAI/bge-m3")


def test_figures_thresholds_and_matches_are_made_in_float32_whatever_training_takes(
    tuned_shop: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    """bfloat16 moves cosines by up to 0.002: a threshold would hold on the machine only that set it."""
    text = tuned_shop.config_path.read_text(encoding="utf-8")
    tuned_shop.config_path.write_text(text.replace('# precision = "auto"', 'precision = "bfloat16"'), encoding="utf-8")
    taken: list[str] = []
    encode = TextModel.encode
    monkeypatch.setattr(
        TextModel, "encode", lambda self, *a, **b: taken.append(self.precision.name) or encode(self, *a, **b)
    )

    list(match_texts(tuned_shop, ["能退吗"]))
    evaluate_models(tuned_shop, force=True, resamples=10)
    assert set(taken) == {"float32"}

    taken.clear()
    label_queries(tuned_shop, force=True)
    assert set(taken) == {"bfloat16"}

    taken.clear()
    train_model(tuned_shop, force=True)
    assert taken[-1] == "float32"
    assert "bfloat16" in taken


def test_the_settings_say_how_a_folder_pools_that_does_not_say_it(tiny_model_folder: Path, tmp_path: Path) -> None:
    """The refusal names the setting; with it the folder is loaded."""
    folder = Path(shutil.copytree(tiny_model_folder, tmp_path / "mine"))
    (folder / "1_Pooling" / "config.json").unlink()
    workspace = Workspace(tmp_path)
    workspace.config_path.write_text('[model]\nbase = "mine"\n', encoding="utf-8")

    with pytest.raises(UserError, match=r"does not say") as caught:
        load_model(workspace, "mine", Silent())
    assert "set model.pooling in faqtune.toml" in caught.value.next_step

    workspace.config_path.write_text('[model]\nbase = "mine"\npooling = "mean"\n', encoding="utf-8")
    assert load_model(workspace, "mine", Silent()).layout.pooling == "mean"
    assert load_unchanged(workspace, "mine", Silent()).layout.pooling == "mean"


def test_whoever_encodes_in_too_little_memory_is_told(new_shop: Workspace, heard: Any) -> None:
    model = load_model(new_shop, new_shop.config().model.base, heard, exact=True)
    embed = model.embed_ids

    def small(ids: Sequence[Sequence[int]]) -> Tensor:
        if len(ids) > 2:
            raise RuntimeError("DefaultCPUAllocator: can't allocate memory")
        return embed(ids)

    model.embed_ids = small  # type: ignore[method-assign]
    model.encode(["怎么退货", "包邮吗", "能开票吗", "多久发货"])
    assert [line for line in heard.lines if "memory was too small" in line] == heard.lines[-1:]


@pytest.mark.parametrize(
    ("precision", "exact", "warned"), [("float16", False, 1), ("float16", True, 0), ("", False, 0)]
)
def test_float16_comes_with_a_warning(
    new_shop: Workspace, heard: Any, precision: str, exact: bool, warned: int
) -> None:
    if precision:
        text = new_shop.config_path.read_text(encoding="utf-8")
        text, count = re.subn(r"(?m)^# precision = .*$", f'precision = "{precision}"', text)
        assert count == 1
        new_shop.config_path.write_text(text, encoding="utf-8")
    model = load_model(new_shop, new_shop.config().model.base, heard, exact=exact)
    assert heard.lines.count(FLOAT16_WARNING) == warned
    assert (model.precision.name == "float16") is bool(warned)


def behind(workspace: Workspace, name: str | Path, runs: list[Run] | None = None) -> set[str]:
    return {run.name for run in runs_behind(workspace, str(name), runs or list(all_runs(workspace)))}


def test_a_run_is_known_by_its_name_its_folders_and_copies_of_its_model(
    learned_shop: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = find_run(learned_shop)
    copy = shutil.copytree(run.model_path, tmp_path / "elsewhere" / "v1")
    monkeypatch.chdir(copy.parent)
    relative = run.model_path.relative_to(learned_shop.root)
    for name in (run.name, run.folder, run.model_path, relative, copy, "v1"):
        assert behind(learned_shop, name) == {run.name}, name
    for name in (run.base, "builtin", "BAAI/bge-m3", tmp_path, tmp_path / "nowhere"):
        assert behind(learned_shop, name) == set(), name


def test_a_run_is_known_behind_what_was_trimmed_or_merged_from_it(learned_shop: Workspace, tmp_path: Path) -> None:
    run = find_run(learned_shop)
    trim_model(learned_shop, "tuned", out=tmp_path / "trimmed")
    merge_models(learned_shop, run.base, str(run.model_path), coefficient=0.5, out=tmp_path / "merged")
    merge_models(learned_shop, str(run.model_path), run.base, coefficient=0.5, out=tmp_path / "other way")
    for name in ("trimmed", "merged", "other way"):
        assert behind(learned_shop, tmp_path / name) == {run.name}, name


def test_whoever_names_the_base_has_not_named_a_run_that_learned_nothing(tuned_shop: Workspace, tmp_path: Path) -> None:
    run = find_run(tuned_shop)
    base = tuned_shop.resolve(run.base)
    shutil.copy(base / "model.safetensors", run.model_path / "model.safetensors")
    copy = shutil.copytree(base, tmp_path / "the base as well")
    assert behind(tuned_shop, base) == behind(tuned_shop, copy) == set()
    assert behind(tuned_shop, run.model_path) == {run.name}


def test_a_folder_is_that_of_its_run_whichever_other_has_the_same_weights(
    learned_shop: Workspace, tmp_path: Path
) -> None:
    """A run that went on from another and learned nothing has its weights: a copy may be of either."""
    first = find_run(learned_shop)
    second = Run(learned_shop.runs_path / "second", first.recipe, first.base, "inputs", first.status)
    shutil.copytree(first.model_path, second.model_path)
    second.save()
    for runs in ([first, second], [second, first]):
        assert behind(learned_shop, first.model_path, runs) == {first.name}
        assert behind(learned_shop, second.folder, runs) == {"second"}
        copy = tmp_path / f"copy of {runs[0].name}"
        shutil.copytree(first.model_path, copy)
        assert behind(learned_shop, copy, runs) == {first.name, "second"}
    second.base = first.name
    assert behind(learned_shop, copy, [second, first]) == {first.name}
