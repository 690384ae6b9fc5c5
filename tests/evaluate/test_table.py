"""What people read: the same numbers in every output, in both languages, with plain notes below."""

import dataclasses

import pytest

from faqtune.commands.project.adhoc import SEEN, SET_THE_THRESHOLD, TRAINED
from faqtune.evaluate import (
    compare,
    difference_mark,
    evaluate,
    format_comparison,
    format_scorecard,
    markdown,
    measure,
    plain_text,
)
from faqtune.evaluate.notes import notes
from faqtune.evaluate.table import Table
from faqtune.evaluate.wording import METRICS, NOTES, SCOPES, TABLE
from faqtune.records import CALIBRATION, SELECTION
from faqtune.scorecard import STRATA, Comparison, Difference, Figure, Scorecard, SetOn

FULL = {
    "entries": 5,
    "queries": 500,
    "conversations": 90,
    **dict.fromkeys(STRATA, 600),
    **{f"{stratum}/sources": 300 for stratum in STRATA},
}


def card(model="base", figures=None, **changes):
    return Scorecard(**{"model": model, "part": "test", "counts": FULL, "figures": figures or {}, **changes})


def figure(value, low, high, n=500):
    return Figure(value=value, low=low, high=high, n=n)


def comparison_of(differences):
    figures = {name: figure(0.5, 0.4, 0.6) for name in differences}
    return Comparison(before=card("base", figures), after=card("tuned", figures), differences=differences)


@pytest.mark.parametrize("name", ["fpr95", "augrc/chatter", "augrc_queries", "accepted/garbage", "ece"])
def test_less_of_what_is_better_when_lower_is_an_improvement(name: str):
    assert difference_mark(name, Difference(value=-0.2, low=-0.3, high=-0.1, p=0.01)) == "better"
    assert difference_mark(name, Difference(value=0.2, low=0.1, high=0.3, p=0.01)) == "worse"


def test_a_comparison_by_hand():
    before = card(
        "base", {"fpr95": figure(0.62, 0.5504, 0.6816), "oscr@5": figure(0.2, 0.15, 0.25)}, means={"related": 0.8}
    )
    after = card(
        "tuned", {"fpr95": figure(0.41, 0.36, 0.48), "oscr@5": figure(0.19, 0.1, 0.2)}, means={"related": 0.75}
    )
    differences = {
        "fpr95": Difference(value=-0.21, low=-0.286, high=-0.109, p=0.001),
        "oscr@5": Difference(value=-0.01, low=-0.0504, high=0.0304, p=0.6),
    }
    table = format_comparison(Comparison(before=before, after=after, differences=differences))
    assert table.header == ("% [95 % interval]", "base", "tuned", "difference", "")
    assert table.rows == (
        (METRICS["en"]["oscr@5"], "20.0 [15.0, 25.0]", "19.0 [10.0, 20.0]", "-1.0 [-5.0, +3.0]", "not clear"),
        (METRICS["en"]["fpr95"], "62.0 [55.0, 68.2]", "41.0 [36.0, 48.0]", "-21.0 [-28.6, -10.9]", "better"),
        (METRICS["en"]["related"], "0.800", "0.750", "-0.050", ""),
    )
    assert table.notes == ()


@pytest.mark.parametrize(
    ("name", "low", "high", "mark"),
    [
        ("auroc", 0.01, 0.03, "better"),
        ("auroc", -0.03, -0.01, "worse"),
        ("auroc", -0.01, 0.03, "not clear"),
        ("auroc", 0.0, 0.03, "not clear"),
        ("auroc", 0.0, 0.0, "same"),
        ("fpr95/garbage", 0.01, 0.03, "worse"),
        ("accepted", -0.03, -0.01, "better"),
        ("accepted/chatter", 0.01, 0.03, "worse"),
        ("answered", 0.01, 0.03, "better"),
    ],
)
def test_marks_follow_the_interval_and_the_direction(name, low, high, mark):
    table = format_comparison(comparison_of({name: Difference(value=(low + high) / 2, low=low, high=high, p=0.5)}))
    assert table.rows[0][-1] == mark


def test_what_rounds_to_zero_has_no_minus():
    table = format_comparison(comparison_of({"auroc": Difference(value=-0.0001, low=-0.0004, high=0.0, p=0.9)}))
    assert table.rows[0][3] == "+0.0 [+0.0, +0.0]"


def test_without_details_strata_and_averages_per_entry_are_left_out(shop, base, tuned):
    comparison = compare(evaluate(base, shop), evaluate(tuned, shop), resamples=50)
    names = [row[0] for row in format_comparison(comparison, details=False).rows]
    assert METRICS["en"]["auroc"] in names
    assert not any(scope in name for name in names for scope in SCOPES["en"].values())
    assert any(SCOPES["en"]["garbage"] in row[0] for row in format_comparison(comparison).rows)


