"""`train`: skipped, done again, interrupted and resumed."""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import signal
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from faqtune import UserError, Workspace, make_split, train_model
from faqtune.commands import train
from faqtune.commands.project.assemble import evaluation_set, load_project
from faqtune.commands.train import Interrupted
from faqtune.commands.training.finish import trained_sizes
from faqtune.progress import Silent
from faqtune.recipe import Recipe
from faqtune.records import CALIBRATION, TRAIN, OwnPair
from faqtune.runs import DONE, INTERRUPTED, ON_PURPOSE, RUNNING, Run, all_runs, find_run
from faqtune.stored import read_json, write_json, write_jsonl


class Killed(BaseException):
    """A kill: nothing catches it."""


class CtrlC(Silent):
    """Presses Ctrl-C after so many steps."""

    def __init__(self, after_steps: int) -> None:
        self.after_steps = after_steps
        self.steps: list[int] = []

    def advance(self, what: str, done: int, total: int) -> None:
        self.steps.append(done)
        if done == self.after_steps:
            self.stop()

    def stop(self) -> None:
        os.kill(os.getpid(), signal.SIGINT)


class Kill(CtrlC):
    """The same with a kill."""

    def stop(self) -> None:
        raise Killed


def test_a_finished_training_is_left_as_it_is(tuned_shop: Workspace) -> None:
    run = find_run(tuned_shop)
    weights = (run.model_path / "model.safetensors").stat().st_mtime_ns

    made = train_model(tuned_shop)

    assert made.skipped
    assert made.run.name == run.name
    assert (run.model_path / "model.safetensors").stat().st_mtime_ns == weights
    assert made.before.keys() == made.after.keys() >= {"recall@1", "auroc"}


def test_the_card_and_the_threshold_say_what_was_trained_on_and_for_which_model(tuned_shop: Workspace) -> None:
    """The card counted dialogues that the recipe has no use for, and the threshold went by the base model's name."""
    run = find_run(tuned_shop)

    card = (run.model_path / "README.md").read_text(encoding="utf-8")
    counted = re.search(r"## Trained on\n\n.*?\n\n", card, re.DOTALL)
    assert counted and re.findall(r"^\| (\w+) \|", counted[0], re.MULTILINE) == ["labels", "catalogue", "noise"]
    assert run.facts["data"]["dialogues"] > 0
    recipe = re.search(r"````json\n(.*?)\n````", card, re.DOTALL)
    assert recipe and json.loads(recipe[1]) == json.loads((run.folder / "recipe.json").read_text(encoding="utf-8"))
    assert json.loads(run.thresholds_path.read_text(encoding="utf-8"))["model"] == run.name != run.base


def test_a_threshold_is_set_without_noise_that_an_earlier_run_was_trained_on(tuned_shop: Workspace) -> None:
    """As after other shares of the split: noise that trained the run which this one goes on from calibrates by now."""
    first = find_run(tuned_shop)
    before = len(evaluation_set(load_project(tuned_shop), CALIBRATION).negatives)
    split = read_json(tuned_shop.split_path, "")
    moved = next(source for source, part in split["noise"].items() if part == TRAIN)
    split["noise"][moved] = CALIBRATION
    write_json(tuned_shop.split_path, split)
    assert len(evaluation_set(load_project(tuned_shop), CALIBRATION).negatives) > before

    anew = train_model(tuned_shop)
    assert read_json(anew.run.thresholds_path, "")["noise"] > before

    going_on = train_model(tuned_shop, base=first.name)
    assert read_json(going_on.run.thresholds_path, "")["noise"] == before


@pytest.mark.parametrize(
    ("data", "noise", "used"),
    [
        ({"weak_labels": 1}, 0, ["labels"]),
        ({"dialogues": 1, "catalogue": 0}, 4, ["dialogues", "noise"]),
        ({"human_labels": 1, "catalogue": 2}, 4, ["labels", "catalogue", "noise"]),
    ],
)
def test_of_the_data_the_sources_that_a_recipe_draws_are_counted(
    data: dict[str, float], noise: int, used: list[str]
) -> None:
    stage = {"data": data, "batch_noise": noise, "losses": {"ranking": {"weight": 1.0}}}
    plan = Recipe.model_validate({"stages": [stage]})
    sizes = dict.fromkeys(("labels", "catalogue", "dialogues", "noise"), 7)
    assert list(trained_sizes(plan, sizes)) == used


