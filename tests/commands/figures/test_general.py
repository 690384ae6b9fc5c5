"""`evaluate`: general ability beside the scorecards, and three models in a run's report."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from faqtune import Workspace, evaluate_models, general_ability, write_report
from faqtune.commands.figures.general import general_path, mteb_path, read_about, save_mteb
from faqtune.commands.figures.scorecards import scorecard_paths
from faqtune.commands.project.models import load_model
from faqtune.progress import Silent
from faqtune.runs import find_run


@pytest.fixture(autouse=True)
def few_queries(monkeypatch: pytest.MonkeyPatch) -> None:
    """The tea shop is small."""
    monkeypatch.setattr("faqtune.commands.figures.enough.LEAST_QUERIES", 3)


def read(path: Path) -> dict[str, Any]:
    return json.loads(path.read_text("utf-8"))


def test_both_models_are_measured_on_everyday_sentences(tuned_shop: Workspace) -> None:
    run = find_run(tuned_shop)
    kept = read(run.scorecards_path / "test-general.json")

    assert [each["model"] for each in kept["models"]] == [run.base, run.name]
    ability = general_ability(load_model(tuned_shop, run.name, Silent(), exact=True))
    figures = kept["models"][1]["figures"]
    assert figures["all"]["value"] == pytest.approx(ability.auroc, abs=1e-6)
    assert figures["zh"]["value"] == pytest.approx(ability.by_language["zh"], abs=1e-6)
    moved = kept["differences"][0]["figures"]["all"]
    assert moved["value"] == pytest.approx(figures["all"]["value"] - kept["models"][0]["figures"]["all"]["value"])
    assert moved["low"] <= moved["value"] <= moved["high"]


def test_it_is_read_back_made_again_when_gone_and_told(tuned_shop: Workspace, cli: Any) -> None:
    run = find_run(tuned_shop)
    path = run.scorecards_path / "test-general.json"
    kept = read(path)

    again = evaluate_models(tuned_shop)
    assert again.skipped and again.general == kept

    path.unlink()
    assert not evaluate_models(tuned_shop).skipped and read(path)["models"] == kept["models"]
    code, out, _ = cli("evaluate", "--project", str(tuned_shop.root))
    assert code == 0 and f"Everyday sentences (468 pairs, AUROC), {run.name}: " in out and ", difference " in out


def test_one_models_figures_do_not_lie_where_those_of_two_do(tuned_shop: Workspace) -> None:
    one, two = (scorecard_paths(tuned_shop, None, "test", models=count) for count in (1, 2))
    three = scorecard_paths(tuned_shop, None, "test", models=3)
    names = [general_path(paths).name for paths in (one, two, three)]
    assert names == ["test-model-general.json", "test-general.json", "test-3-models-general.json"]
    made = evaluate_models(tuned_shop, models=(tuned_shop.config().model.base,), resamples=100)
    assert made.general is not None and made.general["differences"] == []


def test_scores_of_tasks_are_kept_for_the_same_models_only(tmp_path: Path) -> None:
    path = mteb_path([tmp_path / "test-before.json", tmp_path / "test-after.json"])
    save_mteb(path, {"base": {"STSB": 0.7}, "run": {"STSB": 0.6}}, ("d1", "d2"))
    save_mteb(path, {"base": {"AFQMC": 0.3}, "run": {"AFQMC": 0.4}}, ("d1", "d2"))

    found = read_about(path, ("base", "run"), ("d1", "d2"))
    assert found is not None
    assert [each["scores"] for each in found["models"]] == [{"STSB": 0.7, "AFQMC": 0.3}, {"STSB": 0.6, "AFQMC": 0.4}]
    assert read_about(path, ("base", "run"), ("d1", "other")) is None
    assert read_about(path, ("run", "base"), ("d2", "d1")) is None
    save_mteb(path, {"base": {"STSB": 0.7}, "run": {"STSB": 0.5}}, ("d1", "d3"))
    found = read_about(path, ("base", "run"), ("d1", "d3"))
    assert found is not None and found["models"][1]["scores"] == {"STSB": 0.5}


def measured_with_a_third(shop: Workspace, *order: str) -> tuple[str, ...]:
    run = find_run(shop)
    if not (shop.root / "third").exists():
        shutil.copytree(run.model_path, shop.root / "third")
    names = tuple({"base": run.base, "run": run.name}.get(name, name) for name in order)
    evaluate_models(shop, models=names, resamples=100)
    return names


def test_a_report_shows_all_models_that_were_measured_with_its_run(tuned_shop: Workspace) -> None:
    assert 'id="zh-models"' not in write_report(tuned_shop).page.read_text("utf-8")
    names = measured_with_a_third(tuned_shop, "base", "third", "run")

    assert 'id="zh-models"' in write_report(tuned_shop).page.read_text("utf-8")
    data = read(write_report(tuned_shop, form="json").page)
    assert data["sources"]["models"] == "scorecards/test-3-models-comparisons.json"
    assert [card["model"] for card in data["models"]["scorecards"]] == list(names)
    assert [each["model"] for each in data["models"]["general"]["models"]] == list(names)
    kept = read(tuned_shop.root / data["sources"]["models"])
    assert data["models"]["comparisons"] == kept["comparisons"]


def test_models_against_another_reference_or_of_other_data_are_left_out(tuned_shop: Workspace) -> None:
    measured_with_a_third(tuned_shop, "run", "base", "third")
    assert 'id="zh-models"' not in write_report(tuned_shop).page.read_text("utf-8")

    measured_with_a_third(tuned_shop, "base", "run", "third")
    path = tuned_shop.root / "scorecards" / "test-3-models-2.json"
    card = read(path)
    for change in ({"digest": "0" * 64}, {"model_digest": "1" * 64}):
        path.write_text(json.dumps(card | change), encoding="utf-8")
        assert 'id="zh-models"' not in write_report(tuned_shop).page.read_text("utf-8")
    path.write_text(json.dumps(card), encoding="utf-8")
    assert 'id="zh-models"' in write_report(tuned_shop).page.read_text("utf-8")


def test_general_ability_of_another_state_of_the_model_is_left_out(tuned_shop: Workspace) -> None:
    path = find_run(tuned_shop).scorecards_path / "test-general.json"
    kept = read(path)
    assert 'id="en-general"' in write_report(tuned_shop).page.read_text("utf-8")
    kept["models"][1]["model_digest"] = "0" * 64
    path.write_text(json.dumps(kept), encoding="utf-8")
    assert 'id="en-general"' not in write_report(tuned_shop).page.read_text("utf-8")
