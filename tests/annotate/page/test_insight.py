"""What the other views show, and files in and out."""

from __future__ import annotations

import io
import json
import re
import shutil
from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import Any

import openpyxl
import pytest

from faqtune import claims
from faqtune.annotate import insight as insight_module
from faqtune.annotate import standin_points
from faqtune.annotate.carry import EXPORTS, exported, take_in, without_a_pair, write_annotations
from faqtune.annotate.decisions import Decision, act_of, query_in
from faqtune.annotate.insight import Insight
from faqtune.annotate.queue import Shares
from faqtune.annotate.refused import Refused
from faqtune.annotate.session import Session
from faqtune.annotate.standin import UNLABELLED, stand_in_curve
from faqtune.annotate.standin_points import LEAST_MEASURED
from faqtune.annotate.store import ANSWER
from faqtune.annotate.tuned import Tuned
from faqtune.records import Claim

FORMULA = '=HYPERLINK("http://evil.example","发货")'


def annotate(session: Session, by: str, count: int, prefix: str) -> None:
    """As somebody does who takes the model's first entry for what was meant, and none for every fifth."""
    for number in range(count):
        items = session.next(by, 1)
        if not items:
            return
        item = items[0]
        what: dict[str, Any] = {"what": "pick", "entries": (item.suggested,)}
        if number % 5 == 4:
            what = {"what": "none", "reason": "unsupported"}
        session.answer(
            by,
            Decision(
                f"act-{prefix}-{number:05d}", item.item, turns=item.turns, seconds=6.0, suggested=item.suggested,
                candidates=tuple(offer.entry for offer in item.offers), why=item.why, audit=item.audit, **what,
            ),
        )  # fmt: skip


def half_trains(world: ModuleType) -> Any:
    made = world.material(shares=Shares(second=1.0, audit=0.3))
    return replace(made, trains=lambda name: int(name[1:]) % 2 == 0, noise=made.encoder.encode(["哈哈", "晚安"]))


def with_measured_noise(world: ModuleType) -> Any:
    """Half of the conversations train; enough noise for a curve."""
    made = replace(world.material(), trains=lambda name: int(name[1:]) % 2 == 0)
    return replace(made, measured_noise=made.encoder.encode([f"闲聊{n}" for n in range(30)]))


