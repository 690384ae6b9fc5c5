"""A comparison as `faqtune.evaluate` makes it, from invented scores: before narrow and mixed up, after apart."""

from __future__ import annotations

import json
import math
from dataclasses import asdict
from typing import Any

import numpy as np
import pytest

from faqtune.evaluate import EvaluationSet, Negative, Outcomes, Positive, compare, compare_all
from faqtune.evaluate.map import Landmark, Places, landmarks
from faqtune.evaluate.missing import MissingQuestion
from faqtune.evaluate.operating import operating_points
from faqtune.records import Catalogue, Entry
from faqtune.report import Checked, EntryLabels, Example, Examples, LabelSummary, Models, RunFacts, RunReport, Vectors
from faqtune.scorecard import Comparison, Confusion, Figure, ReliabilityBin, Stratum

QUESTIONS = ("什么时候发货", "可以七天无理由退货吗", "Do you ship abroad?", "怎么开发票", "How do I change my address?")
MODELS = (
    "BAAI/bge-m3",
    "runs/2026-11-23-default-3f2a/model",
    "half",
    "elsewhere/models/small/a-long-name-that-goes-on-and-on-folder-of-small",
)
NOISE: dict[Stratum, int] = {"chatter": 120, "other_domain": 60, "unsupported": 30, "garbage": 12}


