"""The model card: a README.md that says what a model is, what it was made from and how good it is."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from faqtune import __version__
from faqtune.scorecard import Figure

BUILTIN_BASE = "intfloat/multilingual-e5-small"

LICENCE_KEYS = ("license", "license_name", "license_link")


@dataclass(frozen=True, slots=True)
class ModelCard:
    """What only the training knows; the rest of the card is read off the model.

    `recipe` is the resolved recipe, as JSON. `data` counts what was trained on ("queries": 1200).
    `figures` and `figures_before` (the base model's) go by the names of `faqtune.scorecard`;
    `measured_on` says on which data.
    """

    recipe: str = ""
    data: Mapping[str, int] = field(default_factory=dict)
    figures: Mapping[str, Figure | float] = field(default_factory=dict)
    figures_before: Mapping[str, Figure | float] = field(default_factory=dict)
    measured_on: str = ""
    languages: Sequence[str] = ()
    made: Literal["tuned", "merged", "trimmed"] = "tuned"
    origin: str = ""
    """How it was made, in Markdown, where no training made it."""
    base: str = ""
    """What it was made from, where the name of the base's folder does not say it."""


@dataclass(frozen=True, slots=True)
class ModelFacts:
    """What the model itself says. `base_on_hub` is empty for a base that came from a folder.

    `not_retrained` are files taken over from the base, `retrained` those of heads that were trained, `random`
    those of heads that nobody ever trained."""

    base: str
    base_on_hub: str
    licence: Mapping[str, str]
    dimension: int
    pooling: str
    prompt: str
    max_length_tokens: int
    not_retrained: Sequence[str]
    retrained: Sequence[str] = ()
    random: Sequence[str] = ()


def read_licence(readme: Path) -> dict[str, str]:
    """The licence lines of a model card's front matter, to be passed on; empty where there is none.

    A licence is passed on as it stands, so its lines are copied and not interpreted.
    """
    try:
        text = readme.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return {}
    return {key: value for key, value in _front_lines(text) if key in LICENCE_KEYS}


def read_base(readme: Path) -> str:
    """The hub name that a model card gives as its base; empty where there is none."""
    try:
        text = readme.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
    return dict(_front_lines(text)).get("base_model", "").strip("\"'")


def _front_lines(card: str) -> list[tuple[str, str]]:
    """Keys and values of the front matter that stand on one line."""
    front = re.match(r"\ufeff?---\s*\n(.*?)\n---\s*(?:\n|$)", card, re.DOTALL)
    return re.findall(r"^(\w+):[ \t]*(\S.*?)\s*$", front[1], re.MULTILINE) if front else []


def render(card: ModelCard, facts: ModelFacts) -> str:
    """The card as Markdown with YAML front matter."""
    sections = [_front_matter(card, facts), _head(card, facts), _usage(facts)]
    if card.origin:
        sections.append(f"## How it was made\n\n{card.origin.strip()}\n")
    if card.figures:
        sections.append(_figures(card))
    if card.data:
        counts = "\n".join(f"| {_cell(name)} | {count:,} |" for name, count in card.data.items())
        sections.append(f"## Trained on\n\n| | count |\n|---|---:|\n{counts}\n")
    if card.recipe:
        sections.append(f"## Recipe\n\n````json\n{card.recipe.strip()}\n````\n")
    sections.append(_limits(facts))
    return "\n".join(sections)


def _front_matter(card: ModelCard, facts: ModelFacts) -> str:
    # JSON strings are YAML strings.
    lines = ["---", "library_name: sentence-transformers", "pipeline_tag: sentence-similarity"]
    lines += ["tags:", *(f"- {tag}" for tag in ("faqtune", "sentence-transformers", "feature-extraction"))]
    if facts.base_on_hub:
        lines.append(f"base_model: {json.dumps(facts.base_on_hub, ensure_ascii=False)}")
    if card.languages:
        lines += ["language:", *(f"- {json.dumps(language)}" for language in card.languages)]
    lines += [f"{key}: {value}" for key, value in facts.licence.items()]
    return "\n".join([*lines, "---", ""])


PURPOSE = """\
Finds the standard question that a customer's message asks for, and keeps away from those that
none of them answers. """


def _head(card: ModelCard, facts: ModelFacts) -> str:
    return f"""\
# {facts.base}, {card.made} with faqtune

{"" if card.made == "trimmed" else PURPOSE}Made from `{facts.base}` by faqtune {__version__}.

| | |
|---|---|
| vectors | {facts.dimension} numbers, unit length; compare with the cosine |
| pooling | {facts.pooling} |
| prompt | {f"`{facts.prompt}` before every text, put there by default" if facts.prompt else "none"} |
| longest text | {facts.max_length_tokens} tokens |
"""


def _usage(facts: ModelFacts) -> str:
    return """\
## Use

```python
from sentence_transformers import SentenceTransformer

model = SentenceTransformer("path/to/this/folder")
scores = model.similarity(model.encode(["when will it ship?"]), model.encode(["When is my order sent?"]))
```
"""


def _figures(card: ModelCard) -> str:
    where = f" on {card.measured_on}" if card.measured_on else ""
    head = f"## Figures\n\nMeasured{where}; in brackets the 95 % interval, where there is one.\n\n"
    if not card.figures_before:
        rows = (f"| {_cell(name)} | {_number(figure)} |" for name, figure in card.figures.items())
        return head + "| figure | value |\n|---|---|\n" + "\n".join(rows) + "\n"
    return head + f"| figure | base | {card.made} |\n|---|---|---|\n" + "\n".join(_before_and_after(card)) + "\n"


def _before_and_after(card: ModelCard) -> Iterator[str]:
    for name, figure in card.figures.items():
        before = card.figures_before.get(name)
        yield f"| {_cell(name)} | {'' if before is None else _number(before)} | {_number(figure)} |"


def _limits(facts: ModelFacts) -> str:
    heads = "".join(
        f"\n- {said}: {', '.join(f'`{name}`' for name in names)}." for said, names in _said_of_files(facts) if names
    )
    return f"""\
## Intended use and limits

- For matching short customer messages with the standard questions it was tuned on. New questions may be
  added without training, but measure again.
- A cosine threshold of another model does not carry over: set one on held-out data (`faqtune evaluate`).
- It carries the biases of its base and of the conversations it was tuned on, and may reveal that
  a phrase was among them.{heads}
"""


def _said_of_files(facts: ModelFacts) -> Iterator[tuple[str, Sequence[str]]]:
    yield "Trained along with the vectors, for FlagEmbedding's `BGEM3FlagModel`", facts.retrained
    yield "Taken over from the base and **not trained again**", facts.not_retrained
    yield "**Random, of no use**, here since FlagEmbedding reads both heads or neither", facts.random


def _number(figure: Figure | float) -> str:
    """
    >>> _number(0.8125), _number(Figure(value=0.8125, low=0.79, high=0.83, n=400))
    ('0.812', '0.812 (0.790 to 0.830)')
    """
    if isinstance(figure, Figure):
        return f"{figure.value:.3f} ({figure.low:.3f} to {figure.high:.3f})"
    return f"{figure:.3f}"


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")
