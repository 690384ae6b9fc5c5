"""`report`: one page of a run that has been measured."""

from __future__ import annotations

import shutil

import pytest

from faqtune import UserError, Workspace, claims, write_report
from faqtune.commands.report import _label_summary
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

    summary = _label_summary(tuned_shop, find_run(tuned_shop))

    assert summary.training == {"reply_rules": len(trained)}
    assert summary.measured["human:gold"] == 36
    assert [entry.labels for entry in summary.entries] == [trained.count(e.id) for e in tuned_shop.catalogue()]


def test_a_run_that_was_not_measured_is_refused(tuned_shop: Workspace) -> None:
    shutil.rmtree(find_run(tuned_shop).scorecards_path)

    with pytest.raises(UserError, match="run `faqtune evaluate` first"):
        write_report(tuned_shop)
    with pytest.raises(UserError, match="no run nowhere"):
        write_report(tuned_shop, run="nowhere")
