from __future__ import annotations

import re
from importlib import resources
from pathlib import Path

import pytest

from faqtune.errors import UserError
from faqtune.recipe import Losses, Recipe, load_recipe, presets
from faqtune.scorecard import CHOOSABLE

TWO_STAGES = """
description = "先排序，再拒绝"

[[stages]]
data = { labels = 1 }
losses.ranking.weight = 1

[[stages]]
name = "拒绝"
data = { labels = 1, catalogue = 2 }
[stages.losses.rejection]
weight = 0.5
"""


@pytest.fixture
def two_stages(tmp_path: Path) -> str:
    return written(tmp_path / "两步.toml", TWO_STAGES)


def written(path: Path, text: str) -> str:
    path.write_text(text, encoding="utf-8")
    return str(path)


def test_every_shipped_file_is_a_preset_that_loads():
    shipped = [f.name for f in resources.files("faqtune").joinpath("recipes").iterdir() if f.name.endswith(".toml")]
    assert sorted(f"{name.replace('-', '_')}.toml" for name in presets()) == sorted(shipped)
    assert set(presets()) == {"classic", "classic-second-stage", "classic-two-stage", "default", "quick"}
    for name in presets():
        recipe = load_recipe(name)
        assert recipe.name == name and recipe.description
        assert all(stage.losses.active and stage.data.shares for stage in recipe.stages)


def test_a_recipe_survives_being_written_into_its_run(two_stages: str):
    recipe = load_recipe(two_stages)
    assert Recipe.model_validate_json(recipe.model_dump_json()) == recipe


def test_a_users_file_is_named_after_itself_and_may_have_a_bom(tmp_path: Path, two_stages: str):
    assert load_recipe(two_stages).name == "两步"
    assert load_recipe(written(tmp_path / "bom.toml", "\ufeff" + TWO_STAGES)).stages[1].name == "拒绝"


@pytest.mark.parametrize(
    ("line", "key", "nearest"),
    [
        ("lerning_rate = 1", "stage.1.lerning_rate", "learning_rate"),
        ("negatives_per_query = 1", "stage.1.negatives_per_query", "stage.1.mining.negatives_per_query"),
        ("batch_querys = 8", "stage.1.batch_querys", "batch_queries"),
        ("losses.ranking.temprature = 1", "stage.1.losses.ranking.temprature", "temperature"),
        ("losses.rankin.weight = 1", "stage.1.losses.rankin", "ranking"),
        ("heads.multivector = true", "stage.1.heads.multivector", "multi_vector"),
        ("freeze.lower_layer = 1", "stage.1.freeze.lower_layer", "lower_layers"),
    ],
)
def test_an_unknown_key_is_refused_with_the_nearest_valid_one(tmp_path: Path, line: str, key: str, nearest: str):
    text = f"[[stages]]\ndata = {{ labels = 1 }}\nlosses.ranking.weight = 1\n{line}\n"
    if "rankin.weight" in line:
        text = text.replace("losses.ranking.weight = 1\n", "")
    with pytest.raises(UserError) as error:
        load_recipe(written(tmp_path / "r.toml", text))
    assert f"unknown key `{key}`" in error.value.problem and "r.toml" in error.value.problem
    assert f"{nearest}`" in error.value.next_step


@pytest.mark.parametrize(
    ("line", "key"),
    [
        ("learning_rate = 0", "learning_rate"),
        ("learning_rate = inf", "learning_rate"),
        ("weight_decay = nan", "weight_decay"),
        ("batch_queries = 1", "batch_queries"),
        ("epochs = 'many'", "epochs"),
        ("warmup_share = 1.5", "warmup_share"),
        ("data = 3", "data"),
    ],
)
def test_a_value_that_makes_no_sense_is_refused_with_its_key(tmp_path: Path, line: str, key: str):
    text = f"[[stages]]\ndata = {{ labels = 1 }}\nlosses.ranking.weight = 1\n{line}\n"
    if key == "data":
        text = text.replace("data = { labels = 1 }\n", "")
    with pytest.raises(UserError, match=rf"`stage\.1\.{key}`"):
        load_recipe(written(tmp_path / "r.toml", text))


