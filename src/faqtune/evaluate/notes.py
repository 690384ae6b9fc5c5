"""What a scorecard's data cannot support, in plain words: a pure function of the scorecard."""

from __future__ import annotations

import math
from collections.abc import Iterator

from faqtune.evaluate.figures import OSCR_PERCENT, supports_oscr
from faqtune.evaluate.slices import wilson
from faqtune.evaluate.wording import REASONS, Language, figure_name, note_text, separator, stratum_name
from faqtune.scorecard import REJECTION, STRATA, Figure, Scorecard

LEAST_GROUPS = 20
"""Conversations or sources below which intervals are called too narrow: in a simulation of 300 draws
the 95 % interval of recall covered 85 % with 5 conversations, 88 % with 10, 92 % with 15, 93 % with 20."""

LEAST_PASSING = 5
"""Noise sentences that OSCR@f lets through at least, for its interval to hold: in a simulation of
150 draws it covered 69 % where 1 may pass, 89 % where 2 may, 94 % and more from 5 on."""

MOST_NAMED = 5
"""Figures that one note names: of a model that makes no mistake on a small test dozens have no width."""

ACCEPTED = "accepted"
"""The figure of noise alone."""

CLAIMED = 0.01
"""Share of noise that people would like to claim not to be answered."""


Note = tuple[str, dict[str, str | int | float]]
"""Key in `wording.NOTES` and what is filled in."""


def notes(scorecard: Scorecard, language: Language = "en") -> list[str]:
    """Sentences that belong below the table of this scorecard, in `language`."""
    return [note_text(key, language, **values) for source in SOURCES for key, values in source(scorecard, language)]


def _missing_noise(card: Scorecard, language: Language) -> Iterator[Note]:
    missing = [
        stratum for stratum in STRATA if not card.counts[stratum] and not card.counts.get(f"{stratum}/generated")
    ]
    if not any(card.counts[stratum] for stratum in STRATA):
        yield "no_noise", {}
    elif missing:
        yield "missing_strata", {"strata": separator(language).join(stratum_name(s, language) for s in missing)}


def _generated(card: Scorecard, language: Language) -> Iterator[Note]:
    if made := card.counts.get("garbage/generated", 0):
        yield "generated", {"n": made, "stratum": stratum_name("garbage", language)}


def _open_shares(card: Scorecard, language: Language) -> Iterator[Note]:
    """How much of each kind of noise may be answered even where none of what was measured is: 1 - 0.05^(1/n) of n
    sources, the exact bound that the rule of three comes near. Said where it is more than `CLAIMED`."""
    enough = math.ceil(math.log(0.05) / math.log1p(-CLAIMED))
    sources = {stratum: card.counts[f"{stratum}/sources"] for stratum in STRATA if card.counts[stratum]}
    listed = [
        note_text("open_share", language, stratum=stratum_name(name, language), n=n, bound=100 * (1 - 0.05 ** (1 / n)))
        for name, n in sources.items()
        if 0 < n < enough
    ]
    if listed:
        yield "open_shares", {"strata": separator(language).join(listed), "least": enough, "percent": 100 * CLAIMED}


def _few_for_oscr(card: Scorecard, language: Language) -> Iterator[Note]:
    """Kinds of noise for which OSCR@f is not reported, and those where its interval stands on too few sentences."""
    written = {stratum: card.counts[stratum] for stratum in STRATA}
    counts = {stratum: n + card.counts.get(f"{stratum}/generated", 0) for stratum, n in written.items()}
    kinds = {stratum_name(stratum, language): n for stratum, n in counts.items() if n}
    if kinds and list(kinds.values()) != [sum(written.values())]:
        kinds = {note_text("all_noise", language): sum(written.values()), **kinds}
    for percent in OSCR_PERCENT:
        missing = [f"{kind} ({n})" for kind, n in kinds.items() if not supports_oscr(percent, n)]
        shaky = [f"{kind} ({n})" for kind, n in kinds.items() if 100 <= n * percent < 100 * LEAST_PASSING]
        for key, listed, passing in (("few_for_oscr", missing, 1), ("shaky_oscr", shaky, LEAST_PASSING)):
            if listed:
                least = -(-100 * passing // percent)
                yield key, {"percent": percent, "least": least, "strata": separator(language).join(listed)}


def _few_groups(card: Scorecard, language: Language) -> Iterator[Note]:
    conversations = card.counts["conversations"]
    if conversations < LEAST_GROUPS:
        yield "few_conversations", {"n": conversations, "least": LEAST_GROUPS}
    few = [
        note_text(
            "sources_of_stratum",
            language,
            stratum=stratum_name(stratum, language),
            n=card.counts[stratum],
            sources=card.counts[f"{stratum}/sources"],
        )
        for stratum in STRATA
        if 0 < card.counts[f"{stratum}/sources"] < LEAST_GROUPS
    ]
    if few:
        yield "few_sources", {"strata": separator(language).join(few)}


def _no_width(card: Scorecard, language: Language) -> Iterator[Note]:
    """Where all agree, resampling cannot vary: 1 - 0.05^(1/n), "the rule of three", bounds what was not seen."""
    flat = {name: _units(name, figure, card) for name, figure in card.figures.items() if figure.low == figure.high}
    if flat:
        n = min(flat.values())
        names = [figure_name(name, language) for name in flat]
        listed = separator(language).join(names[:MOST_NAMED])
        if more := len(names[MOST_NAMED:]):
            listed = note_text("and_more", language, listed=listed, more=more)
        yield "no_width", {"figures": listed, "n": n, "bound": 100 * (1 - 0.05 ** (1 / n))}


def _units(name: str, figure: Figure, card: Scorecard) -> int:
    """How many independent cases stand behind a figure: at most its rows, conversations and sources of noise."""
    metric, _, stratum = name.partition("/")
    if metric not in (*REJECTION, ACCEPTED):
        return min(figure.n, card.counts["conversations"])
    kinds = [stratum] if stratum in STRATA else STRATA
    sources = sum(card.counts[f"{kind}/sources"] for kind in kinds)
    if stratum == "garbage":
        sources += card.counts.get("garbage/generated", 0)
    return min(figure.n, sources) if metric == ACCEPTED else min(figure.n, sources, card.counts["conversations"])


def _set_on(card: Scorecard, _language: Language) -> Iterator[Note]:
    if (basis := card.threshold_set_on) is not None:
        share = wilson(basis.accepted, basis.noise, basis.sources)
        counts = {"accepted": basis.accepted, "noise": basis.noise, "sources": basis.sources}
        yield "set_on", {"percent": basis.noise_percent, **counts, "low": 100 * share.low, "high": 100 * share.high}


def _silent(card: Scorecard, language: Language) -> Iterator[Note]:
    if card.threshold_cosine is not None and "precision" not in card.figures:
        lead = note_text("silent_lead", language, margin=card.margin_cosine) if card.margin_cosine else ""
        yield "silent", {"threshold": card.threshold_cosine, "lead": lead}


def _excluded(card: Scorecard, language: Language) -> Iterator[Note]:
    if card.excluded:
        listed = separator(language).join(
            f"{REASONS[language].get(reason, reason)} ({n})" for reason, n in card.excluded.items()
        )
        yield "excluded", {"reasons": listed}


SOURCES = (_missing_noise, _generated, _open_shares, _few_for_oscr, _few_groups, _no_width, _set_on, _silent, _excluded)
"""In the order in which they are read."""
