"""`tune` and `demo`: everything in one go, and nothing twice."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

import faqtune
from faqtune import UserError, Workspace, __version__, claims, label_queries, make_split, steps, tune, tune_sample
from faqtune.commands import tune as command
from faqtune.records import Claim
from faqtune.runs import find_run


def test_the_second_time_everything_is_skipped_and_said_to_be(tuned_shop: Workspace, heard: Any) -> None:
    made = tune(tuned_shop, reporter=heard)

    steps = (made.ingested, made.labelled, made.splitted, made.trained, made.evaluated)
    assert [step.skipped for step in steps] == [True] * 5
    assert sum("(nothing has changed)" in line for line in heard.lines) == 5
    assert not any("loading" in line for line in heard.lines)


def test_after_an_update_cheap_steps_are_made_again_and_the_training_and_peoples_work_stay(
    tuned_shop: Workspace, monkeypatch: pytest.MonkeyPatch, heard: Any
) -> None:
    query = tuned_shop.queries()[0]
    by_hand = Claim(query.id, None, "human:li", 1.0, reason="chitchat")
    claims.append(tuned_shop.claims_path, [by_hand])
    before = tune(tuned_shop)
    settings = tuned_shop.config_path.read_bytes()
    monkeypatch.setattr(steps, "__version__", "9.0")
    made = tune(tuned_shop, reporter=heard)

    cheap = (made.ingested, made.labelled, made.splitted, made.evaluated)
    assert [step.skipped for step in cheap] == [False] * 4
    assert made.trained.skipped and made.trained.run.name == before.trained.run.name
    again = [line for line in heard.lines if line.endswith(f"made by faqtune {__version__}, this is 9.0: made again")]
    assert len(again) == 4
    assert any(line == f"{made.trained.run.name}: made by faqtune {__version__}, this is 9.0: {steps.KEPT}"
               for line in heard.lines)  # fmt: skip
    assert by_hand.by in {claim.by for claim in claims.read(tuned_shop.claims_path)}
    assert tuned_shop.config_path.read_bytes() == settings
    for one, other in zip(before.evaluated.scorecards, made.evaluated.scorecards, strict=True):
        assert one.figures == other.figures

    assert tune(tuned_shop).evaluated.skipped


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


def test_the_first_time_it_says_what_each_file_was_taken_for(
    small_shop_files: Path, tiny_model_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, heard: Any
) -> None:
    """Chats that are taken for chatter would else be noticed by nobody."""
    chats = tmp_path / "三月.txt"
    chats.write_text("甲：在吗\n乙：在的\n甲：几天能到\n", encoding="utf-8")
    monkeypatch.setattr(command, "_all_steps", lambda *given, **more: None)
    files = (small_shop_files / "FAQ.xlsx", chats)
    tune(Workspace(tmp_path / "shop"), files, model=str(tiny_model_folder), reporter=heard)
    assert heard.lines[0].startswith("FAQ.xlsx: catalogue (sheet): ")
    assert "三月.txt: noise (sentences, utf-8): 3 sentences" in heard.lines
    assert any(line.startswith("    ! 三月.txt: taken for everyday chatter, a sentence a line") for line in heard.lines)
    monkeypatch.setattr(command, "MOST_LINES", 1)
    tune(Workspace(tmp_path / "other"), files, model=str(tiny_model_folder), reporter=heard)
    assert heard.lines[-1].startswith("    … and ") and heard.lines[-1].endswith(" more lines")


def test_what_needs_files_is_refused_without(tuned_shop: Workspace, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="together with the files only"):
        tune(tuned_shop, model="builtin")
    with pytest.raises(UserError, match="together with the files only"):
        tune(tuned_shop, noise=(tmp_path / "x",))
    with pytest.raises(UserError, match=r"no files were given, and there is no .*faqtune\.toml"):
        tune(Workspace(tmp_path / "nowhere"))


@pytest.mark.parametrize(
    ("wrong", "named"),
    [
        ({"model": "no/such/model"}, "no/such/model"),
        ({"recipe": "nosuch"}, "no recipe `nosuch`"),
        ({"overrides": ("stage.1.nope=3",)}, "nope"),
    ],
)
def test_a_wrong_model_or_recipe_is_refused_before_anything_is_written(
    small_shop_files: Path, tmp_path: Path, wrong: dict[str, Any], named: str
) -> None:
    """It used to be found after labelling, and the typo stayed in faqtune.toml."""
    workspace = Workspace(tmp_path / "new")
    with pytest.raises(UserError, match=named):
        tune(workspace, (small_shop_files / "FAQ.xlsx", small_shop_files / "logs"), **{"model": "builtin"} | wrong)
    assert not workspace.root.exists()


def test_where_nothing_is_labelled_that_is_the_reason_given(
    tuned_shop: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Hand labels only measure."""
    nothing = replace(label_queries(tuned_shop), claims=0)
    assert nothing.human > 0
    monkeypatch.setattr(command, "label_queries", lambda *_, **__: nothing)

    with pytest.raises(UserError, match="no label out of 96 exchanges"):
        tune(tuned_shop)


