"""What the functions behind the commands take from a Python program."""

from __future__ import annotations

import inspect
from pathlib import Path
from typing import Any

import pytest

import faqtune
from faqtune import UserError, Workspace, door, load_model, match_texts, show_labels, train_model


def test_a_project_may_be_the_path_of_its_folder(tuned_shop: Workspace) -> None:
    root: Any
    for root in (str(tuned_shop.root), tuned_shop.root):
        assert Workspace(root) == tuned_shop and Workspace(root).root == tuned_shop.root
        assert train_model(root).skipped
        assert show_labels(root) == show_labels(tuned_shop) == show_labels(workspace=root)


def test_what_is_no_project_is_said_to_be_none() -> None:
    project: Any
    for project in (3, None, ["shop"]):
        with pytest.raises(TypeError, match=f"a project is a Workspace, .* and no {type(project).__name__}"):
            train_model(project)


def test_a_function_is_the_same_each_time_and_keeps_its_name() -> None:
    assert faqtune.train_model is faqtune.train_model
    assert faqtune.train_model.__name__ == "train_model" and "Fine-tune" in (faqtune.train_model.__doc__ or "")


def test_one_text_is_matched_as_a_text(tuned_shop: Workspace) -> None:
    (found,) = match_texts(tuned_shop, "什么时候发货")
    assert found == next(iter(match_texts(tuned_shop, ["什么时候发货"])))


def test_a_path_may_be_text_and_one_thing_may_stand_where_several_go(tmp_path: Path) -> None:
    project: Any = str(tmp_path / "shop")
    table: Any = str(tmp_path / "faq.csv")
    Path(table).write_text("question,answer\nwhen does it ship,tomorrow\n", encoding="utf-8")
    noise: Any = None
    name: Any = Path("builtin")
    made = faqtune.init_project(project, table, noise=noise, model=name)
    assert made.written
    config = made.path.read_text(encoding="utf-8")
    faqtune.init_project(Workspace(project), (Path(table),), model="builtin", force=True)
    assert made.path.read_text(encoding="utf-8") == config
    target: Any = str(tmp_path / "faq.jsonl")
    faqtune.convert(table, target)
    assert Path(target).exists()


@pytest.mark.parametrize("given", [3, b"model"])
def test_what_is_no_path_is_said_to_be_none_with_its_parameter(
    tuned_shop: Workspace, tmp_path: Path, given: Any
) -> None:
    with pytest.raises(TypeError, match=f"`out` takes a path, and no {type(given).__name__}"):
        faqtune.trim_model(tuned_shop, "builtin", out=given)
    with pytest.raises(TypeError, match="`keep_texts` takes a path"):
        faqtune.trim_model(tuned_shop, "builtin", out=tmp_path / "small", keep_texts=given)


def test_every_path_and_list_of_the_door_is_taken_so() -> None:
    steps = [getattr(faqtune, name) for name in faqtune.__all__ if name in faqtune._HOMES]
    wrapped = [inspect.signature(step) for step in steps if inspect.isfunction(step) and hasattr(step, "__wrapped__")]
    forms = {str(parameter.annotation) for one in wrapped for parameter in one.parameters.values()}
    wanted = {form for form in forms if "Path" in form or form.startswith(("tuple[str", "Sequence[str"))}
    assert "Workspace" in forms and wanted <= set(door._TAKEN) and len(wanted) >= 4


def test_one_script_is_a_script(tuned_shop: Workspace, tmp_path: Path) -> None:
    scripts: Any = "klingon"
    with pytest.raises(UserError, match="klingon"):
        faqtune.trim_model(tuned_shop, "builtin", out=tmp_path / "small", scripts=scripts)


def test_one_override_is_an_override(tuned_shop: Workspace) -> None:
    overrides: Any = "seed=17"
    with pytest.raises(UserError, match="no interrupted training"):
        train_model(tuned_shop, overrides=overrides, resume=True)


def test_a_precision_that_there_is_not_is_refused(tiny_model_folder: Path) -> None:
    precision: Any = "int8"
    with pytest.raises(UserError, match="unknown precision 'int8'") as error:
        load_model(tiny_model_folder, max_length_tokens=64, precision=precision)
    assert "auto, float32, bfloat16, float16" in error.value.next_step
