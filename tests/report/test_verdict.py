from __future__ import annotations

from faqtune.evaluate import format_comparison
from faqtune.evaluate.wording import TABLE, figure_name
from faqtune.report.figure_rows import figure_rows
from faqtune.report.verdict import change, headline, mark_of, narrowed, overall, scope_changes
from faqtune.scorecard import Comparison, Difference


def test_oscr_at_5_leads_and_ranking_stands_in_for_it(comparison: Comparison, no_noise: Comparison) -> None:
    lead, stand_in = headline(comparison), headline(no_noise)
    assert lead and lead.name == "oscr@5"
    assert stand_in and stand_in.name == "recall@1"
    nothing = no_noise.model_copy(update={"differences": {}})
    assert headline(nothing) is None


def test_marks_are_those_of_the_table(comparison: Comparison) -> None:
    marks = {row[0]: row[-1] for row in format_comparison(comparison, "zh").rows}
    for name in comparison.differences:
        found = change(comparison, name)
        assert found and TABLE["zh"][found.mark] == marks[figure_name(name, "zh")]


def test_more_noise_accepted_is_worse(comparison: Comparison) -> None:
    risen = Difference(value=0.2, low=0.1, high=0.3, p=0.01)
    differences = {**comparison.differences, "fpr95": risen, "recall@1": risen}
    turned = comparison.model_copy(update={"differences": differences})
    fpr95, recall = change(turned, "fpr95"), change(turned, "recall@1")
    assert fpr95 and fpr95.mark == "worse"
    assert recall and recall.mark == "better"


def test_a_mean_cosine_has_no_mark() -> None:
    assert mark_of("") == ""


def test_narrowing_and_leaving_out_strata_share_every_figure_out_once(comparison: Comparison) -> None:
    strata = ("chatter", "other_domain", "unsupported", "garbage")
    found = list(overall(comparison).differences)
    for stratum in strata:
        part = narrowed(comparison, stratum)
        for name, difference in part.differences.items():
            assert difference == comparison.differences[f"{name}/{stratum}"]
            assert part.after.figures[name] == comparison.after.figures[f"{name}/{stratum}"]
        assert part.before.means == {"unrelated": comparison.before.means[f"unrelated/{stratum}"]}
        found += [f"{name}/{stratum}" for name in part.differences]
    assert sorted(found) == sorted(comparison.differences)


def test_a_threshold_is_told_once_and_not_for_every_stratum(comparison: Comparison) -> None:
    calibrated = [card.model_copy(update={"threshold_cosine": 0.6}) for card in (comparison.before, comparison.after)]
    both = comparison.model_copy(update={"before": calibrated[0], "after": calibrated[1]})
    assert overall(both).after.threshold_cosine == 0.6
    assert narrowed(both, "chatter").after.threshold_cosine is None


def test_strata_too_small_for_the_figure_are_not_drawn(comparison: Comparison) -> None:
    assert [stratum for stratum, _ in scope_changes(comparison)] == ["chatter", "other_domain", "unsupported"]


def test_the_headline_s_own_p_is_not_corrected_for_the_others(comparison: Comparison) -> None:
    """It was named before anything was measured; any other figure needs a correction for having been looked at."""
    moved = comparison.differences["oscr@5"].model_copy(update={"low": 0.01, "high": 0.2, "p": 0.03, "p_holm": 0.6})
    other = comparison.differences["recall@1"].model_copy(update={"low": 0.01, "high": 0.2, "p": 0.03, "p_holm": 0.6})
    told = comparison.model_copy(update={"differences": {**comparison.differences, "oscr@5": moved, "recall@1": other}})
    rows = {row.name: row for row in figure_rows(told, "en")}
    lead, second = rows[figure_name("oscr@5", "en")], rows[figure_name("recall@1", "en")]
    assert (lead.mark, lead.verdict) == ("better", "better") and "p 0.030" in lead.cells[2].interval
    assert (second.mark, second.verdict) == ("better alone", "better*") and "p 0.600" in second.cells[2].interval
