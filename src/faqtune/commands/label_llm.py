"""`faqtune label --llm`: what a language model says about the turns that rules and people have not settled."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass, field, replace

from faqtune import claims as claim_store
from faqtune.alone import LLM_LOCK_NAME, alone_when_free, alone_with
from faqtune.commands.label import Precision, refuse_unfinished
from faqtune.commands.llm.items import Asked, settled
from faqtune.commands.llm.plan import Estimate, confirm, estimate, open_plan
from faqtune.commands.llm.work import Work, work_of
from faqtune.commands.project.settled import settled_now
from faqtune.label import acts_of, at_places, last_of_people, place_of, says_the_same
from faqtune.label.llm import (
    Outcome,
    Verdict,
    ask,
    verdict,
)
from faqtune.progress import Reporter, Silent
from faqtune.records import Claim, Query
from faqtune.stored import write_jsonl
from faqtune.workspace import Workspace

NOT_COMPARED = Precision(0, 0)


@dataclass(frozen=True, slots=True)
class LlmLabelled:
    """What a language model labelled.

    `queries` were to be asked; of these `labelled` have an entry and `nothing` none, by reason; on `disagreed` the
    votes had no majority; `failed` have too few answers for one, by what failed in `failures` (requests, with an
    example each in `examples`); `unasked` were not reached. `precision` is of entries, `precision_of_none` of none,
    on turns that people labelled too. `cost` is of this run. `stopped` says why it ended early.
    """

    by: str
    queries: int
    labelled: int = 0
    nothing: dict[str, int] = field(default_factory=dict)
    disagreed: int = 0
    failed: int = 0
    unasked: int = 0
    entries: int = 0
    catalogue: int = 0
    mean_confidence: float = 0.0
    precision: Precision = NOT_COMPARED
    precision_of_none: Precision = NOT_COMPARED
    requests: int = 0
    known: int = 0
    failures: dict[str, int] = field(default_factory=dict)
    examples: dict[str, str] = field(default_factory=dict)
    tokens_read: int = 0
    tokens_written: int = 0
    cost: float = 0.0
    currency: str = ""
    pictures_left_out: dict[str, int] = field(default_factory=dict)
    estimate: Estimate | None = None
    prompt: list[dict[str, str]] = field(default_factory=list)
    stopped: str = ""
    next_step: str = ""


def label_with_llm(
    workspace: Workspace,
    *,
    model: str = "",
    everything: bool = False,
    limit: int | None = None,
    dry_run: bool = False,
    agree: Callable[[str], bool] | None = None,
    reporter: Reporter | None = None,
) -> LlmLabelled:
    """Ask the language model of `[llm]` about turns, `model` finding the entries on offer; Claims by `llm:<name>`.

    What has been answered before is not asked again, whatever ended the run before. `limit`: at most so many
    queries that are not answered yet. `dry_run`: the estimate and one prompt, nothing is asked. `agree` is shown
    what it may cost, and decides; None agrees. Raises UserError where labels, settings, key or server are missing.

    It takes hours, so the project is locked only while it is read and while Claims are written (when another command
    is at work then, it is waited for): people annotate meanwhile, and what they say first counts. Two of these would
    pay for the same answers: the second is refused.
    """
    reporter = reporter or Silent()
    with alone_with(workspace, LLM_LOCK_NAME), closing(open_plan(workspace)) as plan:
        refuse_unfinished(workspace)
        work = work_of(workspace, plan, model, everything, reporter)
        chosen = work.limited(limit)
        foreseen = estimate(plan, work.requests(chosen), len(chosen))
        result = LlmLabelled(plan.by, len(chosen), estimate=foreseen, currency=plan.settings.currency)
        if dry_run:
            prompt = work.prompt(chosen[0], 0).messages if chosen else []
            return replace(result, prompt=prompt, pictures_left_out=dict(plan.left_out))
        confirm(plan, foreseen, agree)
        outcome = Outcome()
        if foreseen.requests:
            reporter.say(foreseen.sentence(plan.settings))
            total = len(chosen) * plan.settings.votes
            plan.left_out.clear()
            outcome = ask(
                plan.settings, plan.key, plan.cache, work.requests(chosen),
                lambda done: reporter.advance("requests", done, total),
            )  # fmt: skip
        return _concluded(workspace, work, chosen, outcome, result, reporter)


def _concluded(
    workspace: Workspace,
    work: Work,
    chosen: Sequence[Asked],
    outcome: Outcome,
    result: LlmLabelled,
    reporter: Reporter,
) -> LlmLabelled:
    """Turn answers into Claims, write them beside all that was said meanwhile, and count."""
    votes = work.plan.settings.votes
    verdicts: list[tuple[Asked, Verdict]] = []
    counts: Counter[str] = Counter()
    for asked in chosen:
        found = work.votes(asked)
        said = verdict(found, votes)
        if said is not None:
            verdicts.append((asked, said))
        else:
            counts[_why_silent(len(found), votes, outcome)] += 1
    with alone_when_free(workspace, reporter.say):
        work = replace(work, queries=workspace.queries())
        claims, queries = _claims(work, _as_labelled_now(workspace, work, verdicts), result.by)
        _write(workspace, work, chosen, claims, queries, result.by)
        precision, of_none = _precisions(workspace, work, claims, queries, result.by)
    return replace(
        result,
        labelled=sum(claim.entry is not None for claim in claims),
        nothing=dict(Counter(claim.reason for claim in claims if claim.entry is None)),
        disagreed=counts["disagreed"],
        failed=counts["failed"],
        unasked=counts["unasked"],
        entries=len({claim.entry for claim in claims} - {None}),
        catalogue=len(work.catalogue),
        mean_confidence=sum(claim.confidence for claim in claims) / len(claims) if claims else 0.0,
        precision=precision,
        precision_of_none=of_none,
        requests=outcome.answered,
        known=outcome.known,
        failures=dict(outcome.failures),
        examples=outcome.examples,
        tokens_read=outcome.usage.read,
        tokens_written=outcome.usage.written,
        cost=work.plan.price.of(outcome.usage),
        pictures_left_out=dict(work.plan.left_out),
        stopped=outcome.stopped,
        next_step=outcome.next_step,
    )


def _why_silent(answers: int, votes: int, outcome: Outcome) -> str:
    if answers == votes:
        return "disagreed"
    return "unasked" if outcome.stopped else "failed"


def _as_labelled_now(
    workspace: Workspace, work: Work, verdicts: Sequence[tuple[Asked, Verdict]]
) -> list[tuple[Asked, Verdict]]:
    """With the query that people chose at a turn that they labelled while the model was being asked."""
    decisions = settled_now(workspace, work.queries)
    people = {place_of(query): query for query in work.queries
              if query.id in decisions and decisions[query.id].is_human}  # fmt: skip
    return [(replace(asked, query=people.get(asked.place, asked.query)), said) for asked, said in verdicts]


def _claims(work: Work, verdicts: Sequence[tuple[Asked, Verdict]], by: str) -> tuple[list[Claim], dict[str, Query]]:
    labelled: dict[str, list[int]] = {}
    for query in work.queries:
        labelled.setdefault(query.conversation, []).append(query.turns[-1])
    by_place = {asked.place: said for asked, said in verdicts}
    queries: dict[str, Query] = {}
    claims: list[Claim] = []
    for asked, query in settled(((one, said.entry) for one, said in verdicts), work.catalogue, labelled):
        said = by_place[asked.place]
        queries[query.id] = query
        why = f"{said.agreeing} of {said.asked} votes"
        claims.append(Claim(query.id, said.entry, by, said.confidence, why, reason=said.reason))
    return claims, queries


def _write(
    workspace: Workspace,
    work: Work,
    chosen: Sequence[Asked],
    claims: Sequence[Claim],
    queries: dict[str, Query],
    by: str,
) -> None:
    """Queries first: a claim about a query that nobody knows counts for nothing. What the model said earlier about
    other turns stays; about these, what it says now takes its place."""
    place = {query.id: place_of(query) for query in (*work.queries, *queries.values())}
    asked_now = {asked.place for asked in chosen}
    everyones = claim_store.read(workspace.claims_path)
    earlier = [claim for claim in everyones if claim.by == by and place.get(claim.query) not in asked_now]
    own = {claim.query for claim in everyones if claim.by.startswith("llm:")} | set(queries)
    kept = {query.id: query for query in work.queries if query.id in own} | queries
    write_jsonl(workspace.llm_queries_path, kept.values())
    claim_store.replace(workspace.claims_path, by, [*earlier, *claims])


def _precisions(
    workspace: Workspace, work: Work, claims: Sequence[Claim], queries: dict[str, Query], by: str
) -> tuple[Precision, Precision]:
    """Of entries, and of none; not on turns that ask for several entries which nobody named."""
    said = at_places(acts_of(claim_store.read(workspace.claims_path)), [*work.queries, *queries.values()])
    right: dict[bool, list[bool]] = {True: [], False: []}
    for place in {place_of(queries[claim.query]) for claim in claims}:
        own, human = said[place].get(by), last_of_people(said[place])
        if own is None or human is None or human.names_none_of_several:
            continue
        right[not own.answer].append(says_the_same(own.answer, human.answer))
    of_entries, of_none = (Precision(len(right[none]), sum(right[none])) for none in (False, True))
    return of_entries, of_none
