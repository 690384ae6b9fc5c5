"""What a model was trained on, itself or the ones it began from: nothing is measured on that."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Any

from faqtune.commands.project.assemble import Project
from faqtune.commands.project.models import runs_behind
from faqtune.records import TRAIN, Split
from faqtune.runs import Run, all_runs
from faqtune.stored import read_json, write_json
from faqtune.workspace import Workspace

SPLIT_NAME = "split.json"


def remember_split(run: Run, split: Split) -> None:
    """Keep with a run what it was trained on: later hand labels move conversations to other parts."""
    write_json(run.folder / SPLIT_NAME, split)


def trained_on(workspace: Workspace, names: Iterable[str]) -> set[str]:
    """Conversations that the named models, or those they began from, were trained on. Models that no run made, and
    runs of earlier versions, say nothing."""
    return {
        conversation for split in _splits(workspace, names) for conversation in _of_training(split["conversations"])
    }


def noise_trained_on(workspace: Workspace, names: Iterable[str]) -> set[str]:
    """The same of sources of noise."""
    return {name for split in _splits(workspace, names) for name in _of_training(split["noise"])}


def _of_training(parts: dict[str, str]) -> Iterator[str]:
    return (name for name, part in parts.items() if part == TRAIN)


def _splits(workspace: Workspace, names: Iterable[str]) -> Iterator[dict[str, Any]]:
    """What was kept by `remember_split` with the named models and those they began from."""
    runs = list(all_runs(workspace))
    to_see, seen = list(names), set()
    while to_see:
        for run in runs_behind(workspace, to_see.pop(), runs):
            if run.name in seen:
                continue
            seen.add(run.name)
            merged = run.facts.get("merged")
            to_see += [run.base, *([merged["of"]] if isinstance(merged, dict) and "of" in merged else [])]
            if (path := run.folder / SPLIT_NAME).exists():
                yield read_json(path, "faqtune train")


def without_seen(workspace: Workspace, project: Project, names: Collection[str]) -> tuple[Project, set[str], set[str]]:
    """The project with conversations and sources of noise that measure now, and that the named models were trained on
    before, as trained on; and which these are, conversations and sources.

    Hand labels move a conversation to the test part; a model that goes on from one trained earlier may have seen
    it there, with the rules' label. Other shares of the split move sources of noise too.
    """
    split = project.split
    gone = _measuring(split.conversations) & trained_on(workspace, names)
    noise = _measuring(split.noise) & noise_trained_on(workspace, names)
    if not gone and not noise:
        return project, gone, noise
    moved = replace(
        split,
        conversations=split.conversations | dict.fromkeys(gone, TRAIN),
        noise=split.noise | dict.fromkeys(noise, TRAIN),
    )
    return replace(project, split=moved), gone, noise


def _measuring(parts: Mapping[str, str]) -> set[str]:
    return {name for name, part in parts.items() if part != TRAIN}
