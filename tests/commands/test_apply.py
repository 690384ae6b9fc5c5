"""`compare --apply`: a layer that does harm is turned back, none where nothing helps; only selection data is used."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from faqtune import UserError, Workspace, compare_models, evaluate_models, match_texts, merge_run, write_report
from faqtune.commands import apply
from faqtune.commands.apply import apply_layers
from faqtune.commands.mixing import search as layer_search
from faqtune.commands.mixing.search import Applied, LayerSearch, holds_up
from faqtune.commands.mixing.tried import TRIED_NAME
from faqtune.commands.project.assemble import evaluation_set, load_project, selection_set
from faqtune.evaluate import EvaluationSet, calibrate, evaluate
from faqtune.model import load
from faqtune.runs import Run, all_runs, find_run
from faqtune.scorecard import Difference
from faqtune.stored import read_json

Run_ = Callable[..., tuple[int, str, str]]
HARM = "layer 1"


def plant(run: Run, **change: Callable[[Any], Any]) -> None:
    """Make the tuned model its base with the tensors changed whose names contain a key (`_` for `.`)."""
    weights = load_file(Path(run.base) / "model.safetensors")
    for part, do in change.items():
        for name in [name for name in weights if part in name.replace(".", "_")]:
            weights[name] = np.ascontiguousarray(do(weights[name]), dtype=np.float32)
    save_file(weights, run.model_path / "model.safetensors", metadata={"format": "pt"})


@pytest.fixture
def damaged_shop(tuned_shop: Workspace, monkeypatch: pytest.MonkeyPatch) -> Workspace:
    """A tuned model whose last norm gives every text nearly the same vector; its layer 0 moved by next to nothing.

    Customers of the selection part ask in the words of the standard questions, so that its base is right whichever
    labels the rules find on a machine; else, with three queries on a half, it may be worse than chance.
    """

    def in_standard_words(project: Any) -> EvaluationSet:
        data = selection_set(project)
        question = {entry.id: entry.questions[0] for entry in data.catalogue}
        return replace(data, positives=tuple(replace(asked, text=question[asked.entry]) for asked in data.positives))

    monkeypatch.setattr(apply, "selection_set", in_standard_words)
    plant(
        find_run(tuned_shop),
        layer_1_output_LayerNorm_bias=lambda w: w + 1e6,
        layer_0_output_dense_bias=lambda w: w + 1e-6,
    )
    return tuned_shop


@pytest.fixture
def measured(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The part of everything that is measured."""
    parts: list[str] = []
    whole = layer_search.evaluate

    def noting(encoder: Any, data: Any, **more: Any) -> Any:
        parts.append(data.part)
        return whole(encoder, data, **more)

    monkeypatch.setattr(layer_search, "evaluate", noting)
    return parts


def applied_of(workspace: Workspace, **options: Any) -> Applied:
    found = compare_models(workspace, apply=True, resamples=100, **options).applied
    assert found is not None
    return found


def test_a_planted_damaging_layer_is_found_and_turned_back(damaged_shop: Workspace) -> None:
    source = find_run(damaged_shop)

    applied = applied_of(damaged_shop)

    assert applied.verdict == "applied"
    assert applied.coefficients == {"layer 0": 1, HARM: 0}
    assert applied.after[applied.metric] > applied.before[applied.metric]
    assert applied.confirmed[applied.metric]["value"] > 0
    run = find_run(damaged_shop)
    assert run.name == applied.run != source.name
    made, base, tuned = (
        load_file(Path(folder) / "model.safetensors") for folder in (run.model_path, run.base, source.model_path)
    )
    for name, weights in made.items():
        np.testing.assert_array_equal(weights, (base if "layer.1." in name else tuned)[name])


