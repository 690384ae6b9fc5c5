"""What a run with a language model will ask and cost, before anything is sent; shared by labelling and writing."""

from __future__ import annotations

import unicodedata
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field

from faqtune.config import LlmConfig
from faqtune.errors import UserError
from faqtune.label.llm import (
    Cache,
    Price,
    Request,
    Usage,
    answer_settings,
    check_address,
    image_reader,
    import_openai,
    is_local,
    key_of,
    may_see_everything,
    open_cache,
    price_of,
)
from faqtune.records import Catalogue
from faqtune.workspace import Workspace


@dataclass
class Plan:
    """Settings, key and cache of one run. To be closed."""

    settings: LlmConfig
    key: str
    cache: Cache
    language: str
    secret: bytes
    answer_settings: str
    price: Price
    pictures: Callable[[Sequence[str]], tuple[str, ...]]
    left_out: Counter[str]
    stack: ExitStack = field(repr=False)

    @property
    def by(self) -> str:
        return f"llm:{self.settings.model}"

    @property
    def masks(self) -> bool:
        return not may_see_everything(self.settings)

    @property
    def sees_images(self) -> bool:
        """A picture cannot be masked: it goes only where everything may go."""
        return self.settings.images and not self.masks

    def knows(self, request: Request) -> bool:
        return self.cache.get(request.key) is not None

    def close(self) -> None:
        self.stack.close()


def open_plan(workspace: Workspace) -> Plan:
    """Raises UserError where the settings, the key or the client are missing."""
    settings = workspace.config().llm
    check_address(settings)
    key = key_of(settings)
    import_openai()
    with ExitStack() as stack:
        cache = stack.enter_context(open_cache(workspace.answers_path))
        left_out: Counter[str] = Counter()
        if settings.images and not may_see_everything(settings):
            left_out["the server is neither on this machine nor trusted"] += 1
        return Plan(
            settings, key, cache, settings.language or language_of(workspace.catalogue()), cache.secret,
            answer_settings(settings), price_of(settings), image_reader(settings, workspace.resolve, left_out),
            left_out, stack.pop_all(),
        )  # fmt: skip


def language_of(catalogue: Catalogue) -> str:
    """ "zh" if a quarter of the catalogue's letters are wide ones, else "en"."""
    letters = [c for question in catalogue.questions for c in question if c.isalpha()]
    wide = sum(unicodedata.east_asian_width(letter) == "W" for letter in letters)
    return "zh" if 4 * wide >= len(letters) else "en"


@dataclass(frozen=True, slots=True)
class Estimate:
    """Of one run: `queries` in `requests`, `known` of them answered before; tokens of the others, and their cost."""

    queries: int
    requests: int
    known: int
    usage: Usage
    cost: float

    def sentence(self, settings: LlmConfig, of: str = "queries") -> str:
        """`of`: what `queries` counts, in the plural."""
        known = f", {self.known} more are answered already" if self.known else ""
        money = f", {self.cost:.2f} {settings.currency}".rstrip() if price_of(settings) else ""
        return (
            f"{self.queries} {of} in {self.requests} requests to {settings.model} at {settings.address}{known}; "
            f"about {self.usage.read:,} tokens to read and {self.usage.written:,} to write{money}"
        )


def estimate(plan: Plan, requests: Iterable[Request], queries: int) -> Estimate:
    """What asking these would take; the same question counts once."""
    usage, asked, known = Usage(), 0, 0
    seen: set[str] = set()
    for request in requests:
        if request.key in seen:
            continue
        seen.add(request.key)
        if plan.knows(request):
            known += 1
        else:
            asked += 1
            usage += request.estimate
    return Estimate(queries, asked, known, usage, plan.price.of(usage))


def confirm(plan: Plan, foreseen: Estimate, agree: Callable[[str], bool] | None, of: str = "queries") -> None:
    """Raises UserError above the budget, and where `agree` does not. Asked is only where it may cost money."""
    settings = plan.settings
    if settings.budget and not plan.price:
        raise UserError(
            "llm.budget is set, but no price: what a run costs cannot be told",
            "set llm.price_read and llm.price_written in faqtune.toml",
        )
    if settings.budget and foreseen.cost > settings.budget:
        raise UserError(
            f"{foreseen.sentence(settings, of)}: more than llm.budget ({settings.budget:g})",
            "give --limit to ask less, or raise llm.budget in faqtune.toml",
        )
    if not foreseen.requests or agree is None or (not plan.price and is_local(settings.address)):
        return
    unknown = "" if plan.price else "; its price is not known (llm.price_read, llm.price_written)"
    if not agree(f"{foreseen.sentence(settings, of)}{unknown}"):
        raise UserError("nothing was asked", "give --limit to ask less")
