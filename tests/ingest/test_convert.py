"""Every form is written and read back; what a form cannot hold is told."""

from __future__ import annotations

import json

import pytest

from faqtune.errors import UserError
from faqtune.ingest import convert, read_gold
from faqtune.ingest.forms import form_of
from faqtune.ingest.kinds import expand
from faqtune.records import Catalogue, Entry
from faqtune.workspace import Workspace

PARSED = [
    {"problems": ["几天能到？", "多久到货"], "answer": "3天\n偏远5天"},
    {"problems": ["Free shipping?"], "answer": "Yes"},
]
CATALOGUE = [{"id": "K1", "category": "发货", "questions": ["几天能到？", "多久到货"], "answer": "3天"}]
OUTPUT = [
    {
        "conversation": [
            {"input": "在吗\n几天到", "output": "3天"},
            {"input": "", "output": "还在吗"},
            {"input": "谢谢", "output": ""},
        ]
    },
    {"conversation": [{"input": "a", "output": ""}, {"input": "b", "output": "x"}]},
    {"conversation": [{"input": "", "output": "您好"}, {"input": "[图片]", "output": ""}]},
]
DATA = [
    {"session_id": "S1", "sender": "客户", "content": "在吗", "time": "2026-01-05 09:11:28"},
    {"session_id": "S1", "sender": "客服", "content": "在的", "time": "2026-01-05 09:11:28"},
    {"session_id": "S2", "sender": "客户", "content": "包邮吗", "time": "2026-01-05 10:00:00"},
]
DAILY = [
    {"conversation": [{"input": "天气真好", "output": ""}, {"input": "去爬山吗", "output": ""}]},
    {"conversation": [{"input": "好看吗", "output": ""}]},
]
TRIPLES = [
    ["几天到", "几天能到？", 1.0],
    ["几天到", "包邮吗", 0.0],
    ["免运费吗", "包邮吗", 1.0],
    ["几天到", "天气真好", 0.0],
]
FLAG = [
    {
        "query": "几天到",
        "pos": ["几天能到？"],
        "neg": ["包邮吗", "能退吗"],
        "pos_scores": [0.9],
        "neg_scores": [0.1, 0.2],
        "prompt": "p",
        "type": "normal",
    },
    {"query": "免运费吗", "pos": ["包邮吗"], "neg": []},
]


def as_json(put, name, data):
    return put(name, json.dumps(data, ensure_ascii=False))


