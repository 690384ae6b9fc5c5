from __future__ import annotations

from dataclasses import replace

import pytest
from markupsafe import Markup

from faqtune.report import LabelSummary, RunFacts, RunReport
from faqtune.report.summary import summary
from faqtune.scorecard import Comparison, Difference, Figure


def plain(sentence: Markup) -> str:
    return sentence.striptags()


def with_headline(comparison: Comparison, before: float, after: float, low: float, high: float) -> Comparison:
    """The comparison with an OSCR@5% set by hand."""

    def figure(value: float) -> Figure:
        return Figure(value=value, low=value - 0.05, high=value + 0.04, n=100)

    cards = [
        card.model_copy(update={"figures": {**card.figures, "oscr@5": figure(value)}})
        for card, value in ((comparison.before, before), (comparison.after, after))
    ]
    difference = Difference(value=after - before, low=low, high=high, p=0.01)
    differences = {**comparison.differences, "oscr@5": difference}
    return Comparison(before=cards[0], after=cards[1], differences=differences)


def test_the_headline_in_words(comparison: Comparison) -> None:
    report = RunReport(with_headline(comparison, 0.524, 0.712, 0.14, 0.236))
    english, chinese = summary(report, "en"), summary(report, "zh")
    assert plain(english.sentence) == (
        "Of 100 questions the FAQ covers, 71 are answered correctly when at most 5 of 100 off-topic messages are let"
        " through. Before tuning: 52."
    )
    assert plain(chinese.sentence) == (
        "在每 100 条无关消息最多放过 5 条的前提下，FAQ 能回答的 100 个问题中有 71 个答对；微调前为 52 个。"
    )
    assert (
        english.verdict
        == "Clearly better: +18.8 right answers per 100 questions (95 % interval +14.0\u00a0to\u00a0+23.6)."
    )
    assert [side.interval for side in english.sides] == [
        "95 % interval 47\u00a0to\u00a056",
        "95 % interval 66\u00a0to\u00a075",
    ]
    assert english.mark == "better"


@pytest.mark.parametrize(
    ("after", "low", "high", "mark", "said"),
    [
        (0.55, -0.02, 0.07, "unclear", "It may be chance"),
        (0.40, -0.20, -0.05, "worse", "Keep the model from before"),
        (0.524, 0.0, 0.0, "same", "No difference at all"),
    ],
)
def test_no_gain_is_claimed_that_is_not_clear(
    comparison: Comparison, after: float, low: float, high: float, mark: str, said: str
) -> None:
    found = summary(RunReport(with_headline(comparison, 0.524, after, low, high)), "en")
    assert found.mark == mark
    assert said in found.verdict
    assert "better" not in found.verdict.lower()


def test_without_noise_nothing_is_said_about_rejection(no_noise: Comparison) -> None:
    found = summary(RunReport(no_noise), "en")
    assert plain(found.sentence).startswith("Of 100 questions the FAQ covers, the right entry comes first for ")
    assert found.facts == []
    assert found.measured[0].endswith("No off-topic messages were measured.")
    assert found.warnings[0].startswith("No noise was measured")


def test_a_comparison_without_common_figures_says_so(comparison: Comparison) -> None:
    found = summary(RunReport(comparison.model_copy(update={"differences": {}})), "zh")
    assert plain(found.sentence) == "没有可供比较的指标。"
    assert found.sides == [] and found.verdict == ""


def test_what_was_measured_is_counted(report: RunReport) -> None:
    assert summary(report, "en").measured[0] == (
        "Measured on 200 questions from 100 conversations against 5 entries, and on 222 off-topic messages"
        " (120 everyday chatter, 60 another domain, 30 own domain, unsupported, 12 garbage and very short)."
    )


@pytest.mark.parametrize(
    ("measured", "said"),
    [
        ({}, "not recorded"),
        ({"human:li": 150, "human:wang": 50}, "All test labels were set by people."),
        (
            {"human:li": 150, "reply_rules": 40, "llm:qwen": 10},
            "50 of 200 test labels were set by machine (reply_rules, llm:qwen)",
        ),
        ({"reply_rules": 0, "human:li": 1}, "All test labels were set by people."),
    ],
)
def test_weak_labels_are_named(report: RunReport, measured: dict[str, int], said: str) -> None:
    labelled = replace(report, labels=LabelSummary(measured=measured))
    assert said in summary(labelled, "en").measured[1]


