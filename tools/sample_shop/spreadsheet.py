"""The sample shop's `base2.xlsx`, as messy as such files are."""

from __future__ import annotations

from datetime import datetime
from itertools import groupby
from pathlib import Path

import xlsxwriter
from episodes import Entry
from xlsxwriter.format import Format
from xlsxwriter.worksheet import Worksheet

TITLES = {
    "售前售中": ["溪谷营地 客服标准问答（2026 春）", "内部资料，请勿外传"],
    "售后与会员": [""],
    "商品知识": ["商品知识库", "", "更新：2026-01-04"],
    "English FAQ": ["Creekside Camp – help centre"],
}
HEADERS = {
    "售前售中": ["序号", "分类", "问题", "答案", "备注"],
    "售后与会员": ["类别", "标准问", "相似问1", "相似问2", "相似问3", "标准回复"],
    "商品知识": ["分类", "客户常问", "答案", "负责人"],
    "English FAQ": ["Category", "Question", "Answer"],
}
CATEGORY_COLUMN = {"售前售中": 1}
WITH_EMPTY_ROWS = ("售前售中", "商品知识")
NOTES = {
    "售前售中": "注：大促期间时效以公告为准，请各位同事及时更新。",
    "商品知识": "注：以上为常规款，联名款另行补充。",
}
CHANGES = {
    "日期": ["2025-11-02", "2025-12-18", "2026-01-04"],
    "修改内容": ["双11政策更新", "新增咖啡器具", "核对全部时效与金额"],
}


def write_spreadsheet(path: Path, entries: list[Entry]) -> None:
    """Four sheets of questions and answers, each in a form of its own, and one of something else."""
    book = xlsxwriter.Workbook(path, {"strings_to_formulas": False})
    book.set_properties({"created": datetime(2026, 1, 4), "title": "溪谷营地 客服标准问答"})
    styles = {
        "title": book.add_format({"bold": True, "font_size": 15}),
        "head": book.add_format({"bold": True, "bg_color": "#DDE8DD", "border": 1}),
        "cell": book.add_format({"text_wrap": True, "valign": "top"}),
        "category": book.add_format({"bold": True, "align": "center", "valign": "vcenter"}),
    }
    for name, titles in TITLES.items():
        sheet = book.add_worksheet(name)
        sheet.set_column(0, len(HEADERS[name]), 28, styles["cell"])
        for row, title in enumerate(titles):
            sheet.write(row, 0, title, styles["title"])
        sheet.write_row(len(titles), 0, HEADERS[name], styles["head"])
        _write_entries(sheet, name, len(titles) + 1, [entry for entry in entries if entry.sheet == name], styles)
    log = book.add_worksheet("修改记录")
    for column, (heading, cells) in enumerate(CHANGES.items()):
        log.write_column(0, column, [heading, *cells])
    book.close()


def _write_entries(sheet: Worksheet, name: str, row: int, entries: list[Entry], styles: dict[str, Format]) -> None:
    """Entries from `row` on: categories merged over their rows, on some sheets an empty row between them."""
    number = 0
    for category, group in groupby(entries, key=lambda entry: entry.category):
        first = row
        for entry in group:
            number += 1
            sheet.write_row(row, 0, _cells(name, entry, number), styles["cell"])
            row += 1
        column = CATEGORY_COLUMN.get(name, 0)
        if row - first > 1:
            sheet.merge_range(first, column, row - 1, column, category, styles["category"])
        else:
            sheet.write(first, column, category, styles["category"])
        row += name in WITH_EMPTY_ROWS
    if name in NOTES:
        sheet.write(row, 0, NOTES[name])


def _cells(sheet: str, entry: Entry, number: int) -> list[str | int]:
    """One row: several questions share a cell, or spread over cells, in a different way on every sheet."""
    questions, answer = entry.questions, entry.answer
    match sheet:
        case "售前售中":
            joined = ("；" if number % 3 == 0 else "\n").join(questions)
            return [number, "", joined, answer, "已核对" if number % 7 == 0 else ""]
        case "售后与会员":
            return ["", *[*questions, "", "", ""][:4], answer]
        case "商品知识":
            numbered = [f"{place}. {question}" for place, question in enumerate(questions, start=1)]
            return [
                "",
                "\n".join(numbered if len(questions) > 1 else questions),
                answer,
                "阿松" if number % 2 else "小禾",
            ]
        case _:
            return ["", (" | " if number % 2 else "\n").join(questions), answer]
