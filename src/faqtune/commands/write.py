"""`faqtune write`: a language model writes texts to train on, each checked by a second question to the same model."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from contextlib import closing
from dataclasses import dataclass, field, replace

from faqtune.alone import LLM_LOCK_NAME, alone_when_free, alone_with
from faqtune.commands.llm.checks import Order, checks_of, drafts_of, upheld
from faqtune.commands.llm.plan import Estimate, Plan, confirm, estimate, open_plan
from faqtune.commands.project.models import ReportingEncoder, load_model, resolved_name
from faqtune.commands.project.settled import settled_now
from faqtune.commands.project.synthetic import read_synthetic
from faqtune.encoder import Encoder
from faqtune.label.llm import (
    Outcome,
    Request,
    Synthetic,
    Usage,
    ask,
    candidate_of,
    estimate_request,
    read_texts,
    write_prompt,
)
from faqtune.label.llm.write import TOKENS_PER_TEXT
from faqtune.progress import Reporter, Silent
from faqtune.ranking import rank
from faqtune.records import Catalogue, letters
from faqtune.stored import write_jsonl
from faqtune.workspace import Workspace

NEAR_ENTRIES = 5
CHECK = Usage(900, 30)
"""About what the check of one text takes; how many texts there will be is not known before."""


@dataclass(frozen=True, slots=True)
class Written:
    """What was written: texts kept by kind, those left out by reason, and what the requests came to."""

    by: str
    entries: int
    paraphrases: int = 0
    near_noise: int = 0
    left_out: dict[str, int] = field(default_factory=dict)
    requests: int = 0
    known: int = 0
    failures: dict[str, int] = field(default_factory=dict)
    examples: dict[str, str] = field(default_factory=dict)
    tokens_read: int = 0
    tokens_written: int = 0
    cost: float = 0.0
    currency: str = ""
    estimate: Estimate | None = None
    prompt: list[dict[str, str]] = field(default_factory=list)
    stopped: str = ""
    next_step: str = ""


def write_texts(
    workspace: Workspace,
    *,
    model: str = "",
    limit: int | None = None,
    dry_run: bool = False,
    agree: Callable[[str], bool] | None = None,
    reporter: Reporter | None = None,
) -> Written:
    """Write paraphrases of entries with few labels, and near noise for all, into `synthetic.jsonl`.

    Only the catalogue goes to the model. `limit`: at most so many entries. What it wrote is kept if it is new, short
    enough, in the project's language, and if the model, asked as in labelling, puts a paraphrase to its entry, and
    near noise to none as unsupported. Raises UserError as `label_with_llm` does, and as that it locks the project only
    to write.
    """
    reporter = reporter or Silent()
    with alone_with(workspace, LLM_LOCK_NAME), closing(open_plan(workspace)) as plan:
        catalogue = workspace.catalogue()
        name = resolved_name(workspace, model or workspace.config().model.base)
        encoder = ReportingEncoder(load_model(workspace, name, reporter), reporter, name)
        orders = _orders(workspace, plan, catalogue, encoder)
        rows = list(dict.fromkeys(order.row for order in orders))[:limit]
        orders = [order for order in orders if order.row in set(rows)]
        requests = [_request(plan, catalogue, order) for order in orders]
        foreseen = _withchecks_of(plan, estimate(plan, requests, len(rows)), orders)
        result = Written(plan.by, len(rows), currency=plan.settings.currency, estimate=foreseen)
        if dry_run:
            return replace(result, prompt=requests[0].prompt.messages if requests else [])
        confirm(plan, foreseen, agree, "entries")
        reporter.say(foreseen.sentence(plan.settings, "entries"))
        written = _ask(plan, requests, reporter, "entries written for", 0.0)
        drafts, left_out = drafts_of(plan, catalogue, orders, requests)
        checks = checks_of(plan, catalogue, drafts, encoder)
        done = (
            written if written.stopped else _ask(plan, checks, reporter, "texts checked", plan.price.of(written.usage))
        )
        kept = upheld(plan, drafts, checks, left_out)
        with alone_when_free(workspace, reporter.say):
            _write(workspace, kept, {catalogue.entries[row].id for row in rows}, plan.by)
        both = [written] if done is written else [written, done]
        return _counted(result, plan, kept, left_out, both)


def _orders(workspace: Workspace, plan: Plan, catalogue: Catalogue, encoder: Encoder) -> list[Order]:
    """What is wanted: thin entries first."""
    labels = _labels_of(workspace)
    first = encoder.encode([entry.questions[0] for entry in catalogue])
    best = rank(first, encoder.encode(catalogue.questions), catalogue.owners, NEAR_ENTRIES + 1).rows
    settings = plan.settings
    orders: list[Order] = []
    for row in sorted(range(len(catalogue)), key=lambda row: labels[catalogue.entries[row].id]):
        near = tuple(sorted(int(other) for other in best[row] if other != row)[:NEAR_ENTRIES])
        if settings.paraphrases and labels[catalogue.entries[row].id] < settings.few_labels:
            orders.append(Order("paraphrase", row, settings.paraphrases, near))
        if settings.near_noise:
            orders.append(Order("near_noise", row, settings.near_noise, near))
    return orders


def _labels_of(workspace: Workspace) -> Counter[str]:
    """Entry id to how many queries are labelled with it, by whomever."""
    queries = workspace.queries() if workspace.queries_path.exists() else []
    decisions = settled_now(workspace, queries).values()
    return Counter(entry for decision in decisions for entry in decision.entries)


def _request(plan: Plan, catalogue: Catalogue, order: Order) -> Request:
    entry, *near = (candidate_of(catalogue.entries[row]) for row in (order.row, *order.near))
    prompt = write_prompt(order.kind, entry, near, order.count, plan.secret, plan.language, masked=plan.masks)

    def read(text: str) -> str:
        read_texts(text)
        return ""

    usage = estimate_request(prompt.messages, written=order.count * TOKENS_PER_TEXT)
    return Request(prompt.key(plan.settings.model, plan.answer_settings, 0), prompt, read, usage)


def _withchecks_of(plan: Plan, foreseen: Estimate, orders: Sequence[Order]) -> Estimate:
    texts = sum(order.count for order in orders) if foreseen.requests else 0
    usage = foreseen.usage + CHECK * texts
    return replace(foreseen, requests=foreseen.requests + texts, usage=usage, cost=plan.price.of(usage))


def _ask(plan: Plan, requests: Sequence[Request], reporter: Reporter, what: str, spent: float) -> Outcome:
    longest = max((request.estimate.written for request in requests), default=0)
    allowed = plan.settings.most_answer_tokens and max(plan.settings.most_answer_tokens, 2 * longest)
    changes: dict[str, float] = {"most_answer_tokens": allowed}
    if plan.settings.budget:
        changes["budget"] = max(plan.settings.budget - spent, 1e-9)
    settings = plan.settings.model_copy(update=changes)
    return ask(settings, plan.key, plan.cache, requests, lambda done: reporter.advance(what, done, len(requests)))


def _write(workspace: Workspace, kept: Sequence[Synthetic], about: set[str], by: str) -> None:
    """What was written earlier for other entries, or by other models, stays."""
    earlier = [one for one in read_synthetic(workspace) if one.by != by or one.near not in about]
    forms = {letters(one.text) for one in earlier}
    write_jsonl(workspace.synthetic_path, [*earlier, *(one for one in kept if letters(one.text) not in forms)])


def _counted(
    result: Written, plan: Plan, kept: Iterable[Synthetic], left_out: Counter[str], outcomes: Sequence[Outcome]
) -> Written:
    kinds = Counter(one.kind for one in kept)
    failures: Counter[str] = Counter()
    examples: dict[str, str] = {}
    usage = Usage()
    for outcome in outcomes:
        failures += outcome.failures
        examples |= outcome.examples
        usage += outcome.usage
    last = outcomes[-1]
    return replace(
        result,
        paraphrases=kinds["paraphrase"],
        near_noise=kinds["near_noise"],
        left_out=dict(left_out),
        requests=sum(outcome.answered for outcome in outcomes),
        known=sum(outcome.known for outcome in outcomes),
        failures=dict(failures),
        examples=examples,
        tokens_read=usage.read,
        tokens_written=usage.written,
        cost=plan.price.of(usage),
        stopped=last.stopped,
        next_step=last.next_step,
    )
