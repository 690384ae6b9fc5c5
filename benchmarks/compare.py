"""Time and memory of comparing two models of the exact shape of BGE-M3, and whether planted changes are found.

    python benchmarks/compare.py [--queries 200] [--only weights|data]

Random weights in float32, 2.27 GB a model, each measurement in a process of its own. Three planted changes: one
layer, one row of the token embeddings, and the whole model stored in another dtype whose numbers are the same. Last
the case in which every weight has changed. `data` is `compare --data` on a project with so many labelled queries (and
as much noise) for CKA and for putting back the embeddings and one layer; memory is the peak of the process, growth is
what it gained after Python and faqtune were imported.
"""

from __future__ import annotations

import argparse
import json
import shutil
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from common import fresh, keep_run, peak_memory_bytes
from faqtune.workspace import Workspace

NAME = "compare"
LAYER, ROW = 7, 1234
WORDS = "embeddings.word_embeddings.weight"
CASES = ("one layer", "one row of the embeddings", "another dtype", "every weight")


def rewritten(source: Path, target: Path, change: Callable[[str, NDArray[Any]], NDArray[Any] | None]) -> None:
    """A copy of a model folder, tensor by tensor in place: `change` gives a tensor anew, or None to leave it."""
    shutil.copytree(source, target)
    file = target / "model.safetensors"
    with file.open("r+b") as handle:
        length = int.from_bytes(handle.read(8), "little")
        header = json.loads(handle.read(length))
        for name, entry in header.items():
            if name == "__metadata__":
                continue
            first, last = entry["data_offsets"]
            handle.seek(8 + length + first)
            values = np.frombuffer(handle.read(last - first), dtype=np.float32).reshape(entry["shape"])
            new = change(name, values)
            if new is not None:
                handle.seek(8 + length + first)
                handle.write(np.ascontiguousarray(new, dtype=np.float32).tobytes())


def one_layer(name: str, values: NDArray[Any]) -> NDArray[Any] | None:
    return values + np.float32(0.001) if f"layer.{LAYER}." in name else None


def one_row(name: str, values: NDArray[Any]) -> NDArray[Any] | None:
    if name != WORDS:
        return None
    moved = values.copy()
    moved[ROW] *= np.float32(1.5)
    return moved


def rounded(name: str, values: NDArray[Any]) -> NDArray[Any]:
    """What bfloat16 holds exactly, so that storing it so changes no number."""
    bits = np.ascontiguousarray(values).view(np.uint32) & np.uint32(0xFFFF0000)
    return bits.view(np.float32)


def every_weight(name: str, values: NDArray[Any]) -> NDArray[Any]:
    return values * np.float32(1.001) + np.float32(1e-5)


