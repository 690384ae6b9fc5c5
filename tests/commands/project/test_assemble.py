"""What is trained on and what is measured: two sides that never meet."""

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from faqtune import claims
from faqtune.commands.project import assemble, training_set
from faqtune.commands.project.assemble import (
    ENOUGH_HUMAN_LABELS,
    MEASURED_CONFIDENCE,
    Project,
    evaluation_set,
    load_project,
    selection_set,
)
from faqtune.commands.project.training_set import MOST_REPEATED_REPLY, training_data
from faqtune.errors import UserError
from faqtune.evaluate import Negative, Positive
from faqtune.label import decide, pairs_of
from faqtune.records import (
    PARTS,
    TEST,
    TRAIN,
    Catalogue,
    Claim,
    Conversation,
    Entry,
    Noise,
    OwnPair,
    Query,
    Split,
    Turn,
    normalise,
)
from faqtune.stored import write_json, write_jsonl, write_text
from faqtune.workspace import Workspace

SHOP = Catalogue(
    (
        Entry("发货", ("什么时候发货", "几天能发货"), "付款后48小时内发货"),
        Entry("退货", ("能退货吗",), "签收七天内可以退货"),
        Entry("发票", ("可以开发票吗",), "电子发票发到您的邮箱"),
        Entry("ship", ("Do you ship abroad?",), "We ship to the EU"),
    )
)


def query(name, text, conversation):
    return Query(name, text, conversation, (0,))


def project_of(queries, said, split, noise=(), catalogue=SHOP):
    return Project(catalogue, list(noise), list(queries), decide(said), split)


@pytest.fixture
def workspace(tmp_path):
    """A project without conversations."""
    workspace = Workspace(tmp_path)
    write_jsonl(workspace.conversations_path, [])
    return workspace


def trained(workspace, project):
    pairs, _ = pairs_of(project.decisions, project.queries, project.catalogue)
    return training_data(workspace, project, pairs)


def rules(name, entry, confidence=0.9):
    return Claim(name, entry, "reply_rules", confidence)


def human(name, entry, reason=""):
    return Claim(name, entry, "human:gold", 1.0, reason=reason)


def talk(name, *turns):
    return Conversation(name, tuple(Turn(customer, agent) for customer, agent in turns))


def asks_for_two(name, *entries):
    return [Claim(name, entry, "human:Ann", 1.0, reason="several", act=name) for entry in entries]


def test_a_query_that_asks_for_several_is_trained_on_for_each_and_not_measured(workspace):
    queries = [query("q1", "几天发货，能退吗", "c1"), query("q2", "能退吗，开票吗", "c2")]
    said = [*asks_for_two("q1", "发货", "退货"), *asks_for_two("q2", "退货", "发票")]
    project = project_of(queries, said, Split(0, {"c1": TRAIN, "c2": TEST}))
    assert [label.row for label in trained(workspace, project).labels] == [0, 1]
    measured = evaluation_set(project, TEST)
    assert (measured.positives, measured.excluded) == ((), {"several": 1})


def test_a_query_is_not_trained_on_if_any_of_its_entries_is_held_out(workspace):
    said = asks_for_two("q1", "发货", "退货")
    split = Split(0, {"c1": TRAIN}, held_out={"退货": TEST})
    assert trained(workspace, project_of([query("q1", "几天发货，能退吗", "c1")], said, split)).labels == ()


def test_no_conversation_is_on_both_sides(workspace):
    """Each says something that no other says, so that its texts show where it went."""
    said_in = {f"请问第{number}单什么时候发货": f"c{number}" for number in range(40)}
    split = Split(0, {name: PARTS[number % 4] for number, name in enumerate(said_in.values())})
    queries = [query(f"q-{name}", text, name) for text, name in said_in.items()]
    write_jsonl(workspace.conversations_path, [talk(name, (text, f"{name}明天发货")) for text, name in said_in.items()])
    project = project_of(queries, [rules(q.id, "发货") for q in queries], split)
    data = trained(workspace, project)
    trained_on = {said_in[text] for text, _ in data.dialogues} | {said_in[example.text] for example in data.labels}
    assert trained_on == {name for name, part in split.conversations.items() if part == "train"}
    measured = [{said_in[p.text] for p in evaluation_set(project, part).positives} for part in PARTS[1:]]
    assert sum(map(len, [trained_on, *measured])) == len(trained_on.union(*measured)) == len(said_in)


