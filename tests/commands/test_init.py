"""`init`: a configuration that names what was given, and that never loses what the user wrote into it."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest
import xlsxwriter
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import faqtune
from faqtune import UserError, Workspace, ingest_files, init_project
from faqtune.config import load_config


@pytest.fixture
def files(small_shop_files: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(small_shop_files, tmp_path / "files"))


def _init(workspace: Workspace, files: Path, **options: object) -> bool:
    """Whether the configuration was written."""
    given = (files / "FAQ.xlsx", files / "logs")
    return init_project(workspace, given, noise=(files / "chatter.json",), **options).written  # type: ignore[arg-type]


def test_the_configuration_names_every_file_and_choice(files: Path, tmp_path: Path) -> None:
    workspace = Workspace(tmp_path / "shop")
    gold = files / "gold.jsonl"

    made = init_project(workspace, (files / "FAQ.xlsx", files / "logs"), gold=(gold,), gold_catalogue=gold, model="x/y")

    config = workspace.config()
    assert config.catalogue.files == [str(files / "FAQ.xlsx")]
    assert config.conversations.files == [str(files / "logs")]
    assert config.gold.files == [str(gold)]
    assert config.gold.catalogue == str(gold)
    assert config.model.base == "x/y"
    assert any("10 entries, 30 questions" in line for line in made.preview)


def test_hand_labels_that_are_something_else_are_refused(files: Path, tmp_path: Path) -> None:
    """They used to be taken for noise: real questions would have been trained and measured as such."""
    wrong = files / "gold.csv"
    wrong.write_text("query,entry\n几天到呀,几天能到\n", encoding="utf-8")

    with pytest.raises(UserError, match=r"gold\.csv holds no hand labels") as caught:
        init_project(Workspace(tmp_path / "shop"), (files / "FAQ.xlsx", files / "logs"), gold=(wrong,))
    assert '"query"' in caught.value.next_step
    assert not (tmp_path / "shop").exists()


def test_paths_inside_the_project_are_named_from_it(files: Path) -> None:
    shutil.copy(Path(faqtune.__file__).parent / "recipes" / "quick.toml", files / "recipe.toml")
    (files / "models" / "mine").mkdir(parents=True)
    workspace = Workspace(files)

    _init(workspace, files, model=str(files / "models" / "mine"), recipe=str(files / "recipe.toml"))

    config = workspace.config()
    assert config.catalogue.files == ["FAQ.xlsx"]
    assert (config.model.base, config.train.recipe) == ("models/mine", "recipe.toml")


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=10)
@given(name=st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=30).filter(str.strip))
def test_any_model_name_survives_the_way_through_toml(files: Path, name: str) -> None:
    workspace = Workspace(files)

    init_project(workspace, (files / "FAQ.xlsx",), model=f"of/{name}", force=True)

    assert load_config(workspace.config_path).model.base == f"of/{name}"


def test_an_existing_configuration_is_written_over_only_by_force(files: Path) -> None:
    workspace = Workspace(files)
    workspace.config_path.write_text("# mine\n", encoding="utf-8")

    with pytest.raises(UserError, match="is there already"):
        _init(workspace, files)
    assert workspace.config_path.read_text(encoding="utf-8") == "# mine\n"

    assert _init(workspace, files, force=True)
    assert workspace.config().catalogue.files == ["FAQ.xlsx"]


def test_keep_leaves_a_users_edits_as_they_are(files: Path) -> None:
    workspace = Workspace(files)
    init_project(workspace, (files / "FAQ.xlsx", files / "logs"), model="builtin")
    text = workspace.config_path.read_text(encoding="utf-8")
    edited = text.replace("# seed = 0", "seed = 7").replace('base = "builtin"', 'base = "my/model"  # better')
    edited = edited.replace("[noise]", '[noise]\nfiles = ["chatter.json"]')
    edited = edited.replace('"FAQ.xlsx"', '"./FAQ.xlsx"')
    workspace.config_path.write_text(edited, encoding="utf-8")

    made = init_project(workspace, (files / "FAQ.xlsx", files / "logs"), keep=True)

    assert not made.written
    assert workspace.config_path.read_text(encoding="utf-8") == edited
    assert workspace.config().split.seed == 7


def test_keep_refuses_what_the_configuration_says_otherwise(files: Path) -> None:
    workspace = Workspace(files)
    _init(workspace, files, model="builtin")
    before = workspace.config_path.read_bytes()

    with pytest.raises(UserError, match=r"has another model \(builtin\) than the command line \(other/model\)"):
        _init(workspace, files, model="other/model", keep=True)
    (files / "answer2problem.json").write_text('[["a", "b", 1.0]]', encoding="utf-8")
    with pytest.raises(UserError, match=r"names other files under \[pairs\]"):
        init_project(workspace, (files / "FAQ.xlsx", files / "logs", files / "answer2problem.json"), keep=True)
    with pytest.raises(UserError, match=r"names other files under \[conversations\]"):
        init_project(workspace, (files / "FAQ.xlsx", files / "logs" / "january.json"), keep=True)
    with pytest.raises(UserError, match=r"has another gold\.catalogue"):
        _init(workspace, files, gold_catalogue=files / "FAQ.xlsx", keep=True)

    assert workspace.config_path.read_bytes() == before


def test_files_that_cannot_be_used_stop_it(files: Path) -> None:
    workspace = Workspace(files)
    (files / "empty.json").touch()

    with pytest.raises(UserError, match="no files were given"):
        init_project(workspace, ())
    with pytest.raises(UserError, match="none of the files is a catalogue"):
        init_project(workspace, (files / "logs",))
    xlsxwriter.Workbook(files / "empty.xlsx").close()
    for others in ((), (files / "FAQ.xlsx",)):
        with pytest.raises(UserError, match=r"empty\.xlsx is empty"):
            init_project(workspace, (files / "empty.xlsx", *others))
    (files / "long.csv").write_text("没有表头的长句子" * 12 + "," + "也没有答案这一列" * 12, encoding="utf-8")
    with pytest.raises(UserError, match=r"long\.csv: neither questions .* headers seen: none"):
        init_project(workspace, (files / "long.csv",))
    for name in ("none", "n" * 300):
        with pytest.raises(UserError, match=name):
            init_project(workspace, (files / "FAQ.xlsx", files / name))
    with pytest.raises(UserError) as raised:
        init_project(workspace, (files / "FAQ.xlsx", files / "empty.json"))

    assert str(raised.value).count("Next:") == 1
    assert not workspace.config_path.exists()


def test_a_name_that_is_no_text_is_refused(files: Path) -> None:
    """A file name in another encoding than the system's reaches us as half surrogate pairs."""
    with pytest.raises(UserError, match="is not UTF-8"):
        init_project(Workspace(files), (files / "FAQ.xlsx",), model="mod\udcc4l")


