"""What is counted as left out of a part."""

import pytest

from faqtune import Workspace
from faqtune.commands.figures.measured import with_left_out
from faqtune.commands.project import assemble
from faqtune.commands.project.assemble import evaluation_set, load_project
from faqtune.records import TEST


@pytest.mark.parametrize("enough", [1, 10_000])
def test_only_queries_that_would_be_measured_count_as_left_out(
    tuned_shop: Workspace, enough: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where people labelled enough, labels of machines measure nothing."""
    monkeypatch.setattr(assemble, "ENOUGH_HUMAN_LABELS", enough)
    project = load_project(tuned_shop)
    parts = project.split.conversations
    labelled = [
        query for query in project.queries if parts[query.conversation] == TEST and query.id in project.decisions
    ]
    people = [query for query in labelled if project.decisions[query.id].is_human]
    assert 0 < len(people) < len(labelled)
    found = with_left_out(evaluation_set(project, TEST), project, TEST, set(parts), ())
    counted = found.excluded["conversation was trained on"]
    assert counted == len(people) if enough == 1 else counted > len(people)