def test_noise_goes_by_source(workspace):
    sources = {"film": "train", "music": "selection", "weather": "test"}
    noise = [Noise(f"{source}，随便聊聊{number}", source) for source in sources for number in range(5)]
    project = project_of([], [], Split(0, {}, sources), [*noise, Noise("谁也没见过的来源", "unknown")])
    assert trained(workspace, project).noise == tuple(n.text for n in noise if n.source == "film")
    for source in ("music", "weather"):
        data = evaluation_set(project, sources[source])
        assert data.negatives == tuple(Negative(n.text, "chatter", source) for n in noise if n.source == source)


@pytest.fixture
def held_out(workspace):
    """退货 is held out for the test, 发票 for selection; their queries are in every part."""
    split = Split(0, {f"c-{part}": part for part in PARTS}, {}, {"退货": "test", "发票": "selection"})
    texts = {"退货": "这件我不要了可以退吗", "发票": "公司报销要专票", "发货": "还没给我发出来吗"}
    queries = [
        query(f"{entry}-{part}", f"{text}（{part}）", f"c-{part}") for entry, text in texts.items() for part in PARTS
    ]
    turns = [(f"{text}（train）", f"关于{entry}的答复") for entry, text in texts.items()]
    write_jsonl(
        workspace.conversations_path, [talk("c-train", *turns), talk("c-none", ("没人标过的一句话", "对的没人"))]
    )
    split.conversations["c-none"] = "train"
    return project_of(queries, [rules(q.id, q.id.split("-")[0]) for q in queries], split)


def test_held_out_entries_never_reach_training(workspace, held_out):
    data = trained(workspace, held_out)
    assert [entry.id for entry in data.catalogue] == ["发货", "ship"]
    assert [(example.text, data.catalogue.entries[example.row].id) for example in data.labels] == []
    assert data.dialogues == (("没人标过的一句话", "对的没人"),)


def test_a_conversation_that_got_such_a_label_only_later_is_not_trained_on(workspace, held_out):
    """A second round of labelling, or an expert, may find a held-out entry where the split saw none."""
    before = replace(held_out, decisions={n: d for n, d in held_out.decisions.items() if d.entry == "发货"})
    assert len(trained(workspace, before).dialogues) == 4
    assert len(trained(workspace, before).labels) == 1
    assert len(trained(workspace, held_out).dialogues) == 1


def test_standard_texts_of_a_held_out_entry_are_no_training_data(workspace):
    """A customer may type the very question, and an agent paste the very answer."""
    write_jsonl(
        workspace.conversations_path,
        [talk("c", ("能退货吗？吗", "可以的哦亲"), ("能退货吗", "看情况的哦"), ("不想要了", "签收七天内可以退货"))],
    )
    project = project_of([], [], Split(0, {"c": "train"}, {"n": "train"}, {"退货": "test"}), [Noise("能退货吗", "n")])
    data = trained(workspace, project)
    assert data.dialogues == (("能退货吗？吗", "可以的哦亲"),)
    assert data.noise == ()


def test_queries_of_a_held_out_entry_become_near_noise_of_their_part_only(held_out):
    """For the other parts the entry is in the catalogue, as it is when the model is used: not trained on, but asked."""
    for part, near in (("test", "退货"), ("selection", "发票"), ("calibration", None)):
        data = evaluation_set(held_out, part)
        negatives = [negative for negative in data.negatives if negative.stratum == "unsupported"]
        assert [negative.group for negative in negatives] == [f"c-{part}"] * (near is not None)
        assert all(negative.text.startswith(("这件", "公司")) for negative in negatives)
        assert {positive.entry for positive in data.positives} == {"发货", "退货", "发票"} - {near}
        assert {entry.id for entry in data.catalogue} == set(SHOP.rows) - {near}
        assert not data.excluded


def test_with_enough_hand_labels_only_those_are_measured():
    for people in (ENOUGH_HUMAN_LABELS - 1, ENOUGH_HUMAN_LABELS):
        queries = [query(f"h{number}", f"人工{number}", "c") for number in range(people)]
        queries += [query(f"r{number}", f"规则{number}", "c") for number in range(10)]
        said = [human(q.id, "发货") if q.id[0] == "h" else rules(q.id, "退货") for q in queries]
        data = evaluation_set(project_of(queries, said, Split(0, {"c": "test"})), "test")
        by_people = people == ENOUGH_HUMAN_LABELS
        assert data.part == ("test (hand labels)" if by_people else "test (weak labels)")
        assert len(data.positives) == (people if by_people else people + 10)


