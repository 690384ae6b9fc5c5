"""Claims: nothing that a person said is ever lost, whoever writes at the same time."""

import os
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

import faqtune
from faqtune import claims
from faqtune.errors import UserError
from faqtune.records import Claim

RULE = Claim("q1", "a", "reply_rules", 0.8, "reply «48小时内发货»", "2026-01-05T10:00:00+00:00")
HUMAN = Claim("q1", None, "human:王敏", 1.0, when="2026-01-06T09:30:00+00:00", reason="chitchat")


@pytest.fixture
def path(tmp_path):
    return tmp_path / "shop" / "claims.db"


def test_claims_come_back_as_they_were_in_the_order_they_were_made(path):
    assert claims.append(path, [RULE, HUMAN]) == 2
    assert claims.append(path, [RULE]) == 1
    assert claims.read(path) == [RULE, HUMAN, RULE]


def test_nobody_has_labelled_yet(path):
    assert claims.read(path) == []
    assert not path.parent.exists()


def test_a_claim_without_a_time_gets_one(path):
    claims.append(path, [Claim("q", "a", "human:x", 1.0)])
    assert claims.read(path)[0].when.startswith("20")


def test_labelling_anew_replaces_one_machine_and_leaves_the_rest(path):
    other = Claim("q2", "b", "llm:qwen", 0.7, when="2026-01-05")
    claims.append(path, [RULE, HUMAN, other])
    again = Claim("q3", "c", "reply_rules", 0.5, when="2026-01-07")
    assert claims.replace(path, "reply_rules", [again]) == 1
    assert claims.read(path) == [HUMAN, other, again]


def test_what_people_said_is_never_replaced(path):
    claims.append(path, [HUMAN])
    with pytest.raises(ValueError, match="append-only"):
        claims.replace(path, HUMAN.by, [])
    with pytest.raises(ValueError, match="not all claims are by reply_rules"):
        claims.replace(path, "reply_rules", [HUMAN])
    assert claims.read(path) == [HUMAN]


@pytest.mark.parametrize("confidence", [-0.01, 1.01, float("nan")])
def test_one_bad_claim_and_none_is_written(path, confidence):
    claims.append(path, [RULE])
    bad = Claim("q9", "a", "reply_rules", confidence)
    for write in (claims.append, lambda p, c: claims.replace(p, "reply_rules", c)):
        with pytest.raises(ValueError, match="confidence"):
            write(path, [RULE, bad])
    assert claims.read(path) == [RULE]


def test_a_transaction_that_fails_half_way_leaves_nothing(path):
    claims.append(path, [RULE])
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute(
            "CREATE TRIGGER no BEFORE INSERT ON claims WHEN new.query = 'q9' BEGIN SELECT RAISE(FAIL, 'full'); END"
        )
    with pytest.raises(UserError, match="full"):
        claims.replace(path, "reply_rules", [RULE, Claim("q9", "a", "reply_rules", 0.5)])
    assert claims.read(path) == [RULE]


any_text = st.text(st.characters() | st.characters(categories=["Cs"]))


@settings(max_examples=25, deadline=None)
@given(any_text, any_text)
@example("亲\ud83d", "\udce9")
def test_any_text_can_be_stored(tmp_path_factory, why, name):
    path = tmp_path_factory.mktemp("claims") / "claims.db"
    claims.append(path, [Claim("q", None, f"human:{name}", 1.0, why)])
    (claim,) = claims.read(path)
    assert claim.is_human
    assert claim.why == why.encode("utf-8", "backslashreplace").decode()


WRITER = """
import sys
from pathlib import Path
from faqtune import claims
from faqtune.records import Claim
path, name = Path(sys.argv[1]), sys.argv[2]
for number in range(30):
    if name == "reply_rules":
        claims.replace(path, name, [Claim(f"{name}{number}", "a", name, 0.5)] * (number + 1))
    else:
        claims.append(path, [Claim(f"{name}{number}", "a", name, 1.0)])
"""


def test_processes_that_write_at_once_lose_nothing(path):
    """They also make and migrate the file at once."""
    names = ["human:王敏", "human:Ann", "reply_rules"]
    environment = {**os.environ, "PYTHONPATH": str(Path(faqtune.__file__).parents[1])}
    writers = [subprocess.Popen([sys.executable, "-c", WRITER, str(path), name], env=environment) for name in names]
    assert [writer.wait(timeout=60) for writer in writers] == [0, 0, 0]
    found = claims.read(path)
    for name in names[:2]:
        assert [claim.query for claim in found if claim.by == name] == [f"{name}{number}" for number in range(30)]
    assert [claim.query for claim in found if claim.by == "reply_rules"] == ["reply_rules29"] * 30


def schema(path):
    with closing(sqlite3.connect(path)) as connection:
        tables = connection.execute("SELECT type, name, sql FROM sqlite_master ORDER BY name").fetchall()
        return tables, connection.execute("PRAGMA user_version").fetchone()[0]


