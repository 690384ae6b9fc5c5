from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import huggingface_hub
import pytest
from huggingface_hub import constants

from faqtune.errors import UserError
from faqtune.model import resolve, source

SHA = "0123456789abcdef0123456789abcdef01234567"


@pytest.fixture
def hub_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty Hugging Face cache."""
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "hub"))
    return tmp_path / "hub"


def put_into_cache(hub_cache: Path, owner: str, name: str, model: Path) -> Path:
    repo = hub_cache / f"models--{owner}--{name}"
    (repo / "refs").mkdir(parents=True)
    (repo / "refs" / "main").write_text(SHA, encoding="utf-8")
    return shutil.copytree(model, repo / "snapshots" / SHA)


def test_a_folder_is_found_where_it_lies(tiny_model_folder: Path):
    found = resolve(tiny_model_folder)
    assert (found.kind, found.folder, found.name) == ("folder", tiny_model_folder, str(tiny_model_folder))
    assert "a local folder" in str(found)


def test_a_hub_name_is_found_in_the_cache_without_asking_the_hub(hub_cache: Path, tiny_model_folder: Path):
    snapshot = put_into_cache(hub_cache, "acme", "tiny", tiny_model_folder)
    found = resolve("acme/tiny")
    assert (found.kind, found.folder) == ("cache", snapshot)


@pytest.mark.parametrize("lost", ["model.safetensors", "tokenizer.json", "config.json"])
def test_an_interrupted_download_is_not_taken_for_a_model(hub_cache: Path, tiny_model_folder: Path, lost: str):
    (put_into_cache(hub_cache, "acme", "tiny", tiny_model_folder) / lost).unlink()
    assert source.find_local("acme/tiny") is None
    with pytest.raises(UserError, match="acme/tiny is not on this machine"):
        resolve("acme/tiny")


def test_an_unreachable_hub_is_an_error_with_three_ways_out(hub_cache: Path):
    with pytest.raises(UserError) as caught:
        resolve("BAAI/bge-m3")
    assert "the hub cannot be reached" in caught.value.problem
    for way in ("HF_ENDPOINT", "folder", "builtin"):
        assert way in caught.value.next_step


@pytest.mark.parametrize(
    ("siblings", "weights"),
    [
        (["config.json", "model.safetensors", "pytorch_model.bin"], "*.safetensors"),
        (["config.json", "pytorch_model.bin", "onnx/model.onnx", "colbert_linear.pt"], "pytorch_model*.bin"),
        (["config.json", "adapter.safetensors", "pytorch_model.bin"], "pytorch_model*.bin"),
    ],
)
def test_only_one_form_of_the_weights_and_no_code_is_downloaded(
    hub_cache: Path, tiny_model_folder: Path, monkeypatch: pytest.MonkeyPatch, siblings: list[str], weights: str
):
    asked: dict[str, Any] = {}

    def download(name: str, local_files_only: bool = False, **options: Any) -> str:
        if local_files_only:
            raise huggingface_hub.errors.LocalEntryNotFoundError("not there")
        asked.update(options)
        return str(tiny_model_folder)

    info = huggingface_hub.ModelInfo(id="acme/tiny", sha=SHA, siblings=[{"rfilename": file} for file in siblings])
    monkeypatch.setattr(source, "snapshot_download", download)
    monkeypatch.setattr(source.HfApi, "model_info", lambda self, name, timeout: info)
    assert resolve("acme/tiny").kind == "hub"
    assert asked["revision"] == SHA and weights in asked["allow_patterns"]
    assert len({"*.safetensors", "pytorch_model*.bin"} & set(asked["allow_patterns"])) == 1
    assert not any("py" in pattern.split(".")[-1] for pattern in asked["allow_patterns"])


def test_a_full_disk_while_downloading_is_named(hub_cache: Path, monkeypatch: pytest.MonkeyPatch):
    def fail(self: object, name: str, timeout: float) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(source.HfApi, "model_info", fail)
    with pytest.raises(UserError, match="disk is full"):
        resolve("acme/tiny")


@pytest.mark.parametrize(
    ("name", "problem"),
    [
        ("./no/such/folder", "there is no folder"),
        ("/no/such/folder", "there is no folder"),
        ("runs/2026/model", "there is no folder"),
        ("两个 词", "neither a folder nor a hub name"),
        ("", "is not a model folder"),
    ],
)
def test_a_name_that_is_nothing_is_an_error(
    name: str, problem: str, hub_cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UserError, match=problem):
        resolve(name)


def test_a_runs_folder_in_place_of_its_model_is_told_where_the_model_lies(tiny_model_folder: Path, tmp_path: Path):
    model = Path(shutil.copytree(tiny_model_folder, tmp_path / "run" / "model"))
    with pytest.raises(UserError, match=r"it has no config\.json") as caught:
        resolve(tmp_path / "run")
    assert caught.value.next_step == f"its model lies in {model}: give that folder"


def test_a_file_in_place_of_a_folder_is_named(tiny_model_folder: Path):
    with pytest.raises(UserError, match="is a file"):
        resolve(tiny_model_folder / "model.safetensors")