def test_unsure_labels_of_machines_are_not_measured_but_those_of_people_are():
    confidences = [MEASURED_CONFIDENCE - 0.01, MEASURED_CONFIDENCE]
    queries = [query(f"q{number}", f"几天发货{number}", "c") for number in range(3)]
    said = [rules(f"q{number}", "发货", confidence) for number, confidence in enumerate(confidences)]
    said.append(Claim("q2", "发货", "human:新来的", 0.3))
    data = evaluation_set(project_of(queries, said, Split(0, {"c": "test"})), "test")
    assert [positive.text for positive in data.positives] == ["几天发货1", "几天发货2"]


def test_why_people_found_no_entry_is_the_stratum():
    reasons = ["chitchat", "unclear", "unsupported", "several", ""]
    queries = [query(f"q{reason}", f"原因：{reason}", "c") for reason in reasons] + [query("gone", "以前有的", "c")]
    said = [human(f"q{reason}", None, reason) for reason in reasons] + [human("gone", "left the catalogue")]
    data = evaluation_set(project_of(queries, said, Split(0, {"c": "test"})), "test")
    assert [(negative.stratum, negative.group) for negative in data.negatives] == [
        ("chatter", "c"), ("garbage", "c"), ("unsupported", "c"),
    ]  # fmt: skip
    assert data.excluded == {"several": 1, "no reason": 1, "entry no longer in the catalogue": 1}
    assert data.positives == ()


def test_what_nobody_can_read_is_measured_but_never_trained_on_nor_chosen_by(workspace):
    reasons = ["chitchat", "unclear", "unsupported", "several", ""]
    queries = [query(f"{part}{reason}", f"{part}：{reason}", part) for part in PARTS for reason in reasons]
    queries += [query(f"{part}ask", f"{part}：几天发货", part) for part in PARTS]
    said = [human(f"{part}{reason}", None, reason) for part in PARTS for reason in reasons]
    said += [human(f"{part}ask", "发货") for part in PARTS]
    project = project_of(queries, said, Split(0, {part: part for part in PARTS}))
    assert trained(workspace, project).noise == ("train：chitchat", "train：unsupported")
    assert [one.stratum for one in selection_set(project).negatives] == ["chatter", "unsupported"]
    assert [one.stratum for one in evaluation_set(project, "test").negatives] == ["chatter", "garbage", "unsupported"]


def test_of_a_very_large_part_whole_conversations_choose(monkeypatch):
    monkeypatch.setattr(assemble, "MOST_CHOOSING", 20)
    queries = [
        query(f"{talk}-{n}", f"{talk}：几天发货{n}", f"c{talk}") for talk in range(30) for n in range(1 + talk % 4)
    ]
    noise = [Noise(f"闲聊{n}", f"s{n}") for n in range(50)]
    split = Split(0, {q.conversation: "selection" for q in queries}, {n.source: "selection" for n in noise})
    project = project_of(queries, [human(q.id, "发货") for q in queries], split, noise)
    whole, chosen = evaluation_set(project, "selection"), selection_set(project)
    assert 16 < len(chosen.positives) <= 20 == len(chosen.negatives)
    groups = {one.group for one in chosen.positives}
    assert chosen.positives == tuple(one for one in whole.positives if one.group in groups)
    # Others chosen by chance, not the first.
    assert groups != {one.group for one in whole.positives[:20]}
    more = replace(project, noise=[*noise, Noise("新来的", "s-new")])
    more.split.noise["s-new"] = "selection"
    assert len(set(selection_set(more).negatives) ^ set(chosen.negatives)) <= 2


def test_what_is_not_split_or_not_labelled_is_on_no_side(workspace):
    queries = [query("q1", "新来的对话", "unknown"), query("q2", "没有标签", "c")]
    project = project_of(queries, [rules("q1", "发货")], Split(0, {"c": "train"}))
    assert trained(workspace, project).labels == ()
    assert [evaluation_set(project, part).positives for part in PARTS] == [()] * 4


