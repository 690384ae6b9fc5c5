"""Turns of a project as prompts for a language model, and its answers to them as votes."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

from faqtune.alone import alone_with
from faqtune.commands.llm.items import Asked, to_ask, with_candidates
from faqtune.commands.llm.plan import Plan
from faqtune.commands.project.models import ReportingEncoder, load_model, model_digest, resolved_name
from faqtune.commands.project.settled import settled_now
from faqtune.digests import digest
from faqtune.label.llm import (
    BadAnswer,
    Prompt,
    Request,
    Vote,
    candidate_of,
    estimate_request,
    item_of,
    judge_prompt,
    read_answer,
)
from faqtune.progress import Reporter
from faqtune.records import Catalogue, Conversation, Query, content_id
from faqtune.workspace import Workspace


@dataclass
class Work:
    """Everything that is needed to put an asked turn into prompts, as often as they are wanted."""

    plan: Plan
    catalogue: Catalogue
    conversations: dict[str, Conversation]
    queries: list[Query]
    asked: list[Asked]

    def prompt(self, asked: Asked, vote: int) -> Prompt:
        candidates = [candidate_of(self.catalogue.entries[row]) for row in asked.offered]
        conversation = self.conversations[asked.exchange.conversation]
        item = item_of(conversation, asked.turns, candidates, images=self.plan.sees_images)
        pictures = self.plan.pictures(item.images) if item.images else ()
        return judge_prompt(item, vote, self.plan.secret, self.plan.language, masked=self.plan.masks, images=pictures)

    def requests(self, chosen: Sequence[Asked]) -> Iterator[Request]:
        """Every vote of every turn; the first votes of all come first, so that a run cut short has asked widely."""
        for vote in range(self.plan.settings.votes):
            for asked in chosen:
                yield self.request(asked, vote)

    def request(self, asked: Asked, vote: int) -> Request:
        prompt = self.prompt(asked, vote)
        key = prompt.key(self.plan.settings.model, self.plan.answer_settings, vote)
        return Request(key, prompt, reader_of(prompt), estimate_request(prompt.messages, len(prompt.images)))

    def limited(self, limit: int | None) -> list[Asked]:
        """All, or up to so many that are not answered yet, and those that are."""
        if limit is None:
            return self.asked
        chosen: list[Asked] = []
        for asked in self.asked:
            if not all(self.plan.knows(self.request(asked, vote)) for vote in range(self.plan.settings.votes)):
                limit -= 1
            if limit < 0:
                break
            chosen.append(asked)
        return chosen

    def votes(self, asked: Asked) -> list[Vote]:
        """The answers that are there."""
        found: list[Vote] = []
        for vote in range(self.plan.settings.votes):
            request = self.request(asked, vote)
            kept = self.plan.cache.get(request.key)
            if kept is None:
                continue
            try:
                found.append(Vote(read_answer(kept.text, request.prompt.ids), kept.probability))
            except BadAnswer:  # kept by an earlier version that took it
                continue
        return found


def reader_of(prompt: Prompt) -> Callable[[str], str]:
    """What checks an answer, and names the piece of it that is the choice."""

    def read(text: str) -> str:
        answer = read_answer(text, prompt.ids)
        return next((name for name, entry in prompt.ids.items() if entry == answer.entry), answer.reason)

    return read


def work_of(workspace: Workspace, plan: Plan, model: str, everything: bool, reporter: Reporter) -> Work:
    # Alone for these seconds only, so that nothing half made is read.
    with alone_with(workspace):
        config, catalogue, queries = workspace.config(), workspace.catalogue(), workspace.queries()
        decisions = settled_now(workspace, queries)
        asked = to_ask(config, workspace.conversations(), queries, decisions, everything=everything)
    if not asked:
        return Work(plan, catalogue, {}, queries, [])
    name = resolved_name(workspace, model or config.model.base)
    asked = _offered(workspace, plan, catalogue, asked, name, reporter)
    wanted = {one.exchange.conversation for one in asked}
    conversations = {found.id: found for found in workspace.conversations() if found.id in wanted}
    return Work(plan, catalogue, conversations, queries, asked)


def _offered(
    workspace: Workspace, plan: Plan, catalogue: Catalogue, asked: Sequence[Asked], name: str, reporter: Reporter
) -> list[Asked]:
    """The turns with the entries on offer: those of an earlier run, or else by the model, which is loaded for them."""
    config = workspace.config()
    depends_on = digest(
        workspace.catalogue_path, config.model.model_dump_json(), name, model_digest(workspace, name),
        str(config.llm.top_k),
    )  # fmt: skip
    keys = [_key(depends_on, one) for one in asked]
    known = {key: offer for key in keys if (offer := plan.cache.offer(key)) is not None}
    new = {key: one for key, one in zip(keys, asked, strict=True) if key not in known}
    if new:
        encoder = ReportingEncoder(load_model(workspace, name, reporter), reporter, name)
        made = with_candidates(config, catalogue, list(new.values()), encoder)
        offers = {key: json.dumps([one.offered, one.prefix_best]) for key, one in zip(new, made, strict=True)}
        plan.cache.keep_offers(offers)
        known |= offers
    return [_with_offer(one, known[key]) for key, one in zip(keys, asked, strict=True)]


def _key(depends_on: str, asked: Asked) -> str:
    texts = [text for _, text in asked.exchange.prefixes]
    return content_id(depends_on, asked.exchange.reply, *texts, length=32)


def _with_offer(asked: Asked, offer: str) -> Asked:
    offered, prefix_best = json.loads(offer)
    return replace(asked, offered=tuple(offered), prefix_best=tuple(map(tuple, prefix_best)))
