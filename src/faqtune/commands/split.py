"""`faqtune split`: what is trained on and what only measures, and the Pairs that training gets."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from faqtune import claims as claim_store
from faqtune.alone import alone
from faqtune.commands.label import refuse_unfinished
from faqtune.commands.project.annotated import chosen_queries, keep_annotated
from faqtune.commands.project.asked import asked_queries
from faqtune.commands.project.assemble import MEASURING, evaluation_set, is_measurable, load_project
from faqtune.commands.project.settled import settled
from faqtune.config import SplitConfig
from faqtune.digests import digest
from faqtune.errors import UserError
from faqtune.label import Decision, acts_of, last_of_people, latest, pairs_of, settle
from faqtune.progress import Reporter, Silent
from faqtune.records import PARTS, TEST, TRAIN, Catalogue, Claim, Query, Split
from faqtune.scorecard import MEASURED_ONLY
from faqtune.split import assign, check_split
from faqtune.steps import is_current, mark_current, was_finished
from faqtune.stored import write_json, write_jsonl
from faqtune.workspace import Workspace

STEP = "split"
FEW_TRAIN = 0.1
"""Of all conversations: so many fewer than asked for are worth a word."""
ENOUGH_UNSUPPORTED = 30
"""With so many queries that people call unsupported, the test part needs no held-out entries for near noise."""
MORE_CONVERSATIONS = (
    "name the column or key of the session ids as session_column under [conversations] in faqtune.toml, give logs that "
    "have one, or add more logs"
)


@dataclass(frozen=True, slots=True)
class Splitted:
    """Counts per part: conversations, labelled queries, noise sentences of files; and the held-out entries.

    `measured`: the queries with an entry that a part is measured on, of the parts that measure. They are
    fewer: labels that are not sure enough, and those of the part's held-out entries, are not among them.
    `measured_noise`: what it is measured on as noise, with the queries that no entry of the part answers.
    `pairs` are of all parts, `training_pairs` of the training part, where a text that measures too is left out.
    """

    skipped: bool
    conversations: dict[str, int]
    queries: dict[str, int]
    noise: dict[str, int]
    held_out: dict[str, str]
    pairs: int
    training_pairs: int
    measured: dict[str, int]
    measured_noise: dict[str, int]


@alone
def make_split(workspace: Workspace, *, force: bool = False, reporter: Reporter | None = None) -> Splitted:
    """Write `split.json` and `pairs.jsonl`. Conversations with hand labels go to the test part, unless
    `split.human_labels_for_training` gives a share of them to training. Without any logs they are shared out like
    conversations of logs: there is nothing else to train on and to choose by.

    Which entries are held out follows from what the sources say of themselves; the pairs then from the sources
    weighed by the people's labels of the training part, which the split has to name first.

    Entries are held out as near noise of every part that measures; of the test part only where people
    have not named enough unsupported queries. Raises UserError if labelling has not been finished, if all queries are
    in one conversation, or if something would be on both sides.
    """
    reporter = reporter or Silent()
    config = workspace.config()
    refuse_unfinished(workspace)
    keep_annotated(workspace)
    said = claim_store.read(workspace.claims_path)
    queries = {query.id: query for query in workspace.queries()}
    inputs, outputs = _made_of(workspace, said, queries.values())
    if not force and is_current(workspace, STEP, inputs, outputs, say=reporter.say):
        return _counted(workspace, skipped=True)
    catalogue = workspace.catalogue()
    decisions = settle(said, queries.values())
    made = _assigned(workspace, config.split, catalogue, queries, decisions)
    if reason := _why_few_train(made, config.split, queries, decisions):
        reporter.say(reason)
    decided = settled(said, queries.values(), made, chosen_queries(workspace, made), catalogue.rows)
    pairs, _ = pairs_of(decided, queries.values(), catalogue)
    write_json(workspace.split_path, made)
    write_jsonl(workspace.pairs_path, pairs)
    mark_current(workspace, STEP, inputs, outputs)
    return _counted(workspace, skipped=False)


def out_of_date(workspace: Workspace) -> str:
    """What to tell whoever goes on from a split that would be another one today; "" if it would not."""
    if not was_finished(workspace, STEP):
        return ""  # Somebody made it by other means, who knows what of.
    by_another_version: list[str] = []
    inputs, outputs = _made_of(workspace, claim_store.read(workspace.claims_path), workspace.queries())
    if is_current(workspace, STEP, inputs, outputs, say=by_another_version.append) or by_another_version:
        return ""
    return (
        "note: labels, texts, settings or the split's own files have changed since it was made; `faqtune split` makes "
        "it anew"
    )


def say_if_out_of_date(workspace: Workspace, reporter: Reporter) -> None:
    """Tell so before anything is made of it."""
    if told := out_of_date(workspace):
        reporter.say(told)


def _made_of(workspace: Workspace, said: Sequence[Claim], queries: Iterable[Query]) -> tuple[str, list[Path]]:
    """The digest of all that a split depends on, and the files that it is."""
    by_people = {claim.query for claim in said if claim.is_human}
    labelled = {query.conversation for query in queries if query.id in by_people}
    inputs = digest(
        workspace.config().split.model_dump_json(),
        _last_words(said),
        workspace.queries_path,
        workspace.conversations_path,
        workspace.noise_path,
        workspace.catalogue_path,
        # What was asked for goes on calibrating once it is labelled, and moves nothing before.
        repr(sorted(labelled & set(asked_queries(workspace).values()))),
    )
    return inputs, [workspace.split_path, workspace.pairs_path]


def _last_words(said: Sequence[Claim]) -> str:
    """What counts of the claims, whoever made them when: labelling anew with the same result changes nothing."""
    words: list[tuple[object, ...]] = []
    for query, acts in acts_of(said).items():
        last = latest(acts)
        person = last_of_people(last)
        counting = [act for act in last.values() if not act.is_human or act is person]
        words += [(query, act.by, act.answer, act.confidence, act.reason) for act in counting]
    return repr(sorted(words, key=repr))


def _assigned(
    workspace: Workspace,
    settings: SplitConfig,
    catalogue: Catalogue,
    queries: Mapping[str, Query],
    decisions: Mapping[str, Decision],
) -> Split:
    labelled: dict[str, list[str]] = defaultdict(list)
    for query, decision in decisions.items():
        if decision.others:
            continue  # Not measured; where one of its entries is held out, it is not trained on either.
        if decision.entry is not None and decision.entry in catalogue.rows and is_measurable(decision):
            labelled[decision.entry].append(queries[query].conversation)
    human = [query for query, decision in decisions.items() if decision.is_human]
    unsupported = sum(decisions[query].reason == "unsupported" for query in human)
    # A hand label's conversation need not be among the logs (labels from elsewhere): it is for testing too.
    by_people = dict.fromkeys(queries[query].conversation for query in human)
    logs = dict.fromkeys(conversation.id for conversation in workspace.conversations())
    if queries and len(logs | by_people) == 1:
        name = next(iter(logs | by_people))
        raise UserError(f"all queries are in one conversation ({name}): a split needs many", MORE_CONVERSATIONS)
    sentences = workspace.noise()
    noise = sorted({sentence.source for sentence in sentences})
    made = assign(
        logs | by_people,
        noise,
        labelled,
        settings,
        by_people=by_people if logs else (),
        has_near_noise=(TEST,) if unsupported >= ENOUGH_UNSUPPORTED else (),
        calibrating=set(asked_queries(workspace).values()) if settings.calibration > 0 else (),
        measured_only={sentence.source for sentence in sentences if sentence.stratum in MEASURED_ONLY},
    )
    check_split(made)
    return made


def _why_few_train(
    made: Split, settings: SplitConfig, queries: Mapping[str, Query], decisions: Mapping[str, Decision]
) -> str:
    """Why far fewer conversations train than the settings ask for; "" where they do not."""
    wanted = 1 - settings.selection - settings.calibration - settings.test
    share = sum(part == TRAIN for part in made.conversations.values()) / max(1, len(made.conversations))
    if share > wanted - FEW_TRAIN:
        return ""
    held_out = made.held_out.keys()
    asking = {queries[query].conversation for query, said in decisions.items() if not held_out.isdisjoint(said.entries)}
    by_people = {queries[query].conversation for query, said in decisions.items() if said.is_human} - asking
    reasons = []
    if asking:
        reasons.append(f"{len(asking)} ask about entries that are held out ({len(held_out)}; split.held_out_entries)")
    if by_people:
        reasons.append(f"{len(by_people)} have hand labels (split.human_labels_for_training)")
    return f"{share:.0%} of the conversations train, not {wanted:.0%}: {', '.join(reasons)}" if reasons else ""


def _counted(workspace: Workspace, *, skipped: bool) -> Splitted:
    project = load_project(workspace)
    made = project.split
    conversations = Counter(made.conversations.values())
    labelled = [query for query in project.queries if query.id in project.decisions]
    queries = Counter(made.conversations.get(query.conversation) for query in labelled)
    noise = Counter(made.noise[sentence.source] for sentence in project.noise)
    pairs = Counter(made.conversations.get(pair.group) for pair in workspace.pairs())
    measured = {part: evaluation_set(project, part) for part in MEASURING}
    return Splitted(
        skipped=skipped,
        conversations={part: conversations[part] for part in PARTS},
        queries={part: queries[part] for part in PARTS},
        noise={part: noise[part] for part in PARTS},
        held_out=made.held_out,
        pairs=pairs.total(),
        training_pairs=pairs[TRAIN],
        measured={part: len(data.positives) for part, data in measured.items()},
        measured_noise={part: len(data.negatives) for part, data in measured.items()},
    )
