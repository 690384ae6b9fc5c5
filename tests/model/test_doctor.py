from __future__ import annotations

import re
import shutil
import tomllib
from pathlib import Path

import pytest
import torch
import transformers.integrations.accelerate
from safetensors.torch import load_file, save_file

from faqtune.errors import UserError
from faqtune.model import Check, diagnose, doctor, loading
from faqtune.model.machine import free_disk_bytes, free_ram_bytes
from faqtune.model.memory import KNOWN, need_of_folder, need_of_known
from faqtune.model.source import resolve


def by_name(checks: list[Check]) -> dict[str, Check]:
    return {check.name: check for check in checks}


def test_a_model_that_fits_gets_a_clean_bill(tiny_model_folder: Path, tmp_path: Path):
    checks = diagnose(str(tiny_model_folder), tmp_path / "not" / "yet" / "there")
    assert {check.name for check in checks if check.status == "fail"} == set()
    assert "cls pooling" in by_name(checks)["model"].finding
    assert not (tmp_path / "not").exists()


def test_a_model_out_of_reach_fails_with_advice_and_known_needs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(doctor, "find_local", lambda name: None)
    monkeypatch.setattr(doctor, "free_memory_bytes", lambda device: 6_000_000_000)
    monkeypatch.setattr(doctor, "free_disk_bytes", lambda path: 1_000_000_000)
    checks = by_name(diagnose("BAAI/bge-m3", tmp_path))
    assert checks["model"].status == "fail" and "HF_ENDPOINT" in checks["model"].advice
    assert checks["memory"].status == "warn" and "568 M parameters" in checks["memory"].finding
    assert "adafactor" in checks["memory"].advice
    assert checks["disk: project"].status == "fail" and checks["disk: cache"].status == "fail"


