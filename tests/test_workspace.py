"""The project folder: writes that happen wholly or not at all, and reads that never half understand."""

import errno
import os

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from faqtune.atomic import atomic_text
from faqtune.errors import UserError
from faqtune.records import Catalogue, Conversation, Entry, Noise, Pair, Query, Split, Turn
from faqtune.runs import find_run
from faqtune.stored import read_json, write_json, write_jsonl, write_text
from faqtune.workspace import Workspace


@pytest.fixture
def workspace(tmp_path):
    return Workspace(tmp_path / "shop")


def write_and_fail(path, error):
    with atomic_text(path) as file:
        file.write("第一行\n" * 10_000)
        raise error


@pytest.mark.parametrize("before", [None, "what was there"])
@pytest.mark.parametrize(
    "error",
    [ValueError("a bad row"), KeyboardInterrupt(), UserError("a bad row"), OSError(errno.ENOSPC, "No space left")],
)
def test_an_error_half_way_leaves_the_old_content_and_no_stray_file(tmp_path, before, error):
    path = tmp_path / "catalogue.jsonl"
    if before is not None:
        path.write_text(before, encoding="utf-8")
    with pytest.raises((type(error), UserError)):
        write_and_fail(path, error)
    assert [file.name for file in tmp_path.iterdir()] == ([path.name] if before else [])
    assert before is None or path.read_text(encoding="utf-8") == before


@pytest.mark.parametrize("function", ["fsync", "replace"])
@pytest.mark.parametrize(
    ("code", "next_step"), [(errno.ENOSPC, "free some room"), (errno.EDQUOT, "free some room"), (errno.EIO, "check")]
)
def test_a_disk_that_fails_is_a_user_error(tmp_path, monkeypatch, function, code, next_step):
    path = tmp_path / "catalogue.jsonl"
    path.write_text("what was there", encoding="utf-8")

    def fail(*_):
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(os, function, fail)
    with pytest.raises(UserError, match=r"catalogue\.jsonl") as caught:
        write_text(path, "new")
    assert next_step in caught.value.next_step
    assert path.read_text(encoding="utf-8") == "what was there"
    assert list(tmp_path.iterdir()) == [path]


def test_an_input_that_cannot_be_read_is_not_blamed_on_the_output(tmp_path):
    with pytest.raises(FileNotFoundError, match="logs"), atomic_text(tmp_path / "out.jsonl"):
        (tmp_path / "logs.json").read_text(encoding="utf-8")
    assert list(tmp_path.iterdir()) == []


def test_nobody_sees_a_half_written_file(tmp_path):
    path = tmp_path / "noise.jsonl"
    write_text(path, "old")
    with atomic_text(path) as file:
        file.write("new")
        file.flush()
        assert path.read_text(encoding="utf-8") == "old"
    assert path.read_text(encoding="utf-8") == "new"


def test_a_new_file_has_the_rights_that_the_user_wants(tmp_path):
    mask = os.umask(0o027)
    try:
        write_text(tmp_path / "a", "")
    finally:
        os.umask(mask)
    assert (tmp_path / "a").stat().st_mode & 0o777 == 0o640


def test_a_place_that_cannot_be_written_is_a_user_error(tmp_path):
    (tmp_path / "file").write_text("in the way", encoding="utf-8")
    for place in (tmp_path / "file" / "a.json", tmp_path):
        with pytest.raises(UserError):
            write_json(place, {})


any_text = st.text(st.characters() | st.characters(categories=["Cs"]), max_size=12)
fast = settings(max_examples=20, deadline=None)
records = st.fixed_dictionaries(
    {
        "catalogue": st.lists(
            st.builds(Entry, any_text, st.lists(any_text).map(tuple), any_text, any_text, any_text), max_size=3
        ),
        "conversations": st.lists(
            st.builds(
                Conversation,
                any_text,
                st.lists(st.builds(Turn, any_text, any_text, any_text, st.lists(any_text).map(tuple)), max_size=3).map(
                    tuple
                ),
                any_text,
            ),
            max_size=3,
        ),
        "noise": st.lists(st.builds(Noise, any_text, any_text), max_size=3),
        "queries": st.lists(
            st.builds(Query, any_text, any_text, any_text, st.lists(st.integers()).map(tuple), any_text), max_size=3
        ),
        "pairs": st.lists(
            st.builds(
                Pair,
                any_text,
                any_text,
                st.sampled_from([0.0, 1.0]),
                st.floats(0, 1),
                any_text,
                any_text,
                st.lists(any_text).map(tuple),
            ),
            max_size=3,
        ),
    }
)