@pytest.mark.parametrize(
    ("setting", "message", "next_step"),
    [
        ("seed=true", "`seed` is true: a whole number", "mend the value"),
        ("stage.1.epochs=true", "`stage.1.epochs` is true: a number", "mend the value"),
        ("stage.1.batch_queries='8'", "`stage.1.batch_queries` is '8': a whole number", "write 8 without quotation"),
        ("stage.1.batch_queries=8.5", "`stage.1.batch_queries` is 8.5: a whole number", "mend the value"),
        ("stage.1.batch_queries=8.0", "`stage.1.batch_queries` is 8.0: a whole number", "mend the value"),
        ("stage.1.learning_rate='5e-5'", "`stage.1.learning_rate` is '5e-5': a number", "write 5e-5 without quotation"),
        ("stage.1.learning_rate='1_0'", "`stage.1.learning_rate` is '1_0': a number", "write 1_0 without quotation"),
        ("stage.1.learning_rate='fast'", "`stage.1.learning_rate` is 'fast': a number", "mend the value"),
        ("stage.1.losses.ranking.weight=true", "weight` is true: a number", "mend the value"),
        ("stage.1.freeze.embeddings=1", "embeddings` is 1: true or false", "mend the value"),
        ("stage.1.freeze.embeddings='true'", "embeddings` is 'true': true or false", "write true without quotation"),
        ("selection.metric=5", "`selection.metric` is 5: a text in quotation marks", "mend the value"),
        ("stage.1.nested_dimensions=64", "`stage.1.nested_dimensions` is 64: a list", "mend the value"),
        ("stage.1.nested_dimensions=[true]", "`stage.1.nested_dimensions.1` is true: a whole number", "mend the value"),
        ("stage.1.data=1", "`stage.1.data` is 1: a table", "mend the value"),
    ],
)
def test_a_value_of_another_type_is_refused(two_stages: str, setting: str, message: str, next_step: str):
    with pytest.raises(UserError) as error:
        load_recipe(two_stages, (setting,))
    assert message in error.value.problem and error.value.next_step.startswith(next_step)


@pytest.mark.parametrize(
    "setting",
    [
        "stage.1.epochs=1e308", "stage.1.data.labels=1e308", "stage.1.data.catalogue=1e7", "seed=18446744073709551616",
        "stage.1.freeze.lora_rank=1000000", "stage.1.freeze.lora_alpha=1e308", "stage.1.losses.ranking.weight=1e308",
        "stage.1.heads.weight=1e308", "stage.1.heads.distillation=1e308",
    ],
)  # fmt: skip
def test_a_number_that_no_arithmetic_holds_is_refused(two_stages: str, setting: str):
    with pytest.raises(UserError, match=f"`{setting.partition('=')[0]}` is .*: it has to be at most \\d"):
        load_recipe(two_stages, (setting,))


@pytest.mark.parametrize(
    ("setting", "wanted"),
    [
        ("stage.1.epochs=0", "it has to be more than 0"),
        ("stage.1.warmup_share=-1", "it has to be at least 0"),
        ("stage.1.warmup_share=1.5", "it has to be at most 1"),
        ("stage.1.epochs=nan", "it has to be a finite number"),
        ("stage.1.batch_queries=1.5", "a whole number is wanted here"),
        ("stage.1.optimiser=sgd", "it has to be 'adamw' or 'adafactor'"),
        ("stage.1.name=", "it must not be empty"),
        ("stage.1.weight_decay=1000", "it has to be at most 100"),
        ("stage.1.losses.ranking.temperature=1e-300", "it has to be at least 0.0001"),
    ],
)
def test_a_number_out_of_range_is_told_what_it_has_to_be(two_stages: str, setting: str, wanted: str):
    key, _, value = setting.partition("=")
    with pytest.raises(UserError) as refused:
        load_recipe(two_stages, (setting,))
    assert re.fullmatch(rf"--set {setting}: `{key}` is '?{value}'?: {wanted}", refused.value.problem)
    written = setting.replace("stage.", "stages.")
    with pytest.raises(UserError) as refused:
        load_recipe(two_stages, (written,))
    assert refused.value.problem.startswith(f"--set {written}: ")


@pytest.mark.parametrize(
    "setting", ["merge.coefficients=[1.5]", "stage.1.nested_dimensions=[0]", "stage.1.losses.rank.weight=1"]
)
def test_what_is_set_is_blamed_for_what_is_in_it(two_stages: str, setting: str):
    with pytest.raises(UserError) as refused:
        load_recipe(two_stages, (setting,))
    assert refused.value.problem.startswith(f"--set {setting}: ")


