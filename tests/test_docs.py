"""The documents: made from the command line where they can be, and true where they are written."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from faqtune import Workspace

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "tools" / "docs.py"
READMES = ("README.md", "README.zh-CN.md")


def test_the_documents_agree_with_the_commands_and_with_each_other() -> None:
    done = subprocess.run([sys.executable, str(DOCS), "--check"], capture_output=True, text=True, check=False)

    assert (done.returncode, done.stderr) == (0, "")


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """The documents and the tool that checks them, to be broken."""
    for page in [
        *READMES,
        "CHANGELOG.md",
        "docs/commands.md",
        "docs/recipe-settings.md",
        "docs/recipes.md",
        "tools/docs.py",
    ]:
        (tmp_path / page).parent.mkdir(exist_ok=True)
        (tmp_path / page).write_bytes((ROOT / page).read_bytes())
    (tmp_path / "benchmarks").mkdir()
    return tmp_path


@pytest.mark.parametrize(
    ("page", "old", "new", "problem"),
    [
        ("docs/commands.md", "# Commands", "# Command", "docs/commands.md is stale"),
        ("docs/recipe-settings.md", "# Settings", "# Setting", "docs/recipe-settings.md is stale"),
        ("README.md", "| `faqtune split` |", "| split |", "README.md: `faqtune split` is not in the table"),
        ("README.zh-CN.md", "\n## ", "\n### ", "differ in the levels of their headings"),
        ("README.zh-CN.md", "make test\n", "make tests\n", "differ in their code"),
        ("CHANGELOG.md", "# ", "# [x](docs/nowhere.md) ", "CHANGELOG.md: docs/nowhere.md is not there"),
        ("CHANGELOG.md", "# ", "# [x](docs/commands.md#faqtune-tuna) ", "commands.md has no heading #faqtune-tuna"),
    ],
)
def test_the_check_finds_what_is_wrong(checkout: Path, page: str, old: str, new: str, problem: str) -> None:
    path = checkout / page
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new, 1), encoding="utf-8")

    arguments = [sys.executable, str(checkout / "tools" / "docs.py"), "--check"]
    done = subprocess.run(arguments, capture_output=True, text=True, check=False)

    assert done.returncode == 1
    assert problem in done.stderr


@pytest.mark.parametrize("readme", READMES)
def test_the_python_of_the_readme_runs(
    readme: str, tuned_shop: Workspace, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """On the tea shop, which is tuned already, with the tiny model in the place of BGE-M3."""
    (code,) = re.findall(
        r"^```python\n(.*?)^```", (ROOT / readme).read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE
    )
    base = tuned_shop.config().model.base
    assert '"BAAI/bge-m3"' in code
    code = code.replace('"BAAI/bge-m3"', repr(base)).replace("oscr@5", "auroc")
    monkeypatch.chdir(tuned_shop.root)
    for path in ("FAQ.xlsx", "logs", "chatter.json"):
        code = code.replace(f'Path("{path}")', f'Path("shop/{path}")')
    (tuned_shop.root / "shop").symlink_to(tuned_shop.root)

    exec(compile(code, readme, "exec"), {})

    printed = capsys.readouterr().out.splitlines()
    assert re.fullmatch(r"[+-]0\.\d{3} \[[+-]0\.\d{3}, [+-]0\.\d{3}\]", printed[0])
    assert len(printed) == 2
