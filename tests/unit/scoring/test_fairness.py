"""Fairness of a cut-off: refused where a limit is broken beyond chance, and only there."""

import numpy as np

from tallystick.scoring.fairness import approved_rows, group_outcomes


def outcomes(shares: dict[str, float], rows: int, *, bad_share: float = 0.0) -> dict[str, bool]:
    """Whether each group with this approved share is refused."""
    groups = np.repeat(np.array(list(shares), dtype=object), rows)
    approved = np.concatenate([np.arange(rows) < round(rows * share) for share in shares.values()])
    is_bad = np.concatenate([np.arange(rows) >= rows * (1 - bad_share)] * len(shares))
    return {one.group: one.refused for one in group_outcomes(groups, approved, is_bad)}


def test_four_fifths_are_broken_only_beyond_chance() -> None:
    assert outcomes({"a": 0.8, "b": 0.56}, 2_000) == {"a": False, "b": True}
    assert outcomes({"a": 0.8, "b": 0.62}, 100) == {"a": False, "b": False}
    assert outcomes({"a": 0.8, "b": 0.1}, 40) == {"a": False, "b": False}
    assert outcomes({"a": 0.8, "b": 0.79}, 2_000) == {"a": False, "b": False}


def test_the_gap_among_goods_refuses_what_the_ratio_lets_pass() -> None:
    groups = np.repeat(np.array(["a", "b"], dtype=object), 2_000)
    is_bad = np.tile(np.arange(2_000) < 1_000, 2)
    # both approve half of their people, but b approves its bads
    approved = np.concatenate([np.arange(2_000) >= 1_000, np.arange(2_000) < 1_000])
    found = {one.group: one for one in group_outcomes(groups, approved, is_bad)}
    assert found["b"].impact_ratio.value == 1.0
    assert found["b"].opportunity_gap.value == 1.0
    assert found["b"].refused


def test_nobody_without_a_group_is_judged_and_equal_probabilities_stay_together() -> None:
    assert group_outcomes(np.array([None, None], dtype=object), np.array([True, False]), np.zeros(2, dtype=bool)) == ()
    assert approved_rows(np.array([0.2, 0.1, 0.2, 0.2]), approve_percent=50).tolist() == [False, True, False, False]


def test_a_handful_of_people_is_no_group_to_be_measured_by() -> None:
    groups = np.array(["a"] * 2_000 + ["few"] * 10, dtype=object)
    approved = np.concatenate([np.arange(2_000) < 1_200, np.ones(10, dtype=bool)])
    found = {one.group: one for one in group_outcomes(groups, approved, np.zeros(2_010, dtype=bool))}
    assert found["a"].impact_ratio.value == 1.0
    assert not found["a"].refused