def outcomes(model: str, data: EvaluationSet, *, right: float, queries: float, noise: float, spread: float) -> Outcomes:
    """Invented outcomes: a share `right` of queries ranked first, scores around `queries` and `noise`."""
    rng = np.random.default_rng(len(model))
    p, n = len(data.positives), len(data.negatives)
    ranks = np.where(rng.random(p) < right, 1, rng.integers(0, 6, p))
    scores = np.clip(rng.normal(queries, spread, p), -1, 1).astype(np.float32)
    near = np.array([negative.stratum == "unsupported" for negative in data.negatives])
    noise_scores = np.clip(rng.normal(noise, spread, n) + near * spread, -1, 1).astype(np.float32)
    best = np.where(ranks == 1, data.entry_rows, (data.entry_rows + 1) % len(data.catalogue))
    threshold = float(np.sort(noise_scores)[-max(1, n // 20)]) if n else None
    return Outcomes(
        model, data, ranks, best, scores, scores - 0.01, noise_scores,
        threshold_cosine=threshold, noise_best=np.zeros(n, dtype=np.int64),
    )  # fmt: skip


def invented_places(marks: tuple[Landmark, ...], seed: int) -> Places:
    """A map as `evaluate` stores it, without its cost."""
    rng = np.random.default_rng(seed)
    along = rng.integers(0, 1001, (2, len(marks))).tolist()
    return Places(tuple(along[0]), tuple(along[1]))


@pytest.fixture(scope="session")
def details(data: EvaluationSet) -> dict[str, Any]:
    """What `test-details.json` holds."""
    models = [
        outcomes("BAAI/bge-m3", data, right=0.62, queries=0.88, noise=0.84, spread=0.025),
        outcomes("runs/2026-11-23-default-3f2a/model", data, right=0.8, queries=0.72, noise=0.3, spread=0.17),
    ]
    marks = landmarks(data)
    missing = [
        MissingQuestion(7, 2, ("卖帐篷吗", "有没有帐篷卖"), QUESTIONS[0], 0.61),
        MissingQuestion(1, 0, ("Do you have a shop in Paris?",), QUESTIONS[2], 0.58),
    ]
    return json.loads(
        json.dumps(
            {
                "digest": data.digest(),
                "models": [model.model for model in models],
                "operating": [asdict(operating_points(model, resamples=50)) for model in models],
                "landmarks": [asdict(mark) for mark in marks],
                "maps": [asdict(invented_places(marks, seed)) for seed in (0, 1)],
                "missing": [asdict(question) for question in missing],
            }
        )
    )


def moved(relative: float) -> dict[str, Any]:
    return {"elements": 1000, "changed": relative > 0, "relative": relative, "cosine": 0.99, "largest": 0.1,
            "largest_at": ["layer", [0]], "changed_share": float(relative > 0), "effective_rank": 12.3}  # fmt: skip


@pytest.fixture(scope="session")
def compared() -> dict[str, Any]:
    """What `compare.json` holds after `faqtune compare --data`."""
    layers = ["embeddings", *(f"layer {number}" for number in range(4))]
    difference = {"value": -0.031, "low": -0.052, "high": -0.012, "p": 0.002}
    applied = {"coefficients": {"layer 1": 0.75, "layer 2": 1.0}, "confirmed": {"oscr@5": difference}}
    return {
        "applied": applied,
        "a": "base", "b": "tuned", "frozen_ok": True, "frozen": {"declared": ["embeddings"], "moved": []},
        "weights": {
            "layers": [
                {"layer": layer, "tensors": 4, "changed_tensors": 4, "change": moved(place / 1000)}
                for place, layer in enumerate(layers)
            ],
            "cells": [
                {"layer": layer, "kind": kind, "change": moved(place / 1000)}
                for place, layer in enumerate(layers)
                for kind in (("words",) if layer == "embeddings" else ("query", "norms"))
            ],
            "tokens": [{"row": 7, "token": "▁发货", "relative": 0.21}, {"row": 8, "token": None, "relative": 0.2}],
        },
        "data": {
            "probes": [{"name": "noise", "what": "noise", "texts": 9, "cka": dict.fromkeys(layers, 0.987)}],
            "reverted": [{"layer": "layer 1", "differences": {"recall@1": difference}, "skipped_tensors": []}],
        },
    }  # fmt: skip


@pytest.fixture(scope="session")
def certificate() -> dict[str, Any]:
    """What `certificate.json` holds."""
    promise = {"what": "noise/chatter", "at_most": 0.05, "observed": 0.01, "bound": 0.043, "units": 90, "kept": True}
    wrong = {"what": "wrong", "at_most": 0.1, "observed": 0.2, "bound": 0.25, "units": 80, "kept": False}
    return {
        "faqtune": "0.1.0",
        "made": "2026-11-24T08:00:00+00:00",
        "run": "runs/2026-11-23-default-3f2a/model",
        "base": "BAAI/bge-m3",
        "model_digest": "5d1e" * 16,
        "certified": False,
        "threshold_cosine": 0.5123,
        "margin_cosine": 0.02,
        "margins_tried": [0.0, 0.01, 0.02, 0.05, 0.1],
        "confidence": 0.95,
        "promises": [promise, wrong],
        "calibration": {
            "part": "calibration",
            "digest": "ca11" * 16,
            "queries": 129,
            "noise": 185,
            "answered": 0.512,
            "right": 0.357,
        },
        "test": {
            "part": "test",
            "digest": "7e57" * 16,
            "figures": {
                "answered": {"value": 0.43, "low": 0.38, "high": 0.48},
                "accepted/chatter": {"value": 0.009, "low": 0.0, "high": 0.022},
            },
        },
        "files": {"catalogue": "9f2c" * 16, "queries": "5cb4" * 16},
        "better_than_base": {
            "oscr@5": {"value": 0.075, "low": 0.029, "high": 0.135, "p": 0.0002, "p_holm": 0.031},
            "recall@1": {"value": 0.077, "low": 0.031, "high": 0.123, "p": 0.0015, "p_holm": 0.225},
        },
    }


def ability(model: str, all_pairs: float) -> dict[str, Any]:
    figures = {
        scope: {"value": all_pairs + off, "low": all_pairs - 0.04, "high": all_pairs + 0.05, "n": n}
        for scope, off, n in (("all", 0.0, 468), ("zh", 0.03, 232), ("en", -0.02, 236))
    }
    return {"model": model, "model_digest": "", "figures": figures}


def ability_change(model: str, value: float) -> dict[str, Any]:
    figures = {
        scope: {"value": value, "low": value - 0.02, "high": value + 0.02, "p": 0.0001, "p_holm": p_holm}
        for scope, p_holm in (("all", 0.0003), ("zh", 0.012), ("en", 0.31))
    }
    return {"reference": MODELS[0], "model": model, "figures": figures}


@pytest.fixture(scope="session")
def general() -> dict[str, Any]:
    """What `test-general.json` holds: clearly worse than before."""
    return {"pairs": 468, "resamples": 10000, "models": [ability(MODELS[0], 0.853), ability(MODELS[1], 0.816)],
            "differences": [ability_change(MODELS[1], -0.037)]}  # fmt: skip


@pytest.fixture(scope="session")
def mteb() -> dict[str, Any]:
    """What `test-mteb.json` holds."""
    scores = ({"STSB": 0.8123, "AFQMC": 0.4561}, {"STSB": 0.8017, "AFQMC": 0.4622})
    return {"models": [{"model": m, "model_digest": "", "scores": s} for m, s in zip(MODELS[:2], scores, strict=True)]}


@pytest.fixture(scope="session")
def models(data: EvaluationSet) -> Models:
    """The base, the run and two more."""
    means = ((0.62, 0.88, 0.84, 0.025), (0.8, 0.72, 0.3, 0.17), (0.7, 0.72, 0.4, 0.17), (0.66, 0.72, 0.6, 0.2))
    results = [
        outcomes(model, data, right=right, queries=queries, noise=noise, spread=spread)
        for model, (right, queries, noise, spread) in zip(MODELS, means, strict=True)
    ]
    kept = {
        "pairs": 468,
        "models": [ability(model, 0.85 - place / 100) for place, model in enumerate(MODELS)],
        "differences": [ability_change(model, -place / 100) for place, model in enumerate(MODELS) if place],
    }
    return Models(compare_all(results, resamples=200), kept)


@pytest.fixture(scope="session")
def data() -> EvaluationSet:
    entries = tuple(
        Entry(f"e{row}", (question,), "答", category=("物流", "售后")[row % 2])
        for row, question in enumerate(QUESTIONS)
    )
    positives = tuple(Positive(f"问题 {i}", f"e{i % len(entries)}", f"c{i // 2}") for i in range(200))
    negatives = tuple(
        Negative(f"{stratum} {i}", stratum, f"{stratum}-{i // 2}")
        for stratum, count in NOISE.items()
        for i in range(count)
    )
    return EvaluationSet(positives, negatives, Catalogue(entries), "test")


@pytest.fixture(scope="session")
def comparison(data: EvaluationSet) -> Comparison:
    before = outcomes("BAAI/bge-m3", data, right=0.62, queries=0.88, noise=0.84, spread=0.025)
    after = outcomes("runs/2026-11-23-default-3f2a/model", data, right=0.8, queries=0.72, noise=0.3, spread=0.17)
    made = compare(before, after, resamples=200)
    seen = Figure(value=0.41, low=0.3, high=0.52, n=60)
    found = {
        "confusions": [
            Confusion(
                a="e0",
                b="e1",
                question_a=QUESTIONS[0],
                question_b=QUESTIONS[1],
                asked_a=40,
                asked_b=39,
                a_as_b=3,
                b_as_a=2,
                similarity=0.91,
                merge=True,
            )
        ],
        "reliability": [ReliabilityBin(low=0.3, high=0.5, predicted=0.43, observed=seen)],
    }
    return made.model_copy(update={"after": made.after.model_copy(update=found)})


@pytest.fixture(scope="session")
def vectors(data: EvaluationSet) -> Vectors:
    """What an index of the run brings: clearly more on the selection part."""
    alone = outcomes(MODELS[1], data, right=0.8, queries=0.72, noise=0.3, spread=0.17)
    with_them = outcomes(f"{MODELS[1]} + index", data, right=0.86, queries=0.8, noise=0.3, spread=0.17)
    moved = {"value": 0.041, "low": 0.011, "high": 0.076, "p": 0.007}
    selection = {
        "part": "selection (hand labels)",
        "queries": 129,
        "figures": {"oscr@5": {"without": 0.712, "with_index": 0.753, **moved}},
        "verdict": "better",
        "by_people": True,
    }
    return Vectors(126, 98, 2301, 0.4137, None, selection, compare(alone, with_them, resamples=200))


@pytest.fixture(scope="session")
def no_noise(data: EvaluationSet) -> Comparison:
    ranking_only = EvaluationSet(data.positives, (), data.catalogue, "test")
    before = outcomes("BAAI/bge-m3", ranking_only, right=0.62, queries=0.88, noise=0.84, spread=0.025)
    after = outcomes("tuned", ranking_only, right=0.8, queries=0.72, noise=0.3, spread=0.17)
    return compare(before, after, resamples=50)


@pytest.fixture(scope="session")
def history() -> list[dict[str, Any]]:
    """Two stages of 400 and 150 steps, as `log.jsonl` holds them."""
    rng = np.random.default_rng(0)
    events: list[dict[str, Any]] = [measured(1, 0, 0.40, 0.62, best=True)]
    for stage, steps, height in ((1, 400, 3.0), (2, 150, 1.4)):
        for step in range(1, steps + 1):
            loss = height * (0.25 + 0.75 * math.exp(-step / 80)) * float(rng.lognormal(0, 0.25))
            if step % 100 == 1:
                noise = {"noise_similarity": 0.7 * math.exp(-step / 200), "noise_best_similarity": 0.8 - step / 800}
                events.append({"event": "mined", "stage": stage, "step": step, "figures": noise})
            events.append(
                {"event": "step", "stage": stage, "step": step, "loss": loss, "parts": {}, "learning_rate": 1e-5}
            )
            if step % 50 == 0:
                grown = 0.3 * (1 - math.exp(-(step + 400 * (stage - 1)) / 150))
                events.append(measured(stage, step, 0.4 + grown, 0.62 + grown / 2, best=step == 100 and stage == 2))
    return events


def measured(stage: int, step: int, oscr: float, recall: float, *, best: bool) -> dict[str, Any]:
    figures = {"oscr@5": oscr, "recall@1": recall}
    return {"event": "measured", "stage": stage, "step": step, "figures": figures, "best": best}


@pytest.fixture
def report(
    comparison: Comparison,
    history: list[dict[str, Any]],
    details: dict[str, Any],
    compared: dict[str, Any],
    certificate: dict[str, Any],
    general: dict[str, Any],
    mteb: dict[str, Any],
    models: Models,
    vectors: Vectors,
) -> RunReport:
    """Everything that a page can show."""
    return RunReport(
        comparison=comparison,
        history=history,
        details=details,
        compared=compared,
        certificate=certificate,
        general=general,
        mteb=mteb,
        models=models,
        vectors=vectors,
        recipe={"name": "default", "seed": 0, "stages": [{"name": "train", "data": {"labels": 1.0}, "max_steps": 400}]},
        labels=LabelSummary(
            measured={"human:li": 150, "reply_rules": 50},
            training={"reply_rules": 1840, "human:li": 310},
            checked={"reply_rules": Checked(compared=251, right=212)},
            entries=[EntryLabels(question=q, labels=n) for q, n in zip(QUESTIONS, (0, 1, 4, 15, 80), strict=True)],
        ),
        run=RunFacts(
            name="2026-11-23-default-3f2a",
            status="done",
            device="cpu",
            seconds=812.4,
            best_stage=2,
            best_step=100,
            counts={"pairs": 2150},
            versions={"faqtune": "0.1.0", "torch": "2.7.0"},
            digests={"catalogue": "9f2c" * 16},
        ),
        examples=Examples(
            now_right=[Example(text="啥时候能发啊", expected=QUESTIONS[0], before="怎么开发票", after=QUESTIONS[0])],
            now_wrong=[
                Example(text="could you send it to Norway", expected=QUESTIONS[2], before=QUESTIONS[2], after="")
            ],
        ),
    )
