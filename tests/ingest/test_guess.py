"""What `faqtune init` understands, and the config that it writes."""

from __future__ import annotations

import json
import tomllib

import pytest

from faqtune.config import Config, load_config, validated
from faqtune.errors import UserError
from faqtune.ingest import inspect, read_catalogue, read_conversations, write_config
from faqtune.ingest.draft_config import CHINESE
from faqtune.ingest.looks import SAMPLE_BYTES
from faqtune.ingest.names import ROLE, TEXT
from faqtune.ingest.unrecognised import KNOWN_ROLES, KNOWN_TEXTS

NESTED = json.dumps([{"conversation": [{"input": "几天到", "output": "3天"}]}])
ROWS = "会话ID,发送者,内容,时间\n1,客户,在吗,2026-01-05 10:00\n1,客服,在的,2026-01-05 10:01\n"
FAQ = [["店铺问答"], ["分类", "问题", "答案"], ["发货", "几天能到", "3天"]]


def kinds(*paths, noise=()):
    return [(guess.path.name, guess.kind, guess.form) for guess in inspect(paths, noise)]


def test_every_form_is_told_by_its_content(put, xlsx):
    files = [
        (xlsx("a.xlsx", {"S": FAQ}), "catalogue", "sheet"),
        (put("b.json", '[{"problems": ["a?"], "answer": "b"}]'), "catalogue", "parsed_data"),
        (put("c.json", '[{"id": "1", "questions": ["a?"], "answer": "b"}]'), "catalogue", "catalogue_json"),
        (put("d.csv", ROWS, "gbk"), "conversations", "data"),
        (put("e.json", '[{"session_id": 1, "role": "user", "content": "hi"}]'), "conversations", "data"),
        (put("output.json", NESTED), "conversations", "output"),
        (put("modified_daily_datasets.json", NESTED), "noise", "daily"),
        (put("f.txt", "你好\n"), "noise", "sentences"),
        (put("g.jsonl", '{"query": "a", "entry": null}\n'), "gold", "gold"),
        (put("h.json", '[["a", "b", 1.0]]'), "pairs", "triples"),
        (put("i.jsonl", '{"query": "a", "pos": ["b"]}\n'), "pairs", "flagembedding"),
    ]
    assert kinds(*(path for path, _, _ in files)) == [(path.name, kind, form) for path, kind, form in files]


def test_a_guess_shows_what_was_understood(put, xlsx):
    faq, log = inspect([xlsx("base2.xlsx", {"S": FAQ}), put("log.csv", ROWS, "gbk")])
    assert faq.sheets == ("S",)
    assert faq.columns == {"questions": ["问题"], "answer": ["答案"], "category": ["分类"]}
    assert faq.counts == {"entries": 1, "questions": 1}
    assert faq.preview == ("几天能到 → 3天",)
    assert log.encodings == ("gb18030",)
    assert log.columns == {"session": ["会话ID"], "role": ["发送者"], "text": ["内容"], "time": ["时间"]}
    assert log.roles == {"customer": ["客户"], "agent": ["客服"]}
    assert log.counts == {"conversations": 1, "turns": 1}
    assert log.preview == ("在吗 → 在的",)


def test_chatter_is_told_by_its_name_or_by_the_user_and_else_doubted(put):
    path = put("x.json", NESTED)
    (guess,) = inspect([path])
    assert guess.kind == "conversations"
    assert any("chatter" in remark for remark in guess.remarks)
    assert kinds(noise=[path]) == [("x.json", "noise", "output")]
    assert not inspect([put("output.json", NESTED)])[0].remarks


def test_a_folder_of_like_files_is_one_guess(put):
    put("logs/a.csv", ROWS, "gbk")
    folder = put("logs/b.csv", ROWS).parent
    (guess,) = inspect([folder])
    assert (guess.path, guess.kind, guess.files, set(guess.encodings)) == (
        folder,
        "conversations",
        2,
        {"gb18030", "utf-8"},
    )
    put("logs/faq.csv", "问题,答案\n包邮吗,包\n")
    assert [guess.kind for guess in inspect([folder])] == ["conversations", "conversations", "catalogue"]


