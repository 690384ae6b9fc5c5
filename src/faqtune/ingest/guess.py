"""What `faqtune init` understands of the files it is given, and of folders of them."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace
from pathlib import Path

from faqtune.errors import UserError
from faqtune.ingest.kinds import Source, distinct, expand, kind_of
from faqtune.ingest.looks import Guess, look_at, unrecognised
from faqtune.ingest.unrecognised import as_catalogue, headers_in

SAMPLE_FILES = 5
"""Files of a folder that are looked at, if they are alike."""


def inspect(
    paths: Sequence[Path], noise: Sequence[Path] = (), *, apart: Sequence[Path] = (), has_catalogue: bool = False
) -> list[Guess]:
    """What each file or folder is, by content; a folder of unlike files gives one guess per file.

    Each file is looked at once, however often and in whatever spelling it is given; what is `apart` is left out, in
    folders too. Chatter has the same form as conversations: it is told by its name (daily, chatter, noise,
    闲聊) or by being among `noise`; otherwise it counts as conversations, with a remark. A file that cannot be read is
    a guess with a `problem`, which speaks of logs only if there is a catalogue or, elsewhere, `has_catalogue`.
    Raises UserError for a missing path.
    """
    left_out = {source.path for source in expand(apart)}
    chatter = {source.path for source in expand(noise)} | left_out
    found = [guess for path in distinct(paths) for guess in _inspect(path, chatter, is_noise=False)]
    found += [guess for path in distinct(noise) for guess in _inspect(path, left_out, is_noise=True)]
    if not has_catalogue and not any(guess.kind == "catalogue" for guess in found):
        return found
    return [unrecognised(guess, has_catalogue=True) if guess.seen else guess for guess in found]


def _inspect(path: Path, left_out: Collection[Path], *, is_noise: bool) -> list[Guess]:
    every = expand([path])
    sources = [source for source in every if source.path not in left_out]
    guesses = [look_at(source, is_noise=is_noise) for source in sources[:SAMPLE_FILES]]
    is_whole = path.is_dir() and len(sources) == len(every)
    if not is_whole or len({guess.kind for guess in guesses}) > 1 or any(guess.problem for guess in guesses):
        return guesses + [look_at(source, is_noise=is_noise) for source in sources[SAMPLE_FILES:]]
    first = guesses[0]
    return [
        replace(
            first,
            path=path,
            files=len(sources),
            encodings=tuple(dict.fromkeys(name for guess in guesses for name in guess.encodings)),
            columns=first.columns if all(guess.columns == first.columns for guess in guesses) else {},
            is_sample=first.is_sample or len(sources) > 1,
        )
    ]


def meant_as_catalogue(guesses: Sequence[Guess]) -> Guess | None:
    """Where no file is a catalogue, the table that may be meant as one: as a guess with a `problem` that says how
    it becomes one. None where there is no table, or only logs and nothing besides in them."""
    found: list[Guess] = []
    for guess in guesses:
        if guess.problem or guess.kind not in ("noise", "conversations") or not guess.path.is_file():
            continue
        source = Source(guess.path, guess.path.name)
        kind = kind_of(source)
        if kind == "json" or source.path.suffix.lower() == ".txt":
            continue
        unread = headers_in(source, kind, besides=guess.sheets or ("",))
        seen = unread or (() if "role" in guess.columns else headers_in(source, kind))
        if seen:
            error = UserError(
                f"none of the files is a catalogue of questions and answers; {guess.path.name} was taken for "
                f"{guess.kind} ({guess.form}), headers seen: {', '.join(seen)}",
                f"give the FAQ spreadsheet as well, or, {as_catalogue(guess.path.name)}",
            )
            found.insert(0 if unread else len(found), replace(guess, seen=seen, problem=str(error)))
    return found[0] if found else None
