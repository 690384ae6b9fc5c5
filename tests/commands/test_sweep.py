"""`merge` in a project: what is chosen, what is kept of it, and when there is no new run."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

from faqtune import UserError, Workspace, evaluate_models, match_texts, merge_run, train_model, write_report
from faqtune.commands import sweep
from faqtune.commands.mixing.mixture import Place
from faqtune.commands.project.assemble import evaluation_set, load_project
from faqtune.commands.sweep import best_place
from faqtune.evaluate import calibrate, evaluate, point_figures
from faqtune.model import ModelCard, load, save
from faqtune.recipe import Selection
from faqtune.runs import all_runs, find_run
from faqtune.stored import read_json


def place(coefficient: float, oscr: float, recall: float, forgetting: float = 0.0) -> Place:
    figures = {"oscr@5": oscr, "recall@1": recall}
    return Place(coefficient, figures, 0.8, {}, forgetting, forgetting - 0.01, forgetting + 0.01)


@pytest.mark.parametrize(
    ("curve", "chosen"),
    [
        ([place(0, 0.2, 0.5), place(0.5, 0.4, 0.5), place(1, 0.3, 0.5)], 0.5),
        ([place(0, 0.2, 0.5), place(0.5, 0.4, 0.5), place(1, 0.4, 0.6)], 1),
        ([place(0, 0.2, 0.5), place(0.5, 0.4, 0.5), place(1, 0.4, 0.5)], 0.5),
        ([place(0, 0.2, 0.5), place(0.5, 0.3, 0.5, 0.01), place(1, 0.4, 0.5, 0.011)], 0.5),
        ([place(0, 0.2, 0.5), place(0.5, 0.3, 0.5, 0.02), place(1, 0.4, 0.5, 0.05)], 0),
    ],
)
def test_the_best_is_the_figure_then_the_guard_then_nearest_to_the_base_within_the_budget(
    curve: list[Place], chosen: float
) -> None:
    assert best_place(curve, Selection(), 0.01).coefficient == chosen


@pytest.mark.parametrize("name", ["augrc", "augrc_queries", "fpr95/chatter"])
def test_of_a_figure_that_is_better_when_lower_the_lowest_is_chosen(name: str) -> None:
    curve = [place(0, 0.2, 0.5), place(0.5, 0.2, 0.5), place(1, 0.2, 0.5)]
    for found, value in zip(curve, (0.3, 0.1, 0.2), strict=True):
        found.figures[name] = value
    assert best_place(curve, Selection(metric=name), 0.01).coefficient == 0.5


def test_a_figure_that_the_part_cannot_give_is_an_error() -> None:
    with pytest.raises(UserError, match="gives no oscr@5"):
        best_place([place(0, float("nan"), 0.5), place(1, 0.4, 0.5)], Selection(), 0.01)


@pytest.fixture
def moved_shop(tuned_shop: Workspace) -> Workspace:
    """The tuned tea shop with weights that the four steps of its recipe moved for certain."""
    folder = find_run(tuned_shop).model_path
    model = load(folder, max_length_tokens=32, device="cpu")
    with torch.no_grad():
        for parameter in model.backbone.encoder.parameters():
            parameter.add_(torch.full_like(parameter, 0.01).cumsum(-1))
    save(model, folder, ModelCard())
    return tuned_shop


@pytest.fixture
def favoured(monkeypatch: pytest.MonkeyPatch) -> Callable[[float], None]:
    """Lets a coefficient win, whatever the figures of a random model say."""

    def favour(coefficient: float) -> None:
        monkeypatch.setattr(
            sweep, "best_place", lambda curve, *_: next(p for p in curve if p.coefficient == coefficient)
        )

    return favour


def test_the_chosen_mixture_is_a_whole_run(moved_shop: Workspace, favoured: Callable[[float], None]) -> None:
    favoured(0.5)
    trained = find_run(moved_shop)

    swept = merge_run(moved_shop, coefficients=(0.5,))

    run = find_run(moved_shop)
    assert (swept.run, swept.source, run.name) == (run.name, trained.name, run.name) != (trained.name,) * 3
    assert [p.coefficient for p in swept.curve] == [0, 0.5, 1]
    facts = run.facts["merged"]
    assert facts["coefficient"] == 0.5 and len(facts["curve"]) == 3
    assert facts["curve"][0]["forgetting"] == 0
    project = load_project(moved_shop)
    model = load(run.model_path, max_length_tokens=32, device="cpu")
    selection = evaluation_set(project, "selection")
    figures = {n: value for n, value in point_figures(evaluate(model, selection)).items() if np.isfinite(value)}
    assert figures == pytest.approx(swept.best.figures)
    ends = [load(path, max_length_tokens=32, device="cpu") for path in (run.base, trained.model_path)]
    name = "encoder.layer.1.output.dense.weight"
    one, half, other = (m.backbone.get_parameter(name).detach().double().numpy() for m in (ends[0], model, ends[1]))
    np.testing.assert_array_equal(half, ((one + other) / 2).astype(np.float32))
    threshold = calibrate(evaluate(model, evaluation_set(project, "calibration"))).threshold_cosine
    assert read_json(run.thresholds_path, "")["threshold_cosine"] == pytest.approx(threshold, abs=1e-6)
    card = (run.model_path / "README.md").read_text(encoding="utf-8")
    assert "merged with faqtune" in card and f"0.5 times that of `{trained.name}`" in card


def test_match_evaluate_and_report_use_it_by_name(moved_shop: Workspace, favoured: Callable[[float], None]) -> None:
    favoured(0.5)
    trained = find_run(moved_shop)
    swept = merge_run(moved_shop, coefficients=(0.5,))

    done = evaluate_models(moved_shop, resamples=100)
    assert [card.model for card in done.scorecards] == [trained.base, swept.run]
    assert write_report(moved_shop).run == swept.run
    (found,) = match_texts(moved_shop, ["什么时候发货"], model=swept.run)
    assert found.threshold_cosine is not None
    # Asked for again, the trained one is the newest again, and is not mistaken for the merged one.
    assert train_model(moved_shop).run.name == trained.name


def test_done_once_it_is_read_back_and_is_the_newest_again(
    moved_shop: Workspace, favoured: Callable[[float], None]
) -> None:
    favoured(0.5)
    first = merge_run(moved_shop, coefficients=(0.5,))
    train_model(moved_shop)
    assert find_run(moved_shop).name == first.source

    again = merge_run(moved_shop, coefficients=(0.5,))

    assert again.skipped and again.run == first.run and again.curve == first.curve
    assert find_run(moved_shop).name == first.run
    assert not merge_run(moved_shop, coefficients=(0.5, 0.75)).skipped
    assert not merge_run(moved_shop, coefficients=(0.5, 0.75), force=True).skipped


@pytest.mark.parametrize("end", [0.0, 1.0])
def test_where_an_end_wins_there_is_no_new_run(
    moved_shop: Workspace, favoured: Callable[[float], None], cli: Callable[..., tuple[int, str, str]], end: float
) -> None:
    favoured(end)
    before = [run.name for run in all_runs(moved_shop)]

    code, out, _ = cli("merge", "--project", str(moved_shop.root), "--sweep", "0.5")

    assert code == 0 and "no new run was made" in out
    assert [run.name for run in all_runs(moved_shop)] == before
    code, out, _ = cli("merge", "--project", str(moved_shop.root), "--sweep", "0.5", "--json")
    assert json.loads(out)["chosen"] == end and json.loads(out)["skipped"]


def test_it_says_so_if_the_choice_costs_something(
    moved_shop: Workspace, cli: Callable[..., tuple[int, str, str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    curve = [place(0, 0.2, 0.5), place(0.5, 0.3, 0.5, 0.005), place(1, 0.4, 0.5, 0.05)]
    monkeypatch.setattr(sweep, "_curve", lambda *_: curve)
    monkeypatch.setattr(sweep, "_selection", lambda *_: Selection())

    _, out, _ = cli("merge", "--project", str(moved_shop.root))

    assert "note: oscr@5 is 0.100 below that of" in out and "forgets too much" in out


def test_where_lower_is_better_the_cost_is_the_other_way_round(
    moved_shop: Workspace, cli: Callable[..., tuple[int, str, str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The note once pointed to a worse model that was within the budget, and was missing where there was a cost."""
    monkeypatch.setattr(sweep, "_selection", lambda *_: Selection(metric="noise_similarity", guard="recall@1"))

    def told(tuned: float, forgetting: float, *options: str) -> str:
        curve = [place(0, 0.2, 0.5), place(0.5, 0.3, 0.5, 0.005), place(1, 0.4, 0.5, forgetting)]
        for found, similarity in zip(curve, (0.6, 0.3, tuned), strict=True):
            found.figures["noise_similarity"] = similarity
        monkeypatch.setattr(sweep, "_curve", lambda *_: curve)
        return cli("merge", "--project", str(moved_shop.root), *options)[1]

    assert "coefficient 0.5" in (worse := told(0.4, 0.007)) and "note:" not in worse
    assert "note: noise_similarity is 0.100 above that of" in told(0.2, 0.05, "--sweep", "0.5")


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        ({"coefficients": (0.5, 1.5)}, "the coefficient 1.5"),
        ({"forgetting_budget": -1}, "cannot be forgotten"),
        ({"forgetting_budget": float("nan")}, "cannot be forgotten"),
        ({"run": "nope"}, "there is no run nope"),
    ],
)
def test_bad_input_is_one_error(moved_shop: Workspace, options: dict[str, object], problem: str) -> None:
    before = sorted(path for path in moved_shop.root.rglob("*"))
    with pytest.raises(UserError, match=problem):
        merge_run(moved_shop, **options)  # type: ignore[arg-type]
    assert sorted(path for path in moved_shop.root.rglob("*")) == before


def test_a_full_disk_leaves_no_half_run(
    moved_shop: Workspace, favoured: Callable[[float], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    def full_disk(source: Path, destination: Path) -> None:
        raise OSError(28, "No space left on device")

    favoured(0.5)
    before = sorted(moved_shop.runs_path.rglob("*"))
    with monkeypatch.context() as patch:
        patch.setattr(shutil, "copyfile", full_disk)
        with pytest.raises(UserError, match="disk is full"):
            merge_run(moved_shop, coefficients=(0.5,))
    assert sorted(moved_shop.runs_path.rglob("*")) == before
    assert merge_run(moved_shop, coefficients=(0.5,)).run


def test_a_training_that_kept_its_base_has_nothing_to_merge(tuned_shop: Workspace) -> None:
    run = find_run(tuned_shop)
    save(load(run.base, max_length_tokens=32, device="cpu"), run.model_path, ModelCard())
    with pytest.raises(UserError, match="nothing between them"):
        merge_run(tuned_shop)
    assert list(all_runs(tuned_shop)) == [run]


def test_without_a_run_the_next_step_is_train(new_shop: Workspace, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="faqtune train"):
        merge_run(new_shop)
