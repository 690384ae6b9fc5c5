"""The command line itself: help at once, wrong usage, exit codes, what happens when it is cut off."""

from __future__ import annotations

import errno
import importlib
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.core import TyperGroup
from typer.main import get_command

import faqtune
from faqtune import Workspace
from faqtune.cli import app
from faqtune.errors import UserError
from faqtune.stored import WITHOUT_FORCE, read_jsonl

Run = Callable[..., tuple[int, str, str]]
OF_A_PROJECT = (
    "ingest",
    "label",
    "annotate",
    "write",
    "labels",
    "split",
    "decide",
    "train",
    "merge",
    "evaluate",
    "calibrate",
    "compare",
    "report",
    "index",
    "match",
    "trim",
    "tune",
)
NEEDED = {"match": ("能退吗",), "trim": ("builtin", "--out", "smaller")}
"""Arguments that a command does not go without."""
COMMANDS = ("init", *OF_A_PROJECT, "demo", "convert", "doctor")
CLEAN = dict(os.environ, PYTHONPATH=str(Path(faqtune.__file__).parents[1]))


def _arguments(command: str) -> tuple[str, ...]:
    return (command, *NEEDED.get(command, ()))


def test_these_are_all_the_commands() -> None:
    group = get_command(app)
    assert isinstance(group, TyperGroup)
    assert tuple(group.commands) == COMMANDS


@pytest.mark.parametrize("command", ["", *COMMANDS])
def test_help_answers_without_anything_heavy(command: str) -> None:
    script = (
        "import sys\nfrom faqtune.cli import main\n"
        "try: main()\n"
        "except SystemExit as end: code = end.code\n"
        "heavy = {'torch', 'transformers', 'sklearn', 'numpy', 'rich'} & set(sys.modules)\n"
        "sys.stderr.write(f'{code} {heavy}')"
    )
    arguments = [sys.executable, "-c", script, *command.split(), "--help"]
    done = subprocess.run(arguments, env=CLEAN, capture_output=True, text=True, check=True)

    assert done.stderr == "0 set()"
    assert "--help" in done.stdout


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_takes_project_and_json_and_explains_every_option(command: str) -> None:
    group = get_command(app)
    assert isinstance(group, TyperGroup)
    options = {name: parameter for parameter in group.commands[command].params for name in parameter.opts}

    assert {"--project", "--json"} <= options.keys()
    assert all(parameter.help for parameter in options.values())  # type: ignore[attr-defined]


def test_version_by_both_ways_in() -> None:
    for way in ([sys.executable, "-m", "faqtune"], [str(Path(sys.executable).with_name("faqtune"))]):
        if Path(way[0]).exists():
            done = subprocess.run([*way, "--version"], env=CLEAN, capture_output=True, text=True, check=True)
            assert done.stdout == f"{faqtune.__version__}\n"


def test_every_name_that_is_offered_is_there() -> None:
    for name in faqtune.__all__:
        assert getattr(faqtune, name) is not None
        assert name in dir(faqtune)
    with pytest.raises(AttributeError, match="no attribute 'tuna'"):
        _ = faqtune.tuna
    assert importlib.import_module("faqtune.train") is faqtune.train


@pytest.mark.parametrize(
    "arguments",
    [
        ("tuen",),
        ("ingest", "--nope"),
        ("ingest", "stray"),
        ("match", "x", "--top", "0"),
        ("match", "x", "--top", "three"),
        ("match", "x", "--threshold", "hoch"),
        ("evaluate", "--resamples", "5"),
        ("compare", "a", "b", "c"),
        ("merge", "--forgetting", "-1"),
        ("trim", "builtin"),
        ("convert", "only-one"),
        ("init", "--gold-catalogue"),
    ],
)
def test_wrong_usage_exits_with_2(cli: Run, arguments: tuple[str, ...]) -> None:
    code, out, err = cli(*arguments)

    assert (code, out) == (2, "")
    assert "Error: " in err


