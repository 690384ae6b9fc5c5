"""`calibrate`: a certificate, and what follows from it."""

from __future__ import annotations

import json

import pytest

from faqtune import UserError, Workspace, evaluate_models
from faqtune.commands.assemble import evaluation_set, load_project
from faqtune.commands.calibrate import calibrate_run
from faqtune.commands.match import load_matcher
from faqtune.records import CALIBRATION
from faqtune.runs import find_run


@pytest.fixture(autouse=True)
def few_are_enough(monkeypatch: pytest.MonkeyPatch) -> None:
    """The tea shop is small."""
    monkeypatch.setattr("faqtune.commands.evaluate.LEAST_QUERIES", 1)


def test_the_certificate_says_what_it_stands_on(tuned_shop: Workspace) -> None:
    made = calibrate_run(tuned_shop, {"noise/chatter": 0.6, "rejected": 0.99}, confidence=0.9)

    certificate = json.loads(made.certificate.read_text("utf-8"))
    data = evaluation_set(load_project(tuned_shop), CALIBRATION)
    assert certificate["threshold_cosine"] == made.certified.threshold_cosine
    assert certificate["calibration"]["digest"] == data.digest()
    assert certificate["test"]["digest"] != data.digest()
    assert [promise["what"] for promise in certificate["promises"]] == ["noise/chatter", "rejected"]
    assert certificate["certified"] == all(promise["kept"] for promise in certificate["promises"])
    assert set(made.observed) >= {"answered", "accepted"}


def test_match_and_evaluate_answer_at_the_certified_threshold(tuned_shop: Workspace) -> None:
    before = load_matcher(tuned_shop).threshold_cosine
    made = calibrate_run(tuned_shop, {"noise/chatter": 0.999})
    assert made.certified.threshold_cosine != before

    assert load_matcher(tuned_shop).threshold_cosine == made.certified.threshold_cosine
    assert load_matcher(tuned_shop, threshold_cosine=0.3).threshold_cosine == 0.3
    cards = evaluate_models(tuned_shop).scorecards
    assert cards[-1].threshold_cosine == made.certified.threshold_cosine


def test_a_promise_that_cannot_be_kept_names_queries_to_label(tuned_shop: Workspace) -> None:
    before = load_matcher(tuned_shop).threshold_cosine
    made = calibrate_run(tuned_shop, {"noise/chatter": 0.001})

    assert load_matcher(tuned_shop).threshold_cosine == before  # what is not certified is not used
    assert not made.certified.is_certified and made.certified.promises[0].needed == 2995
    assert made.to_label is not None
    lines = [json.loads(line) for line in made.to_label.read_text("utf-8").splitlines()[1:]]
    distances = [abs(line["score"] - made.certified.threshold_cosine) for line in lines]
    assert 0 < len(lines) <= 50 and distances == sorted(distances)


def test_the_certificate_goes_when_its_model_goes(tuned_shop: Workspace) -> None:
    from faqtune import train_model

    made = calibrate_run(tuned_shop, {"noise/chatter": 0.6})
    train_model(tuned_shop, force=True)
    assert not find_run(tuned_shop).certificate_path.exists() or find_run(tuned_shop).name != made.run.name


def test_what_the_data_does_not_hold_is_refused(tuned_shop: Workspace) -> None:
    with pytest.raises(UserError, match="there is no other_domain"):
        calibrate_run(tuned_shop, {"noise/other_domain": 0.05})


def test_on_the_command_line(tuned_shop: Workspace, cli) -> None:
    code, out, _ = cli("calibrate", "--project", str(tuned_shop.root), "--chatter", "60", "--wrong", "0.1")
    assert code == 0
    assert "NOT certified" in out and "everyday chatter answered" in out and "at most 0.1 %" in out
    assert "On the test part" in out and "certificate.json" in out
    code, out, _ = cli("calibrate", "--project", str(tuned_shop.root), "--chatter", "100", "--json")
    assert code == 2 and "100 % is no promise" in json.loads(out)["error"]
