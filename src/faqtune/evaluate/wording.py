"""The words for figures, strata and notes, in English and Chinese, so that every output says the same."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

Language = Literal["en", "zh"]

# The order is that of reading: what matters most first.
METRICS: dict[Language, dict[str, str]] = {
    "en": {
        "oscr@5": "answered right when 5 % of noise passes (OSCR@5%)",
        "oscr@1": "answered right when 1 % of noise passes (OSCR@1%)",
        "oscr@10": "answered right when 10 % of noise passes (OSCR@10%)",
        "recall@1": "right entry first (recall@1)",
        "recall@3": "right entry among the first 3 (recall@3)",
        "recall@5": "right entry among the first 5 (recall@5)",
        "mrr@10": "mean reciprocal rank (MRR@10)",
        "auroc": "queries above noise (AUROC)",
        "aupr": "noise found by low scores (AUPR)",
        "fpr95": "noise accepted when 95 % of queries are (FPR95)",
        "augrc": "answered and should not have been, over all thresholds (AUGRC)",
        "augrc_queries": "answered wrongly, over all thresholds (AUGRC of queries)",
        "answered": "queries answered at the threshold",
        "precision": "right among the answered",
        "accepted": "noise answered at the threshold",
        "ece": "how far probabilities are off (ECE)",
        "related": "mean cosine, query and its entry",
        "unrelated": "mean cosine, noise and its nearest entry",
        "threshold": "answer threshold, cosine",
    },
    "zh": {
        "oscr@5": "放过 5% 噪声时答对的比例 (OSCR@5%)",
        "oscr@1": "放过 1% 噪声时答对的比例 (OSCR@1%)",
        "oscr@10": "放过 10% 噪声时答对的比例 (OSCR@10%)",
        "recall@1": "首位命中率 (recall@1)",
        "recall@3": "前三命中率 (recall@3)",
        "recall@5": "前五命中率 (recall@5)",
        "mrr@10": "平均倒数排名 (MRR@10)",
        "auroc": "客户问题得分高于噪声 (AUROC)",
        "aupr": "低分识别噪声 (AUPR)",
        "fpr95": "接受 95% 客户问题时误收的噪声 (FPR95)",
        "augrc_queries": "各阈值下答错的平均比例（仅客户问题的 AUGRC）",
        "augrc": "各阈值下不该答却作答的平均比例 (AUGRC)",
        "answered": "阈值处作答的客户问题",
        "precision": "已作答中答对的比例",
        "accepted": "阈值处误答的噪声",
        "ece": "概率的平均偏差 (ECE)",
        "related": "平均余弦：问题与其标准问",
        "unrelated": "平均余弦：噪声与最近标准问",
        "threshold": "作答阈值（余弦）",
    },
}

SCOPES: dict[Language, dict[str, str]] = {
    "en": {
        "macro": "averaged per entry",
        "chatter": "everyday chatter",
        "other_domain": "another domain",
        "unsupported": "own domain, unsupported",
        "garbage": "garbage and very short",
    },
    "zh": {
        "macro": "按标准问平均",
        "chatter": "日常闲聊",
        "other_domain": "其他领域",
        "unsupported": "本领域但无答案",
        "garbage": "乱码与极短文本",
    },
}

REASONS: dict[Language, dict[str, str]] = {
    "en": {"several": "several entries"},
    "zh": {
        "several": "涉及多个条目",
        "unclear": "意思不明",
        "no reason": "未写原因",
        "entry no longer in the catalogue": "条目已不在问答库中",
        "conversation was trained on": "会话已用于训练",
        "conversation is in the selection part": "会话属于选择集",
        "conversation is in the calibration part": "会话属于校准集",
        "text was trained on": "文本已用于训练",
        "text set the threshold": "文本已用于设定阈值",
    },
}
"""Why a labelled query is not measured."""

NOTES: dict[Language, dict[str, str]] = {
    "en": {
        "no_noise": "No noise was measured: nothing is said about rejection. Add chatter under [noise].",
        "all_noise": "all noise",
        "missing_strata": "Not measured, for want of noise: {strata}.",
        "generated": "{n} texts of “{stratum}” were generated; they count in its figures only, not in those of all"
        " noise.",
        "open_shares": "Even where none of these is answered, 95 % confidence leaves open up to: {strata}. To claim"
        " {percent:g} % takes {least} without an exception.",
        "open_share": "{bound:.1f} % of {stratum} ({n} sources)",
        "few_for_oscr": "OSCR@{percent}% needs at least {least} noise sentences; not reported for: {strata}.",
        "shaky_oscr": "OSCR@{percent}% has a trustworthy interval from {least} noise sentences on; fewer: {strata}.",
        "few_conversations": "Only {n} conversations: below {least} the intervals are narrower than they should be.",
        "few_sources": "Noise from few sources: intervals are narrower than they should be for: {strata}.",
        "sources_of_stratum": "{stratum} ({n} from {sources})",
        "no_width": "The same in every resample: {figures}. Such an interval has no width, but even {n} independent"
        " cases without an exception leave up to {bound:.1f} % open.",
        "and_more": "{listed} and {more} more",
        "set_on": "The threshold lets at most {percent} % of the calibration noise through: {accepted} of {noise}"
        " sentences ({sources} sources). Of new noise like it that leaves {low:.1f} to {high:.1f} % open (95 %"
        " confidence).",
        "silent": "No query reaches the threshold of {threshold:.3f}{lead}: nothing is answered.",
        "silent_lead": " and leads the second entry by {margin:.3f}",
        "excluded": "Labelled but not measured: {reasons}.",
        "two_rules": "{certified} answers from a certified threshold on, {usual} from one that little of the"
        " calibration noise passes: figures at the threshold compare two rules as well. OSCR and AUROC compare the"
        " models alone.",
    },
    "zh": {
        "no_noise": "没有噪声数据，无法评价拒答能力。请在 [noise] 下添加闲聊语料。",
        "all_noise": "全部噪声",
        "missing_strata": "缺少噪声，未评测：{strata}。",
        "generated": "“{stratum}”中有 {n} 条为自动生成，只计入该类的指标，不计入全部噪声。",
        "open_shares": "即使下列噪声无一被作答，在 95% 置信度下仍可能有至多：{strata}。"
        "要声称 {percent:g}%，需要 {least} 个来源且无一例外。",
        "open_share": "{stratum} {bound:.1f}%（{n} 个来源）",
        "few_for_oscr": "OSCR@{percent}% 至少需要 {least} 条噪声；以下未报告：{strata}。",
        "shaky_oscr": "OSCR@{percent}% 的置信区间至少需要 {least} 条噪声才可信；不足：{strata}。",
        "few_conversations": "只有 {n} 个会话：少于 {least} 个时，置信区间偏窄。",
        "few_sources": "噪声来源太少，以下置信区间偏窄：{strata}。",
        "sources_of_stratum": "{stratum}（{n} 条，{sources} 个来源）",
        "no_width": "每次重采样结果都相同：{figures}。这样的区间宽度为零，"
        "但即使 {n} 例互相独立且无一例外，仍可能有至多 {bound:.1f}% 的偏差。",
        "and_more": "{listed} 等另外 {more} 项",
        "set_on": "阈值最多放过 {percent}% 的校准噪声：{noise} 条（{sources} 个来源）中放过 {accepted} 条。"
        "在 95% 置信度下，同类的新噪声仍可能放过 {low:.1f}% 至 {high:.1f}%。",
        "silent": "没有客户问题达到阈值 {threshold:.3f}{lead}：全部不作答。",
        "silent_lead": " 且比第二名高出 {margin:.3f}",
        "excluded": "已标注但未计入：{reasons}。",
        "two_rules": "{certified} 按证书的阈值作答，{usual} 按校准噪声很少通过的阈值作答："
        "与阈值有关的数字同时比较了两种规则；OSCR 和 AUROC 只比较模型本身。",
    },
}

TABLE: dict[Language, dict[str, str]] = {
    "en": {
        "figure": "% [95 % interval]",
        "difference": "difference",
        "n": "n",
        "better": "better",
        "worse": "worse",
        "same": "same",
        "unclear": "not clear",
        "marks": "Against {model}, on the same texts: + better, - worse, = the same, ~ not clear.",
    },
    "zh": {
        "figure": "%［95% 区间］",
        "difference": "变化",
        "n": "样本数",
        "better": "变好",
        "worse": "变差",
        "same": "相同",
        "unclear": "不确定",
        "marks": "与 {model} 相比（同样的文本）：+ 变好，- 变差，= 相同，~ 不确定。",
    },
}


def figure_name(name: str, language: Language) -> str:
    """A figure or mean in words.

    >>> figure_name("fpr95/garbage", "zh")
    '接受 95% 客户问题时误收的噪声 (FPR95)：乱码与极短文本'
    """
    metric, _, scope = name.partition("/")
    words = METRICS[language][metric]
    if not scope:
        return words
    return f"{words}{'：' if language == 'zh' else ': '}{SCOPES[language][scope]}"


def reading_order(name: str) -> tuple[int, int]:
    """Sort key for names of figures: all queries and noise first, then scope by scope.

    >>> sorted(["auroc/chatter", "recall@1/macro", "recall@1", "oscr@5/chatter", "oscr@5"], key=reading_order)
    ['oscr@5', 'recall@1', 'recall@1/macro', 'oscr@5/chatter', 'auroc/chatter']
    """
    metric, _, scope = name.partition("/")
    return ["", *SCOPES["en"]].index(scope), list(METRICS["en"]).index(metric)


def points(share: float) -> str:
    """A difference of two shares, in percentage points with its sign; what rounds to zero is +0.0, never -0.0.

    >>> points(0.0741), points(-0.0004)
    ('+7.4', '+0.0')
    """
    return f"{round(100 * share, 1) + 0.0:+.1f}"


def points_of(difference: Mapping[str, float]) -> str:
    """A difference with its interval.

    >>> points_of({"value": 0.02, "low": -0.0004, "high": 0.041})
    '+2.0 [+0.0, +4.1]'
    """
    return f"{points(difference['value'])} [{points(difference['low'])}, {points(difference['high'])}]"


def stratum_name(stratum: str, language: Language) -> str:
    return SCOPES[language][stratum]


def note_text(key: str, language: Language, **values: str | int | float) -> str:
    return NOTES[language][key].format(**values)


def separator(language: Language) -> str:
    return "、" if language == "zh" else ", "