@pytest.mark.parametrize("command", OF_A_PROJECT)
def test_without_a_project_the_next_step_is_named(
    cli: Run, command: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)

    for extra in ((), ("--project", "nowhere"), ("--json",)):
        code, out, err = cli(*_arguments(command), *extra)
        assert (code, bool(out)) == (2, "--json" in extra)
        assert err.startswith("faqtune: ")
        assert err.count("Next: ") == 1
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("command", [*OF_A_PROJECT, "init", "doctor"])
def test_a_project_that_is_a_file_is_refused(cli: Run, command: str, tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_text("x", encoding="utf-8")

    assert cli(*_arguments(command), "--project", str(file))[0] == 2
    assert cli("init", str(file), "--project", str(file / "below"))[0] == 2
    assert file.read_text(encoding="utf-8") == "x"


def test_ctrl_c_says_what_is_kept_and_how_to_go_on(cli: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    def press(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    for command in ("ingest", "label", "split", "train", "merge", "evaluate", "compare", "report", "tune"):
        monkeypatch.setattr(importlib.import_module(f"faqtune.console.{command}"), f"run_{command}", press)
        code, out, err = cli(command)
        assert (code, out) == (130, "")
        assert "what had finished is kept" in err
        assert "run the same command again" in err


def test_a_second_ctrl_c_while_it_ends_shows_no_traceback() -> None:
    slow_end = (
        "import atexit, sys, time\nfrom faqtune.cli import main\n"
        "atexit.register(time.sleep, 60)\nsys.argv = ['faqtune', 'split', '-p', 'nowhere']\nmain()\n"
    )
    process = subprocess.Popen([sys.executable, "-c", slow_end], env=CLEAN, stderr=subprocess.PIPE, text=True)
    assert process.stderr is not None
    assert process.stderr.readline().startswith("faqtune: ")
    time.sleep(0.5)  # it has said all, and is on its way out
    process.send_signal(signal.SIGINT)
    assert (process.communicate(timeout=30)[1], process.returncode) == ("", -signal.SIGINT)


def test_errors_of_the_system_are_one_line(cli: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(errno.EIO, "Input/output error", "/mnt/nfs/x")

    monkeypatch.setattr(importlib.import_module("faqtune.console.split"), "run_split", full)

    assert cli("split") == (2, "", "faqtune: /mnt/nfs/x: Input/output error. Next: check what it is.\n")


def test_a_reader_that_has_gone_is_no_error(tuned_shop: Workspace) -> None:
    reading, writing = os.pipe()
    os.close(reading)

    done = subprocess.run(
        [sys.executable, "-m", "faqtune", "split", "--project", str(tuned_shop.root)],
        env=CLEAN, stdout=writing, stderr=subprocess.PIPE, text=True, check=False,
    )  # fmt: skip
    os.close(writing)

    assert done.returncode == 1
    assert done.stderr == ""


def test_a_terminal_that_knows_no_chinese_gets_escapes(small_shop_files: Path, tmp_path: Path) -> None:
    arguments = [sys.executable, "-m", "faqtune", "init", str(small_shop_files / "FAQ.xlsx"), "-p", str(tmp_path)]

    done = subprocess.run(arguments, env=CLEAN | {"PYTHONIOENCODING": "ascii"}, capture_output=True, check=True)
    json = subprocess.run(
        [*arguments, "--force", "--json"], env=CLEAN | {"PYTHONIOENCODING": "gbk"}, capture_output=True, check=True
    )

    assert b"\\u4ec0\\u4e48\\u65f6\\u5019\\u53d1\\u8d27" in done.stdout
    assert "什么时候发货".encode() in json.stdout


def test_the_command_in_an_error_can_be_pasted(cli: Run, tmp_path: Path) -> None:
    """It used to leave out the project, and acted on the folder that one was in."""
    shop = tmp_path / "my shop"
    (shop / "faqtune.toml").parent.mkdir()
    (shop / "faqtune.toml").write_text('[catalogue]\nfiles = ["x"]\n', encoding="utf-8")

    _, _, err = cli("label", "--project", str(shop))

    assert f"run `faqtune ingest --project '{shop}'` first" in err


def _makers() -> set[str]:
    """Every command that an error about a damaged file names as the one that makes it."""
    sources = Path(faqtune.__file__).parent.rglob("*.py")
    return {
        maker for path in sources for maker in re.findall(r'"(faqtune [a-z]+(?: --[a-z-]+)*)"', path.read_text("utf-8"))
    }


@pytest.mark.parametrize("maker", sorted(_makers()))
def test_a_command_that_is_to_make_a_damaged_file_anew_has_the_options_it_is_named_with(maker: str) -> None:
    _, name, *options = maker.split()
    command = get_command(app).commands[name]  # type: ignore[attr-defined]
    known = {option for parameter in command.params for option in parameter.opts}
    wanted = {*options} if maker in WITHOUT_FORCE else {*options, "--force"}
    assert wanted <= known


def test_a_damaged_file_of_a_command_that_cannot_be_forced_is_to_be_moved_away(tmp_path: Path) -> None:
    path = tmp_path / "asked.jsonl"
    path.write_bytes(b"\xff")
    with pytest.raises(UserError, match=r"move .*asked\.jsonl away, then run `faqtune calibrate`"):
        list(read_jsonl(path, "faqtune calibrate", dict))


LATE = """
import atexit, os, sys
from faqtune.cli import main

class Late:
    "What aborts where the interpreter is taken down, as Gloo's threads now and then do."
    def __del__(self, abort=os.abort):
        abort()

late = Late()
atexit.register(print, "what was registered is done")
sys.argv = ["faqtune", *sys.argv[1:]]
main()
"""


@pytest.mark.parametrize(("option", "code"), [("--version", 0), ("--nonsense", 2)])
def test_one_process_of_several_ends_without_taking_the_interpreter_down(option: str, code: int) -> None:
    def ended(**environment: str) -> subprocess.CompletedProcess[str]:
        command = (sys.executable, "-c", LATE, option)
        return subprocess.run(command, env=CLEAN | environment, capture_output=True, text=True, timeout=60)

    alone, of_several = ended(WORLD_SIZE="1"), ended(WORLD_SIZE="2")
    assert (alone.returncode, of_several.returncode) == (-signal.SIGABRT, code), of_several.stderr
    assert of_several.stdout == alone.stdout and "what was registered is done" in of_several.stdout
