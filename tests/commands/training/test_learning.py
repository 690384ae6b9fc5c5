"""The learning curve of real trainings: where its points come from, and that it never touches the test part."""

from __future__ import annotations

import os
import shutil
import signal
from collections.abc import Callable

import pytest

from faqtune import UserError, Workspace, claims, make_split, show_labels, train_model
from faqtune.annotate.curve import CANNOT_SAY, FEW, WIDE, Projection
from faqtune.annotate.tuned import Learned
from faqtune.commands import labels as labels_module
from faqtune.commands.annotate import set_share
from faqtune.commands.figures import oscr_of as oscr_module
from faqtune.commands.learning_curve import amounts_of, make_learning_curve, training_hand_labels
from faqtune.commands.project.assemble import load_project, without_hand_labels
from faqtune.commands.train import Interrupted
from faqtune.commands.training import learning as learning_module
from faqtune.commands.training.learning import LEARNING_NAME, kept_points, refresh_points
from faqtune.evaluate import Sampled, evaluate, sampled
from faqtune.progress import Silent
from faqtune.records import SELECTION, TEST, TRAIN, Claim
from faqtune.runs import DONE, SET_ASIDE, find_run, finished_runs


class CtrlC(Silent):
    """Presses Ctrl-C after so many steps; remembers all of them."""

    def __init__(self, after_steps: int) -> None:
        self.after_steps = after_steps
        self.steps: list[int] = []

    def advance(self, what: str, done: int, total: int) -> None:
        if what.startswith("training steps"):
            self.steps.append(done)
            if done == self.after_steps:
                os.kill(os.getpid(), signal.SIGINT)


@pytest.fixture
def annotated_shop(tuned_shop: Workspace, monkeypatch: pytest.MonkeyPatch) -> Workspace:
    """Most hand labels train. The shop's selection part is small: its figure is AUROC, from few queries on."""
    monkeypatch.setattr(oscr_module, "FIGURE", "auroc")
    monkeypatch.setattr("faqtune.commands.figures.enough.LEAST_QUERIES", 3)
    set_share(tuned_shop, 0.8)
    said = [claim for claim in claims.read(tuned_shop.claims_path) if not claim.is_human]
    claims.append(tuned_shop.claims_path, [Claim(c.query, c.entry, "human:王敏", 1.0, act=c.query) for c in said[::2]])
    make_split(tuned_shop)
    return tuned_shop


def _recipe(workspace: Workspace) -> str:
    return str(workspace.root / "few_steps.toml")


def test_every_training_leaves_a_point_with_its_hand_labels(annotated_shop: Workspace) -> None:
    run = train_model(annotated_shop).run
    refresh_points(annotated_shop, Silent())
    (point,) = [point for point in kept_points(annotated_shop) if point.run == run.name]
    assert point.labels == len(training_hand_labels(load_project(annotated_shop))) > 10
    assert point.low <= point.value <= point.high
    assert not point.on_purpose
    assert not point.by_people
    told = show_labels(annotated_shop)
    assert run.name in [one["run"] for one in told.tunings]
    assert told.projection.why == FEW


def test_the_curve_trains_on_nested_shares_and_the_current_model_stays(annotated_shop: Workspace) -> None:
    current = finished_runs(annotated_shop)[-1].name
    ordered = training_hand_labels(load_project(annotated_shop))
    made = make_learning_curve(annotated_shop, recipe=_recipe(annotated_shop))
    on_purpose = [point for point in made.points if point.on_purpose]
    assert [point.labels for point in on_purpose] == amounts_of(len(ordered)) == sorted({p.labels for p in on_purpose})
    assert {find_run(annotated_shop, point.run).status for point in on_purpose} == {SET_ASIDE}
    assert finished_runs(annotated_shop)[-1].name == current
    assert made.can_tell
    assert set(made.runs) >= {point.run for point in on_purpose}
    assert {point.queries for point in on_purpose} == {on_purpose[0].queries}


