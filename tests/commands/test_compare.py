"""`compare`: which models, what is written where, what was frozen, and what a layer's change does."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from faqtune import UserError, Workspace, compare_models
from faqtune.commands.mixing.layers import measure_layers, selection
from faqtune.runs import Run, find_run
from faqtune.stored import write_json

Run_ = Callable[..., tuple[int, str, str]]
WORDS = "embeddings.word_embeddings.weight"


def change_weights(folder: Path, **change: Callable[[Any], Any]) -> None:
    """Write a model anew with the tensors changed whose names contain a key (`_` for `.`)."""
    file = folder / "model.safetensors"
    weights = load_file(file)
    for part, do in change.items():
        for name in [name for name in weights if part in name.replace(".", "_")]:
            weights[name] = np.ascontiguousarray(do(weights[name]), dtype=np.float32)
    save_file(weights, file, metadata={"format": "pt"})


@pytest.fixture
def run(tuned_shop: Workspace) -> Run:
    return find_run(tuned_shop)


def test_by_default_the_newest_run_is_compared_with_its_base(tuned_shop: Workspace, run: Run) -> None:
    change_weights(run.model_path, layer_0=lambda w: 1.2 * w)

    made = compare_models(tuned_shop)

    assert (made.a, made.b) == (run.base, run.name)
    assert made.weights.total.changed
    assert made.frozen_ok is True
    assert made.frozen is not None and made.frozen.declared == ("embeddings",)
    assert made.paths == [str(run.folder / "compare.json"), str(run.folder / "compare.svg")]
    kept = json.loads(Path(made.paths[0]).read_text(encoding="utf-8"))
    assert kept["frozen_ok"] is True
    assert [layer["layer"] for layer in kept["weights"]["layers"]][:3] == ["embeddings", "layer 0", "layer 1"]
    assert run.name in Path(made.paths[1]).read_text(encoding="utf-8")


def test_one_name_is_compared_with_the_newest_run(tuned_shop: Workspace, run: Run) -> None:
    made = compare_models(tuned_shop, "tuned")

    assert (made.a, made.b) == (run.name, run.name)
    assert not made.weights.total.changed
    assert "same folder" in made.notes[0]


def test_a_run_that_was_trained_from_something_else_is_not_said_to_be_frozen(
    tuned_shop: Workspace, run: Run, tmp_path: Path
) -> None:
    other = shutil.copytree(tuned_shop.config().model.base, tmp_path / "other")
    change_weights(other, word_embeddings=lambda w: w + 1)

    made = compare_models(tuned_shop, str(other), run.name)

    assert (made.frozen_ok, made.frozen, made.paths) == (None, None, [])
    assert "give a folder with --out" in made.notes[-1]
    assert not (run.folder / "compare.json").exists()


def test_two_folders_need_no_project(tiny_model_folder: Path, tmp_path: Path) -> None:
    other = shutil.copytree(tiny_model_folder, tmp_path / "other")
    change_weights(other, layer_1_output=lambda w: 2 * w)

    made = compare_models(Workspace(tmp_path / "no"), str(tiny_model_folder), str(other), out=tmp_path / "new" / "out")

    assert [layer.layer for layer in made.weights.layers if layer.change.changed] == ["layer 1"]
    assert sorted(path.name for path in (tmp_path / "new" / "out").iterdir()) == ["compare.json", "compare.svg"]
    assert not (tmp_path / "no").exists()


def test_a_frozen_layer_that_moved_fails_loudly(cli: Run_, tuned_shop: Workspace, run: Run) -> None:
    change_weights(run.model_path, word_embeddings=lambda w: np.nextafter(w, np.float32(9)))

    code, out, err = cli("compare", "--project", str(tuned_shop.root))
    as_json = cli("compare", "--project", str(tuned_shop.root), "--json")

    assert (code, as_json[0]) == (1, 1)
    warning = f"WARNING: the recipe froze embeddings, and yet 1 of their tensors moved: {WORDS}"
    assert warning in out and warning in err and warning in as_json[2]
    assert json.loads(as_json[1])["frozen_ok"] is False


def test_a_recipe_that_freezes_nothing_is_said_to(cli: Run_, tuned_shop: Workspace, run: Run) -> None:
    recipe = json.loads((run.folder / "recipe.json").read_text(encoding="utf-8"))
    recipe["stages"][0]["freeze"]["embeddings"] = False
    write_json(run.folder / "recipe.json", recipe)

    code, out, _ = cli("compare", "--project", str(tuned_shop.root))

    assert code == 0
    assert "frozen: the recipe froze nothing in every stage" in out


@pytest.mark.parametrize("content", ["{}", '{"stages": 3}', '{"stages": [{"freeze": {"lower_layers": "x"}}]}', "{"])
def test_a_damaged_recipe_is_one_clear_error(tuned_shop: Workspace, run: Run, content: str) -> None:
    (run.folder / "recipe.json").write_text(content, encoding="utf-8")

    with pytest.raises(UserError, match=r"recipe\.json is damaged"):
        compare_models(tuned_shop)


def test_bad_input_is_one_clear_error_and_nothing_is_written(
    cli: Run_, tuned_shop: Workspace, tiny_model_folder: Path, tmp_path: Path
) -> None:
    base = str(tiny_model_folder)
    cut = shutil.copytree(base, tmp_path / "cut")
    file = cut / "model.safetensors"
    file.write_bytes(file.read_bytes()[:-8])
    (tmp_path / "empty").mkdir()
    (tmp_path / "out").write_text("a file", encoding="utf-8")
    bad = {
        (base, str(cut)): "it is cut off",
        (base, str(tmp_path / "empty")): "is not a model folder",
        (base, str(tmp_path / "nowhere")): "there is no folder",
        (base, str(file)): "is a file",
        (base, base, "--out", str(tmp_path / "out")): "out",
        (base, base, "--data", "--project", str(tmp_path)): "there is no project in",
    }
    for arguments, said in bad.items():
        code, out, err = cli("compare", "--project", str(tuned_shop.root), *arguments)
        assert (code, out) == (2, ""), arguments
        assert said in err and err.count("Next: ") == 1
        assert "Traceback" not in err


def test_the_table_says_what_moved_what_is_missing_and_which_tokens(
    cli: Run_, tiny_model_folder: Path, tmp_path: Path
) -> None:
    other = shutil.copytree(tiny_model_folder, tmp_path / "other")
    weights = load_file(other / "model.safetensors")
    number = json.loads((other / "tokenizer.json").read_text(encoding="utf-8"))["model"]["vocab"].index(["发", -1.0])
    weights[WORDS] = weights[WORDS].copy()
    weights[WORDS][number] *= 3
    weights["encoder.layer.0.output.dense.bias"] = np.zeros(5, np.float32)
    del weights["encoder.layer.1.output.dense.bias"]
    save_file(weights, other / "model.safetensors", metadata={"format": "pt"})

    code, out, _ = cli("compare", str(tiny_model_folder), str(other))

    assert code == 0
    lines = [line.split() for line in out.splitlines()]
    assert ["layer", "1", "0", "of", "15", "same"] in lines
    assert [str(number), "发", "2"] in lines
    assert "1 only in A, not compared: encoder.layer.1.output.dense.bias" in out
    assert "1 of another shape, not compared: encoder.layer.0.output.dense.bias [32] → [5]" in out


def test_a_layer_that_does_harm_is_found_by_putting_it_back(tuned_shop: Workspace, run: Run) -> None:
    """The tuned model is the base, but that its last norm gives every text the same vector."""
    shutil.copyfile(Path(run.base) / "model.safetensors", run.model_path / "model.safetensors")
    change_weights(
        run.model_path,
        layer_1_output_LayerNorm_bias=lambda w: w + 1e6,
        layer_0_output_dense_bias=lambda w: w + 1e-4,
    )

    made = compare_models(tuned_shop, data=True, resamples=200).data

    assert made is not None
    assert [found.layer for found in made.reverted] == ["layer 0", "layer 1"]
    harmless, harmful = (found.differences["recall@1"] for found in made.reverted)
    assert harmful["low"] > 0, "clearly better without"
    assert harmless["low"] <= 0 <= harmless["high"]
    assert all(found.skipped_tensors == [] for found in made.reverted)
    assert made.part.startswith("selection")
    assert made.figures["accepted"]["value"] <= 0.05
    assert [probe.name for probe in made.probes] == ["in distribution", "noise", "general"]
    for probe in made.probes:
        assert list(probe.cka) == ["embeddings", "layer 0", "layer 1"]
        # With CLS pooling every text has the same vector before the first layer.
        assert probe.cka["embeddings"] is None
        first, last = probe.cka["layer 0"], probe.cka["layer 1"]
        assert first is not None
        assert first > 0.999
        assert last is None or last < first


def test_the_figures_of_a_reverted_layer_are_those_of_a_model_made_so(
    tuned_shop: Workspace, run: Run, tmp_path: Path
) -> None:
    """The naive twin: a folder with the one layer's weights exchanged, measured like any model."""
    from faqtune.commands.project.models import load_model
    from faqtune.evaluate import evaluate
    from faqtune.progress import Silent

    change_weights(run.model_path, layer_0=lambda w: 1.2 * w)
    base = Path(run.base)
    made = compare_models(tuned_shop, data=True, resamples=100).data
    assert made is not None
    mixed = shutil.copytree(run.model_path, tmp_path / "mixed")
    weights, before = load_file(mixed / "model.safetensors"), load_file(base / "model.safetensors")
    weights |= {name: values for name, values in before.items() if "layer.0." in name}
    save_file(weights, mixed / "model.safetensors", metadata={"format": "pt"})

    data = selection(tuned_shop).data
    outcomes = [evaluate(load_model(tuned_shop, name, Silent(), exact=True), data) for name in (run.name, str(mixed))]

    found = next(layer for layer in made.reverted if layer.layer == "layer 0").differences
    rates = [np.mean(o.ranks == 1) for o in outcomes]
    accepted = [np.mean(o.noise_scores >= made.threshold_cosine) for o in outcomes]
    assert found["recall@1"]["value"] == pytest.approx(rates[1] - rates[0])
    assert found["accepted"]["value"] == pytest.approx(accepted[1] - accepted[0])


