"""Runs: found again by name or by age, and never one in the place of another."""

import json
import shutil

import pytest

from faqtune.errors import UserError
from faqtune.runs import (
    DONE,
    INTERRUPTED,
    ON_PURPOSE,
    RUNNING,
    all_runs,
    find_run,
    finished_runs,
    new_run,
    refuse_without_model,
)
from faqtune.workspace import Workspace


@pytest.fixture
def workspace(tmp_path):
    return Workspace(tmp_path)


def finished(workspace, inputs):
    run = new_run(workspace, "default", "builtin", inputs)
    run.status = DONE
    run.save()
    return run


def test_a_run_is_read_as_it_was_saved(workspace):
    run = new_run(workspace, "default", "BAAI/bge-m3", "f3a9")
    run.facts = {"device": "cpu", "data": {"labels": 12}, "note": "最好的一次"}
    run.status = INTERRUPTED
    run.save()
    assert find_run(workspace, run.name) == run
    assert list(all_runs(workspace)) == [run]


def test_a_new_run_says_running(workspace):
    run = new_run(workspace, "default", "builtin", "f3a9")
    assert json.loads((run.folder / "run.json").read_text(encoding="utf-8"))["status"] == RUNNING


def test_only_a_finished_run_is_the_newest(workspace):
    first = finished(workspace, "first")
    new_run(workspace, "default", "builtin", "still running")
    assert find_run(workspace) == first
    second = finished(workspace, "second")
    assert find_run(workspace) == second


def test_nobody_is_asked_to_repeat_a_training_for_a_curve(workspace):
    run = new_run(workspace, "quick", "builtin", "a quarter of the labels")
    run.facts[ON_PURPOSE] = True
    run.save()
    with pytest.raises(UserError) as caught:
        find_run(workspace)
    assert caught.value.next_step == "run `faqtune train` first"
    users = new_run(workspace, "default", "builtin", "all labels")
    with pytest.raises(UserError) as caught:
        find_run(workspace)
    assert users.name in caught.value.next_step


def test_the_order_survives_copying_the_project(workspace):
    """File times do not survive it."""
    runs = [finished(workspace, f"inputs {number}") for number in range(4)]
    for run in reversed(runs):
        path = run.folder / "run.json"
        path.write_text(path.read_text(encoding="utf-8"), encoding="utf-8")
    assert list(all_runs(workspace)) == runs


def test_the_same_inputs_have_the_same_folder_and_others_another(workspace):
    folders = [new_run(workspace, "default", "builtin", inputs).folder for inputs in ("one", "one", "other")]
    assert folders[0] == folders[1] != folders[2]


def test_the_name_of_a_recipe_leads_out_of_no_folder(workspace):
    run = new_run(workspace, "../我的/recipe v2", "builtin", "inputs")
    assert run.folder.parent == workspace.runs_path
    assert "我的-recipe-v2" in run.name
    assert find_run(workspace, run.name) == run


def test_a_name_that_is_wrong_gets_the_right_ones(workspace):
    run = finished(workspace, "inputs")
    with pytest.raises(UserError, match="there is no run yesterday") as caught:
        find_run(workspace, "yesterday")
    assert run.name in caught.value.next_step


@pytest.mark.parametrize("name", ["", "yesterday"])
def test_without_runs_the_next_step_is_to_train(workspace, name):
    workspace.config_path.touch()
    with pytest.raises(UserError) as caught:
        find_run(workspace, name)
    assert "faqtune train" in caught.value.next_step


@pytest.mark.parametrize(
    "content", ["", "[]", '{"schema": 99, "recipe": "x"}', '{"schema": 1, "recipe": "x"}', '{"schema": 1, "new": 1}']
)
def test_a_damaged_run_is_passed_over_and_refused_by_name(workspace, content):
    whole = finished(workspace, "whole")
    damaged = finished(workspace, "damaged")
    (damaged.folder / "run.json").write_text(content, encoding="utf-8")
    assert list(all_runs(workspace)) == [whole]
    assert find_run(workspace) == whole
    with pytest.raises(UserError, match=r"run\.json") as caught:
        find_run(workspace, damaged.name)
    assert "train" in caught.value.next_step


def test_where_only_damaged_runs_are_left_no_other_model_takes_their_place(workspace):
    """`match` used to answer with the base model, and said that no threshold had been set."""
    damaged = finished(workspace, "damaged")
    (damaged.folder / "run.json").write_text("{", encoding="utf-8")
    with pytest.raises(UserError, match=r"run\.json is damaged"):
        finished_runs(workspace)
    with pytest.raises(UserError, match=r"run\.json is damaged"):
        find_run(workspace)

    warned = []
    whole = finished(workspace, "whole")
    assert finished_runs(workspace, warned.append) == [whole]
    assert find_run(workspace, warn=warned.append) == whole
    assert [f"{damaged.name}/run.json is damaged" in said and "passed over" in said for said in warned] == [True, True]


def test_a_folder_whose_facts_cannot_be_read_is_left_alone(workspace):
    """Sound checkpoints may be in it."""
    first = new_run(workspace, "quick", "builtin", "inputs")
    (first.folder / "run.json").write_text("{", encoding="utf-8")
    again = new_run(workspace, "quick", "builtin", "inputs")
    assert (again.name, (first.folder / "run.json").read_text(encoding="utf-8")) == (f"{first.name}-2", "{")


def test_a_run_whose_weights_are_gone_says_what_makes_them(workspace):
    run = finished(workspace, "inputs")
    shutil.rmtree(run.model_path, ignore_errors=True)
    with pytest.raises(UserError, match="no weights any more") as caught:
        refuse_without_model(run)
    assert f"repeat the `faqtune train` that began it (recipe {run.recipe})" in caught.value.next_step
    run.facts[ON_PURPOSE] = True
    with pytest.raises(UserError) as caught:
        refuse_without_model(run)
    assert "repeat the `faqtune labels --learning-curve` that began it" in caught.value.next_step
    run.facts["merged"] = {}
    with pytest.raises(UserError) as caught:
        refuse_without_model(run)
    assert "repeat the `faqtune merge`" in caught.value.next_step