def test_both_languages_have_the_same_words_and_numbers(shop, base, tuned):
    for words in (METRICS, SCOPES, NOTES, TABLE):
        assert words["en"].keys() == words["zh"].keys()
    comparison = compare(evaluate(base, shop), evaluate(tuned, shop), resamples=50)
    english, chinese = format_comparison(comparison, "en"), format_comparison(comparison, "zh")
    assert [row[1:4] for row in english.rows] == [row[1:4] for row in chinese.rows]
    assert len(english.notes) == len(chinese.notes)
    assert "首位命中率 (recall@1)" in [row[0] for row in chinese.rows]


def test_every_figure_and_mean_of_a_scorecard_has_its_row(shop, base):
    calibrated = evaluate(base, shop, threshold_cosine=0.6)
    found = compare(calibrated, calibrated, resamples=50).before
    table = format_scorecard(found, "zh")
    assert len(table.rows) == len(found.figures) + len(found.means) + 1
    assert ("作答阈值（余弦）", "0.600", "") in table.rows


def test_columns_line_up_with_wide_characters():
    lines = plain_text(Table(("指标", "甲"), (("recall 召回", "1"), ("噪声％", "2")), ())).splitlines()
    assert lines == ["指标         甲", "recall 召回  1", "噪声％       2"]


def test_markdown_has_the_same_cells(shop, base):
    table = format_scorecard(measure(base, shop, resamples=50), "zh")
    lines = markdown(table).splitlines()
    assert lines[2] == "| " + " | ".join(table.rows[0]) + " |"
    assert lines[-1] == f"- {table.notes[-1]}"


def test_data_that_supports_everything_needs_no_note():
    assert notes(card(figures={"recall@1": figure(0.5, 0.4, 0.6)})) == []


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        (dict.fromkeys(STRATA, 0), ["No noise was measured"]),
        ({"other_domain": 0}, ["Not measured, for want of noise: another domain."]),
        (
            {"garbage": 40},
            [
                "OSCR@1% needs at least 100 noise sentences; not reported for: garbage and very short (40).",
                "OSCR@5% has a trustworthy interval from 100 noise sentences on; fewer: garbage and very short (40).",
                "OSCR@10% has a trustworthy interval from 50",
            ],
        ),
        (
            {"chatter": 40, "other_domain": 0, "unsupported": 0, "garbage": 70},
            [
                "Not measured",
                "OSCR@1% needs at least 100 noise sentences; not reported for: everyday chatter (40), garbage",
                "OSCR@1% has a trustworthy interval from 500 noise sentences on; fewer: all noise (110).",
                "OSCR@5% has a trustworthy interval from 100 noise sentences on; fewer: everyday chatter (40), garbage",
                "OSCR@10% has a trustworthy interval from 50 noise sentences on; fewer: everyday chatter (40).",
            ],
        ),
        ({"garbage": 100}, ["OSCR@1% has a trustworthy interval from 500 noise sentences on; fewer: garbage"]),
        ({"conversations": 7}, ["Only 7 conversations"]),
        ({"chatter/sources": 1}, ["95.0 % of everyday chatter (1 sources)", "everyday chatter (600 from 1)"]),
        (
            {"garbage": 0, "garbage/generated": 180},
            ["180 texts of “garbage and very short” were generated", "fewer: garbage"],
        ),
    ],
)
def test_notes_say_what_the_data_cannot_support(changes, expected):
    found = notes(card(counts=FULL | changes))
    assert len(found) == len(expected)
    for note, part in zip(found, expected, strict=True):
        assert part in note


def test_an_interval_without_width_is_not_left_unexplained():
    """Rule of three: 90 cases without an exception leave up to 1 - 0.05^(1/90) = 3.27 % open."""
    (found,) = notes(card(figures={"fpr95": figure(0.0, 0.0, 0.0, n=90)}))
    assert "90 independent cases" in found
    assert "up to 3.3 % open" in found


@pytest.mark.parametrize(
    ("name", "counts", "cases"),
    [
        ("recall@1", {"conversations": 40}, 40),
        ("recall@1/macro", {"conversations": 400}, 300),
        ("accepted/chatter", {"chatter/sources": 330, "conversations": 40}, 300),
        ("accepted/chatter", {"chatter/sources": 200, "conversations": 40}, 200),
        ("accepted", {f"{kind}/sources": 320 if kind == "chatter" else 0 for kind in STRATA}, 300),
        ("accepted/garbage", {"garbage/sources": 30, "garbage/generated": 180}, 210),
        ("fpr95/chatter", {"chatter/sources": 330, "conversations": 40}, 40),
    ],
)
def test_rows_of_one_conversation_are_one_case(name, counts, cases):
    found = notes(card(figures={name: figure(0.0, 0.0, 0.0, n=300)}, counts=FULL | counts))
    (note,) = (note for note in found if "every resample" in note)
    assert f"even {cases} independent cases" in note


