"""What the program calls counts, files, states and parts, in the reader's words; other names stay as they are."""

from __future__ import annotations

from faqtune.evaluate.wording import Language

NAMES: dict[Language, dict[str, str]] = {
    "en": {
        "labels": "labels left to train on (no held-out entry, no text that is measured)",
        "catalogue": "standard questions",
        "dialogues": "replies in dialogues (used only where the recipe draws dialogues)",
        "noise": "noise sentences",
    },
    "zh": {
        "labels": "实际可训练的标签（不含留出条目和评测所用文本）",
        "catalogue": "标准问题",
        "dialogues": "对话中的回复（仅在配方使用 dialogues 时参与训练）",
        "noise": "噪声句子",
    },
}
"""Sources of training texts, as `TrainingData.sizes` counts them."""

FILES: dict[Language, dict[str, str]] = {
    "en": {},
    "zh": {
        "catalogue": "标准问答库",
        "conversations": "聊天记录",
        "noise": "闲聊",
        "queries": "客户问题",
        "split": "数据划分",
        "training inputs": "训练输入",
    },
}

STATES: dict[Language, dict[str, str]] = {
    "en": {},
    "zh": {"done": "已完成", "running": "进行中", "interrupted": "已中断", "failed": "失败", "set aside": "未采用"},
}

PARTS: dict[Language, dict[str, str]] = {
    "en": {},
    "zh": {
        "train": "训练集",
        "selection": "选择集",
        "calibration": "校准集",
        "test": "测试集",
        "hand labels": "人工标注",
        "weak labels": "机器标注",
    },
}


def part_name(part: str, language: Language) -> str:
    """A part of the split and whose labels are measured; the name of a label file stays as it is.

    >>> part_name("test (hand labels)", "zh"), part_name("gold.jsonl", "zh"), part_name("test (hand labels)", "en")
    ('测试集（人工标注）', 'gold.jsonl', 'test (hand labels)')
    """
    names = PARTS[language]
    part, bracket, labels = part.partition(" (")
    labels = labels.removesuffix(")")
    if not bracket:
        return names.get(part, part)
    if part not in names:
        return f"{part} ({labels})"
    return f"{names[part]}（{names.get(labels, labels)}）"
