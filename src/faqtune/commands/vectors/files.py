"""Where an index lies, and what is read from it: see `faqtune.commands.index`."""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np

from faqtune.blend import PRIOR_LABELS
from faqtune.commands.figures.certificate import Answering, answering_of, kept_certificate
from faqtune.commands.project.models import model_digest
from faqtune.digests import digest
from faqtune.encoder import Vectors
from faqtune.errors import UserError
from faqtune.records import Catalogue, content_id
from faqtune.runs import CERTIFICATE_NAME, WithCertificates
from faqtune.stored import read_json, reading
from faqtune.workspace import Workspace

VECTORS_NAME, INDEX_NAME = "vectors.npy", "index.json"
MADE_BY, CERTIFIED_BY = "faqtune index", "faqtune calibrate --index"
LONGEST_NAME = 60
LEAST_CONFIDENCE = 0.9
"""Labels by people are surer, those by rules seldom are, and moved questions to the wrong place: experiments.md."""


@dataclass(frozen=True, slots=True)
class Index(WithCertificates):
    """Vectors of the catalogue's questions, float32 (c, d), and from where on to answer with them; None where the
    calibration part could not set that.

    `index_digest` changes with whatever an answer depends on: model, settings, entries, questions and vectors.
    `labels_digest` with the labels that the vectors were drawn towards, which are at least `confidence` sure.
    `made_by` is the command that makes it anew.
    """

    folder: Path
    vectors: Vectors
    index_digest: str
    labels_digest: str
    confidence: float
    threshold_cosine: float | None
    made_by: str

    def answering(self) -> Answering | None:
        """By a certificate of this very index, else by the threshold; None without one."""
        certified = certified_answering_of(self.folder, self.index_digest)
        if certified is not None or self.threshold_cosine is None:
            return certified
        return Answering(self.threshold_cosine)


def certified_answering_of(folder: Path, index_digest: str) -> Answering | None:
    """What the certificate of this very index promises things for; None without one."""
    certificate = kept_certificate(folder / CERTIFICATE_NAME, made_by=CERTIFIED_BY)
    if certificate is None or certificate.get("index_digest") != index_digest:
        return None
    return answering_of(certificate)


def index_digest(facts: Mapping[str, Any]) -> str:
    """Of what `index.json` says. Raises KeyError or TypeError for a damaged one."""
    asked = [(each["entry"], each["question"]) for each in facts["questions"]]
    return digest(facts["model_digest"], facts["settings_digest"], facts["vectors_digest"], repr(asked))


def index_folder(workspace: Workspace, name: str) -> Path:
    """Where the index of a model lies: with the run, else in the project under a name of its own."""
    run = workspace.runs_path / name
    if run.is_dir() and Path(name).name == name:
        return run / "index"
    shown = re.sub(r"[^\w.-]+", "-", name)[-LONGEST_NAME:].strip("-.")
    return workspace.root / "indexes" / (name if shown == name else f"{shown}-{content_id(name, length=6)}")


def made_by(name: str, facts: Mapping[str, Any] = MappingProxyType({})) -> str:
    """The command that makes the index of this model, with the settings of one that is there."""
    usual = {"prior": PRIOR_LABELS, "confidence": LEAST_CONFIDENCE}
    settings = (f" --{key} {facts[key]:g}" for key in usual if facts.get(key, usual[key]) != usual[key])
    return f"{MADE_BY} --model {shlex.quote(name)}{''.join(settings)}"


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
        command, of_index = made_by(name, facts), index_digest(facts)
        threshold = None if facts["threshold_cosine"] is None else float(facts["threshold_cosine"])
        # Indexes of earlier versions say nothing of their labels.
        labels, confidence = str(facts.get("labels_digest", "")), float(facts.get("confidence", 0))
    if not (folder / VECTORS_NAME).is_file():
        raise UserError(f"there is no {folder / VECTORS_NAME}", f"run `{command}` again")
    with reading(folder / INDEX_NAME, command):
        changed = changed_since(workspace, folder, facts, model_digest(workspace, name), catalogue)
    if changed:
        raise UserError(f"{folder}: {changed} changed since this index was made", f"run `{command}` again")
    vectors: Vectors = np.load(folder / VECTORS_NAME, allow_pickle=False)
    return Index(folder, vectors, of_index, labels, confidence, threshold, command)


def changed_since(
    workspace: Workspace, folder: Path, facts: Mapping[str, Any], of_model: str, catalogue: Catalogue
) -> str:
    """What is no longer as it was when an index was made, "" if all is; `of_model`: the digest of the model now.

    Raises KeyError or TypeError for damaged facts.
    """
    asked = [(each["entry"], each["question"]) for each in facts["questions"]]
    there = [(catalogue.entries[o].id, q) for o, q in zip(catalogue.owners, catalogue.questions, strict=True)]
    vectors = folder / VECTORS_NAME
    is_same = {
        "the model has": facts["model_digest"] == of_model,
        "what [model] in faqtune.toml says has": facts["settings_digest"] == settings_digest(workspace),
        "the catalogue has": asked == there,
        "its own vectors have": vectors.is_file() and facts["vectors_digest"] == digest(vectors),
    }
    return next((what for what, same in is_same.items() if not same), "")
