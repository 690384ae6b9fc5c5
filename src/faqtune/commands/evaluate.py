"""`faqtune evaluate`: scorecards of any number of models on a part of the split or on a file of hand labels."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from faqtune.commands.figures.certificate import answers_from
from faqtune.commands.figures.details import Details, details_path
from faqtune.commands.figures.enough import OF_THE_SPLIT, refuse_too_few
from faqtune.commands.figures.general import general_path, mteb_path, read_about, save_general, save_mteb
from faqtune.commands.figures.measured import certified, measured, with_left_out
from faqtune.commands.figures.mteb import mteb_scores, refuse_without_mteb
from faqtune.commands.figures.scorecards import Evaluated, read_scorecards, save_scorecards, scorecard_paths
from faqtune.commands.project.adhoc import gold_set, named_noise, with_noise
from faqtune.commands.project.assemble import evaluation_set, load_project
from faqtune.commands.project.models import ReportingEncoder, load_model, model_digest, resolved_name
from faqtune.commands.project.seen import without_seen
from faqtune.commands.split import say_if_out_of_date
from faqtune.digests import digest
from faqtune.errors import UserError
from faqtune.evaluate import (
    Outcomes,
    compare_all,
    general_ability,
    scorecard,
    with_garbage,
)
from faqtune.evaluate.intervals import RESAMPLES
from faqtune.progress import Reporter, Silent
from faqtune.records import CALIBRATION, PARTS, TEST, content_id
from faqtune.report import Example, Examples
from faqtune.runs import Run, all_runs, finished_runs
from faqtune.scorecard import SAME_COSINE
from faqtune.steps import is_current, mark_current
from faqtune.workspace import Workspace

MOST_EXAMPLES = 40


def evaluate_models(
    workspace: Workspace,
    *,
    models: tuple[str, ...] = (),
    part: str = TEST,
    gold: Path | None = None,
    gold_catalogue: Path | None = None,
    noise: Sequence[str] = (),
    mteb: Sequence[str] = (),
    resamples: int = RESAMPLES,
    force: bool = False,
    reporter: Reporter | None = None,
) -> Evaluated:
    """Measure models side by side; by default the newest run against its base model.

    Every model answers at the threshold that was set for it on the calibration part: the one that its
    certificate promises things for, if it has one (`faqtune calibrate`). Conversations and noise that one of the
    models was trained on are left out, and counted as such. `noise` are files (chatter) or
    `stratum=file`, in place of the project's own of that kind. `mteb`: names of tasks to measure as well. What was
    measured before on the same data with the same models is read back.
    Raises UserError for a model that is named twice, an unknown part, and where too little is left to measure.
    """
    reporter = reporter or Silent()
    if part not in PARTS:
        raise UserError(f"there is no part `{part}`", f"choose one of {', '.join(reversed(PARTS))}")
    if gold_catalogue and not gold:
        raise UserError("--gold-catalogue is of a file of hand labels", "give that file with --gold as well")
    tasks = refuse_without_mteb(mteb) if mteb else []
    project = whole = load_project(workspace)
    names = tuple(resolved_name(workspace, name, reporter.say) for name in models) or _usual_models(workspace, reporter)
    project, seen, seen_noise = without_seen(workspace, project, names)
    files = named_noise(noise)
    data = gold_set(workspace, project, gold, gold_catalogue, reporter) if gold else evaluation_set(project, part)
    of = TEST if gold else part
    data = with_left_out(data, whole, of, () if gold else seen, seen_noise, files)
    if files:
        data = with_noise(project, data, files)
    data = with_garbage(data)
    if twice := [name for name in dict.fromkeys(names) if names.count(name) > 1]:
        also = [given for given, name in zip(models, names, strict=False) if name == twice[0] != given]
        raise UserError(f"a model is named twice: {' is '.join([*also[:1], twice[0]])}", "name each once")
    refuse_too_few(len(data.positives), data.part, "" if gold else OF_THE_SPLIT)
    if not gold:
        say_if_out_of_date(workspace, reporter)
    if part != TEST and not gold:
        reporter.say(f"note: figures of the {part} part flatter, since models are trained, chosen or set on it")
    calibration = evaluation_set(project, CALIBRATION)
    paths = scorecard_paths(workspace, _own_run(workspace, names), _slug(gold, part, noise), len(names))
    digests = [model_digest(workspace, name) for name in names]
    inputs = digest(
        data.digest(), data.part, str(data.excluded), calibration.digest(), str(resamples),
        workspace.config().model.model_dump_json(), *names, *digests,
        *(str(certified(workspace, name, calibration)) for name in names),
    )  # fmt: skip
    step = f"evaluate {paths[0].relative_to(workspace.root).as_posix()}"
    general = general_path(paths)
    drawn = [general, *([details_path(paths[2])] if len(names) == 2 else [])]
    if not force and is_current(workspace, step, inputs, [*paths, *drawn], say=reporter.say):
        made, kept = replace(read_scorecards(paths), skipped=True), read_about(general, names, digests)
    else:
        details = Details(workspace, project, data)
        results, abilities = [], []
        for name in names:
            model = ReportingEncoder(load_model(workspace, name, reporter, exact=True), reporter, name)
            encoder = details.keeping(model)
            results.append(measured(workspace, encoder, data, calibration))
            _say_where_it_answers(workspace, results[-1], reporter)
            abilities.append(general_ability(encoder))
            if len(names) == 2:
                details.add(encoder, results[-1], is_last=name == names[-1])
        made = _saved(paths, results, digests, resamples)
        kept = save_general(general, abilities, digests, resamples)
        if len(names) == 2:
            reporter.say("drawing maps and thresholds for the report")
            details.save(drawn[-1], results, resamples)
        mark_current(workspace, step, inputs, [*paths, *drawn])
    return replace(made, general=kept, mteb=_mteb(workspace, names, tasks, digests, mteb_path(paths), reporter))


def _mteb(
    workspace: Workspace,
    names: Sequence[str],
    tasks: Sequence[Any],
    digests: Sequence[str],
    path: Path,
    reporter: Reporter,
) -> dict[str, dict[str, float]] | None:
    """Scores by model and task; always measured, since its data may have changed. Kept for the report."""
    if not tasks:
        return None
    scores = {name: mteb_scores(workspace, name, tasks, reporter) for name in names}
    save_mteb(path, scores, digests)
    return scores


def _say_where_it_answers(workspace: Workspace, found: Outcomes, reporter: Reporter) -> None:
    """Where `faqtune match` has another threshold: what set it is not what the figures' was set on."""
    run = next((run for run in all_runs(workspace) if run.name == found.model), None)
    answering = answers_from(run) if run is not None else None
    if answering is None or found.threshold_cosine is None:
        return
    if abs(answering.threshold_cosine - found.threshold_cosine) >= SAME_COSINE:
        reporter.say(
            f"note: {found.model} answers from a cosine of {answering.threshold_cosine:.4f} on, which was set on other "
            f"calibration data; figures at a threshold are at {found.threshold_cosine:.4f}: "
            f"`faqtune calibrate --run {found.model}` sets it anew"
        )