def mended(value):
    """The same record; halves of a surrogate pair that stand side by side are one character."""
    if isinstance(value, str):
        return value.encode("utf-16", "surrogatepass").decode("utf-16", "surrogatepass")
    if isinstance(value, list | tuple):
        return type(value)(map(mended, value))
    if hasattr(value, "__dataclass_fields__"):
        return type(value)(*(mended(getattr(value, name)) for name in value.__dataclass_fields__))
    return value


@fast
@given(records)
def test_every_record_comes_back_as_it_was(tmp_path_factory, made):
    """Any Unicode, line separators inside a text, and lone surrogates too."""
    workspace = Workspace(tmp_path_factory.mktemp("shop"))
    for name, rows in made.items():
        assert write_jsonl(workspace.root / f"{name}.jsonl", iter(rows)) == len(rows)
    assert workspace.catalogue() == mended(Catalogue(tuple(made["catalogue"])))
    assert list(workspace.conversations()) == mended(made["conversations"])
    assert workspace.noise() == mended(made["noise"])
    assert workspace.queries() == mended(made["queries"])
    assert workspace.pairs() == mended(made["pairs"])


@fast
@given(st.dictionaries(any_text, st.sampled_from(["train", "test"])))
def test_a_split_comes_back_as_it_was(tmp_path_factory, parts):
    workspace = Workspace(tmp_path_factory.mktemp("shop"))
    parts = {mended(name): part for name, part in parts.items()}
    split = Split(7, parts, {"chatter#1": "train"}, {"a": "test"})
    write_json(workspace.split_path, split)
    assert workspace.split() == split


def test_files_are_readable_text(workspace):
    write_jsonl(workspace.noise_path, [Noise("今天天气真好😀", "d#1")])
    assert workspace.noise_path.read_bytes().decode("utf-8").splitlines() == [
        '{"schema": 1, "kind": "noise"}',
        '{"text": "今天天气真好😀", "source": "d#1", "stratum": "chatter"}',
    ]


def test_half_an_emoji_is_written_as_its_escape(workspace):
    write_jsonl(workspace.noise_path, [Noise("好\ud83d", "")])
    assert '"好\\ud83d"' in workspace.noise_path.read_bytes().decode("utf-8")
    assert workspace.noise() == [Noise("好\ud83d", "")]


def test_a_record_that_cannot_be_written_stops_the_whole_file(workspace):
    write_jsonl(workspace.noise_path, [Noise("旧的")])
    with pytest.raises(TypeError):
        write_jsonl(workspace.noise_path, [Noise("新的"), object()])
    assert workspace.noise() == [Noise("旧的")]


READERS = {
    "catalogue": ("faqtune ingest", lambda w: w.catalogue()),
    "conversations": ("faqtune ingest", lambda w: list(w.conversations())),
    "noise": ("faqtune ingest", lambda w: w.noise()),
    "queries": ("faqtune label", lambda w: w.queries()),
    "pairs": ("faqtune split", lambda w: w.pairs()),
}
HEAD = b'{"schema": 1}\n'


