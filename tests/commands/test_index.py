"""`index`: vectors of questions with the labels of the training part, measured beside the model by itself."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from faqtune import UserError, Workspace, make_index, match_texts
from faqtune.blend import blended
from faqtune.commands.project.assemble import evaluation_set, load_project
from faqtune.commands.project.models import load_model
from faqtune.commands.project.training_set import training_data
from faqtune.commands.vectors.figures import OnSelection
from faqtune.commands.vectors.files import index_folder, read_index
from faqtune.commands.vectors.kept import Indexed
from faqtune.commands.vectors.labels import index_may_help
from faqtune.console.index import run_index
from faqtune.progress import Silent
from faqtune.records import CALIBRATION, TEST, TRAIN, OwnPair, Pair
from faqtune.runs import find_run
from faqtune.stored import write_json, write_jsonl

Cli = Callable[..., tuple[int, str, str]]


def test_the_vectors_are_made_of_the_training_part_and_nothing_else(tuned_shop: Workspace) -> None:
    made = make_index(tuned_shop, confidence=0.6, resamples=100)
    name = find_run(tuned_shop).name
    assert made.folder == tuned_shop.runs_path / name / "index"
    project = load_project(tuned_shop)
    found = read_index(tuned_shop, name, project.catalogue)
    labels = training_data(tuned_shop, project, tuned_shop.pairs()).confident(0.6).labels
    trains = {c for c, part in project.split.conversations.items() if part == TRAIN}
    asked = {query.text for query in project.queries if query.conversation in trains}
    assert labels and {label.text for label in labels} <= asked
    entries = project.trained_catalogue.entries
    encoder = load_model(tuned_shop, name, Silent(), exact=True)
    expected, counts = blended(
        encoder.encode(project.catalogue.questions),
        project.catalogue.owners,
        encoder.encode([label.text for label in labels]),
        np.array([project.catalogue.rows[entries[label.row].id] for label in labels]),
        np.array([label.weight for label in labels], dtype=np.float32),
    )
    np.testing.assert_allclose(found.vectors, expected, atol=1e-6)
    assert (made.questions, made.labels, made.moved) == (len(found.vectors), len(labels), int((counts > 0).sum()))
    assert found.threshold_cosine == made.threshold_cosine is not None


def test_it_is_measured_beside_the_model_by_itself(tuned_shop: Workspace) -> None:
    made = make_index(tuned_shop, confidence=0.6, resamples=100)
    assert made.comparison is not None and made.selection is not None
    before, after = made.comparison.before, made.comparison.after
    assert after.model == f"{before.model} + index" and before.counts == after.counts
    assert before.figures["auroc"] != after.figures["auroc"]
    assert before.threshold_cosine is not None and after.threshold_cosine == made.threshold_cosine


def test_an_entry_that_is_held_out_keeps_its_question_and_is_not_there_where_it_is_measured(
    tuned_shop: Workspace,
) -> None:
    """As a customer asks for what nobody has thought of: no label of it may help anywhere."""
    project = load_project(tuned_shop)
    asked = Counter(pair.entry for pair in tuned_shop.pairs())
    entry = asked.most_common(1)[0][0]
    write_json(tuned_shop.split_path, replace(project.split, held_out={entry: TEST}))
    made = make_index(tuned_shop, confidence=0.6, resamples=100)
    questions = json.loads((made.folder / "index.json").read_text(encoding="utf-8"))["questions"]
    assert [each["labels"] for each in questions if each["entry"] == entry] == [0] * len(
        project.catalogue.entries[project.catalogue.rows[entry]].questions
    )
    assert made.comparison is not None
    counts = made.comparison.after.counts
    assert counts["unsupported"] > 0


def test_nothing_is_made_twice_and_what_changed_is_made_again(tuned_shop: Workspace) -> None:
    first = make_index(tuned_shop, confidence=0.6, resamples=100)
    again = make_index(tuned_shop, confidence=0.6, resamples=100)
    assert not first.skipped and again.skipped and again.comparison == first.comparison
    assert not make_index(tuned_shop, confidence=0.6, resamples=100, prior=3).skipped
    assert not make_index(tuned_shop, confidence=0.6, resamples=100, prior=3, force=True).skipped


def test_match_answers_with_the_index_and_at_its_threshold(tuned_shop: Workspace, cli: Cli) -> None:
    made = make_index(tuned_shop, confidence=0.6, resamples=100)
    questions = json.loads((made.folder / "index.json").read_text(encoding="utf-8"))["questions"]
    moved = [each["question"] for each in questions if each["labels"]]
    by_itself, with_index = (list(match_texts(tuned_shop, moved, with_index=it)) for it in (False, True))
    least = min(range(len(moved)), key=lambda row: with_index[row].hits[0].score)
    assert by_itself[least].hits[0].score > 0.9999 > with_index[least].hits[0].score
    assert with_index[least].threshold_cosine == made.threshold_cosine
    code, out, _ = cli("match", "--project", str(tuned_shop.root), "--index", "--json", moved[least])
    assert code == 0 and json.loads(out)["hits"][0]["score"] == with_index[least].hits[0].score


def test_an_index_that_is_not_there_or_no_longer_fits_is_refused(tuned_shop: Workspace) -> None:
    with pytest.raises(UserError, match=r"there is no .*index\.json") as missing:
        list(match_texts(tuned_shop, "x", with_index=True))
    assert f"faqtune index --model {find_run(tuned_shop).name}" in missing.value.next_step
    made = make_index(tuned_shop, confidence=0.6, resamples=100)
    catalogue, name = tuned_shop.catalogue(), find_run(tuned_shop).name
    with pytest.raises(UserError, match="the catalogue has changed"):
        read_index(tuned_shop, name, catalogue.without([catalogue.entries[0].id]))
    vectors = made.folder / "vectors.npy"
    for content in (vectors.read_bytes()[:-1], b"", None):
        vectors.unlink() if content is None else vectors.write_bytes(content)
        said = "its own vectors have changed" if content is not None else r"there is no .*vectors\.npy"
        with pytest.raises(UserError, match=said) as refused:
            read_index(tuned_shop, name, catalogue)
        assert refused.value.next_step == f"run `faqtune index --model {name} --confidence 0.6` again"
    whole = json.loads((made.folder / "index.json").read_text(encoding="utf-8"))
    for wrong in ({"questions": 1}, {"questions": [{}]}, {"questions": ["x"]}, {"threshold_cosine": "x"}):
        write_json(made.folder / "index.json", whole | wrong)
        with pytest.raises(UserError, match=r"index\.json is damaged") as damaged:
            read_index(tuned_shop, name, catalogue)
        assert f"faqtune index --model {name}" in damaged.value.next_step
    assert not make_index(tuned_shop, confidence=0.6, resamples=100).skipped


def test_another_model_has_a_place_of_its_own(tuned_shop: Workspace, tiny_model_folder: Path, cli: Cli) -> None:
    code, out, _ = cli(
        "index", "--project", str(tuned_shop.root), "--confidence", "0.6", "--model", str(tiny_model_folder), "--json"
    )
    folder = index_folder(tuned_shop, str(tiny_model_folder))
    assert code == 0 and json.loads(out)["folder"] == str(folder)
    assert folder.parent == tuned_shop.root / "indexes" and (folder / "vectors.npy").exists()
    assert not folder.name.startswith((".", "-"))
    long = index_folder(tuned_shop, "a" * 3 + "/." + "b" * 59)
    assert long.name.startswith("bbb") and len(long.name) < 70
    assert index_folder(tuned_shop, "builtin").name == "builtin"


def test_the_page_says_what_it_brings_and_whose_labels_say_so(tuned_shop: Workspace, cli: Cli) -> None:
    code, out, _ = cli("index", "--project", str(tuned_shop.root), "--confidence", "0.6", "--resamples", "100")
    assert code == 0 and "+ index" in out and "labels of the training part" in out
    assert "Decide by the selection part (weak labels)," in out and "Its labels come from rules" in out


@pytest.mark.parametrize(
    ("oscr", "auroc", "said", "advised"),
    [
        ((0.1, 0.02, 0.2), (0.0, -0.1, 0.1), "clearly better with the index: use it", True),
        ((-0.1, -0.2, -0.02), (0.0, -0.1, 0.1), "clearly worse with the index: leave it", False),
        ((0.1, -0.02, 0.2), (0.0, -0.1, 0.1), "no clear difference", False),
        ((0.1, 0.02, 0.2), (-0.1, -0.2, -0.02), "no clear difference", False),
    ],
)
def test_only_a_clear_gain_on_the_selection_part_is_advised(
    oscr: tuple[float, ...],
    auroc: tuple[float, ...],
    said: str,
    advised: bool,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    figures = {
        name: {"without": 0.5, "with_index": 0.5 + found[0], "p": 0.5}
        | dict(zip(("value", "low", "high"), found, strict=True))
        for name, found in (("oscr@5", oscr), ("auroc", auroc))
    }
    decided = OnSelection("selection (hand labels)", 100, figures)
    made = Indexed("m n", Path("f"), 3, 2, 9, None, decided, None)
    monkeypatch.setattr("faqtune.console.index.make_index", lambda *_, **__: made)
    run_index(Path("p"), "m n", 10, 0.6, 100, force=False, as_json=False)
    out = capsys.readouterr().out
    assert f"[{100 * oscr[1]:+.1f}, {100 * oscr[2]:+.1f}]" in out and said in out and "come from rules" not in out
    assert ("--model 'm n' --index" in out) == advised and "no threshold" in out


def test_both_sides_are_measured_at_thresholds_set_alike_whatever_a_certificate_says(tuned_shop: Workspace) -> None:
    plain = make_index(tuned_shop, confidence=0.6, resamples=100).comparison
    run = find_run(tuned_shop)
    calibration = evaluation_set(load_project(tuned_shop), CALIBRATION)
    certificate = {"certified": True, "threshold_cosine": -1.0, "calibration": {"digest": calibration.digest()}}
    write_json(run.certificate_path, certificate)
    certified = make_index(tuned_shop, confidence=0.6, resamples=100, force=True).comparison
    assert plain is not None and certified is not None
    assert certified.before.threshold_cosine == plain.before.threshold_cosine != -1


def test_where_the_test_part_is_too_small_there_is_an_index_without_figures(
    tuned_shop: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("faqtune.commands.vectors.figures.LEAST_QUERIES", 10_000)
    made = make_index(tuned_shop, confidence=0.6, resamples=100)
    assert made.comparison is None and made.threshold_cosine is not None and (made.folder / "vectors.npy").exists()


def test_other_settings_of_the_model_are_noticed(tuned_shop: Workspace) -> None:
    make_index(tuned_shop, confidence=0.6, resamples=100)
    text = tuned_shop.config_path.read_text(encoding="utf-8")
    assert "[model]\n" in text
    tuned_shop.config_path.write_text(text.replace("[model]\n", '[model]\nprompt = "ask: "\n'), encoding="utf-8")
    with pytest.raises(UserError, match=r"what \[model\] in faqtune\.toml says has changed"):
        list(match_texts(tuned_shop, "x", with_index=True))


def test_a_place_that_cannot_be_written_is_found_before_anything_is_encoded(
    tuned_shop: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tuned_shop.root / "indexes").write_text("a file in the way", encoding="utf-8")
    monkeypatch.setattr("faqtune.commands.index.load_model", lambda *_, **__: pytest.fail("it was loaded"))
    with pytest.raises(UserError, match="indexes"):
        make_index(tuned_shop, model="builtin", confidence=0.6)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"prior": 0.0}, "0 labels cannot stand for a question"),
        ({"prior": 1e7}, "cannot stand for a question"),
        ({"prior": float("nan")}, "nan labels cannot"),
        ({"confidence": 1.5}, "no label is 1.5 sure"),
    ],
)
def test_numbers_that_make_no_sense_are_refused(tuned_shop: Workspace, given: dict[str, float], said: str) -> None:
    with pytest.raises(UserError, match=said):
        make_index(tuned_shop, **given)


def test_without_a_label_that_counts_there_is_nothing_to_move_by(tuned_shop: Workspace) -> None:
    write_jsonl(tuned_shop.pairs_path, [])
    with pytest.raises(UserError, match=r"no label of the training part is at least 0\.9 sure"):
        make_index(tuned_shop)


@pytest.mark.parametrize(
    ("labels", "entries", "sure", "part", "expected"),
    [
        (5, 1.0, 0.9, TRAIN, True),
        (5, 0.6, 1.0, TRAIN, True),
        (50, 0.4, 1.0, TRAIN, False),
        (4, 1.0, 1.0, TRAIN, False),
        (50, 1.0, 0.89, TRAIN, False),
        (50, 1.0, 1.0, TEST, False),
    ],
)
def test_it_is_worth_a_try_where_most_entries_have_several_sure_labels_in_training(
    tuned_shop: Workspace, labels: int, entries: float, sure: float, part: str, expected: bool
) -> None:
    split = replace(tuned_shop.split(), held_out={})
    write_json(tuned_shop.split_path, replace(split, conversations={**split.conversations, "talk": part}))
    asked = [entry.id for entry in tuned_shop.catalogue()]
    pairs = [
        Pair(f"{entry} asks {number % labels}", "question", 1.0, sure, entry, "talk")
        for entry in asked[: round(entries * len(asked))]
        for number in range(2 * labels)  # each text twice: it counts once
    ]
    write_jsonl(tuned_shop.pairs_path, pairs)
    assert index_may_help(tuned_shop, find_run(tuned_shop).name) is expected
    if expected:
        make_index(tuned_shop, resamples=100)
        assert not index_may_help(tuned_shop, find_run(tuned_shop).name), "there is one now"


def test_pairs_that_people_brought_along_count_too(tuned_shop: Workspace) -> None:
    write_json(tuned_shop.split_path, replace(tuned_shop.split(), held_out={}))
    write_jsonl(tuned_shop.pairs_path, [])
    for by_people in (False, True):
        entries = [entry.id for entry in tuned_shop.catalogue()]
        own = [OwnPair(f"{entry} {n}", entry, by_people, "f") for entry in entries for n in range(5)]
        write_jsonl(tuned_shop.own_pairs_path, own)
        assert index_may_help(tuned_shop, find_run(tuned_shop).name) is by_people


def test_tune_says_so(tuned_shop: Workspace, cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    said = f"`faqtune index --project {tuned_shop.root}` may find more with them"
    for may_help in (False, True):
        monkeypatch.setattr("faqtune.commands.tune.index_may_help", lambda *_, it=may_help: it)
        code, out, _ = cli("tune", "--project", str(tuned_shop.root))
        assert code == 0 and (said in out) is may_help
