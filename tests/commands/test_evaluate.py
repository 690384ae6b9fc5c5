"""`evaluate`: which models on which data, what is left out, and what is kept where."""

from __future__ import annotations

import json
import shutil
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from faqtune import UserError, Workspace, evaluate_models
from faqtune.commands import evaluate as command
from faqtune.commands.project.assemble import evaluation_set, load_project
from faqtune.evaluate import Outcomes
from faqtune.runs import find_run
from faqtune.scorecard import STRATA


@pytest.fixture(autouse=True)
def few_queries(monkeypatch: pytest.MonkeyPatch) -> None:
    """The tea shop is small."""
    monkeypatch.setattr("faqtune.commands.figures.enough.LEAST_QUERIES", 3)


def test_by_default_the_newest_run_is_measured_against_its_base(tuned_shop: Workspace) -> None:
    run = find_run(tuned_shop)

    made = evaluate_models(tuned_shop)

    assert made.skipped
    assert made.comparison is not None
    assert [card.model for card in made.scorecards] == [run.base, run.name]
    assert made.comparison.differences.keys() >= {"recall@1", "auroc"}
    assert {path.parent for path in made.paths} == {run.scorecards_path}
    assert [path.name for path in made.paths] == [
        f"test-{what}.json" for what in ("before", "after", "comparison", "examples")
    ]


def test_before_the_first_training_the_base_is_measured_alone(tuned_shop: Workspace, heard: Any) -> None:
    shutil.rmtree(tuned_shop.runs_path)
    made = evaluate_models(tuned_shop, resamples=100, reporter=heard)

    assert [card.model for card in made.scorecards] == [tuned_shop.config().model.base]
    assert made.paths == [tuned_shop.root / "scorecards" / "test-model.json"]
    assert "base model alone" in heard.lines[0]


def test_models_in_another_order_do_not_overwrite_the_runs_own_figures(tuned_shop: Workspace) -> None:
    run = find_run(tuned_shop)
    own = (run.scorecards_path / "test-comparison.json").read_bytes()

    made = evaluate_models(tuned_shop, models=("tuned", run.base), resamples=100)

    assert [card.model for card in made.scorecards] == [run.name, run.base]
    assert {path.parent for path in made.paths} == {tuned_shop.root / "scorecards"}
    assert (run.scorecards_path / "test-comparison.json").read_bytes() == own


def test_the_same_again_is_read_back_and_anything_else_is_measured(tuned_shop: Workspace) -> None:
    base = tuned_shop.config().model.base
    first = evaluate_models(tuned_shop, models=(base,), resamples=100)
    again = evaluate_models(tuned_shop, models=(base,), resamples=100)

    assert (first.skipped, again.skipped) == (False, True)
    assert again.scorecards == first.scorecards
    assert not evaluate_models(tuned_shop, models=(base,), resamples=101).skipped
    assert not evaluate_models(tuned_shop, models=(base,), resamples=101, force=True).skipped
    again.paths[0].write_text("{}", encoding="utf-8")
    assert not evaluate_models(tuned_shop, models=(base,), resamples=101).skipped


def test_another_part_is_measured_and_said_to_flatter(tuned_shop: Workspace, heard: Any) -> None:
    made = evaluate_models(
        tuned_shop, models=(tuned_shop.config().model.base,), part="calibration", resamples=100, reporter=heard
    )

    assert made.scorecards[0].part == "calibration (weak labels)"
    assert made.scorecards[0].threshold_cosine is None
    assert made.paths[0].name == "calibration-model.json"
    assert "flatter" in heard.lines[0]


def test_an_unknown_part_names_the_valid_ones(tuned_shop: Workspace) -> None:
    with pytest.raises(UserError, match=r"no part `tset`\. Next: choose one of test, calibration, selection, train"):
        evaluate_models(tuned_shop, part="tset")
    run = find_run(tuned_shop).name
    with pytest.raises(UserError, match=f"a model is named twice: tuned is {run}"):
        evaluate_models(tuned_shop, models=(run, "tuned"))


def test_options_that_would_do_nothing_are_refused(tuned_shop: Workspace, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="give that file with --gold"):
        evaluate_models(tuned_shop, gold_catalogue=tmp_path / "catalogue.json")
    with pytest.raises(UserError, match=r"no noise of the kind `chater`\. Next: name one of chatter, "):
        evaluate_models(tuned_shop, noise=("chater=noise.txt",))