def test_the_same_again_trains_nothing_and_an_interrupted_one_goes_on(annotated_shop: Workspace) -> None:
    with pytest.raises(Interrupted):
        make_learning_curve(annotated_shop, recipe=_recipe(annotated_shop), reporter=CtrlC(after_steps=2))
    stopped = CtrlC(after_steps=-1)
    make_learning_curve(annotated_shop, recipe=_recipe(annotated_shop), reporter=stopped)
    # Two steps were done before: the first training goes on with the third.
    assert stopped.steps[0] == 3
    again = CtrlC(after_steps=-1)
    make_learning_curve(annotated_shop, recipe=_recipe(annotated_shop), reporter=again)
    assert again.steps == []


def test_without_a_hand_label_the_machines_label_counts_again(annotated_shop: Workspace) -> None:
    project = load_project(annotated_shop)
    labelled = training_hand_labels(project)
    out = frozenset(labelled[::2])
    less = without_hand_labels(annotated_shop, project, out)
    by_rules = {claim.query for claim in claims.read(annotated_shop.claims_path) if not claim.is_human}
    for query in out:
        if query in by_rules:
            assert not less.decisions[query].is_human
        else:
            assert query not in less.decisions
    assert training_hand_labels(less) == [query for query in labelled if query not in out]
    assert by_rules & out
    measured = {q for q, d in project.decisions.items() if d.is_human} - set(labelled)
    assert all(less.decisions[query] == project.decisions[query] for query in measured)


