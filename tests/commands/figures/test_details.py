"""`evaluate`: what a report shows beside the scorecards."""

from __future__ import annotations

import json

import pytest

from faqtune import Workspace, evaluate_models
from faqtune.commands.figures.details import details_path, read_details
from faqtune.commands.figures.scorecards import scorecard_paths
from faqtune.runs import find_run


def test_maps_thresholds_and_missing_questions_lie_beside_the_scorecards(tuned_shop: Workspace) -> None:
    run = find_run(tuned_shop)
    comparison = json.loads(scorecard_paths(tuned_shop, run, "test", models=2)[2].read_text("utf-8"))
    path = details_path(scorecard_paths(tuned_shop, run, "test", models=2)[2])
    details = read_details(path, comparison["after"]["digest"], [run.base, run.name])

    assert details is not None
    assert [points["model"] for points in details["operating"]] == [run.base, run.name]
    assert len(details["maps"]) == 2
    assert all(len(drawn["x"]) == len(drawn["y"]) == len(details["landmarks"]) for drawn in details["maps"])
    counts = comparison["after"]["counts"]
    assert [mark["kind"] for mark in details["landmarks"]].count("query") == counts["queries"]
    own = comparison["after"]["threshold_cosine"]
    points = details["operating"][1]
    at = next(place for place, threshold in enumerate(points["thresholds_cosine"]) if threshold == own)
    figures = comparison["after"]["figures"]
    shares = points["shares"]
    assert abs(shares["right"]["value"][at] + shares["wrong"]["value"][at] - figures["answered"]["value"]) < 1e-5
    # The intervals too: a page that shows two of one figure is believed in neither.
    for name in {"answered", "accepted", "precision"} & figures.keys():
        seen = [shares[name][key][at] for key in ("value", "low", "high")]
        assert seen == pytest.approx([figures[name][key] for key in ("value", "low", "high")], abs=1e-5)


def test_details_of_other_data_or_models_are_not_taken(tuned_shop: Workspace) -> None:
    run = find_run(tuned_shop)
    path = details_path(scorecard_paths(tuned_shop, run, "test", models=2)[2])
    digest = json.loads(path.read_text("utf-8"))["digest"]

    assert read_details(path, digest, [run.base, run.name]) is not None
    assert read_details(path, "another", [run.base, run.name]) is None
    assert read_details(path, digest, [run.name, run.base]) is None
    assert read_details(path.with_name("nowhere.json"), digest, [run.base, run.name]) is None


def test_details_that_are_gone_are_made_again(tuned_shop: Workspace) -> None:
    run = find_run(tuned_shop)
    path = details_path(scorecard_paths(tuned_shop, run, "test", models=2)[2])
    assert evaluate_models(tuned_shop).skipped
    path.unlink()
    assert not evaluate_models(tuned_shop, resamples=2000).skipped
    assert path.exists()
