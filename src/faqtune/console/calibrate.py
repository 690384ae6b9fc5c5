"""Output of `faqtune calibrate`."""

from __future__ import annotations

import shlex
from contextlib import suppress
from pathlib import Path

from faqtune.commands.calibrate import Calibrated, calibrate_run
from faqtune.commands.figures.scorecards import read_scorecards, scorecard_paths
from faqtune.console.output import emit, emit_json, next_step, plain, table
from faqtune.console.reporter import ConsoleReporter
from faqtune.errors import UserError
from faqtune.evaluate.certify import MARGINS_COSINE, Kept, contradicted
from faqtune.records import TEST
from faqtune.report import PROMISE_WORDS
from faqtune.workspace import Workspace

USUAL = {"noise/chatter": 5.0}
"""What is promised if nothing is asked for, in percent."""
HARDLY_ANY = 0.05
PROMISED = ("promised", "bound", "seen", "units", "", "test part")


def run_calibrate(
    project: Path,
    run: str,
    promised: dict[str, float | None],
    right: float | None,
    margin: str,
    confidence: float,
    *,
    with_index: bool = False,
    as_json: bool,
) -> None:
    """`promised`, `right` and `confidence` in percent; `margin` a cosine or `auto`."""
    if right is not None:
        if promised.get("wrong") is not None:
            raise UserError("--right and --wrong say the same", "give one of the two")
        promised["wrong"] = 100 - right
    wanted = {what: share for what, share in promised.items() if share is not None} or USUAL
    with ConsoleReporter() as reporter:
        made = calibrate_run(
            Workspace(project),
            {what: share / 100 for what, share in wanted.items()},
            run=run,
            confidence=confidence / 100,
            margins_cosine=_margins(margin),
            with_index=with_index,
            reporter=reporter,
        )
    if as_json:
        emit_json({**plain(made), **plain(made.certified), "certified": made.certified.is_certified})
    else:
        _show(made)
        asking = f'{f" --model {made.run.name}" if run else ""} --index "what a customer would type"'
        emit("", next_step("match", project, asking) if with_index else _next(project, made, run))


def _next(project: Path, made: Calibrated, named: str) -> str:
    """The report, of the run that was named; before that it has to be measured, at this very threshold."""
    paths = scorecard_paths(Workspace(project), made.run, TEST, models=2)
    comparison = None
    with suppress(UserError):  # not made yet, or damaged
        comparison = read_scorecards(paths).comparison
    answers = (made.certified.threshold_cosine, made.certified.margin_cosine)
    if comparison is None or (
        made.certified.is_certified and answers != (comparison.after.threshold_cosine, comparison.after.margin_cosine)
    ):
        return next_step(
            "evaluate", project, f" --models {shlex.quote(made.run.base)} {made.run.name}" if named else ""
        )
    return next_step("report", project, f" --run {made.run.name}" if named else "")


def _margins(margin: str) -> tuple[float, ...]:
    if margin == "auto":
        return MARGINS_COSINE
    try:
        return (float(margin),)
    except ValueError:
        raise UserError(f"the margin {margin} is no number", "give a cosine, for example 0.02, or `auto`") from None


def _show(made: Calibrated) -> None:
    certified = made.certified
    lead = f", {certified.margin_cosine:g} ahead of the second" if certified.margin_cosine else ""
    name = f"{made.run.name}{' + index' if made.with_index else ''}"
    there = f"from a cosine of {certified.threshold_cosine:.4f} on{lead}"
    if certified.is_certified:
        emit(f"{name}: certified: answer {there}")
    else:
        match = "match --index" if made.with_index else "match"
        at = "answers at the threshold that promises nothing"
        if made.stays_cosine is not None:
            at = f"keeps the threshold that was certified before, {made.stays_cosine:.4f}"
        emit(f"{name}: NOT certified, so {match} {at}; tried {there}:")
    rows = [_row(promise, made) for promise in certified.promises]
    emit(*table((f"with {100 * certified.confidence:g}% confidence", *PROMISED), rows))
    emit(f"  {certified.answered:.1%} of the calibration part's questions are answered there")
    if certified.answered < HARDLY_ANY:
        lower = ", or lower --margin" * (certified.margin_cosine > 0)
        emit(f"  so strict a threshold keeps its promises by answering hardly anybody: promise less{lower}")
    emit(*[line for promise in certified.promises if (line := _advice(promise))])
    if not certified.is_certified and len(certified.margins_tried) > 1:
        tried = len(certified.margins_tried)
        emit(f"{tried} margins were tried, which raises every bound: without --margin it is lower")
    if made.observed:
        emit("On the test part, which had no say in it (95 % intervals):")
        rows = [
            (name, f"{value:.1%}", f"[{low:.1%}, {high:.1%}]") for name, (value, low, high) in made.observed.items()
        ]
        emit(*(f"  {line}" for line in table(("figure", "value", "interval"), rows)))
        emit(*_against(made))
    emit(f"  certificate: {made.certificate}")
    if made.to_label is not None:
        emit(f"  queries whose labels would tell most: {made.to_label}; `faqtune annotate` asks about them first")


def _against(made: Calibrated) -> list[str]:
    """Where the test part is no data of the same kind as the calibration part."""
    kept = {promise.what: promise.at_most for promise in made.certified.promises if promise.is_kept}
    return [
        f"! {PROMISE_WORDS['en'][what]}: {value:.1%} [{low:.1%}, {high:.1%}] there, not at most "
        f"{100 * kept[what]:g} %: the two parts differ, and promises are about texts like those of calibration"
        for what, (value, low, high) in contradicted(kept, made.on_test).items()
    ]


def _row(promise: Kept, made: Calibrated) -> tuple[str, ...]:
    """The test part's value counts conversations and sources as the promise does, not single texts."""
    on_test = ""
    if promise.what in made.on_test:
        value, low, high = made.on_test[promise.what]
        on_test = f"{value:.1%} [{low:.1%}, {high:.1%}]"
    return (
        PROMISE_WORDS["en"][promise.what],
        f"at most {100 * promise.at_most:g} %",
        f"{promise.bound:.1%}",
        f"{promise.observed:.1%}",
        str(promise.units),
        "kept" if promise.is_kept else "not kept",
        on_test,
    )


def _advice(promise: Kept) -> str:
    """What would help where a promise is not kept."""
    if promise.is_kept:
        return ""
    over = (
        f"{PROMISE_WORDS['en'][promise.what]}: {100 * (promise.bound - promise.at_most):.1f} points above the promise"
    )
    if promise.needed:
        return (
            f"{over}; {promise.units} conversations or sources cannot show it, {promise.needed} without a failure could"
        )
    if promise.what == "rejected":
        return f"{over}; the other promises want this threshold: promise less of them, or train a better model"
    return f"{over}; no threshold keeps it: promise less, or train a better model"
