"""`ingest`: counts, what depends on what, and nothing half done."""

from __future__ import annotations

import json

import pytest

from faqtune import UserError, Workspace, ingest_files, init_project
from faqtune.commands.ingest import ONE_ENTRY
from faqtune.ingest import IngestReport


def test_what_is_read_is_what_the_files_hold(new_shop: Workspace) -> None:
    made = ingest_files(new_shop)

    assert (made.entries, made.questions) == (10, 30)
    assert (made.conversations, made.turns) == (96, 96)
    assert made.noise == 50
    assert sum(1 for _ in new_shop.conversations()) == 96
    assert made.reports["conversations"].files["february.csv"].encoding == "gb18030"


def test_a_second_run_skips_and_says_the_same(new_shop: Workspace) -> None:
    first = ingest_files(new_shop)
    written = new_shop.conversations_path.stat().st_mtime_ns

    second = ingest_files(new_shop)

    assert (first.skipped, second.skipped) == (False, True)
    assert second.reports == first.reports
    assert isinstance(second.reports["noise"], IngestReport)
    assert (second.entries, second.turns, second.noise) == (first.entries, first.turns, first.noise)
    assert new_shop.conversations_path.stat().st_mtime_ns == written
    assert not ingest_files(new_shop, force=True).skipped


def test_a_changed_file_or_setting_or_output_is_read_again(new_shop: Workspace) -> None:
    ingest_files(new_shop)
    chatter = new_shop.root / "chatter.json"
    lines = json.loads(chatter.read_text(encoding="utf-8"))
    lines.append({"conversation": [{"input": "地铁又晚点了", "output": ""}]})
    chatter.write_text(json.dumps(lines, ensure_ascii=False), encoding="utf-8")
    assert ingest_files(new_shop).noise == 51

    text = new_shop.config_path.read_text(encoding="utf-8")
    new_shop.config_path.write_text(
        text.replace("# system_phrases = []", 'system_phrases = ["我帮您问问"]'), encoding="utf-8"
    )
    assert not ingest_files(new_shop).skipped

    new_shop.config_path.write_text(text.replace("# seed = 0", "seed = 3"), encoding="utf-8")
    ingest_files(new_shop)
    assert ingest_files(new_shop).skipped

    new_shop.noise_path.unlink()
    assert not ingest_files(new_shop).skipped


def test_a_failure_leaves_what_was_there(new_shop: Workspace) -> None:
    ingest_files(new_shop)
    outputs = (new_shop.catalogue_path, new_shop.conversations_path, new_shop.noise_path)
    before = [path.read_bytes() for path in outputs]
    with (new_shop.root / "logs" / "january.json").open("ab") as file:
        file.write(b"\xff\xff broken")

    with pytest.raises(UserError, match=r"january\.json"):
        ingest_files(new_shop)

    assert [path.read_bytes() for path in outputs] == before
    assert not list(new_shop.root.glob(".*.part"))


def test_a_missing_file_is_named_with_its_key(new_shop: Workspace) -> None:
    (new_shop.root / "chatter.json").unlink()

    with pytest.raises(UserError, match=r"there is no .*chatter\.json\. Next: mend noise\.files"):
        ingest_files(new_shop)


def test_a_catalogue_alone_is_enough(new_shop: Workspace) -> None:
    new_shop.config_path.write_text('[catalogue]\nfiles = ["FAQ.xlsx"]\n', encoding="utf-8")

    made = ingest_files(new_shop)

    assert (made.entries, made.conversations, made.noise) == (10, 0, 0)
    assert new_shop.noise() == []


def test_turns_are_counted_where_a_customer_says_something(new_shop: Workspace) -> None:
    turns = [
        {"input": "在吗", "output": "在的"},
        {"input": "", "output": "亲还在吗"},
        {"input": "能退吗", "output": ""},
    ]
    text = json.dumps([{"conversation": turns}], ensure_ascii=False)
    (new_shop.root / "logs" / "january.json").write_text(text, encoding="utf-8")

    made = ingest_files(new_shop)

    assert (made.conversations, made.turns) == (48 + 1, 48 + 2)