def as_bfloat16(source: Path, target: Path) -> None:
    """The same numbers in half the bytes; every number must be one that bfloat16 holds."""
    shutil.copytree(source, target, ignore=shutil.ignore_patterns("model.safetensors"))
    with (source / "model.safetensors").open("rb") as old, (target / "model.safetensors").open("wb") as new:
        length = int.from_bytes(old.read(8), "little")
        header = json.loads(old.read(length))
        header.pop("__metadata__", None)
        for entry in header.values():
            entry["dtype"] = "BF16"
            entry["data_offsets"] = [place // 2 for place in entry["data_offsets"]]
        text = json.dumps(header).encode()
        new.write(len(text).to_bytes(8, "little") + text)
        while piece := old.read(1 << 24):
            new.write((np.frombuffer(piece, dtype=np.uint32) >> 16).astype("<u2").tobytes())


def planted(case: str, work: Path) -> tuple[Path, Path]:
    """The two folders of a case; the second is made anew."""
    base, moved = work / "bge-m3", work / "moved"
    shutil.rmtree(moved, ignore_errors=True)
    if case == "another dtype":
        plain = work / "plain"
        rewritten(base, plain, rounded)
        as_bfloat16(plain, moved)
        return plain, moved
    changes = {"one layer": one_layer, "one row of the embeddings": one_row, "every weight": every_weight}
    rewritten(base, moved, changes[case])
    return base, moved


def compared(folders: tuple[Path, Path]) -> dict[str, Any]:
    """In a process of its own."""
    from faqtune import compare_models

    start, began = peak_memory_bytes(), time.perf_counter()
    made = compare_models(Workspace(folders[0].parent / "none"), *map(str, folders)).weights
    return {
        "seconds": time.perf_counter() - began,
        "growth_bytes": peak_memory_bytes() - start,
        "peak_bytes": peak_memory_bytes(),
        "changed": [tensor.name for tensor in made.tensors if tensor.change.changed],
        "dtypes": sorted({f"{tensor.dtype_a} {tensor.dtype_b}" for tensor in made.tensors}),
        "rows": [[token.row, token.relative] for token in made.tokens],
        "tensors": len(made.tensors),
    }


def is_found(case: str, found: dict[str, Any]) -> bool:
    """Exactly what was planted, and nothing else."""
    changed = found["changed"]
    if case == "one layer":
        return len(changed) == 16 and all(f"layer.{LAYER}." in name for name in changed)
    if case == "one row of the embeddings":
        return (
            changed == [WORDS] and [row for row, _ in found["rows"]] == [ROW] and abs(found["rows"][0][1] - 0.5) < 1e-6
        )
    if case == "another dtype":
        return not changed and found["dtypes"] == ["F32 BF16"]
    return len(changed) == found["tensors"]


def weights(work: Path) -> None:
    for case in CASES:
        a, b = planted(case, work)
        found = fresh(__file__, "--pair", f"{a}|{b}")
        exact = is_found(case, found)
        row = {
            "measured": f"weights, {case}",
            "seconds": f"{found['seconds']:.1f}",
            "growth of memory, MB": f"{found['growth_bytes'] / 1e6:.0f}",
            "peak, GB": f"{found['peak_bytes'] / 1e9:.2f}",
            "found exactly": "yes" if exact else "NO",
        }
        keep_run(NAME, __doc__ or "", f"weights {case}", row, found)
        shutil.rmtree(b)
        if case == "another dtype":
            shutil.rmtree(a)
        if not exact:
            raise SystemExit(f"{case}: {found['changed'][:5]}")


def data(work: Path, queries: int) -> None:
    """The embeddings and one layer have changed."""
    base, moved = work / "bge-m3", work / "moved"

    def change(name: str, values: NDArray[Any]) -> NDArray[Any] | None:
        return (
            one_row(name, values) if name == WORDS else values * np.float32(1.01) if f"layer.{LAYER}." in name else None
        )

    shutil.rmtree(moved, ignore_errors=True)
    rewritten(base, moved, change)
    found = fresh(__file__, "--measure", f"{base}|{moved}", queries=queries)
    row = {
        "measured": f"--data: CKA, {found['reverted']} layers put back, {queries} queries",
        "seconds": f"{found['seconds']:.0f}",
        "growth of memory, MB": f"{found['growth_bytes'] / 1e6:.0f}",
        "peak, GB": f"{found['peak_bytes'] / 1e9:.2f}",
        "found exactly": "-",
    }
    keep_run(NAME, __doc__ or "", "data", row, found)
    shutil.rmtree(moved)


def measured(folders: tuple[Path, Path], queries: int) -> dict[str, Any]:
    """In a process of its own, on made-up texts."""
    from faqtune.commands.mixing.layers import Selection, measure_layers
    from faqtune.compare import compare_weights
    from faqtune.evaluate import EvaluationSet, Negative, Positive
    from faqtune.progress import Silent
    from faqtune.records import Catalogue, Entry

    entries = [Entry(f"e{n}", (f"第{n}类商品什么时候发货", f"第{n}类怎么退货"), f"第{n}类的回答") for n in range(50)]
    catalogue = Catalogue(tuple(entries))
    made = EvaluationSet(
        tuple(Positive(f"我买的第{n}件什么时候能到", f"e{n % 50}", f"c{n}") for n in range(queries)),
        tuple(Negative(f"今天天气第{n}次这么好", "chatter", f"s{n}") for n in range(queries)),
        catalogue,
        "selection (made up)",
    )
    start, began = peak_memory_bytes(), time.perf_counter()
    changes = compare_weights(*folders)
    with tempfile.TemporaryDirectory() as place:
        workspace = Workspace(Path(place))
        (workspace.root / "faqtune.toml").write_text('[model]\nbase = "builtin"\n', encoding="utf-8")
        found = measure_layers(
            workspace, Selection(made), (str(folders[0]), str(folders[1])), folders[0], changes,
            resamples=200, reporter=Silent(),
        )  # fmt: skip
    return {
        "seconds": time.perf_counter() - began,
        "growth_bytes": peak_memory_bytes() - start,
        "peak_bytes": peak_memory_bytes(),
        "reverted": len(found.reverted),
        "queries": queries,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--queries", type=int, default=200)
    parser.add_argument("--only", choices=("weights", "data"))
    parser.add_argument("--pair", help=argparse.SUPPRESS)
    parser.add_argument("--measure", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.pair or given.measure:
        a, b = map(Path, (given.pair or given.measure).split("|"))
        print(json.dumps(compared((a, b)) if given.pair else measured((a, b), given.queries)))
        return
    with tempfile.TemporaryDirectory(prefix="faqtune-compare-") as work:
        # The only process that holds torch beside the measured ones, which start after it has let go of the model.
        fresh_model(Path(work) / "bge-m3")
        if given.only != "data":
            weights(Path(work))
        if given.only != "weights":
            data(Path(work), given.queries)


def fresh_model(folder: Path) -> None:
    """Made in a process of its own: its memory must not stand beside what is measured."""
    import subprocess
    import sys

    code = f"from pathlib import Path; from shapes import make_bge_m3; make_bge_m3(Path({str(folder)!r}))"
    subprocess.run([sys.executable, "-c", code], check=True, cwd=Path(__file__).parent)


if __name__ == "__main__":
    main()
