"""No bad input gives a traceback: one message with its place and the next step, and exit code 2."""

from __future__ import annotations

import importlib
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from faqtune import UserError, Workspace

Run = Callable[..., tuple[int, str, str]]
OF_A_PROJECT = ("ingest", "label", "split", "train", "evaluate", "report", "match", "tune")


def _arguments(command: str) -> tuple[str, ...]:
    return ("match", "能退吗") if command == "match" else (command,)


@pytest.fixture
def read_only_shop(small_shop_files: Path, lockable: Any) -> Path:
    folder: Path = lockable.folder
    shutil.copytree(small_shop_files, folder, dirs_exist_ok=True)
    (folder / "faqtune.toml").write_text('[catalogue]\nfiles = ["FAQ.xlsx"]\n', encoding="utf-8")
    lockable.lock()
    return folder


def test_a_read_only_project_is_said_to_be_so(cli: Run, tuned_shop: Workspace, read_only_shop: Path) -> None:
    for command in ("ingest", "init"):
        importlib.import_module(f"faqtune.console.{command}")
    file = str(read_only_shop / "FAQ.xlsx")

    for arguments in (("ingest",), ("init", file, "--force")):
        code, out, err = cli(*arguments, "--project", str(read_only_shop))
        assert (code, out) == (2, "")
        assert err.endswith("Permission denied. Next: check the folder and its permissions.\n")
    assert not (read_only_shop / "catalogue.jsonl").exists()


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"[model\n", "faqtune.toml"),
        (b"[model]\nbaze = 'x'\n", "write `model.base` if that is meant"),
        (b"\xff\xfe\x00[model]", "faqtune.toml"),
        (b"[split]\ntest = 7\n", "split.test"),
        (b"[split]\ntest = 0.9\nselection = 0.9\n", "leave nothing for training"),
    ],
)
def test_a_broken_configuration_is_named(cli: Run, tuned_shop: Workspace, content: bytes, message: str) -> None:
    tuned_shop.config_path.write_bytes(content)

    for command in ("split", "tune"):
        code, _, err = cli(command, "--project", str(tuned_shop.root))
        assert code == 2
        assert message in err or "names no catalogue file" in err


@pytest.mark.parametrize(
    "name",
    [
        "catalogue.jsonl", "conversations.jsonl", "noise.jsonl", "queries.jsonl", "pairs.jsonl", "split.json",
        "claims.db", "labels.json", "ingested.json", ".faqtune-state.json", "FAQ.xlsx", "gold.jsonl",
        "logs/january.json", "few_steps.toml", "runs/*/run.json", "runs/*/thresholds.json",
        "runs/*/scorecards/test-comparison.json", "runs/*/scorecards/test-examples.json", "runs/*/recipe.json",
        "runs/*/log.jsonl", "runs/*/model/model.safetensors", "runs/*/model/config.json",
    ],
)  # fmt: skip
@pytest.mark.parametrize(
    "content",
    [b'{"a": 1}\n{"b"', *(pytest.param(other, marks=pytest.mark.slow) for other in (b"", b"\xff\x00 not \xfe", b"[]"))],
)
def test_no_damaged_file_gives_a_traceback(
    cli: Run, tuned_shop: Workspace, name: str, content: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`cli` lets every error through that is not one line on stderr."""
    monkeypatch.setattr("faqtune.commands.train._train", _stop)
    monkeypatch.setattr("faqtune.commands.label._labelling", _stop)
    monkeypatch.setattr("faqtune.commands.evaluate.measured", _stop)
    (path,) = tuned_shop.root.glob(name)
    path.write_bytes(content)
    for command in OF_A_PROJECT:
        code, _, err = cli(*_arguments(command), "--project", str(tuned_shop.root))
        assert code == 0 or (code == 2 and err.splitlines()[-1].startswith("faqtune: "))


def _stop(*_: object, **__: object) -> None:
    raise UserError("far enough")


@pytest.mark.parametrize(
    "arguments",
    [
        ("--set", "nonsense"),
        ("--set", "stage.7.epochs=1"),
        ("--set", "stage.1.epochs=many"),
        ("--set", "stage.1.epoch=3"),
        ("--set", "seed.deep=3"),
        ("--set", "stages=3"),
        ("--recipe", "nope"),
        ("--recipe", "."),
        ("--recipe", "FAQ.xlsx"),
        ("--recipe", "faqtune.toml"),
    ],
)
def test_a_recipe_that_cannot_be_read_is_said(
    cli: Run, tuned_shop: Workspace, arguments: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tuned_shop.root)

    code, _, err = cli("train", *arguments)

    assert code == 2
    assert err.splitlines()[-1].startswith("faqtune: ")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("match", "能退吗", "--model", "no/such-model"), "no/such-model is not on this machine"),
        (("match", "能退吗", "--model", "logs"), "no config.json"),
        (("match", " "), "the text is empty"),
        (("match", "x", "--threshold", "nan"), "is no cosine"),
        (("evaluate", "--model", "nope nope"), "neither a folder nor a hub name"),
        (("evaluate", "--part", "tset"), "choose one of test, calibration, selection, train"),
        (("evaluate", "--gold", "FAQ.xlsx"), "hand labels are JSONL"),
        (("report", "--run", "nope"), "there is no run nope"),
        (("tune", "FAQ.xlsx", "logs/january.json"), "names other files under [conversations]"),
        (("init", "logs"), "none of the files is a catalogue"),
        (("init", "nowhere.xlsx"), "there is no nowhere.xlsx"),
        (("convert", "FAQ.xlsx", "x.jsonl", "--to", "daily"), "cannot become daily"),
        (("convert", "nowhere.json", "x.json"), "nowhere.json"),
    ],
)
def test_bad_input_is_one_message_with_its_place(
    cli: Run, tuned_shop: Workspace, arguments: tuple[str, ...], message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tuned_shop.root)

    code, out, err = cli(*arguments)

    assert (code, out) == (2, "")
    assert message in err.splitlines()[-1]
