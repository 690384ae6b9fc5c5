"""What other rooms say in English has Chinese for the page: every error heard there, read off the sources."""

import ast
import re
from importlib import resources
from pathlib import Path

import pytest

from faqtune.annotate.chinese import chinese, in_chinese

SOURCES = Path(__file__).parents[2] / "src" / "faqtune"
HEARD = (
    "annotate/agreement.py", "annotate/carry.py", "annotate/decisions.py", "annotate/guard.py", "annotate/people.py",
    "annotate/preparation.py", "annotate/proposals.py", "annotate/routes.py", "annotate/server.py",
    "annotate/session.py", "annotate/store.py", "annotate/tuning.py", "annotate/workbook.py",
    "atomic.py", "claims.py", "runs.py", "sqlite.py", "workspace.py",
    "commands/annotate.py", "commands/evaluate.py", "commands/label.py", "commands/figures/enough.py",
    "commands/figures/scorecards.py", "commands/project/assemble.py", "commands/project/models.py",
    "commands/retune.py", "commands/train.py",
    "config/checking.py", "config/reading.py", "split", "train/checkpoints.py", "train/loop.py", "train/memory.py",
    "train/selection.py", "train/stage.py", "evaluate/examples.py", "evaluate/general.py", "evaluate/halves.py",
    "evaluate/outcomes.py", "evaluate/thresholds.py", "model/builtin.py", "model/device.py", "model/freezing.py",
    "model/layout.py", "model/loading.py", "model/source.py", "model/tokens.py",
)  # fmt: skip
"""Sources whose errors may stop the preparation or a tuning, or answer a request."""
REFUSING = ("UserError", "Refused", "Interrupted", "said")


def templates(node: ast.AST) -> list[str]:
    """The texts that an expression may give, with {} for each value."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return [node.value]
    if isinstance(node, ast.JoinedStr):
        return ["".join(part.value if isinstance(part, ast.Constant) else "{}" for part in node.values)]
    if isinstance(node, ast.IfExp):
        return [*templates(node.body), *templates(node.orelse)]
    return []


def calls() -> list[ast.Call]:
    files = [
        file for name in HEARD for file in ([SOURCES / name] if name.endswith(".py") else (SOURCES / name).glob("*.py"))
    ]
    nodes = [node for file in files for node in ast.walk(ast.parse(file.read_text(encoding="utf-8")))]
    return [node for node in nodes if isinstance(node, ast.Call)]


def heard() -> set[str]:
    """Problems, next steps, and what progress counts."""
    found: set[str] = set()
    for call in calls():
        if getattr(call.func, "id", "") in REFUSING:
            found.update(text for argument in call.args[:2] for text in templates(argument))
    for file in SOURCES.rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and getattr(node.func, "attr", "") == "advance" and node.args:
                found.update(templates(node.args[0]))
    # Nothing but values, as "{}: {}": what the system says.
    return {text for text in found if re.search("[a-z]{2}", text)}


NOT_ON_THE_PAGE = {"million weights compared", "requests"}


def test_every_error_and_count_that_can_be_heard_on_the_page_has_chinese() -> None:
    texts = heard()
    assert len(texts) > 120
    filled = {text: text.replace("{}", "7") for text in texts - NOT_ON_THE_PAGE}
    assert [text for text, said in filled.items() if chinese(said) is None] == []


def test_refusals_of_the_guard_have_chinese() -> None:
    tree = ast.parse((SOURCES / "annotate" / "guard.py").read_text(encoding="utf-8"))
    refusals = [
        node.value.elts[1]
        for node in ast.walk(tree)
        if isinstance(node, ast.Return) and isinstance(node.value, ast.Tuple)
    ]
    texts = [text for refusal in refusals for text in templates(refusal)]
    assert len(texts) > 6
    assert [text for text in texts if chinese(text) is None] == []


def pairs() -> list[tuple[str, str]]:
    text = resources.files("faqtune.annotate").joinpath("chinese.txt").read_text(encoding="utf-8")
    lines = [line for line in text.splitlines() if line and not line.startswith("#")]
    return list(zip(lines[::2], lines[1::2], strict=True))


def test_each_pair_is_of_a_sentence_that_is_still_there_and_keeps_its_values() -> None:
    there = set()
    for file in SOURCES.rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            there.update(templates(node))
    assert [english for english, _ in pairs() if english not in there] == []
    for english, zh in pairs():
        values = [f"〔{number}〕" for number in range(english.count("{}"))]
        said = chinese(english.replace("{}", "%s") % tuple(values)) if "%" not in english else zh.format(*values)
        assert said is not None, english
        assert re.search("[\u4e00-\u9fff]", said), zh
        assert all(value in said for value in values), (english, zh)


@pytest.mark.parametrize(
    ("english", "expected"),
    [
        ("none of the 12 hand labels trains", "12 条人工标注中没有一条用于训练"),
        ("there is no run b in /a", "/a 中没有名为 b 的训练"),
        ("runs/a/state.pt: No space left on device", "runs/a/state.pt：磁盘已满"),
        ("split.json is damaged (line 3:\nno key)", "split.json 已损坏（line 3:\nno key）"),
    ],
)
def test_values_are_put_where_the_chinese_wants_them(english: str, expected: str) -> None:
    assert chinese(english) == expected


def test_what_has_no_chinese_is_quoted_as_english() -> None:
    assert in_chinese({"error": "something new", "next": ""}) == {
        "error": "程序报告（英文原文）：something new",
        "next": "",
    }
