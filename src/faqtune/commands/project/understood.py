"""What the files that `faqtune init` is given are: as `faqtune.toml` has it, or else by a look at them."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from pathlib import Path

from faqtune.errors import UserError
from faqtune.ingest import KINDS_OF_FORMS, Guess, Kind, inspect, meant_as_catalogue
from faqtune.ingest.kinds import distinct, expand
from faqtune.workspace import Workspace

WORKBOOKS = {".xlsx", ".xlsm", ".xls", ".ods"}


def settled_in(workspace: Workspace) -> dict[Path, Kind]:
    """What the existing configuration names files for: what people decided there, no look at the file overrules.

    Of a folder, the files in it too.
    """
    config = workspace.config()
    named: dict[Kind, list[str]] = {
        "noise": config.noise.files,
        "gold": config.gold.files,
        "conversations": config.conversations.files,
        "catalogue": config.catalogue.files,
    }
    paths = {workspace.resolve(name): kind for kind, names in named.items() for name in names}
    there = {path: kind for path, kind in paths.items() if path.exists()}
    return {source.path: kind for path, kind in there.items() for source in expand([path])} | there


def understood(
    files: Sequence[Path], noise: Sequence[Path], gold: Sequence[Path], settled: Mapping[Path, Kind]
) -> list[Guess]:
    """What each file is; one given as chatter or hand labels is that, whatever it is `settled` as.

    Raises UserError for one that no setting makes readable.
    """
    by_role = {source.path for source in expand([*noise, *gold])}
    guesses, others = _as_settled(files, by_role, settled)
    guesses += inspect(others, noise, apart=gold, has_catalogue="catalogue" in settled.values())
    known = {guess.path.resolve() for guess in guesses}
    by_people = inspect(gold)
    for guess in by_people:
        if guess.seen or (guess.kind != "gold" and not guess.problem):
            raise UserError(
                f"{guess.path.name} holds no hand labels but "
                + (f"{', '.join(guess.seen)}" if guess.seen else f"{guess.kind} ({guess.form})"),
                "give it without --gold to train on it, or make hand labels of it with `faqtune convert --to gold`"
                if guess.kind == "pairs"
                else 'hand labels are JSONL, one {"query": "…", "entry": "…"} a line: see docs/formats.md',
            )
    guesses += [guess for guess in by_people if guess.path.resolve() not in known]
    for guess in guesses:
        if guess.problem and not _is_mended_by_settings(guess):
            raise UserError(guess.problem)
    return guesses


def _as_settled(
    files: Sequence[Path], by_role: Collection[Path], settled: Mapping[Path, Kind]
) -> tuple[list[Guess], list[Path]]:
    """What is `settled` of the files that have no role, a folder as a whole where it can be; and what is not."""
    guesses: list[Guess] = []
    others: list[Path] = []

    def add(path: Path, kind: Kind, number: int = 1) -> None:
        # "sheet" is what a catalogue is named for, whatever else is the same catalogue.
        guesses.append(Guess(path, kind, form="sheet", files=number, is_settled=True))

    for path in distinct(files):
        every = [source.path for source in expand([path])]
        free = [file for file in every if file not in by_role]
        kinds = {settled.get(file) for file in free}
        as_a_whole = next(iter(kinds)) if len(kinds) == 1 and free == every else None
        if free and (kind := settled.get(path.resolve(), as_a_whole)):
            add(path, kind, len(every))
        elif kinds == {None}:
            others.append(path)
        else:
            for file in free:
                if file in settled:
                    add(file, settled[file])
                else:
                    others.append(file)
    return guesses, others


def _is_mended_by_settings(guess: Guess) -> bool:
    return bool(guess.seen) or "[conversations]" in guess.problem


def unclear_among(guesses: Sequence[Guess], noise: Sequence[Path]) -> Guess | None:
    """A file that is read with settings only, if there is one: without a catalogue the one that is likeliest meant as
    such. Raises UserError where none can be."""
    unclear = [guess for guess in guesses if guess.problem]
    if any(guess.kind == "catalogue" for guess in guesses):
        return unclear[0] if unclear else None
    chatter = {source.path for source in expand(noise)}
    swapped = [g for g in guesses if g.kind == "noise" and KINDS_OF_FORMS.get(g.form) == "catalogue"]
    if swapped and not any(guess.seen for guess in unclear):
        raise UserError(
            f"{swapped[0].path.name} was given as chatter (--noise), has questions and answers, and no other file is a "
            "catalogue",
            "give it without --noise",
        )
    meant = meant_as_catalogue([guess for guess in guesses if guess.path.resolve() not in chatter])
    able = [*(guess for guess in unclear if guess.seen), *([meant] if meant else [])]
    if not able:
        if unclear:
            raise UserError(unclear[0].problem)
        raise UserError("none of the files is a catalogue of questions and answers", "give the FAQ spreadsheet as well")
    return min(able, key=lambda guess: guess.path.suffix.lower() not in WORKBOOKS)
