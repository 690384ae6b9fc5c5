"""`tune` and `demo`: everything in one go, and nothing twice."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from faqtune import UserError, Workspace, tune, tune_sample
from faqtune.commands import tune as command
from faqtune.progress import Silent


class Heard(Silent):
    def __init__(self) -> None:
        self.lines: list[str] = []

    def say(self, text: str) -> None:
        self.lines.append(text)


def test_the_second_time_everything_is_skipped_and_said_to_be(tuned_shop: Workspace) -> None:
    heard = Heard()

    made = tune(tuned_shop, reporter=heard)

    steps = (made.ingested, made.labelled, made.splitted, made.trained, made.evaluated)
    assert [step.skipped for step in steps] == [True] * 5
    assert sum("(nothing has changed)" in line for line in heard.lines) == 5
    assert not any("loading" in line for line in heard.lines)


def test_with_the_files_again_the_users_edits_stay(tuned_shop: Workspace) -> None:
    root = tuned_shop.root
    text = tuned_shop.config_path.read_text(encoding="utf-8").replace("# seed = 0", "seed = 0  # mine")
    tuned_shop.config_path.write_text(text, encoding="utf-8")

    made = tune(tuned_shop, (root / "FAQ.xlsx", root / "logs"), noise=(root / "chatter.json",))

    assert made.evaluated.skipped
    assert tuned_shop.config_path.read_text(encoding="utf-8") == text


def test_changed_hand_labels_are_measured_without_training_again(tuned_shop: Workspace) -> None:
    """The last label of the file becomes another one; its conversation was for testing before."""
    gold = tuned_shop.root / "gold.jsonl"
    *rest, last = gold.read_text(encoding="utf-8").splitlines()
    changed = json.loads(last) | {"reason": "unclear"}
    gold.write_text("\n".join([*rest, json.dumps(changed, ensure_ascii=False)]) + "\n", encoding="utf-8")

    made = tune(tuned_shop)

    assert (made.ingested.skipped, made.labelled.skipped, made.splitted.skipped) == (True, False, False)
    assert (made.trained.skipped, made.evaluated.skipped) == (True, False)
    assert made.evaluated.scorecards[0].counts["garbage"] == 1


def test_what_needs_files_is_refused_without(tuned_shop: Workspace, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="together with the files only"):
        tune(tuned_shop, model="builtin")
    with pytest.raises(UserError, match="together with the files only"):
        tune(tuned_shop, noise=(tmp_path / "x",))
    with pytest.raises(UserError, match=r"no files were given, and there is no .*faqtune\.toml"):
        tune(Workspace(tmp_path / "nowhere"))


def test_the_demo_keeps_what_a_newcomer_changed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The sample files are copied once, and the configuration is written once."""

    def stop(*_: object, **__: object) -> None:
        raise StopIteration

    monkeypatch.setattr(command, "ingest_files", stop)
    workspace = Workspace(tmp_path / "demo")
    with pytest.raises(StopIteration):
        tune_sample(workspace)
    config = workspace.config()
    assert (config.model.base, config.train.recipe) == ("builtin", "quick")
    assert config.catalogue.files == ["files/base2.xlsx"]

    text = workspace.config_path.read_text(encoding="utf-8").replace('"builtin"', '"my/model"')
    workspace.config_path.write_text(text, encoding="utf-8")
    gold = workspace.root / "files" / "gold.jsonl"
    gold.write_text(gold.read_text(encoding="utf-8").splitlines()[0] + "\n", encoding="utf-8")
    with pytest.raises(StopIteration):
        tune_sample(workspace)

    assert workspace.config_path.read_text(encoding="utf-8") == text
    assert len(gold.read_text(encoding="utf-8").splitlines()) == 1


@pytest.mark.slow
def test_the_demo_from_end_to_end(builtin_model_folder: Path, tmp_path: Path) -> None:
    """Minutes of a laptop's CPU: on the sample the tuned built-in model must clearly beat the original."""
    made = tune_sample(Workspace(tmp_path / "demo"))

    comparison = made.evaluated.comparison
    assert comparison is not None
    for name in ("oscr@5", "auroc"):
        assert comparison.differences[name].low > 0, name
    assert made.report.exists()
    assert tune_sample(Workspace(tmp_path / "demo")).evaluated.skipped


def _stop(*_: object, **__: object) -> None:
    raise AssertionError("a later step was begun")


@pytest.mark.parametrize("wrong", [{"recipe": "defualt"}, {"overrides": ("stage.1.nope=3",)}])
def test_a_wrong_recipe_is_said_before_anything_is_done(
    new_shop: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, wrong: dict[str, object]
) -> None:
    monkeypatch.setattr(command, "ingest_files", _stop)
    fresh = Workspace(tmp_path / "fresh")

    with pytest.raises(UserError, match=r"no recipe `defualt`|unknown key `stage\.1\.nope`"):
        tune(fresh, (new_shop.root / "FAQ.xlsx", new_shop.root / "logs"), **wrong)  # type: ignore[arg-type]

    assert not fresh.config_path.exists()


def test_without_a_label_the_reason_is_said_at_once(new_shop: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(command, "make_split", _stop)
    talk = [{"input": f"你好{number}", "output": "亲，在的呢"} for number in range(30)]
    logs = [{"conversation_id": str(number), "conversation": [turn]} for number, turn in enumerate(talk)]
    (new_shop.root / "talk.json").write_text(json.dumps(logs, ensure_ascii=False), encoding="utf-8")
    text = new_shop.config_path.read_text(encoding="utf-8").replace('["logs"]', '["talk.json"]')
    text = text.replace('files = ["gold.jsonl"]', "").replace("# reply_threshold = ", "reply_threshold = 1.0 # ")
    new_shop.config_path.write_text(text, encoding="utf-8")

    with pytest.raises(UserError, match=r"no label out of \d+ exchanges.* Next: check that the logs are about"):
        tune(new_shop)


def test_too_few_test_labels_are_said_before_the_training(
    tuned_shop: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(command, "train_model", _stop)
    monkeypatch.setattr("faqtune.commands.evaluate.LEAST_QUERIES", 1000)

    with pytest.raises(UserError, match=r"only \d+ queries with an entry, too few for an honest figure"):
        tune(tuned_shop)
