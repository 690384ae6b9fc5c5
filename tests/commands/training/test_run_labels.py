"""What a run was trained on is told of it however labels change afterwards."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from faqtune import UserError, Workspace, claims
from faqtune.commands.project.assemble import load_project
from faqtune.commands.report import _label_summary
from faqtune.commands.training.run_labels import LABELS_NAME, labels_of, training_labels
from faqtune.runs import Run, find_run
from faqtune.stored import read_json


@pytest.fixture
def run(tuned_shop: Workspace) -> Run:
    return find_run(tuned_shop)


def test_a_run_keeps_who_labelled_what_it_was_trained_on(tuned_shop: Workspace, run: Run) -> None:
    project = load_project(tuned_shop)

    kept = labels_of(run, project)

    assert (run.folder / LABELS_NAME).is_file()
    assert kept == training_labels(project)
    assert set(kept.sources) == {"reply_rules"} and sum(kept.sources.values()) > 5
    assert [question for question, _ in kept.entries] == [entry.questions[0] for entry in project.catalogue]
    parts, decisions = project.split.conversations, project.decisions
    trained = [query.id for query in project.queries if parts.get(query.conversation) == "train"]
    labelled = [decisions[query].entry for query in trained if query in decisions]
    assert [count for _, count in kept.entries] == [labelled.count(entry.id) for entry in project.catalogue]


def test_a_query_for_several_entries_is_a_label_of_each(tuned_shop: Workspace) -> None:
    project = load_project(tuned_shop)
    before = training_labels(project)
    where = project.split.conversations
    query = next(q.id for q in project.queries if q.id in project.decisions and where.get(q.conversation) == "train")
    decided = project.decisions[query]
    other = next(entry for entry in project.catalogue if entry.id != decided.entry)
    both = replace(project, decisions={**project.decisions, query: replace(decided, others=(other.id,))})

    after = training_labels(both)

    more = [now - was for (_, was), (_, now) in zip(before.entries, after.entries, strict=True)]
    assert more == [int(entry is other) for entry in project.catalogue]
    assert after.sources == before.sources, "it is one label of who gave it"


def test_the_report_of_an_old_run_shows_its_labels_and_not_those_of_today(tuned_shop: Workspace, run: Run) -> None:
    before = _label_summary(tuned_shop, load_project(tuned_shop), run)
    tuned_shop.claims_path.unlink()
    Path(f"{tuned_shop.claims_path}-wal").unlink(missing_ok=True)
    claims.append(tuned_shop.claims_path, [])  # nobody says anything any more

    after = _label_summary(tuned_shop, load_project(tuned_shop), run)

    assert (after.training, after.entries) == (before.training, before.entries)
    assert not training_labels(load_project(tuned_shop)).sources
    (run.folder / LABELS_NAME).unlink()
    assert not _label_summary(tuned_shop, load_project(tuned_shop), run).training, (
        "a run of an older faqtune has today's"
    )


@pytest.mark.parametrize("content", ["{", "{}", '{"sources": 3, "entries": []}', '{"sources": {}, "entries": [1]}'])
def test_a_damaged_summary_is_one_clear_error(tuned_shop: Workspace, run: Run, content: str) -> None:
    (run.folder / LABELS_NAME).write_text(content, encoding="utf-8")

    with pytest.raises(UserError, match=r"labels\.json is damaged"):
        labels_of(run, load_project(tuned_shop))
    assert read_json(run.folder / "recipe.json", "")
