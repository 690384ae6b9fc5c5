"""Generated docs, and checks of the written ones.

`python tools/docs.py` writes docs/commands.md from the command line; `python tools/docs.py --check`
fails if that page is stale, a link leads nowhere, a command is missing in a README, or the two
READMEs disagree.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from pathlib import Path

from typer.core import TyperArgument, TyperGroup, TyperOption
from typer.main import get_command

from faqtune.cli import app

ROOT = Path(__file__).parents[1]
COMMANDS = ROOT / "docs" / "commands.md"
READMES = (ROOT / "README.md", ROOT / "README.zh-CN.md")
LINK = re.compile(r"\]\(([^)\s]+)\)|(?:src|srcset|href)=\"([^\"]+)\"")
MUST_AGREE = {
    "the levels of their headings": re.compile(r"^#+(?= )", re.MULTILINE),
    "the columns of their tables": re.compile(r"^\|[-|]+\|$", re.MULTILINE),
    "their code": re.compile(r"^```[\s\S]*?^```", re.MULTILINE),
    "the figures in their tables": re.compile(r"(?<=\| )[^|\n]*\d\.\d[^|\n]*(?= \|)"),
}


def main() -> int:
    page = commands_page()
    if "--check" not in sys.argv:
        COMMANDS.write_text(page, encoding="utf-8")
        return 0
    found = [*stale(page), *dead_links(), *missing_commands(), *disagreements()]
    for problem in found:
        print(problem, file=sys.stderr)
    return 1 if found else 0


def commands() -> TyperGroup:
    group = get_command(app)
    assert isinstance(group, TyperGroup)
    return group


def commands_page() -> str:
    """Every command with its help, arguments and options, as Markdown."""
    lines = ["# Commands", "", "Made from the command line by `python tools/docs.py`; do not edit.", ""]
    for name, command in commands().commands.items():
        lines += [f"## faqtune {name}", "", command.help or "", ""]
        lines += ["| argument or option | meaning | default |", "|---|---|---|"]
        lines += [_row(parameter) for parameter in command.params if isinstance(parameter, TyperArgument | TyperOption)]
        lines.append("")
    return "\n".join(lines)


def _row(parameter: TyperArgument | TyperOption) -> str:
    names = parameter.opts if isinstance(parameter, TyperOption) else [str(parameter.name)]
    default = parameter.default
    shown = "" if default in (None, "", False) else f"`{default}`"
    return f"| {', '.join(f'`{name}`' for name in names)} | {parameter.help or ''} | {shown} |"


def stale(page: str) -> Iterator[str]:
    if not COMMANDS.exists() or COMMANDS.read_text(encoding="utf-8") != page:
        yield "docs/commands.md is stale: run python tools/docs.py"


def dead_links() -> Iterator[str]:
    """Links between the Markdown files that lead to no file, or to no heading of it."""
    pages = [*READMES, ROOT / "CHANGELOG.md", *sorted((ROOT / "docs").glob("*.md"))]
    for page in pages + sorted((ROOT / "benchmarks").rglob("*.md")):
        for link, other in LINK.findall(_text(page)):
            file, _, anchor = (link or other).partition("#")
            target = page.parent / file if file else page
            if ":" in file:
                continue
            if not target.exists():
                yield f"{page.relative_to(ROOT)}: {file} is not there"
            elif anchor and anchor not in _anchors(target):
                yield f"{page.relative_to(ROOT)}: {target.name} has no heading #{anchor}"


def _anchors(page: Path) -> set[str]:
    """Headings as links name them: lower case, without punctuation, blanks as hyphens."""
    headings = re.findall(r"^#+ (.+)$", _text(page), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def missing_commands() -> Iterator[str]:
    """Commands that a README does not name in its table."""
    for readme in READMES:
        text = _text(readme)
        for name in commands().commands:
            if f"| `faqtune {name}` |" not in text:
                yield f"{readme.name}: `faqtune {name}` is not in the table of commands"


def disagreements() -> Iterator[str]:
    """Where the two READMEs differ in what is the same in every language."""
    one, other = map(_text, READMES)
    for what, pattern in MUST_AGREE.items():
        here, there = pattern.findall(one), pattern.findall(other)
        if "figures" in what:
            here, there = (re.findall(r"\d+\.\d+", " ".join(cells)) for cells in (here, there))
        if here != there:
            yield f"{READMES[0].name} and {READMES[1].name} differ in {what}"


def _text(page: Path) -> str:
    return page.read_text(encoding="utf-8") if page.exists() else ""


if __name__ == "__main__":
    raise SystemExit(main())
