"""Bad spreadsheets give one clear error with the place and the next step."""

from __future__ import annotations

import zipfile

import pytest

from faqtune.config import CatalogueConfig
from faqtune.errors import UserError
from faqtune.ingest import archive, read_catalogue


def refused(path, match, **config):
    with pytest.raises(UserError, match=match) as caught:
        read_catalogue([path], CatalogueConfig(**config))
    assert caught.value.next_step
    return caught.value


def rezip(path, change):
    """Rewrite the parts of a zip: `change` maps name and content to the new content."""
    with zipfile.ZipFile(path) as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in parts.items():
            archive.writestr(name, change(name, content))
    return path


FAQ = {"常见问题": [["问题", "答案"], ["几天到", "3天"]]}


def test_answers_missing_name_sheet_and_row(xlsx):
    rows = [["问题", "答案"], ["几天到", "3天"], ["包邮吗", ""], ["能退吗", ""], ["", "七天"]]
    path = xlsx("faq.xlsx", {"S": rows})
    refused(path, r"faq\.xlsx, sheet S, row 3: no answer \(and 2 more such rows\)")
    catalogue, report = read_catalogue([path], CatalogueConfig(skip_empty=True))
    assert len(catalogue) == 1
    assert [(r.row, r.why) for r in report.skipped] == [(3, "no answer"), (4, "no answer"), (5, "no question")]


def test_formula_errors_are_named_as_such(xlsx):
    path = xlsx("faq.xlsx", {"S": [["问题", "答案"], ["几天到", "3天"], ["包邮吗", "#REF!"]]})

    def as_error(name, content):
        if name != "xl/worksheets/sheet1.xml":
            return content
        found = content.rindex(b'<c r="B3"')
        return (
            content[:found]
            + b'<c r="B3" t="e"><f>Sheet9!A1</f><v>#REF!</v></c>'
            + content[content.index(b"</c>", found) + 4 :]
        )

    refused(rezip(path, as_error), r"sheet S, row 3: the answer is a formula error \(#REF!\)")


def test_a_formula_without_a_stored_value_is_named_as_such(xlsx):
    path = xlsx("faq.xlsx", {"S": [["问题", "答案"], ["包邮吗", "x"]]})

    def without_value(name, content):
        if name != "xl/worksheets/sheet1.xml":
            return content
        found = content.index(b'<c r="B2"')
        return (
            content[:found] + b'<c r="B2"><f>A1&amp;"b"</f><v></v></c>' + content[content.index(b"</c>", found) + 4 :]
        )

    refused(rezip(path, without_value), r"row 2: the answer is a formula without a stored value")


def test_an_error_in_one_of_several_question_columns_is_told(put):
    catalogue, report = read_catalogue([put("a.csv", "问题1,问题2,答案\n包邮吗,#N/A,包\n")], CatalogueConfig())
    assert catalogue.entries[0].questions == ("包邮吗",)
    assert [remark.detail for remark in report.skipped] == ["a formula error (#N/A)"]


def test_a_formula_with_a_stored_value_is_its_value(tmp_path):
    import xlsxwriter

    book = xlsxwriter.Workbook(tmp_path / "a.xlsx")
    sheet = book.add_worksheet()
    sheet.write_row(0, 0, ["问题", "答案"])
    sheet.write_string(1, 0, "包邮吗")
    sheet.write_formula(1, 1, '="满"&68&"包邮"', None, "满68包邮")
    book.close()
    catalogue, _ = read_catalogue([tmp_path / "a.xlsx"], CatalogueConfig())
    assert catalogue.entries[0].answer == "满68包邮"


def test_formula_errors_of_a_csv_export(put):
    refused(put("a.csv", "问题,答案\n包邮吗,#N/A\n"), r"row 2: the answer is a formula error \(#N/A\)")
    refused(put("b.csv", "问题,答案\n#REF!,包\n"), r"row 2: the question is a formula error \(#REF!\)")


def test_no_answer_column_lists_the_headers_seen(xlsx):
    error = refused(
        xlsx("a.xlsx", {"S": [["2026 FAQ"], ["咨询", "处理人", "日期"], ["几天到", "王", "5月"]]}),
        "headers seen: 咨询, 处理人, 日期",
    )
    assert "answer_column" in error.next_step


def test_names_of_the_config_that_are_not_there(xlsx):
    path = xlsx("a.xlsx", FAQ)
    refused(path, "no sheet 问答; it has 常见问题", sheets=["问答"])
    refused(path, "headers seen: 问题, 答案", answer_column="回复")
    refused(path, "no column 编码; headers seen: 问题, 答案", id_column="编码")


def test_a_zip_bomb_is_refused_before_it_is_opened(xlsx, monkeypatch):
    path = xlsx("a.xlsx", FAQ)
    monkeypatch.setattr(archive, "SMALL_BYTES", 1 << 20)
    rezip(path, lambda name, content: content + b" " * (3 << 20) if name.endswith("styles.xml") else content)
    refused(path, "zip bomb")