@pytest.fixture(scope="module")
def annotated_folder(world: ModuleType, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Eighty answers of two people; half of the conversations train."""
    folder = tmp_path_factory.mktemp("annotated")
    session = world.open_world(folder, half_trains(world))
    annotate(session, "王敏", 40, "a")
    annotate(session, "李雷", 40, "b")
    session.close()
    return folder


@pytest.fixture
def annotated(annotated_folder: Path, world: ModuleType, tmp_path: Path) -> Session:
    """A copy, to be gone on with."""
    shutil.copytree(annotated_folder, tmp_path / "annotated")
    return world.open_world(tmp_path / "annotated", half_trains(world))


def test_progress_counts_items_minutes_and_what_the_random_share_says(annotated: Session) -> None:
    found = Insight(annotated).progress()
    assert found["pace"]["items"] == 80
    assert found["pace"]["minutes"] == pytest.approx(8.0)
    assert set(found["people"]) == {"王敏", "李雷"}
    assert found["people"]["王敏"]["labels_per_hour"] == pytest.approx(600)
    assert found["kinds"]
    assert found["agreement"]["items"] > 0
    assert found["lead"]["hidden"]["n"] > 0
    assert found["projection"]["ahead"] == 100
    # Everything is JSON: no NaN is left.
    json.dumps(found, allow_nan=False)


def test_the_learning_curve_needs_enough_labels_that_measure(world: ModuleType, tmp_path: Path) -> None:
    made = with_measured_noise(world)
    session = world.open_world(tmp_path, made)
    assert Insight(session).progress()["curve"] == []
    assert Insight(session).progress()["curve_needs"] == {"what": "train", "have": 0, "need": 1}
    annotate(session, "王敏", 160, "a")
    measured = [answer for answer in session.answers(of_item=True) if answer.entries]
    rows = session.material.queue.rows
    odd = [a for a in measured if int(session.material.pool.queries[rows[a.query]].conversation[1:]) % 2]
    assert len(odd) >= LEAST_MEASURED
    curve = Insight(session).progress()["curve"]
    assert len({point["labels"] for point in curve}) > 3
    assert all(0 <= point["value"] <= 1 for point in curve)


def tunings(values: dict[int, float]) -> list[Tuned]:
    return [
        Tuned(f"run-{n}", n, value, value - 0.05, value + 0.05, "quick", True, "one", 90, True, (value,) * 500)
        for n, value in values.items()
    ]


def test_three_tunings_take_the_place_of_the_stand_in_and_fewer_are_shown_beside_it(annotated: Session) -> None:
    made = tunings({0: 0.40, 50: 0.48})
    insight = Insight(annotated, lambda: made)
    found = insight.progress()
    assert [one["labels"] for one in found["tunings"]] == [0, 50]
    assert found["projected_from"] == []
    assert found["projection"] == Insight(annotated).progress()["projection"]
    # A third one ends while the page is open.
    made += tunings({200: 0.52})
    found = insight.progress()
    assert found["projected_from"] == ["run-0", "run-50", "run-200"]
    assert found["projection"]["gain"] > 0
    assert "resampled" not in json.dumps(found, allow_nan=False)


def test_the_stand_in_has_the_machines_labels_beside_it(world: ModuleType, tmp_path: Path) -> None:
    """Without them every label by hand would look as if nothing had been known of its entry before."""
    made = with_measured_noise(world)
    session = world.open_world(tmp_path, made)
    annotate(session, "王敏", 160, "a")
    answers = session.answers(of_item=True)
    alone, _ = standin_points.learning_points(made, answers)
    seen: list[Any] = []

    def watching(*args: Any, weak: Any, machines: Any, **more: Any) -> Any:
        seen.append((weak, machines))
        return stand_in_curve(*args, weak=weak, machines=machines, **more)

    weak = {query.id: number % 3 - 1 for number, query in enumerate(made.pool.queries)}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(standin_points, "stand_in_curve", watching)
        beside, _ = standin_points.learning_points(replace(made, weak=weak), answers)
    others, machines = seen[0]
    answered = {answer.query for answer in answers}
    free = [query for query in made.pool.queries if query.id not in answered and made.trains(query.conversation)]
    assert len(others.entries) == len(free)
    assert list(others.entries) == [weak[query.id] for query in free]
    assert len(machines) == max(point.labels for point in beside)
    assert UNLABELLED not in machines
    assert [point.labels for point in beside] == [point.labels for point in alone]
    assert beside != alone


def test_an_answer_whose_entry_has_left_the_catalogue_is_no_point_of_the_curve(
    world: ModuleType, tmp_path: Path
) -> None:
    made = with_measured_noise(world)
    session = world.open_world(tmp_path, made)
    annotate(session, "王敏", 160, "a")
    answers = session.answers(of_item=True)
    whole, _ = standin_points.learning_points(made, answers)
    trains = [a for a in answers if a.entries and made.trains(made.pool.queries[made.queue.rows[a.query]].conversation)]
    gone = [replace(a, entries=("gone",)) if a == trains[0] else a for a in answers]
    less, _ = standin_points.learning_points(made, gone)
    assert max(point.labels for point in less) == max(point.labels for point in whole) - 1


def test_what_is_asked_for_again_is_made_once_until_somebody_answers(annotated: Session) -> None:
    insight = Insight(annotated)
    first = insight.gaps()
    assert insight.gaps() is first
    annotate(annotated, "王敏", 1, "c")
    assert insight.gaps() is not first


def test_disagreements_are_settled_by_a_further_answer(annotated: Session) -> None:
    by_item: dict[str, list[Any]] = {}
    for answer in annotated.answers(of_item=True):
        by_item.setdefault(answer.query, []).append(answer)
    both = next(said for said in by_item.values() if len(said) == 2)
    item = both[0].query
    other = next(f"e{n}" for n in range(12) if f"e{n}" not in {*both[0].entries, *both[1].entries})
    annotated.answer("李雷", Decision("act-other-00001", item, "pick", 1, entries=(other,), why=both[1].why))
    found = Insight(annotated).disagreements()["items"]
    assert item in [one["item"] for one in found]
    shown = annotated.settle("王敏", item)
    assert {one["by"] for one in shown.said} == {"王敏", "李雷"}
    assert other in [offer.entry for offer in shown.offers]
    annotated.answer("王敏", Decision("act-settled-001", item, "pick", 1, entries=(other,), why=shown.why))
    assert item not in [one["item"] for one in Insight(annotated).disagreements()["items"]]
    last = [claim for claim in claims.read(annotated.claims_path) if claim.query == shown.query][-1]
    assert (last.entry, last.by) == (other, "human:王敏")


def test_gaps_are_groups_of_what_nobody_could_match(annotated: Session) -> None:
    found = Insight(annotated).gaps()
    assert found["count"] >= len(found["gaps"]) > 0
    assert all(gap["title"] and gap["nearest"] for gap in found["gaps"])
    assert sum(gap["by_people"] for gap in found["gaps"]) > 0
    assert found["confirmed"] == sum(gap["by_people"] > 0 for gap in found["gaps"])


def test_the_spreadsheet_has_every_gap_also_where_the_page_gets_the_largest(
    annotated: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(insight_module, "MOST_GAPS", 1)
    insight = Insight(annotated)
    found = insight.gaps()
    assert len(found["gaps"]) == 1 < found["count"]
    _, rows = insight.gaps_rows()
    assert len(rows) == found["count"]
    assert rows[0][0] == found["gaps"][0]["title"]


def test_hand_labels_of_files_count_in_the_gap_list_and_what_people_call_small_talk_is_none(
    world: ModuleType, tmp_path: Path
) -> None:
    """Before anybody has answered on the page: the labels that the project came with say what is a gap."""
    made = world.material()
    session = world.open_world(tmp_path / "a", made)
    before = Insight(session).gaps()
    largest = before["gaps"][0]
    texts = {query.id: query for query in made.pool.queries}
    talk, lacking = largest["queries"][0], before["gaps"][-1]["queries"][0]
    said = (
        Claim(talk, None, "human:gold", 1.0, reason="chitchat"),
        Claim(lacking, None, "human:gold", 1.0, reason="unsupported"),
    )
    after = Insight(world.open_world(tmp_path / "b", replace(made, claims=(*made.claims, *said)))).gaps()
    left = {query for gap in after["gaps"] for query in gap["queries"]}
    same = [query for query in largest["queries"] if texts[query].text == texts[talk].text]
    assert not left & set(same)
    assert [gap["by_people"] for gap in after["gaps"] if lacking in gap["queries"]] == [1]
    assert not any(gap["by_people"] for gap in before["gaps"])


@pytest.mark.parametrize("name", EXPORTS)
def test_what_is_exported_can_be_taken_in_elsewhere(
    annotated: Session, world: ModuleType, tmp_path: Path, name: str
) -> None:
    path = tmp_path / name
    path.write_bytes(exported(annotated, Insight(annotated), name))
    (tmp_path / "other").mkdir()
    other = world.open_world(tmp_path / "other")
    read, new, form, *counts = take_in(other, path, "王敏")
    assert counts == [0, 0, ()]
    assert form == EXPORTS[name]
    assert read >= new > 0
    assert take_in(other, path, "王敏")[1] == 0
    if form == "triples":
        # They know texts only: whoever else said the same is labelled too.
        return
    here = {(claim.query, claim.entry) for claim in claims.read(annotated.claims_path)}
    there = {(claim.query, claim.entry) for claim in claims.read(other.claims_path)}
    assert there == here
    assert {answer.by for answer in other.answers()} == {"王敏", "李雷"}


def test_of_people_who_differ_the_older_workflow_gets_the_last_label(
    annotated: Session, world: ModuleType, tmp_path: Path
) -> None:
    acts = [act for act in annotated.store.standing(ANSWER) if act.data["what"] == "pick"]
    query, said = query_in(acts[0].data), acts[0].data["entries"]
    other = next(entry.id for entry in annotated.material.catalogue if entry.id not in said)
    annotated.take_in(act_of(Decision("bob-1", query.id, "pick", 1, (other,)), query, "Bob"))
    write_annotations(annotated, path := tmp_path / "annonated_dataset.json")
    (tmp_path / "other").mkdir()
    there = world.open_world(tmp_path / "other")
    take_in(there, path, "me")
    assert [answer.entries for answer in there.answers() if answer.query == query.id] == [(other,)]


def test_labels_that_leave_no_pair_are_counted(annotated: Session, tmp_path: Path) -> None:
    path = tmp_path / "annonated_dataset.json"
    before = without_a_pair(annotated, path)
    acts = [act for act in annotated.store.standing(ANSWER) if act.data["what"] == "pick"]
    for number, act in enumerate(acts[:3]):
        query = query_in(act.data)
        annotated.take_in(act_of(Decision(f"none-{number}", query.id, "none", 1, (), "chitchat"), query, "Bob"))
    assert without_a_pair(annotated, path) == before + 3
    assert without_a_pair(annotated, tmp_path / "all.jsonl") == 0
    write_annotations(annotated, path)
    texts = {text for text, _, _ in json.loads(path.read_text(encoding="utf-8"))}
    assert not texts & {query_in(act.data).text for act in acts[:3]}


def test_an_answer_keeps_the_time_at_which_it_was_given(world: ModuleType, annotated: Session, tmp_path: Path) -> None:
    write_annotations(annotated, path := tmp_path / "all.jsonl")
    text = re.sub('"when": "[^"]+"', '"when": "2026-01-02T11:00:00+08:00"', path.read_text(encoding="utf-8"))
    path.write_text(text, encoding="utf-8")
    (tmp_path / "other").mkdir()
    other = world.open_world(tmp_path / "other")
    assert take_in(other, path, "me").new > 0
    assert {answer.when for answer in other.answers()} == {"2026-01-02T03:00:00+00:00"}
    # What is said from here on is newer than all that is in the file.
    assert take_in(other, path, "me")[1:] == (0, "jsonl", 0, 0, ())


def test_every_answer_is_written(annotated: Session, tmp_path: Path) -> None:
    assert write_annotations(annotated, tmp_path / "all.jsonl") == 80


def test_spreadsheets_hold_no_formula(world: ModuleType, tmp_path: Path) -> None:
    from faqtune.records import Conversation, Turn

    logs = [Conversation(f"c{n}", (Turn(f"{start}cmd|' /C calc'!A0", FORMULA),)) for n, start in enumerate("=+-@\t")]
    session = world.open_world(tmp_path, world.material(logs))
    annotate(session, "=王敏", 5, "a")
    session.propose("=王敏", "act-00000001", {"what": "entry", "question": FORMULA, "answer": "+1", "note": "@x"})
    for name in ("annotations.xlsx", "proposals.xlsx", "gaps.xlsx"):
        book = openpyxl.load_workbook(io.BytesIO(exported(session, Insight(session), name)))
        cells = [cell for sheet in book for row in sheet.iter_rows() for cell in row if cell.value is not None]
        assert len(cells) > 5
        assert not [cell.value for cell in cells if cell.data_type == "f"]
        assert not [cell.value for cell in cells if str(cell.value).startswith(("=", "+", "-", "@", "\t"))]
    with pytest.raises(Refused):
        exported(session, Insight(session), "../../etc/passwd")
