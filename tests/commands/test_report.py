"""`report`: one page of a run that has been measured."""

from __future__ import annotations

import json
import shutil

import pytest

from faqtune import UserError, Workspace, claims, make_index, write_report
from faqtune.commands.project.assemble import load_project, measured_queries
from faqtune.commands.report import _label_summary, _run_facts
from faqtune.records import TEST, Claim
from faqtune.report import RunFacts
from faqtune.runs import find_run


def test_the_page_and_the_picture_lie_in_the_run(tuned_shop: Workspace) -> None:
    run = find_run(tuned_shop)
    run.report_path.unlink()

    made = write_report(tuned_shop, run=run.name)

    assert (made.run, made.page) == (run.name, run.report_path)
    assert run.name in made.page.read_text(encoding="utf-8")
    assert made.picture.read_text(encoding="utf-8").startswith("<svg")


def test_labels_are_counted_by_part_and_source(tuned_shop: Workspace) -> None:
    parts = tuned_shop.split().conversations
    said = claims.read(tuned_shop.claims_path)
    human = {claim.query for claim in said if claim.is_human}
    by_rules = {claim.query: claim.entry for claim in said if not claim.is_human and claim.query not in human}
    trained = [by_rules[q.id] for q in tuned_shop.queries() if q.id in by_rules and parts[q.conversation] == "train"]

    summary = _label_summary(tuned_shop, load_project(tuned_shop), find_run(tuned_shop))

    assert summary.training == {"reply_rules": len(trained)}
    assert summary.measured["human:gold"] == 36
    assert [entry.labels for entry in summary.entries] == [trained.count(e.id) for e in tuned_shop.catalogue()]


def test_a_label_that_two_machines_agree_on_is_one_measured_label(tuned_shop: Workspace) -> None:
    before = _label_summary(tuned_shop, load_project(tuned_shop), find_run(tuned_shop)).measured
    said = claims.read(tuned_shop.claims_path)
    claims.append(tuned_shop.claims_path, [Claim(c.query, c.entry, "llm:some", 0.9) for c in said if not c.is_human])

    after = _label_summary(tuned_shop, load_project(tuned_shop), find_run(tuned_shop)).measured

    assert before.keys() == {"human:gold", "reply_rules"}
    assert after["human:gold"] == before["human:gold"]
    assert sum(after.values()) == len(measured_queries(load_project(tuned_shop), TEST)[0])
    assert "llm:some + reply_rules" in after


def test_a_run_that_was_not_measured_is_refused(tuned_shop: Workspace) -> None:
    shutil.rmtree(find_run(tuned_shop).scorecards_path)

    with pytest.raises(UserError, match="run `faqtune evaluate` first"):
        write_report(tuned_shop)
    with pytest.raises(UserError, match="no run nowhere"):
        write_report(tuned_shop, run="nowhere")


def test_the_other_forms_lie_beside_the_page_and_name_their_files(tuned_shop: Workspace) -> None:
    run = find_run(tuned_shop)

    text = write_report(tuned_shop, form="md", language="en").page.read_text(encoding="utf-8")
    data = json.loads(write_report(tuned_shop, form="json").page.read_text(encoding="utf-8"))

    assert text.startswith(f"# What tuning changed: {run.name}") and "## All figures" in text
    for name, file in data["sources"].items():
        assert (tuned_shop.root / file).exists(), name
    kept = json.loads((tuned_shop.root / data["sources"]["comparison"]).read_text(encoding="utf-8"))
    assert data["comparison"]["after"]["figures"] == kept["after"]["figures"]
    assert data["details"]["operating"] and data["labels"]["training"]
    assert run.report_path.with_suffix(".json").exists() and run.report_path.with_suffix(".md").exists()


def test_forms_and_languages_that_there_are_not_are_refused(tuned_shop: Workspace) -> None:
    with pytest.raises(UserError, match="choose one of html, md, json"):
        write_report(tuned_shop, form="pdf")
    with pytest.raises(UserError, match="choose zh or en"):
        write_report(tuned_shop, form="md", language="fr")  # type: ignore[arg-type]


