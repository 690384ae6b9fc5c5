"""The certificate on the page, in both languages."""

from __future__ import annotations

from dataclasses import replace

import pytest

from faqtune.report import PROMISE_WORDS, RunReport, report_html
from faqtune.report.promises import promises

CERTIFICATE = {
    "certified": False,
    "threshold_cosine": 0.8125,
    "confidence": 0.95,
    "promises": [
        {"what": "noise/chatter", "at_most": 0.05, "bound": 0.0312, "observed": 0.01, "units": 210, "kept": True},
        {"what": "wrong", "at_most": 0.1, "bound": 0.25, "observed": 0.2, "units": 80, "kept": False},
    ],
}


def test_every_promise_is_a_row_with_its_bound():
    found = promises(CERTIFICATE, "en")
    assert found.rows[0] == (("everyday chatter answered", "5 %", "3.1 %", "1.0 %", "210"), "better", "kept")
    assert found.rows[1][1:] == ("worse", "not kept")
    assert "0.812" in found.sentence and "Not all" in found.sentence and found.header[0] == "with 95 % confidence"


def test_both_languages_have_the_same_words():
    assert PROMISE_WORDS["en"].keys() == PROMISE_WORDS["zh"].keys()


@pytest.mark.parametrize("certificate", [CERTIFICATE, None])
def test_the_section_is_there_where_there_is_a_certificate(report: RunReport, certificate: dict[str, object] | None):
    page = report_html(replace(report, certificate=certificate))
    for title in ("Promises of the threshold", "阈值的承诺", "被作答的日常闲聊"):
        assert (title in page) == (certificate is not None)