def test_the_test_part_is_never_read(tuned_shop: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    from faqtune.commands.project import assemble

    asked = []
    whole = assemble.evaluation_set
    monkeypatch.setattr(assemble, "evaluation_set", lambda project, part: asked.append(part) or whole(project, part))

    selection(tuned_shop)

    assert asked == ["selection"]
    assert measure_layers.__module__ == "faqtune.commands.mixing.layers"


def test_with_data_the_tables_are_shown(cli: Run_, tuned_shop: Workspace, run: Run) -> None:
    change_weights(run.model_path, layer_0=lambda w: 1.2 * w)

    code, out, _ = cli("compare", "--data", "--resamples", "100", "--project", str(tuned_shop.root))

    assert code == 0
    assert "How alike A and B see texts" in out
    assert "everyday sentences shipped with faqtune" in out
    assert "B with one layer put back to A: difference to B" in out
    assert "B as it is" in out


def test_what_took_minutes_stays_until_the_models_are_others(tuned_shop: Workspace, run: Run) -> None:
    change_weights(run.model_path, layer_0=lambda w: 1.2 * w)
    path = Path(compare_models(tuned_shop, data=True, resamples=100).paths[0])
    found = json.loads(path.read_text(encoding="utf-8"))["data"]
    compare_models(tuned_shop)
    assert found and json.loads(path.read_text(encoding="utf-8"))["data"] == found

    change_weights(run.model_path, layer_1=lambda w: 1.2 * w)
    compare_models(tuned_shop)
    assert json.loads(path.read_text(encoding="utf-8"))["data"] is None


def test_models_that_do_not_differ_have_nothing_to_put_back(
    cli: Run_, tuned_shop: Workspace, run: Run, tmp_path: Path
) -> None:
    arguments = ("compare", run.name, run.name, "--data", "--resamples", "100", "--out", str(tmp_path / "out"))

    code, out, _ = cli(*arguments, "--project", str(tuned_shop.root))

    assert code == 0
    assert "there is nothing to put back" in out
    kept = json.loads((tmp_path / "out" / "compare.json").read_text(encoding="utf-8"))
    assert kept["data"]["figures"].keys() >= {"recall@1", "accepted"}
    assert {value and round(value, 6) for probe in kept["data"]["probes"] for value in probe["cka"].values()} <= {
        None,
        1.0,
    }
