"""`faqtune labels`: who labelled what, where sources agree, and how right each is from which threshold on."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Container, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any

from faqtune import claims as claim_store
from faqtune.annotate.curve import Projection
from faqtune.annotate.tuned import as_shown, learned
from faqtune.commands.figures.label_thresholds import Thresholds, thresholds_of
from faqtune.commands.label import labelled_exchanges, refuse_unfinished
from faqtune.commands.project.annotated import chosen_queries
from faqtune.commands.project.settled import judging, training_conversations
from faqtune.commands.split import out_of_date
from faqtune.commands.training.learning import are_of_today, kept_points
from faqtune.label import (
    Act,
    acts_of,
    at_places,
    compare,
    last_of_people,
    reply_cosine,
    says_the_same,
)
from faqtune.label.acts import Place
from faqtune.records import Claim
from faqtune.workspace import Workspace


@dataclass(frozen=True, slots=True)
class Labeller:
    """What one source said last of each turn: `entries` with an entry, `none` without, `several` that asks for several
    which it did not name, `gone` with one that left the catalogue. `withdrawn` claims apart."""

    by: str
    turns: int
    entries: int
    none: int
    several: int
    gone: int
    withdrawn: int
    first: str
    last: str


@dataclass(frozen=True, slots=True)
class Agreement:
    """Two sources on the turns that both labelled: `same` entry, `different` entries, `both_none`, `one_none`, or
    `several` asked for that one of them did not name: they can be compared on the other turns only."""

    one: str
    other: str
    turns: int
    same: int
    different: int
    both_none: int
    one_none: int
    several: int


RELATIONS = ("same", "different", "both_none", "one_none", "several")


@dataclass(frozen=True, slots=True)
class Labels:
    """`hand_labels`: turns that people labelled, of which `compared_with` serve the tables; `with_test`: among them
    those of the parts that measure. `chosen` more would, but the queue of `faqtune annotate` chose them, and they judge
    no source, here as in `faqtune decide`. `tunings` are the points of the learning curve, `of_today` if they were
    measured on the selection part as it is now; `projection` is from those that `projected_from` names, and says why
    where there are too few. `out_of_date`: what to know of the split that says which labels train, else ""."""

    labellers: list[Labeller]
    agreement: list[Agreement]
    hand_labels: int
    compared_with: int
    chosen: int
    with_test: bool
    exchanges: int
    tables: list[Thresholds]
    tunings: list[dict[str, Any]]
    of_today: bool
    out_of_date: str
    projection: Projection
    projected_from: tuple[str, ...]


def show_labels(workspace: Workspace, *, test: bool = False) -> Labels:
    """Look at the Claims in force. Writes nothing. Raises UserError if labelling has not been finished.

    Sources are compared with the hand labels of the training part that the queue did not choose; with `test`, with
    those of the other parts too. A threshold that was chosen by looking at labels of the test part makes figures on
    them too good.
    """
    refuse_unfinished(workspace)
    curve = learned(kept_points(workspace))
    told = claim_store.history(workspace.claims_path)
    said = [item.claim for item in told if not item.withdrawn_by]
    queries = workspace.queries()
    acts = acts_of(said)
    places = at_places(acts, queries)
    known = workspace.catalogue().rows
    people = {place for place, by in places.items() if last_of_people(by)}
    allowed = _allowed(workspace, people, test)
    exchanges = labelled_exchanges(workspace)
    withdrawn = Counter(item.claim.by for item in told if item.withdrawn_by)
    fair = acts_of(judging(said, _chosen(workspace)))
    fair_places = at_places(fair, queries)
    usable = {place for place in people if place[0] in allowed}
    compared_with = sum(last_of_people(fair_places.get(place, {})) is not None for place in usable)
    measures = {(claim.query, claim.by): reply_cosine(claim.why) for claim in said if not claim.is_human}
    compared = compare(fair, queries, allowed, known)
    truths = _with_entry(fair_places, allowed, known)
    machines = {by: values for by, values in _by_source(places).items() if not values[0].is_human}
    return Labels(
        labellers=_labellers(said, places, withdrawn, known),
        agreement=_agreement(places),
        hand_labels=len(people),
        compared_with=compared_with,
        chosen=len(usable) - compared_with,
        with_test=test,
        exchanges=exchanges,
        tables=[
            thresholds_of(by, made, compared.get(by, []), truths, measures, exchanges) for by, made in machines.items()
        ],
        tunings=as_shown(curve.points),
        of_today=are_of_today(workspace),
        out_of_date=out_of_date(workspace) if workspace.split_path.exists() else "",
        projection=curve.projection,
        projected_from=curve.runs,
    )


def _allowed(workspace: Workspace, people: Collection[Place], test: bool) -> frozenset[str]:
    """Conversations whose hand labels may be looked at."""
    if test:
        return frozenset(conversation for conversation, _ in people)
    return training_conversations(workspace.split()) if workspace.split_path.exists() else frozenset()


def _chosen(workspace: Workspace) -> frozenset[str]:
    return chosen_queries(workspace, workspace.split()) if workspace.split_path.exists() else frozenset()


def _by_source(places: Mapping[Place, Mapping[str, Act]]) -> dict[str, list[Act]]:
    found: dict[str, list[Act]] = defaultdict(list)
    for acts in places.values():
        for by, act in acts.items():
            found[by].append(act)
    return dict(sorted(found.items()))


def _labellers(
    said: Sequence[Claim],
    places: Mapping[Place, Mapping[str, Act]],
    withdrawn: Mapping[str, int],
    known: Container[str],
) -> list[Labeller]:
    times: dict[str, list[str]] = defaultdict(list)
    for claim in said:
        times[claim.by].append(claim.when)
    made = _by_source(places)
    return [
        Labeller(
            by=by,
            turns=len(made.get(by, [])),
            entries=sum(_is_known(act, known) for act in made.get(by, [])),
            none=sum(not act.answer and not act.names_none_of_several for act in made.get(by, [])),
            several=sum(act.names_none_of_several for act in made.get(by, [])),
            gone=sum(bool(act.answer) and not _is_known(act, known) for act in made.get(by, [])),
            withdrawn=withdrawn.get(by, 0),
            first=min(times[by], default=""),
            last=max(times[by], default=""),
        )
        for by in sorted({*times, *withdrawn})
    ]


def _agreement(places: Mapping[Place, Mapping[str, Act]]) -> list[Agreement]:
    """Every pair of sources with a turn in common."""
    counted: dict[tuple[str, str], Counter[str]] = defaultdict(Counter)
    for acts in places.values():
        for one, other in combinations(sorted(acts), 2):
            counted[one, other][_relation(acts[one], acts[other])] += 1
    return [
        Agreement(one, other, found.total(), **{relation: found[relation] for relation in RELATIONS})
        for (one, other), found in sorted(counted.items())
    ]


def _relation(one: Act, other: Act) -> str:
    if one.names_none_of_several or other.names_none_of_several:
        return "several"
    if not one.answer and not other.answer:
        return "both_none"
    if not one.answer or not other.answer:
        return "one_none"
    return "same" if says_the_same(one.answer, other.answer) else "different"


def _with_entry(
    places: Mapping[Place, Mapping[str, Act]], allowed: Collection[str], known: Container[str]
) -> list[Place]:
    """Turns for which people named an entry of the catalogue."""
    truths = {place: last_of_people(acts) for place, acts in places.items() if place[0] in allowed}
    return [place for place, truth in truths.items() if truth is not None and _is_known(truth, known)]


def _is_known(act: Act, known: Container[str]) -> bool:
    return any(entry in known for entry in act.answer)
