"""Output of `faqtune write`."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from faqtune.commands.write import Written, write_texts
from faqtune.console.label_llm import agreed, failed_lines, stop_if
from faqtune.console.output import emit, emit_json, next_step
from faqtune.console.reporter import ConsoleReporter
from faqtune.workspace import Workspace


def run_write(project: Path, model: str, limit: int | None, *, dry_run: bool, yes: bool, as_json: bool) -> None:
    workspace = Workspace(project)
    with ConsoleReporter() as reporter:
        result = write_texts(
            workspace, model=model, limit=limit, dry_run=dry_run, agree=None if yes else agreed, reporter=reporter
        )
    if as_json:
        emit_json(result)
    else:
        emit(*(_plan(result) if dry_run else _lines(result)))
    stop_if(result.stopped, result.next_step, said=as_json)
    if not as_json and not dry_run:
        if not workspace.config().llm.use_synthetic:
            emit("They are not trained on yet: set llm.use_synthetic = true in faqtune.toml.")
        emit("", next_step("train", project))


def _plan(result: Written) -> Iterator[str]:
    foreseen = result.estimate
    if foreseen is None or not result.prompt:
        yield "There is nothing to write."
        return
    money = f", {foreseen.cost:.2f} {result.currency}".rstrip() if foreseen.cost else ""
    yield (
        f"{result.entries} entries, about {foreseen.requests} requests with the checks, {foreseen.known} more are "
        f"answered already; about {foreseen.usage.read:,} tokens to read and {foreseen.usage.written:,} to write"
        f"{money}. Nothing was asked."
    )
    yield from ("", "The first request:")
    for message in result.prompt:
        yield from (f"[{message['role']}]", message["content"], "")


def _lines(result: Written) -> Iterator[str]:
    yield (
        f"{result.by}: {result.paraphrases} paraphrases and {result.near_noise} near questions that nobody answers, "
        f"for {result.entries} entries; in synthetic.jsonl, for training only"
    )
    for why, count in sorted(result.left_out.items(), key=lambda one: -one[1]):
        yield f"    {count} texts were left out: {why}"
    money = f", {result.cost:.2f} {result.currency}".rstrip() if result.cost else ""
    yield (
        f"{result.requests} requests answered, {result.known} were known; {result.tokens_read:,} tokens read, "
        f"{result.tokens_written:,} written{money}"
    )
    yield from failed_lines(result.failures, result.examples)
