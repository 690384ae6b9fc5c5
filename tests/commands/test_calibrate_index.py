"""`calibrate --index`: promises of a run with the vectors that `index` has written."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from faqtune import UserError, Workspace, make_index
from faqtune.commands.calibrate import calibrate_run
from faqtune.commands.index import labels_of
from faqtune.commands.match import load_matcher
from faqtune.commands.project.assemble import evaluation_set, load_project
from faqtune.commands.project.models import load_model
from faqtune.commands.vectors.figures import rows_of_part
from faqtune.commands.vectors.files import read_index
from faqtune.evaluate import Outcomes, evaluate
from faqtune.evaluate.certify import Certified, certify
from faqtune.progress import Silent
from faqtune.records import CALIBRATION
from faqtune.runs import Run, find_run
from faqtune.stored import write_json, write_jsonl

Cli = Callable[..., tuple[int, str, str]]

KEPT, TOO_MUCH = {"noise/chatter": 0.999}, {"noise/chatter": 0.001}


@pytest.fixture(autouse=True)
def few_are_enough(monkeypatch: pytest.MonkeyPatch) -> None:
    """The tea shop is small."""
    monkeypatch.setattr("faqtune.commands.figures.enough.LEAST_QUERIES", 1)


@pytest.fixture
def run(tuned_shop: Workspace) -> Run:
    make_index(tuned_shop, confidence=0.6, resamples=100)
    return find_run(tuned_shop)


def test_it_is_set_on_the_scores_with_the_index_and_lies_beside_the_vectors(
    tuned_shop: Workspace, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    set_on: list[Outcomes] = []

    def seen(outcomes: Outcomes, *given: Any) -> Certified:
        set_on.append(outcomes)
        return certify(outcomes, *given)

    monkeypatch.setattr("faqtune.commands.calibrate.certify", seen)
    made = calibrate_run(tuned_shop, KEPT, with_index=True)
    plain = calibrate_run(tuned_shop, KEPT)
    project = load_project(tuned_shop)
    index, data = read_index(tuned_shop, run.name, project.catalogue), evaluation_set(project, CALIBRATION)
    questions = rows_of_part(project.catalogue, index.vectors)(data.catalogue)
    model = load_model(tuned_shop, run.name, Silent(), exact=True)

    np.testing.assert_allclose(set_on[0].scores, evaluate(model, data, questions=questions).scores, atol=1e-6)
    np.testing.assert_allclose(set_on[1].scores, evaluate(model, data).scores, atol=1e-6)
    assert not np.allclose(set_on[0].scores, set_on[1].scores, atol=1e-3)
    assert made.certificate == run.folder / "index" / "certificate.json" and plain.certificate == run.certificate_path
    certificate = json.loads(made.certificate.read_text("utf-8"))
    assert certificate["index_digest"] == index.index_digest and certificate["better_than_base"] is None
    assert "index_digest" not in json.loads(plain.certificate.read_text("utf-8"))


def test_match_answers_by_each_certificate_where_it_holds(tuned_shop: Workspace, run: Run) -> None:
    before = load_matcher(tuned_shop, with_index=True).threshold_cosine
    by_itself = load_matcher(tuned_shop).threshold_cosine
    made = calibrate_run(tuned_shop, KEPT, with_index=True)
    matcher = load_matcher(tuned_shop, with_index=True)

    assert matcher.threshold_cosine == made.certified.threshold_cosine != before
    assert matcher.match(["什么时候发货"])[0].probability is not None
    assert load_matcher(tuned_shop).threshold_cosine == by_itself, "it promises nothing of the model by itself"
    assert load_matcher(tuned_shop, threshold_cosine=0.3, with_index=True).threshold_cosine == 0.3


def test_a_certificate_goes_with_its_index(tuned_shop: Workspace, run: Run, cli: Cli) -> None:
    made = calibrate_run(tuned_shop, KEPT, with_index=True)
    again = make_index(tuned_shop, confidence=0.6, resamples=100, force=True)
    assert made.certificate.exists() and again.certified_cosine == made.certified.threshold_cosine, "the same index"
    _, out, _ = cli("index", "--project", str(tuned_shop.root), "--confidence", "0.6", "--resamples", "100")
    assert f"a cosine of {made.certified.threshold_cosine:.4f} on, as its certificate says" in out
    kept = made.certificate.read_bytes()
    new = make_index(tuned_shop, confidence=0.6, resamples=100, prior=3)
    assert not made.certificate.exists() and new.certified_cosine is None
    made.certificate.write_bytes(kept)
    assert load_matcher(tuned_shop, with_index=True).threshold_cosine == new.threshold_cosine
    asked = calibrate_run(tuned_shop, TOO_MUCH, with_index=True)
    assert asked.certificate == made.certificate and asked.stays_cosine is None, "it was of another index"


@pytest.mark.parametrize("changes", ["settings", "entries"])
def test_a_certificate_goes_where_the_same_vectors_stand_for_something_else(
    tuned_shop: Workspace, run: Run, changes: str
) -> None:
    """Longer customers' messages are cut otherwise, or the same questions ask for other entries."""
    made = calibrate_run(tuned_shop, KEPT, with_index=True)
    before = read_index(tuned_shop, run.name, tuned_shop.catalogue()).vectors
    if changes == "settings":
        text = tuned_shop.config_path.read_text(encoding="utf-8")
        text = re.sub(r"(?m)^#? ?max_length_tokens = .*$", "max_length_tokens = 63", text)
        assert "\nmax_length_tokens = 63\n" in text
        tuned_shop.config_path.write_text(text, encoding="utf-8")
    else:
        entries = tuned_shop.catalogue().entries
        renamed = [replace(entry, id=f"{entry.id}-b") if entry is entries[-1] else entry for entry in entries]
        write_jsonl(tuned_shop.catalogue_path, renamed)
        new = {entries[-1].id: renamed[-1].id}
        moved = [replace(pair, entry=new.get(pair.entry, pair.entry)) for pair in tuned_shop.pairs()]
        write_jsonl(tuned_shop.pairs_path, moved)
    make_index(tuned_shop, confidence=0.6, resamples=100)
    np.testing.assert_array_equal(read_index(tuned_shop, run.name, tuned_shop.catalogue()).vectors, before)
    assert not made.certificate.exists()