def test_a_name_that_a_recipe_has_from_its_file_is_told_to_be_that(two_stages: str, tmp_path: Path):
    text = re.sub(r"(?m)^name = .*\n", "", Path(two_stages).read_text(encoding="utf-8"), count=1)
    (tmp_path / ("a" * 70 + ".toml")).write_text(text, encoding="utf-8")
    with pytest.raises(
        UserError, match=r"which has the name of its file: `name` is .*: it has to have 60 characters at"
    ):
        load_recipe(str(tmp_path / ("a" * 70 + ".toml")))


def test_a_value_with_another_setting_behind_it_hides_nothing(two_stages: str):
    with pytest.raises(UserError, match=r"`seed` is '5\\nlearning_rate = 1': a whole number") as refused:
        load_recipe(two_stages, ("seed=5\nlearning_rate = 1",))
    assert "without" not in refused.value.next_step


def test_shares_add_up_however_far_apart_they_are(two_stages: str):
    far = load_recipe(two_stages, ("stage.1.data.labels=1e-320", "stage.1.data.catalogue=1e6")).stages[0].data
    assert far.shares == {"catalogue": 1.0}


def test_one_override_may_be_given_as_a_text(two_stages: str):
    assert (
        load_recipe(two_stages, "seed=7") == load_recipe(two_stages, ("seed=7",)) == load_recipe(two_stages, ["seed=7"])
    )
    assert load_recipe(two_stages, "seed=7").seed == 7


def test_adapters_leave_the_embeddings_at_their_default(two_stages: str):
    assert load_recipe(two_stages, ("stage.1.freeze.lora_rank=4",)).stages[0].freeze.embeddings


def test_a_pool_may_be_all_that_is_drawn_and_an_idle_loss_may_ask_for_noise(two_stages: str):
    pool = ("stage.1.mining.negatives_per_query=5", "stage.1.mining.negatives_pool=5")
    assert load_recipe(two_stages, pool).stages[0].mining.negatives_pool == 5
    idle = ("stage.1.losses.online_contrastive.noise=true", "stage.1.batch_noise=0")
    assert load_recipe(two_stages, idle).stages[0].batch_noise == 0


def test_a_whole_number_is_a_number_too(two_stages: str):
    stage = load_recipe(two_stages, ("stage.1.epochs=3", "stage.1.losses.ranking.weight=2")).stages[0]
    assert (stage.epochs, stage.losses.ranking.weight) == (3.0, 2.0)
    assert type(stage.epochs) is float


@pytest.mark.parametrize("name", ["../elsewhere", "a/b", ".hidden", "x" * 61, "what?", ""])
def test_a_name_that_is_no_folder_name_is_refused(two_stages: str, name: str):
    with pytest.raises(UserError, match="`name`"):
        load_recipe(two_stages, (f"name='{name}'",))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[[stages]\n", "r.toml"),
        ("", "`stages`"),
        ("stages = []", "`stages`"),
        ("stages = 3", "`stages`"),
        ("[[stages]]\ndata = {}\nlosses.ranking.weight = 1", r"stage 1 \(train\) has no data"),
        ("[[stages]]\ndata.labels = 1\nlosses = {}", r"stage 1 \(train\) has no loss"),
        ("[[stages]]\ndata.labels = 1\nlosses.ranking.weight = 1\nnested_dimensions = [8, 4, 8]", "8 more than once"),
        (
            "[[stages]]\ndata.labels = 1\nfreeze = {embeddings = false, lora_rank = 4}\nlosses.ranking.weight = 1",
            r"stage 1 \(train\): freeze.embeddings = false with freeze.lora_rank",
        ),
        ("[[stages]]\ndata.labels = 1\nlosses.stay_near.weight = 1", "stay_near only keeps what there is"),
        ("[[stages]]\ndata.labels = 1\nlosses.positive_floor.weight = 1", "positive_floor only keeps what there is"),
        (
            "[[stages]]\ndata.labels = 1\nbatch_noise = 0\nlosses.online_contrastive = {weight = 1, noise = true}",
            "online_contrastive.noise needs noise",
        ),
        (
            "[[stages]]\ndata.labels = 1\nlosses.ranking.weight = 1\n"
            "mining = {negatives_per_query = 5, negatives_pool = 4}",
            "negatives_pool is 4, and 5 entries a query cannot be drawn from it",
        ),
        ("[[stages]]\ndata.labels = 1\nbatch_noise = 0\nlosses.rejection.weight = 1", "rejection needs noise"),
    ],
)
def test_a_recipe_that_cannot_work_is_refused(tmp_path: Path, text: str, message: str):
    with pytest.raises(UserError, match=message):
        load_recipe(written(tmp_path / "r.toml", text))


