"""`faqtune annotate` as it shows itself: the page or the terminal, files in and out, and what a tuning has come to."""

from __future__ import annotations

import getpass
import importlib.util
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from faqtune.commands.training.on_its_way import Interrupted
from faqtune.console.annotate_page import give_labels_a_use, serve
from faqtune.console.output import emit, emit_json, plain
from faqtune.console.reporter import ConsoleReporter
from faqtune.errors import UserError
from faqtune.evaluate import format_comparison, plain_text
from faqtune.evaluate.wording import Language, points_of
from faqtune.workspace import Workspace

if TYPE_CHECKING:
    from faqtune.annotate.exchange import Unasked
    from faqtune.annotate.session import Session
    from faqtune.commands.retune import Retuned

MOST_ROWS = 20
"""So many are named."""
NEEDED = ("fastapi", "uvicorn", "pypinyin", "xlsxwriter")


def run_annotate(
    project: Path,
    annotators: str,
    model: str,
    host: str,
    port: int,
    recipe: str,
    export: Path | None,
    take_in: Path | None,
    form: str,
    *,
    browser: bool,
    terminal: bool,
    then_train: bool,
    only_train: bool,
    as_json: bool,
) -> None:
    """Annotate on a page, or in this terminal; then, or only, tune."""
    refuse_without_extra()
    workspace = Workspace(project)
    if not only_train:
        if export or take_in:
            _carry(workspace, export, take_in, form, annotators, as_json=as_json)
            return
        names = [name for name in annotators.replace("，", ",").split(",") if name.strip()] or [_user()]
        if terminal:
            _in_terminal(workspace, model, names[0])
        elif not serve(workspace, model, names, host, port, browser=browser, as_json=as_json):
            return
        if not then_train:
            return
    _tune(workspace, recipe, as_json=as_json)


def _carry(workspace: Workspace, out: Path | None, into: Path | None, form: str, by: str, *, as_json: bool) -> None:
    """Annotations from a file, to a file, or both."""
    from faqtune.annotate.carry import take_in, without_a_pair, write_annotations
    from faqtune.annotate.exchange import form_of, told_form
    from faqtune.commands.annotation_files import open_for_files, refuse_unready

    # Before anything is written.
    if into is not None:
        told_form(into, form)
    if out is not None:
        form_of(out, form)
    refuse_unready(workspace)
    with ConsoleReporter() as reporter:
        give_labels_a_use(workspace, reporter)
    session = open_for_files(workspace)
    told: dict[str, Any] = {}
    if into is not None:
        told |= take_in(session, into, by or _user(), form)._asdict()
    if out is not None:
        told |= {"written": write_annotations(session, out, form), "path": out}
        told |= {"without_a_pair": without_a_pair(session, out, form)}
    session.close()
    if as_json:
        emit_json(told)
        return
    if into is not None:
        emit(
            f"{into}: {told['read']} annotations ({told['form']}), {told['new']} of them new.",
            *_what_was_newer(told),
            *_unasked(told["unasked"]),
        )
    if out is not None:
        emit(f"{out}: {told['written']} records.")
        if count := told["without_a_pair"]:
            emit(f"{count} answers are not in it: they have no pair, and this form has nothing else (jsonl has all).")


def _what_was_newer(told: dict[str, Any]) -> list[str]:
    """What an import made of answers that stood in the way of older ones."""
    lines = []
    if count := told["replacing"]:
        replace, are = (
            ("1 of them replaces an answer", "is") if count == 1 else (f"{count} of them replace answers", "are")
        )
        newer = f"that {are} newer, or may be (the file does not say when its own were given)"
        lines.append(f"{replace}, of the same person or another, {newer}.")
    if count := told["changed_since"]:
        were, whose = ("1 was", "its person has") if count == 1 else (f"{count} were", "their people have")
        since = f"since taken back, or {whose} said something else"
        lines.append(f"{were} passed over: here before, or older, and {since}.")
    return lines


