"""What `labels`, `decide` and `label --after-annotation` print."""

from __future__ import annotations

import json
import re
from collections.abc import Callable

from faqtune import Workspace, claims
from faqtune.annotate.decisions import Decision, act_of
from faqtune.annotate.store import Store
from faqtune.label import BY
from faqtune.records import Claim

Run = Callable[..., tuple[int, str, str]]


def _on_project(cli: Run, workspace: Workspace, *arguments: str) -> str:
    code, out, errors = cli(*arguments, "--project", str(workspace.root))
    assert code == 0, errors
    return out


def test_labels_says_what_it_was_compared_with_and_what_must_not_be_chosen(cli: Run, tuned_shop: Workspace) -> None:
    out = _on_project(cli, tuned_shop, "labels")
    assert "Compared with 0 of 36 hand-labelled turns" in out
    assert "reply_rules, from each reply cosine on:" in out

    out = _on_project(cli, tuned_shop, "labels", "--test")
    assert re.search(r"human:gold +reply_rules +\d+ +\d+", out)
    assert "too good" in out

    made = json.loads(_on_project(cli, tuned_shop, "labels", "--test", "--json"))
    assert made["compared_with"] == 36
    assert made["tables"][0]["rows"][0]["right"].keys() == {"n", "right", "low", "high"}


def test_decide_shows_weights_and_the_worst_doubts(cli: Run, tuned_shop: Workspace) -> None:
    out = _on_project(cli, tuned_shop, "decide")
    assert re.search(r"\d+ queries are decided: 36 by people", out)
    assert "No source is compared with people: no hand label trains (split.human_labels_for_training gives" in out
    assert re.search(r"\d+ of \d+ labels are doubtful", out)

    made = json.loads(_on_project(cli, tuned_shop, "decide", "--json"))
    assert made["weights"][0]["by"] == BY
    lines = (tuned_shop.root / "doubts.jsonl").read_text(encoding="utf-8").splitlines()
    assert len(lines) == 1 + len(made["doubts"])


def test_hand_labels_of_chosen_queries_are_told_in_both(cli: Run, tuned_shop: Workspace) -> None:
    text = tuned_shop.config_path.read_text(encoding="utf-8")
    text = re.sub("# human_labels_for_training = .*", "human_labels_for_training = 1.0", text)
    tuned_shop.config_path.write_text(text, encoding="utf-8")
    people = {claim.query for claim in claims.read(tuned_shop.claims_path) if claim.is_human}
    store = Store(tuned_shop.acts_path)
    for query in tuned_shop.queries():
        if query.id in people:
            store.add(act_of(Decision(query.id, query.id, "skip", 1, why="disagreeing"), query, "Ann"))
    store.close()

    told = "36 hand labels that train judge no source: their queries were asked for being doubtful; those that the"
    decided = _on_project(cli, tuned_shop, "decide")
    assert "No source is compared with people: all hand labels of the training part are of queries that" in decided
    assert told in decided
    labels = _on_project(cli, tuned_shop, "labels")
    assert "Compared with 0 of 36 hand-labelled turns: those that train and were drawn by chance." in labels
    assert told in labels


def test_levels_of_confidence_have_a_line_each(cli: Run, tuned_shop: Workspace) -> None:
    text = tuned_shop.config_path.read_text(encoding="utf-8")
    text = re.sub("# human_labels_for_training = .*", "human_labels_for_training = 1.0", text)
    tuned_shop.config_path.write_text(text, encoding="utf-8")
    rules = [claim for claim in claims.read(tuned_shop.claims_path) if claim.by == BY]
    said = [Claim(claim.query, claim.entry, "human:Ann", 1.0) for claim in rules]
    said += [Claim(c.query, c.entry, "llm:x", 0.5 + n % 2 * 0.4) for n, c in enumerate(rules)]
    claims.append(tuned_shop.claims_path, said)

    out = _on_project(cli, tuned_shop, "decide")

    assert re.search(r"llm:x +\d+ +\d+% +\d+ +100% +\d+% to 100%", out)


def test_after_annotation_prints_both_halves(cli: Run, tuned_shop: Workspace) -> None:
    out = _on_project(cli, tuned_shop, "label", "--after-annotation")
    assert "exchanges" in out
    assert "queries are decided" in out
    assert out.rstrip().splitlines()[-1].startswith("Next: faqtune train --project")

    made = json.loads(_on_project(cli, tuned_shop, "label", "--after-annotation", "--json"))
    assert made.keys() == {"labelled", "decided"}


def test_a_language_model_and_what_follows_annotation_are_two_steps(cli: Run, tuned_shop: Workspace) -> None:
    code, _, errors = cli("label", "--llm", "--after-annotation", "--project", str(tuned_shop.root))
    assert code == 2
    assert "two steps" in errors