def test_too_little_to_measure_is_refused(tuned_shop: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("faqtune.commands.figures.enough.LEAST_QUERIES", 1000)

    with pytest.raises(UserError, match=r"test \(weak labels\): only \d+ queries"):
        evaluate_models(tuned_shop)


def test_noise_that_a_run_was_trained_on_is_not_measured_after_another_split(learned_shop: Workspace) -> None:
    """As after a larger split.test: sources that were trained on stand in the test part by now."""
    run = find_run(learned_shop)
    before = evaluation_set(load_project(learned_shop), "test")
    of_files = Counter(n.group for n in before.negatives if n.group in learned_shop.split().noise)
    source, sentences = of_files.most_common(1)[0]
    kept = json.loads((run.folder / "split.json").read_text("utf-8"))
    kept["noise"][source] = "train"
    (run.folder / "split.json").write_text(json.dumps(kept), encoding="utf-8")

    made = evaluate_models(learned_shop, resamples=100)
    base = evaluate_models(learned_shop, models=(run.base,), resamples=100)
    copy = shutil.copytree(run.model_path, learned_shop.root / "copied")
    by_place = [evaluate_models(learned_shop, models=(str(place),), resamples=100) for place in (run.model_path, copy)]

    def noise(counts: dict[str, int]) -> int:
        return sum(counts[stratum] for stratum in STRATA)

    assert noise(made.scorecards[1].counts) == len(before.negatives) - sentences
    assert all(card.excluded == {"text was trained on": sentences} for card in made.scorecards)
    for other in by_place:
        assert other.scorecards[0].excluded == made.scorecards[1].excluded, "a folder is no way around it"
    assert noise(base.scorecards[0].counts) == len(before.negatives), "the base has seen none of it"
    assert not base.scorecards[0].excluded


def test_hand_labels_of_conversations_that_training_saw_are_left_out_and_counted(tuned_shop: Workspace) -> None:
    """A file with one label for every conversation of the shop, each of the same entry."""
    question = tuned_shop.catalogue().entries[0].questions[0]
    parts = tuned_shop.split().conversations
    gold = tuned_shop.root / "new labels.jsonl"
    rows = [{"query": f"问 {name}", "conversation": name, "turn": 0, "entry": question} for name in parts]
    rows += [{"query": "哪都没有的会话", "entry": question}, {"query": "几个问题", "entry": None, "reason": "several"}]
    gold.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), encoding="utf-8")

    made = evaluate_models(tuned_shop, gold=gold, resamples=100)

    count = Counter(parts.values())
    card = made.scorecards[0]
    assert card.counts["queries"] == count["test"] + 1
    assert card.excluded == {
        "conversation was trained on": count["train"],
        "conversation is in the selection part": count["selection"],
        "conversation is in the calibration part": count["calibration"],
        "several": 1,
    }
    assert card.counts["chatter"] == 5
    assert card.part == "new labels.jsonl"
    assert made.paths[0].name == "gold-new-labels-before.json"


def test_switched_queries_are_those_that_one_model_ranks_first_and_the_other_does_not(tuned_shop: Workspace) -> None:
    data = evaluation_set(load_project(tuned_shop), "test")
    n, entries = len(data.positives), data.catalogue.entries
    right, none = data.entry_rows, np.zeros(len(data.negatives), np.float32)
    wrong = (right + 1) % len(entries)

    def outcomes(best: object, ranks: object) -> Outcomes:
        scores = np.ones(n, np.float32)
        return Outcomes("m", data, np.asarray(ranks), np.asarray(best), scores, scores, none)

    before = outcomes([right[0], wrong[1], right[2], *wrong[3:]], [1, 2, 1, *[2] * (n - 3)])
    after = outcomes([wrong[0], right[1], right[2], *wrong[3:]], [2, 1, 1, *[2] * (n - 3)])
    made = command._switched(before, after)

    assert [(e.text, e.after) for e in made.now_right] == [(data.positives[1].text, entries[right[1]].questions[0])]
    assert [(e.text, e.before, e.after) for e in made.now_wrong] == [
        (data.positives[0].text, entries[right[0]].questions[0], entries[wrong[0]].questions[0])
    ]


def test_a_missing_file_of_hand_labels_is_named(tuned_shop: Workspace) -> None:
    with pytest.raises(UserError, match=r"there is no .*nowhere\.jsonl"):
        evaluate_models(tuned_shop, gold=Path("nowhere.jsonl"))


def test_three_models_are_measured_side_by_side_and_read_back(tuned_shop: Workspace, tmp_path: Path) -> None:
    run = find_run(tuned_shop)
    shutil.copytree(run.model_path, tmp_path / "third")
    names = (run.base, run.name, str(tmp_path / "third"))

    made = evaluate_models(tuned_shop, models=names, resamples=200)

    assert [card.model for card in made.scorecards] == list(names)
    assert [(each.before.model, each.after.model) for each in made.comparisons] == [names[:2], names[::2]]
    assert made.comparison is None and made.examples is None
    one, other = (each.differences for each in made.comparisons)
    assert {name: d.value for name, d in one.items()} == pytest.approx({name: d.value for name, d in other.items()})
    # The same p twice, corrected for both.
    assert all(d.p_holm is not None and d.p <= d.p_holm <= 1 for d in one.values())
    again = evaluate_models(tuned_shop, models=names, resamples=200)
    assert again.skipped and again.comparisons == made.comparisons and again.scorecards == made.scorecards