def test_labels_carry_their_row_their_weight_and_whether_a_person_said_so(workspace):
    queries = [query("q1", "到国外寄吗", "c"), query("q2", "发了没", "c")]
    split = Split(0, {"c": "train"}, {}, {"退货": "test"})
    data = trained(workspace, project_of(queries, [human("q1", "ship"), rules("q2", "发货", 0.7)], split))
    found = [(e.text, data.catalogue.entries[e.row].id, e.weight, e.trusted) for e in data.labels]
    assert found == [("到国外寄吗", "ship", 1.0, True), ("发了没", "发货", 0.7, False)]


def test_stock_replies_and_short_turns_teach_nothing(workspace):
    stock = [(f"第{number}个问题", "亲，请核对收货地址") for number in range(MOST_REPEATED_REPLY + 1)]
    often = [(f"另外{number}个问题", "今天下午发货") for number in range(MOST_REPEATED_REPLY)]
    write_jsonl(
        workspace.conversations_path, [talk("c", *stock, *often, ("在吗", "在的请讲亲"), ("能便宜点吗", "好的"))]
    )
    assert trained(workspace, project_of([], [], Split(0, {"c": "train"}))).dialogues == tuple(often)


texts = st.sampled_from(
    ["有货吗老板", "有货吗老板 ", "能退货不", "Where is it?", "WHERE IS IT?", "几时发货呀", "聊聊天气"]
)
parts = st.sampled_from(PARTS)
worlds = st.fixed_dictionaries(
    {
        "conversations": st.lists(st.tuples(texts, parts, st.sampled_from([*SHOP.rows, None])), max_size=12),
        "noise": st.lists(st.tuples(texts, parts), max_size=8),
        "held_out": st.dictionaries(st.sampled_from(["退货", "ship"]), st.sampled_from(PARTS[1:])),
    }
)


@settings(max_examples=60, deadline=None)
@given(worlds)
def test_a_text_that_is_measured_is_never_trained_on(tmp_path_factory, world):
    """Few texts in many places, so that nearly every one occurs on both sides."""
    workspace = Workspace(tmp_path_factory.mktemp("shop"))
    rows = list(enumerate(world["conversations"]))
    split = Split(
        0,
        {f"c{number}": part for number, (_, part, _) in rows},
        {f"n{number}": part for number, (_, part) in enumerate(world["noise"])},
        world["held_out"],
    )
    queries = [query(f"q{number}", text, f"c{number}") for number, (text, _, _) in rows]
    said = [human(f"q{number}", entry, "" if entry else "chitchat") for number, (_, _, entry) in rows]
    noise = [Noise(text, f"n{number}") for number, (text, _) in enumerate(world["noise"])]
    write_jsonl(workspace.conversations_path, [talk(f"c{n}", (text, f"第{n}次回复")) for n, (text, _, _) in rows])
    project = project_of(queries, said, split, noise)
    data = trained(workspace, project)
    measured = [evaluation_set(project, part) for part in PARTS[1:]]
    measured_texts = {normalise(item.text) for one in measured for item in (*one.positives, *one.negatives)}
    trained_texts = [e.text for e in data.labels] + [text for text, _ in data.dialogues] + list(data.noise)
    assert not measured_texts & set(map(normalise, trained_texts))
    assert measured_texts <= set(data.measured), "no slip of the finger may become one of them"
    of_training = {
        normalise(text) for text, part, entry in world["conversations"] if part == "train" and entry == "发货"
    }
    assert of_training - measured_texts <= {normalise(example.text) for example in data.labels}


def test_a_leak_is_refused_with_the_id_named(workspace, monkeypatch):
    """The last gate holds even if what is measured was chosen wrongly."""
    project = project_of(
        [], [], Split(0, {"output.json#3": "train"}, {"chatter#7": "train"}), [Noise("聊天", "chatter#7")]
    )
    right = training_set.evaluation_set
    for leak, named in (
        ({"positives": (Positive("何时发货", "发货", "output.json#3"),)}, r"conversation.*output\.json#3"),
        ({"negatives": (Negative("随便", "unsupported", "output.json#3"),)}, r"conversation.*output\.json#3"),
        ({"negatives": (Negative("聊天", "chatter", "chatter#7"),)}, "noise source.*chatter#7"),
    ):
        monkeypatch.setattr(training_set, "evaluation_set", lambda p, part, leak=leak: replace(right(p, part), **leak))
        with pytest.raises(UserError, match=named):
            trained(workspace, project)


