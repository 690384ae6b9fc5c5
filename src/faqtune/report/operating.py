"""The first question of a service manager: from which threshold on is how much answered, and how well?"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from faqtune.evaluate.wording import Language, stratum_name
from faqtune.report.axes import Box, share_axis
from faqtune.report.chart_words import CHARTS
from faqtune.report.charts import LEFT, PLOT_HEIGHT, RIGHT, WIDTH, Chart
from faqtune.report.limits import clipped
from faqtune.report.plot import LINE_PX, Line, dot, frame, legend, lines_in, tips
from faqtune.report.sheet import pointer, sentences
from faqtune.report.svg import document, text
from faqtune.scorecard import STRATA

TILES = ("right", "wrong", "passed_on", "precision", "accepted")
MOST_LISTED = 5

WORDS: dict[Language, dict[str, str]] = {
    "en": {
        "title": "How much is answered automatically?",
        "reading": "Move the threshold: the higher it is, the fewer questions are answered, and the more of the answers"
        " are right. Measured on the test part, with 95 % intervals.",
        "threshold": "Answer threshold (cosine)",
        "reset": "Back to the model's own threshold",
        "own": "{threshold} is the threshold that was set on the calibration part.",
        "certified": "{threshold} is the threshold of the certificate.",
        "lead": "Answered only where the best entry leads the second by {margin}; what does not is passed on.",
        "care": "Choose no threshold by these figures: it would look better here than it is. Find out what you want,"
        " then let faqtune calibrate set it on data of its own.",
        "right": "of 100 questions answered correctly",
        "wrong": "answered wrongly",
        "passed_on": "passed on to a person",
        "precision": "of 100 answers are right",
        "accepted": "of 100 off-topic messages answered",
        "above": "Just answered",
        "below": "Just passed on",
        "shown": "The nearest to the threshold of {shown} texts, out of {total} that were measured.",
        "nothing": "none",
        "found": "best entry: {entry}",
        "expected": "should be: {entry}",
        "kind_right": "right entry",
        "kind_wrong": "wrong entry",
        "risk_title": "Wrong among the answered, against questions answered (risk and coverage)",
        "risk_reading": "Lower is better. Every point is a threshold; the dots are the models' own.",
        "answered_axis": "questions answered",
        "risk_axis": "wrong among the answered, %",
        "risk_tip": "{model}, cosine {threshold}: {answered} % answered, {risk} % of them wrongly",
    },
    "zh": {
        "title": "能自动回答多少？",
        "reading": "移动阈值：阈值越高，作答的问题越少，答案正确的比例越高。以下在测试集上测得，附 95% 置信区间。",
        "threshold": "作答阈值（余弦）",
        "reset": "恢复模型自己的阈值",
        "own": "{threshold} 是在校准集上设定的阈值。",
        "certified": "{threshold} 是证书中的阈值。",
        "lead": "仅当最佳条目比第二名高出 {margin} 时才作答，否则转人工。",
        "care": "不要根据这些数字挑选阈值，否则它在这里会显得比实际更好。先想清楚要达到什么，再用 faqtune calibrate "
        "在专门的数据上设定。",
        "right": "每 100 个问题中答对",
        "wrong": "答错",
        "passed_on": "转人工",
        "precision": "每 100 次作答中正确",
        "accepted": "每 100 条无关消息中误答",
        "above": "刚好作答",
        "below": "刚好转人工",
        "shown": "从评测的 {total} 条文本中取 {shown} 条，显示最接近阈值的。",
        "nothing": "无",
        "found": "最佳条目：{entry}",
        "expected": "应为：{entry}",
        "kind_right": "条目正确",
        "kind_wrong": "条目错误",
        "risk_title": "作答中的错误比例与作答比例（风险与覆盖）",
        "risk_reading": "越低越好。每个点是一个阈值；圆点为模型自己的阈值。",
        "answered_axis": "作答的问题",
        "risk_axis": "作答中答错，%",
        "risk_tip": "{model}，余弦 {threshold}：作答 {answered}%，其中答错 {risk}%",
    },
}


@dataclass(frozen=True, slots=True)
class Tile:
    name: str
    value: str
    interval: str
    source: str
    words: str


@dataclass(frozen=True, slots=True)
class Nearby:
    """A text next to the threshold; `kind` is its look, `kind_words` and `more` say the rest."""

    text: str
    kind: str
    kind_words: str
    score: str
    more: str


@dataclass(frozen=True, slots=True)
class Dial:
    """The slider as it stands at first, at `place` of `last`."""

    words: Mapping[str, str]
    place: int
    last: int
    threshold: str
    tiles: list[Tile]
    above: list[Nearby]
    below: list[Nearby]
    care: str


def dial(
    details: Mapping[str, Any], own_cosine: float | None, margin_cosine: float, certified: bool, language: Language
) -> Dial | None:
    """The slider for the tuned model; None where no threshold was set or the file holds no points."""
    operating = details.get("operating") or []
    if own_cosine is None or len(operating) != 2:
        return None
    points, say = operating[1], WORDS[language]
    thresholds: Sequence[float] = points["thresholds_cosine"]
    place = min(range(len(thresholds)), key=lambda row: abs(thresholds[row] - own_cosine))
    own = f"{thresholds[place]:.3f}"
    texts = points["texts"]
    answered = [found for found in texts if found["score"] >= thresholds[place]]
    return Dial(
        say,
        place,
        len(thresholds) - 1,
        own,
        [_tile(points, name, place, language) for name in TILES if name in points["shares"]],
        [_nearby(found, language) for found in reversed(answered[-MOST_LISTED:])],
        [_nearby(found, language) for found in texts[len(answered) : len(answered) + MOST_LISTED]],
        sentences(
            language,
            say["shown"].format(shown=len(texts), total=points["texts_in_all"]),
            say["certified" if certified else "own"].format(threshold=own),
            say["lead"].format(margin=f"{margin_cosine:.3f}") if margin_cosine else "",
            say["care"],
        ),
    )


def kinds(language: Language) -> dict[str, str]:
    """What the kinds of texts beside the slider are called."""
    say = WORDS[language]
    noise = {stratum: stratum_name(stratum, language) for stratum in STRATA}
    return {"right": say["kind_right"], "wrong": say["kind_wrong"], **noise}


def _tile(points: Mapping[str, Any], name: str, place: int, language: Language) -> Tile:
    share = points["shares"][name]
    value, low, high = (share[part][place] for part in ("value", "low", "high"))
    shown = "–" if value is None else f"{100 * value:.1f}"
    interval = "" if low is None or high is None else f"[{100 * low:.1f}, {100 * high:.1f}]"
    source = pointer("details", "operating", 1, "shares", name, "value", place)
    return Tile(name, shown, interval, source, WORDS[language][name])


def _nearby(found: Mapping[str, Any], language: Language) -> Nearby:
    say, kind = WORDS[language], found["kind"]
    more = [say[name].format(entry=clipped(found[name])) for name in ("found", "expected") if _told(found, name)]
    return Nearby(clipped(found["text"]), kind, kinds(language)[kind], f"{found['score']:.3f}", " · ".join(more))


def _told(found: Mapping[str, Any], name: str) -> bool:
    return bool(found[name]) and (name == "found" or found["kind"] == "wrong")


def risk_chart(details: Mapping[str, Any], own: Sequence[float | None], language: Language) -> Chart | None:
    """Risk against coverage of both models, from the same points as the slider."""
    operating = details.get("operating") or []
    if len(operating) != 2:
        return None
    say, names = WORDS[language], CHARTS[language]
    sides = ("before", "after")
    head, rows = legend([(side, names[side]) for side in sides], LEFT, 14, WIDTH - LEFT)
    box = Box(LEFT, 14 + rows * LINE_PX + 22, WIDTH - LEFT - RIGHT, PLOT_HEIGHT)
    x_axis, y_axis = share_axis(say["answered_axis"]), share_axis("")
    parts = [frame(box, x_axis, y_axis)]
    told = []
    for side, points, threshold in zip(sides, operating, own, strict=True):
        rows_ = _risks(points)
        parts.append(lines_in(box, x_axis, y_axis, [Line([(x, y) for x, y, _ in rows_], side)]))
        spoken = [
            say["risk_tip"].format(
                model=names[side], threshold=f"{t:.3f}", answered=f"{100 * x:.1f}", risk=f"{100 * y:.1f}"
            )
            for x, y, t in rows_
        ]
        parts.append(tips(box.points(x_axis, y_axis, [(x, y) for x, y, _ in rows_]), spoken))
        for (x, y, t), words in zip(rows_, spoken, strict=True):
            if threshold is not None and abs(t - threshold) < 1e-6:
                parts.append(dot(box.x(x_axis, x), box.y(y_axis, y), side, words))
                told.append(words)
    label = text(say["risk_axis"], LEFT - 22, box.top - 12)
    drawing = document(WIDTH, box.bottom + 42, ". ".join([say["risk_title"], *told]), head, label, *parts)
    return Chart(say["risk_title"], say["risk_reading"], drawing)


def _risks(points: Mapping[str, Any]) -> list[tuple[float, float, float]]:
    """(answered, risk, threshold), the loosest threshold first; nothing where nothing is answered."""
    shares = points["shares"]
    rows = zip(shares["answered"]["value"], shares["risk"]["value"], points["thresholds_cosine"], strict=True)
    return [(x, y, t) for x, y, t in rows if x is not None and y is not None]
