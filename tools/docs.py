"""Generated docs, and checks of the written ones.

`python tools/docs.py` writes docs/commands.md from the command line and docs/recipe-settings.md from the
recipes' models; `python tools/docs.py --check` fails if one of them is stale, a link leads nowhere, a
command is missing in a README, or the two READMEs disagree.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import get_args

from pydantic import BaseModel
from pydantic.fields import FieldInfo
from typer.core import TyperArgument, TyperGroup, TyperOption
from typer.main import get_command

from faqtune.cli import app
from faqtune.recipe import Recipe, load_recipe, presets

ROOT = Path(__file__).parents[1]
COMMANDS = ROOT / "docs" / "commands.md"
SETTINGS = ROOT / "docs" / "recipe-settings.md"
READMES = (ROOT / "README.md", ROOT / "README.zh-CN.md")
LINK = re.compile(r"\]\(([^)\s]+)\)|(?:src|srcset|href)=\"([^\"]+)\"")
MUST_AGREE = {
    "the levels of their headings": re.compile(r"^#+(?= )", re.MULTILINE),
    "the columns of their tables": re.compile(r"^\|[-|]+\|$", re.MULTILINE),
    "their code": re.compile(r"^```[\s\S]*?^```", re.MULTILINE),
    "the figures in their tables": re.compile(r"(?<=\| )[^|\n]*\d\.\d[^|\n]*(?= \|)"),
}


def main() -> int:
    pages = {COMMANDS: commands_page(), SETTINGS: settings_page()}
    if "--check" not in sys.argv:
        for path, page in pages.items():
            path.write_text(page, encoding="utf-8")
        return 0
    found = [*stale(pages), *dead_links(), *missing_commands(), *disagreements()]
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


def settings_page() -> str:
    """Every key of a recipe with its default and its title, and what the presets set, as Markdown."""
    lines = ["# Settings of a recipe", "", "Made from `faqtune.recipe` by `python tools/docs.py`; do not edit.", ""]
    lines += [
        "What they are for is in [recipes](recipes.md). Unknown keys are refused, with the nearest valid name.",
        "",
    ]
    for heading, table, model in _tables(Recipe, ""):
        lines += [f"## {heading}", "", "| key | default | meaning |", "|---|---|---|"]
        lines += [
            f"| `{table}{name}` | {_default(field)} | {field.title} |"
            for name, field in model.model_fields.items()
            if _section(field) is None
        ]
        lines.append("")
    lines += ["## What the presets set", "", f"| key | {' | '.join(f'`{name}`' for name in presets())} |"]
    lines += ["|" + "---|" * (1 + len(presets()))]
    chosen = {name: _written(load_recipe(name).model_dump(exclude_unset=True)) for name in presets()}
    for key in dict.fromkeys(key for found in chosen.values() for key in found):
        if key not in ("name", "description"):
            cells = (f"`{found[key]}`" if (found := chosen[name]).get(key) is not None else "" for name in presets())
            lines.append(f"| `{key}` | {' | '.join(cells)} |")
    return "\n".join([*lines, ""])


def _tables(model: type[BaseModel], table: str) -> Iterator[tuple[str, str, type[BaseModel]]]:
    """Heading, keys' prefix and model of every table of a recipe that has keys of its own."""
    if any(_section(field) is None for field in model.model_fields.values()):
        yield (f"`[{table.rstrip('.')}]`" if table else "The recipe"), table, model
    for name, field in model.model_fields.items():
        if (section := _section(field)) is not None:
            yield from _tables(section, f"{table}{name}.")


def _section(field: FieldInfo) -> type[BaseModel] | None:
    """The table behind a field, if it is one, or a list of them."""
    for kind in (field.annotation, *get_args(field.annotation)):
        if isinstance(kind, type) and issubclass(kind, BaseModel):
            return kind
    return None


def _default(field: FieldInfo) -> str:
    if field.is_required() or field.default is None:
        return "unset"
    if field.default in ("", []):
        return ""
    return f"`{str(field.default).lower() if isinstance(field.default, bool) else field.default}`"


def _written(values: object, key: str = "") -> dict[str, object]:
    """Keys as `--set` has them: {"stage.1.learning_rate": 2e-05}."""
    if isinstance(values, dict):
        parts = [_written(value, f"{key}.{name}" if key else name) for name, value in values.items()]
    elif isinstance(values, list) and any(isinstance(value, dict) for value in values):
        parts = [_written(value, f"stage.{number}") for number, value in enumerate(values, start=1)]
    else:
        return {key: values}
    return {name: value for part in parts for name, value in part.items()}


def stale(pages: Mapping[Path, str]) -> Iterator[str]:
    for path, page in pages.items():
        if not path.exists() or path.read_text(encoding="utf-8") != page:
            yield f"docs/{path.name} is stale: run python tools/docs.py"


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