def test_the_curve_never_looks_at_the_test_part(annotated_shop: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    """Only texts of the selection part are measured, whichever training it is."""
    measured: list[str] = []

    def watching(encoder: object, data: object) -> object:
        measured.append(data.part)  # type: ignore[attr-defined]
        return evaluate(encoder, data)  # type: ignore[arg-type]

    monkeypatch.setattr(oscr_module, "evaluate", watching)
    make_learning_curve(annotated_shop, recipe=_recipe(annotated_shop))
    assert len(measured) >= 4
    assert {part.partition(" ")[0] for part in measured} == {SELECTION}


def test_points_of_an_earlier_selection_part_are_measured_anew_or_left_out(annotated_shop: Workspace) -> None:
    first = train_model(annotated_shop).run
    assert show_labels(annotated_shop).of_today
    project = load_project(annotated_shop)
    gone = next(
        query for query in project.queries
        if query.id in project.decisions and project.split.conversations[query.conversation] == SELECTION
    )  # fmt: skip
    said = Claim(gone.id, annotated_shop.catalogue().entries[0].id, "human:王敏", 1.0, act="new")
    claims.append(annotated_shop.claims_path, [said])
    make_split(annotated_shop)
    assert annotated_shop.split().conversations[gone.conversation] in (TRAIN, TEST)
    told = show_labels(annotated_shop)
    assert [one["run"] for one in told.tunings] == [first.name] and not told.of_today
    second = train_model(annotated_shop, overrides=("seed=1",)).run
    assert [point.run for point in kept_points(annotated_shop)] == [second.name]
    refresh_points(annotated_shop, Silent())
    assert {point.run for point in kept_points(annotated_shop)} >= {first.name, second.name}
    assert show_labels(annotated_shop).of_today
    for run in (first, second):
        shutil.rmtree(run.model_path)
    assert show_labels(annotated_shop).of_today, "no run that could not be measured anew makes them old"


def test_a_point_is_the_runs_figure_on_the_selection_part(annotated_shop: Workspace) -> None:
    """As if somebody had measured the saved model by hand."""
    from faqtune.commands.project.assemble import evaluation_set
    from faqtune.commands.project.models import load_model

    run = train_model(annotated_shop, overrides=("seed=2",)).run
    data = evaluation_set(load_project(annotated_shop), SELECTION)
    found = sampled(evaluate(load_model(annotated_shop, run.name, Silent(), exact=True), data), "auroc")
    assert isinstance(found, Sampled)
    (point,) = [point for point in kept_points(annotated_shop) if point.run == run.name]
    assert (point.value, point.low, point.high) == pytest.approx((found.value, *found.interval))


def test_too_few_hand_labels_are_refused(tuned_shop: Workspace) -> None:
    with pytest.raises(UserError, match="0 hand labels train") as caught:
        make_learning_curve(tuned_shop)
    assert "human_labels_for_training" in caught.value.next_step


def test_where_the_selection_part_is_too_small_there_is_no_point_and_training_goes_on(
    tuned_shop: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(learning_module, "_hand_labels", lambda run: 5)
    said: list[str] = []

    class Listening(Silent):
        def say(self, text: str) -> None:
            said.append(text)

    run = train_model(tuned_shop, overrides=("seed=1",), reporter=Listening()).run
    assert not (run.folder / LEARNING_NAME).exists()
    assert any("no point of the learning curve" in line for line in said)
    assert kept_points(tuned_shop) == []


def test_the_command_prints_the_tunings_and_what_they_say(
    annotated_shop: Workspace, cli: Callable[..., tuple[int, str, str]]
) -> None:
    where = ("-p", str(annotated_shop.root))
    code, out, err = cli("labels", "--learning-curve", "--recipe", _recipe(annotated_shop), *where)
    assert code == 0, err
    assert "What hand labels brought" in out
    assert "100 more" in out
    assert "takes 3 of one recipe" not in out
    assert "That part has machines' labels" in out
    code, _, err = cli("labels", "--recipe", "quick", *where)
    assert code != 0
    assert "--learning-curve" in err


def test_a_curve_that_cannot_tell_says_how_wide_it_is(
    annotated_shop: Workspace, monkeypatch: pytest.MonkeyPatch, cli: Callable[..., tuple[int, str, str]]
) -> None:
    where = ("-p", str(annotated_shop.root))
    _, out, _ = cli("labels", *where)
    assert "takes 3 of one recipe with different numbers of labels; `faqtune labels --learning-curve`" in out
    wide = Projection(100, float("nan"), -0.01, 0.2, CANNOT_SAY, WIDE)
    monkeypatch.setattr(labels_module, "learned", lambda points: Learned((), wide, ("a", "b", "c")))
    _, out, _ = cli("labels", *where)
    assert "it could be anything from -1.0 to +20.0 points" in out


def test_a_training_for_the_curve_that_was_cut_off_is_the_users_once_asked_for(annotated_shop: Workspace) -> None:
    """The largest one has the inputs of a training as usual: whoever goes on with it wants the model."""
    train_model(annotated_shop, recipe=_recipe(annotated_shop), overrides=("seed=3",))
    everything = frozenset[str]()
    asked = {"recipe": _recipe(annotated_shop), "overrides": ("seed=4",)}
    with pytest.raises(Interrupted):
        train_model(annotated_shop, **asked, without=everything, reporter=CtrlC(after_steps=2))  # type: ignore[arg-type]
    run = train_model(annotated_shop, **asked).run  # type: ignore[arg-type]
    assert run.status == DONE
    assert finished_runs(annotated_shop)[-1].name == run.name
    (point,) = [point for point in kept_points(annotated_shop) if point.run == run.name]
    assert not point.on_purpose


def test_a_training_for_the_curve_that_is_asked_for_later_is_the_users(annotated_shop: Workspace) -> None:
    asked = {"recipe": _recipe(annotated_shop), "overrides": ("seed=5",)}
    aside = train_model(annotated_shop, **asked, without=frozenset()).run  # type: ignore[arg-type]
    assert aside.status == SET_ASIDE
    run = train_model(annotated_shop, **asked).run  # type: ignore[arg-type]
    assert (run.name, run.status) == (aside.name, DONE)
    (point,) = [point for point in kept_points(annotated_shop) if point.run == run.name]
    assert not point.on_purpose


def test_a_finished_training_without_a_point_gets_one(annotated_shop: Workspace) -> None:
    """Of an earlier faqtune, or cut off between the model and its point."""
    run = train_model(annotated_shop).run
    (run.folder / LEARNING_NAME).unlink(missing_ok=True)
    again = train_model(annotated_shop)
    assert again.skipped
    assert run.name in [point.run for point in kept_points(annotated_shop)]