def test_the_new_run_is_measured_and_used_like_any_other(damaged_shop: Workspace) -> None:
    applied = applied_of(damaged_shop)

    run = find_run(damaged_shop)
    assert run.facts["merged"]["coefficients"] == applied.coefficients
    assert run.facts["merged"]["of"] == applied.source
    assert json.loads((run.folder / "recipe.json").read_text(encoding="utf-8"))["layers"]["verdict"] == "applied"
    calibration = evaluation_set(load_project(damaged_shop), "calibration")
    threshold = calibrate(evaluate(load(run.model_path, max_length_tokens=32, device="cpu"), calibration))
    assert read_json(run.thresholds_path, "")["threshold_cosine"] == pytest.approx(threshold.threshold_cosine, abs=1e-6)
    card = (run.model_path / "README.md").read_text(encoding="utf-8")
    assert f"| {HARM} | 0 |" in card and "merged with faqtune" in card
    assert [c.model for c in evaluate_models(damaged_shop, resamples=100).scorecards] == [run.base, run.name]
    assert write_report(damaged_shop).run == run.name
    (found,) = match_texts(damaged_shop, ["什么时候发货"], model=run.name)
    assert found.threshold_cosine is not None
    assert merge_run(damaged_shop, run=run.name, coefficients=(0.5,)).source == run.name


def test_nothing_is_applied_where_nothing_helps(
    tuned_shop: Workspace, monkeypatch: pytest.MonkeyPatch, cli: Run_
) -> None:
    plant(find_run(tuned_shop), layer_0_output_dense_bias=lambda w: w + 1e-6, layer_1_output_dense_bias=lambda w: w * 1)
    before = [run.name for run in all_runs(tuned_shop)]

    code, out, _ = cli("compare", "--apply", "--project", str(tuned_shop.root), "--resamples", "100")

    assert code == 0
    assert "Turning no layer back is better than the tuned model: nothing was changed." in out
    assert [run.name for run in all_runs(tuned_shop)] == before
    assert find_run(tuned_shop).name == before[-1]


def test_what_does_not_hold_up_on_the_other_half_is_not_taken_over(
    damaged_shop: Workspace, monkeypatch: pytest.MonkeyPatch, cli: Run_
) -> None:
    """The search is made to believe that the harmless layer does harm, and the harmful one none."""
    before = [run.name for run in all_runs(damaged_shop)]
    monkeypatch.setattr(LayerSearch, "_measured", lambda self, c: (1 - c[0] + c[1], 0.5))

    applied = applied_of(damaged_shop)
    _, out, _ = cli("compare", "--apply", "--project", str(damaged_shop.root), "--resamples", "100")

    assert (applied.verdict, applied.run) == ("not confirmed", "")
    assert applied.coefficients == {"layer 0": 0, HARM: 1}
    assert "It does not hold up on the other half: it was not taken over." in out
    assert [run.name for run in all_runs(damaged_shop)] == before


