"""The certificate of a threshold: where is answered, what is promised and seen, and what all of it was made from."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from faqtune.evaluate import difference_mark
from faqtune.evaluate.certify import contradicted
from faqtune.evaluate.wording import Language, figure_name
from faqtune.report.names import FILES
from faqtune.report.promise_words import WORDS
from faqtune.report.sheet import (
    Cell,
    Facts,
    FigureRow,
    FigureTable,
    Row,
    Section,
    Sheet,
    change,
    count,
    figure,
    number,
    p_value,
    percent,
    pointer,
    sentences,
    sheet,
    words,
)
from faqtune.report.verdict import HEADLINES, judged
from faqtune.report.words import PAGE
from faqtune.scorecard import Difference, Scorecard


def promises(certificate: Mapping[str, Any], measured: Scorecard, language: Language) -> Section:
    """What `certificate.json` says, for people; what an older one does not hold is left out.

    `measured`: the scorecard of the page, to tell whether the certificate is of the same model and data.
    """
    say = WORDS[language]
    state = say["certified" if certificate["certified"] else "not_certified"]
    margin = certificate.get("margin_cosine") or 0.0
    reading = [
        state.format(threshold=certificate["threshold_cosine"]),
        say["lead"].format(margin=margin) if margin else "",
        "" if certificate.get("better_than_base") else say["unpaired"],
        *_against(certificate, language),
        *strange(certificate, measured, language),
    ]
    sheets = [
        _promised(certificate, say, language),
        _tested(certificate, say, language),
        _paired(certificate, language),
    ]
    facts = [
        (say["where"], _where(certificate, say)),
        (say["set_on"], _set_on(certificate, say)),
        (say["made"], _made(certificate, say)),
        (say["digests"], _digests(certificate, language)),
    ]
    return Section(
        "promises",
        say["promises"],
        sentences(language, *reading),
        sheets=[found for found in sheets if found],
        facts=[(caption, rows) for caption, rows in facts if rows],
    )


def fact(certificate: Mapping[str, Any], language: Language) -> tuple[str, str]:
    """(mark, sentence): what may be relied on, for the first screen; where promises are missed, those."""
    say, kept = WORDS[language], certificate["certified"]
    told = [
        say["promise" if kept else "break"].format(
            what=say[promise["what"]], at_most=100 * promise["at_most"], bound=100 * promise["bound"]
        )
        for promise in certificate["promises"]
        if kept or not promise["kept"]
    ]
    joined = ("；" if language == "zh" else "; ").join(told)
    whole = say["promised" if kept else "broken"].format(confidence=100 * certificate["confidence"], promises=joined)
    against = _against(certificate, language)
    return "better" if kept and not against else "worse", sentences(language, whole, *against)


def _against(certificate: Mapping[str, Any], language: Language) -> list[str]:
    """A sentence for each promise that was kept and that the test part speaks against all the same."""
    say = WORDS[language]
    kept = {promise["what"]: promise["at_most"] for promise in certificate["promises"] if promise["kept"]}
    of_test = certificate.get("test", {}).get("promises", {})
    seen = {what: (found["value"], found["low"], found["high"]) for what, found in of_test.items()}
    return [
        say["against"].format(
            what=say[what], value=100 * value, low=100 * low, high=100 * high, at_most=100 * kept[what]
        )
        for what, (value, low, high) in contradicted(kept, seen).items()
    ]


def strange(certificate: Mapping[str, Any], measured: Scorecard, language: Language) -> list[str]:
    """What does not belong together, where both sides say what they are of."""
    say = WORDS[language]
    of_model, of_test = certificate.get("model_digest", ""), certificate.get("test", {}).get("digest", "")
    found = []
    if of_model and measured.model_digest and of_model != measured.model_digest:
        found.append(say["other_model"])
    if of_test and measured.digest and of_test != measured.digest:
        found.append(say["other_data"])
    return found


def _promised(certificate: Mapping[str, Any], say: Mapping[str, str], language: Language) -> Sheet:
    """What the test part showed of a promise is counted by conversations and sources, as it was promised."""
    rows: list[Row] = []
    on_test = certificate.get("test", {}).get("promises", {})
    for place, promise in enumerate(certificate["promises"]):
        at = ("certificate", "promises", place)
        shares = (percent(promise[name], pointer(*at, name)) for name in ("at_most", "bound", "observed"))
        verdict = ("kept", "better") if promise["kept"] else ("missed", "worse")
        units = count(promise["units"], pointer(*at, "units"))
        what = promise["what"]
        seen = [figure(on_test.get(what), pointer("certificate", "test", "promises", what))] * bool(on_test)
        rows.append((words(say[what]), *shares, units, *seen, Cell(say[verdict[0]], mark=verdict[1])))
    header = (
        say["what"].format(confidence=100 * certificate["confidence"]),
        *(say[name] for name in ("at_most", "bound", "observed", "units")),
        *[say["value"]] * bool(on_test),
        PAGE[language]["mark"],
    )
    return sheet(say["table"], header, rows)


def _tested(certificate: Mapping[str, Any], say: Mapping[str, str], language: Language) -> Sheet | None:
    figures = certificate.get("test", {}).get("figures", {})
    rows = [
        (words(figure_name(name, language)), figure(found, pointer("certificate", "test", "figures", name)))
        for name, found in figures.items()
    ]
    return sheet(say["test"], [PAGE[language]["metric"], say["value"]], rows) if rows else None


def _paired(certificate: Mapping[str, Any], language: Language) -> FigureTable | None:
    say, page = WORDS[language], PAGE[language]
    rows = []
    for name, found in (certificate.get("better_than_base") or {}).items():
        source = pointer("certificate", "better_than_base", name)
        cells = (
            change(found, source),
            p_value(found.get("p"), f"{source}/p"),
            p_value(found.get("p_holm"), f"{source}/p_holm"),
        )
        mark = difference_mark(name, Difference(**found))
        # As on the rest of the page: the figure to look at first is tested by itself.
        p = found.get("p" if name == HEADLINES[0] else "p_holm")
        rows.append(FigureRow(figure_name(name, language), cells, *judged(mark, p, language)))
    header = (page["metric"], page["difference"], say["p"], say["p_holm"], page["mark"])
    return FigureTable(say["paired"], header, [("", rows)]) if rows else None


def _where(certificate: Mapping[str, Any], say: Mapping[str, str]) -> Facts:
    tried = certificate.get("margins_tried") or []
    return [
        (say["threshold"], number(certificate["threshold_cosine"], pointer("certificate", "threshold_cosine"), 4)),
        *_named(certificate, say, ("margin", "margin_cosine", 3)),
        *(
            [(say["margins_tried"], Cell(", ".join(f"{each:.2f}" for each in tried), "", "/certificate/margins_tried"))]
            if len(tried) > 1
            else []
        ),
        (say["confidence"], percent(certificate["confidence"], pointer("certificate", "confidence"))),
    ]


def _named(certificate: Mapping[str, Any], say: Mapping[str, str], row: tuple[str, str, int]) -> Facts:
    name, key, digits = row
    return [(say[name], number(certificate[key], pointer("certificate", key), digits))] if key in certificate else []


def _set_on(certificate: Mapping[str, Any], say: Mapping[str, str]) -> Facts:
    found, at = certificate.get("calibration", {}), ("certificate", "calibration")
    counted = [
        (say[name], count(found[key], pointer(*at, key)))
        for name, key in (("queries", "queries"), ("noise_count", "noise"))
        if key in found
    ]
    return counted + [
        (say[key], percent(found[key], pointer(*at, key))) for key in ("answered", "right") if key in found
    ]


def _made(certificate: Mapping[str, Any], say: Mapping[str, str]) -> Facts:
    keys = (("date", "made"), ("model", "run"), ("base", "base"), ("version", "faqtune"))
    return [
        (say[name], Cell(str(certificate[key]), "", pointer("certificate", key)))
        for name, key in keys
        if key in certificate
    ]


def _digests(certificate: Mapping[str, Any], language: Language) -> Facts:
    say = WORDS[language]
    places = [("model_digest", ("model_digest",)), ("calibration_digest", ("calibration", "digest"))]
    places.append(("test_digest", ("test", "digest")))
    rows = []
    for name, keys in places:
        found: Any = certificate
        for key in keys:
            found = found.get(key) or {}
        if found:
            rows.append((say[name], Cell(str(found), "", pointer("certificate", *keys))))
    files = certificate.get("files", {})
    named = (
        (FILES[language].get(name, name), found, pointer("certificate", "files", name)) for name, found in files.items()
    )
    return [*rows, *((name, Cell(found, "", source)) for name, found, source in named)]