def _unasked(rows: Sequence[Unasked]) -> list[str]:
    """Which rows an import left out, if any."""
    if not rows:
        return []
    numbers = ", ".join(str(row.row) for row in rows[:MOST_ROWS]) + ", …" * (len(rows) > MOST_ROWS)
    which = "1 row was left out, since no query says its text"
    if len(rows) > 1:
        which = f"{len(rows)} rows were left out, since no query says their text"
    return [
        f"{which}: row {numbers}. Write it as the logs have it, or the query's id in a column `query`, and import the "
        "file again; rows of other logs may be deleted."
    ]


def refuse_without_extra() -> None:
    """Raises UserError that says what to install."""
    missing = [name for name in NEEDED if importlib.util.find_spec(name) is None]
    if missing:
        raise UserError(
            f"annotating needs {', '.join(missing)}, which is not installed", "run `pip install 'faqtune[annotate]'`"
        )


def _session(workspace: Workspace, model: str) -> Session:
    from faqtune.commands.annotate import open_session
    from faqtune.commands.annotation_files import refuse_unready

    refuse_unready(workspace)
    with ConsoleReporter() as reporter:
        give_labels_a_use(workspace, reporter)
        return open_session(workspace, model=model, reporter=reporter)


def _in_terminal(workspace: Workspace, model: str, name: str) -> None:
    from faqtune.annotate.terminal import annotate_in_terminal

    session = _session(workspace, model)
    try:
        annotate_in_terminal(session, name)
    finally:
        session.close()


def _user() -> str:
    try:
        return getpass.getuser()
    except (OSError, KeyError):
        return "annotator"


def _tune(workspace: Workspace, recipe: str, *, as_json: bool) -> None:
    from faqtune.annotate.tuning import DONE, FAILED, TuningState
    from faqtune.commands.annotate import TUNING_NAME
    from faqtune.commands.retune import retune

    with ConsoleReporter() as reporter:
        state = TuningState(workspace.root / TUNING_NAME, recipe or workspace.config().annotate.recipe, also=reporter)
        try:
            made = retune(workspace, recipe=recipe, reporter=state)
        except Interrupted:
            # The state still says that it runs: the next start of the page goes on with it.
            raise
        except UserError as error:
            state.finish(FAILED, problem=error.problem, next=error.next_step)
            raise
        state.finish(DONE, result=_as_result(made))
    if as_json:
        emit_json(_as_result(made))
    else:
        _show(made)


def _as_result(made: Retuned) -> dict[str, Any]:
    """What the page shows: both languages of the table, and whether the model was taken over."""
    comparison = made.evaluated.comparison if made.evaluated else None
    languages: tuple[Language, ...] = ("en", "zh")
    tables = comparison and {language: format_comparison(comparison, language, details=False) for language in languages}
    result: dict[str, Any] = plain(
        {
            "run": made.run, "base": made.base, "recipe": made.recipe, "hand_labels": made.hand_labels,
            "best_step": made.trained.best_step, "before": made.trained.before, "after": made.trained.after,
            "tables": tables, "not_measured": made.not_measured, "taken_over": made.taken_over, "why": made.why,
            "checked": made.checked and made.checked.model_dump(), "not_checked": made.not_checked,
            "model": made.trained.run.model_path,
        }
    )  # fmt: skip
    return result


def _show(made: Retuned) -> None:
    if made.evaluated and made.evaluated.comparison:
        emit(plain_text(format_comparison(made.evaluated.comparison, details=False)), "")
    else:
        emit(f"Not measured on the test part: {made.not_measured}.")
    if made.taken_over:
        emit(f"{made.run} is the current model now: {made.trained.run.model_path}")
    elif made.why == "selection":
        emit(f"No step was better than {made.base} on the selection part, which stays the current model.")
    else:
        worse = f"{made.run} is clearly worse on the calibration part{_points(made)}"
        emit(f"{worse}: {made.base} stays the current model.")


def _points(made: Retuned) -> str:
    found = made.checked
    if found is None:
        return ""
    return f" (OSCR@5% {points_of(found.model_dump())} points)"
