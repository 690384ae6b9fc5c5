"""What is kept of general ability beside scorecards: the shipped pairs, and tasks of MTEB where they were asked for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from faqtune.evaluate import GeneralAbility, general_figures
from faqtune.stored import read_json, write_json

MADE_BY = "faqtune evaluate"


def general_path(scorecards: Sequence[Path]) -> Path:
    """Where the general ability of the models of these scorecards lies."""
    return _beside(scorecards, "general")


def mteb_path(scorecards: Sequence[Path]) -> Path:
    """Where the MTEB scores of the models of these scorecards lie, if tasks were ever asked for."""
    return _beside(scorecards, "mteb")


def save_general(
    path: Path, abilities: Sequence[GeneralAbility], digests: Sequence[str], resamples: int
) -> dict[str, Any]:
    """Write figures and differences of the models, with `digests` to know the models by."""
    figures, differences = general_figures(abilities, resamples=resamples)
    kept = {
        "pairs": abilities[0].pairs,
        "resamples": resamples,
        "models": [
            {
                "model": each.model,
                "model_digest": digest,
                "figures": {name: figure.model_dump() for name, figure in found.items()},
            }
            for each, digest, found in zip(abilities, digests, figures, strict=True)
        ],
        "differences": [
            {
                "reference": abilities[0].model,
                "model": each.model,
                "figures": {name: difference.model_dump() for name, difference in found.items()},
            }
            for each, found in zip(abilities[1:], differences, strict=True)
        ],
    }
    write_json(path, kept)
    return kept


def save_mteb(path: Path, scores: Mapping[str, Mapping[str, float]], digests: Sequence[str]) -> dict[str, Any]:
    """Write scores by model and task; those of other tasks that were measured for the same models stay."""
    before = read_about(path, list(scores), digests) or {"models": [{"scores": {}}] * len(scores)}
    kept = {
        "models": [
            {"model": name, "model_digest": digest, "scores": {**old["scores"], **found}}
            for (name, found), digest, old in zip(scores.items(), digests, before["models"], strict=True)
        ]
    }
    write_json(path, kept)
    return kept


def read_about(path: Path, models: Sequence[str], digests: Sequence[str]) -> dict[str, Any] | None:
    """What lies at `path`, if it is of these models; a digest "" (of an older scorecard) fits any."""
    if not path.exists():
        return None
    kept = read_json(path, MADE_BY)
    known = [(each["model"], each["model_digest"]) for each in kept["models"]]
    fits = len(known) == len(models) and all(
        name == model and digest in ("", found)
        for (name, found), model, digest in zip(known, models, digests, strict=True)
    )
    return kept if fits else None


def _beside(scorecards: Sequence[Path], what: str) -> Path:
    """A single model's name stays, so that it does not lie where that of two models does."""
    stem = scorecards[0].stem
    return scorecards[0].with_name(f"{stem if len(scorecards) == 1 else stem.rpartition('-')[0]}-{what}.json")
