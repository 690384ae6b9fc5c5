"""`faqtune.toml`: what is refused, and what the user is told to write instead."""

import re
import tomllib

import pytest

from faqtune.config import Config, load_config, toml_of, validated, with_value
from faqtune.errors import UserError
from faqtune.recipe import Recipe


def refusal(data, model=Config):
    with pytest.raises(UserError) as caught:
        validated(model, data, "faqtune.toml")
    return caught.value


@pytest.mark.parametrize(
    ("data", "unknown", "meant"),
    [
        ({"catalogue": {"file": ["base2.xlsx"]}}, "catalogue.file", "`catalogue.files`"),
        ({"label": {"query_to": 3}}, "label.query_to", "`label.query_top`"),
        ({"splits": {"seed": 1}}, "splits", "`split`"),
        ({"split": {"test_": 0.2}}, "split.test_", "`split.test`"),
        # A key that stands in the wrong table.
        ({"label": {"system_phrases": ["[红包]"]}}, "label.system_phrases", "`conversations.system_phrases`"),
        ({"seed": 7}, "seed", "`split.seed`"),
    ],
)
def test_an_unknown_key_gets_the_nearest_name(data, unknown, meant):
    error = refusal(data)
    assert f"`{unknown}`" in error.problem
    assert meant in error.next_step


def test_a_key_like_no_other_is_to_be_removed():
    assert refusal({"zzzzzz": 1}).next_step == "remove it"


def test_a_sibling_is_nearer_than_a_key_of_another_table():
    """`files` is a key of four tables."""
    assert "`gold.files`" in refusal({"gold": {"fils": []}}).next_step


def test_an_unknown_key_in_a_list_of_tables():
    stage = {"data": {"labels": 1}, "losses": {"ranking": {"wieght": 1}}}
    error = refusal({"stages": [stage]}, Recipe)
    assert "`stage.1.losses.ranking.wieght`" in error.problem
    assert "`stage.1.losses.ranking.weight`" in error.next_step


@pytest.mark.parametrize(
    ("data", "key", "value"),
    [
        ({"split": {"seed": "seven"}}, "split.seed", "'seven'"),
        ({"split": {"test": 1.5}}, "split.test", "1.5"),
        ({"catalogue": {"files": "base2.xlsx"}}, "catalogue.files", "'base2.xlsx'"),
        ({"catalogue": {"files": ["base2.xlsx", 2]}}, "catalogue.files.2", "2"),
        ({"noise": ["chatter.json"]}, "noise", "a table is wanted"),
        ({"label": {"reply_threshold": float("nan")}}, "label.reply_threshold", "nan"),
        ({"label": {"reply_threshold": 79}}, "label.reply_threshold", "79"),
    ],
)
def test_a_wrong_value_is_shown_with_its_key(data, key, value):
    error = refusal(data)
    assert f"`{key}`" in error.problem
    assert value in error.problem


def test_a_missing_key_is_named():
    assert "there is no `stages`" in refusal({}, Recipe).problem


def test_what_is_not_written_has_its_default(tmp_path):
    (tmp_path / "faqtune.toml").write_text("\ufeff[split]\nseed = 3\n", encoding="utf-8")
    config = load_config(tmp_path / "faqtune.toml")
    assert config.split.seed == 3
    assert config.split.test == Config().split.test
    assert config.catalogue.files == []


def test_two_configs_share_no_list():
    Config().catalogue.files.append("base2.xlsx")
    assert Config().catalogue.files == []


@pytest.mark.parametrize(
    ("content", "problem"),
    [(b"[split\nseed = 1", "faqtune.toml"), (None, "there is no")],
)
def test_a_file_that_cannot_be_read_names_itself_and_the_next_step(tmp_path, content, problem):
    path = tmp_path / "faqtune.toml"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(UserError, match=problem) as caught:
        load_config(path)
    assert re.search(r"`faqtune init .*FILES", caught.value.next_step)


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (b"\xef\xbb\xbf[split]\nseed = 3\n# \xff", "line 3: not in UTF-8"),
        ("# 标准问答库\n[split]\nseed = 3".encode("gb18030"), "not in UTF-8 but in GB18030, “ANSI” in Windows' editor"),
        ("# 標準問答庫，含標準問題和答案的表格\n[split]".encode("big5"), "not in UTF-8 but in Big5"),
        ("[split]\nseed = 3".encode("utf-16"), "not in UTF-8 but in utf-16"),
        ("# 标准问答库标准问答库\n".encode() + b"# \xb4\n[split]", "line 2: not in UTF-8"),
    ],
)
def test_a_file_in_another_encoding_is_to_be_saved_anew_not_written_over(tmp_path, content, problem):
    """It spoke of a codec and a byte, and of writing a new file over what people had decided."""
    (tmp_path / "faqtune.toml").write_bytes(content)
    with pytest.raises(UserError, match=problem) as caught:
        load_config(tmp_path / "faqtune.toml")
    assert "UTF-8" in caught.value.next_step and "init" not in caught.value.next_step


@pytest.mark.parametrize(
    ("line", "mark", "plain"),
    [
        ("base = “builtin”", "“", '"'),
        ("base = ‘builtin’", "‘", "'"),
        ('files = ["a"，"b"]', "，", ","),
        ("base ＝ 1", "＝", "="),
    ],
)
def test_a_mark_that_is_not_tomls_is_named_with_the_one_to_write(line, mark, plain):
    with pytest.raises(UserError, match=rf"faqtune\.toml, line 3: {mark} is no mark of TOML") as caught:
        toml_of(f"# “ours”\r\n[model]\r\n{line}\r\n".encode(), "faqtune.toml", "mend it")
    assert caught.value.next_step == f"write {plain} in its place"
    assert ("quotes must be straight" in caught.value.problem) == (plain in "\"'")


def test_a_folder_in_its_place_is_no_traceback(tmp_path):
    (tmp_path / "faqtune.toml").mkdir()
    with pytest.raises(UserError, match=r"faqtune\.toml"):
        load_config(tmp_path / "faqtune.toml")


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("", '[model]\nbase = "a/b"'),
        ("[model]\n# title\n# base = \"x\"\nprompt = ''\n[split]\n", '# title\nbase = "a/b"\nprompt'),
        ("[split]\n[model]  # mine\nprecision = 'auto'", '[model]  # mine\nbase = "a/b"\nprecision'),
    ],
)
def test_a_value_is_added_and_everything_else_stays(text, line):
    made = with_value(text, "model", "base", "a/b")
    assert line in made
    assert tomllib.loads(made)["model"]["base"] == "a/b"


@pytest.mark.parametrize("text", ["model = {prompt = 'x'}", "model.prompt = 'x'", 'x = """\n[model]\n"""'])
def test_a_layout_without_a_place_for_a_value_is_refused(text):
    with pytest.raises(UserError, match=r"no place for model\.base") as caught:
        with_value(text, "model", "base", "a/b")
    assert 'write base = "a/b" under [model]' in caught.value.next_step
