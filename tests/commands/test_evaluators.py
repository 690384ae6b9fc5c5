"""The evaluator for other people's trainings: the figures are those of faqtune, on a real SentenceTransformer."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest

from faqtune import OpenSetEvaluator, UserError
from faqtune.evaluate import evaluate, point_figures
from faqtune.model import load

CATALOGUE = {"ship": ("什么时候发货", "几天能发货"), "return": "可以退货吗", "invoice": "怎么开发票"}
QUERIES = [("还没发货吗", "ship"), ("能退吗", "return"), ("发票在哪开", "invoice"), ("发货了没有", "ship")]
NOISE = {"chatter": [f"今天第{n}次想你" for n in range(12)], "other_domain": [f"信用卡第{n}期" for n in range(10)]}


@pytest.fixture(scope="module")
def model(tiny_model_folder: Path):
    from sentence_transformers import SentenceTransformer

    return SentenceTransformer(str(tiny_model_folder), device="cpu")


def test_figures_are_those_of_faqtune(model, tiny_model_folder: Path):
    evaluator = OpenSetEvaluator.from_texts(CATALOGUE, QUERIES, NOISE, "shop")

    found = evaluator(model)

    ours = point_figures(evaluate(load(tiny_model_folder, max_length_tokens=64, device="cpu"), evaluator.data))
    assert {"shop_recall@1", "shop_oscr@5", "shop_auroc/other_domain", "shop_augrc"} <= found.keys()
    for name, value in found.items():
        assert value == pytest.approx(ours[name.removeprefix("shop_")], abs=1e-5), name
    assert evaluator.primary_metric == "shop_oscr@5" and evaluator.greater_is_better
    # Called again, as a training does, the name is not put before it twice.
    assert evaluator(model) == found and evaluator.primary_metric == "shop_oscr@5"


def test_without_enough_noise_another_figure_decides(model):
    few = OpenSetEvaluator.from_texts(CATALOGUE, QUERIES, {"chatter": ["你好", "在吗"]})
    assert few.primary_metric is None and few(model) and few.primary_metric == "auroc"
    alone = OpenSetEvaluator.from_texts(CATALOGUE, QUERIES)
    assert alone(model).keys() >= {"recall@1"} and alone.primary_metric == "recall@1"
    chosen = OpenSetEvaluator.from_texts(CATALOGUE, QUERIES, NOISE, "x", primary="mrr@10")
    assert chosen(model) and chosen.primary_metric == "x_mrr@10"


def test_a_single_sentence_of_noise_is_one_and_not_its_letters():
    one = OpenSetEvaluator.from_texts(CATALOGUE, QUERIES, {"chatter": "今天天气真好"})
    assert [negative.text for negative in one.data.negatives] == ["今天天气真好"]


def test_a_primary_figure_is_one_that_there_is_and_says_which_way_is_better(model):
    assert OpenSetEvaluator.from_texts(CATALOGUE, QUERIES, NOISE, primary="fpr95").greater_is_better is False
    with pytest.raises(UserError, match="no such figure") as wrong:
        OpenSetEvaluator.from_texts(CATALOGUE, QUERIES, NOISE, primary="fpr59")
    assert "`fpr95`" in wrong.value.next_step
    with pytest.raises(UserError, match="these data give no auroc") as missing:
        OpenSetEvaluator.from_texts(CATALOGUE, QUERIES, primary="auroc")(model)
    assert "recall@1" in missing.value.next_step


def test_a_line_is_written_for_every_call_and_the_card_knows_the_figures(model, tmp_path: Path):
    evaluator = OpenSetEvaluator.from_texts(CATALOGUE, QUERIES, NOISE, "shop")
    evaluator(model, str(tmp_path / "eval"), epoch=1, steps=10)
    evaluator(model, str(tmp_path / "eval"), epoch=2, steps=20)
    rows = list(csv.DictReader((tmp_path / "eval" / "shop_open_set.csv").read_text("utf-8").splitlines()))
    assert [(row["epoch"], row["steps"]) for row in rows] == [("1", "10"), ("2", "20")]
    assert 0 <= float(rows[0]["oscr@5"]) <= 1
    assert model.model_card_data.eval_results_dict[evaluator]["shop_oscr@5"] == float(rows[0]["oscr@5"])


def test_it_works_among_the_evaluators_of_sentence_transformers(model):
    from sentence_transformers.sentence_transformer.evaluation import SequentialEvaluator

    both = SequentialEvaluator([OpenSetEvaluator.from_texts(CATALOGUE, QUERIES, NOISE, name) for name in ("a", "b")])
    found = both(model)
    assert found["a_oscr@5"] == found["b_oscr@5"] == found["sequential_score"]


def test_what_does_not_fit_is_refused():
    with pytest.raises(UserError, match="not in the catalogue"):
        OpenSetEvaluator.from_texts(CATALOGUE, [("x", "nothing")])
    with pytest.raises(ValueError, match="no stratum is called spam"):
        OpenSetEvaluator.from_texts(CATALOGUE, QUERIES, {"spam": ["x"]})