def test_with_few_conversations_the_advice_is_about_them(
    tuned_shop: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No shares of the split can help there."""
    made = make_split(tuned_shop)
    few = replace(made, conversations={"train": 2, "test": 1}, measured={**made.measured, "test": 3})
    monkeypatch.setattr(command, "make_split", lambda *_, **__: few)

    with pytest.raises(UserError, match=r"only 3 queries with an entry") as caught:
        tune(tuned_shop)

    assert "there are 3 conversations only: name the column or key of the session ids" in caught.value.next_step
    assert "[split]" not in caught.value.next_step


def test_with_one_entry_the_reason_for_no_label_is_that(tuned_shop: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    """The advice was to set a threshold, under which nothing is labelled either."""
    nothing = replace(label_queries(tuned_shop), claims=0, coverage={"only": 0})
    monkeypatch.setattr(command, "label_queries", lambda *_, **__: nothing)

    with pytest.raises(UserError, match="no label out of 96 exchanges: the catalogue has one entry only") as caught:
        tune(tuned_shop)

    assert "reply_threshold" not in caught.value.next_step


def test_too_few_labels_to_measure_are_found_before_the_training(
    tuned_shop: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("faqtune.commands.figures.enough.LEAST_QUERIES", 1_000)
    monkeypatch.setattr(command, "train_model", lambda *_, **__: pytest.fail("a training was begun"))

    with pytest.raises(UserError, match="too few for an honest figure"):
        tune(tuned_shop)


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


def test_on_several_gpus_the_training_is_a_process_for_each_and_all_else_is_done_here(
    new_shop: Workspace, cli: Callable[..., tuple[int, str, str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two processes on this CPU stand for two GPUs."""
    from faqtune.commands.training import launch

    monkeypatch.setattr(launch, "refuse_gpus", lambda gpus: None)
    monkeypatch.setattr(command, "refuse_gpus", lambda gpus: None)
    monkeypatch.setenv("PYTHONPATH", str(Path(faqtune.__file__).parents[1]))

    code, out, err = cli("tune", "--project", str(new_shop.root), "--gpus", "2", "--set", "seed=3", "--json")

    assert code == 0, err
    answer = json.loads(out)
    run = find_run(new_shop)
    assert answer["trained"]["run"]["folder"] == str(run.folder) and run.facts["processes"] == 2
    assert Path(answer["report"]).is_file() and not answer["evaluated"]["skipped"]
    assert err.count("4/6 training") == err.count("stage 1") == 1


def test_where_the_processes_fail_nothing_is_measured(new_shop: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[list[str]] = []
    monkeypatch.setattr(command, "refuse_gpus", lambda gpus: None)
    monkeypatch.setattr(command, "launch_on_gpus", lambda gpus, options, prints: asked.append(options) or 3)

    with pytest.raises(SystemExit) as end:
        tune(new_shop, gpus=2, track="tensorboard" if find_spec("tensorboard") else "", force=True)

    assert end.value.code == 3
    assert "--force" in asked[0] and f"--project={new_shop.root}" in asked[0]
    assert not list(new_shop.runs_path.glob("*"))


@pytest.mark.parametrize("wrong", [{"gpus": 64}, {"track": "paper"}])
def test_gpus_and_trackers_that_are_not_there_are_refused_before_anything_is_done(
    new_shop: Workspace, wrong: dict[str, Any]
) -> None:
    before = sorted(new_shop.root.rglob("*"))

    with pytest.raises(UserError, match=r"GPU|paper|there are"):
        tune(new_shop, **wrong)
    with pytest.raises(UserError, match=r"GPU|paper|there are"):
        tune_sample(Workspace(new_shop.root / "demo"), **wrong)

    assert sorted(new_shop.root.rglob("*")) == before


def test_a_tracker_follows_the_training(new_shop: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []
    monkeypatch.setattr(command, "refuse_tracker", lambda name: None)
    monkeypatch.setattr(command, "train_model", lambda *_, track, **__: asked.append(track) or _stop())

    with pytest.raises(KeyboardInterrupt):
        tune(new_shop, track="mlflow")

    assert asked == ["mlflow"]


def _stop() -> None:
    raise KeyboardInterrupt
