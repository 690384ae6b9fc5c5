"""Acts: one that is repeated is there once, one that is taken back is kept, and none that was acknowledged is lost.

The killed writers are real processes that get SIGKILL at whatever instant it is.
"""

import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import faqtune
from faqtune import claims
from faqtune.records import Claim

ANN = "human:Ann"
ENVIRONMENT = {**os.environ, "PYTHONPATH": str(Path(faqtune.__file__).parents[1])}


def said(act, entry="a", query="q1", by=ANN, reason=""):
    return Claim(query, entry, by, 1.0, when="2026-03-01T09:00:00+00:00", reason=reason, act=act)


@pytest.fixture
def path(tmp_path):
    return tmp_path / "claims.db"


def test_a_repeated_request_never_makes_a_double(path):
    assert claims.append(path, [said("1")]) == 1
    assert claims.append(path, [said("1")]) == 0
    assert claims.append(path, [said("1", entry="b"), said("2")]) == 1
    assert claims.read(path) == [said("1"), said("2")]


def test_an_act_may_hold_several_claims(path):
    several = [said("1", entry, reason="several") for entry in ("a", "b")]
    assert claims.append(path, several) == 2
    assert claims.append(path, several) == 0
    assert claims.read(path) == several


def test_claims_without_an_act_are_always_written(path):
    assert [claims.append(path, [said("")]) for _ in range(2)] == [1, 1]
    assert len(claims.read(path)) == 2


def test_what_is_withdrawn_is_out_of_force_and_kept(path):
    claims.append(path, [said("1"), said("2", "b"), said("2", "c"), said("")])
    assert claims.withdraw(path, "2", "human:王敏") == 2
    assert claims.withdraw(path, "2", ANN) == 0
    assert claims.read(path) == [said("1"), said("")]
    told = claims.history(path)
    assert [item.claim for item in told] == [said("1"), said("2", "b"), said("2", "c"), said("")]
    assert [item.withdrawn_by for item in told] == ["", "human:王敏", "human:王敏", ""]
    assert told[1].withdrawn_when.startswith("20")


def test_what_was_withdrawn_by_mistake_is_said_again_by_a_new_act(path):
    claims.append(path, [said("1")])
    claims.withdraw(path, "1", ANN)
    assert claims.append(path, [said("1")]) == 0
    assert claims.read(path) == []
    assert claims.append(path, [said("1, again")]) == 1
    assert claims.read(path) == [said("1, again")]


def test_a_withdrawal_that_overtakes_its_act_holds(path):
    assert claims.withdraw(path, "1", ANN) == 0
    claims.append(path, [said("1")])
    assert claims.read(path) == []
    assert [item.withdrawn_by for item in claims.history(path)] == [ANN]


def test_only_acts_can_be_withdrawn(path):
    with pytest.raises(ValueError, match="without an act"):
        claims.withdraw(path, "", ANN)


def test_labelling_anew_leaves_the_acts_of_people(path):
    claims.append(path, [said("1"), said("m", by="llm:qwen")])
    claims.replace(path, "llm:qwen", [said("n", "b", by="llm:qwen")])
    assert claims.read(path) == [said("1"), said("n", "b", by="llm:qwen")]


steps = st.lists(st.tuples(st.sampled_from(["say", "take back"]), st.sampled_from("123")), max_size=12)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps)
def test_acts_are_their_naive_twin(tmp_path_factory, requests):
    """A plain dict: what was said first stays, what was ever taken back is out."""
    path = tmp_path_factory.mktemp("acts") / "claims.db"
    first, gone = {}, set()
    for number, (what, act) in enumerate(requests):
        if what == "say":
            assert claims.append(path, [said(act, f"e{number}")]) == (act not in first)
            first.setdefault(act, f"e{number}")
        else:
            assert claims.withdraw(path, act, ANN) == (act in first and act not in gone)
            gone.add(act)
    assert [(c.act, c.entry) for c in claims.read(path)] == [(a, e) for a, e in first.items() if a not in gone]
    assert [item.claim.act for item in claims.history(path)] == list(first)


WRITER = """
import sys
from pathlib import Path
from faqtune import claims
from faqtune.records import Claim
path, name, number = Path(sys.argv[1]), sys.argv[2], int(sys.argv[3])
while True:
    # The first is the one that the killed writer before was not answered for: it may be there, or not.
    act = f"{name}-{number}"
    claims.append(path, [Claim(act, e, f"human:{name}", 1.0, reason="several", act=act) for e in "ab"])
    if number % 3 == 2:
        claims.withdraw(path, act, f"human:{name}")
    print(number, flush=True)
    number += 1
"""


def test_every_acknowledged_act_is_there_once_however_often_writers_are_killed(path):
    """Three writers, killed 24 times in all, make the file at once and repeat what they were not answered for."""
    rng = random.Random(0)
    acknowledged = dict.fromkeys(["Ann", "王敏", "Bo"], -1)
    for _ in range(8):
        writers = {
            name: subprocess.Popen(
                [sys.executable, "-c", WRITER, str(path), name, str(last + 1)],
                env=ENVIRONMENT, stdout=subprocess.PIPE, text=True,
            )
            for name, last in acknowledged.items()
        }  # fmt: skip
        for writer in writers.values():
            writer.stdout.readline()
        for name, writer in writers.items():
            time.sleep(rng.uniform(0, 0.08))
            writer.send_signal(signal.SIGKILL)
            answers = writer.communicate()[0].split()
            assert writer.returncode == -signal.SIGKILL
            # The line that was read before; what was cut off in the middle of a line was not answered.
            acknowledged[name] = max(acknowledged[name] + 1, *(int(answer) for answer in answers), 0)
    told = claims.history(path)
    times = Counter((item.claim.act, item.claim.entry) for item in told)
    assert set(times.values()) == {1}
    for name, last in acknowledged.items():
        assert last >= 7
        for number in range(last + 1):
            assert {(f"{name}-{number}", entry) for entry in "ab"} <= times.keys()
    in_force = {claim.act for claim in claims.read(path)}
    for name, last in acknowledged.items():
        assert all((f"{name}-{n}" in in_force) == (n % 3 != 2) for n in range(last + 1))
