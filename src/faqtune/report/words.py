"""The words of the report in English and Chinese. Figures and strata get theirs from `faqtune.evaluate`."""

from __future__ import annotations

from faqtune.evaluate.wording import Language

HEADLINE: dict[Language, dict[str, str]] = {
    "en": {
        "oscr": "Of 100 questions the FAQ covers, {after} are answered correctly when at most {percent} of 100"
        " off-topic messages are let through. Before tuning: {before}.",
        "recall": "Of 100 questions the FAQ covers, the right entry comes first for {after}. Before tuning: {before}.",
        "nothing": "Nothing could be measured for both models.",
        "better": "Clearly better: {change} right answers per 100 questions (95 % interval {low}\u00a0to\u00a0{high}).",
        "worse": "Clearly worse: {change} right answers per 100 questions (95 % interval {low}\u00a0to\u00a0{high})."
        " Keep the model from before.",
        "unclear": "Not a clear difference: {change} right answers per 100 questions (95 % interval"
        " {low}\u00a0to\u00a0{high}). It may be chance; more labelled test questions would tell.",
        "same": "No difference at all: the two models answer alike.",
        "interval": "95 % interval {low}\u00a0to\u00a0{high}",
        "recall@1": "With every question answered, the right entry comes first for {after} of 100 (before: {before}).",
        "fpr95": "If 95 of 100 questions are to be accepted, {after} of 100 off-topic messages come through too"
        " (before: {before}).",
        "precision": "At the calibrated threshold, {after} of 100 answers given are right (before: {before}).",
        "as_set": "As it is set now, to answer from cosine {threshold} on{lead}: of 100 questions {right} are answered"
        " rightly, {wrong} wrongly, and {passed} are not answered; {accepted} of 100 off-topic messages are answered."
        " The headline is that of the threshold which would suit these test messages.",
        "as_set_lead": " where the best entry leads the second by {margin}",
    },
    "zh": {
        "oscr": "在每 100 条无关消息最多放过 {percent} 条的前提下，FAQ 能回答的 100 个问题中有 {after} 个答对；"
        "微调前为 {before} 个。",
        "recall": "FAQ 能回答的 100 个问题中，有 {after} 个的正确条目排在首位；微调前为 {before} 个。",
        "nothing": "没有可供比较的指标。",
        "better": "明显变好：每 100 个问题答对数 {change}（95% 置信区间 {low}\u00a0到\u00a0{high}）。",
        "worse": "明显变差：每 100 个问题答对数 {change}（95% 置信区间 {low}\u00a0到\u00a0{high}）。"
        "请继续使用微调前的模型。",
        "unclear": "差异不确定：每 100 个问题答对数 {change}（95% 置信区间 {low}\u00a0到\u00a0{high}），可能只是偶然；"
        "增加人工标注的测试问题才能判断。",
        "same": "没有任何差异：两个模型的回答完全相同。",
        "interval": "95% 置信区间 {low}\u00a0到\u00a0{high}",
        "recall@1": "若每个问题都作答，100 个问题中有 {after} 个的正确条目排在首位（微调前 {before} 个）。",
        "fpr95": "若要接受 100 个问题中的 95 个，100 条无关消息中会误放 {after} 条（微调前 {before} 条）。",
        "precision": "在校准后的阈值处，每 100 次作答有 {after} 次正确（微调前 {before} 次）。",
        "as_set": "按目前设定的阈值（相似度 {threshold} 起作答{lead}）：每 100 个问题答对 {right} 个、答错 {wrong} 个、"
        "未作答 {passed} 个；每 100 条无关消息误答 {accepted} 条。页首的数字对应的是最适合这批测试消息的阈值。",
        "as_set_lead": "，且最佳条目须比第二名高出 {margin}",
    },
}

MEASURED: dict[Language, dict[str, str]] = {
    "en": {
        "data": "Measured on {queries} questions from {conversations} conversations against {entries} entries, and on"
        " {noise} off-topic messages ({strata}).",
        "data_no_noise": "Measured on {queries} questions from {conversations} conversations against {entries} entries."
        " No off-topic messages were measured.",
        "stratum": "{count} {name}",
        "hand": "All test labels were set by people.",
        "weak": "{weak} of {total} test labels were set by machine ({sources}) and contain errors: take the figures"
        " as a comparison of the two models, not as their true quality.",
        "unknown": "Who labelled the test questions is not recorded.",
        "not_test": "These figures are from the “{part}” part of the data. A model chosen or tuned on it looks better"
        " there than it is.",
        "base_kept": "No step of the training beat the original model on the selection part: the original was kept.",
        "changed": "The project has changed since this model was trained ({files}). What was not measured again since"
        " then is of the state before.",
        "answers_elsewhere": "The model answers from a cosine of {answers_from:.4f} on, which was set on other"
        " calibration data; the figures at a threshold are at {threshold:.4f}. `faqtune calibrate` sets it anew.",
        "interrupted": "The training did not finish (status: {status}).",
    },
    "zh": {
        "data": "评测数据：{conversations} 个会话中的 {queries} 个问题，对照 {entries} 个条目，"
        "以及 {noise} 条无关消息（{strata}）。",
        "data_no_noise": "评测数据：{conversations} 个会话中的 {queries} 个问题，对照 {entries} 个条目；"
        "没有评测无关消息。",
        "stratum": "{name} {count} 条",
        "hand": "测试标签全部由人工标注。",
        "weak": "{total} 个测试标签中有 {weak} 个由机器标注（{sources}），含有错误："
        "数字可用于比较两个模型，不代表真实水平。",
        "unknown": "没有记录测试标签由谁标注。",
        "not_test": "以下数字来自数据的“{part}”部分。用它选择或训练出的模型，在其上的表现会偏高。",
        "base_kept": "训练中没有任何一步在选择集上超过原模型，因此保留了原模型。",
        "changed": "此模型训练之后，项目已有变化（{files}）。此后没有重新评测的数字，都是变化之前的。",
        "answers_elsewhere": "模型目前从余弦 {answers_from:.4f} 起作答，这是在另一份校准数据上设定的；"
        "与阈值有关的数字按 {threshold:.4f} 计算。请用 `faqtune calibrate` 重新设定。",
        "interrupted": "训练没有完成（状态：{status}）。",
    },
}