def test_other_settings_are_another_run_and_the_one_asked_for_last_is_the_newest(tuned_shop: Workspace) -> None:
    first = find_run(tuned_shop)

    other = train_model(tuned_shop, overrides=("seed=1",))
    assert not other.skipped
    assert find_run(tuned_shop).name == other.run.name != first.name

    assert train_model(tuned_shop).skipped
    assert find_run(tuned_shop).name == first.name


def test_pairs_of_the_users_own_are_trained_on_and_counted(tuned_shop: Workspace, heard: Any) -> None:
    first = find_run(tuned_shop)
    entry = next(e.id for e in tuned_shop.catalogue() if e.id not in tuned_shop.split().held_out)
    own = [OwnPair("我老家那边的亲戚也想喝一点尝尝鲜", entry, True, "annonated_dataset.json#1")]
    write_jsonl(tuned_shop.own_pairs_path, own)

    made = train_model(tuned_shop, reporter=heard)

    assert not made.skipped
    said = [line for line in heard.lines if line.startswith("your own pairs")]
    assert len(said) == 1
    assert said[0].startswith("your own pairs: 1 of 1 are trained on; left out 0 of entries held out")
    assert made.run.facts["data"]["labels"] == first.facts["data"]["labels"] + 1


def test_an_interrupted_training_goes_on_even_if_forced(tuned_shop: Workspace) -> None:
    stopped = CtrlC(after_steps=2)
    with pytest.raises(Interrupted, match="holds all that was done") as raised:
        train_model(tuned_shop, overrides=("seed=2",), force=True, reporter=stopped)

    assert raised.value.exit_code == 130
    assert stopped.steps == [1, 2]
    assert [run.status for run in all_runs(tuned_shop)] == [DONE, INTERRUPTED]

    rest = CtrlC(after_steps=99)
    made = train_model(tuned_shop, overrides=("seed=2",), force=True, reporter=rest)
    assert rest.steps == [3, 4]
    assert (made.run.status, made.skipped) == (DONE, False)


def test_force_trains_again(tuned_shop: Workspace) -> None:
    heard = CtrlC(after_steps=99)

    made = train_model(tuned_shop, force=True, reporter=heard)

    assert heard.steps == [1, 2, 3, 4]
    assert not made.skipped


def test_a_forced_training_leaves_the_finished_one_usable_until_it_is_finished_itself(tuned_shop: Workspace) -> None:
    first = find_run(tuned_shop)
    facts, model = (first.folder / "run.json").read_bytes(), (first.model_path / "model.safetensors").read_bytes()
    with pytest.raises(Killed):
        train_model(tuned_shop, force=True, reporter=Kill(after_steps=2))

    assert find_run(tuned_shop).name == first.name
    assert (first.folder / "run.json").read_bytes() == facts
    assert (first.model_path / "model.safetensors").read_bytes() == model
    (begun,) = (run for run in all_runs(tuned_shop) if run.name != first.name)
    assert (begun.name, begun.status, begun.inputs) == (f"{first.name}-2", RUNNING, first.inputs)

    made = train_model(tuned_shop)
    assert (made.run.name, made.skipped, find_run(tuned_shop).name) == (begun.name, False, begun.name)
    assert train_model(tuned_shop, force=True).run.name == f"{first.name}-3"
    assert (first.model_path / "model.safetensors").read_bytes() == model


@pytest.mark.parametrize("gone", ["", "model.safetensors"])
def test_a_model_that_was_thrown_away_is_trained_again(tuned_shop: Workspace, gone: str) -> None:
    run = find_run(tuned_shop)
    if gone:
        (run.model_path / gone).unlink()
    else:
        shutil.rmtree(run.model_path)

    assert not train_model(tuned_shop).skipped
    assert (run.model_path / "model.safetensors").exists()


