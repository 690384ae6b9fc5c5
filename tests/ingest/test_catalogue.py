"""Spreadsheets as companies keep them become the catalogue."""

from __future__ import annotations

import datetime as dt
import json

import pytest

from faqtune.config import CatalogueConfig
from faqtune.errors import UserError
from faqtune.ingest import read_catalogue
from faqtune.records import content_id

GUESSED = CatalogueConfig()


def entries(path, config=GUESSED):
    catalogue, _ = read_catalogue([path], config)
    return [(entry.questions, entry.answer, entry.category) for entry in catalogue]


def reasons(report):
    return [(remark.sheet, remark.row, remark.why) for remark in report.skipped]


MESSY = {
    "售前": [
        ["小店客服标准问答库（2026版）", "", "", "", ""],
        ["序号", "分类", "问题", "答案", "备注"],
        [1, "发货", "几天能到？\n多久到货？", "一般2-3天到货哦", ""],
        [2, "", "发什么快递？；能发顺丰吗", "默认发韵达", "已更新"],
        ["", "", "", "", ""],
        [3, "运费", "包邮吗", "满68包邮 ", ""],
        ["注：以店铺页面为准", "", "", "", ""],
    ],
    "商品": [["编号", "问题", "答案"], ["", "好吃吗", "很好吃的"], ["", "甜不甜", "酸酸甜甜"]],
    "说明": [["本表由客服部维护"]],
}
MERGES = {"售前": [(0, 0, 0, 4), (2, 1, 3, 1)]}
EXPECTED = [
    (("几天能到？", "多久到货？"), "一般2-3天到货哦", "发货"),
    (("发什么快递？", "能发顺丰吗"), "默认发韵达", "发货"),
    (("包邮吗",), "满68包邮", "运费"),
    (("好吃吗",), "很好吃的", ""),
    (("甜不甜",), "酸酸甜甜", ""),
]


def test_a_messy_workbook(xlsx):
    path = xlsx("base2.xlsx", MESSY, MERGES)
    assert entries(path) == EXPECTED
    catalogue, report = read_catalogue([path], GUESSED)
    assert catalogue.entries[0].source == "base2.xlsx, sheet 售前, row 3"
    assert catalogue.entries[0].id == content_id("几天能到?")
    assert reasons(report) == [("售前", 5, "empty row"), ("售前", 7, "row without question and answer")]
    assert report.files["base2.xlsx"].sheets == ["售前", "商品"]
    assert report.totals() == {"entries": 5, "questions": 7}
    assert "no question and answer column in this sheet" in report.files["base2.xlsx"].noted
    json.dumps(report.as_dict())


@pytest.mark.parametrize("codec", ["utf-8", "utf-8-sig", "utf-16", "gbk"])
def test_the_same_as_csv(put, codec):
    rows = MESSY["售前"]
    text = "\n".join(",".join(f'"{cell}"' for cell in row) for row in rows)
    path = put("base2.csv", text, codec)
    assert entries(path) == EXPECTED[:3]
    assert read_catalogue([path], GUESSED)[0].entries[2].source == "base2.csv, row 6"


@pytest.mark.parametrize("delimiter", [";", "\t", "|"])
def test_other_delimiters(put, delimiter):
    text = "\n".join(
        delimiter.join(row) for row in [["question", "answer"], ["How long?", "2, 3 days"], ["Free?", "Yes"]]
    )
    assert [row[:2] for row in entries(put("a.csv", text))] == [(("How long?",), "2, 3 days"), (("Free?",), "Yes")]


def test_ods_with_merged_cells(ods):
    rows = [
        ["分类", "问题", "答案"],
        [("发货", 'table:number-rows-spanned="2"'), "几天能到\n多久到", ("2-3天", 'table:number-rows-spanned="2"')],
        ["", "什么时候到", ""],
        ["运费", "包邮吗", "满68包邮"],
    ]
    assert entries(ods("a.ods", rows)) == [
        (("几天能到", "多久到", "什么时候到"), "2-3天", "发货"),
        (("包邮吗",), "满68包邮", "运费"),
    ]


def test_xls_with_merged_cells_and_numbers(xls):
    rows = [["分类", "问题", "答案"], ["发货", "几天能到", "3天"], ["", "发什么快递", "韵达"], ["价格", "多少钱", 68.0]]
    assert entries(xls("a.xls", rows, merges=[(1, 0, 2, 0)])) == [
        (("几天能到",), "3天", "发货"),
        (("发什么快递",), "韵达", "发货"),
        (("多少钱",), "68", "价格"),
    ]


def test_a_table_that_begins_in_the_middle_of_the_sheet(xlsx):
    rows = [["", "", "", "", ""]] * 3 + [["", "", "分类", "问题", "答案"], ["", "", "发货", "几天能到", "3天"]]
    rows += [["", "", "", "发什么快递", "韵达"]]
    path = xlsx("a.xlsx", {"S": rows}, {"S": [(4, 2, 5, 2)]})
    assert entries(path) == [(("几天能到",), "3天", "发货"), (("发什么快递",), "韵达", "发货")]
    assert read_catalogue([path], GUESSED)[0].entries[1].source == "a.xlsx, sheet S, row 6"


