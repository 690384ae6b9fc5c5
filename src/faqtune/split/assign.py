"""Give every conversation, noise source and held-out entry its part, the same one on every run."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Collection, Iterable, Mapping, Sequence
from functools import partial

from faqtune.config import SplitConfig
from faqtune.errors import UserError
from faqtune.records import CALIBRATION, SELECTION, TEST, TRAIN, Split

LARGEST_SHARE_HELD_OUT = 0.05
"""An entry with more than this share of the labels is never held out: training would miss it too much."""

HELD_OUT_WEIGHTS = {TEST: 2, SELECTION: 1, CALIBRATION: 1}
"""How the held-out entries are shared out among the parts that measure."""

ENOUGH_NEAR_NOISE = 20
"""Queries of held-out entries that a part should have: with fewer its 5 % would be none of them."""

MOST_TIMES_SHARE = 2
"""A part that has too few gets more entries than its share, but at most so many times as many."""


def assign(
    conversations: Iterable[str],
    noise_sources: Iterable[str],
    labelled: Mapping[str, Sequence[str]],
    settings: SplitConfig,
    by_people: Iterable[str] = (),
    has_near_noise: Collection[str] = (),
    measured_only: Collection[str] = (),
    calibrating: Collection[str] = (),
) -> Split:
    """A Split by hash of (seed, id): what is added later moves nothing that was there.

    `labelled` maps an entry id to the conversations with a query of it, one per query that is sure
    enough to be measured; entries are held out among those that have some, for every part but those
    in `has_near_noise`. Hand-labelled conversations (`by_people`) go to the test part, but for the
    share of them that the settings give to training, and those in `calibrating`, which were chosen for calibration
    before they had a label. Conversations of a held-out entry follow it into
    its part, except those of the test part. So a conversation moves only if it gets
    hand labels or labels of a held-out entry, and an entry only where a part had too few queries of
    its held-out ones. Sources of noise in `measured_only` are shared out between calibration and test. Raises
    UserError if the shares of the settings leave nothing for training.
    """
    shares = {SELECTION: settings.selection, CALIBRATION: settings.calibration, TEST: settings.test}
    if sum(shares.values()) > 1 - 1e-9:
        raise UserError(
            "faqtune.toml: split.selection + split.calibration + split.test leave nothing for training",
            "lower them until they add up to less than 1",
        )
    measuring = [part for part, share in shares.items() if share > 0]
    held_out = _hold_out(labelled, settings, measuring, [part for part in measuring if part not in has_near_noise])
    people = list(by_people)
    forced = {c: TEST for c in people if not hand_labels_train(c, settings)}
    for entry, part in held_out.items():
        for conversation in labelled[entry]:
            forced.setdefault(conversation, part)
    forced = dict.fromkeys(people, TRAIN) | forced | {c: CALIBRATION for c in people if c in calibrating}
    parts = {c: forced.get(c) or _part("conversation", c, settings.seed, shares) for c in conversations}
    only = {part: shares[part] for part in (CALIBRATION, TEST)}
    # Neither trained on nor chosen by: all of it measures.
    only = {part: share / sum(only.values()) for part, share in only.items() if share > 0}
    noise = {
        source: _part("noise", source, settings.seed, only if source in measured_only else shares)
        for source in noise_sources
    }
    return Split(settings.seed, parts, noise, held_out)


def hand_labels_train(conversation: str, settings: SplitConfig) -> bool:
    """Whether hand labels in a conversation are for training (else for the test): known before anybody labels it."""
    return _hash("by people", conversation, settings.seed) < settings.human_labels_for_training


def _part(kind: str, name: str, seed: int, shares: Mapping[str, float]) -> str:
    """Part of an id: its hash against the shares; what is left over is for training."""
    value = _hash(kind, name, seed)
    for part, share in shares.items():
        if value < share:
            return part
        value -= share
    return TRAIN


def _hash(kind: str, name: str, seed: int) -> float:
    """A number in [0, 1) that depends on the arguments only."""
    content = f"{seed}|{kind}|{name}".encode("utf-8", "surrogatepass")
    return int.from_bytes(hashlib.sha256(content).digest()[:7], "big") / 2**56


def _hold_out(
    labelled: Mapping[str, Sequence[str]], settings: SplitConfig, measuring: Sequence[str], wanted: Sequence[str]
) -> dict[str, str]:
    """Entry id to the part that it is held out for, by id: half of them for test, if there is a test part."""
    weights = {part: weight for part, weight in HELD_OUT_WEIGHTS.items() if part in measuring}
    shares = {part: settings.held_out_entries * weight / sum(weights.values()) for part, weight in weights.items()}
    most = LARGEST_SHARE_HELD_OUT * sum(map(len, labelled.values()))
    able = sorted(entry for entry, places in labelled.items() if 0 < len(places) <= most)
    parts = {entry: _part("entry", entry, settings.seed, shares) for entry in able}
    held_out = {entry: part for entry, part in parts.items() if part in wanted}
    for part in wanted:
        limit = math.ceil(MOST_TIMES_SHARE * shares[part] * len(able))
        free = sorted(set(able) - held_out.keys(), key=partial(_hash, f"more {part}", seed=settings.seed))
        mine = [entry for entry, chosen in held_out.items() if chosen == part]
        while free and len(mine) < limit and sum(len(labelled[entry]) for entry in mine) < ENOUGH_NEAR_NOISE:
            mine.append(free.pop(0))
        held_out |= dict.fromkeys(mine, part)
    return held_out