def test_a_promise_too_much_leaves_the_certificate_that_holds_and_names_queries(
    tuned_shop: Workspace, run: Run
) -> None:
    made = calibrate_run(tuned_shop, KEPT, with_index=True)
    kept = made.certificate.read_bytes()
    asked = calibrate_run(tuned_shop, TOO_MUCH, with_index=True)

    assert made.certificate.read_bytes() == kept and asked.certificate.name == "certificate_not_kept.json"
    assert asked.certificate.parent == made.certificate.parent and asked.stays_cosine is not None
    assert not run.refused_certificate_path.exists()
    assert asked.to_label == run.folder / "index" / "to_label.jsonl"
    rows = [json.loads(line) for line in asked.to_label.read_text("utf-8").splitlines()[1:]]
    project = load_project(tuned_shop)
    index, catalogue = (
        read_index(tuned_shop, run.name, project.catalogue),
        evaluation_set(project, CALIBRATION).catalogue,
    )
    vectors = load_model(tuned_shop, run.name, Silent(), exact=True).encode([row["text"] for row in rows])
    best = (vectors @ rows_of_part(project.catalogue, index.vectors)(catalogue).T).max(axis=1)
    np.testing.assert_allclose([row["score"] for row in rows], best, atol=1e-3)


def test_an_index_of_other_labels_is_refused(tuned_shop: Workspace, run: Run) -> None:
    """What its vectors were drawn towards may calibrate by now."""
    project = load_project(tuned_shop)
    drawn = next(label.text for label in labels_of(tuned_shop, project, 0.6, Silent())[0])
    one = next(query.conversation for query in project.queries if query.text == drawn)
    moved = replace(project.split, conversations={**project.split.conversations, one: CALIBRATION})
    write_json(tuned_shop.split_path, moved)
    with pytest.raises(UserError, match="labels of the training part are others than when") as refused:
        calibrate_run(tuned_shop, KEPT, with_index=True)
    assert f"`faqtune index --model {run.name} --confidence 0.6` again" in refused.value.next_step
    assert not (run.folder / "index" / "certificate.json").exists()
    make_index(tuned_shop, confidence=0.6, resamples=100)
    assert drawn not in {label.text for label in labels_of(tuned_shop, load_project(tuned_shop), 0.6, Silent())[0]}
    assert calibrate_run(tuned_shop, KEPT, with_index=True).certificate.exists()


def test_an_index_that_says_nothing_of_its_labels_is_refused(tuned_shop: Workspace, run: Run) -> None:
    """As those of earlier versions."""
    path = run.folder / "index" / "index.json"
    facts = json.loads(path.read_text("utf-8"))
    del facts["labels_digest"]
    path.write_text(json.dumps(facts), encoding="utf-8")
    with pytest.raises(UserError, match="labels of the training part are others"):
        calibrate_run(tuned_shop, KEPT, with_index=True)


@pytest.mark.parametrize(
    "damage",
    [
        None,
        {"threshold_cosine": "abc"},
        {"threshold_cosine": None},
        {"threshold_cosine": float("nan")},
        {"margin_cosine": "x"},
        {"probability": 3},
    ],
)
def test_a_damaged_certificate_is_made_anew_by_the_same_command(
    tuned_shop: Workspace, run: Run, damage: dict[str, Any] | None
) -> None:
    made = calibrate_run(tuned_shop, KEPT, with_index=True)
    kept = json.loads(made.certificate.read_text("utf-8"))
    made.certificate.write_text("{" if damage is None else json.dumps(kept | damage), encoding="utf-8")
    with pytest.raises(UserError, match=r"certificate\.json is damaged") as damaged:
        load_matcher(tuned_shop, with_index=True)
    assert damaged.value.next_step.endswith("then run `faqtune calibrate --index`")


def test_without_an_index_it_says_how_to_make_one(tuned_shop: Workspace) -> None:
    with pytest.raises(UserError, match=r"there is no .*index\.json") as missing:
        calibrate_run(tuned_shop, KEPT, with_index=True)
    assert f"faqtune index --model {find_run(tuned_shop).name}" in missing.value.next_step


def test_on_the_command_line(tuned_shop: Workspace, run: Run, cli: Cli) -> None:
    where = ("--project", str(tuned_shop.root))
    code, out, _ = cli("calibrate", *where, "--chatter", "99.9", "--index")
    assert code == 0 and f"{run.name} + index: certified: answer from a cosine of" in out
    assert f'Next: faqtune match {where[0]} {where[1]} --index "what a customer would type"' in out
    code, out, _ = cli("calibrate", *where, "--chatter", "0.1", "--index", "--run", run.name)
    assert (
        code == 0
        and f"{run.name} + index: NOT certified, so match --index keeps" in out
        and f"--model {run.name} --index" in out
    )
    code, out, _ = cli("calibrate", *where, "--chatter", "99.9", "--index", "--json")
    assert json.loads(out)["with_index"] is True
