"""`faqtune annotate`: everything that the page and the terminal need, put together."""

from __future__ import annotations

import sys
from collections.abc import Callable, Collection
from dataclasses import replace
from functools import partial

from faqtune import claims as claim_store
from faqtune.annotate.material import Material, threshold_between
from faqtune.annotate.pool import Pool
from faqtune.annotate.queue import Shares
from faqtune.annotate.session import Session
from faqtune.annotate.shares import chance
from faqtune.annotate.signals import Meanings
from faqtune.annotate.tuning import Tuner
from faqtune.commands.annotation_files import pool_of, refuse_unready, session_of, weights_of
from faqtune.commands.decide import read_doubts
from faqtune.commands.figures.certificate import answers_from
from faqtune.commands.project.asked import asked_queries
from faqtune.commands.project.kept_vectors import KeptVectors
from faqtune.commands.project.models import ReportingEncoder, load_model, model_digest, resolved_name
from faqtune.commands.project.settled import machines_say
from faqtune.commands.retune import tunings
from faqtune.commands.training.learning import kept_points
from faqtune.config import SplitConfig, with_value
from faqtune.digests import digest
from faqtune.encoder import Vectors
from faqtune.progress import Reporter, Silent
from faqtune.recipe import presets
from faqtune.records import TEST, TRAIN, Catalogue
from faqtune.runs import Run, finished_runs
from faqtune.split import hand_labels_train
from faqtune.stored import write_text
from faqtune.workspace import Workspace

TUNING_NAME = "annotate-tuning.json"
VECTORS_NAME = ".faqtune-annotate-vectors.npz"
MOST_NOISE, HALF = 2000, 0.5
LEAST_CONFIDENCE = 0.5
"""Of labels by machines in the learning curve's stand-in, as in training (`minimum_confidence`)."""
PAGE_RECIPES = ("default", "classic-second-stage", "quick")


def open_session(workspace: Workspace, *, model: str = "", reporter: Reporter | None = None) -> Session:
    """A project ready to be annotated with the newest run's model, or its base before there is one.

    Raises UserError where labelling has not been finished, or there is nothing to ask about.
    """
    refuse_unready(workspace)
    return session_of(workspace, make_material(workspace, model=model, reporter=reporter))


def make_material(workspace: Workspace, *, model: str = "", reporter: Reporter | None = None) -> Material:
    """The project as one model sees it; encoding all of it takes what labelling takes, and is remembered."""
    reporter = reporter or Silent()
    config = workspace.config()
    catalogue = workspace.catalogue()
    pool = pool_of(workspace)
    done = finished_runs(workspace, reporter.say)
    name = resolved_name(workspace, model or (done[-1].name if done else config.model.base))
    encoder = ReportingEncoder(load_model(workspace, name, reporter), Silent(), name)
    texts = _texts(catalogue, pool)
    trained_noise, measured_noise = _chatter(workspace)
    vectors = _vectors(workspace, name, encoder, [*texts, trained_noise, measured_noise], reporter)
    meanings = Meanings(*vectors[:4])
    threshold = _threshold(next((run for run in done if run.name == name), None))
    if threshold is None:
        threshold = threshold_between(meanings.queries, vectors[4], meanings.questions, catalogue.owners)
    asked = asked_queries(workspace)
    # Beyond any other doubt: a certificate waits for these.
    doubts = {doubt.query: doubt.score for doubt in read_doubts(workspace)} | dict.fromkeys(asked, 2.0)
    return Material(
        catalogue,
        pool,
        tuple(claim_store.read(workspace.claims_path)),
        meanings,
        encoder,
        name,
        threshold,
        weights=weights_of(config.annotate),
        shares=Shares(config.annotate.second_share, config.annotate.opinions, config.annotate.audit_share),
        trains=_trains(config.split, set(asked.values())),
        noise=vectors[4],
        measured_noise=vectors[5],
        doubts=doubts,
        weak=_weak(workspace, catalogue),
        seed=config.split.seed,
        former=tuple(workspace.former_entries()),
    )


def _weak(workspace: Workspace, catalogue: Catalogue) -> dict[str, int]:
    """What machines say of each query: entry row, or -1."""
    rows: dict[str | None, int] = {None: -1} | dict(catalogue.rows.items())
    return {
        query: rows[said.entry]
        for query, said in machines_say(workspace, workspace.queries()).items()
        if said.confidence >= LEAST_CONFIDENCE and not said.others and said.entry in rows
    }


