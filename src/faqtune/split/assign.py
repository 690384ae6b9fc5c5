"""Give every conversation, noise source and held-out entry its part, the same one on every run."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence

from faqtune.config import SplitConfig
from faqtune.errors import UserError
from faqtune.records import CALIBRATION, SELECTION, TEST, TRAIN, Split

LARGEST_SHARE_HELD_OUT = 0.05
"""An entry with more than this share of the labels is never held out: training would miss it too much."""

HELD_OUT_WEIGHTS = {TEST: 2, SELECTION: 1, CALIBRATION: 1}
"""How the held-out entries are shared out among the parts that measure."""


def assign(
    conversations: Iterable[str],
    noise_sources: Iterable[str],
    labelled: Mapping[str, Sequence[str]],
    settings: SplitConfig,
    test_only: Iterable[str] = (),
) -> Split:
    """A Split by hash of (seed, id): what is added later moves nothing that was there.

    `labelled` maps an entry id to the conversations with a query of it, one per query; entries are
    held out among those that have some. Conversations of a held-out entry follow it into its part,
    except `test_only` ones (hand labels), which always go to the test part. So a conversation
    moves only if it gets hand labels, or labels of a held-out entry. Raises UserError if the
    shares of the settings leave nothing for training.
    """
    shares = {SELECTION: settings.selection, CALIBRATION: settings.calibration, TEST: settings.test}
    if sum(shares.values()) > 1 - 1e-9:
        raise UserError(
            "faqtune.toml: split.selection + split.calibration + split.test leave nothing for training",
            "lower them until they add up to less than 1",
        )
    held_out = _hold_out(labelled, settings, [part for part, share in shares.items() if share > 0])
    forced = dict.fromkeys(test_only, TEST)
    for entry, part in held_out.items():
        for conversation in labelled[entry]:
            forced.setdefault(conversation, part)
    parts = {c: forced.get(c) or _part("conversation", c, settings.seed, shares) for c in conversations}
    noise = {source: _part("noise", source, settings.seed, shares) for source in noise_sources}
    return Split(settings.seed, parts, noise, held_out)


def _part(kind: str, name: str, seed: int, shares: Mapping[str, float]) -> str:
    """Part of an id: its hash as a number in [0, 1) against the shares; what is left over is for training."""
    content = f"{seed}|{kind}|{name}".encode("utf-8", "surrogatepass")
    value = int.from_bytes(hashlib.sha256(content).digest()[:7], "big") / 2**56
    for part, share in shares.items():
        if value < share:
            return part
        value -= share
    return TRAIN


def _hold_out(labelled: Mapping[str, Sequence[str]], settings: SplitConfig, measuring: Sequence[str]) -> dict[str, str]:
    """Entry id to the part that it is held out for, by id: half of them for test, if there is a test part."""
    weights = {part: weight for part, weight in HELD_OUT_WEIGHTS.items() if part in measuring}
    shares = {part: settings.held_out_entries * weight / sum(weights.values()) for part, weight in weights.items()}
    most = LARGEST_SHARE_HELD_OUT * sum(map(len, labelled.values()))
    able = sorted(entry for entry, places in labelled.items() if 0 < len(places) <= most)
    parts = {entry: _part("entry", entry, settings.seed, shares) for entry in able}
    return {entry: part for entry, part in parts.items() if part != TRAIN}