def test_only_the_beginning_of_a_large_log_is_looked_at(put):
    rows = [{"session_id": n // 2, "sender": "客户" if n % 2 else "客服", "content": f"第{n}句"} for n in range(8_000)]
    lines = [json.dumps(row, ensure_ascii=False) for row in rows]
    (guess,) = inspect([put("a.jsonl", "\n".join([*lines, "{broken"]))])
    assert guess.is_sample
    assert guess.counts == {"conversations": 200, "turns": 400}


def test_counts_of_a_beginning_are_said_to_be_such_also_of_a_small_file(put):
    """200 conversations were told of a file of 300, and 5,000 rows of one with more."""

    def is_sample(sessions: int, rows: int) -> bool:
        lines = [f"{session},{n % 2},{n}" for session in range(sessions) for n in range(rows)]
        (guess,) = inspect([put("logs.csv", "\n".join(["会话,发送者,内容", *lines]).replace(",0,", ",客户,"))])
        assert (guess.kind, guess.path.stat().st_size < SAMPLE_BYTES) == ("conversations", True)
        return guess.is_sample

    assert [is_sample(*size) for size in ((200, 4), (201, 4), (100, 50), (100, 51))] == [False, True, False, True]


def test_an_unreadable_file_is_a_problem_and_a_missing_one_an_error(put, tmp_path):
    (guess,) = inspect([put("a.xlsx", b"%PDF-1.7")])
    assert (guess.kind, "PDF" in guess.problem) == ("unknown", True)
    with pytest.raises(UserError, match="there is no"):
        inspect([tmp_path / "none"])


def test_the_config_loads_back_and_reads_the_same_files(put, xlsx, tmp_path):
    faq, logs = xlsx("base2.xlsx", {"S": FAQ, "说明": [["x"]]}), put("logs/a.csv", ROWS, "gbk").parent
    ids = put("catalogue.json", '[{"id": "F1", "category": "", "questions": ["几天能到"], "answer": "3天"}]')
    gold, noise = put("gold.jsonl", '{"query": "a", "entry": "F1"}'), put("daily.json", NESTED)
    text = write_config(inspect([faq, logs, ids, gold, noise]), tmp_path)
    config = load_config(put("faqtune.toml", text))
    assert config.catalogue.model_dump(exclude_defaults=True) == {
        "files": ["base2.xlsx"],
        "sheets": ["S"],
        "question_columns": ["问题"],
        "answer_column": "答案",
        "category_column": "分类",
    }
    assert config.conversations.files == ["logs"]
    assert config.conversations.session_column == "会话ID"
    assert config.noise.files == ["daily.json"]
    assert (config.gold.files, config.gold.catalogue) == (["gold.jsonl"], "catalogue.json")
    assert len(read_catalogue([faq], config.catalogue)[0]) == 1
    assert len(list(read_conversations([logs], config.conversations)[0])) == 1


def test_files_that_differ_in_their_columns_leave_them_guessed(put, tmp_path):
    files = [put("a.csv", "问题,答案\n包邮吗,包\n"), put("b.csv", "问题,回复\n能退吗,能\n")]
    config = load_config(put("faqtune.toml", write_config(inspect(files), tmp_path)))
    assert config.catalogue.answer_column == ""
    assert config.catalogue.question_columns == ["问题"]
    assert len(read_catalogue(files, config.catalogue)[0]) == 2


def test_the_config_of_nothing_is_all_comments(put, tmp_path):
    text = write_config([], tmp_path)
    assert load_config(put("faqtune.toml", text)) == Config()
    assert "# base = " in text


def test_every_key_has_a_title_in_chinese():
    keys = set(Config.model_fields) | {
        f"{section}.{key}" for section, info in Config.model_fields.items() for key in info.annotation.model_fields
    }
    assert keys == set(CHINESE)


def test_a_folder_whose_files_differ_in_their_columns_leaves_them_guessed(put, tmp_path):
    put("faq/a.csv", "问题,答案\n包邮吗,包\n")
    folder = put("faq/b.csv", "问题,回复\n能退吗,能\n").parent
    config = load_config(put("faqtune.toml", write_config(inspect([folder]), tmp_path)))
    assert len(read_catalogue([folder], config.catalogue)[0]) == 2


@pytest.mark.parametrize("name", ['with "quotes".csv', "back\\slash.csv", "del\x7f.csv", "换\n行.csv"])
def test_odd_file_names_survive_the_config(put, tmp_path, name):
    text = write_config(inspect([put(name, ROWS)]), tmp_path)
    assert load_config(put("faqtune.toml", text)).conversations.files == [name]


ODD_TABLE = "客户怎么说,我们怎么说,备用\n几天到,三天到,x\n能退吗,能退,y\n"
ODD_LOG = json.dumps({"全部": [{"编号": 1, "聊天": [{"谁说的": "顾客", "说了啥": "在吗"}]}]}, ensure_ascii=False)


def test_a_table_that_is_not_understood_shows_its_headers_and_what_to_write(put):
    (guess,) = inspect([put("odd.csv", ODD_TABLE)])
    assert "headers seen: 客户怎么说, 我们怎么说, 备用" in guess.problem
    for table, line in (
        ("catalogue", 'question_columns = ["…"]'),
        ("catalogue", 'answer_column = "…"'),
        ("conversations", 'role_column = "…"'),
    ):
        assert guess.problem.index(f"`[{table}]`") < guess.problem.index(f"`{line}`")
        validated(Config, {table: tomllib.loads(line)}, "odd")


@pytest.mark.parametrize(("name", "content"), [("odd.csv", ODD_TABLE), ("odd.json", ODD_LOG)])
def test_beside_a_catalogue_the_advice_is_about_logs(put, xlsx, name, content):
    _, guess = inspect([xlsx("base2.xlsx", {"S": FAQ}), put(name, content)])
    assert guess.kind == "unknown" and "[catalogue]" not in guess.problem
    assert "`role_column" in guess.problem and "`text_column" in guess.problem
    assert "under `[conversations]` in faqtune.toml" in guess.problem


def test_a_log_with_unusual_keys_shows_them_at_both_levels_and_the_keys_to_write(put):
    """A list of messages under 聊天 was taken for a sentence, and refused for having none."""
    (guess,) = inspect([put("odd.json", ODD_LOG)])
    assert (guess.kind, guess.form) == ("unknown", "noise")
    assert "keys seen: 编号, 聊天, 聊天 → 谁说的, 说了啥" in guess.problem
    assert "who wrote a message `role`, `sender` or `发送者` and its text `content`, `text` or `内容`" in guess.problem
    assert inspect([put("small.json", '[{"聊天": "今天好热", "编号": [1]}]')])[0].kind == "noise"
    (session,) = inspect([put("lists.json", '[[{"谁说的": "顾客", "说了啥": "在吗"}]]')])
    assert "keys seen: 谁说的, 说了啥" in session.problem


def test_the_keys_that_are_advised_are_known():
    assert set(KNOWN_ROLES) <= set(ROLE) and set(KNOWN_TEXTS) <= set(TEXT)


@pytest.mark.parametrize("content", ['[{"foo": 1, "bar": [2]}]', '{"foo": 1, "bar": [2]}'])
def test_json_that_is_not_understood_shows_its_keys(put, content):
    (guess,) = inspect([put("odd.json", content)])
    assert "odd.json: neither questions" in guess.problem and "keys seen: foo, bar" in guess.problem


def test_a_row_that_will_stop_the_next_step_is_named(put):
    """It used to be shown as left out, as if all were well."""
    (guess,) = inspect([put("faq.csv", "问题,答案\n几天到,三天\n包邮吗,\n能退吗,能\n")])
    assert not guess.problem and guess.counts["entries"] == 2
    assert guess.remarks[0] == (
        "ingest will stop at faq.csv, row 3: no answer. Next: fill it in, or set skip_empty = true in faqtune.toml."
    )
    assert not inspect([put("whole.csv", "问题,答案\n几天到,三天\n能退吗,能\n")])[0].remarks


def test_a_long_line_of_chatter_is_read_as_the_limits_say(put):
    """It used to be called a quote that is never closed."""
    path = put("daily.txt", "你" * 1_000_000 + "\n好的\n")
    (guess,) = inspect([path])
    assert (guess.kind, guess.problem, guess.counts) == ("noise", "", {"sentences": 2})
    (table,) = inspect([put("faq.txt", '问题,答案\n"几天到,三天\n' + "能退吗,能\n" * 10_000)])
    assert "never closed" in table.problem


def test_pairs_go_where_their_name_says_who_made_them(put, xlsx, tmp_path):
    files = [
        xlsx("base2.xlsx", {"S": FAQ}),
        put("annonated_dataset.json", '[["几号到", "几天能到", 1.0], ["几号到", "在吗", 0.0]]'),
        put("answer2problem1.json", '[["几号能到", "几天能到", 1.0]]'),
    ]
    guesses = inspect(files)
    assert [guess.kind for guess in guesses] == ["catalogue", "pairs", "pairs"]
    assert guesses[1].preview == ("几号到 → 几天能到: 1", "几号到 → 在吗: 0")
    assert ["people" in guess.remarks[0] for guess in guesses[1:]] == [True, False]
    others = [put(name, '[["a", "b", 1.0]]') for name in ("automobile.json", "auto_1.json")]
    assert [guess.is_generated for guess in inspect(others)] == [False, True]
    written = tomllib.loads(write_config(guesses, tmp_path))["pairs"]
    assert written == {"files": ["annonated_dataset.json"], "generated_files": ["answer2problem1.json"]}


def test_a_faq_by_categories_is_not_taken_for_chats(put):
    """Its lists hold questions and answers, as a list of pairs would; who speaks is not said."""
    grouped = [{"分类": "物流", "条目": [{"问题": "几天到", "答案": "三天"}, {"问题": "包邮吗", "答案": "包邮"}]}]
    (guess,) = inspect([put("faq.json", json.dumps(grouped, ensure_ascii=False))])
    assert guess.kind != "conversations"
