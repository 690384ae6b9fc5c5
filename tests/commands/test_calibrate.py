"""`calibrate`: a certificate, and what follows from it."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from faqtune import UserError, Workspace, evaluate_models
from faqtune.commands.calibrate import calibrate_run
from faqtune.commands.match import load_matcher
from faqtune.commands.project.asked import asked_queries
from faqtune.commands.project.assemble import evaluation_set, load_project
from faqtune.records import CALIBRATION
from faqtune.runs import find_run
from faqtune.stored import write_jsonl


@pytest.fixture(autouse=True)
def few_are_enough(monkeypatch: pytest.MonkeyPatch) -> None:
    """The tea shop is small."""
    monkeypatch.setattr("faqtune.commands.figures.enough.LEAST_QUERIES", 1)


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
    distances = [abs(line["score"] - made.certified.threshold_cosine) for line in lines if not line["breaks"]]
    assert 0 < len(lines) <= 50 and distances == pytest.approx(sorted(distances), abs=1e-4)


def test_a_promise_too_much_leaves_the_certificate_that_holds(tuned_shop: Workspace, cli) -> None:
    made = calibrate_run(tuned_shop, {"noise/chatter": 0.999})
    kept = made.certificate.read_bytes()

    asked = calibrate_run(tuned_shop, {"noise/chatter": 0.001}, margins_cosine=(0.0, 0.01))
    assert not asked.certified.is_certified
    assert made.certificate.read_bytes() == kept
    assert asked.certificate == made.run.refused_certificate_path and asked.certificate.exists()
    assert load_matcher(tuned_shop).threshold_cosine == made.certified.threshold_cosine == asked.stays_cosine
    _, out, _ = cli("calibrate", "--project", str(tuned_shop.root), "--chatter", "0.1", "--margin", "auto")
    assert (
        f"keeps the threshold that was certified before, {made.certified.threshold_cosine:.4f}; tried" in out
        and "margins were tried" in out
    )

    calibrate_run(tuned_shop, {"noise/chatter": 0.998})
    assert not asked.certificate.exists(), "it stood beside another certificate"


def test_a_certificate_of_other_calibration_data_does_not_stay(tuned_shop: Workspace) -> None:
    made = calibrate_run(tuned_shop, {"noise/chatter": 0.999})
    certificate = json.loads(made.certificate.read_text("utf-8"))
    certificate["calibration"]["digest"] = "of fewer labels"
    made.certificate.write_text(json.dumps(certificate), encoding="utf-8")
    asked = calibrate_run(tuned_shop, {"noise/chatter": 0.001})
    assert asked.certificate == made.certificate and asked.stays_cosine is None


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
    assert (
        "NOT certified, so match answers at the threshold that promises nothing; tried from a cosine of" in out
        and "everyday chatter answered" in out
        and "at most 0.1 %" in out
    )
    assert "On the test part" in out and "certificate.json" in out
    certificate = json.loads(find_run(tuned_shop).certificate_path.read_text(encoding="utf-8"))
    on_test = certificate["test"]["promises"]["noise/chatter"]
    row = next(line for line in out.splitlines() if line.startswith("everyday chatter answered"))
    assert row.endswith(f"{on_test['value']:.1%} [{on_test['low']:.1%}, {on_test['high']:.1%}]")
    code, out, err = cli("calibrate", "--project", str(tuned_shop.root), "--chatter", "100", "--json")
    assert code == 2 and "100 % is no promise" in json.loads(out)["error"]
    assert "loading the model" not in err, "what no data could keep is refused at once"


def test_a_confidence_is_printed_as_it_was_asked_for(tuned_shop: Workspace, cli) -> None:
    _, out, _ = cli("calibrate", "--project", str(tuned_shop.root), "--chatter", "60", "--confidence", "99.9")
    assert "with 99.9% confidence" in out
    _, out, _ = cli("calibrate", "--project", str(tuned_shop.root), "--chatter", "99.9")
    assert re.search(r": certified: answer from a cosine of -?\d\.\d{4} on\n", out)


def test_the_certificate_holds_margin_probabilities_digests_and_the_paired_test(tuned_shop: Workspace) -> None:
    from faqtune.commands.project.models import model_digest
    from faqtune.digests import digest
    from faqtune.evaluate import ProbabilityMap

    made = calibrate_run(tuned_shop, {"noise/chatter": 0.6}, margins_cosine=(0.0, 0.01))
    kept = json.loads(made.certificate.read_text("utf-8"))
    assert kept["margins_tried"] == [0.0, 0.01] and kept["margin_cosine"] in (0.0, 0.01)
    assert ProbabilityMap.model_validate(kept["probability"]).calibration_digest == kept["calibration"]["digest"]
    assert kept["model_digest"] == model_digest(tuned_shop, made.run.name)
    assert kept["files"]["split"] == digest(tuned_shop.split_path) and len(kept["files"]) == 5
    # `tune` has measured run and base on the test part.
    assert set(kept["better_than_base"]["recall@1"]) == {"value", "low", "high", "p", "p_holm"}

    cards = evaluate_models(tuned_shop).scorecards
    assert cards[-1].margin_cosine == kept["margin_cosine"]


def test_figures_of_another_model_or_other_data_are_no_paired_test(tuned_shop: Workspace) -> None:
    run = find_run(tuned_shop)
    path = run.scorecards_path / "test-comparison.json"
    comparison = json.loads(path.read_text("utf-8"))
    comparison["after"]["model_digest"] = "another"
    path.write_text(json.dumps(comparison), encoding="utf-8")
    made = calibrate_run(tuned_shop, {"noise/chatter": 0.6})
    assert json.loads(made.certificate.read_text("utf-8"))["better_than_base"] is None


def test_match_says_the_probability_and_keeps_the_margin(tuned_shop: Workspace) -> None:
    assert load_matcher(tuned_shop).match(["什么时候发货"])[0].probability is None, "nothing is certified yet"
    calibrate_run(tuned_shop, {"noise/chatter": 0.999})
    matcher = load_matcher(tuned_shop, top=1)
    (found,) = matcher.match(["什么时候发货"])
    assert found.answered is not None and found.probability is not None and 0 <= found.probability <= 1
    assert len(found.hits) == 1 and matcher.answering is not None
    from dataclasses import replace

    strict = replace(matcher, answering=replace(matcher.answering, threshold_cosine=-1.0, margin_cosine=1.9))
    assert strict.match(["什么时候发货"])[0].answered is False, "the second is too near"
    assert load_matcher(tuned_shop, threshold_cosine=0.3).match(["x"])[0].probability is None


def test_a_certificate_is_refused_on_what_the_run_was_trained_on(tuned_shop: Workspace) -> None:
    """Another split after the training: what calibrates now was trained on then."""
    run = find_run(tuned_shop)
    kept = json.loads((run.folder / "split.json").read_text("utf-8"))
    now = tuned_shop.split()
    for name in ("conversations", "noise"):
        calibrating = [unit for unit, part in getattr(now, name).items() if part == CALIBRATION]
        kept[name] |= dict.fromkeys(calibrating, "train")
    (run.folder / "split.json").write_text(json.dumps(kept), encoding="utf-8")
    with pytest.raises(UserError, match=r"calibration part are what .* was trained on.* train again"):
        calibrate_run(tuned_shop, {"noise/chatter": 0.6})
    assert not run.certificate_path.exists()


def test_a_few_conversations_that_the_run_has_seen_are_left_out(tuned_shop: Workspace) -> None:
    run = find_run(tuned_shop)
    kept = json.loads((run.folder / "split.json").read_text("utf-8"))
    before = evaluation_set(load_project(tuned_shop), CALIBRATION)
    seen = before.positives[0].group
    kept["conversations"][seen] = "train"
    (run.folder / "split.json").write_text(json.dumps(kept), encoding="utf-8")
    made = calibrate_run(tuned_shop, {"noise/chatter": 0.9})
    certificate = json.loads(made.certificate.read_text("utf-8"))
    assert certificate["calibration"]["queries"] == sum(positive.group != seen for positive in before.positives)
    assert certificate["calibration"]["digest"] != before.digest()


def test_what_people_are_asked_for_a_certificate_goes_on_calibrating_and_is_first_in_the_queue(
    tuned_shop: Workspace,
) -> None:
    from faqtune import claims as claim_store
    from faqtune.commands.annotate import make_material
    from faqtune.commands.split import make_split
    from faqtune.records import Claim

    made = calibrate_run(tuned_shop, {"wrong": 0.001})
    assert made.to_label is not None
    asked = [json.loads(line) for line in made.to_label.read_text("utf-8").splitlines()[1:]]
    assert set(asked[0]) == {"query", "text", "conversation", "score", "entry", "question", "label", "breaks"}
    breaking = [row["breaks"] for row in asked]
    assert breaking == sorted(breaking, reverse=True), "what breaks a promise comes first"
    for row in asked:
        answered = row["score"] >= round(made.certified.threshold_cosine, 4)
        assert (row["breaks"] == "wrong") == (answered and row["label"] not in ("", row["entry"]))

    queue_doubts = make_material(tuned_shop).doubts
    assert all(queue_doubts[row["query"]] == 2.0 for row in asked)

    before = evaluation_set(load_project(tuned_shop), CALIBRATION)
    first = asked[0]
    entry = tuned_shop.catalogue().entries[-1].id
    claim_store.append(tuned_shop.claims_path, [Claim(first["query"], entry, "human:王敏", 1.0)])
    make_split(tuned_shop)
    assert tuned_shop.split().conversations[first["conversation"]] == CALIBRATION
    after = evaluation_set(load_project(tuned_shop), CALIBRATION)
    labelled = {positive.text: positive.entry for positive in after.positives}
    assert labelled[first["text"]] == entry
    assert len(after.positives) >= len(before.positives), "labels of machines still count"

    # A hand label that no certificate asked for goes to the test part, as ever.
    other = next(q for q in tuned_shop.queries() if q.conversation not in {row["conversation"] for row in asked})
    claim_store.append(tuned_shop.claims_path, [Claim(other.id, entry, "human:王敏", 1.0)])
    make_split(tuned_shop)
    assert tuned_shop.split().conversations[other.conversation] == "test"


def test_margins_and_right_answers_on_the_command_line(tuned_shop: Workspace, cli) -> None:
    where = ("--project", str(tuned_shop.root))
    code, out, _ = cli("calibrate", *where, "--right", "30", "--margin", "auto", "--json")
    found = json.loads(out)
    assert code == 0 and found["certified"] in (True, False)
    kept = json.loads(Path(found["certificate"]).read_text("utf-8"))
    (promise,) = kept["promises"]
    for name in ("threshold_cosine", "margin_cosine", "margins_tried", "confidence"):
        assert found[name] == kept[name], name
    assert found["promises"][0]["bound"] == promise["bound"]
    assert promise["what"] == "wrong" and promise["at_most"] == pytest.approx(0.7)
    code, out, _ = cli("calibrate", *where, "--right", "95", "--wrong", "5", "--json")
    assert code == 2 and "say the same" in json.loads(out)["error"]
    code, out, _ = cli("calibrate", *where, "--margin", "wide", "--json")
    assert code == 2 and "is no number" in json.loads(out)["error"]
    code, out, _ = cli("calibrate", *where, "--margin", "-1", "--json")
    assert code == 2 and "difference of two cosines" in json.loads(out)["error"]


@pytest.mark.parametrize("row", [{"conversation": "c1"}, {"query": "q1"}, []])
def test_a_damaged_list_of_what_was_asked_is_named(tmp_path: Path, row: object) -> None:
    workspace = Workspace(tmp_path)
    write_jsonl(tmp_path / "asked.jsonl", [row])
    with pytest.raises(UserError, match=r"asked\.jsonl is damaged \(line 2: .*move .*asked\.jsonl away"):
        asked_queries(workspace)


def test_a_threshold_at_which_nobody_is_answered_says_so(tuned_shop: Workspace, cli) -> None:
    where = ("--project", str(tuned_shop.root))
    _, out, _ = cli("calibrate", *where, "--chatter", "99.9", "--margin", "2")
    assert "certified: answer from" in out and "by answering hardly anybody" in out
    _, out, _ = cli("match", *where, "什么时候发货", "--top", "1")
    lead = re.search(r"rejected: only (\d\.\d{4}) ahead of the second, not 2", out)
    assert lead is not None
    _, out, _ = cli("match", *where, "什么时候发货", "--json")
    found = json.loads(out)
    assert (found["answered"], found["margin_cosine"]) == (False, 2)
    assert found["lead_cosine"] == round(found["lead_cosine"], 4), "not the digits of float32"
    assert found["lead_cosine"] == pytest.approx(found["hits"][0]["score"] - found["hits"][1]["score"], abs=2e-4)
    assert float(lead[1]) == pytest.approx(found["lead_cosine"], abs=1e-4)
    _, out, _ = cli("calibrate", *where, "--chatter", "99.9")
    assert "hardly anybody" not in out


@pytest.mark.parametrize("value", ["abc", None, float("nan")])
def test_damaged_thresholds_are_named(tuned_shop: Workspace, value: object) -> None:
    run = find_run(tuned_shop)
    calibrate_run(tuned_shop, {"noise/chatter": 0.999})
    kept = json.loads(run.certificate_path.read_text("utf-8"))
    run.certificate_path.write_text(json.dumps(kept | {"threshold_cosine": value}), encoding="utf-8")
    with pytest.raises(UserError, match=r"certificate\.json is damaged .* run `faqtune calibrate`"):
        load_matcher(tuned_shop)
    run.certificate_path.write_text(json.dumps(kept | {"certified": "yes"}), encoding="utf-8")
    by_training = json.loads(run.thresholds_path.read_text("utf-8"))
    assert load_matcher(tuned_shop).threshold_cosine == by_training["threshold_cosine"], "that is no promise"
    run.thresholds_path.write_text(json.dumps(by_training | {"threshold_cosine": value}), encoding="utf-8")
    with pytest.raises(UserError, match=r"thresholds\.json is damaged"):
        load_matcher(tuned_shop)


def test_a_run_that_is_named_by_its_folder_has_its_certificate(tuned_shop: Workspace) -> None:
    run = find_run(tuned_shop)
    made = calibrate_run(tuned_shop, {"noise/chatter": 0.999})
    place = str(run.model_path)
    assert load_matcher(tuned_shop, model=place).threshold_cosine == made.certified.threshold_cosine
    (card,) = evaluate_models(tuned_shop, models=(place,), resamples=100).scorecards
    assert (card.model, card.threshold_cosine) == (run.name, made.certified.threshold_cosine)
    with pytest.raises(UserError, match="a model is named twice"):
        evaluate_models(tuned_shop, models=(place, run.name))


def test_a_report_is_of_the_threshold_at_which_is_answered(
    tuned_shop: Workspace, cli: Callable[..., tuple[int, str, str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """It said what became of customers at the threshold from before, beside the certificate of another one."""
    seen = {"noise/chatter": (1.0, 0.9995, 1.0)}
    monkeypatch.setattr("faqtune.commands.calibrate.on_other_data", lambda *given: seen)
    asked = ("--project", str(tuned_shop.root))
    code, said, _ = cli("calibrate", *asked, "--chatter", "99.9")
    assert code == 0 and "certified: answer from" in said
    assert (
        "! everyday chatter answered: 100.0% [100.0%, 100.0%] there, not at most 99.9 %: the two parts differ" in said
    )
    assert said.endswith(f"Next: faqtune evaluate --project {tuned_shop.root}\n")
    code, _, refused = cli("report", *asked)
    assert code == 2 and "since it was calibrated" in refused
    command = re.findall(r"`faqtune (evaluate [^`]+)`", refused)[0]
    assert cli(*command.split(), *asked)[0] == 0 and cli("report", *asked)[0] == 0
    assert cli("calibrate", *asked, "--chatter", "70")[1].endswith(
        f"Next: faqtune report --project {tuned_shop.root}\n"
    )
    # Damaged figures are figures that have to be made.
    find_run(tuned_shop).scorecards_path.joinpath("test-examples.json").unlink()
    assert "Next: faqtune evaluate" in cli("calibrate", *asked, "--chatter", "99.9")[1]


def test_where_it_answers_is_said_where_the_calibration_part_has_changed(
    tuned_shop: Workspace, cli: Callable[..., tuple[int, str, str]]
) -> None:
    """`match` goes on at the certified threshold; figures are at one of today's calibration part."""
    asked = ("--project", str(tuned_shop.root))
    assert "certified: answer from" in cli("calibrate", *asked, "--chatter", "99.9")[1]
    promised = load_matcher(tuned_shop).threshold_cosine
    assert promised is not None
    assert "answers from a cosine" not in "".join(cli("evaluate", *asked, "--force")[1:])
    run = find_run(tuned_shop)
    certificate = json.loads(run.certificate_path.read_text(encoding="utf-8"))
    certificate["calibration"]["digest"] = "of another part"
    run.certificate_path.write_text(json.dumps(certificate), encoding="utf-8")
    said = f"{run.name} answers from a cosine of {promised:.4f} on, which was set on other calibration data"
    assert said in "".join(cli("evaluate", *asked, "--force")[1:])
    assert load_matcher(tuned_shop).threshold_cosine == promised


