"""What tuning changed in the model, layer by layer, from `compare.json`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from faqtune.evaluate.wording import METRICS, Language, figure_name
from faqtune.report.charts import Chart
from faqtune.report.heat_map import Moved, heat_map
from faqtune.report.limits import clipped
from faqtune.report.sheet import (
    Cell,
    Row,
    Section,
    Sheet,
    change,
    number,
    percent,
    pointer,
    sentences,
    sheet,
    words,
)
from faqtune.scorecard import is_better_lower

WORDS: dict[Language, dict[str, str]] = {
    "en": {
        "title": "Layer by layer",
        "reading": "How far the weights moved says where training worked, not whether it helped; the effect of putting"
        " a layer back to the original does. Measured on the selection part, which chose the model.",
        "heat": "How far each layer moved",
        "heat_reading": "Relative change of the weights, per cent of their length, on a logarithmic scale. Cells that"
        " say “same” are identical to the last bit.",
        "told": "{changed} of {total} layers changed; the farthest is {farthest}.",
        "layers": "Layers",
        "layer": "layer",
        "relative": "relative change, %",
        "changed_share": "elements changed, %",
        "effective_rank": "effective rank of the change",
        "cka": "likeness (CKA), {name}",
        "in distribution": "questions",
        "noise": "noise",
        "general": "general sentences",
        "reverted": "With one layer put back to the original",
        "recall@1": "recall@1",
        "accepted": "noise accepted",
        "oscr@5": "OSCR@5%",
        "confirmed": "The mixture of layers against the tuned model, on the half that was not searched on",
        "figure": "figure",
        "difference": "difference, points",
        "coefficients": "How much of the tuning each layer keeps in the mixture",
        "coefficient": "coefficient (0: original, 1: tuned)",
        "tokens": "Tokens that moved most",
        "token": "token",
        "kept": "Layers that the recipe froze ({layers}) are identical to the last bit.",
        "moved": "Layers that the recipe froze ({layers}) have moved: {tensors}.",
    },
    "zh": {
        "title": "逐层对比",
        "reading": "权重变动多少只说明训练作用在哪里，不说明是否有益；把某一层恢复为原模型后的效果才能说明。"
        "以下在选择集上测得，模型正是据它选出的。",
        "heat": "各层的变动幅度",
        "heat_reading": "权重的相对变化，占原长度的百分比，对数刻度。标“相同”者逐位相同。",
        "told": "共 {total} 层，其中 {changed} 层有变化；变动最大的是 {farthest}。",
        "layers": "各层",
        "layer": "层",
        "relative": "相对变化，%",
        "changed_share": "变化的参数，%",
        "effective_rank": "变化的有效秩",
        "cka": "相似度 (CKA)：{name}",
        "in distribution": "客户问题",
        "noise": "噪声",
        "general": "通用句子",
        "reverted": "将某一层恢复为原模型后",
        "recall@1": "首位命中率 recall@1",
        "accepted": "误收的噪声",
        "oscr@5": "OSCR@5% 答对比例",
        "confirmed": "逐层混合模型与微调后模型相比（未用于搜索的一半数据）",
        "figure": "指标",
        "difference": "变化，百分点",
        "coefficients": "混合模型中各层保留的微调比例",
        "coefficient": "系数（0：原模型，1：微调后）",
        "tokens": "变动最大的词元",
        "token": "词元",
        "kept": "配方中冻结的层（{layers}）逐位相同。",
        "moved": "配方中冻结的层（{layers}）发生了变动：{tensors}。",
    },
}
REVERTED = ("recall@1", "accepted", "oscr@5")
"""Figures that are shown of a layer that was put back."""


def layers(compared: Mapping[str, Any], language: Language) -> Section | None:
    """Heat map, table of layers, what each one's change is worth where that was measured, tokens.

    None where the file holds no layers, as one of another version may."""
    found = compared.get("weights", {}).get("layers")
    if not found:
        return None
    say = WORDS[language]
    sheets = [_layers(compared, say)]
    data = compared.get("data") or {}
    if reverted := data.get("reverted"):
        sheets.append(_reverted(reverted, say))
    folded = []
    if applied := compared.get("applied"):
        sheets += [_confirmed(applied, say, language)] if applied.get("confirmed") else []
        folded.append(_coefficients(applied, say))
    if tokens := compared["weights"].get("tokens"):
        folded.append(_tokens(tokens, say))
    reading = sentences(language, say["reading"], _frozen(compared, say))
    return Section("layers", say["title"], reading, wide=[_heat(compared, say, language)], sheets=sheets, folded=folded)


def _frozen(compared: Mapping[str, Any], say: Mapping[str, str]) -> str:
    """Whether what was declared frozen is what it was; "" where nothing was."""
    found = compared.get("frozen") or {}
    if not found.get("declared"):
        return ""
    moved = found.get("moved") or []
    layers, tensors = (", ".join(map(clipped, names)) for names in (found["declared"], moved[:3]))
    return say["moved" if moved else "kept"].format(layers=layers, tensors=tensors)


def _heat(compared: Mapping[str, Any], say: Mapping[str, str], language: Language) -> Chart:
    weights = compared["weights"]
    grid = {(cell["layer"], cell["kind"]): _moved(cell["change"]) for cell in weights.get("cells", [])}
    names = [layer["layer"] for layer in weights["layers"]]
    moved = [layer for layer in weights["layers"] if layer["change"]["changed"]]
    farthest = max(moved, key=lambda layer: layer["change"]["relative"] or 0, default=weights["layers"][0])
    told = say["told"].format(changed=len(moved), total=len(names), farthest=farthest["layer"])
    drawing = heat_map(names, grid, f"{say['heat']}. {told}", language)
    return Chart(say["heat"], sentences(language, say["heat_reading"], told), drawing)


def _moved(found: Mapping[str, Any]) -> Moved:
    return Moved(found["changed"], found["relative"], found["changed_share"])


def _layers(compared: Mapping[str, Any], say: Mapping[str, str]) -> Sheet:
    probes = (compared.get("data") or {}).get("probes") or []
    rows: list[Row] = []
    for place, layer in enumerate(compared["weights"]["layers"]):
        at, moved = ("compare", "weights", "layers", place, "change"), layer["change"]
        likeness = (
            number(probe["cka"].get(layer["layer"]), pointer("compare", "data", "probes", row, "cka", layer["layer"]))
            for row, probe in enumerate(probes)
        )
        relative = moved["relative"]
        rows.append(
            (
                words(layer["layer"]),
                Cell("" if relative is None else _three_digits(100 * relative), "", pointer(*at, "relative")),
                percent(moved["changed_share"], pointer(*at, "changed_share")),
                number(moved.get("effective_rank"), pointer(*at, "effective_rank"), 1),
                *likeness,
            )
        )
    header = [say[name] for name in ("layer", "relative", "changed_share", "effective_rank")]
    header += [say["cka"].format(name=say.get(probe["name"], probe["name"])) for probe in probes]
    return sheet(say["layers"], header, rows)


def _three_digits(found: float) -> str:
    """Three that count, zeros at the end too, so that a column is of one precision.

    >>> _three_digits(0.56), _three_digits(12.0), _three_digits(0.0)
    ('0.560', '12.0', '0')
    """
    return f"{found:#.3g}".rstrip(".") if found else "0"


def _reverted(found: Sequence[Mapping[str, Any]], say: Mapping[str, str]) -> Sheet:
    names = [name for name in REVERTED if any(name in layer["differences"] for layer in found)]
    rows: list[Row] = []
    for place, layer in enumerate(found):
        cells = []
        for name in names:
            difference = layer["differences"].get(name)
            cell = change(difference, pointer("compare", "data", "reverted", place, "differences", name))
            cells.append(Cell(cell.text, cell.interval, cell.source, _mark(name, difference)))
        rows.append((words(layer["layer"]), *cells))
    return sheet(say["reverted"], [say["layer"], *(say[name] for name in names)], rows)


def _mark(name: str, difference: Mapping[str, float] | None) -> str:
    if not difference or difference["low"] <= 0 <= difference["high"]:
        return ""
    return "better" if (difference["value"] < 0) == is_better_lower(name) else "worse"


def _confirmed(applied: Mapping[str, Any], say: Mapping[str, str], language: Language) -> Sheet:
    """What `compare --apply` found on the half of the selection part that it had not searched on."""
    rows = [
        (
            words(figure_name(name, language) if name in METRICS[language] else name),
            change(found, pointer("compare", "applied", "confirmed", name)),
        )
        for name, found in applied["confirmed"].items()
    ]
    return sheet(say["confirmed"], [say["figure"], say["difference"]], rows)


def _coefficients(applied: Mapping[str, Any], say: Mapping[str, str]) -> Sheet:
    rows = [
        (words(layer), number(share, pointer("compare", "applied", "coefficients", layer), 2))
        for layer, share in applied.get("coefficients", {}).items()
    ]
    return sheet(say["coefficients"], [say["layer"], say["coefficient"]], rows)


def _tokens(found: Sequence[Mapping[str, Any]], say: Mapping[str, str]) -> Sheet:
    rows = [
        (
            words(str(token["token"] if token["token"] is not None else token["row"])),
            percent(token["relative"], pointer("compare", "weights", "tokens", place, "relative")),
        )
        for place, token in enumerate(found)
    ]
    return sheet(say["tokens"], [say["token"], say["relative"]], rows)