def test_a_model_takes_the_place_of_the_default_that_nobody_chose(files: Path) -> None:
    """As after a first try that did not find the default model."""
    workspace = Workspace(files)
    _init(workspace, files)
    before = workspace.config_path.read_text(encoding="utf-8").splitlines()

    assert _init(workspace, files, model="builtin", keep=True)
    assert workspace.config().model.base == "builtin"
    after = workspace.config_path.read_text(encoding="utf-8").splitlines()
    assert len(after) == len(before)
    assert [new for old, new in zip(before, after, strict=True) if old != new] == ['base = "builtin"']

    assert not _init(workspace, files, model="builtin", keep=True)
    with pytest.raises(UserError, match="has another model"):
        _init(workspace, files, model="other/model", keep=True)


def test_a_recipe_that_is_none_is_not_written_down(files: Path) -> None:
    workspace = Workspace(files)

    with pytest.raises(UserError, match="there is no recipe `defualt`"):
        _init(workspace, files, recipe="defualt")
    assert not workspace.config_path.exists()


def _filled_in(workspace: Workspace, **values: str) -> None:
    """The settings as a person writes them: in the place of the comments that show the defaults."""
    text = workspace.config_path.read_text(encoding="utf-8")
    for key, value in values.items():
        text, times = re.subn(rf"^# {key} = .*$", f"{key} = {value}", text, flags=re.MULTILINE)
        assert times == 1, key
    workspace.config_path.write_text(text, encoding="utf-8")