def test_rows_that_share_a_merged_answer_are_one_entry(xlsx):
    rows = [["问题", "答案"], ["几天能到", "3天"], ["多久到", ""], ["到货时间", ""], ["包邮吗", "包"]]
    assert entries(xlsx("a.xlsx", {"S": rows}, {"S": [(1, 1, 3, 1)]})) == [
        (("几天能到", "多久到", "到货时间"), "3天", ""),
        (("包邮吗",), "包", ""),
    ]


def test_several_question_columns_and_a_header_merged_over_them(xlsx):
    rows = [["标准问题", "相似问法1", "相似问法2", "回复话术"], ["几天能到", "多久到货", "", "3天"]]
    assert entries(xlsx("a.xlsx", {"S": rows})) == [(("几天能到", "多久到货"), "3天", "")]
    rows = [["问题", "", "答案"], ["几天能到", "多久到货", "3天"]]
    assert entries(xlsx("b.xlsx", {"S": rows}, {"S": [(0, 0, 0, 1)]})) == [(("几天能到", "多久到货"), "3天", "")]


def test_a_heading_merged_over_the_row_is_no_entry(xlsx):
    rows = [["问题", "答案"], ["一、发货类", ""], ["几天能到", "3天"], ["问题", "答案"], ["包邮吗", "包"]]
    _, report = read_catalogue([path := xlsx("a.xlsx", {"S": rows}, {"S": [(1, 0, 1, 1)]})], GUESSED)
    assert [row[0] for row in entries(path)] == [("几天能到",), ("包邮吗",)]
    assert reasons(report) == [("S", 2, "heading row"), ("S", 4, "header repeated")]


def test_notes_without_an_answer_are_no_entries(xlsx):
    rows = [["问题", "答案"], ["几天能到", "3天"], ["注：节假日除外", ""], ["Note: updated weekly", ""]]
    _, report = read_catalogue([xlsx("a.xlsx", {"S": rows})], GUESSED)
    assert reasons(report) == [("S", 3, "note row"), ("S", 4, "note row")]


def test_numbers_dates_and_truths_are_read_as_they_are_shown(xlsx):
    rows = [
        ["问题", "答案"],
        [13800138000, 0.5],
        [dt.datetime(2026, 5, 1), "放假"],
        [dt.datetime(2026, 5, 1, 8, 30), 1520.0],
        [True, "是"],
    ]
    path = xlsx("a.xlsx", {"S": rows})
    assert [row[:2] for row in entries(path)] == [
        (("13800138000",), "0.5"),
        (("2026-05-01",), "放假"),
        (("2026-05-01 08:30:00",), "1520"),
        (("TRUE",), "是"),
    ]
    _, report = read_catalogue([path], GUESSED)
    assert report.files["a.xlsx"].noted == {"a question that is a number or a date": 4}


def test_hidden_sheets_are_read_only_when_named(xlsx):
    sheets = {"新": [["问题", "答案"], ["新问题吗", "新"]], "旧": [["问题", "答案"], ["旧问题吗", "旧"]]}
    path = xlsx("a.xlsx", sheets, hidden=["旧"])
    assert [row[1] for row in entries(path)] == ["新"]
    assert [row[1] for row in entries(path, CatalogueConfig(sheets=["旧"]))] == ["旧"]


def test_columns_and_header_row_named_by_the_user(xlsx):
    rows = [["问题", "答案"], ["说法", "处理"], ["几天能到", "3天"]]
    config = CatalogueConfig(header_row=2, question_columns=["说法"], answer_column="处理")
    assert entries(xlsx("a.xlsx", {"S": rows}), config) == [(("几天能到",), "3天", "")]


def test_a_traditional_chinese_header(put):
    assert entries(put("a.csv", "問題分類,問題,標準答覆\n運費,要運費嗎,免運\n")) == [(("要運費嗎",), "免運", "運費")]


def test_title_and_content_columns_are_the_last_resort(put):
    assert entries(put("a.csv", "标题,内容\n几天能到,3天\n")) == [(("几天能到",), "3天", "")]
    assert entries(put("b.csv", "标题,问题,答案\n物流,几天能到,3天\n")) == [(("几天能到",), "3天", "")]