def as_lines(put, name, rows):
    return put(name, "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows))


def loaded(path):
    text = path.read_text(encoding="utf-8")
    return json.loads(text) if path.suffix == ".json" else [json.loads(line) for line in text.splitlines()]


@pytest.mark.parametrize(
    ("name", "data", "through"),
    [
        ("parsed_data.json", PARSED, "catalogue.jsonl"),
        ("catalogue.json", CATALOGUE, "catalogue.jsonl"),
        ("output.json", OUTPUT, "conversations.jsonl"),
        ("output.json", OUTPUT[:2], "data.json"),
        ("data.json", DATA, "conversations.jsonl"),
        ("daily.json", DAILY, "noise.jsonl"),
        ("daily.json", DAILY, "noise.txt"),
        ("annonated_dataset.json", TRIPLES, "pairs.jsonl"),
        ("flag.jsonl", FLAG[1:], "pairs.jsonl"),
    ],
)
def test_there_and_back_is_the_same(put, tmp_path, name, data, through):
    source = (as_lines if name.endswith("jsonl") else as_json)(put, name, data)
    form = form_of(expand([source])[0])
    between = tmp_path / "there" / through
    assert convert(source, between).lost == {}
    back = tmp_path / "back" / name
    convert(between, back, to_form=form)
    assert loaded(back) == data


def test_triples_and_flagembedding_hold_the_same_pairs(put, tmp_path):
    source, there, back = (
        as_json(put, "annonated_dataset.json", TRIPLES),
        tmp_path / "flag.jsonl",
        tmp_path / "back.json",
    )
    assert convert(source, there).lost == {}
    assert loaded(there) == [
        {"query": "几天到", "pos": ["几天能到？"], "neg": ["包邮吗", "天气真好"]},
        {"query": "免运费吗", "pos": ["包邮吗"], "neg": []},
    ]
    convert(there, back)
    assert sorted(loaded(back)) == sorted(TRIPLES)


def test_flagembedding_to_flagembedding_keeps_everything(put, tmp_path):
    source = as_lines(put, "a.jsonl", FLAG)
    assert convert(source, tmp_path / "b.jsonl").lost == {}
    assert loaded(tmp_path / "b.jsonl") == FLAG


@pytest.mark.parametrize(
    ("name", "data", "target", "lost"),
    [
        ("flag.jsonl", FLAG, "triples.json", {"scores": 3, "prompt": 1, "type": 1}),
        ("catalogue.json", CATALOGUE, "parsed_data.json", {"category": 1, "id": 1}),
        ("data.json", DATA, "output.json", {"session id": 2, "time": 2}),
        ("output.json", OUTPUT, "chatter.json", {"words of the agent": 4}),
        (
            "pairs.jsonl",
            [{"text": "a", "partner": "b", "label": 1, "weight": 0.5, "entry": "x", "group": "g", "claims": ["c"]}],
            "triples.json",
            {"weight": 1, "entry": 1, "group": 1, "claims": 1},
        ),
        ("noise.jsonl", [{"text": "你好", "source": "film"}], "daily.json", {"name of the source": 1}),
    ],
)
def test_what_the_new_form_cannot_hold_is_told(put, tmp_path, name, data, target, lost):
    source = (as_lines if name.endswith("jsonl") else as_json)(put, name, data)
    assert convert(source, tmp_path / "to" / target).lost == lost


def test_the_first_line_of_our_own_forms_says_what_the_records_are(put, tmp_path):
    convert(put("catalogue.json", json.dumps(CATALOGUE)), tmp_path / "faq-2.jsonl", to_form="catalogue")
    first = (tmp_path / "faq-2.jsonl").read_text(encoding="utf-8").splitlines()[0]
    assert json.loads(first) == {"schema": 1, "kind": "catalogue"}


def test_a_spreadsheet_becomes_parsed_data(xlsx, tmp_path):
    source = xlsx("base2.xlsx", {"S": [["问题", "答案"], ["几天能到？\n多久到货", "3天"]]})
    report = convert(source, tmp_path / "parsed_data.json")
    assert (report.from_form, report.to_form, report.records) == ("sheet", "parsed_data", 1)
    assert loaded(tmp_path / "parsed_data.json") == [{"problems": ["几天能到？", "多久到货"], "answer": "3天"}]


def test_our_own_jsonl_is_what_the_workspace_reads(put, tmp_path):
    workspace = Workspace(tmp_path / "project")
    convert(as_json(put, "catalogue.json", CATALOGUE), workspace.catalogue_path)
    convert(as_json(put, "data.json", DATA), workspace.conversations_path)
    convert(as_json(put, "daily.json", DAILY), workspace.noise_path)
    convert(as_json(put, "answer2problem.json", TRIPLES), workspace.pairs_path)
    assert workspace.catalogue().entries[0].id == "K1"
    assert [conversation.id for conversation in workspace.conversations()] == ["S1", "S2"]
    assert [noise.source for noise in workspace.noise()] == ["daily.json#0", "daily.json#0", "daily.json#1"]
    assert [pair.label for pair in workspace.pairs()] == [1.0, 0.0, 1.0, 0.0]


@pytest.mark.parametrize(
    ("name", "content", "target", "told"),
    [
        (
            "a.json",
            json.dumps(TRIPLES),
            "output.xlsx",
            "cannot be told from this name. Next: name it with --to: triples, ",
        ),
        ("a.json", json.dumps([["a", "b", 0.5]]), "b.jsonl", r"a\.json, item 1: the label is 0.5"),
        ("a.json", json.dumps([*TRIPLES, ["a", 1]]), "b.jsonl", r"item 5: not \[text, text, label\]"),
        ("a.jsonl", '{"query": "a", "pos": ["b"], "pos_scores": [1, 2]}', "b.json", "1 pos but 2 pos_scores"),
        ("a.jsonl", '{"query": "a", "pos": "b"}', "b.json", "is no list of texts"),
        ("a.json", '{"x": 1}', "b.json", r"a\.json: no form to convert"),
    ],
)
def test_bad_input_is_named_and_nothing_is_written(put, tmp_path, name, content, target, told):
    place = tmp_path / "to"
    with pytest.raises(UserError, match=told):
        convert(put(name, content), place / target)
    assert not place.exists() or not list(place.iterdir())


def test_forms_that_hold_different_things_do_not_become_each_other(put, tmp_path):
    with pytest.raises(UserError, match="triples cannot become output"):
        convert(as_json(put, "a.json", TRIPLES), tmp_path / "b.json", to_form="output")


def test_a_file_can_be_converted_onto_itself(put):
    path = put("a.json", json.dumps(OUTPUT[:2]), "utf-16")
    convert(path, path, to_form="output")
    assert loaded(path) == OUTPUT[:2]


def test_pairs_become_hand_labels_without_copies_that_differ_by_a_slip(put, tmp_path):
    rows = [
        ["几号能到我家", "几天能到？", 1.0], ["几号能到我家家", "几天能到？", 1.0], ["几号能到我家", "包邮吗", 0.0],
        ["几号能到我家呀", "包邮吗", 1.0], ["免运费吗", "包邮吗", 1.0],
    ]  # fmt: skip
    source, target = as_json(put, "annonated_dataset.json", rows), tmp_path / "labels.jsonl"
    made = convert(source, target, to_form="gold")

    assert made.lost == {"pair of label 0": 1, "copy of a text with a slip": 1}
    assert loaded(target) == [
        {"query": "几号能到我家", "entry": "几天能到？"},
        {"query": "几号能到我家呀", "entry": "包邮吗"},
        {"query": "免运费吗", "entry": "包邮吗"},
    ]
    assert made.records == 3
    found, _ = read_gold([target], Catalogue((Entry("e", ("几天能到？",), "3天"), Entry("p", ("包邮吗",), "包"))))
    assert [label.entry for label in found] == ["e", "p", "p"]
    with pytest.raises(UserError, match="sheet cannot become gold"):
        convert(put("a.csv", "问题,答案\n几天到,三天\n"), tmp_path / "x.jsonl", to_form="gold")