def test_a_certificate_of_data_without_noise_is_measured_and_reported(
    tuned_shop: Workspace, cli: Callable[..., tuple[int, str, str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The report asked for figures at a threshold that `evaluate` left aside."""
    made = evaluation_set

    def without_noise(project: object, part: str) -> object:
        data = made(project, part)  # type: ignore[arg-type]
        return replace(data, negatives=()) if part == CALIBRATION else data

    for place in ("calibrate", "evaluate", "report"):
        monkeypatch.setattr(f"faqtune.commands.{place}.evaluation_set", without_noise)
    asked = ("--project", str(tuned_shop.root))
    assert "certified: answer from" in cli("calibrate", *asked, "--wrong", "99.9")[1]
    assert cli("evaluate", *asked)[0] == 0 and cli("report", *asked)[0] == 0
    assert evaluate_models(tuned_shop).scorecards[-1].threshold_cosine is not None


def test_the_next_step_is_one_that_works(tuned_shop: Workspace, cli: Callable[..., tuple[int, str, str]]) -> None:
    """A run that was not measured, as one of `merge`, has no report yet; one that was named is named again."""
    run = find_run(tuned_shop)
    asked = ("calibrate", "--project", str(tuned_shop.root), "--chatter", "60")
    assert f"Next: faqtune report --project {tuned_shop.root}\n" in cli(*asked)[1]
    assert cli(*asked, "--run", run.name)[1].endswith(f"report --project {tuned_shop.root} --run {run.name}\n")
    shutil.rmtree(run.scorecards_path)
    assert cli(*asked)[1].endswith(f"Next: faqtune evaluate --project {tuned_shop.root}\n")
    assert f" --models {run.base} {run.name}" in cli(*asked, "--run", run.name)[1]
