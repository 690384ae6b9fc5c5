"""Output of `faqtune compare`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

from faqtune.commands.compare import Compared, compare_models
from faqtune.compare import Change, FrozenCheck, WeightChanges
from faqtune.console.applied import applied_lines
from faqtune.console.output import emit, emit_json, next_step, table
from faqtune.console.reporter import ConsoleReporter
from faqtune.evaluate.wording import points_of
from faqtune.workspace import Workspace

if TYPE_CHECKING:
    from faqtune.commands.mixing.layers import LayersOnData

MOST_NAMES = 10
NOT_FROZEN = 1
"""Exit code where a layer moved that a recipe had frozen."""


def run_compare(
    project: Path,
    a: str,
    b: str,
    data: bool,
    out: Path | None,
    resamples: int,
    *,
    apply: bool,
    forgetting: float,
    force: bool,
    as_json: bool,
) -> None:
    with ConsoleReporter() as reporter:
        result = compare_models(
            Workspace(project), a, b, data=data, apply=apply, forgetting_budget=forgetting, force=force, out=out,
            resamples=resamples, reporter=reporter,
        )  # fmt: skip
    if as_json:
        emit_json(result)
    else:
        show_compared(result)
        if result.applied is not None and result.applied.run:
            emit("", next_step("evaluate", project))
    if result.frozen is not None and result.frozen.ok is False:
        sys.stderr.write(f"{_broken(result.frozen)}\n")
        raise SystemExit(NOT_FROZEN)


def show_compared(result: Compared) -> None:
    """Layers from the bottom up, what is in one model only, tokens, what was frozen, and what the data says."""
    emit(f"A  {_named(result.a, result.folder_a)}", f"B  {_named(result.b, result.folder_b)}", "")
    emit(*_layers(result.weights), "", *_unmatched(result.weights), *_tokens(result.weights))
    emit(*(f"note: {note}" for note in result.notes))
    if result.frozen is not None:
        emit(_frozen(result.frozen))
    if result.data is not None:
        emit("", *_alike(result.data), "", *_reverted(result.data))
    if result.applied is not None:
        emit("", *applied_lines(result.applied), "")
    emit(*(f"wrote {path}" for path in result.paths))


def _named(name: str, folder: str) -> str:
    return folder if name == folder else f"{name} ({folder})"


def _layers(weights: WeightChanges) -> list[str]:
    header = ("layer", "changed tensors", "relative change", "cosine", "largest change", "changed share", "eff. rank")
    rows = [
        (found.layer, f"{found.changed_tensors} of {found.tensors}", *_figures(found.change))
        for found in weights.layers
    ]
    changed = sum(found.changed_tensors for found in weights.layers)
    return table(header, [*rows, ("all", f"{changed} of {len(weights.tensors)}", *_figures(weights.total))])


def _figures(change: Change) -> tuple[str, ...]:
    if not change.changed:
        return ("same", "", "", "", "")
    return (
        _number(change.relative, ".3g"),
        _number(change.cosine, ".9f"),
        _number(change.largest, "+.3g"),
        f"{100 * change.changed_share:.3g} %",
        _number(change.effective_rank, ".1f"),
    )


def _number(value: float | None, form: str) -> str:
    return "-" if value is None else format(value, form)


def _unmatched(weights: WeightChanges) -> list[str]:
    lists = (
        ("only in A", list(weights.only_a)),
        ("only in B", list(weights.only_b)),
        ("of another shape", [f"{r.name} {list(r.shape_a)} → {list(r.shape_b)}" for r in weights.reshaped]),
    )
    lines = [f"{len(names)} {what}, not compared: {_some(names)}" for what, names in lists if names]
    return [*lines, *[""] * bool(lines)]


def _some(names: list[str]) -> str:
    more = f" and {len(names) - MOST_NAMES} more" if len(names) > MOST_NAMES else ""
    return ", ".join(names[:MOST_NAMES]) + more


def _tokens(weights: WeightChanges) -> list[str]:
    if not weights.tokens:
        return []
    rows = [(token.row, "-" if token.token is None else token.token, _number(token.relative, ".3g"))
            for token in weights.tokens]  # fmt: skip
    return ["Tokens whose embeddings moved most:", *table(("row", "token", "relative change"), rows), ""]


def _frozen(check: FrozenCheck) -> str:
    if check.ok is None:
        return "frozen: the recipe froze nothing in every stage"
    return f"frozen: {', '.join(check.declared)}: every element as before" if check.ok else _broken(check)


def _broken(check: FrozenCheck) -> str:
    return (
        f"WARNING: the recipe froze {', '.join(check.declared)}, and yet {len(check.moved)} of their tensors moved: "
        f"{_some(list(check.moved))}"
    )


def _alike(data: LayersOnData) -> list[str]:
    layers = list(data.probes[0].cka)
    rows = [(layer, *(_number(probe.cka.get(layer), ".4f") for probe in data.probes)) for layer in layers]
    return [
        "How alike A and B see texts (linear CKA, 1: alike):",
        *(f"  {probe.name}: {probe.texts} texts, {probe.what}" for probe in data.probes),
        *table(("after", *(probe.name for probe in data.probes)), rows),
    ]


def _reverted(data: LayersOnData) -> list[str]:
    names = {"recall@1": "recall@1", "accepted": "noise accepted", "oscr@5": "OSCR@5%"}
    shown = [name for name in names if any(name in found.differences for found in data.reverted)]
    if not data.reverted:
        return ["No layer that is used has changed: there is nothing to put back."]
    rows = [("B as it is", *(_rate(data.figures[name]) for name in shown))]
    rows += [(found.layer, *(_marked(found.differences[name]) for name in shown)) for found in data.reverted]
    return [
        f"B with one layer put back to A: difference to B [95 % interval], * where it leaves zero out. Per cent, on "
        f"{data.part}: {data.queries} queries, {data.noise} noise sentences; threshold {data.threshold_cosine:.4f}.",
        *table(("layer put back", *(names[name] for name in shown)), rows),
        *_left_out(data),
    ]


def _left_out(data: LayersOnData) -> list[str]:
    names = [name for found in data.reverted for name in found.skipped_tensors]
    return [f"{len(names)} tensors have no place in the loaded model and were not put back: {_some(names)}"] * bool(
        names
    )


def _rate(figure: dict[str, float]) -> str:
    return f"{100 * figure['value']:.1f} [{100 * figure['low']:.1f}, {100 * figure['high']:.1f}]"


def _marked(difference: dict[str, float]) -> str:
    is_clear = difference["low"] > 0 or difference["high"] < 0
    return f"{points_of(difference)}{' *' * is_clear}"