@pytest.mark.parametrize("key", ["metric", "guard"])
@pytest.mark.parametrize(
    ("name", "near"),
    [("augrcs", "`augrc`"), ("OSCR@5%", "`oscr@5`"), ("recal@1", "`recall@1`"), ("oscr@5/chater", "`oscr@5/chatter`"),
     ("", ""), ("x", ""), ("precision", "")],
)  # fmt: skip
def test_a_figure_that_nothing_is_chosen_by_is_refused_with_the_nearest_one(
    two_stages: str, key: str, name: str, near: str
):
    with pytest.raises(UserError, match=rf"`selection\.{key}` is '{re.escape(name)}'") as error:
        load_recipe(two_stages, (f"selection.{key}='{name}'",))
    assert error.value.next_step.startswith(f"write {near} if" if near else "a model can be chosen by oscr@1")


@pytest.mark.parametrize("name", CHOOSABLE)
def test_every_figure_can_be_chosen_by(two_stages: str, name: str):
    assert load_recipe(two_stages, (f"selection.metric={name}",)).selection.metric == name


def test_a_file_in_another_encoding_is_refused(tmp_path: Path):
    path = tmp_path / "gbk.toml"
    path.write_bytes(TWO_STAGES.encode("gbk"))
    with pytest.raises(UserError, match=r"gbk.toml.*UTF-8"):
        load_recipe(str(path))


@pytest.mark.parametrize(
    ("given", "meant"),
    [("stage.1.lr=1", "stage.1.learning_rate"), ("stage.1.batch_size=8", "stage.1.batch_queries"),
     ("stage.1.heads.colbert=true", "stage.1.heads.multi_vector")],
)  # fmt: skip
def test_what_others_call_a_key_is_understood(two_stages: str, given: str, meant: str):
    with pytest.raises(UserError, match=f"write `{meant}` if that is meant"):
        load_recipe(two_stages, (given,))


@pytest.mark.parametrize(("given", "meant"), [("defualt", "default"), ("Classic_Two_Stage", "classic-two-stage")])
def test_a_misspelt_preset_is_named(given: str, meant: str):
    with pytest.raises(UserError, match=f"`{meant}` may be meant; use one of"):
        load_recipe(given)


def test_an_unknown_recipe_is_refused_with_the_presets(tmp_path: Path):
    for name in ("defualt", str(tmp_path), str(tmp_path / "none.toml")):
        with pytest.raises(UserError) as error:
            load_recipe(name)
        assert name in error.value.problem and "default, quick" in error.value.next_step


def test_set_reaches_every_part_of_a_recipe(two_stages: str):
    recipe = load_recipe(
        two_stages,
        (
            "seed=7", "name=试一试", "selection.metric=auroc", "stage.1.learning_rate=1e-5",
            "stages.2.losses.ranking.weight = 0.25", "stage.2.freeze.embeddings=false", "stage.2.name=reject more",
            "stage.1.data.catalogue=0.5", "stage.1.learning_rate=2e-5",
        ),
    )  # fmt: skip
    first, second = recipe.stages
    assert (recipe.seed, recipe.name, recipe.selection.metric) == (7, "试一试", "auroc")
    assert (first.learning_rate, first.data.catalogue) == (2e-5, 0.5)
    assert (second.losses.ranking.weight, second.freeze.embeddings, second.name) == (0.25, False, "reject more")
    assert second.losses.rejection.weight == 0.5