def test_too_little_memory_to_encode_is_a_failure(
    tiny_model_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(doctor, "free_memory_bytes", lambda device: 1000)
    assert by_name(diagnose(str(tiny_model_folder), tmp_path))["memory"].status == "fail"


def test_more_threads_than_cores_is_a_warning(tiny_model_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(doctor, "usable_cores", lambda: 0)
    assert by_name(diagnose(str(tiny_model_folder), tmp_path))["cpu"].status == "warn"


@pytest.mark.parametrize("error", [RuntimeError("driver gone"), UserError("no folder", "make one"), KeyError("x")])
def test_the_doctor_never_raises(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: Exception):
    def fail(*args: object) -> None:
        raise error

    for name in ("pick_device", "find_local", "free_disk_bytes", "usable_cores", "unpacked_place"):
        monkeypatch.setattr(doctor, name, fail)
    monkeypatch.setattr(doctor.metadata, "version", fail)
    for model in ("builtin", "BAAI/bge-m3", "./nowhere", ""):
        checks = diagnose(model, tmp_path)
        assert len(checks) == 11
        assert all(check.finding and (check.status == "ok" or check.advice) for check in checks)
        assert by_name(checks)["device"].status == "fail"


def test_least_versions_are_those_of_the_project():
    project = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    least = dict(re.fullmatch(r"([\w.-]+)>=([\d.]+)", line).groups() for line in project["dependencies"])  # type: ignore[union-attr]
    for package, version in doctor.LEAST_VERSIONS.items():
        assert least[package] == ".".join(map(str, version))
    assert project["requires-python"] == ">=" + ".".join(map(str, doctor.LEAST_PYTHON))


@pytest.mark.parametrize("kept_bytes", [0, 1000])
def test_weights_that_are_cut_off_are_found(tiny_model_folder: Path, tmp_path: Path, kept_bytes: int):
    folder = Path(shutil.copytree(tiny_model_folder, tmp_path / "model"))
    with (folder / "model.safetensors").open("r+b") as file:
        file.truncate(kept_bytes)
    check = by_name(diagnose(str(folder), tmp_path))["model"]
    assert check.status == "fail"
    assert "model.safetensors" in check.finding and "damaged or cut off" in check.advice


@pytest.fixture(params=["accelerate", "no accelerate"])
def accelerate(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """As `pip install faqtune` leaves it, accelerate is not there, and transformers refuses what needs it."""
    if request.param == "no accelerate":
        for module in (loading, transformers.integrations.accelerate):
            monkeypatch.setattr(module, "is_accelerate_available", lambda *given: False)
    return str(request.param)


@pytest.mark.usefixtures("accelerate")
def test_sound_weights_are_not_complained_about(tiny_model_folder: Path, tmp_path: Path):
    assert by_name(diagnose(str(tiny_model_folder), tmp_path))["model"].status == "ok"


def test_weights_are_only_read_where_memory_surely_holds_them(
    tiny_model_folder: Path, accelerate: str, monkeypatch: pytest.MonkeyPatch
):
    read = []
    monkeypatch.setattr(loading, "_load_backbone", lambda source, dtype, onto=None: read.append(onto))
    size = (tiny_model_folder / "model.safetensors").stat().st_size
    for free in (2 * size, 4 * size, None):
        monkeypatch.setattr(loading, "free_ram_bytes", lambda free=free: free)
        loading.refuse_damaged_weights(resolve(tiny_model_folder))
    assert read == (["meta"] * 3 if accelerate == "accelerate" else [None, None])


@pytest.mark.usefixtures("accelerate")
def test_weights_that_a_training_would_refuse_are_found(tiny_model_folder: Path, tmp_path: Path):
    folder = Path(shutil.copytree(tiny_model_folder, tmp_path / "model"))
    weights = load_file(folder / "model.safetensors")
    name = next(name for name in weights if "layer.0." in name)
    save_file({key: value for key, value in weights.items() if key != name}, folder / "model.safetensors")
    check = by_name(diagnose(str(folder), tmp_path))["model"]
    assert check.status == "fail" and "1 weights are missing" in check.finding and name in check.finding
    save_file(weights | {name.replace("layer.0.", "layer.9."): weights[name].clone()}, folder / "model.safetensors")
    check = by_name(diagnose(str(folder), tmp_path))["model"]
    assert check.status == "fail" and "its weights hold 10" in check.finding


def test_a_project_that_cannot_be_written_is_found(
    tiny_model_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    def refuse(dir: Path) -> None:  # noqa: A002 - called by this name
        raise PermissionError(13, "Permission denied", str(dir))

    monkeypatch.setattr(doctor, "TemporaryFile", refuse)
    check = by_name(diagnose(str(tiny_model_folder), tmp_path / "not yet"))["disk: project"]
    assert check.status == "fail" and check.finding == f"nothing can be written in {tmp_path}: Permission denied"


def test_a_damaged_configuration_is_the_models_fault_and_not_ours(tiny_model_folder: Path, tmp_path: Path):
    folder = Path(shutil.copytree(tiny_model_folder, tmp_path / "model"))
    (folder / "config.json").write_text('{"model_type":', encoding="utf-8")
    checks = by_name(diagnose(str(folder), tmp_path))
    assert [check.name for check in checks.values() if check.status == "fail"] == ["model"]
    assert "config.json" in checks["model"].finding
    assert not any("report this" in check.advice for check in checks.values())


def test_a_folder_that_does_not_say_how_it_pools_is_well_if_the_user_says_it(tiny_model_folder: Path, tmp_path: Path):
    folder = Path(shutil.copytree(tiny_model_folder, tmp_path / "model"))
    (folder / "1_Pooling" / "config.json").unlink()
    check = by_name(diagnose(str(folder), tmp_path))["model"]
    assert check.status == "fail" and "set model.pooling in faqtune.toml" in check.advice
    assert "mean pooling" in by_name(diagnose(str(folder), tmp_path, "mean"))["model"].finding


def test_an_old_version_is_named(monkeypatch: pytest.MonkeyPatch, tiny_model_folder: Path, tmp_path: Path):
    monkeypatch.setattr(doctor.metadata, "version", lambda package: "2.5.1+cu121")
    check = by_name(diagnose(str(tiny_model_folder), tmp_path))["torch"]
    assert check.status == "fail" and "torch>=2.6" in check.advice


def test_the_parameters_of_bge_m3_worked_out_by_hand():
    # (250002 words + 8194 positions + 1 type + 2 for the norm) x 1024, 24 layers of
    # 4 x (1024^2 + 1024) + 2 x 1024 x 4096 + 4096 + 1024 + 4 x 1024, and the pooler.
    layer = 4 * (1024**2 + 1024) + 2 * 1024 * 4096 + 4096 + 1024 + 4 * 1024
    expected = (250002 + 8194 + 1 + 2) * 1024 + 24 * layer + 1024**2 + 1024
    need = need_of_known("BAAI/bge-m3")
    assert need is not None and need.parameters == expected
    # 16 bytes per parameter, and 84 bytes for each of 8192 tokens x 24 layers x 1024.
    assert need.training == 16 * expected + 84 * 8192 * 24 * 1024
    # Of frozen token embeddings the weights alone, and 512 tokens.
    assert need.least == 16 * expected - 12 * 250002 * 1024 + 84 * 512 * 24 * 1024
    assert need.encoding < need.least < need.training
    assert need_of_known("acme/unknown") is None


def test_the_known_numbers_of_the_built_in_model_are_those_of_its_folder(builtin_model_folder: Path):
    assert need_of_known("builtin") == need_of_folder(builtin_model_folder)
    assert KNOWN["builtin"] is KNOWN["intfloat/multilingual-e5-small"]


def test_the_activation_estimate_holds_for_a_real_backward_graph(tiny_model_folder: Path):
    from transformers import XLMRobertaConfig, XLMRobertaModel

    from faqtune.model.memory import TRAINING_ACTIVATION_BYTES

    width, layers, rows, length = 128, 2, 4, 32
    config = XLMRobertaConfig(
        vocab_size=64, hidden_size=width, num_hidden_layers=layers, num_attention_heads=2, intermediate_size=4 * width
    )
    model = XLMRobertaModel(config, add_pooling_layer=False).train()
    weights = {p.untyped_storage().data_ptr() for p in model.parameters()}
    saved: dict[int, torch.Tensor] = {}

    def keep(tensor: torch.Tensor) -> torch.Tensor:
        saved[tensor.untyped_storage().data_ptr()] = tensor
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        model(torch.randint(5, 60, (rows, length)), attention_mask=torch.ones(rows, length, dtype=torch.long))
    measured = sum(t.untyped_storage().nbytes() for place, t in saved.items() if place not in weights)
    estimate = rows * length * width * layers * TRAINING_ACTIVATION_BYTES
    assert 0.9 < estimate / measured < 1.2


def test_a_container_limits_the_memory(tmp_path: Path):
    (tmp_path / "meminfo").write_text("MemTotal: 99 kB\nMemAvailable:   2000 kB\n", encoding="utf-8")
    assert free_ram_bytes(tmp_path, tmp_path) == 2_048_000
    (tmp_path / "memory.max").write_text("1000000\n", encoding="utf-8")
    (tmp_path / "memory.current").write_text("400000\n", encoding="utf-8")
    assert free_ram_bytes(tmp_path, tmp_path) == 600_000
    (tmp_path / "memory.max").write_text("max\n", encoding="utf-8")
    assert free_ram_bytes(tmp_path, tmp_path) == 2_048_000


@pytest.mark.parametrize(
    ("folder", "limit", "used", "cached"),
    [
        (".", "memory.max", "memory.current", "inactive_file"),
        ("memory", "memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file"),
    ],
)
def test_files_that_a_container_has_read_take_no_memory(
    tmp_path: Path, folder: str, limit: str, used: str, cached: str
):
    """They count as used, and go as soon as anybody wants the memory: a model that was read leaves its size there."""
    (tmp_path / "meminfo").write_text("MemAvailable:   2000 kB\n", encoding="utf-8")
    (tmp_path / folder).mkdir(exist_ok=True)
    for name, text in ((limit, "1000000\n"), (used, "900000\n"), ("memory.stat", f"anon 5\n{cached} 700000\nx 1\n")):
        (tmp_path / folder / name).write_text(text, encoding="utf-8")
    assert free_ram_bytes(tmp_path, tmp_path) == 800_000


def test_the_disk_of_a_folder_to_come_is_that_of_its_parent(tmp_path: Path):
    assert free_disk_bytes(tmp_path / "a" / "b") > 0
