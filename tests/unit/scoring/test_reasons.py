"""Reasons: the costliest first, distinct, only what cost the line something, the same for one line and many."""

import numpy as np
import pytest

from tallystick.scoring.reasons import NO_REASON, score_reasons

FEATURES = ("utilization", "trend", "dpd_max", "dpd_streak", "age", "income")
REASON_OF = {
    "utilization": "high_use",
    "trend": "rising_use",
    "dpd_max": "late",
    "dpd_streak": "late",
    "age": "short_history",
    "income": "low_income",
}


def named(row: list[float], **options: float) -> list[str]:
    found = score_reasons(np.array([[*row, -1.0]]), FEATURES, REASON_OF, **options)  # type: ignore[arg-type]
    return [found.codes[place] for place in found.places[0] if place != NO_REASON]


def test_costliest_first_and_at_most_four() -> None:
    assert named([0.1, 0.5, 0.2, 0.2, 0.3, 0.05]) == ["rising_use", "late", "short_history", "high_use"]
    assert named([0.1, 0.5, 0.2, 0.2, 0.3, 0.05], most=2) == ["rising_use", "late"]


def test_features_of_one_reason_are_summed_before_they_compete() -> None:
    assert named([0.25, 0, 0.2, 0.2, 0, 0]) == ["late", "high_use"]
    assert named([0.1, 0, 0.4, -0.5, 0, 0]) == ["high_use"]  # what one takes back, the other did not cost


def test_what_helped_or_hardly_mattered_is_no_reason() -> None:
    assert named([-0.5, -0.1, 0, 0, 0.02, 0.0201]) == ["low_income"]
    assert named([-0.5, -0.1, 0, 0, -0.2, 0]) == []


def test_equal_costs_come_in_the_order_of_the_features() -> None:
    assert named([0.3, 0.3, 0.3, 0.0, 0.3, 0.3]) == ["high_use", "rising_use", "late", "short_history"]


def test_one_line_gets_the_reasons_it_gets_among_many() -> None:
    contributions = np.random.default_rng(1).normal(0, 0.3, (5_000, 7)).round(1)  # rounded: many ties
    before = contributions.copy()
    found = score_reasons(contributions, FEATURES, REASON_OF)
    assert (contributions == before).all()
    assert found.places.shape == found.costs.shape == (5_000, 4)
    for line in range(0, 5_000, 97):
        alone = score_reasons(contributions[line : line + 1], FEATURES, REASON_OF)
        assert alone.places[0].tolist() == found.places[line].tolist()
        told = [place for place in found.places[line].tolist() if place != NO_REASON]
        assert len(set(told)) == len(told)
    assert (np.diff(found.costs, axis=1) <= 0).all()
    assert ((found.costs > 0.02) == (found.places != NO_REASON)).all()


def test_no_lines_and_few_codes_keep_the_shape() -> None:
    assert score_reasons(np.empty((0, 7)), FEATURES, REASON_OF).places.shape == (0, 4)
    few = score_reasons(np.array([[0.5, 0.0]]), ("age",), REASON_OF)
    assert few.places.tolist() == [[0, -1, -1, -1]]


def test_features_without_a_code_and_wrong_shapes_are_refused() -> None:
    with pytest.raises(ValueError, match="no reason code for speed, weight"):
        score_reasons(np.zeros((1, 4)), ("age", "speed", "weight"), REASON_OF)
    with pytest.raises(ValueError, match=r"shape \(1, 6\) for 6 features"):
        score_reasons(np.zeros((1, 6)), FEATURES, REASON_OF)