def test_logs_that_need_a_setting_come_in_by_the_configuration_that_is_begun(files: Path) -> None:
    """The advice was to set a key in a file that did not exist, and that init did not write."""
    workspace = Workspace(files)
    (files / "odd.csv").write_text("会话ID,发送者,内容\n1,甲,几天到\n1,乙,三天\n", encoding="utf-8")
    given = (files / "FAQ.xlsx", files / "odd.csv")

    with pytest.raises(UserError, match="who wrote what cannot be told") as caught:
        init_project(workspace, given, model="builtin")
    assert f"{workspace.config_path} has been begun" in str(caught.value)
    assert f"`faqtune tune --project {workspace.root}`" in str(caught.value)

    _filled_in(workspace, customer_roles='["甲"]', agent_roles='["乙"]')
    assert not init_project(workspace, given, model="builtin", keep=True).written
    ingest_files(workspace)
    assert [turn.customer for talk in workspace.conversations() for turn in talk.turns] == ["几天到"]


@pytest.mark.parametrize("with_notes", [False, True])
def test_a_workbook_with_unknown_headers_shows_them_and_comes_in_by_the_configuration(
    files: Path, with_notes: bool
) -> None:
    """A sheet of notes made chatter of it, and the advice was to give the spreadsheet that had been given."""
    workspace, book = Workspace(files), xlsxwriter.Workbook(files / "ours.xlsx")
    rows = {"问答": [["顾客会怎么问", "咱们怎么回"], ["几天能到", "三天"], ["能开发票吗", "能"]]}
    for name, lines in (rows | ({"备注": [["这是小王整理的"], ["有错找他"]]} if with_notes else {})).items():
        sheet = book.add_worksheet(name)
        for number, line in enumerate(lines):
            sheet.write_row(number, 0, line)
    book.close()
    given = (files / "logs", files / "ours.xlsx")

    with pytest.raises(UserError) as caught:
        init_project(workspace, given, noise=(files / "chatter.json",), model="builtin")
    said = str(caught.value)
    assert "headers seen: 顾客会怎么问 (sheet 问答), 咱们怎么回 (sheet 问答)" in said
    assert 'under `[catalogue]` in faqtune.toml `question_columns = ["…"]` and `answer_column = "…"`' in said
    assert "小王" not in said

    _filled_in(workspace, question_columns='["顾客会怎么问"]', answer_column='"咱们怎么回"')
    init_project(workspace, given, noise=(files / "chatter.json",), model="builtin", keep=True)
    read = ingest_files(workspace)
    assert (read.entries, read.conversations > 0, read.noise > 0) == (2, True, True)


def test_of_several_files_that_are_not_understood_the_workbook_is_begun_as_the_catalogue(files: Path) -> None:
    workspace = Workspace(files)
    (files / "odd.csv").write_text("甲,乙\n几天到,三天\n", encoding="utf-8")
    book = xlsxwriter.Workbook(files / "ours.xlsx")
    book.add_worksheet().write_row(0, 0, ["顾客会怎么问", "咱们怎么回"])
    book.close()

    with pytest.raises(UserError, match=r"^ours\.xlsx"):
        init_project(workspace, (files / "odd.csv", files / "ours.xlsx"))

    config = workspace.config()
    assert (config.catalogue.files, config.conversations.files) == (["ours.xlsx"], ["odd.csv"])