PAGE: dict[Language, dict[str, str]] = {
    "en": {
        "title": "What tuning changed",
        "contents": "Contents",
        "key": "In short",
        "care": "Read with care",
        "figures": "All figures",
        "figures_reading": "In percent, with 95 % intervals. A change is called better or worse only where the interval"
        " of the difference leaves zero out. p is corrected for all figures looked at (Holm); where it is above 0.05,"
        " the verdict has a star: by itself it is clear, but among so many figures one such may be chance. The figure"
        " of the headline was chosen before anything was measured: its p is its own.",
        "means_reading": "Mean cosines have no interval and prove nothing on their own.",
        "metric": "figure",
        "difference": "difference",
        "mark": "verdict",
        "charts": "Answering and rejecting",
        "training": "Training",
        "strata": "By kind of noise",
        "labels": "Labels",
        "source": "source",
        "label_count": "labels",
        "precision": "found right by people",
        "confirmed_of": "{right} of {compared}",
        "training_labels": "Training labels by source",
        "without": "Entries without labels",
        "without_count": "{count} of {total} entries have no training label.",
        "every": "Every entry has at least one training label.",
        "first_shown": "The first {shown} of {total} are shown.",
        "examples": "Texts that switched sides",
        "now_right": "Right now, wrong before",
        "now_wrong": "Wrong now, right before",
        "text": "customer's text",
        "expected": "should be",
        "rejected": "(no answer)",
        "filter": "Show only rows with",
        "filtered": "{shown} of {total} rows",
        "run": "How it was made",
        "recipe": "Recipe",
        "facts": "Run",
        "counts": "Counts",
        "versions": "Versions",
        "digests": "Digests (sha256)",
        "name": "run",
        "status": "status",
        "device": "device",
        "duration": "duration, s",
        "best": "best step",
        "stage_step": "stage {stage}, step {step}",
        "base_model": "original model",
        "measured_data": "measured data",
        "created": "measured",
        "model_before": "model before",
        "model_after": "model after",
        "part": "part",
        "language": "Language",
    },
    "zh": {
        "title": "微调带来了什么变化",
        "contents": "目录",
        "key": "概要",
        "care": "注意",
        "figures": "全部指标",
        "figures_reading": "单位为百分比，括号内为 95% 置信区间。只有当变化的区间不含零时，才称为变好或变差。"
        "p 已按全部指标校正 (Holm)；超过 0.05 时判断带星号：单看是明确的，但在这么多指标中可能出于偶然。"
        "首要指标在评测之前就已选定，它的 p 不作校正。",
        "means_reading": "平均余弦没有置信区间，单独不能说明问题。",
        "metric": "指标",
        "difference": "变化",
        "mark": "判断",
        "charts": "作答与拒答",
        "training": "训练过程",
        "strata": "按噪声类型",
        "labels": "标签",
        "source": "来源",
        "label_count": "标签数",
        "precision": "人工核对正确",
        "confirmed_of": "{compared} 条中 {right} 条",
        "training_labels": "训练标签（按来源）",
        "without": "没有标签的条目",
        "without_count": "{total} 个条目中有 {count} 个没有训练标签。",
        "every": "每个条目都至少有一个训练标签。",
        "first_shown": "共 {total} 条，显示前 {shown} 条。",
        "examples": "结果发生变化的文本",
        "now_right": "现在正确，以前错误",
        "now_wrong": "现在错误，以前正确",
        "text": "客户原文",
        "expected": "应为",
        "rejected": "（不作答）",
        "filter": "只显示包含此文字的行",
        "filtered": "共 {total} 行，显示 {shown} 行",
        "run": "制作过程",
        "recipe": "训练配方",
        "facts": "运行",
        "counts": "数量",
        "versions": "版本",
        "digests": "摘要 (sha256)",
        "name": "运行名称",
        "status": "状态",
        "device": "设备",
        "duration": "用时（秒）",
        "best": "最佳步",
        "stage_step": "阶段 {stage}，第 {step} 步",
        "base_model": "原模型",
        "measured_data": "评测数据",
        "created": "评测时间",
        "model_before": "微调前模型",
        "model_after": "微调后模型",
        "part": "数据部分",
        "language": "语言",
    },
}
