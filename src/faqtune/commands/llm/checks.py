"""What a language model wrote, and whether the same model, asked as in labelling, says what it was written to be."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from faqtune.commands.llm.plan import Plan
from faqtune.commands.llm.work import reader_of
from faqtune.encoder import Encoder
from faqtune.label.llm import (
    Answer,
    BadAnswer,
    Candidate,
    Item,
    Kind,
    Line,
    Prompt,
    Request,
    Synthetic,
    Vote,
    candidate_of,
    estimate_request,
    judge_prompt,
    read_answer,
    read_texts,
    usable,
    verdict,
)
from faqtune.ranking import rank
from faqtune.records import Catalogue, letters


@dataclass(frozen=True, slots=True)
class Order:
    """Texts of one kind for one entry."""

    kind: Kind
    row: int
    count: int
    near: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Draft:
    text: str
    order: Order
    entry: Candidate


def drafts_of(
    plan: Plan, catalogue: Catalogue, orders: Sequence[Order], requests: Sequence[Request]
) -> tuple[list[Draft], Counter[str]]:
    """What was written and is worth a check."""
    taken = {letters(question) for question in catalogue.questions}
    left_out: Counter[str] = Counter()
    drafts: list[Draft] = []
    for order, request in zip(orders, requests, strict=True):
        kept = plan.cache.get(request.key)
        texts = read_texts(kept.text) if kept else []
        entry = candidate_of(catalogue.entries[order.row])
        drafts += [Draft(t, order, entry) for t in usable(texts, taken, plan.language, order.count, left_out)]
    return drafts, left_out


def checks_of(plan: Plan, catalogue: Catalogue, drafts: Sequence[Draft], encoder: Encoder) -> list[Request]:
    """Each text as a query of its own: among the entries that it finds, its own, and those that are near."""
    texts = [draft.text for draft in drafts]
    top_k = plan.settings.top_k
    best = (
        rank(encoder.encode(texts), encoder.encode(catalogue.questions), catalogue.owners, top_k).rows
        if texts
        else np.empty((0, 0), dtype=np.int64)
    )
    made: list[Request] = []
    for draft, found in zip(drafts, best, strict=True):
        rows = sorted({int(row) for row in found} | {draft.order.row, *draft.order.near})
        item = Item(
            (Line("customer", draft.text, marked=True),), tuple(candidate_of(catalogue.entries[r]) for r in rows)
        )
        prompt = judge_prompt(item, 0, plan.secret, plan.language, masked=plan.masks)
        key = prompt.key(plan.settings.model, plan.answer_settings, 0)
        made.append(Request(key, prompt, reader_of(prompt), estimate_request(prompt.messages)))
    return made


def upheld(plan: Plan, drafts: Sequence[Draft], checks: Sequence[Request], left_out: Counter[str]) -> list[Synthetic]:
    kept: list[Synthetic] = []
    for draft, check in zip(drafts, checks, strict=True):
        found = plan.cache.get(check.key)
        answer = _answer(found.text, check.prompt) if found else None
        wanted = Answer(draft.entry.entry) if draft.order.kind == "paraphrase" else Answer(None, "unsupported")
        said = verdict([Vote(answer, found.probability)], 1) if answer == wanted and answer and found else None
        if said is None:
            left_out["the check says otherwise" if answer else "not checked"] += 1
            continue
        entry = draft.entry.entry if draft.order.kind == "paraphrase" else None
        kept.append(Synthetic(draft.text, draft.order.kind, entry, draft.entry.entry, said.confidence, plan.by))
    return kept


def _answer(text: str, prompt: Prompt) -> Answer | None:
    try:
        return read_answer(text, prompt.ids)
    except BadAnswer:
        return None