def test_a_configuration_that_is_there_is_not_begun_anew(files: Path) -> None:
    workspace = Workspace(files)
    workspace.config_path.write_text("# mine\n", encoding="utf-8")
    (files / "odd.csv").write_text("甲,乙\n几天到,三天\n", encoding="utf-8")

    with pytest.raises(UserError, match=r"faqtune\.toml already: see that it names the file"):
        init_project(workspace, (files / "odd.csv",), force=True)

    assert workspace.config_path.read_text(encoding="utf-8") == "# mine\n"


def test_a_log_alone_is_no_catalogue(files: Path) -> None:
    """What is wholly understood as conversations is not meant as one."""
    (files / "log.csv").write_text("会话ID,发送者,内容\n1,客户,几天到\n1,客服,三天\n", encoding="utf-8")

    with pytest.raises(UserError) as caught:
        init_project(Workspace(files), (files / "log.csv",))

    assert caught.value.problem == "none of the files is a catalogue of questions and answers"
    assert not (files / "faqtune.toml").exists()


def test_a_catalogue_given_as_chatter_is_named(files: Path) -> None:
    (files / "log.csv").write_text("会话ID,发送者,内容\n1,客户,几天到\n1,客服,三天\n", encoding="utf-8")
    with pytest.raises(UserError, match=r"FAQ\.xlsx was given as chatter \(--noise\), has questions and answers"):
        init_project(Workspace(files), (files / "log.csv",), noise=(files / "FAQ.xlsx",))
    assert not (files / "faqtune.toml").exists()


def test_a_catalogue_whose_headers_nobody_knows_is_asked_about_before_chatter_is_blamed(files: Path) -> None:
    (files / "faq.csv").write_text("甲,乙\n几天到,三天\n包邮吗,包\n", encoding="utf-8")
    (files / "chat.csv").write_text("问题,回答\n你吃饭了吗,吃了\n在干嘛,上班\n", encoding="utf-8")
    with pytest.raises(UserError, match=r"faq\.csv: .*甲, 乙"):
        init_project(Workspace(files), (files / "faq.csv",), noise=(files / "chat.csv",))


def test_a_table_of_hand_labels_with_unknown_headers_is_refused_as_such(files: Path) -> None:
    (files / "odd.csv").write_text("甲,乙\n几天到,三天\n", encoding="utf-8")

    with pytest.raises(UserError, match=r"odd\.csv holds no hand labels but 甲, 乙"):
        init_project(Workspace(files), (files / "FAQ.xlsx",), gold=(files / "odd.csv",))


def test_a_file_given_as_something_else_than_the_configuration_has_is_refused(files: Path) -> None:
    """The chatter would have been trained on as logs, and the hand labels been no labels."""
    workspace, given = Workspace(files), (files / "FAQ.xlsx", files / "logs")
    shutil.copy(files / "chatter.json", files / "talk.json")
    init_project(workspace, (*given, files / "talk.json"))
    text = workspace.config_path.read_text(encoding="utf-8")

    for as_given in ("talk.json", "../files/talk.json"):
        with pytest.raises(UserError, match=r"names other files under \[conversations\] than the command line"):
            init_project(workspace, given, noise=(files / as_given,), keep=True)
    workspace.config_path.write_text(text.replace('"talk.json"', '"gold.jsonl"'), encoding="utf-8")
    for named in (given, (*given, files / "gold.jsonl")):
        with pytest.raises(UserError, match=r"names other files under \[conversations\] than the command line"):
            init_project(workspace, named, gold=(files / "gold.jsonl",), keep=True)


def test_a_file_that_the_configuration_names_is_shown_as_what_it_is_there(files: Path) -> None:
    """It was called a sheet, which a log is not."""
    workspace, given = Workspace(files), (files / "FAQ.xlsx", files / "logs")
    init_project(workspace, given)

    assert init_project(workspace, given, keep=True).preview == [
        "FAQ.xlsx: catalogue, as faqtune.toml has it",
        "logs: conversations, 2 files, as faqtune.toml has it",
    ]


