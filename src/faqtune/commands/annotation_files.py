"""What annotating needs of a project without any model: what can be asked about, and a session for files."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from faqtune import claims as claim_store
from faqtune.annotate.material import Material
from faqtune.annotate.pool import Pool, make_pool
from faqtune.annotate.queue import Weights
from faqtune.annotate.session import Session
from faqtune.annotate.signals import Meanings
from faqtune.annotate.store import Store
from faqtune.commands.label import NO_EXCHANGE, refuse_unfinished
from faqtune.config import AnnotateConfig
from faqtune.encoder import Vectors
from faqtune.errors import UserError
from faqtune.workspace import Workspace

WEIGHTS = ("uncertain", "disagreeing", "diverse", "uncovered", "doubtful", "random")


def refuse_unready(workspace: Workspace) -> None:
    """What can be seen at once. Raises UserError where labelling has not been finished, or the catalogue or the logs
    are empty."""
    refuse_unfinished(workspace)
    if not len(workspace.catalogue()):
        raise UserError("the catalogue is empty", "check catalogue.files in faqtune.toml, then run `faqtune ingest`")
    if not workspace.has_logs():
        raise UserError(*NO_EXCHANGE)


def open_for_files(workspace: Workspace) -> Session:
    """A project ready for annotations that go from a file or to one: nobody is shown an item, so no model is loaded.

    Raises UserError where labelling has not been finished, or there is nothing to ask about.
    """
    refuse_unready(workspace)
    none = np.zeros((0, 0), dtype=np.float32)
    return session_of(
        workspace,
        Material(
            workspace.catalogue(), pool_of(workspace), tuple(claim_store.read(workspace.claims_path)),
            Meanings(none, none), _NoModel(), model="", threshold_cosine=0.0, former=tuple(workspace.former_entries()),
        ),
    )  # fmt: skip


class _NoModel:
    """Stands where nothing is encoded."""

    name = ""

    def encode(self, texts: Sequence[str]) -> Vectors:
        raise NotImplementedError("no model was loaded")


def session_of(workspace: Workspace, material: Material) -> Session:
    """A session of the project that sees it as `material` does."""
    minutes = workspace.config().annotate.lease_minutes
    return Session(
        Store(workspace.acts_path), workspace.claims_path, workspace.annotated_queries_path, material,
        lease_seconds=minutes * 60,
    )  # fmt: skip


def pool_of(workspace: Workspace) -> Pool:
    """All that can be asked about. Raises UserError if that is nothing."""
    config = workspace.config()
    pool = make_pool(
        workspace.conversations(), workspace.queries(), config.label.max_prefix_turns, config.annotate.most_queries
    )
    if not pool.queries:
        raise UserError(*NO_EXCHANGE)
    return pool


def weights_of(settings: AnnotateConfig) -> Weights:
    """Raises UserError if no reason has a weight."""
    try:
        return Weights(**{name: getattr(settings, name) for name in WEIGHTS})
    except ValueError:
        raise UserError("faqtune.toml: every weight of [annotate] is 0", "give one of them a weight") from None
