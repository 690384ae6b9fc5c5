"""Output of `faqtune label --llm`."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

import typer

from faqtune.commands.label import Precision
from faqtune.commands.label_llm import LlmLabelled, label_with_llm
from faqtune.console.output import emit, emit_json, next_step
from faqtune.console.reporter import ConsoleReporter
from faqtune.console.surface import BAD_INPUT, INTERRUPTED
from faqtune.errors import UserError
from faqtune.label.llm import INTERRUPTED as STOPPED
from faqtune.workspace import Workspace


def run_label_llm(
    project: Path, model: str, limit: int | None, *, everything: bool, dry_run: bool, yes: bool, as_json: bool
) -> None:
    with ConsoleReporter() as reporter:
        result = label_with_llm(
            Workspace(project),
            model=model,
            everything=everything,
            limit=limit,
            dry_run=dry_run,
            agree=None if yes else agreed,
            reporter=reporter,
        )
    if as_json:
        emit_json(result)
    elif dry_run:
        _show_plan(result)
    else:
        emit(*_lines(result))
    stop_if(result.stopped, result.next_step, said=as_json)
    if not as_json and not dry_run:
        emit("", next_step("split", project))


def stop_if(stopped: str, advice: str, *, said: bool) -> None:
    """End with a code where a run ended early. What was done is kept, and has been shown."""
    if not stopped:
        return
    error = UserError(f"stopped: {stopped}; every answer that came is kept", advice)
    error.exit_code = INTERRUPTED if stopped == STOPPED else BAD_INPUT
    if not said:
        raise error
    sys.stderr.write(f"faqtune: {error}\n")
    raise typer.Exit(error.exit_code)


def agreed(what: str) -> bool:
    """Ask on the terminal. Raises UserError where nobody can answer."""
    if not sys.stdin.isatty():
        raise UserError(
            f"{what}: nobody is there to agree", "give --yes to agree beforehand, or look at --dry-run first"
        )
    sys.stderr.write(f"{what}. Go on? [y/N] ")
    sys.stderr.flush()
    return sys.stdin.readline().strip().lower() in ("y", "yes", "是", "好")


def _show_plan(result: LlmLabelled) -> None:
    foreseen = result.estimate
    if foreseen is None or not result.prompt:
        emit("There is nothing to ask: rules and people have labelled every turn surely.")
        return
    money = f", {foreseen.cost:.2f} {result.currency}".rstrip() if foreseen.cost else ""
    emit(
        f"{foreseen.queries} queries in {foreseen.requests} requests, {foreseen.known} more are answered already; "
        f"about {foreseen.usage.read:,} tokens to read and {foreseen.usage.written:,} to write{money}.",
        "Nothing was asked.",
        "",
        "The first request:",
    )
    for message in result.prompt:
        emit(f"[{message['role']}]", message["content"], "")
    emit(*_pictures(result.pictures_left_out))


def _lines(result: LlmLabelled) -> Iterator[str]:
    nothing = sum(result.nothing.values())
    reasons = ", ".join(f"{count} {reason}" for reason, count in sorted(result.nothing.items()))
    yield (
        f"{result.by}: of {result.queries} queries {result.labelled} have an entry, {nothing} none"
        f"{f' ({reasons})' if reasons else ''}; on {result.disagreed} the votes disagree, {result.failed} failed, "
        f"{result.unasked} were not reached"
    )
    if result.labelled or nothing:
        yield (
            f"{result.entries} of {result.catalogue} entries have such a label; mean confidence "
            f"{result.mean_confidence:.2f}"
        )
        yield _precision("entries", result.precision)
        yield _precision("none", result.precision_of_none)
    money = f", {result.cost:.2f} {result.currency}".rstrip() if result.cost else ""
    yield (
        f"{result.requests} requests answered, {result.known} were known; {result.tokens_read:,} tokens read, "
        f"{result.tokens_written:,} written{money}"
    )
    yield from failed_lines(result.failures, result.examples)
    yield from _pictures(result.pictures_left_out)


def _precision(what: str, found: Precision) -> str:
    share = f", {found.right / found.compared:.0%}" if found.compared else ""
    return f"against hand labels, {what}: {found.right} of {found.compared} say the same{share}"


def failed_lines(failures: Mapping[str, int], examples: Mapping[str, str]) -> Iterator[str]:
    for why, count in sorted(failures.items(), key=lambda one: -one[1]):
        example = f" ({examples[why]})" if why in examples else ""
        yield f"    {count} requests failed: {why}{example}"


def _pictures(left_out: Mapping[str, int]) -> Iterator[str]:
    for why, count in left_out.items():
        yield f"    {count} pictures did not go along: {why}"