def _usual_models(workspace: Workspace, reporter: Reporter) -> tuple[str, ...]:
    """The newest finished run against its base model; before there is one, the project's base model alone."""
    if done := finished_runs(workspace, reporter.say):
        return done[-1].base, done[-1].name
    reporter.say("note: no training has finished yet; this is the base model alone")
    return (workspace.config().model.base,)


def _own_run(workspace: Workspace, names: tuple[str, ...]) -> Run | None:
    """The run that a comparison is about: the second model, where the first is what it was trained from."""
    return next((run for run in all_runs(workspace) if names == (run.base, run.name)), None)


def _slug(gold: Path | None, part: str, noise: Sequence[str]) -> str:
    """What the files of a measurement are called by."""
    name = f"gold-{gold.stem}" if gold else part
    return re.sub(r"[^\w-]+", "-", f"{name}-noise-{content_id(*noise, length=6)}" if noise else name)


def _saved(paths: list[Path], results: list[Outcomes], digests: list[str], resamples: int) -> Evaluated:
    if len(results) == 1:
        cards, comparisons = [scorecard(results[0], resamples=resamples)], []
    else:
        comparisons = compare_all(results, resamples=resamples)
        cards = [comparisons[0].before, *(comparison.after for comparison in comparisons)]
    cards = [card.model_copy(update={"model_digest": digest}) for card, digest in zip(cards, digests, strict=True)]
    comparisons = [
        comparison.model_copy(update={"before": cards[0], "after": card})
        for comparison, card in zip(comparisons, cards[1:], strict=True)
    ]
    return save_scorecards(paths, cards, comparisons, _switched(*results) if len(results) == 2 else None)


def _switched(before: Outcomes, after: Outcomes) -> Examples:
    """Queries that one model ranks rightly and the other does not; `before` and `after` name the entries found."""
    entries, rows = before.data.catalogue.entries, before.data.entry_rows
    right: list[Example] = []
    wrong: list[Example] = []
    for number, positive in enumerate(before.data.positives):
        was, now = before.ranks[number] == 1, after.ranks[number] == 1
        if was != now:
            found = [entries[outcomes.best[number]].questions[0] for outcomes in (before, after)]
            (right if now else wrong).append(Example(positive.text, entries[rows[number]].questions[0], *found))
    return Examples(right[:MOST_EXAMPLES], wrong[:MOST_EXAMPLES])