@pytest.mark.parametrize(("asked", "heard"), [("train", "test"), ("test", "train")])
@pytest.mark.parametrize("said", [human("q", "发货"), human("q", None, "chitchat")])
def test_a_log_and_a_file_of_chatter_may_have_one_name(workspace, asked, heard, said):
    """Both are called data.json and number their conversations alike; that is no leak."""
    split = Split(0, {"data.json#1": asked}, {"data.json#1": heard})
    queries, noise = [query("q", "什么时候发货呢", "data.json#1")], [Noise("今天天气真好", "data.json#1")]
    data = trained(workspace, project_of(queries, [said], split, noise))
    assert len(data.labels) == (asked == "train" and said.entry is not None)
    # What a person calls small talk in a training conversation is noise to train on, too.
    assert data.near_noise == (asked == "train" and said.entry is None)
    assert len(data.noise) == (heard == "train") + data.near_noise


def test_a_split_with_an_unknown_part_is_refused(workspace):
    with pytest.raises(UserError, match="conversation c2"):
        trained(workspace, project_of([], [], Split(0, {"c1": "train", "c2": "dev"})))


def test_a_project_is_loaded_as_it_lies_on_disk(workspace):
    queries = [query("q1", "发了没", "c1")]
    split = Split(0, {"c1": "test"})
    write_text(workspace.config_path, "")
    write_jsonl(workspace.catalogue_path, SHOP)
    write_jsonl(workspace.noise_path, [Noise("聊天", "n")])
    write_jsonl(workspace.queries_path, queries)
    with pytest.raises(UserError, match=r"split\.json") as caught:
        load_project(workspace)
    assert "faqtune split" in caught.value.next_step
    write_json(workspace.split_path, split)
    # Without its labels a project would be blamed for having none.
    with pytest.raises(UserError, match=r"claims\.db") as caught:
        load_project(workspace)
    assert "faqtune label" in caught.value.next_step
    claims.append(workspace.claims_path, [rules("q1", "发货")])
    assert load_project(workspace) == project_of(queries, [rules("q1", "发货")], split, [Noise("聊天", "n")])


@pytest.fixture
def with_own_pairs(workspace):
    """A query that is measured, one that trains, one that measures nothing in a conversation of the test."""
    write_text(workspace.config_path, "[pairs]\ngenerated_confidence = 0.7\n")
    queries = [
        query("q1", "昨天拍的今天能发吗", "c1"),
        query("q2", "七天后还能退不", "c2"),
        query("q3", "没人标过的一个问题", "c1"),
    ]
    split = Split(0, {"c1": TEST, "c2": TRAIN}, {}, {"发票": TEST})
    return project_of(queries, [human("q1", "发货"), rules("q2", "退货")], split)


def test_own_pairs_train_as_sure_as_their_makers(workspace, with_own_pairs, heard):
    own = [OwnPair("急用能当天寄走不", "发货", True, "a#1"), OwnPair("不喜欢能退款吗", "退货", False, "b#1")]
    pairs, _ = pairs_of(with_own_pairs.decisions, with_own_pairs.queries, SHOP)
    labels = training_data(workspace, with_own_pairs, pairs, (), own, heard).labels

    assert [(label.text, label.row, label.weight, label.trusted) for label in labels[1:]] == [
        ("急用能当天寄走不", 0, 1.0, True),
        ("不喜欢能退款吗", 1, 0.7, False),
    ]
    assert labels[0].text == "七天后还能退不"
    assert heard.lines == [
        "your own pairs: 2 of 2 are trained on; left out 0 of entries held out of training, 0 near what measures"
    ]


@pytest.mark.parametrize(
    "text",
    [
        "昨天拍的今天能发吗？",  # measured
        "昨天拍的今能天发吗",  # with a slip
        "在不在\n昨天拍的今天能发吗",  # after another turn
        "没人标过的一个问题",  # of a conversation that measures, though this query does not
        "可以开发票吗亲",  # near a question of a held-out entry
    ],
)
def test_own_pairs_near_anything_that_measures_never_train(workspace, with_own_pairs, heard, text):
    own = [OwnPair(text, "发货", True, "a#1"), OwnPair("开票要多久", "发票", True, "a#2")]
    assert training_data(workspace, with_own_pairs, [], (), own, heard).labels == ()
    assert heard.lines[0].startswith("your own pairs: 0 of 2 are trained on; left out 1 of entries held out")
