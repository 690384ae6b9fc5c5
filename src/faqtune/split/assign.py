"""Give every conversation, noise source and held-out entry its part, the same one on every run."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable, Mapping

import numpy as np

from faqtune.config import SplitConfig
from faqtune.errors import UserError
from faqtune.records import CALIBRATION, SELECTION, TEST, TRAIN, Split

LARGEST_SHARE_HELD_OUT = 0.05
"""An entry with more than this share of the labels is never held out: training would miss it too much."""


def assign(
    conversations: Iterable[str],
    noise_sources: Iterable[str],
    labelled: Mapping[str, list[str]],
    settings: SplitConfig,
    test_only: Iterable[str] = (),
) -> Split:
    """A Split by hash of (seed, id), so that conversations added later move nothing that was there.

    `labelled` maps an entry id to the conversations with a query of it; entries are held out
    among those that have some. `test_only` conversations (hand labels) always go to the test part.
    Conversations of a held-out entry follow it into its part. Raises UserError if the shares of
    the settings leave nothing for training.
    """
    shares = {SELECTION: settings.selection, CALIBRATION: settings.calibration, TEST: settings.test}
    if sum(shares.values()) >= 1:
        raise UserError(
            "faqtune.toml: split.selection + split.calibration + split.test leave nothing for training",
            "lower them until they add up to less than 1",
        )
    forced = dict.fromkeys(test_only, TEST)
    held_out = _hold_out(labelled, settings)
    for entry, part in held_out.items():
        for conversation in labelled[entry]:
            forced.setdefault(conversation, part)
    parts = {c: forced.get(c) or _part("conversation", c, settings.seed, shares) for c in conversations}
    noise = {source: _part("noise", source, settings.seed, shares) for source in noise_sources}
    return Split(settings.seed, parts, noise, held_out)


def _part(kind: str, name: str, seed: int, shares: Mapping[str, float]) -> str:
    """Part of an id: its hash as a number in [0, 1) against the shares."""
    value = int.from_bytes(hashlib.sha256(f"{seed}|{kind}|{name}".encode()).digest()[:7], "big") / 2**56
    for part, share in shares.items():
        if value < share:
            return part
        value -= share
    return TRAIN


def _hold_out(labelled: Mapping[str, list[str]], settings: SplitConfig) -> dict[str, str]:
    """Entry id to part: half of the held-out entries for test, the rest for selection and calibration."""
    total = sum(Counter({entry: len(places) for entry, places in labelled.items()}).values())
    able = sorted(entry for entry, places in labelled.items() if 0 < len(places) <= LARGEST_SHARE_HELD_OUT * total)
    count = min(round(settings.held_out_entries * len(labelled)), len(able))
    chosen = np.random.default_rng([settings.seed, 7]).permutation(len(able))[:count]
    parts = (TEST, SELECTION, TEST, CALIBRATION)
    return {able[place]: parts[number % len(parts)] for number, place in enumerate(chosen)}