class TestIds:
    def test_an_unmistakable_id_column_is_used(self, put):
        catalogue, _ = read_catalogue([put("a.csv", "编号,问题,答案\nK01,几天到,3天\nK07,包邮吗,包\n")], GUESSED)
        assert [entry.id for entry in catalogue] == ["K01", "K07"]

    @pytest.mark.parametrize("ids", [("1", "2"), ("K1", "K1"), ("K1", "")])
    def test_running_repeated_or_missing_ids_are_not_guessed_to_be_ids(self, put, ids):
        path = put("a.csv", f"编号,问题,答案\n{ids[0]},几天到,3天\n{ids[1]},包邮吗,包\n")
        catalogue, report = read_catalogue([path], GUESSED)
        assert [entry.id for entry in catalogue] == [content_id("几天到"), content_id("包邮吗")]
        assert report.files["a.csv"].noted

    @pytest.mark.parametrize(("ids", "told"), [(("K1", "K1"), "row 3: the id K1 also"), (("K1", ""), "row 3: no id")])
    def test_ids_that_the_user_names_must_be_whole(self, put, ids, told):
        path = put("a.csv", f"号,问题,答案\n{ids[0]},几天到,3天\n{ids[1]},包邮吗,包\n")
        with pytest.raises(UserError, match=told):
            read_catalogue([path], CatalogueConfig(id_column="号"))

    def test_ids_do_not_depend_on_the_order_of_rows(self, put):
        rows = ["几天到,3天", "包邮吗,包", "几天到,5天", "能退吗,能"]
        first, _ = read_catalogue([put("a.csv", "\n".join(["问题,答案", *rows]))], GUESSED)
        again, _ = read_catalogue([put("b.csv", "\n".join(["问题,答案", rows[3], rows[0], rows[1], rows[2]]))], GUESSED)
        assert {(entry.id, entry.answer) for entry in first} == {(entry.id, entry.answer) for entry in again}
        assert len({entry.id for entry in first}) == 4


class TestRepeats:
    def test_an_exact_repeat_is_read_once_over_all_files(self, put):
        first, second = put("a.csv", "问题,答案\n几天到,3天\n"), put("b.csv", "问题,答案\n几天到, 3天\n包邮吗,包\n")
        catalogue, report = read_catalogue([first, second], GUESSED)
        assert [entry.questions for entry in catalogue] == [("几天到",), ("包邮吗",)]
        assert [str(remark) for remark in report.skipped] == ["b.csv, row 2: repeated entry (as at a.csv, row 2)"]

    def test_a_repeat_with_further_questions_adds_them_and_tells(self, put):
        path = put("a.csv", "问题,答案\n几天到,3天\n几天到|多久到货,3天\n")
        assert entries(path) == [(("几天到", "多久到货"), "3天", "")]
        _, report = read_catalogue([path], GUESSED)
        assert [(remark.row, remark.detail) for remark in report.notes] == [(3, "as at a.csv, row 2")]

    def test_the_same_question_with_another_answer_is_kept_and_told(self, put):
        catalogue, report = read_catalogue([put("a.csv", "问题,答案\n几天到,3天\n几天到,5天\n")], GUESSED)
        assert len(catalogue) == 2
        assert [(r.row, r.why) for r in report.notes] == [(3, "a question that another entry has too")]


class TestJson:
    def test_parsed_data_has_texts_or_lists_and_is_not_split(self, put):
        data = [{"problems": "有车；怎么赔？", "answer": "这样赔"}, {"problems": ["a?", "b?"], "answer": "c"}]
        path = put("parsed_data.json", json.dumps(data))
        assert entries(path) == [(("有车；怎么赔？",), "这样赔", ""), (("a?", "b?"), "c", "")]
        assert read_catalogue([path], GUESSED)[0].entries[1].source == "parsed_data.json, item 2"

    def test_catalogue_json_keeps_its_ids(self, put):
        data = [{"id": 7, "category": "发货", "questions": ["几天到"], "answer": "3天"}]
        catalogue, _ = read_catalogue([put("catalogue.json", json.dumps(data))], GUESSED)
        assert (catalogue.entries[0].id, catalogue.entries[0].category) == ("7", "发货")

    @pytest.mark.parametrize("text", ['{"data": {"list": [%s]}}', "%s", "[%s]"])
    def test_wrapped_lists_and_single_objects(self, put, text):
        assert entries(put("a.json", text % '{"question": "几天到", "answer": "3天"}')) == [(("几天到",), "3天", "")]

    def test_jsonl(self, put):
        head = '{"schema": 1, "kind": "catalogue"}\n'
        lines = head + '{"question": "a?", "answer": "b"}\n\n{"question": "c?", "answer": "d"}\n'
        assert [row[1] for row in entries(put("a.jsonl", lines))] == ["b", "d"]

    def test_an_item_without_answer_is_named(self, put):
        path = put(
            "a.json", '[{"problems": "a?", "answer": "b"}, {"problems": "c?", "answer": null}, {"problems": "d?"}]'
        )
        with pytest.raises(UserError, match=r"a\.json, item 2: no answer \(and 1 more"):
            read_catalogue([path], GUESSED)
        assert len(entries(path, CatalogueConfig(skip_empty=True))) == 1


def test_a_mark_behind_a_question_makes_no_other_question(put):
    rows = ["能开发票吗,可以", "能开发票吗？,可以", "能开发票吗 ,要加税点", "能开发票吗?|发票怎么开呀,可以", "?,问号"]
    catalogue, report = read_catalogue([put("faq.csv", "\n".join(["问题,答案", *rows]))], CatalogueConfig())
    assert [(entry.questions, entry.answer) for entry in catalogue] == [
        (("能开发票吗", "发票怎么开呀"), "可以"), (("能开发票吗",), "要加税点"), (("?",), "问号"),
    ]  # fmt: skip
    assert report.file("faq.csv").skipped == {"repeated entry": 1}
    assert {note.why for note in report.notes} >= {"a question that another entry has too"}