@pytest.mark.parametrize("done", range(1, len(claims.MIGRATIONS)))
def test_a_file_of_an_earlier_version_is_migrated_with_its_claims(path, done):
    path.parent.mkdir()
    with closing(sqlite3.connect(path)) as connection, connection:
        for migration in claims.MIGRATIONS[:done]:
            connection.execute(migration)
        columns = """number, query, entry, by, confidence, why, "when", reason"""
        connection.execute(
            f"INSERT INTO claims ({columns}) VALUES (1, 'q1', 'a', 'human:王敏', 1.0, '', '2026-01-05', '')"
        )
        connection.execute(f"PRAGMA user_version={done}")
    assert claims.read(path) == [Claim("q1", "a", "human:王敏", 1.0, when="2026-01-05")]
    fresh = path.with_name("fresh.db")
    claims.append(fresh, [])
    assert schema(path) == schema(fresh)
    assert schema(path)[1] == len(claims.MIGRATIONS)


def test_an_interrupted_migration_is_done_from_the_start(path, monkeypatch):
    monkeypatch.setattr(claims, "MIGRATIONS", (*claims.MIGRATIONS, "CREATE TABLE broken"))
    with pytest.raises(UserError):
        claims.append(path, [RULE])
    monkeypatch.undo()
    claims.append(path, [RULE])
    assert claims.read(path) == [RULE]


def test_a_file_of_a_later_version_is_left_alone(path):
    claims.append(path, [HUMAN])
    with closing(sqlite3.connect(path)) as connection:
        connection.execute(f"PRAGMA user_version={len(claims.MIGRATIONS) + 1}")
    for use in (claims.read, lambda p: claims.append(p, [RULE])):
        with pytest.raises(UserError, match="later version") as caught:
            use(path)
        assert "update faqtune" in caught.value.next_step


@pytest.mark.parametrize("content", [b"no database, but a text file " * 40, b"SQLite format 3\x00" + b"\xff" * 4096])
def test_a_damaged_file_is_named_and_kept(path, content):
    path.parent.mkdir()
    path.write_bytes(content)
    with pytest.raises(UserError, match=r"claims\.db"):
        claims.append(path, [RULE])
    assert path.read_bytes() == content


def test_a_writer_that_waits_too_long_says_so(path, monkeypatch):
    monkeypatch.setattr(claims, "WAIT_SECONDS", 0.05)
    claims.append(path, [HUMAN])
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        assert claims.read(path) == [HUMAN]
        with pytest.raises(UserError, match="locked") as caught:
            claims.append(path, [RULE])
    assert "wait" in caught.value.next_step


def test_a_place_that_cannot_be_written_is_no_traceback(tmp_path):
    (tmp_path / "file").write_text("in the way", encoding="utf-8")
    with pytest.raises(UserError, match="file"):
        claims.append(tmp_path / "file" / "claims.db", [RULE])


def as_of_two_migrations(path, rows):
    """A file as the first released form of claims wrote it."""
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA journal_mode=WAL")
        for migration in claims.MIGRATIONS[:2]:
            connection.execute(migration)
        connection.executemany(
            'INSERT INTO claims (query, entry, by, confidence, why, "when", reason) VALUES (?,?,?,?,?,?,?)',
            [(c.query, c.entry, c.by, c.confidence, c.why, c.when, c.reason) for c in rows],
        )
        connection.execute("PRAGMA user_version=2")
        connection.commit()


def test_a_file_of_the_first_form_keeps_everything_and_takes_acts(path):
    path.parent.mkdir()
    as_of_two_migrations(path, [RULE, HUMAN])
    later = Claim("q1", "b", "human:Ann", 1.0, when="2026-02-01", act="a1")
    assert claims.read(path) == [RULE, HUMAN]
    assert claims.append(path, [later]) == 1
    assert claims.read(path) == [RULE, HUMAN, later]
    assert claims.withdraw(path, "a1", "human:Ann") == 1
    assert claims.read(path) == [RULE, HUMAN]


@pytest.fixture
def read_only_claims(request, lockable):
    path = lockable.folder / "claims.db"
    if getattr(request, "param", None) == 2:
        as_of_two_migrations(path, [RULE, HUMAN])
    else:
        claims.append(path, [RULE, HUMAN])
    lockable.lock()
    return path


def test_claims_are_read_where_nothing_can_be_written(read_only_claims):
    """SQLite would make a file beside the database."""
    assert claims.read(read_only_claims) == [RULE, HUMAN]
    with pytest.raises(UserError):
        claims.append(read_only_claims, [RULE])
    assert list(read_only_claims.parent.iterdir()) == [read_only_claims]


@pytest.mark.parametrize("read_only_claims", [2], indirect=True)
def test_claims_of_an_earlier_version_are_read_where_nothing_can_be_written(read_only_claims):
    before = read_only_claims.read_bytes()
    assert claims.read(read_only_claims) == [RULE, HUMAN]
    assert read_only_claims.read_bytes() == before


def test_reading_leaves_nothing_beside_the_file(path):
    claims.append(path, [RULE])
    claims.read(path)
    assert list(path.parent.iterdir()) == [path]


def test_what_another_process_has_just_written_is_read_too(path):
    claims.append(path, [RULE])
    with closing(sqlite3.connect(path)) as other:
        other.execute("SELECT * FROM claims").fetchall()
        claims.append(path, [HUMAN])
        assert path.with_name("claims.db-wal").stat().st_size > 0
        assert claims.read(path) == [RULE, HUMAN]


def test_a_file_that_was_cut_off_says_what_to_do(path):
    claims.append(path, [RULE] * 500)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    with pytest.raises(UserError, match="malformed") as caught:
        claims.read(path)
    assert caught.value.next_step.startswith("move it away and run `faqtune label`; if people have labelled, keep it")
