"""Digests, and skipping what has not changed: a step is done again exactly when it must be."""

import json
import os
from contextlib import suppress

import pytest

from faqtune import __version__, steps
from faqtune.digests import digest
from faqtune.errors import UserError
from faqtune.steps import is_current, mark_current
from faqtune.stored import write_text
from faqtune.workspace import Workspace


@pytest.fixture
def workspace(tmp_path):
    return Workspace(tmp_path / "shop")


def test_a_digest_depends_on_content_and_names_only(tmp_path):
    folders = []
    for number, name in enumerate(("first", "second")):
        folder = tmp_path / name / "logs"
        write_text(folder / "一月" / "output.json", "[]")
        write_text(folder / "二月.json", "[1]")
        os.utime(folder / "二月.json", (number, number))
        folders.append(folder)
    assert digest(folders[0]) == digest(folders[1])
    assert digest(folders[0] / "二月.json") == digest(folders[1] / "二月.json")
    renamed = folders[1] / "二月.json"
    renamed.rename(folders[1] / "三月.json")
    assert digest(folders[0]) != digest(folders[1])


def test_every_change_changes_the_digest(tmp_path):
    folder, seen = tmp_path / "logs", []

    def look():
        seen.append(digest(folder))

    look()
    folder.mkdir()
    look()
    write_text(folder / "a.json", "")
    look()
    write_text(folder / "a.json", "[]")
    look()
    write_text(folder / "b" / "a.json", "[]")
    look()
    (folder / "a.json").unlink()
    look()
    assert len(set(seen)) == len(seen)


def test_texts_and_files_are_not_mixed_up(tmp_path):
    write_text(tmp_path / "a", "b")
    sources = [
        ("a", "b"),
        ("ab",),
        ("ab", ""),
        ("", "ab"),
        ("a\0text\0b",),
        (tmp_path / "a",),
        ("a", tmp_path / "a"),
        (),
    ]
    assert len({digest(*source) for source in sources}) == len(sources)


def test_a_missing_file_has_a_digest_of_its_own(tmp_path):
    missing = digest(tmp_path / "catalogue.jsonl")
    write_text(tmp_path / "catalogue.jsonl", "")
    assert digest(tmp_path / "catalogue.jsonl") != missing


def test_a_digest_takes_half_an_emoji():
    assert digest("\ud83d") != digest("\ud83e")


@pytest.fixture
def done(workspace):
    """A step that read `faq.csv` and wrote a file and a folder."""
    outputs = [workspace.root / "catalogue.jsonl", workspace.root / "model"]
    write_text(workspace.root / "faq.csv", "问题,答案\n")
    write_text(outputs[0], "entries")
    write_text(outputs[1] / "config.json", "{}")
    mark_current(workspace, "ingest", digest(workspace.root / "faq.csv"), outputs)

    def current():
        return is_current(workspace, "ingest", digest(workspace.root / "faq.csv"), outputs)

    assert current()
    return current


def test_a_changed_input_is_noticed(workspace, done):
    write_text(workspace.root / "faq.csv", "问题,答案\n能退吗,能\n")
    assert not done()


@pytest.mark.parametrize("name", ["catalogue.jsonl", "model/config.json"])
def test_a_changed_output_is_noticed(workspace, done, name):
    write_text(workspace.root / name, "changed by hand")
    assert not done()


def test_a_missing_output_is_noticed(workspace, done):
    (workspace.root / "catalogue.jsonl").unlink()
    assert not done()


def test_an_output_that_was_never_there_is_noticed(workspace):
    outputs = [workspace.root / "never.json"]
    mark_current(workspace, "label", "inputs", outputs)
    assert not is_current(workspace, "label", "inputs", outputs)


def test_a_file_that_was_only_touched_is_no_change(workspace, done):
    os.utime(workspace.root / "faq.csv", (1, 1))
    assert done()


def test_steps_do_not_disturb_each_other(workspace, done):
    mark_current(workspace, "label", "other inputs", [])
    assert done()
    assert is_current(workspace, "label", "other inputs", [])
    assert not is_current(workspace, "split", "other inputs", [])


@pytest.mark.parametrize("content", ["", "[]", "null", '{"ingest": 3}', '{"ingest": {}}'])
def test_a_damaged_state_means_that_everything_is_done_again(workspace, done, content):
    write_text(workspace.state_path, content)
    assert not done()
    mark_current(workspace, "label", "inputs", [])
    assert is_current(workspace, "label", "inputs", [])


def test_the_state_is_json_that_people_can_read(workspace, done):
    assert set(json.loads(workspace.state_path.read_text(encoding="utf-8"))) == {"ingest"}


def test_looking_at_a_project_creates_nothing(workspace):
    with suppress(UserError):
        workspace.catalogue()
    is_current(workspace, "ingest", "inputs", [workspace.noise_path])
    assert not workspace.root.exists()


def test_what_another_version_made_is_made_again_and_said(workspace, done, monkeypatch):
    monkeypatch.setattr(steps, "__version__", "9.0")
    said = []
    inputs, outputs = digest(workspace.root / "faq.csv"), [workspace.root / "catalogue.jsonl", workspace.root / "model"]
    assert not is_current(workspace, "ingest", inputs, outputs, say=said.append)
    assert said == [f"ingest: made by faqtune {__version__}, this is 9.0: made again"]
    mark_current(workspace, "ingest", inputs, outputs)
    assert is_current(workspace, "ingest", inputs, outputs, say=said.append)
    assert len(said) == 1


def test_what_is_dear_is_kept_and_said(workspace, done, monkeypatch):
    monkeypatch.setattr(steps, "__version__", "9.0")
    said = []
    inputs, outputs = digest(workspace.root / "faq.csv"), [workspace.root / "catalogue.jsonl", workspace.root / "model"]
    assert is_current(workspace, "ingest", inputs, outputs, say=said.append, is_dear=True)
    assert said == [f"ingest: made by faqtune {__version__}, this is 9.0: {steps.KEPT}"]
    # Its inputs still count.
    assert not is_current(workspace, "ingest", "others", outputs, say=said.append, is_dear=True)
    assert len(said) == 1


def test_a_state_from_before_versions_were_remembered_is_of_an_earlier_one(workspace, done):
    state = json.loads(workspace.state_path.read_text(encoding="utf-8"))
    del state["ingest"]["faqtune"]
    write_text(workspace.state_path, json.dumps(state))
    assert not done()
    assert steps.of_another_version(None) == f"made by an earlier faqtune, this is {__version__}"
