from __future__ import annotations

from pathlib import Path

import pytest
import torch

from faqtune.errors import UserError
from faqtune.model import Precision, autocast, device, pick_device, pick_precision


@pytest.mark.parametrize(
    ("flags", "name"),
    [
        ({"avx2", "avx512f", "avx512_vnni"}, "float32"),
        ({"avx512f", "avx512_bf16"}, "bfloat16"),
        ({"amx_tile", "amx_bf16"}, "bfloat16"),
        (set(), "float32"),
    ],
)
def test_a_cpu_gets_bfloat16_only_where_it_multiplies_it(monkeypatch: pytest.MonkeyPatch, flags: set[str], name: str):
    monkeypatch.setattr(device, "cpu_flags", lambda: frozenset(flags))
    assert pick_precision(torch.device("cpu")).name == name


@pytest.mark.parametrize(("capability", "name"), [((7, 5), "float32"), ((8, 0), "bfloat16"), ((9, 0), "bfloat16")])
def test_cuda_gets_bfloat16_from_ampere_on(monkeypatch: pytest.MonkeyPatch, capability: tuple[int, int], name: str):
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda _: capability)
    precision = pick_precision(torch.device("cuda"))
    assert precision.name == name
    assert ".".join(map(str, capability)) in precision.reason


def test_cpu_flags_are_read_from_the_first_flags_line(tmp_path: Path):
    (tmp_path / "cpuinfo").write_text("processor\t: 0\nflags\t\t: fpu amx_bf16 sse\nbugs\t: x\nflags\t: other\n")
    assert device.cpu_flags(tmp_path / "cpuinfo") == {"fpu", "amx_bf16", "sse"}
    assert device.cpu_flags(tmp_path / "none") == frozenset()


def test_what_the_user_asks_for_counts_more_than_what_the_device_is_good_at(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(device, "cpu_flags", lambda: frozenset({"amx_bf16"}))
    assert pick_precision(torch.device("cpu"), "float32").name == "float32"
    monkeypatch.setattr(device, "cpu_flags", frozenset)
    assert pick_precision(torch.device("cpu"), "bfloat16").name == "bfloat16"


def test_autocast_runs_products_in_the_precision_asked_for():
    matrix = torch.ones(2, 2)
    for name, dtype in (("float32", torch.float32), ("bfloat16", torch.bfloat16)):
        with autocast(torch.device("cpu"), Precision(name, "")):  # type: ignore[arg-type]
            assert (matrix @ matrix).dtype == dtype


@pytest.mark.parametrize("wanted", ["cuda:99", "tpu", "quantum", "meta"])
def test_a_device_that_is_not_there_is_an_error_with_a_way_out(wanted: str):
    with pytest.raises(UserError, match=wanted):
        pick_device(wanted)


def test_the_wanted_device_is_taken():
    assert pick_device("cpu") == torch.device("cpu")


def test_attention_on_a_gpu_is_not_planned_anew_for_every_shape():
    before = torch.backends.cuda.cudnn_sdp_enabled()
    with autocast(torch.device("cuda"), Precision("float32", "")):
        assert not torch.backends.cuda.cudnn_sdp_enabled() and torch.backends.cuda.math_sdp_enabled()
    assert torch.backends.cuda.cudnn_sdp_enabled() == before
