"""The certificate on the page, in both languages."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from faqtune.report import PROMISE_WORDS, RunReport, report_html, report_markdown
from faqtune.report.promises import fact, promises
from faqtune.report.sheet import FigureTable, Section, Sheet
from faqtune.report.summary import summary
from faqtune.scorecard import Comparison

OLD = {
    "certified": True,
    "threshold_cosine": 0.8125,
    "confidence": 0.95,
    "promises": [{"what": "wrong", "at_most": 0.1, "bound": 0.05, "observed": 0.02, "units": 80, "kept": True}],
}
"""What the first version of the certificate held."""


def texts(found: Sheet | FigureTable) -> list[tuple[str, ...]]:
    assert isinstance(found, Sheet)
    return [tuple(cell.whole for cell in row) for row in found.rows]


def facts(found: Section) -> dict[str, str]:
    return {f"{caption}: {name}": cell.whole for caption, rows in found.facts for name, cell in rows}


def test_every_promise_is_a_row_with_its_bound(certificate: dict[str, Any], comparison: Comparison) -> None:
    found = promises(certificate, comparison.after, "en")
    rows = texts(found.sheets[0])
    assert rows[0] == ("everyday chatter answered", "5.0", "4.3", "1.0", "90", "kept")
    assert rows[1][-1] == "not kept"
    assert found.sheets[0].header[0] == "with 95 % confidence"
    assert "0.512" in found.reading and "Not all" in found.reading and "leads the second by 0.020" in found.reading


@pytest.mark.parametrize(("confidence", "said"), [(0.95, "95"), (0.57, "57"), (0.999, "99.9"), (0.975, "97.5")])
def test_a_confidence_is_not_rounded_to_certainty(comparison: Comparison, confidence: float, said: str) -> None:
    certificate = OLD | {"confidence": confidence}
    assert f"Certified with {said} % confidence" in fact(certificate, "en")[1]
    assert f"以 {said}% 的置信度" in fact(certificate, "zh")[1]
    headers = [promises(certificate, comparison.after, language).sheets[0].header[0] for language in ("en", "zh")]
    assert headers == [f"with {said} % confidence", f"置信度 {said}%"]


def test_what_the_test_part_showed_is_there_by_kind_of_noise(
    certificate: dict[str, Any], comparison: Comparison
) -> None:
    rows = texts(promises(certificate, comparison.after, "zh").sheets[1])
    assert rows == [("阈值处作答的客户问题", "43.0 [38.0, 48.0]"), ("阈值处误答的噪声：日常闲聊", "0.9 [0.0, 2.2]")]


def test_a_promise_is_held_against_the_test_part_by_what_it_was_promised_of(
    certificate: dict[str, Any], comparison: Comparison
) -> None:
    certificate["test"]["promises"] = {"noise/chatter": {"value": 0.031, "low": 0.004, "high": 0.062}}
    found = promises(certificate, comparison.after, "en").sheets[0]
    rows = texts(found)
    assert rows[0] == ("everyday chatter answered", "5.0", "4.3", "1.0", "90", "3.1 [0.4, 6.2]", "kept")
    assert {row[5] for row in rows[1:]} == {""}
    assert (found.header[5], len(found.header)) == ("seen in the test %", 7)


def test_the_paired_test_has_both_p_and_a_star_where_correction_takes_it_back(
    certificate: dict[str, Any], comparison: Comparison
) -> None:
    paired = promises(certificate, comparison.after, "en").sheets[2]
    assert isinstance(paired, FigureTable)
    first, second = paired.groups[0][1]
    assert [cell.text for cell in first.cells] == ["+7.5", "< 0.001", "0.031"]
    assert (first.mark, first.verdict) == ("better", "better")
    assert (second.mark, second.verdict) == ("better alone", "better*")


def test_the_figure_to_look_at_first_has_no_star(certificate: dict[str, Any], comparison: Comparison) -> None:
    """As in the table of all figures on the same page."""
    certificate["better_than_base"]["oscr@5"]["p_holm"] = 0.37
    first = promises(certificate, comparison.after, "en").sheets[2].groups[0][1][0]  # type: ignore[union-attr]
    assert (first.mark, first.verdict, first.cells[2].text) == ("better", "better", "0.370")


def test_threshold_margin_data_model_and_date_are_named(certificate: dict[str, Any], comparison: Comparison) -> None:
    found = facts(promises(certificate, comparison.after, "en"))
    assert found == {
        "Where it answers: threshold, cosine": "0.5123",
        "Where it answers: margin between first and second, cosine": "0.020",
        "Where it answers: margins tried": "0.00, 0.01, 0.02, 0.05, 0.10",
        "Where it answers: confidence, %": "95.0",
        "Set on the calibration part: questions": "129",
        "Set on the calibration part: noise sentences": "185",
        "Set on the calibration part: answered of these questions, %": "51.2",
        "Set on the calibration part: answered correctly, %": "35.7",
        "Made: date": "2026-11-24T08:00:00+00:00",
        "Made: model": "runs/2026-11-23-default-3f2a/model",
        "Made: original model": "BAAI/bge-m3",
        "Made: faqtune": "0.1.0",
        "Digests of the certificate (sha256): model": "5d1e" * 16,
        "Digests of the certificate (sha256): calibration data": "ca11" * 16,
        "Digests of the certificate (sha256): test data": "7e57" * 16,
        "Digests of the certificate (sha256): catalogue": "9f2c" * 16,
        "Digests of the certificate (sha256): queries": "5cb4" * 16,
    }


def test_a_certificate_of_another_model_or_of_other_data_is_told(
    certificate: dict[str, Any], comparison: Comparison
) -> None:
    same = comparison.after.model_copy(update={"model_digest": "5d1e" * 16, "digest": "7e57" * 16})
    assert "another state" not in promises(certificate, same, "en").reading
    assert "other data" not in promises(certificate, same, "en").reading
    moved = same.model_copy(update={"model_digest": "0" * 64, "digest": "1" * 64})
    reading = promises(certificate, moved, "en").reading
    assert "another state of the model" in reading and "are of other data" in reading


def test_an_older_certificate_is_shown_without_what_it_does_not_hold(comparison: Comparison) -> None:
    found = promises(OLD, comparison.after, "en")
    assert len(found.sheets) == 1 and "All promises are kept" in found.reading
    assert "No paired test" in found.reading and "leads the second" not in found.reading
    assert [caption for caption, _ in found.facts] == ["Where it answers"]


def test_a_promise_that_the_test_part_speaks_against_is_not_told_as_if_it_held(
    certificate: dict[str, Any], comparison: Comparison
) -> None:
    kept = certificate | {"certified": True, "promises": [one | {"kept": True} for one in certificate["promises"]]}
    seen = {"noise/chatter": {"value": 0.295, "low": 0.233, "high": 0.36}}
    against = kept | {"test": kept["test"] | {"promises": seen}}
    told = "In the test part, however, everyday chatter answered: 29.5 % [23.3, 36.0] instead of at most 5 %."
    mark, sentence = fact(against, "en")
    assert mark == "worse" and told in sentence and told in promises(against, comparison.after, "en").reading
    assert "但在测试集上，被作答的日常闲聊为 29.5% [23.3, 36.0]，超过承诺的 5%" in fact(against, "zh")[1]
    # An interval that holds what was promised speaks against nothing.
    seen["noise/chatter"]["low"] = 0.05
    assert fact(against, "en")[0] == "better" and "however" not in promises(against, comparison.after, "en").reading


def test_both_languages_have_the_same_words() -> None:
    assert PROMISE_WORDS["en"].keys() == PROMISE_WORDS["zh"].keys()


@pytest.mark.parametrize("is_there", [True, False])
def test_the_section_is_there_where_there_is_a_certificate(report: RunReport, is_there: bool) -> None:
    shown = report if is_there else replace(report, certificate=None)
    page, text = report_html(shown), report_markdown(shown, "zh")
    for words in ("Release certificate", "上线证书", "被作答的日常闲聊"):
        assert (words in page) == is_there
    assert ("## 上线证书" in text) == is_there and ("ca11" * 16 in text) == is_there


def test_the_old_certificate_still_makes_a_page(report: RunReport) -> None:
    assert "All promises are kept" in report_html(replace(report, certificate=json.loads(json.dumps(OLD))))


def test_the_first_screen_says_what_is_promised_or_what_is_not_kept(certificate: dict[str, Any]) -> None:
    assert fact(certificate, "en") == (
        "worse",
        "Not certified: answers that are wrong, up to 25.0 % instead of 10 %.",
    )
    kept = certificate | {"certified": True, "promises": [one | {"kept": True} for one in certificate["promises"]]}
    assert fact(kept, "zh") == (
        "better",
        "对同类数据，以 95% 的置信度承诺：被作答的日常闲聊至多 5%；答错的回答至多 10%。",
    )


def test_the_first_screen_is_silent_about_a_certificate_of_another_model_or_other_data(report: RunReport) -> None:
    assert report.certificate is not None
    told = [sentence for _, sentence in summary(report, "en").facts]
    assert not any("ertified" in sentence for sentence in told)  # its test data are not those of the page
    own = dict(report.certificate) | {"test": {"digest": report.comparison.after.digest, "figures": {}}}
    told = [sentence for _, sentence in summary(replace(report, certificate=own), "en").facts]
    assert any(sentence.startswith("Not certified: ") for sentence in told)