def test_noise_of_every_stratum_is_read_and_another_domain_is_never_trained_on(new_shop: Workspace) -> None:
    from faqtune import ingest_files
    from faqtune.commands.label import label_queries
    from faqtune.commands.project.assemble import evaluation_set, load_project
    from faqtune.commands.project.training_set import training_data
    from faqtune.commands.split import make_split

    (new_shop.root / "bank.txt").write_text("".join(f"信用卡第{n}期怎么还\n" for n in range(40)), encoding="utf-8")
    (new_shop.root / "own.txt").write_text("".join(f"能寄{n}号柜吗\n" for n in range(40)), encoding="utf-8")
    text = new_shop.config_path.read_text("utf-8")
    text = text.replace("# other_domain_files = []", 'other_domain_files = ["bank.txt"]')
    text = text.replace("# unsupported_files = []", 'unsupported_files = ["own.txt"]')
    new_shop.config_path.write_text(text, encoding="utf-8")

    ingest_files(new_shop)
    strata = {
        stratum: [n for n in new_shop.noise() if n.stratum == stratum] for stratum in ("other_domain", "unsupported")
    }
    assert {stratum: len(found) for stratum, found in strata.items()} == {"other_domain": 40, "unsupported": 40}
    label_queries(new_shop)
    make_split(new_shop)
    project = load_project(new_shop)
    data = {part: evaluation_set(project, part) for part in ("selection", "calibration", "test")}
    counted = {part: sum(n.stratum == "other_domain" for n in each.negatives) for part, each in data.items()}
    assert counted["selection"] == 0 and counted["calibration"] + counted["test"] == 40
    trained = set(training_data(new_shop, project, new_shop.pairs()).noise)
    assert not trained & {n.text for n in strata["other_domain"]}
    assert trained & {n.text for n in strata["unsupported"]}


def test_noise_written_before_there_were_strata_is_chatter(new_shop: Workspace) -> None:
    new_shop.noise_path.write_text(
        '{"schema": 1, "kind": "noise"}\n{"text": "你好", "source": "a"}\n', encoding="utf-8"
    )
    (found,) = new_shop.noise()
    assert found.stratum == "chatter"


PAIRS = [["急着用今天寄得出吗", "什么时候发货", 1.0], ["急着用今天寄得出吗", "发什么快递", 0.0]]


def test_pairs_of_the_users_own_are_read_where_they_are_named(new_shop: Workspace) -> None:
    assert "pairs" not in ingest_files(new_shop).reports
    assert new_shop.own_pairs() == []
    without = new_shop.config_path.read_text(encoding="utf-8")
    (new_shop.root / "annonated_dataset.json").write_text(json.dumps(PAIRS, ensure_ascii=False), encoding="utf-8")
    named = without.replace("[pairs]\n", '[pairs]\nfiles = ["annonated_dataset.json"]\n')
    new_shop.config_path.write_text(named, encoding="utf-8")

    made = ingest_files(new_shop)

    assert (made.skipped, made.pairs) == (False, 1)
    assert [(pair.text, pair.by_people) for pair in new_shop.own_pairs()] == [("急着用今天寄得出吗", True)]
    assert ingest_files(new_shop).pairs == 1

    new_shop.config_path.write_text(without, encoding="utf-8")
    assert ingest_files(new_shop).pairs == 0
    assert new_shop.own_pairs() == []


def test_own_pairs_that_cannot_be_read_leave_what_was_there(new_shop: Workspace) -> None:
    ingest_files(new_shop)
    before = new_shop.catalogue_path.read_bytes()
    text = new_shop.config_path.read_text(encoding="utf-8")
    new_shop.config_path.write_text(text.replace("[pairs]\n", '[pairs]\nfiles = ["none.json"]\n'), encoding="utf-8")
    with pytest.raises(UserError, match=r"there is no .*none.json. Next: mend pairs.files in"):
        ingest_files(new_shop)
    assert new_shop.catalogue_path.read_bytes() == before


def test_a_catalogue_of_one_entry_is_said_from_the_first_look_on(new_shop: Workspace) -> None:
    """It was found out after labelling, as a cosine at which nothing agrees."""
    one, more = new_shop.root / "one.csv", new_shop.root / "more.csv"
    one.write_text("问题,答案\n几天能到,三天\n", encoding="utf-8")
    more.write_text("问题,答案\n能开发票吗,能\n", encoding="utf-8")

    shown = init_project(new_shop, (one, new_shop.root / "logs"), force=True).preview
    made = ingest_files(new_shop)

    assert f"! {ONE_ENTRY}" in shown
    assert [note.why for note in made.reports["catalogue"].notes] == [ONE_ENTRY]
    shown = init_project(new_shop, (one, more), force=True).preview
    assert f"! {ONE_ENTRY}" not in shown
    assert not ingest_files(new_shop).reports["catalogue"].notes
