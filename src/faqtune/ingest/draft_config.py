"""Write the commented faqtune.toml that `faqtune init` leaves behind."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any

from pydantic import BaseModel

from faqtune.config import Config, toml_value
from faqtune.ingest.looks import Guess, Kind

CHINESE = {
    "catalogue": "标准问答库",
    "catalogue.files": "含标准问题和答案的表格、CSV 或 parsed_data.json",
    "catalogue.sheets": "要读的工作表；空：所有含问题列和答案列的表",
    "catalogue.question_columns": "问题列的表头；空：自动识别",
    "catalogue.answer_column": "答案列的表头；空：自动识别",
    "catalogue.category_column": "分类列的表头；空：自动识别",
    "catalogue.id_column": "固定编号列的表头；空：自动识别，或由第一个问题生成编号",
    "catalogue.header_row": "表头所在行，从 1 数起；0：自动识别",
    "catalogue.skip_empty": "跳过没有答案的行，而不是停下来",
    "conversations": "聊天记录",
    "conversations.files": "聊天记录文件或文件夹",
    "conversations.session_column": "会话编号的列名或键名；空：自动识别",
    "conversations.role_column": "发送者的列名或键名；空：自动识别",
    "conversations.text_column": "消息内容的列名或键名；空：自动识别",
    "conversations.time_column": "时间的列名或键名；空：自动识别",
    "conversations.customer_roles": "发送者列中代表客户的值；空：自动识别",
    "conversations.agent_roles": "发送者列中代表客服的值；空：自动识别",
    "conversations.system_phrases": "另外要去掉的系统提示语",
    "noise": "闲聊（与业务无关的句子）",
    "noise.files": "闲聊文件：modified_daily_datasets.json 或每行一句",
    "noise.other_domain_files": "其他公司的客户问题：从不用于训练，用来看模型如何拒答没见过的内容",
    "noise.unsupported_files": "本领域但没有对应条目的问题",
    "noise.garbage_files": "乱码与极短文本；不给则自动生成一些",
    "gold": "人工标注（可选）",
    "gold.files": "人工标注文件（JSONL）",
    "gold.catalogue": "标注所用编号来自的问答库文件（若不是上面那个）",
    "pairs": "自带的训练句对（可选）：只用于训练，从不用于评测",
    "pairs.files": "人工做的句对：annonated_dataset.json 或 FlagEmbedding JSONL",
    "pairs.generated_files": "程序生成的句对，如 answer2problem.json",
    "pairs.generated_confidence": "程序生成的句对作为训练标签的置信度",
    "model": "模型",
    "model.base": "基础模型：builtin、模型名或文件夹",
    "model.max_length_tokens": "超过此长度的文本会被截断",
    "model.prompt": "加在每句话前的文本；不设：用模型自带的",
    "model.pooling": "如何由词元向量得到文本向量；空：按模型文件夹所述",
    "model.precision": "训练和标注所用的数值格式；auto：按设备所长。评测和匹配一律用 float32",
    "label": "自动标注",
    "label.reply_threshold": "回复与答案的最低余弦相似度；不设：由数据确定",
    "label.query_top": "该条目须在问题自身的前几名之内；0：不要求",
    "label.max_prefix_turns": "一个问题最多累积几轮客户消息",
    "label.prefix": "哪几轮算作问题：shortest 最短、surest 最有把握、whole 全部；留空：通常为 shortest",
    "annotate": "人工标注页面：下一题怎么选",
    "annotate.uncertain": "模型拿不准的问题占多少",
    "annotate.disagreeing": "规则、模型、语言模型意见不一的占多少",
    "annotate.diverse": "还没看过的话题占多少",
    "annotate.uncovered": "标注少的条目占多少",
    "annotate.doubtful": "标注可能有错的占多少",
    "annotate.random": "随机抽取的占多少；只有这部分能得到无偏估计",
    "annotate.second_share": "由几个人分别回答的题目比例",
    "annotate.opinions": "这些题目由几个人回答",
    "annotate.audit_share": "隐藏相似度并打乱候选顺序的题目比例",
    "annotate.most_queries": "聊天记录更多时，随机抽取这么多来标注",
    "annotate.lease_minutes": "一道题为某人保留几分钟",
    "annotate.recipe": "在页面上微调所用的预设方案名，或 TOML 文件路径",
    "split": "数据划分",
    "split.seed": "随机种子",
    "split.selection": "用于挑选模型的会话和闲聊的比例",
    "split.calibration": "用于确定阈值的比例",
    "split.test": "用于评测的比例",
    "split.human_labels_for_training": "用于训练的人工标注会话比例；其余用于测试",
    "split.held_out_entries": "作为近似噪声留出的条目比例",
    "train": "训练",
    "train.recipe": "预设方案名，或 TOML 文件路径",
    "train.keep_checkpoints": "训练完成后保留检查点",
    "llm": "语言模型（可选）：标注、写训练句子。密钥只放环境变量",
    "llm.address": "OpenAI 兼容服务的地址，如 http://127.0.0.1:8000/v1；空：不用",
    "llm.model": "模型名，与服务端一致",
    "llm.key_variable": "存放密钥的环境变量名；密钥本身不要写在这里",
    "llm.trusted": "服务是自己的：不做脱敏；不设时只有本机算自己的",
    "llm.language": "提示词的语言；空：与问答库一致",
    "llm.top_k": "每个问题给出几个候选条目（回复找到的另计）",
    "llm.votes": "每个问题问几次，每次候选顺序不同",
    "llm.logprobs": "服务端给出对数概率时，用它给投票加权",
    "llm.temperature": "回答的温度",
    "llm.confident": "规则标注的置信度达到此值的问题不再问",
    "llm.check_human": "另问多少个人工标过的问题，以便知道模型准不准",
    "llm.concurrency": "同时进行的请求数",
    "llm.requests_per_minute": "每分钟请求数上限；0：不限",
    "llm.tokens_per_minute": "每分钟词元数上限；0：不限",
    "llm.timeout_seconds": "超过此秒数的请求算失败",
    "llm.tries": "每个请求最多试几次，间隔越来越长",
    "llm.most_answer_tokens": "更长的回答会被截断并算失败；会思考的模型要调大；0：不限定",
    "llm.extra": "每个请求另带的字段，见服务端文档",
    "llm.price_read": "每百万输入词元的价格",
    "llm.price_written": "每百万输出词元的价格",
    "llm.currency": "价格的货币，仅用于显示",
    "llm.budget": "一次运行最多花多少；0：不限",
    "llm.images": "模型能看图：聊天记录里的图片一并发送",
    "llm.image_folder": "聊天记录以文件名引用的图片所在文件夹",
    "llm.image_hosts": "允许模型服务端去取图片的主机名",
    "llm.most_image_megabytes": "更大的图片不发送",
    "llm.paraphrases": "faqtune write：给标注少的条目各写几句",
    "llm.near_noise": "faqtune write：给每个条目写几句相近但它不回答的问题",
    "llm.few_labels": "faqtune write：标注少于此数的条目才写",
    "llm.use_synthetic": "训练时也用 synthetic.jsonl；从不用它评测",
}


def write_config(
    guesses: Sequence[Guess], project: Path, chosen: Mapping[tuple[str, str], str] = MappingProxyType({})
) -> str:
    """The text of a faqtune.toml for a project folder, with everything that was understood.

    `chosen` maps section and key to what the user said besides the files. Every key of
    `faqtune.config` is in it, with its title in Chinese and English; keys that keep their default
    are commented out. Files inside the project are named relative to it.
    """
    decided = _decided([guess for guess in guesses if not guess.problem], project) | dict(chosen)
    lines = ["# faqtune 项目设置 / settings of a faqtune project"]
    lines += [_comment(f"  {_name(guess.path, project)}: {_summary(guess)}") for guess in guesses]
    for section, info in Config.model_fields.items():
        model = info.annotation
        assert isinstance(model, type)
        assert issubclass(model, BaseModel)
        lines += ["", f"# {CHINESE.get(section, section)}", f"[{section}]"]
        for key, about in model.model_fields.items():
            lines.append(f"# {' / '.join(filter(None, (CHINESE.get(f'{section}.{key}'), about.title)))}")
            value = decided.get((section, key))
            lines.append(f"{key} = {_toml(value)}" if value else f"# {key} = {_toml(about.default)}")
    return "\n".join(lines) + "\n"


def _decided(guesses: Sequence[Guess], project: Path) -> dict[tuple[str, str], str | list[str]]:
    """Section and key to value, for what the guesses tell."""
    by_kind: dict[Kind, list[Guess]] = {}
    for guess in guesses:
        by_kind.setdefault(guess.kind, []).append(guess)
    catalogues = by_kind.get("catalogue", [])
    sheets = [guess for guess in catalogues if guess.form == "sheet"]
    ids = [guess for guess in catalogues if guess.form == "catalogue_json"]
    logs, gold = by_kind.get("conversations", []), by_kind.get("gold", [])
    pairs = by_kind.get("pairs", [])
    named = {
        # The JSON forms next to a spreadsheet are the same catalogue, preprocessed.
        ("catalogue", "files"): sheets or catalogues,
        ("conversations", "files"): logs,
        ("noise", "files"): by_kind.get("noise", []),
        ("gold", "files"): gold,
        ("pairs", "files"): [guess for guess in pairs if not guess.is_generated],
        ("pairs", "generated_files"): [guess for guess in pairs if guess.is_generated],
    }
    decided: dict[tuple[str, str], str | list[str]] = {
        place: [_name(guess.path, project) for guess in found] for place, found in named.items()
    }
    if gold and ids and sheets:
        decided["gold", "catalogue"] = _name(ids[0].path, project)
    if len(sheets) == 1 and sheets[0].files == 1:
        decided["catalogue", "sheets"] = list(sheets[0].sheets)
    decided.update(_columns("catalogue", sheets, ("questions", "answer", "category")))
    decided.update(_columns("conversations", logs, ("session", "role", "text", "time")))
    return decided


def _columns(section: str, guesses: Sequence[Guess], meanings: Sequence[str]) -> dict[tuple[str, str], str | list[str]]:
    """Config keys of the columns whose name is the same in all files; the others stay guessed, file by file."""
    found: dict[tuple[str, str], str | list[str]] = {}
    for meaning in meanings:
        names = [guess.columns.get(meaning, []) for guess in guesses]
        alike = names[0] if names and all(other == names[0] for other in names) else []
        if meaning == "questions":
            found[section, "question_columns"] = alike
        elif len(alike) == 1:
            found[section, f"{meaning}_column"] = alike[0]
    return found


def _summary(guess: Guess) -> str:
    """One line on a file, for the head of the config."""
    if guess.problem:
        return guess.problem
    counts = ", ".join(f"{number:,} {what}" for what, number in guess.counts.items())
    roles = ", ".join(f"{role} = {'|'.join(values)}" for role, values in guess.roles.items())
    sample = " (sample)" if guess.is_sample else ""
    parts = (f"{guess.kind} ({guess.form})", *guess.encodings, counts + sample if counts else "", roles)
    return "; ".join(filter(None, parts))


def _comment(text: str) -> str:
    """A comment line; what TOML does not allow in one (control characters of odd file names) becomes a space."""
    return "# " + "".join(character if character.isprintable() else " " for character in text)


def _name(path: Path, project: Path) -> str:
    """A path as the config names it: relative to the project if it lies inside."""
    path, project = path.resolve(), project.resolve()
    return (path.relative_to(project) if path.is_relative_to(project) else path).as_posix()


def _toml(value: Any) -> str:
    return "(unset / 不设)" if value is None else toml_value(value)
