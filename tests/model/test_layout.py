from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from faqtune.errors import UserError
from faqtune.model.layout import Layout, read_layout, write_layout


def folder_of(root: Path, files: dict[str, Any]) -> Path:
    for name, data in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(json.dumps(data), encoding="utf-8")
    return root


def modules(*kinds: str) -> list[dict[str, Any]]:
    paths = {"Transformer": "", "Pooling": "1_Pooling", "Normalize": "2_Normalize", "Dense": "2_Dense"}
    return [
        {"idx": i, "name": str(i), "path": paths[kind], "type": f"sentence_transformers.models.{kind}"}
        for i, kind in enumerate(kinds)
    ]


@pytest.mark.parametrize(
    ("config", "pooling"),
    [
        ({"pooling_mode_cls_token": True, "pooling_mode_mean_tokens": False}, "cls"),
        ({"pooling_mode_cls_token": False, "pooling_mode_mean_tokens": True}, "mean"),
        ({"embedding_dimension": 8, "pooling_mode": "cls", "include_prompt": True}, "cls"),
        ({"embedding_dimension": 8, "pooling_mode": ["mean"]}, "mean"),
    ],
)
def test_the_pooling_is_read_in_the_old_and_the_new_form(tmp_path: Path, config: dict[str, Any], pooling: str):
    folder_of(tmp_path, {"modules.json": modules("Transformer", "Pooling"), "1_Pooling/config.json": config})
    assert read_layout(tmp_path, "m").pooling == pooling


@pytest.mark.parametrize(
    ("config", "named"),
    [
        ({"pooling_mode_lasttoken": True}, "lasttoken"),
        ({"pooling_mode": "max"}, "max"),
        ({"pooling_mode_cls_token": True, "pooling_mode_mean_tokens": True}, "cls, mean"),
        ({"pooling_mode": "mean", "include_prompt": False}, "mean, prompt left out"),
        ({"word_embedding_dimension": 8}, "none"),
    ],
)
def test_a_pooling_we_do_not_support_is_refused_by_name(tmp_path: Path, config: dict[str, Any], named: str):
    folder_of(tmp_path, {"modules.json": modules("Transformer", "Pooling"), "1_Pooling/config.json": config})
    with pytest.raises(UserError, match=rf"\({named}\).*BAAI/bge-m3"):
        read_layout(tmp_path, "m")


def test_a_module_we_do_not_support_is_refused_even_against_the_users_word(tmp_path: Path):
    folder_of(tmp_path, {"modules.json": modules("Transformer", "Pooling", "Dense")})
    for pooling in (None, "mean"):
        with pytest.raises(UserError, match="module Dense is not supported"):
            read_layout(tmp_path, "m", pooling)  # type: ignore[arg-type]


XLMR = {"model_type": "xlm-roberta", "architectures": ["XLMRobertaModel"]}
BERT = {"model_type": "bert", "architectures": ["BertModel"]}


@pytest.mark.parametrize(
    ("name", "config", "pooling", "prompt"),
    [
        ("BAAI/bge-m3", XLMR, "cls", ""),
        ("bge-small-zh-v1.5", BERT, "cls", ""),
        ("models/model", {**BERT, "_name_or_path": "BAAI/bge-large-zh"}, "cls", ""),
        ("intfloat/multilingual-e5-small", {"architectures": ["BertModel"]}, "mean", "query: "),
        ("acme/e5-base-tuned-on-faq", BERT, "mean", ""),
        ("intfloat/multilingual-e5-large-instruct", XLMR, "mean", ""),
    ],
)
def test_a_bare_folder_is_pooled_by_the_convention_of_its_family(
    tmp_path: Path, name: str, config: dict[str, Any], pooling: str, prompt: str
):
    layout = read_layout(folder_of(tmp_path, {"config.json": config}), name)
    assert (layout.pooling, layout.prompt) == (pooling, prompt)


@pytest.mark.parametrize(
    ("name", "config"),
    [
        ("hfl/chinese-roberta-wwm-ext", BERT),
        ("BAAI/bge-reranker-v2-m3", {"architectures": ["XLMRobertaForSequenceClassification"]}),
        ("intfloat/e5-mistral-7b-instruct", {"architectures": ["MistralModel"]}),
        ("some/cambridge-model", BERT),
        ("/data/bge-work/e5-runs/model", BERT),
    ],
)
def test_mean_pooling_is_never_silently_assumed(tmp_path: Path, name: str, config: dict[str, Any]):
    folder_of(tmp_path, {"config.json": config})
    with pytest.raises(UserError, match=r"1_Pooling.*model\.pooling in faqtune\.toml to cls or mean"):
        read_layout(tmp_path, name)
    assert read_layout(tmp_path, name, "cls").pooling == "cls"


def test_modules_without_their_pooling_folder_do_not_fall_back_to_mean(tmp_path: Path):
    folder_of(tmp_path, {"modules.json": modules("Transformer", "Pooling"), "config.json": BERT})
    with pytest.raises(UserError, match="1_Pooling"):
        read_layout(tmp_path, "hfl/chinese-roberta-wwm-ext")


@pytest.mark.parametrize(
    ("config", "prompt"),
    [
        ({"prompts": {"s2p": "检索："}, "default_prompt_name": "s2p"}, "检索："),
        ({"prompts": {"s2p": "检索："}, "default_prompt_name": None}, ""),
        ({"prompts": {"query": ""}, "default_prompt_name": "query"}, ""),
        ({}, ""),
    ],
)
def test_the_default_prompt_is_the_models_own(tmp_path: Path, config: dict[str, Any], prompt: str):
    folder_of(tmp_path, {"config_sentence_transformers.json": config})
    assert read_layout(tmp_path, "m", "cls").prompt == prompt


def test_an_explicit_empty_prompt_beats_the_convention_of_e5(tmp_path: Path):
    prompts = {"prompts": {"query": ""}, "default_prompt_name": "query"}
    folder_of(tmp_path, {"config.json": BERT, "config_sentence_transformers.json": prompts})
    assert read_layout(tmp_path, "intfloat/e5-small").prompt == ""


@pytest.mark.parametrize("content", ["{", "[1]", "\ufeff\x00"])
def test_a_damaged_file_is_one_clear_error(tmp_path: Path, content: str):
    (tmp_path / "config_sentence_transformers.json").write_text(content, encoding="utf-8")
    with pytest.raises(UserError, match=r"config_sentence_transformers\.json"):
        read_layout(tmp_path, "m", "cls")


@pytest.mark.parametrize("prompts", [{"prompts": ["x"], "default_prompt_name": "x"}, {"default_prompt_name": "x"}])
def test_odd_values_are_no_reason_to_stop(tmp_path: Path, prompts: dict[str, Any]):
    odd = {"modules.json": [1, {}], "sentence_bert_config.json": {"max_seq_length": "512"}}
    folder_of(tmp_path, {"config_sentence_transformers.json": prompts, **odd})
    with pytest.raises(UserError, match="module None is not supported"):
        read_layout(tmp_path, "m", "cls")
    (tmp_path / "modules.json").write_text("[1]", encoding="utf-8")
    assert read_layout(tmp_path, "m", "cls") == Layout("cls")


def test_a_layout_survives_writing_and_reading(tmp_path: Path):
    layout = Layout("mean", "query: ", 77, lower_case=True)
    write_layout(tmp_path, layout, dimension=32)
    assert read_layout(tmp_path, "m") == layout