def _trains(settings: SplitConfig, calibrating: Collection[str]) -> Callable[[str], bool] | None:
    """Whether a conversation's queries may be chosen for a reason: where hand labels train, or go on calibrating."""
    if not settings.human_labels_for_training > 0:
        return None
    return lambda conversation: conversation in calibrating or hand_labels_train(conversation, settings)


def _chatter(workspace: Workspace) -> tuple[list[str], list[str]]:
    """Noise sentences that train, and that measure; halves of all sources before there is a split."""
    parts = workspace.split().noise if workspace.split_path.exists() else {}
    by_half = (TRAIN, TEST)
    found: dict[str, list[str]] = {TRAIN: [], TEST: []}
    for sentence in workspace.noise():
        part = parts.get(sentence.source) or by_half[chance("chatter", sentence.source, 0) < HALF]
        found.setdefault(part, []).append(sentence.text)
    return found[TRAIN][:MOST_NOISE], found[TEST][:MOST_NOISE]


def _texts(catalogue: Catalogue, pool: Pool) -> list[list[str]]:
    return [
        [query.text for query in pool.queries],
        list(catalogue.questions),
        [query.reply for query in pool.queries],
        [entry.answer for entry in catalogue],
    ]


def _threshold(run: Run | None) -> float | None:
    answering = answers_from(run) if run is not None else None
    return answering.threshold_cosine if answering is not None else None


def _vectors(
    workspace: Workspace, name: str, encoder: ReportingEncoder, groups: list[list[str]], reporter: Reporter
) -> list[Vectors]:
    """float32 (n, d) per group of texts; each distinct text is encoded once, and the result kept for the next start."""
    distinct = list(dict.fromkeys(text for group in groups for text in group))
    number = {text: at for at, text in enumerate(distinct)}
    kept = KeptVectors(
        workspace.root / VECTORS_NAME,
        digest(model_digest(workspace, name), workspace.config().model.model_dump_json()),
    )
    found = kept.of(distinct, lambda reports: ReportingEncoder(encoder.model, reports, name), reporter)
    return [found[[number[text] for text in group]] for group in groups]


def share_set_for_annotation(workspace: Workspace) -> float | None:
    """Give hand labels a share that trains, where the user has not decided and nobody has labelled yet.

    Which labels train and which measure is drawn before anybody labels. Returns the share if it was set now.
    """
    config = workspace.config()
    decided = "human_labels_for_training" in config.split.model_fields_set
    if decided or config.gold.files or any(claim.is_human for claim in claim_store.read(workspace.claims_path)):
        return None
    set_share(workspace, DEFAULT_SHARE)
    return DEFAULT_SHARE


DEFAULT_SHARE = 0.7
"""Of hand-labelled conversations: most of them train, enough are left to measure."""


def set_share(workspace: Workspace, share: float) -> None:
    """Write which share of the hand-labelled conversations trains into faqtune.toml."""
    text = workspace.config_path.read_text(encoding="utf-8-sig")
    write_text(workspace.config_path, with_value(text, "split", "human_labels_for_training", share))


def page_recipes(workspace: Workspace) -> list[str]:
    """The recipes that the page offers, the configured one first."""
    chosen = workspace.config().annotate.recipe
    return list(dict.fromkeys([chosen, *(name for name in PAGE_RECIPES if name in presets())]))


def make_tuner(workspace: Workspace, session: Session) -> Tuner:
    """Tunes in a process of its own; a better model orders the session's queue anew."""
    remake: Callable[[Material], Material] = lambda old: replace(make_material(workspace), seed=old.seed)  # noqa: E731
    command = (sys.executable, "-m", "faqtune", "annotate", "--only-train", f"--project={workspace.root.resolve()}")
    return Tuner(
        workspace.root / TUNING_NAME,
        page_recipes(workspace),
        lambda recipe: [*command, f"--recipe={recipe}"],
        lambda: workspace.config().split.human_labels_for_training,
        partial(set_share, workspace),
        lambda: session.order_anew(remake),
        partial(tunings, workspace),
        partial(kept_points, workspace),
    )
