"""A comparison as `faqtune.evaluate` makes it, from invented scores: before narrow and mixed up, after apart."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from faqtune.evaluate import EvaluationSet, Negative, Outcomes, Positive, compare
from faqtune.records import Catalogue, Entry
from faqtune.report import EntryLabels, Example, Examples, LabelSummary, RunFacts, RunReport
from faqtune.scorecard import Comparison, Stratum

QUESTIONS = ("什么时候发货", "可以七天无理由退货吗", "Do you ship abroad?", "怎么开发票", "How do I change my address?")
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
    return Outcomes(model, data, ranks, best, scores, scores - 0.01, noise_scores)


@pytest.fixture(scope="session")
def data() -> EvaluationSet:
    entries = tuple(Entry(f"e{row}", (question,), "答") for row, question in enumerate(QUESTIONS))
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
    return compare(before, after, resamples=200)


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
def report(comparison: Comparison, history: list[dict[str, Any]]) -> RunReport:
    return RunReport(
        comparison=comparison,
        history=history,
        recipe={"name": "default", "seed": 0, "stages": [{"name": "train", "data": {"labels": 1.0}, "max_steps": 400}]},
        labels=LabelSummary(
            measured={"human:li": 150, "reply_rules": 50},
            training={"reply_rules": 1840, "human:li": 310},
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
