"""The learning curve of real tunings: which stand on one curve, and when it must not say anything."""

from dataclasses import replace

import numpy as np
import pytest

from faqtune.annotate.curve import CANNOT_SAY, FLAT, RISING, WEAK, fit
from faqtune.annotate.tuned import SEED_ERROR, Tuned, as_shown, learned, project_tuned

ROUNDS = 500


def tuned(labels, value, kind="quick", spread=0.01, run="", seed=0):
    """Resamples of one selection part: what is easy in one is easy for every model."""
    shift = np.random.default_rng(seed).normal(0, spread, ROUNDS)
    return Tuned(
        run or f"{kind}-{labels}", labels, value, value - 2 * spread, value + 2 * spread, kind, False, kind, 100, True,
        tuple(value + shift),
    )  # fmt: skip


def curve_of(values, **options):
    return [tuned(labels, value, **options) for labels, value in values.items()]


def naive_interval(points, ahead, seed):
    """Round by round, point by point."""
    labels = np.array([point.labels for point in points], dtype=float)
    size = SEED_ERROR
    if len(points) > 3:
        law = fit(labels, np.array([point.value for point in points]))
        size = max(size, (sum((p.value - float(law.at(p.labels))) ** 2 for p in points) / (len(points) - 3)) ** 0.5)
    errors = np.random.default_rng(seed).normal(0, size, (ROUNDS, len(points)))
    gains = []
    for round_ in range(ROUNDS):
        drawn = [point.resampled[round_] + errors[round_, at] for at, point in enumerate(points)]
        law = fit(labels, np.array(drawn))
        gains.append(float(law.at(labels.max() + ahead)) - float(law.at(labels.max())))
    return np.percentile(gains, 2.5), np.percentile(gains, 97.5)


@pytest.mark.parametrize("amounts", [(0, 100, 400), (0, 50, 100, 200, 400)])
def test_the_interval_is_its_naive_twin(amounts):
    points = curve_of({n: 0.6 - 0.5 * (n + 50) ** -0.3 for n in amounts})
    found = project_tuned(points, ahead=100, seed=3)
    assert (found.low, found.high) == pytest.approx(naive_interval(points, 100, 3), abs=1e-9)


def test_the_projection_is_that_of_three_tunings_and_fewer_are_left_to_the_stand_in():
    points = curve_of({0: 0.40, 100: 0.50, 400: 0.52})
    assert learned(points).can_tell
    two = learned(points[:2])
    assert not two.can_tell
    assert two.projection.verdict == CANNOT_SAY
    assert two.projection.why == "few"
    assert [point.labels for point in two.points] == [0, 100]
    assert learned([]).points == ()


def test_another_seed_at_the_same_amount_is_no_further_amount():
    twice = [tuned(0, 0.4), tuned(100, 0.5), tuned(100, 0.51, run="again")]
    assert not learned(twice).can_tell


def test_trainings_of_two_recipes_do_not_stand_on_one_curve():
    """The better recipe had more labels: together they would look as if labels had brought it."""
    quick = curve_of({0: 0.40, 50: 0.40, 200: 0.40})
    better = curve_of({300: 0.60, 400: 0.60}, kind="default")
    found = learned([*better, *quick])
    assert set(found.runs) == {point.run for point in quick}
    assert len(found.points) == 5
    assert found.projection.gain == 0


def test_rising_and_flat_are_told_where_they_are_sure():
    assert project_tuned(curve_of({0: 0.2, 100: 0.3, 200: 0.4, 300: 0.5})).verdict == RISING
    assert project_tuned(curve_of({0: 0.3, 1000: 0.5, 2000: 0.501, 4000: 0.502})).verdict == FLAT


def test_level_against_machines_labels_is_no_reason_to_stop():
    """On the sample shop a curve that is level there rises on labels by hand."""
    points = curve_of({0: 0.3, 1000: 0.5, 2000: 0.501, 4000: 0.502})
    assert learned(points).projection.verdict == FLAT
    weak = learned([replace(point, by_people=False) for point in points])
    assert (weak.projection.verdict, weak.projection.why) == (CANNOT_SAY, WEAK)
    rising = [replace(point, by_people=False) for point in curve_of({0: 0.2, 100: 0.3, 200: 0.4, 300: 0.5})]
    assert learned(rising).projection.verdict == RISING


def test_chance_that_all_models_share_does_not_widen_it_and_a_trainings_own_does():
    """The selection part moves all points together; what one training got by its seed does not cancel."""
    values = {0: 0.40, 100: 0.47, 400: 0.50}
    narrow, shared = (project_tuned(curve_of(values, spread=spread)) for spread in (0.001, 0.05))
    assert shared.high - shared.low == pytest.approx(narrow.high - narrow.low, abs=0.004)
    apart = project_tuned([tuned(n, value, spread=0.05, seed=n) for n, value in values.items()])
    assert apart.high - apart.low > 1.3 * (narrow.high - narrow.low)


def test_it_says_when_the_data_cannot_tell():
    """Twenty labels more and less, and models that each draw of the selection part ranks otherwise."""
    found = project_tuned([tuned(n, v, spread=0.1, seed=n) for n, v in {0: 0.3, 20: 0.4, 40: 0.5}.items()])
    assert found.verdict == CANNOT_SAY
    assert found.why == "wide"
    assert np.isnan(found.gain)


def test_three_points_on_one_line_are_not_taken_for_certainty():
    """Three points fit any three parameters: without a training's own chance the interval would be nothing."""
    found = project_tuned(curve_of({0: 0.40, 100: 0.45, 200: 0.47}, spread=0.0))
    assert np.isnan(found.gain) or found.high - found.low > 0.01


def test_what_is_shown_leaves_the_resamples_out():
    point = replace(tuned(5, 0.5), on_purpose=True)
    (shown,) = as_shown([point])
    assert shown["labels"] == 5
    assert shown["on_purpose"]
    assert not {"resampled", "kind"} & set(shown)