@pytest.mark.parametrize("name", READERS)
@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (b"", "line 1: no schema"),
        (b'{"id": "a"}\n', "line 1: no schema"),
        (b'["schema"]\n', "line 1: no schema"),
        (b"{\n", "damaged"),
        (b'{"schema": 2}\n', "another version"),
        (HEAD + b'{"id": "a", "te', "line 2"),
        (HEAD + b'{"colour": "red"}\n', "line 2"),
        (HEAD + b"[]\n", "line 2"),
        (HEAD + b"null\n", "line 2"),
        (HEAD + b"\n", "line 2"),
        (HEAD + "发货".encode("gb18030"), "damaged"),
    ],
)
def test_a_file_that_is_not_ours_gives_a_user_error_with_the_next_step(workspace, name, content, problem):
    made_by, reader = READERS[name]
    path = workspace.root / f"{name}.jsonl"
    path.parent.mkdir()
    path.write_bytes(content)
    with pytest.raises(UserError, match=problem) as caught:
        reader(workspace)
    assert path.name in caught.value.problem
    assert f"{made_by} --force" in caught.value.next_step


@pytest.mark.parametrize("name", READERS)
def test_a_missing_file_names_the_command_that_makes_it(workspace, name):
    write_text(workspace.config_path, "")
    made_by, reader = READERS[name]
    with pytest.raises(UserError, match="there is no") as caught:
        reader(workspace)
    assert made_by in caught.value.next_step


@pytest.mark.parametrize("content", ["", "[]", '{"seed": 1, "shares": []}', '{"schema": 2, "seed": 1}', "{}"])
def test_a_damaged_split_gives_a_user_error(workspace, content):
    write_text(workspace.split_path, content)
    with pytest.raises(UserError, match=r"split\.json") as caught:
        workspace.split()
    assert "faqtune split --force" in caught.value.next_step


def test_conversations_are_streamed(workspace):
    """The first is there before the last is read."""
    write_text(workspace.conversations_path, HEAD.decode() + '{"id": "c1", "turns": []}\n' + "not JSON")
    stream = workspace.conversations()
    assert next(stream) == Conversation("c1", ())
    with pytest.raises(UserError, match="line 3"):
        next(stream)


def test_a_folder_in_the_place_of_a_file_is_a_user_error(workspace):
    workspace.noise_path.mkdir(parents=True)
    with pytest.raises(UserError, match=r"noise\.jsonl"):
        workspace.noise()
    with pytest.raises(UserError, match=r"noise\.jsonl"):
        read_json(workspace.noise_path, "faqtune ingest")


@pytest.mark.parametrize("name", ["~$base2.xlsx", "日志/~output.json", "base2.xlsx"])
def test_only_a_real_tilde_is_the_home_folder(workspace, name):
    """~$base2.xlsx is the lock file of an open spreadsheet."""
    assert workspace.resolve(name) == (workspace.root / name).resolve()


def test_paths_of_the_config_are_relative_to_the_project(workspace, monkeypatch):
    monkeypatch.setenv("HOME", "/home/someone")
    assert str(workspace.resolve("~/logs")) == "/home/someone/logs"
    assert workspace.resolve("/data/logs").as_posix() == "/data/logs"
    assert workspace.resolve("../logs") == workspace.root.parent / "logs"


def test_a_member_that_is_not_there_makes_the_file_a_damaged_one(tmp_path):
    path = tmp_path / "thresholds.json"
    path.write_text('{"there": 1}', encoding="utf-8")
    found = read_json(path, "faqtune train")
    assert (found["there"], found.get("other"), found) == (1, None, {"there": 1})
    with pytest.raises(
        UserError, match=r"thresholds\.json is damaged \(no `threshold_cosine`\)\. Next: run `faqtune train"
    ):
        found["threshold_cosine"]


@pytest.mark.parametrize("read", ["catalogue", "conversations", "noise", "queries", "pairs", "split", "config"])
def test_where_there_is_no_project_that_is_said(workspace, read):
    """It was advised to run `faqtune ingest`, which then advised to run `faqtune init`."""
    with pytest.raises(UserError, match=r"there is no project in .*shop: there is no such folder") as caught:
        getattr(workspace, read)()
    assert "--project" in caught.value.next_step
    workspace.root.mkdir()
    with pytest.raises(UserError, match=r"there is no project in .*shop: it has no faqtune\.toml"):
        getattr(workspace, read)()


def test_runs_of_no_project_are_none_of_a_project_either(workspace):
    with pytest.raises(UserError, match="there is no project"):
        find_run(workspace)