@pytest.mark.parametrize("again", ["odd", "odd/../odd", "odd/a.csv odd/b.csv"])
@pytest.mark.parametrize("named", [["odd/a.csv", "odd/b.csv"], ["odd"]])
def test_a_folder_of_logs_comes_in_by_the_configuration_that_is_begun(
    files: Path, again: str, named: list[str]
) -> None:
    """The configuration names its files: the folder was another thing, and looked at anew."""
    workspace = Workspace(files)
    (files / "odd").mkdir()
    for name, asked in (("a.csv", "几天到"), ("b.csv", "几天能到")):
        (files / "odd" / name).write_text(f"号,谁,说了啥\n1,客户,{asked}\n1,客服,三天\n", encoding="utf-8")

    with pytest.raises(UserError, match="has been begun"):
        init_project(workspace, (files / "FAQ.xlsx", files / "odd"))
    begun = workspace.config_path.read_text(encoding="utf-8")
    assert 'files = ["odd/a.csv", "odd/b.csv"]' in begun
    names = ", ".join(f'"{name}"' for name in named)
    workspace.config_path.write_text(begun.replace('"odd/a.csv", "odd/b.csv"', names), encoding="utf-8")
    _filled_in(workspace, session_column='"号"', role_column='"谁"', text_column='"说了啥"')

    given = (files / "FAQ.xlsx", *(files / name for name in again.split()))
    assert not init_project(workspace, given, keep=True).written
    assert ingest_files(workspace).conversations == 2

    (files / "odd" / "c.csv").write_text("号,谁,说了啥\n1,客户,几天到\n", encoding="utf-8")
    if named != ["odd"]:
        with pytest.raises(UserError, match=r"c\.csv: neither") as caught:
            init_project(workspace, (files / "FAQ.xlsx", files / "odd"), keep=True)
        assert "is the catalogue" not in str(caught.value), "the catalogue is settled"


def test_a_file_given_by_two_spellings_is_named_once(files: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(files)
    log, workspace = Path("logs", "january.json"), Workspace(files)
    given = (Path("FAQ.xlsx"), files / "FAQ.xlsx", log, Path("logs"), files / log)
    noise, gold = (Path("chatter.json"), files / "chatter.json"), (files / "gold.jsonl", Path("gold.jsonl"))

    made = init_project(workspace, (*given, *noise, *gold), noise=noise, gold=gold)

    assert [guess.path.name for guess in made.guesses] == ["FAQ.xlsx", "logs", "chatter.json", "gold.jsonl"]
    config = workspace.config()
    assert (config.catalogue.files, config.conversations.files) == (["FAQ.xlsx"], ["logs"])
    assert (config.noise.files, config.gold.files) == (["chatter.json"], ["gold.jsonl"])
    assert not init_project(workspace, (*given, *noise, *gold), noise=noise, gold=gold, keep=True).written


def test_chatter_and_hand_labels_inside_the_folder_of_the_logs_are_no_logs(files: Path) -> None:
    workspace = Workspace(files)
    for name in ("chatter.json", "gold.jsonl"):
        shutil.move(files / name, files / "logs" / name)
    given = (files / "FAQ.xlsx", files / "logs")
    roles = {"noise": (files / "logs" / "chatter.json",), "gold": (files / "logs" / "gold.jsonl",)}

    init_project(workspace, given, **roles)  # type: ignore[arg-type]

    config = workspace.config()
    assert sorted(config.conversations.files) == ["logs/february.csv", "logs/january.json"]
    assert (config.noise.files, config.gold.files) == (["logs/chatter.json"], ["logs/gold.jsonl"])
    assert not init_project(workspace, given, **roles, keep=True).written  # type: ignore[arg-type]