def test_a_recipe_of_the_configuration_is_found_from_the_project(
    tuned_shop: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert tuned_shop.config().train.recipe == "few_steps.toml"
    monkeypatch.chdir("/")

    assert train_model(tuned_shop).skipped


def test_a_model_that_cannot_be_chosen_is_not_trained(tuned_shop: Workspace) -> None:
    text = tuned_shop.config_path.read_text(encoding="utf-8")
    tuned_shop.config_path.write_text(re.sub("selection = 0.25", "selection = 0", text), encoding="utf-8")
    make_split(tuned_shop)

    with pytest.raises(UserError, match="the selection part has 0 labelled queries and 0 noise sentences"):
        train_model(tuned_shop)


def test_a_metric_that_the_selection_part_does_not_give_is_refused_before_the_model_is_loaded(
    tuned_shop: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    runs = list(all_runs(tuned_shop))
    monkeypatch.setattr(train, "load_model", _kill)
    for setting in ("metric", "guard"):
        with pytest.raises(UserError, match="selection part gives no oscr@1/unsupported: too few"):
            train_model(tuned_shop, overrides=(f"selection.{setting}=oscr@1/unsupported",))
    assert list(all_runs(tuned_shop)) == runs
    with pytest.raises(Killed):
        train_model(tuned_shop, overrides=("selection.metric=auroc/chatter", "selection.guard=augrc_queries"))


def test_heads_are_trained_by_a_recipe_and_named_in_the_card(tuned_shop: Workspace) -> None:
    asked = ("stage.1.heads.sparse=true", "stage.1.heads.multi_vector=true", "stage.1.learning_rate=1e-3")
    made = train_model(tuned_shop, overrides=asked)

    assert made.best_step != (0, 0)
    card = (made.run.model_path / "README.md").read_text(encoding="utf-8")
    assert "for FlagEmbedding's `BGEM3FlagModel`: `sparse_linear.pt`, `colbert_linear.pt`." in card
    steps = [event["parts"] for event in read_log(made.run) if event["event"] == "step"]
    assert steps and all({"ranking", "heads_sparse", "heads_multi_vector"} <= parts.keys() for parts in steps)


def read_log(run: Run) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (run.folder / "log.jsonl").read_text(encoding="utf-8").splitlines()]


CLASSIC = ("stage.1.max_steps=4", "selection.guard=recall@5", "selection.guard_tolerance=1")


def test_the_classic_stage_learns_from_weak_labels_and_the_model_with_the_lowest_noise_similarity_is_kept(
    tuned_shop: Workspace,
) -> None:
    made = train_model(tuned_shop, recipe="classic", overrides=(*CLASSIC, "stage.1.learning_rate=1e-3"))

    events = [json.loads(line) for line in (made.run.folder / "log.jsonl").read_text("utf-8").splitlines()]
    measured = [event["figures"]["noise_similarity"] for event in events if event["event"] == "measured"]
    best = [event["figures"]["noise_similarity"] for event in events if event["event"] == "measured" and event["best"]]
    assert best[-1] == min(measured)
    assert (made.before["noise_similarity"], made.after["noise_similarity"]) == (
        round(measured[0], 6), round(best[-1], 6)
    ), "it is what the model was chosen by"  # fmt: skip
    assert "| noise_similarity |" in (made.run.model_path / "README.md").read_text(encoding="utf-8")
    assert set(events[1]["figures"]) >= {
        "noise_similarity",
        "noise_compared",
        "near_noise_per_step",
        "queries_without_negative",
    }
    assert all(set(event["parts"]) == {"online_contrastive"} for event in events if event["event"] == "step")


def test_two_classic_stages_need_hand_labels_that_train(tuned_shop: Workspace) -> None:
    overrides = (*CLASSIC, "stage.2.max_steps=3")
    with pytest.raises(UserError, match=r"stage 2 .* no human labels in the training part.*human_labels_for_training"):
        train_model(tuned_shop, recipe="classic-two-stage", overrides=overrides)

    text = tuned_shop.config_path.read_text("utf-8")
    tuned_shop.config_path.write_text(
        re.sub(r"(?m)^# human_labels_for_training.*$", "human_labels_for_training = 0.6", text), "utf-8"
    )
    assert tuned_shop.config().split.human_labels_for_training == 0.6
    make_split(tuned_shop)
    made = train_model(tuned_shop, recipe="classic-two-stage", overrides=overrides)

    events = [json.loads(line) for line in (made.run.folder / "log.jsonl").read_text("utf-8").splitlines()]
    second = [event for event in events if event["event"] == "step" and event["stage"] == 2]
    assert second and all("noise_ceiling" in event["parts"] for event in second)


def test_a_recipe_that_mixes_makes_the_best_mixture_the_newest_run(tuned_shop: Workspace) -> None:
    overrides = ("seed=5", "merge.coefficients=[0.5]", "merge.forgetting_budget=1", "selection.guard_tolerance=1")
    made = train_model(tuned_shop, overrides=overrides)
    trained = next(run for run in all_runs(tuned_shop) if "merged" not in run.facts and run.facts.get("before"))
    if made.best_step != (0, 0):
        swept = json.loads((max(tuned_shop.root.glob("runs/*/merge.json"), key=os.path.getmtime)).read_text("utf-8"))
        assert [place["coefficient"] for place in swept["curve"]] == [0, 0.5, 1]
        assert find_run(tuned_shop).name == made.run.name
        assert ("merged" in made.run.facts) == (swept["chosen"] == 0.5)
    assert trained.status == DONE
    assert train_model(tuned_shop, overrides=overrides).skipped


def test_resume_goes_on_with_an_interrupted_training_and_does_nothing_else(tuned_shop: Workspace) -> None:
    with pytest.raises(UserError, match=r"no interrupted training of few steps .* to resume"):
        train_model(tuned_shop, overrides=("seed=3",), resume=True)
    assert len(list(all_runs(tuned_shop))) == 1
    with pytest.raises(Interrupted):
        train_model(tuned_shop, overrides=("seed=3",), reporter=CtrlC(after_steps=2))
    rest = CtrlC(after_steps=99)
    assert train_model(tuned_shop, overrides=("seed=3",), resume=True, reporter=rest).run.status == DONE
    assert rest.steps == [3, 4]


def test_a_training_beside_one_that_was_not_finished_says_so(tuned_shop: Workspace, heard: Any) -> None:
    with pytest.raises(Interrupted):
        train_model(tuned_shop, overrides=("seed=3",), reporter=CtrlC(after_steps=2))
    left = list(all_runs(tuned_shop))[-1].name
    train_model(tuned_shop, overrides=("seed=4",), reporter=heard)
    assert [text for text in heard.lines if f"{left} is not finished, and does not go on" in text]
    run = next(run for run in all_runs(tuned_shop) if run.name == left)
    run.facts[ON_PURPOSE] = True
    run.save()
    heard.lines.clear()
    train_model(tuned_shop, overrides=("seed=5",), reporter=heard)
    assert not any("does not go on" in text for text in heard.lines), "it is of a curve, whose command goes on with it"


def test_damaged_facts_of_an_unfinished_run_are_named_and_its_checkpoints_stay(
    tuned_shop: Workspace, heard: Any
) -> None:
    with pytest.raises(Interrupted):
        train_model(tuned_shop, overrides=("seed=3",), reporter=CtrlC(after_steps=2))
    begun = list(all_runs(tuned_shop))[-1]
    (begun.folder / "run.json").write_text("{", encoding="utf-8")
    made = train_model(tuned_shop, overrides=("seed=3",), reporter=heard)
    assert made.run.name == f"{begun.name}-2" and (begun.checkpoints_path / "01-0000002").is_dir()
    assert [text for text in heard.lines if f"{begun.name}/run.json is damaged" in text]


def test_who_cannot_resume_is_told_what_the_interrupted_training_was(tuned_shop: Workspace) -> None:
    with pytest.raises(Interrupted):
        train_model(tuned_shop, overrides=("seed=3",), reporter=CtrlC(after_steps=2))
    name = list(all_runs(tuned_shop))[-1].name
    with pytest.raises(UserError) as settings:
        train_model(tuned_shop, overrides=("seed=4",), resume=True)
    assert f"give the --set and the files that {name} was begun with" in settings.value.next_step
    with pytest.raises(UserError) as recipe:
        train_model(tuned_shop, recipe="quick", resume=True)
    assert f"give the recipe few steps to go on with {name}" in recipe.value.next_step


def test_what_was_changed_of_a_preset_is_named_so_that_it_can_be_resumed(
    tuned_shop: Workspace, cli: Callable[..., tuple[int, str, str]]
) -> None:
    begun = (
        "stage.1.max_steps=4",
        "selection.metric='recall@1'",
        "stage.1.losses.ranking.temperature=0.25",
        'stage.1.name="my own"',
    )
    with pytest.raises(Interrupted):
        train_model(tuned_shop, recipe="quick", overrides=begun, reporter=CtrlC(after_steps=2))
    name = list(all_runs(tuned_shop))[-1].name
    with pytest.raises(UserError) as error:
        train_model(tuned_shop, overrides=("seed=9",), resume=True)
    options = error.value.next_step.partition("give ")[2].partition(" and no other --set to go on with")[0]
    assert options.startswith("--recipe quick --set ") and name in error.value.next_step
    with pytest.raises(UserError, match=r"give --set .* and no other --set to go on with"):
        train_model(tuned_shop, recipe="quick", overrides=(*begun, "seed=9"), resume=True)
    # Where it is the data that has changed, the settings are not to blame.
    chatter, parts = tuned_shop.noise(), load_project(tuned_shop).split.noise
    one = next(sentence for sentence in chatter if parts[sentence.source] == TRAIN)
    write_jsonl(tuned_shop.noise_path, [sentence for sentence in chatter if sentence != one])
    with pytest.raises(UserError, match=r"give the --set and the files that .* was begun with"):
        train_model(tuned_shop, recipe="quick", overrides=begun, resume=True)
    write_jsonl(tuned_shop.noise_path, chatter)
    code, _, said = cli("train", "--project", str(tuned_shop.root), "--resume", *shlex.split(options))
    assert code == 0, said
    assert next(run for run in all_runs(tuned_shop) if run.name == name).status == DONE


BY_RECALL = ("selection.metric='recall@1'",)


def test_a_finished_training_is_nothing_to_resume_and_does_not_become_the_newest(tuned_shop: Workspace) -> None:
    first = find_run(tuned_shop)
    newest = train_model(tuned_shop, overrides=("seed=3",)).run.name
    for force in (False, True):
        with pytest.raises(UserError, match=f"{first.name}, .* is finished: there is nothing to resume"):
            train_model(tuned_shop, resume=True, force=force)
    assert find_run(tuned_shop).name == newest
    assert len(list(all_runs(tuned_shop))) == 2
    with pytest.raises(Interrupted):
        train_model(tuned_shop, recipe="quick", overrides=BY_RECALL, reporter=CtrlC(after_steps=2))
    left = next(run.name for run in all_runs(tuned_shop) if run.status == INTERRUPTED)
    with pytest.raises(UserError, match="is finished: there is nothing to resume") as error:
        train_model(tuned_shop, resume=True)
    written = 'selection.metric="recall@1"'
    assert error.value.next_step.startswith(
        f"give --recipe quick --set {shlex.quote(written)} and no other --set to go on with {left}"
    )
    run = next(run for run in all_runs(tuned_shop) if run.name == left)
    plan = json.loads((run.folder / "recipe.json").read_text(encoding="utf-8"))
    # What cannot go on by any command is not named: a run for the learning curve, and one of an earlier version.
    for facts, changed in (({ON_PURPOSE: True}, plan), ({}, {key: plan[key] for key in plan if key != "seed"})):
        run.facts |= facts
        run.save()
        (run.folder / "recipe.json").write_text(json.dumps(changed), encoding="utf-8")
        with pytest.raises(UserError, match="is finished: there is nothing to resume") as error:
            train_model(tuned_shop, resume=True)
        assert error.value.next_step.startswith("run the same command without --resume")
        run.facts.pop(ON_PURPOSE, None)


def _kill(*_: object, **__: object) -> None:
    raise Killed


OTHER = ("seed=7",)


def _other_run(workspace: Workspace) -> Run:
    (found,) = (run for run in all_runs(workspace) if read_json(run.folder / "recipe.json", "")["seed"] == 7)
    return found


@pytest.mark.parametrize(
    "place",
    [
        "faqtune.model.saving.atomic_folder",
        "faqtune.commands.training.finish.calibrate",
        "faqtune.commands.training.finish.sync_folder",
        "faqtune.commands.training.finish.shutil",
    ],
)
def test_killed_anywhere_at_the_end_a_run_has_its_checkpoints_or_is_done(
    tuned_shop: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, place: str
) -> None:
    shutil.copytree(tuned_shop.root, tmp_path / "undisturbed")
    undisturbed = train_model(Workspace(tmp_path / "undisturbed"), overrides=OTHER).run
    with monkeypatch.context() as patch:
        patch.setattr(place, SimpleNamespace(rmtree=_kill) if place.endswith("shutil") else _kill)
        with pytest.raises(Killed):
            train_model(tuned_shop, overrides=OTHER)

    run = _other_run(tuned_shop)
    assert any(run.checkpoints_path.iterdir())
    assert run.status != DONE or run.model_path.is_dir()
    done = train_model(tuned_shop, overrides=OTHER).run

    assert done.name == run.name and done.status == DONE
    assert not done.checkpoints_path.exists()
    name = "model.safetensors"
    assert (done.model_path / name).read_bytes() == (undisturbed.model_path / name).read_bytes()


def test_checkpoints_are_kept_on_request(tuned_shop: Workspace) -> None:
    text = tuned_shop.config_path.read_text(encoding="utf-8")
    assert not find_run(tuned_shop).checkpoints_path.exists()
    kept = re.sub(r"(?m)^# keep_checkpoints = .*$", "keep_checkpoints = true", text)
    assert kept != text
    tuned_shop.config_path.write_text(kept, encoding="utf-8")

    assert any(train_model(tuned_shop, overrides=OTHER).run.checkpoints_path.iterdir())
