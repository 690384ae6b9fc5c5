"""What `faqtune annotate --import` says of a file besides what is new."""

from __future__ import annotations

from collections.abc import Callable

from faqtune import Workspace
from faqtune.annotate.workbook import write_workbook
from faqtune.commands.annotation_files import open_for_files

Cli = Callable[..., tuple[int, str, str]]


def test_rows_that_were_left_out_and_answers_that_may_be_newer_are_told(tuned_shop: Workspace, cli: Cli) -> None:
    session = open_for_files(tuned_shop)
    text = session.material.pool.queries[0].text
    session.close()
    path = tuned_shop.root / "labels.xlsx"
    project = str(tuned_shop.root)

    def told(*rows: list[str]) -> list[str]:
        write_workbook(path, {"s": (("文本", "标签", "标注人"), rows)})
        code, out, error = cli("annotate", "--project", project, "--import", str(path))
        assert code == 0, error
        return out.splitlines()

    first = [text, "什么时候发货", "小李"]
    count, *lines = told(first, ["没有人问过这个", "什么时候发货", "小李"])
    assert count.endswith("labels.xlsx: 1 annotations (xlsx), 1 of them new.")
    assert lines == [
        "1 row was left out, since no query says its text: row 3. Write it as the logs have it, or the query's id in a "
        "column `query`, and import the file again; rows of other logs may be deleted."
    ]
    replaced = (
        "1 of them replaces an answer, of the same person or another, that is newer, or may be (the file does not say "
        "when its own were given)."
    )
    assert told([text, "（闲聊）", "小李"])[1:] == [replaced]
    passed = "1 was passed over: here before, or older, and since taken back, or its person has said something else."
    assert told(first)[1:] == [passed]


def test_a_label_that_is_no_entry_is_told_what_else_it_may_be(tuned_shop: Workspace, cli: Cli) -> None:
    path = tuned_shop.root / "labels.xlsx"
    write_workbook(path, {"s": (("text", "label"), [["不管问什么", "none"]])})
    code, _, error = cli("annotate", "--project", str(tuned_shop.root), "--import", str(path))
    assert code != 0
    assert "where no entry fits, one of (chitchat), (unclear), (unsupported), (several) (in Chinese （闲聊）" in error