@pytest.mark.parametrize(
    ("override", "message", "next_step"),
    [
        ("seed", "no `key=value`", "stage.1.learning_rate"),
        ("=3", "no `key=value`", "stage.1.learning_rate"),
        ("stage..seed=3", "no `key=value`", "stage.1.learning_rate"),
        ("stage.3.epochs=1", "there is no stage `3`", "stages are 1 to 2"),
        ("stage.0.epochs=1", "there is no stage `0`", "stages are 1 to 2"),
        ("stage.epochs=1", "there is no stage `epochs`", "stages are 1 to 2"),
        ("stage.1=1", "a stage is no value", "stage.1.learning_rate"),
        ("seed.deeper=1", "", ""),
        ("stage.1.name.deeper=1", "", ""),
        ("stage.1.epoch=1", "unknown key `stage.1.epoch`", "epochs"),
        ("stage.1.epochs=few", "`stage.1.epochs`", "mend the value"),
        ("sed=1", "unknown key `sed`", "seed"),
        ("learning_rate=1", "unknown key `learning_rate`", "`stage.1.learning_rate`"),
        ("losses.ranking.weight=1", "unknown key `losses`", "`stage.1.losses`"),
        ("stage.2.losses=1", "`stage.2.losses`", "mend the value"),
    ],
)
def test_a_wrong_set_is_refused(two_stages: str, override: str, message: str, next_step: str):
    with pytest.raises(UserError) as error:
        load_recipe(two_stages, ("stage.1.name=rank", "seed=1", override))
    assert message in error.value.problem and next_step in error.value.next_step


@pytest.mark.parametrize(
    ("text", "problem", "next_step"),
    [
        ("[[stage]]\ndata.labels = 1", "unknown key `stage`", "`stages`"),
        ("[[stages]]\ndate.labels = 1\nlosses.ranking.weight = 1", "unknown key `stage.1.date`", "`stage.1.data`"),
        ("[stages]\ndata.labels = 1", "`stages` is", "[[stages]]"),
        ("[[stages]]\nlosses.ranking.weight = 1", "there is no `stage.1.data`", "add it"),
    ],
)
def test_a_slip_in_the_name_of_a_table_is_told_with_what_is_meant(
    tmp_path: Path, text: str, problem: str, next_step: str
):
    with pytest.raises(UserError) as error:
        load_recipe(written(tmp_path / "r.toml", text))
    assert problem in error.value.problem and next_step in error.value.next_step


@pytest.mark.parametrize("stages", ["stages = 3", "stages = [1, 2]", "stages.one = 1"])
def test_set_into_a_broken_recipe_is_no_traceback(tmp_path: Path, stages: str):
    with pytest.raises(UserError, match="list of tables"):
        load_recipe(written(tmp_path / "r.toml", stages), ("stage.1.epochs=1",))


def test_nothing_changes_once_it_is_read():
    recipe = load_recipe("quick")
    with pytest.raises(ValueError, match="frozen"):
        recipe.stages[0].learning_rate = 1.0  # type: ignore[misc]


def test_open_temperatures_are_a_tenth_of_the_base_models_spread():
    losses = Losses.model_validate({"ranking": {"weight": 1}, "rejection": {"weight": 1, "temperature": 0.3}})
    resolved = losses.resolved(related=0.9, unrelated=0.5)
    assert resolved.ranking.temperature == pytest.approx(0.04)
    assert resolved.rejection.temperature == 0.3
    assert resolved.noise_ceiling.ceiling_cosine == 0.5
    assert (resolved.active, losses.ranking.temperature) == (["ranking", "rejection"], None)


def test_a_model_without_spread_still_gets_a_temperature():
    assert Losses().resolved(related=0.8, unrelated=0.81).ranking.temperature == 0.005


def test_a_ceiling_of_zero_is_not_open():
    losses = Losses.model_validate({"noise_ceiling": {"weight": 1, "ceiling_cosine": 0}})
    assert losses.resolved(0.9, 0.5).noise_ceiling.ceiling_cosine == 0


def test_shares_add_up_to_one(two_stages: str):
    assert load_recipe(two_stages).stages[1].data.shares == pytest.approx({"labels": 1 / 3, "catalogue": 2 / 3})


def test_heads_are_off_unless_a_stage_asks_for_them(two_stages: str):
    assert [stage.heads.trained for stage in load_recipe(two_stages).stages] == [(), ()]
    asked = load_recipe(two_stages, ("stage.2.heads.sparse=true", "stage.2.heads.distillation=0"))
    assert [stage.heads.trained for stage in asked.stages] == [(), ("sparse",)]
    assert not any(stage.heads.trained for name in presets() for stage in load_recipe(name).stages)