def test_of_generated_garbage_alone_all_noise_is_still_spoken_of():
    few = dict.fromkeys(STRATA, 0) | {"garbage": 5, "garbage/sources": 5, "garbage/generated": 180}
    (note,) = (note for note in notes(card(counts=FULL | few)) if "OSCR@5% needs" in note)
    assert note.endswith("not reported for: all noise (5).")


def test_where_nothing_is_answered_a_margin_is_named_too():
    found = notes(card(threshold_cosine=0.5, margin_cosine=0.05))
    assert any("reaches the threshold of 0.500 and leads the second entry by 0.050: nothing" in note for note in found)
    assert any(
        "阈值 0.500 且比第二名高出 0.050：" in note
        for note in notes(card(threshold_cosine=0.5, margin_cosine=0.05), "zh")
    )


def test_every_reason_to_leave_a_label_out_has_chinese_words():
    elsewhere = (f"conversation is in the {part} part" for part in (SELECTION, CALIBRATION))
    for reason in (SEEN, TRAINED, SET_THE_THRESHOLD, *elsewhere):
        (note,) = (note for note in notes(card(excluded={reason: 3}), "zh") if "未计入" in note)
        assert reason not in note


def test_notes_name_excluded_labels_and_silence():
    found = notes(card(excluded={"several": 12}, threshold_cosine=0.91), "zh")
    assert found == ["没有客户问题达到阈值 0.910：全部不作答。", "已标注但未计入：涉及多个条目 (12)。"]


def test_a_note_says_how_much_chance_is_in_a_threshold():
    """Wilson's interval of 2 of 50 for 50 sources: 1.1 to 13.5 %; for 10 sources 0.3 to 33.2 %."""
    found = card(threshold_cosine=0.5, threshold_set_on=SetOn(noise_percent=5, noise=50, accepted=2, sources=50))
    (english,) = (note for note in notes(found) if "calibration noise" in note)
    assert "at most 5 % of the calibration noise through: 2 of 50 sentences (50 sources)" in english
    assert "leaves 1.1 to 13.5 % open" in english
    (chinese,) = (note for note in notes(found, "zh") if "校准噪声" in note)
    assert "50 条（50 个来源）中放过 2 条" in chinese and "1.1% 至 13.5%" in chinese
    few = found.model_copy(update={"threshold_set_on": SetOn(noise_percent=5, noise=50, accepted=2, sources=10)})
    assert any("leaves 0.3 to 33.2 % open" in note for note in notes(few))


def test_a_note_on_one_model_only_names_it():
    flat, varied = {"recall@1": figure(1.0, 1.0, 1.0)}, {"recall@1": figure(0.5, 0.4, 0.6)}
    few = FULL | {"conversations": 7}
    both = Comparison(before=card("base", varied, counts=few), after=card("tuned", flat, counts=few), differences={})
    common, own = format_comparison(both).notes
    assert common.startswith("Only 7 conversations")
    assert own.startswith("tuned: The same in every resample")


def test_a_certified_threshold_beside_a_usual_one_is_said_to_be_of_another_rule():
    usual = {"threshold_cosine": 0.5, "threshold_set_on": SetOn(noise_percent=5, noise=50, accepted=2, sources=50)}
    certified, none = {"threshold_cosine": 0.6}, {}

    def said(before, after, language="en"):
        both = Comparison(before=card("base", **before), after=card("tuned", **after), differences={})
        return [note for note in format_comparison(both, language).notes if "rules" in note or "规则" in note]

    assert said(usual, certified)[0].startswith("tuned answers from a certified threshold on, base from one")
    assert said(usual, certified, "zh")[0].startswith("tuned 按证书的阈值作答，base 按")
    for alike in ((usual, usual), (certified, certified), (none, certified), (usual, none)):
        assert said(*alike) == []


def test_of_very_many_figures_without_width_a_few_are_named():
    names = ["recall@1", "recall@3", "recall@5", "mrr@10", "auroc", "fpr95", "oscr@5"]
    flat = {name: figure(1.0, 1.0, 1.0) for name in names}
    (english,), (chinese,) = (
        [note for note in notes(card("m", flat, counts=FULL), language) if start in note]
        for language, start in (("en", "every resample"), ("zh", "重采样"))
    )
    assert "(recall@3)" in english and "AUROC" in english and "FPR95" not in english and " and 2 more. Such" in english
    assert "等另外 2 项。" in chinese


def test_a_scorecard_carries_its_notes(shop, base):
    found = measure(base, dataclasses.replace(shop, excluded={}), resamples=50)
    assert found.notes == notes(found)
    assert any("Only 7 conversations" in note for note in found.notes)
