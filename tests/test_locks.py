"""One writer per project: the second one is told, and a killed one leaves no lock behind."""

import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

import faqtune
from faqtune.errors import UserError
from faqtune.locks import LOCK_NAME, only_writer

HOLDER = """
import sys, time
from pathlib import Path
from faqtune.locks import only_writer
with only_writer(Path(sys.argv[1])):
    print("held", flush=True)
    time.sleep(60)
"""


@pytest.fixture
def holder(tmp_path):
    """Another process that writes into the project."""
    environment = {**os.environ, "PYTHONPATH": str(Path(faqtune.__file__).parents[1])}
    process = subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(tmp_path)], env=environment, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout.readline() == "held\n"
    yield process
    process.kill()
    process.wait()
    process.stdout.close()


def test_a_second_process_is_refused_with_the_number_of_the_first(tmp_path, holder):
    with (
        pytest.raises(UserError, match=rf"another faqtune is writing .*\(process {holder.pid}\)") as caught,
        only_writer(tmp_path),
    ):
        pytest.fail("two write at once")
    assert f"`kill {holder.pid}`" in caught.value.next_step


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_a_killed_process_leaves_no_lock(tmp_path, holder, number):
    holder.send_signal(number)
    holder.wait(timeout=10)
    with only_writer(tmp_path):
        assert (tmp_path / LOCK_NAME).read_text() == f"{os.getpid()}\n"


def test_calls_inside_a_call_are_one_writer(tmp_path):
    for _ in range(2):
        with only_writer(tmp_path):
            with only_writer(tmp_path):
                pass
            assert (tmp_path / LOCK_NAME).read_text() == f"{os.getpid()}\n", "still held"


def test_another_thread_is_another_writer(tmp_path):
    refused = []

    def write():
        try:
            with only_writer(tmp_path):
                pass
        except UserError as error:
            refused.append(str(error))

    with only_writer(tmp_path):
        thread = threading.Thread(target=write)
        thread.start()
        thread.join(timeout=10)
    assert f"process {os.getpid()}" in refused[0]


def test_a_folder_that_is_not_there_needs_no_lock(tmp_path):
    with only_writer(tmp_path / "nowhere"):
        pass
    assert list(tmp_path.iterdir()) == []


def test_an_error_inside_gives_the_project_free(tmp_path):
    with pytest.raises(KeyboardInterrupt), only_writer(tmp_path):
        raise KeyboardInterrupt
    with only_writer(tmp_path):
        pass