def test_only_the_selection_part_is_searched_and_confirmed_on(
    damaged_shop: Workspace, measured: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    from faqtune.commands.project import assemble

    asked: list[str] = []
    whole = assemble.evaluation_set

    def noting(project: Any, part: str) -> Any:
        asked.append(part)
        return whole(project, part)

    monkeypatch.setattr(assemble, "evaluation_set", noting)
    monkeypatch.setattr(apply, "evaluation_set", noting)

    applied_of(damaged_shop)

    # The calibration part is asked for by name for its digest only; `finish_run` sets the threshold on it.
    assert set(asked) == {"selection", "calibration"}
    assert {part.partition(" ")[0] for part in measured} == {"selection"}
    halves = [part.rpartition("half ")[2] for part in measured]
    assert halves[-2:] == ["2 of 2"] * 2 and set(halves[:-2]) == {"1 of 2"}, "the second half only confirms"


def test_a_search_that_was_interrupted_goes_on_where_it_was(
    damaged_shop: Workspace, measured: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = LayerSearch._measured
    monkeypatch.setattr(LayerSearch, "_measured", lambda self, c: _stop_at(3, measured) or whole(self, c))
    with pytest.raises(KeyboardInterrupt):
        applied_of(damaged_shop)
    done = len(measured)
    assert len(all_values(damaged_shop)) == done == 3
    monkeypatch.setattr(LayerSearch, "_measured", whole)

    resumed = applied_of(damaged_shop)

    assert len(measured) - done == resumed.tried - done + 2, "nothing is measured twice; two confirm"
    fresh = applied_of(damaged_shop, force=True)
    # Forced, it is a run of its own; all else is the same.
    assert fresh.run == f"{resumed.run}-2" and Path(resumed.model).is_dir()
    its_own = {"skipped": False, "run": resumed.run, "model": resumed.model}
    assert vars_of(fresh) | its_own == vars_of(resumed)


def _stop_at(count: int, measured: list[str]) -> None:
    if len(measured) == count:
        raise KeyboardInterrupt


def all_values(workspace: Workspace) -> list[Any]:
    found: list[Any] = read_json(find_run(workspace).folder / TRIED_NAME, "")["values"]
    return found


def vars_of(applied: Applied) -> dict[str, Any]:
    return {name: getattr(applied, name) for name in Applied.__dataclass_fields__}


def test_done_once_it_is_read_back_and_is_the_newest_again(damaged_shop: Workspace, measured: list[str]) -> None:
    first = applied_of(damaged_shop)
    source = next(run for run in all_runs(damaged_shop) if run.name == first.source)
    source.save()
    done = len(measured)

    again = applied_of(damaged_shop)

    assert again.skipped and again.run == first.run == find_run(damaged_shop).name
    assert again.coefficients == first.coefficients
    assert len(measured) == done
    assert not applied_of(damaged_shop, forgetting_budget=0.02).skipped


@pytest.mark.parametrize("content", ["{", "[]", '{"inputs": 3}'])
def test_a_damaged_memory_of_the_search_only_costs_time(damaged_shop: Workspace, content: str) -> None:
    (find_run(damaged_shop).folder / TRIED_NAME).write_text(content, encoding="utf-8")

    assert applied_of(damaged_shop).verdict == "applied"


def test_a_full_disk_leaves_no_half_run(damaged_shop: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    def full_disk(source: Path, destination: Path) -> None:
        raise OSError(28, "No space left on device")

    before = list(damaged_shop.runs_path.iterdir())
    with monkeypatch.context() as patch:
        patch.setattr(shutil, "copyfile", full_disk)
        with pytest.raises(UserError, match="disk is full"):
            applied_of(damaged_shop)
    assert list(damaged_shop.runs_path.iterdir()) == before
    assert applied_of(damaged_shop).verdict == "applied"


def test_what_it_cannot_be_asked_of_is_one_clear_error(damaged_shop: Workspace, tmp_path: Path) -> None:
    run = find_run(damaged_shop)
    other = shutil.copytree(run.base, tmp_path / "other")

    for problem, options in (
        ("--apply wants a run and the model", {"a": str(other), "b": run.name}),
        ("cannot be forgotten", {"forgetting_budget": -1}),
    ):
        with pytest.raises(UserError, match=problem):
            compare_models(damaged_shop, apply=True, **options)  # type: ignore[arg-type]
    shutil.copyfile(Path(run.base) / "model.safetensors", run.model_path / "model.safetensors")
    with pytest.raises(UserError, match="nothing to turn back"):
        compare_models(damaged_shop, apply=True)
    assert apply_layers.__module__ == "faqtune.commands.apply"


def difference(value: float, low: float, high: float) -> Difference:
    return Difference(value=value, low=low, high=high, p=0.5)


@pytest.mark.parametrize(
    ("metric", "guard", "forgets", "holds"),
    [
        ((0.02, -0.01, 0.05), (0.0, -0.01, 0.01), False, True),
        ((0.0, -0.01, 0.05), (0.0, -0.01, 0.01), False, False),
        ((0.02, 0.01, 0.05), (-0.03, -0.05, -0.01), False, False),
        ((-0.02, -0.04, 0.01), (0.0, -0.01, 0.01), True, True),
        ((-0.03, -0.05, -0.01), (0.0, -0.01, 0.01), True, False),
    ],
)
def test_it_holds_up_if_it_is_better_on_data_that_it_was_not_chosen_on(
    metric: tuple[float, float, float], guard: tuple[float, float, float], forgets: bool, holds: bool
) -> None:
    assert holds_up(difference(*metric), difference(*guard), forgets_too_much=forgets) is holds
    assert not holds_up(None, difference(*guard), forgets_too_much=forgets)


def test_the_result_is_shown(damaged_shop: Workspace, cli: Run_) -> None:
    code, out, err = cli("compare", "--apply", "--project", str(damaged_shop.root), "--resamples", "100")

    assert code == 0
    assert f"  {HARM}: 0" in out and "other 1 layers: 1" in out
    assert "On the other half" in out and "now the newest run" in out
    assert "searching over 2 layers: at most 13 mixtures are measured" in err
    (kept,) = (read_json(path, "") for path in damaged_shop.runs_path.glob("*/compare.json"))
    assert kept["applied"]["verdict"] == "applied"
