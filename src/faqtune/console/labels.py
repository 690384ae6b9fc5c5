"""Output of `faqtune labels`."""

from __future__ import annotations

from pathlib import Path

from faqtune.annotate.curve import CANNOT_SAY, WEAK, WIDE
from faqtune.annotate.tuned import LEAST_AMOUNTS
from faqtune.commands.figures.label_thresholds import Threshold
from faqtune.commands.labels import Labels, show_labels
from faqtune.console.output import emit, emit_json, table, told_chosen
from faqtune.console.reporter import ConsoleReporter
from faqtune.errors import UserError
from faqtune.evaluate.wording import points
from faqtune.label import Proportion
from faqtune.workspace import Workspace

LABELLERS = ("source", "turns", "with an entry", "none", "several", "entry gone", "withdrawn", "first", "last")
AGREEMENT = ("", "", "turns", "same entry", "different", "both none", "one none", "several")
TUNINGS = ("hand labels", "OSCR@5%", "95 %", "recipe", "run")
THRESHOLDS = ("labels", "of the exchanges", "compared", "right", "95 %", "found of people's")


def run_labels(project: Path, recipe: str, *, test: bool, learning_curve: bool, as_json: bool) -> None:
    workspace = Workspace(project)
    if recipe and not learning_curve:
        raise UserError("--recipe trains nothing here", "give it with --learning-curve")
    if learning_curve:
        from faqtune.commands.learning_curve import make_learning_curve

        with ConsoleReporter() as reporter:
            make_learning_curve(workspace, recipe=recipe, reporter=reporter)
    result = show_labels(workspace, test=test)
    if as_json:
        emit_json(result)
    else:
        _show(result)


def _show(result: Labels) -> None:
    emit("Who labelled what, by turns:", "")
    rows = [
        (by.by, by.turns, by.entries, by.none, by.several, by.gone, by.withdrawn, by.first[:10], by.last[:10])
        for by in result.labellers
    ]
    emit(*table(LABELLERS, rows))
    if any(by.several for by in result.labellers):
        emit("", "several: asks for more than one entry, and which ones was not said; compared with nothing.")
    if gone := sum(by.gone for by in result.labellers):
        emit("", f"{gone} of these are on entries that are no longer in the catalogue; `faqtune decide` names them.")
    if result.agreement:
        emit("", "Where two of them labelled the same turn:", "")
        emit(
            *table(
                AGREEMENT,
                [
                    (a.one, a.other, a.turns, a.same, a.different, a.both_none, a.one_none, a.several)
                    for a in result.agreement
                ],
            )
        )
    for made in result.tables:
        emit("", f"{made.by}, from each {made.measure} on:", "")
        emit(*table((made.measure, *THRESHOLDS), map(_cells, made.rows)))
    emit("", *_compared_with(result))
    emit(*[result.out_of_date] * bool(result.out_of_date))
    emit("", *_learning(result))


def _cells(row: Threshold) -> tuple[object, ...]:
    found = f"{row.found.right} of {row.found.n}" if row.found.n else ""
    return (f"{row.value:.3f}", row.labels, f"{row.coverage:.1%}", row.right.n, *_share(row.right), found)


def _share(found: Proportion) -> tuple[str, str]:
    return (f"{found.share:.0%}", f"{found.low:.0%} to {found.high:.0%}") if found.n else ("", "")


def _compared_with(result: Labels) -> list[str]:
    """What the tables were compared with, and what must not be chosen by it."""
    if result.with_test:
        return [
            f"Compared with {_of_all(result)} hand-labelled turns, the test part's among them: a threshold "
            "chosen by these makes figures on the test part too good.",
            *told_chosen(result.chosen),
        ]
    that_train = "those that train" if not result.chosen else "those that train and were drawn by chance"
    lines = [
        f"Compared with {result.compared_with} of {result.hand_labels} hand-labelled turns: {that_train}.",
        *told_chosen(result.chosen),
    ]
    if result.hand_labels > result.compared_with + result.chosen:
        lines.append(
            "split.human_labels_for_training gives more of them to training; --test looks at all, but then choose "
            "nothing by them."
        )
    return lines


def _of_all(result: Labels) -> str:
    return f"{result.compared_with} of {result.hand_labels}" if result.chosen else f"all {result.hand_labels}"


def _learning(result: Labels) -> list[str]:
    """The learning curve of real tunings, and what it says of the next labels."""
    rows = [
        (one["labels"], f"{one['value']:.1%}", f"{one['low']:.1%} to {one['high']:.1%}", one["recipe"], one["run"])
        for one in result.tunings
    ]
    lines = ["What hand labels brought, OSCR@5% on the selection part:", "", *table(TUNINGS, rows), ""] if rows else []
    if rows and not result.of_today:
        lines += [
            "They are of an earlier state of that part; `faqtune labels --learning-curve` measures them anew.",
            "",
        ]
    if not all(one["by_people"] for one in result.tunings):
        lines += ["That part has machines' labels: what people corrected in those does not show as a gain.", ""]
    found = result.projection
    if found.verdict != CANNOT_SAY:
        gain = f"{points(found.gain)} points ({points(found.low)} to {points(found.high)})"
        return [*lines, f"By a curve through {len(result.projected_from)} tunings, {found.ahead} more: {gain}."]
    cannot = f"What {found.ahead} more hand labels would bring cannot be told from tunings"
    if found.why == WIDE:
        return [
            *lines,
            f"{cannot}: it could be anything from {points(found.low)} to {points(found.high)} points.",
        ]
    if found.why == WEAK:
        return [*lines, f"{cannot}: they are level, but only against machines' labels. That is no reason to stop."]
    few = f"it takes {LEAST_AMOUNTS} of one recipe with different numbers of labels"
    return [*lines, f"{cannot}: {few}; `faqtune labels --learning-curve` makes them."]