def test_a_cell_far_out_is_refused_before_memory_is_asked_for(xlsx, ods):
    far = rezip(
        xlsx("a.xlsx", FAQ),
        lambda name, content: (
            content.replace(b'<row r="2"', b'<row r="1048576"').replace(b'"B2"', b'"XFD1048576"')
            if name.endswith("sheet1.xml")
            else content
        ),
    )
    refused(far, "row 1,048,576, column 16,384")
    rows = [["问题", "答案"], [("", 'table:number-columns-repeated="16000"'), "x"]]
    rows += [[("", "")]] * 2000
    rows += [["x", ("y", 'table:number-columns-repeated="16000"')]]
    refused(ods("a.ods", rows), "column 16,001")


def test_a_cell_of_50_mb(put, xlsx):
    refused(
        put("a.csv", "问题,答案\n包邮吗,包\n" + "几天到," + "x" * 50_000_000 + "\n"),
        r"a\.csv, line 3: a cell of more than",
    )
    path = rezip(
        xlsx("b.xlsx", FAQ),
        lambda name, content: content.replace("3天".encode(), b"x" * 50_000) if "sharedStrings" in name else content,
    )
    refused(path, r"b\.xlsx, sheet 常见问题, row 2: a cell of 50,000 characters")


def test_a_quote_that_is_never_closed(put):
    refused(
        put("a.csv", '问题,答案\n能退吗,能\n包邮吗,"满68包邮\n' + "几天到,3天\n" * 20_000),
        r"a\.csv, line 3: a cell of more than",
    )


@pytest.mark.parametrize("share", [0.2, 0.6, 0.95])
def test_a_truncated_workbook(xlsx, share):
    path = xlsx("a.xlsx", FAQ)
    path.write_bytes(path.read_bytes()[: int(path.stat().st_size * share)])
    refused(path, "cut off or damaged")


def test_a_truncated_xls(xls):
    path = xls("a.xls", [["问题", "答案"], ["几天到", "3天"]])
    path.write_bytes(path.read_bytes()[:2000])
    refused(path, "damaged, or no spreadsheet")


def test_passwords(put, xlsx):
    shell = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(600) + "EncryptedPackage".encode("utf-16-le") + bytes(600)
    refused(put("a.xlsx", shell), "password")


@pytest.mark.parametrize(
    ("name", "content", "told"),
    [
        ("a.xlsx", b"%PDF-1.7 ...", "a PDF file"),
        ("a.xlsx", b"\x89PNG\r\n\x1a\n000", "a picture"),
        ("a.xls", b"<html><table><tr><td>x</td></tr></table></html>", "HTML"),
        ("a.csv", b"", "is empty"),
        ("a.json", "包邮吗，满68包邮".encode(), "is not JSON"),
        ("a.xlsx", b"PK\x03\x04 not a zip", "cut off or damaged"),
    ],
)
def test_the_wrong_kind_of_file(put, name, content, told):
    refused(put(name, content), told)


def test_other_zips(tmp_path):
    for name, part, told in [
        ("a.xlsx", "word/document.xml", "Word"),
        ("b.xlsx", "x.txt", "zip archive"),
        ("c.xlsb", "xl/workbook.bin", "xlsb"),
    ]:
        with zipfile.ZipFile(tmp_path / name, "w") as archive:
            archive.writestr(part, "x")
        refused(tmp_path / name, told)


def test_content_counts_not_the_extension(put, xlsx):
    for path in (
        put("a.xls", "问题,答案\n包邮吗,满68包邮\n", "gbk"),
        xlsx("b.xlsx", FAQ).rename(put("b.csv", "").parent / "b.csv"),
    ):
        assert len(read_catalogue([path], CatalogueConfig())[0]) == 1


def test_missing_and_empty_inputs(tmp_path, put):
    refused(tmp_path / "none.xlsx", "there is no")
    (tmp_path / "folder").mkdir()
    refused(tmp_path / "folder", "no readable file")
    refused(put("a.csv", "问题,答案\n"), "no entry with a question and an answer")
    with pytest.raises(UserError, match="no catalogue file"):
        read_catalogue([], CatalogueConfig())


def test_lock_and_hidden_files_of_a_folder_are_passed_over(put):
    put("faq/~$a.csv", "lock")
    put("faq/.DS_Store.csv", b"\0\1")
    put("faq/sub/a.csv", "问题,答案\n包邮吗,包\n")
    folder = put("faq/b.csv", "问题,答案\n能退吗,能\n").parent
    catalogue, _ = read_catalogue([folder], CatalogueConfig())
    assert [entry.source for entry in catalogue] == ["b.csv, row 2", "sub/a.csv, row 2"]