def test_labels_of_today_say_nothing_of_figures_from_before(report: RunReport, comparison: Comparison) -> None:
    """Hand labels came after it was measured on those of the rules."""
    by_people = LabelSummary(measured={"human:li": 31})
    for part, said in (("test (weak labels)", "not recorded"), ("test (hand labels)", "set by people")):
        after = comparison.after.model_copy(update={"part": part})
        page = replace(report, comparison=comparison.model_copy(update={"after": after}), labels=by_people)
        assert said in summary(page, "en").measured[1]


@pytest.mark.parametrize(("answers_from", "is_warned"), [(None, False), (0.67891, False), (0.7, True)])
def test_figures_at_a_threshold_that_nobody_answers_at_are_said_to_be_that(
    comparison: Comparison, answers_from: float | None, is_warned: bool
) -> None:
    figures = {name: Figure(value=0.5, low=0.4, high=0.6, n=100) for name in ("answered", "precision", "accepted")}
    update = {"threshold_cosine": 0.6789, "figures": {**comparison.after.figures, **figures}}
    after = comparison.after.model_copy(update=update)
    run = RunFacts(name=after.model, answers_from=answers_from)
    found = summary(RunReport(comparison.model_copy(update={"after": after}), run=run), "en")
    assert any("answers from a cosine of 0.7000 on" in warning for warning in found.warnings) == is_warned
    assert any("As it is set now" in plain(sentence) for _, sentence in found.facts) != is_warned


def test_figures_on_data_that_chose_the_model_are_warned_of(comparison: Comparison) -> None:
    chosen = comparison.model_copy(update={"after": comparison.after.model_copy(update={"part": "selection"})})
    assert "selection" in summary(RunReport(chosen), "en").warnings[0]


def test_a_part_is_warned_of_whoever_labelled_it(comparison: Comparison) -> None:
    named = {"update": {"part": "calibration (weak labels)"}}
    chosen = comparison.model_copy(update={"after": comparison.after.model_copy(**named)})
    assert "calibration (weak labels)" in summary(RunReport(chosen), "en").warnings[0]
    assert "校准集（机器标注）" in summary(RunReport(chosen), "zh").warnings[0]


@pytest.mark.parametrize(
    ("run", "said"),
    [
        (RunFacts(status="done", best_stage=0, best_step=0), "the original was kept"),
        (RunFacts(status="interrupted"), "did not finish (status: interrupted)"),
    ],
)
def test_a_run_that_brought_nothing_is_warned_of(comparison: Comparison, run: RunFacts, said: str) -> None:
    assert said in summary(RunReport(comparison, run=run), "en").warnings[0]


def test_what_the_data_cannot_support_is_on_the_first_screen(report: RunReport) -> None:
    assert any("OSCR@1%" in warning for warning in summary(report, "en").warnings)


def test_beside_the_headline_stands_what_the_model_does_as_it_is_set(comparison: Comparison) -> None:
    def figure(value: float) -> Figure:
        return Figure(value=value, low=value, high=value, n=100)

    set_by_hand = {"answered": figure(0.875), "precision": figure(0.9), "accepted": figure(0.123)}
    after = comparison.after.model_copy(
        update={"threshold_cosine": 0.6789, "figures": {**comparison.after.figures, **set_by_hand}}
    )
    report = RunReport(comparison.model_copy(update={"after": after}))
    told = {language: [plain(sentence) for _, sentence in summary(report, language).facts] for language in ("en", "zh")}
    assert (
        "As it is set now, to answer from cosine 0.679 on: of 100 questions 79 are answered rightly, 9 wrongly, and 12"
        " are not answered; 12 of 100 off-topic messages are answered. The headline is that of the threshold which"
        " would suit these test messages."
    ) in told["en"]
    assert any(
        "每 100 个问题答对 79 个、答错 9 个、未作答 12 个；每 100 条无关消息误答 12 条" in one for one in told["zh"]
    )
    unset = RunReport(comparison.model_copy(update={"after": after.model_copy(update={"threshold_cosine": None})}))
    assert not any("As it is set now" in plain(sentence) for _, sentence in summary(unset, "en").facts)
    led = after.model_copy(update={"margin_cosine": 0.05})
    with_lead = RunReport(comparison.model_copy(update={"after": led}))
    assert any(
        "from cosine 0.679 on where the best entry leads the second by 0.050: of 100" in plain(sentence)
        for _, sentence in summary(with_lead, "en").facts
    )
    assert any(
        "0.679 起作答，且最佳条目须比第二名高出 0.050）" in plain(sentence)
        for _, sentence in summary(with_lead, "zh").facts
    )
