"""Generated docs, and checks of the written ones.

    python tools/docs.py            write docs/commands.md from the CLI
    python tools/docs.py --check    fail if it is stale, a link is dead, or the two READMEs disagree
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

import click
import typer

from faqtune.cli import app

ROOT = Path(__file__).parents[1]
COMMANDS = ROOT / "docs" / "commands.md"
READMES = (ROOT / "README.md", ROOT / "README.zh-CN.md")


def commands_page() -> str:
    """Every command with its help, arguments and options, as Markdown."""
    group = typer.main.get_command(app)
    lines = ["# Commands", "", "Made from the command line by `python tools/docs.py`; do not edit.", ""]
    assert isinstance(group, click.Group) or hasattr(group, "commands")
    for name, command in group.commands.items():  # type: ignore[attr-defined]
        lines += [f"## faqtune {name}", "", (command.help or "").strip(), ""]
        lines += ["| argument or option | meaning | default |", "|---|---|---|"]
        lines += [_row(parameter) for parameter in command.params if parameter.name != "help"]
        lines.append("")
    return "\n".join(lines)


def _row(parameter: click.Parameter) -> str:
    names = ", ".join(f"`{o}`" for o in parameter.opts) if parameter.param_type_name == "option" else f"`{parameter.human_readable_name}`"
    default = parameter.default
    shown = "" if default in (None, "", False, [], ()) or callable(default) else f"`{default}`"
    return f"| {names} | {getattr(parameter, 'help', '') or ''} | {shown} |"


def dead_links() -> list[str]:
    """Relative links of all Markdown files that lead nowhere."""
    found = []
    for page in [*READMES, *sorted((ROOT / "docs").glob("*.md")), ROOT / "CHANGELOG.md", *sorted((ROOT / "benchmarks").glob("*.md"))]:
        for target in re.findall(r"\]\(([^)\s]+)\)|(?:src|srcset)=\"([^\"]+)\"", page.read_text(encoding="utf-8")):
            link = (target[0] or target[1]).split("#")[0]
            if link and "://" not in link and not link.startswith("mailto:") and not (page.parent / link).exists():
                found.append(f"{page.relative_to(ROOT)}: {link} is not there")
    return found


def disagreements() -> list[str]:
    """Where the two READMEs differ in what must be the same: headings, tables, code, numbers."""
    texts = [page.read_text(encoding="utf-8") for page in READMES]
    found = []
    for what, pattern in (
        ("headings by level", r"^#+ "),
        ("table rows", r"^\|"),
        ("code blocks", r"^```[\s\S]*?^```"),
        ("percentages and ratios in tables", r"(?<=\| )[^|\n]*\d[^|\n]*(?= \|)"),
    ):
        sides = [re.findall(pattern, text, re.MULTILINE) for text in texts]
        if what.startswith("percent"):
            sides = [[number for cell in side for number in re.findall(r"\d+\.\d+", cell)] for side in sides]
        if sides[0] != sides[1] and (what != "table rows" or len(sides[0]) != len(sides[1])):
            found.append(f"README.md and README.zh-CN.md differ in {what}: {len(sides[0])} and {len(sides[1])}")
    return found


def main() -> int:
    page = commands_page()
    if "--check" not in sys.argv:
        COMMANDS.write_text(page, encoding="utf-8")
        return 0
    problems = [] if COMMANDS.exists() and COMMANDS.read_text(encoding="utf-8") == page else ["docs/commands.md is stale: run python tools/docs.py"]
    problems += dead_links() + disagreements()
    for problem in problems:
        print(problem, file=sys.stderr)
    return 1 if problems else 0


if __name__ == "__main__":
    raise SystemExit(main())
