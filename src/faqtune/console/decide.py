"""Output of `faqtune decide`."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from faqtune.commands.decide import Decided, Weight, decide_labels
from faqtune.console.output import emit, emit_json, next_step, table, told_chosen
from faqtune.console.reporter import ConsoleReporter
from faqtune.console.split import pairs_said
from faqtune.label import Doubt
from faqtune.records import Catalogue
from faqtune.workspace import Workspace

WORST = 10
SHOWN_GONE = 5
SHOWN_CHARACTERS = 40
WEIGHTS = ("source", "labels", "sure of them", "compared", "right", "95 %", "counts as")
DOUBTS = ("score", "query", "its label", "likelier")


def run_decide(project: Path, model: str, *, force: bool, as_json: bool) -> None:
    workspace = Workspace(project)
    with ConsoleReporter() as reporter:
        result = decide_labels(workspace, model=model, force=force, reporter=reporter)
    if as_json:
        emit_json(result)
    else:
        show_decided(result, workspace.catalogue())
        emit("", next_step("train", project))


def show_decided(result: Decided, catalogue: Catalogue) -> None:
    """How the queries were decided, the sources' weights and the most doubtful labels."""
    machines = result.agreeing + result.disagreeing + result.one_machine
    pairs = pairs_said(result.pairs, result.training_pairs)
    emit(
        f"{result.by_people + machines} queries are decided: {result.by_people} by people, {machines} by machines "
        f"({result.one_machine} by one, {result.agreeing} where they agree, {result.disagreeing} where they do not)",
        f"{pairs}; {result.without_entry} queries without an entry, {result.several} with several",
        *told_gone(result.gone),
        "",
    )
    if result.weights:
        emit(*table(WEIGHTS, [row for weight in result.weights for row in _rows(weight)]))
    if not any(weight.checked for weight in result.weights):
        emit(f"No source is compared with people: {_why_not_compared(result)}. Each counts as right as it says.")
    emit(*told_chosen(result.chosen))
    emit("", f"{len(result.doubts)} of {result.checked} labels are doubtful to the model {result.model}")
    if result.doubts:
        emit(*table(DOUBTS, [_cells(doubt, catalogue) for doubt in result.doubts[:WORST]]))
        emit("The most doubtful first; all are in doubts.jsonl, and `faqtune annotate` asks about them.")


def _why_not_compared(result: Decided) -> str:
    if not result.training:
        return "no hand label trains (split.human_labels_for_training gives some to training)"
    if result.chosen == result.training:
        return "all hand labels of the training part are of queries that were chosen"
    other = "other " if result.chosen else ""
    return f"no {other}hand label of the training part is on a turn that a source labelled"


def told_gone(gone: Mapping[str, int]) -> list[str]:
    """A line about queries whose entry left the catalogue, if there are any; `gone` by its first question."""
    if not gone:
        return []
    total, named = sum(gone.values()), list(gone.items())[:SHOWN_GONE]
    what = "query whose entry is" if total == 1 else "queries whose entries are"
    more = ", …" if len(gone) > len(named) else ""
    names = ", ".join(f"{_short(name)} ({count})" for name, count in named)
    return [f"{total} {what} no longer in the catalogue: {names}{more}"]


def _rows(weight: Weight) -> list[tuple[object, ...]]:
    """A line for the source, and one for each level of confidence where there are several."""
    first = (weight.by, weight.labels, f"{weight.own_confidence:.0%}")
    if weight.checked is None:
        return [(*first, 0, "", "", "what it says")]
    source = weight.checked
    whole = (source.right.n, f"{source.right.share:.0%}", f"{source.right.low:.0%} to {source.right.high:.0%}")
    if len(source.levels) == 1:
        return [(*first, *whole, f"{source.precision(weight.own_confidence):.0%}")]
    rows: list[tuple[object, ...]] = [(*first, *whole, "")]
    for level in source.levels:
        interval = f"{level.right.low:.0%} to {level.right.high:.0%}"
        share = f"{source.precision(level.low):.0%}"
        counts_as = share if share == "100%" else f"{share} and more"
        rows.append(
            (f"  from {level.low:.2f} on", "", "", level.right.n, f"{level.right.share:.0%}", interval, counts_as)
        )
    return rows


def _cells(doubt: Doubt, catalogue: Catalogue) -> tuple[str, ...]:
    questions = [catalogue.entries[catalogue.rows[entry]].questions[0] for entry in (doubt.label, doubt.suggested)]
    return (f"{doubt.score:.2f}", _short(doubt.text), *map(_short, questions))


def _short(text: str) -> str:
    """One line of a table's cell."""
    text = " ".join(text.split())
    return text if len(text) <= SHOWN_CHARACTERS else f"{text[: SHOWN_CHARACTERS - 1]}…"