def test_a_project_measured_by_an_older_faqtune_still_has_its_page(tuned_shop: Workspace) -> None:
    """Scorecards without what came later, and no details beside them."""
    folder = find_run(tuned_shop).scorecards_path
    (folder / "test-details.json").unlink()
    path = folder / "test-comparison.json"
    kept = json.loads(path.read_text(encoding="utf-8"))
    later = ("reliability", "categories", "entries", "confusions", "worst_accepted", "worst_rejected", "model_digest")
    for card in (kept["before"], kept["after"]):
        for name in later:
            card.pop(name, None)
        card["curves"] = {name: curve for name, curve in card["curves"].items() if "similarity" not in name}
    for difference in kept["differences"].values():
        difference.pop("p_holm", None)
    path.write_text(json.dumps(kept), encoding="utf-8")

    page = write_report(tuned_shop).page.read_text(encoding="utf-8")

    assert 'id="zh-figures"' in page
    for part in ("dial", "missing", "map", "entries", "mistakes"):
        assert f'id="zh-{part}"' not in page


def test_question_vectors_are_on_the_page_while_they_are_of_this_model(tuned_shop: Workspace) -> None:
    run = find_run(tuned_shop)
    write_report(tuned_shop)
    assert "zh-vectors" not in run.report_path.read_text("utf-8")
    made = make_index(tuned_shop, confidence=0.6, resamples=100)
    page = write_report(tuned_shop).page.read_text("utf-8")
    assert f"移动了 {made.questions} 个标准问题中 {made.moved} 个的向量" in page
    assert "数据与本页其余部分不同" not in page
    data = json.loads(write_report(tuned_shop, form="json").page.read_text("utf-8"))
    assert data["vectors"]["labels"] == made.labels and data["vectors"]["selection"]["verdict"]
    assert data["sources"]["vectors"] == f"runs/{run.name}/index/index.json"

    path = run.folder / "index" / "index.json"
    facts = json.loads(path.read_text("utf-8"))
    for other in ({"model_digest": "of another state"}, {"settings_digest": "others"}, {"vectors_digest": "others"}):
        path.write_text(json.dumps(facts | other | {"labels": None}), encoding="utf-8")
        assert "zh-vectors" not in write_report(tuned_shop).page.read_text("utf-8")
    figures = facts["selection"]["figures"]
    no_p = {name: {key: each[key] for key in each.keys() - {"p"}} for name, each in figures.items()}
    for damage in (
        {"selection": {"part": "selection"}},
        {"selection": facts["selection"] | {"figures": no_p}},
        {"threshold_cosine": "high"},
        {"questions": None},
    ):
        path.write_text(json.dumps(facts | damage), encoding="utf-8")
        with pytest.raises(UserError, match=r"index\.json is damaged") as damaged:
            write_report(tuned_shop)
        assert "faqtune index" in damaged.value.next_step


def test_files_that_changed_after_the_training_are_named_and_their_digests_are_the_old_ones(
    tuned_shop: Workspace,
) -> None:
    def facts() -> RunFacts:
        return _run_facts(tuned_shop, find_run(tuned_shop))

    before = facts()
    assert {"catalogue", "conversations", "split"} <= before.digests.keys() and not before.changed
    assert "项目已有变化" not in write_report(tuned_shop).page.read_text("utf-8")
    with tuned_shop.split_path.open("a", encoding="utf-8") as file:
        file.write("\n")
    after = facts()
    assert list(after.changed) == ["split"] and after.digests == before.digests
    assert "项目已有变化（数据划分）" in write_report(tuned_shop).page.read_text("utf-8")
    older = find_run(tuned_shop)
    del older.facts["files"]
    older.save()
    assert list(facts().digests) == ["training inputs"] and not facts().changed
