"""The first screen in words: what got better, what it was measured on, and what to be careful with."""

from __future__ import annotations

from dataclasses import dataclass

from markupsafe import Markup

from faqtune.evaluate import format_comparison
from faqtune.evaluate.wording import Language, points, separator, stratum_name
from faqtune.records import CALIBRATION, SELECTION, TRAIN
from faqtune.report.charts import hundred
from faqtune.report.data import LabelSummary, RunFacts, RunReport
from faqtune.report.general import fact as general_fact
from faqtune.report.names import FILES, STATES, part_name
from faqtune.report.promises import fact as promised_fact
from faqtune.report.promises import strange
from faqtune.report.verdict import Change, change, headline
from faqtune.report.words import HEADLINE, MEASURED
from faqtune.runs import FINISHED
from faqtune.scorecard import SAME_COSINE, STRATA, Scorecard

KEY_FACTS = ("recall@1", "fpr95", "precision")
WEAK = "(weak labels)"
"""Ends the name of a part that is measured on labels of machines too."""
PARTS_IN_USE = (TRAIN, SELECTION, CALIBRATION)
"""A model has been fitted to these parts or chosen with them: figures on them flatter."""


@dataclass(frozen=True, slots=True)
class Side:
    """One of the two hundreds of dots: its count, its interval in words, and the drawing."""

    name: str
    count: int
    interval: str
    dots: Markup


@dataclass(frozen=True, slots=True)
class Summary:
    """`mark` as in the table; `facts` are (mark, sentence); `sides` is empty where nothing was measured."""

    sentence: Markup
    verdict: str
    mark: str
    sides: list[Side]
    facts: list[tuple[str, Markup]]
    measured: list[str]
    warnings: list[str]


def summary(report: RunReport, language: Language) -> Summary:
    """All that a service manager reads. Counts of 100 are rounded to whole questions."""
    words, comparison = HEADLINE[language], report.comparison
    lead = headline(comparison)
    notes = format_comparison(comparison, language).notes
    facts = [
        (found.mark, _with_counts(words[name], found))
        for name in KEY_FACTS
        if (found := change(comparison, name)) and found != lead
    ]
    is_set = _answers_elsewhere(report.run, comparison.after) is None
    if lead and is_set and lead.name.startswith("oscr") and (as_set := _as_set(comparison.after, language)):
        facts.append(("", as_set))
    if report.certificate and not strange(report.certificate, comparison.after, language):
        mark, said = promised_fact(report.certificate, language)
        facts.append((mark, Markup("{}").format(said)))
    if report.general:
        mark, said = general_fact(report.general, language)
        facts.append((mark, Markup("{}").format(said)))
    return Summary(
        sentence=_lead_sentence(lead, language),
        verdict=_verdict(lead, language) if lead else "",
        mark=lead.mark if lead else "",
        sides=_sides(lead, language) if lead else [],
        facts=facts,
        measured=[_data_words(comparison.after, language), _label_words(report.labels, comparison.after, language)],
        warnings=[*_run_warnings(report.run, comparison.after, language), *notes],
    )


def _answers_elsewhere(run: RunFacts, card: Scorecard) -> float | None:
    """The cosine from which on the run answers, if that is another than the figures are at."""
    if run.answers_from is None or card.threshold_cosine is None or card.model != run.name:
        return None
    return None if abs(run.answers_from - card.threshold_cosine) < SAME_COSINE else run.answers_from


def _as_set(card: Scorecard, language: Language) -> Markup | None:
    """What the model does at its own threshold, which was not set on these data; None without one."""
    if card.threshold_cosine is None or not {"answered", "precision", "accepted"} <= card.figures.keys():
        return None
    answered, precision, accepted = (card.figures[name].value for name in ("answered", "precision", "accepted"))
    right, passed = _of_hundred(answered * precision), _of_hundred(1 - answered)
    words = HEADLINE[language]
    return Markup(words["as_set"]).format(
        threshold=f"{card.threshold_cosine:.3f}",
        lead=words["as_set_lead"].format(margin=f"{card.margin_cosine:.3f}") if card.margin_cosine else "",
        right=Markup('<strong class="value-after">{}</strong>').format(right),
        wrong=max(0, 100 - right - passed),
        passed=passed,
        accepted=_of_hundred(accepted),
    )


def _lead_sentence(lead: Change | None, language: Language) -> Markup:
    words = HEADLINE[language]
    if lead is None:
        return Markup("{}").format(words["nothing"])
    metric, _, percent = lead.name.partition("@")
    return _with_counts(words["oscr" if metric == "oscr" else "recall"], lead, percent=percent)


def _with_counts(sentence: str, found: Change, **values: str) -> Markup:
    """The sentence with both counts of 100 in it, set off by their class."""
    counts = {
        side: Markup('<strong class="value-{}">{}</strong>').format(side, _of_hundred(figure.value))
        for side, figure in (("before", found.before), ("after", found.after))
    }
    return Markup(sentence).format(**counts, **values)


def _verdict(lead: Change, language: Language) -> str:
    d = lead.difference
    return HEADLINE[language][lead.mark].format(change=points(d.value), low=points(d.low), high=points(d.high))


def _sides(lead: Change, language: Language) -> list[Side]:
    words = HEADLINE[language]
    sides = []
    for name, figure in (("before", lead.before), ("after", lead.after)):
        count = _of_hundred(figure.value)
        interval = words["interval"].format(low=_of_hundred(figure.low), high=_of_hundred(figure.high))
        sides.append(Side(name, count, interval, hundred(count, name, language)))
    return sides


def _of_hundred(share: float) -> int:
    return round(100 * share)


def _data_words(card: Scorecard, language: Language) -> str:
    words = MEASURED[language]
    strata = [
        words["stratum"].format(count=card.counts[stratum], name=stratum_name(stratum, language))
        for stratum in STRATA
        if card.counts.get(stratum)
    ]
    noise = sum(card.counts.get(stratum, 0) for stratum in STRATA)
    counted = {name: card.counts.get(name, 0) for name in ("queries", "conversations", "entries")}
    listed = separator(language).join(strata)
    return words["data" if noise else "data_no_noise"].format(**counted, noise=noise, strata=listed)


def _label_words(labels: LabelSummary | None, card: Scorecard, language: Language) -> str:
    words = MEASURED[language]
    if labels is None or not labels.measured:
        return words["unknown"]
    machine = {by: count for by, count in labels.measured.items() if not by.startswith("human:")}
    if not any(machine.values()):
        # They are today's; the page may be older.
        return words["unknown" if card.part.endswith(WEAK) else "hand"]
    return words["weak"].format(
        weak=sum(machine.values()), total=sum(labels.measured.values()), sources=separator(language).join(machine)
    )


def _run_warnings(run: RunFacts, card: Scorecard, language: Language) -> list[str]:
    words, warnings = MEASURED[language], []
    if card.part.partition(" (")[0] in PARTS_IN_USE:
        warnings.append(words["not_test"].format(part=part_name(card.part, language)))
    if run.best_stage == 0:
        warnings.append(words["base_kept"])
    if run.changed:
        files = separator(language).join(FILES[language].get(name, name) for name in run.changed)
        warnings.append(words["changed"].format(files=files))
    if (answers_from := _answers_elsewhere(run, card)) is not None:
        found = {"answers_from": answers_from, "threshold": card.threshold_cosine}
        warnings.append(words["answers_elsewhere"].format(**found))
    if run.status and run.status not in FINISHED:
        warnings.append(words["interrupted"].format(status=STATES[language].get(run.status, run.status)))
    return warnings
