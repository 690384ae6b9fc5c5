"""What a killed writer leaves behind is removed by the next one, and what a living one is writing is not."""

import os
import time

import pytest

from faqtune.atomic import atomic_text, held_folder, new_neighbour, remove_leftovers
from faqtune.model.folders import atomic_folder


def made_long_ago(path):
    os.utime(path, (time.time() - 60,) * 2)
    return path


def test_the_next_write_removes_what_a_killed_one_left(tmp_path):
    target = tmp_path / "conversations[1].jsonl"
    left = new_neighbour(target)
    left.write_text("half")
    made_long_ago(left)
    others = [tmp_path / ".other.jsonl.0a1b2c3d.part", tmp_path / ".conversations[1].jsonl.mine.part"]
    for other in others:
        other.write_text("of somebody else")
        made_long_ago(other)

    with atomic_text(target) as file:
        file.write("whole")

    assert sorted(tmp_path.iterdir()) == sorted([target, *others])


def test_what_is_being_written_stays(tmp_path):
    target = tmp_path / "noise.jsonl"
    with atomic_text(target) as slow:
        slow.write("slow")
        (neighbour,) = tmp_path.iterdir()
        made_long_ago(neighbour)
        remove_leftovers(target)
        assert neighbour.exists()
    assert target.read_text() == "slow"


def test_a_neighbour_of_this_moment_stays(tmp_path):
    """Its writer may not have locked it yet."""
    left = new_neighbour(tmp_path / "noise.jsonl")
    left.touch()
    remove_leftovers(tmp_path / "noise.jsonl")
    assert left.exists()


@pytest.mark.skipif(os.name != "posix", reason="Windows opens no folder")
def test_folders_too(tmp_path):
    target = tmp_path / "model"
    left, held = new_neighbour(target), new_neighbour(target)
    old = tmp_path / ".model.0a1b2c3d.old"
    for folder in (left, held, old):
        folder.mkdir()
        (folder / "weights").write_text("half")
        made_long_ago(folder)
    with held_folder(held):
        for _ in range(2):  # an older one is swapped out only by the second
            with atomic_folder(target, replace=True) as part:
                (part / "weights").write_text("whole")
    assert sorted(tmp_path.iterdir()) == sorted([target, held])
