"""Where an index lies, and what is read from it: see `faqtune.commands.index`."""

from __future__ import annotations

import re
import shlex
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from faqtune.commands.certificate import Answering, answering_of, kept_certificate
from faqtune.commands.models import model_digest
from faqtune.digests import digest
from faqtune.encoder import Vectors
from faqtune.errors import UserError
from faqtune.records import Catalogue, content_id
from faqtune.stored import read_json, reading
from faqtune.workspace import Workspace

VECTORS_NAME, INDEX_NAME = "vectors.npy", "index.json"
CERTIFICATE_NAME, REFUSED_NAME = "certificate.json", "certificate_not_kept.json"
MADE_BY = "faqtune index"
LONGEST_NAME = 60


@dataclass(frozen=True, slots=True)
class Index:
    """Vectors of the catalogue's questions, float32 (c, d), and from where on to answer with them; None where the
    calibration part could not set that. `split`: digest of the split whose training part they are made of."""

    folder: Path
    vectors: Vectors
    digest: str
    threshold_cosine: float | None
    split: str

    @property
    def certificate_path(self) -> Path:
        return self.folder / CERTIFICATE_NAME

    @property
    def refused_certificate_path(self) -> Path:
        return self.folder / REFUSED_NAME

    def answering(self) -> Answering | None:
        """By a certificate of these very vectors, else by the threshold; None without one."""
        certificate = kept_certificate(self.certificate_path)
        if certificate is not None and certificate.get("vectors_digest") == self.digest:
            return answering_of(certificate)
        return None if self.threshold_cosine is None else Answering(self.threshold_cosine)


def index_folder(workspace: Workspace, name: str) -> Path:
    """Where the index of a model lies: with the run, else in the project under a name of its own."""
    run = workspace.runs_path / name
    if run.is_dir() and Path(name).name == name:
        return run / "index"
    shown = re.sub(r"[^\w.-]+", "-", name)[-LONGEST_NAME:].strip("-.")
    return workspace.root / "indexes" / (name if shown == name else f"{shown}-{content_id(name, length=6)}")


def made_by(name: str) -> str:
    """The command that makes the index of this model."""
    return f"{MADE_BY} --model {shlex.quote(name)}"


def settings_digest(workspace: Workspace) -> str:
    """Changes with how a model reads texts: its vectors are then no longer those of an index."""
    return digest(workspace.config().model.model_dump_json())


def read_index(workspace: Workspace, name: str, catalogue: Catalogue) -> Index:
    """The index of a model.

    Raises UserError where there is no index of this model, and where model, its settings or the catalogue have changed
    since.
    """
    folder, command = index_folder(workspace, name), made_by(name)
    facts = read_json(folder / INDEX_NAME, command)
    with reading(folder / INDEX_NAME, command):
        asked = [(each["entry"], each["question"]) for each in facts["questions"]]
        threshold = None if facts["threshold_cosine"] is None else float(facts["threshold_cosine"])
    there = [(catalogue.entries[o].id, q) for o, q in zip(catalogue.owners, catalogue.questions, strict=True)]
    vectors_digest = digest(folder / VECTORS_NAME)
    is_same = {
        "the model has": facts["model_digest"] == model_digest(workspace, name),
        "what [model] in faqtune.toml says has": facts["settings_digest"] == settings_digest(workspace),
        "the catalogue has": asked == there,
        "its own vectors have": facts["vectors_digest"] == vectors_digest,
    }
    if changed := next((what for what, same in is_same.items() if not same), ""):
        raise UserError(f"{folder}: {changed} changed since this index was made", f"run `{command}` again")
    vectors: Vectors = np.load(folder / VECTORS_NAME, allow_pickle=False)
    return Index(folder, vectors, vectors_digest, threshold, facts.get("split_digest", ""))


def refuse_other_split(workspace: Workspace, name: str, index: Index) -> None:
    """Raises UserError where the split is another than when the index was made: what its vectors were drawn towards
    may stand in a part that measures by now."""
    if index.split != digest(workspace.split_path):
        raise UserError(
            f"{index.folder}: the split has changed since this index was made", f"run `{made_by(name)}` again"
        )
