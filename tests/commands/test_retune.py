"""Tuning after annotation: from the current model, on the new labels; a worse model is not taken over."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from faqtune import UserError, Workspace, claims
from faqtune.commands import retune as retune_module
from faqtune.commands.annotate import open_session, set_share
from faqtune.commands.evaluate import evaluate_models
from faqtune.commands.figures.oscr_of import oscr_of
from faqtune.commands.project.seen import trained_on
from faqtune.commands.retune import retune, tunings
from faqtune.evaluate import Sampled
from faqtune.records import CALIBRATION, TEST, TRAIN, Claim
from faqtune.runs import SET_ASIDE, find_run, finished_runs
from faqtune.scorecard import Difference


@pytest.fixture
def annotated_shop(tuned_shop: Workspace) -> Workspace:
    """Half of the hand labels train from now on, and some of what was weakly labelled was annotated."""
    set_share(tuned_shop, 0.5)
    said = [claim for claim in claims.read(tuned_shop.claims_path) if not claim.is_human]
    claims.append(tuned_shop.claims_path, [Claim(c.query, c.entry, "human:王敏", 1.0, act=c.query) for c in said[::2]])
    return tuned_shop


def test_the_current_model_is_tuned_on_the_hand_labels_and_measured(annotated_shop: Workspace) -> None:
    before = finished_runs(annotated_shop)[-1]
    made = retune(annotated_shop, recipe=str(annotated_shop.root / "few_steps.toml"))
    run = find_run(annotated_shop, made.run)
    assert made.base == run.base == before.name
    assert made.hand_labels[TRAIN] > 0
    assert made.hand_labels[TEST] > 0
    assert made.evaluated is not None
    assert made.evaluated.comparison is not None
    assert made.evaluated.comparison.before.model == before.name
    assert made.evaluated.comparison.after.model == run.name
    assert finished_runs(annotated_shop)[-1].name == (run.name if made.taken_over else before.name)
    told = tunings(annotated_shop)
    assert [(one["run"], one["labels"], one["taken_over"]) for one in told] == [
        (run.name, made.hand_labels[TRAIN], made.taken_over)
    ]
    figure = made.evaluated.scorecards[-1].figures.get("oscr@5")
    assert told[0]["oscr"] == (figure.model_dump() if figure else None)


def test_nothing_is_measured_on_what_an_earlier_model_was_trained_on(annotated_shop: Workspace) -> None:
    base = finished_runs(annotated_shop)[-1]
    trained_before = trained_on(annotated_shop, [base.name])
    made = retune(annotated_shop, recipe=str(annotated_shop.root / "few_steps.toml"))
    split = annotated_shop.split()
    moved = {name for name in trained_before if split.conversations.get(name) == TEST}
    assert moved
    assert made.evaluated is not None
    excluded = made.evaluated.scorecards[-1].excluded["conversation was trained on"]
    assert excluded > 0
    # The base model has seen nothing, and is measured on all of them.
    whole = evaluate_models(annotated_shop, models=(annotated_shop.config().model.base,))
    counts = made.evaluated.scorecards[-1].counts
    assert whole.scorecards[0].counts["queries"] > counts["queries"]
    assert trained_on(annotated_shop, [made.run]) >= trained_before


def test_a_model_that_is_clearly_worse_on_the_calibration_part_is_not_taken_over(
    annotated_shop: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = finished_runs(annotated_shop)[-1]
    parts = _veto(monkeypatch, worse=True)
    recipe = str(annotated_shop.root / "few_steps.toml")
    made = retune(annotated_shop, recipe=recipe)
    assert (made.taken_over, made.why) == (False, "calibration")
    assert parts == [CALIBRATION]
    assert made.checked is not None
    assert made.checked.high < 0
    assert find_run(annotated_shop, made.run).status == SET_ASIDE
    assert finished_runs(annotated_shop)[-1].name == before.name
    # It can still be named.
    assert evaluate_models(annotated_shop, models=(made.run,)).scorecards[0].model == made.run
    # The same again is not trained again, and not taken over either.
    assert retune(annotated_shop, recipe=recipe).trained.skipped
    assert finished_runs(annotated_shop)[-1].name == before.name


def test_stopped_while_the_test_part_is_measured_a_worse_model_is_not_taken_over(
    annotated_shop: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Measuring, and bringing the learning curve up to date, can take long; others use the current model meanwhile."""
    before = finished_runs(annotated_shop)[-1].name
    worse = Difference(value=-0.3, low=-0.4, high=-0.2, p=0.001)
    monkeypatch.setattr(retune_module, "_checked", lambda *_: (worse, ""))

    def stopped(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(retune_module, "_measured", stopped)
    with pytest.raises(KeyboardInterrupt):
        retune(annotated_shop, recipe=str(annotated_shop.root / "few_steps.toml"))
    assert finished_runs(annotated_shop)[-1].name == before


def test_what_the_test_part_says_decides_nothing(annotated_shop: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    """A model that looks clearly worse there is taken over all the same, and the table is shown."""
    _veto(monkeypatch, worse=False)
    measure = retune_module.evaluate_models

    def worse(*args: object, **options: object) -> object:
        found = measure(*args, **options)  # type: ignore[arg-type]
        assert found.comparison is not None
        difference = Difference(value=-0.2, low=-0.3, high=-0.1, p=0.001)
        return replace(found, comparisons=[found.comparison.model_copy(update={"differences": {"oscr@5": difference}})])

    monkeypatch.setattr(retune_module, "evaluate_models", worse)
    made = retune(annotated_shop, recipe=str(annotated_shop.root / "few_steps.toml"))
    assert (made.taken_over, made.why) == (True, "")
    assert made.evaluated is not None
    assert made.evaluated.comparison is not None


def _veto(monkeypatch: pytest.MonkeyPatch, *, worse: bool) -> list[str]:
    """Both models as if they had been measured so, and as if a step had been better on the selection part: with four
    steps none may be. Returns the parts that are looked at."""
    parts: list[str] = []
    spread = np.linspace(-0.05, 0.05, 101)

    def measured(workspace: Workspace, models: tuple[str, str], part: str, reporter: object) -> list[Sampled]:
        parts.append(part)
        after = 0.4 if worse else 0.6
        return [Sampled(0.5, 0.5 + spread), Sampled(after, after + spread)]

    train = retune_module.train_model
    monkeypatch.setattr(retune_module, "train_model", lambda *a, **o: replace(train(*a, **o), best_step=(1, 4)))
    monkeypatch.setattr(retune_module, "oscr_of", measured)
    return parts


def test_without_enough_in_the_calibration_part_there_is_no_veto_and_it_says_so(annotated_shop: Workspace) -> None:
    made = retune(annotated_shop, recipe=str(annotated_shop.root / "few_steps.toml"))
    assert made.checked is None
    assert "too few" in made.not_checked
    assert made.why in ("", "selection")


def test_models_cannot_be_compared_for_choosing_on_the_test_part(annotated_shop: Workspace) -> None:
    with pytest.raises(ValueError, match="test part"):
        oscr_of(annotated_shop, (finished_runs(annotated_shop)[-1].name,), TEST)


def test_without_a_hand_label_that_trains_it_says_what_to_do(tuned_shop: Workspace) -> None:
    with pytest.raises(UserError, match="human_labels_for_training"):
        retune(tuned_shop)


def test_the_project_is_opened_with_the_newest_model(tuned_shop: Workspace) -> None:
    session = open_session(tuned_shop)
    assert session.material.model == finished_runs(tuned_shop)[-1].name
    items = session.next("王敏", 3)
    assert len(items) == 3
    assert all(offer.similarity is not None for item in items if not item.audit for offer in item.offers)
    assert session.search("发货")