def test_models_after_one_another_on_the_command_line(tuned_shop: Workspace, cli, tmp_path: Path) -> None:
    run = find_run(tuned_shop)
    shutil.copytree(run.model_path, tmp_path / "third")
    where = ("--project", str(tuned_shop.root), "--resamples", "100")
    code, out, _ = cli("evaluate", "--models", run.base, "tuned", str(tmp_path / "third"), *where)
    assert code == 0 and "+ better" in out and "  third" in out.splitlines()[0]
    code, out, _ = cli("evaluate", "--models", run.base, "tuned", str(tmp_path / "third"), *where, "--json")
    assert code == 0 and json.loads(out)["skipped"] and len(json.loads(out)["comparisons"]) == 2


def test_entries_taken_for_each_other_are_a_table_for_the_owner_of_the_content(tuned_shop: Workspace) -> None:
    import csv

    made = evaluate_models(tuned_shop, models=("tuned",), resamples=100)
    assert made.confusions is not None and made.confusions.read_bytes().startswith(b"\xef\xbb\xbf")
    rows = list(csv.reader(made.confusions.read_text("utf-8-sig").splitlines()))
    assert rows[0][0] == "建议合并 merge?" and len(rows) == 1 + len(made.scorecards[0].confusions)
    assert [row[1] for row in rows[1:]] == [each.a for each in made.scorecards[0].confusions]


def test_noise_of_a_file_takes_the_place_of_the_projects_own(tuned_shop: Workspace) -> None:
    base = tuned_shop.config().model.base
    bank = tuned_shop.root / "bank.txt"
    bank.write_text("".join(f"信用卡第{n}期怎么还\n" for n in range(30)), encoding="utf-8")
    chat = tuned_shop.root / "chat.txt"
    chat.write_text("".join(f"今天第{n}次想你\n" for n in range(12)), encoding="utf-8")

    made = evaluate_models(tuned_shop, models=(base,), noise=(f"other_domain={bank}", str(chat)), resamples=100)

    card = made.scorecards[0]
    assert (card.counts["other_domain"], card.counts["chatter"]) == (30, 12 + sum_of_people(tuned_shop))
    assert {"auroc/other_domain", "auroc/chatter", "auroc/garbage"} <= card.figures.keys()
    assert card.part.endswith("bank.txt, chat.txt") and made.paths[0].name.startswith("test-noise-")
    assert evaluate_models(tuned_shop, models=(base,), resamples=100).paths != made.paths


def sum_of_people(workspace: Workspace) -> int:
    """Small talk in conversations of the test part, as people have called it."""
    project = load_project(workspace)
    data = evaluation_set(project, "test")
    return sum(n.stratum == "chatter" and n.group not in project.split.noise for n in data.negatives)


def test_files_that_set_the_threshold_are_refused_and_single_texts_of_it_left_out(tuned_shop: Workspace) -> None:
    project = load_project(tuned_shop)
    calibration = evaluation_set(project, "calibration")
    trained = [n.text for n in project.noise if project.split.noise[n.source] == "train"]
    base = tuned_shop.config().model.base
    file = tuned_shop.root / "mine.txt"

    file.write_text("\n".join(n.text for n in calibration.negatives), encoding="utf-8")
    with pytest.raises(UserError, match="those that set the threshold"):
        evaluate_models(tuned_shop, models=(base,), noise=(f"unsupported={file}",), resamples=100)

    others = [f"会写诗吗{n}" for n in range(9)]
    file.write_text("\n".join([calibration.negatives[0].text, trained[0], *others]), encoding="utf-8")
    card = evaluate_models(tuned_shop, models=(base,), noise=(f"unsupported={file}",), resamples=100).scorecards[0]
    assert card.excluded["text set the threshold"] == 1 and card.excluded["text was trained on"] == 1

    gold = tuned_shop.root / "calibrated.jsonl"
    rows = [{"query": p.text, "entry": p.entry} for p in calibration.positives]
    gold.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), encoding="utf-8")
    with pytest.raises(UserError, match="those that set the threshold"):
        evaluate_models(tuned_shop, models=(base,), gold=gold, resamples=100)


def test_noise_on_the_command_line(tuned_shop: Workspace, cli) -> None:
    bank = tuned_shop.root / "bank.txt"
    bank.write_text("".join(f"信用卡第{n}期怎么还\n" for n in range(30)), encoding="utf-8")
    code, out, _ = cli(
        "evaluate", "tuned", "--project", str(tuned_shop.root), "--noise", f"other_domain={bank}", "--resamples", "100"
    )
    assert code == 0 and "(AUROC): another domain" in out and "were generated" in out and "--details" not in out


def test_each_kind_of_noise_is_shown_to_who_asks(tuned_shop: Workspace, cli) -> None:
    where = ("--project", str(tuned_shop.root), "--resamples", "100")
    (code, short, _), (again, whole, _) = cli("evaluate", *where), cli("evaluate", *where, "--details")
    assert code == again == 0 and "--details" in short and "--details" not in whole
    kinds = ("(AUROC): everyday chatter", "(recall@1): averaged per entry")
    assert all(kind in whole and kind not in short for kind in kinds)
    assert "(AUROC)  " in short and "(AUROC)  " in whole
