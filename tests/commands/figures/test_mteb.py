"""Tasks of MTEB through a stand-in with the calls that its documentation shows; mteb itself and its data are large."""

from __future__ import annotations

import sys
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

from faqtune import UserError, Workspace, evaluate_models, write_report


@pytest.fixture(autouse=True)
def few_queries(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("faqtune.commands.figures.enough.LEAST_QUERIES", 3)


@pytest.fixture
def mteb(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """`get_tasks(tasks=…)` and `evaluate(model, task, cache=None).task_results[…].task_name, .get_score()`."""
    module: Any = ModuleType("mteb")

    def get_tasks(*, tasks: list[str]) -> list[Any]:
        known = {"STSB", "NoData"}
        if missing := set(tasks) - known:
            raise KeyError(f"unknown tasks {sorted(missing)}")
        return [SimpleNamespace(metadata=SimpleNamespace(name=name)) for name in tasks]

    def evaluate(model: Any, task: Any, *, cache: Any) -> Any:
        if task.metadata.name == "NoData":
            raise ConnectionError("no route to host")
        # As its first releases do with the card of a model.
        name = model.model_card_data.model_name or model.model_card_data.base_model
        assert name is not None and name.count("/") == 1
        vectors = model.encode(["甲", "甲"])
        score = float(vectors[0] @ vectors[1] / (vectors[0] @ vectors[0]))
        assert cache is None
        return SimpleNamespace(task_results=[SimpleNamespace(task_name=task.metadata.name, get_score=lambda: score)])

    module.get_tasks, module.evaluate = get_tasks, evaluate
    monkeypatch.setitem(sys.modules, "mteb", module)
    return module


def test_scores_of_every_model_and_task(tuned_shop: Workspace, mteb: ModuleType, cli) -> None:
    base = tuned_shop.config().model.base
    made = evaluate_models(tuned_shop, models=(base, "tuned"), mteb=("STSB",), resamples=100)
    assert made.mteb is not None and list(made.mteb) == [card.model for card in made.scorecards]
    assert all(scores == {"STSB": pytest.approx(1.0, abs=1e-5)} for scores in made.mteb.values())
    page = write_report(tuned_shop).page.read_text(encoding="utf-8")
    assert page.count('data-source="/mteb/models/1/scores/STSB">100.0<') == 2
    code, out, _ = cli("evaluate", "tuned", "--mteb", "STSB", "--project", str(tuned_shop.root), "--resamples", "100")
    assert code == 0 and "STSB 100.0" in out


def test_what_mteb_cannot_do_is_said_before_or_named(tuned_shop: Workspace, mteb: ModuleType) -> None:
    with pytest.raises(UserError, match=r"unknown tasks \['Nonsense'\]"):
        evaluate_models(tuned_shop, mteb=("Nonsense",))
    with pytest.raises(UserError, match=r"mteb NoData: no route to host.*fetch the task's data"):
        evaluate_models(tuned_shop, models=("tuned",), mteb=("NoData",), resamples=100)
    del mteb.evaluate
    with pytest.raises(UserError, match="too old"):
        evaluate_models(tuned_shop, mteb=("STSB",))


def test_without_mteb_the_next_step_is_to_install_it(tuned_shop: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "mteb", None)
    with pytest.raises(UserError, match=r"mteb is not installed. Next: run `pip install 'mteb>=2'`"):
        evaluate_models(tuned_shop, mteb=("STSB",))
