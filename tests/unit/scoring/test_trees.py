"""The proof of directions on trees small enough to check by eye, and against a sweep of every region."""

import numpy as np
import pytest

from tallystick.scoring.model import Direction, ModelFeature, MonotoneFault
from tallystick.scoring.trees import Tree, refuse_broken_directions


def tree(
    *,
    feature: list[int],
    threshold: list[float],
    left: list[int],
    right: list[int],
    leaf_value: list[float],
    missing_left: list[int] | None = None,
    categories: list[tuple[int, ...] | None] | None = None,
) -> Tree:
    return Tree(
        feature=np.array(feature, dtype=np.int64),
        threshold=np.array(threshold, dtype=np.float64),
        left=np.array(left, dtype=np.int64),
        right=np.array(right, dtype=np.int64),
        missing_left=np.array(missing_left or [0] * len(feature), dtype=np.int64),
        categories=tuple(categories or [None] * len(feature)),
        listed_side="left",
        leaf_value=np.array(leaf_value, dtype=np.float64),
    )


def features(*directions: Direction) -> list[ModelFeature]:
    return [ModelFeature(f"f{place}", "numeric", direction) for place, direction in enumerate(directions)]


STEP_DOWN = tree(feature=[0], threshold=[1.0], left=[-1], right=[-2], leaf_value=[0.5, 0.2])


def test_a_step_down_breaks_up_and_keeps_down_and_none() -> None:
    refuse_broken_directions([STEP_DOWN], features("down"))
    refuse_broken_directions([STEP_DOWN], features("none"))
    with pytest.raises(MonotoneFault, match=r"f0 is declared up: tree 1 gives 0\.5 below 1, 0\.2 above 1"):
        refuse_broken_directions(
            [tree(feature=[0], threshold=[0.0], left=[-1], right=[-2], leaf_value=[0.0, 0.0]), STEP_DOWN],
            features("up"),
        )


def test_leaves_that_no_row_can_move_between_are_not_compared() -> None:
    # f1 < 0: f0 steps 5 -> 6; f1 >= 0: f0 steps 1 -> 2. The 5 stands beside the 2, but f1 parts them.
    parted = tree(
        feature=[1, 0, 0], threshold=[0.0, 1.0, 1.0], left=[1, -1, -3], right=[2, -2, -4], leaf_value=[5, 6, 1, 2]
    )
    refuse_broken_directions([parted], features("up", "none"))
    # without the thresholds' agreement the same values do break: f0 first, then f1 on one side only
    mixed = tree(feature=[0, 1], threshold=[1.0, 0.0], left=[1, -3], right=[-1, -2], leaf_value=[2, 1, 3])
    with pytest.raises(MonotoneFault, match="f0"):
        refuse_broken_directions([mixed], features("up", "none"))


def test_a_missing_value_elsewhere_can_join_leaves_that_numbers_keep_apart() -> None:
    # f0 < 1 -> (f1 < 0 ? 1 : 9), else (f1 < 5 ? 2 : 9): a missing f1 goes right below and left above: 9 -> 2
    joined = {
        "feature": [0, 1, 1],
        "threshold": [1.0, 5.0, 0.0],
        "left": [1, -1, -3],
        "right": [2, -2, -4],
        "leaf_value": [1.0, 9.0, 2.0, 9.0],
    }
    refuse_broken_directions([tree(**joined, missing_left=[0, 0, 0])], features("up", "none"))  # type: ignore[arg-type]
    with pytest.raises(MonotoneFault, match="f0"):
        refuse_broken_directions([tree(**joined, missing_left=[0, 0, 1])], features("up", "none"))  # type: ignore[arg-type]
    # where training met no missing value, the sides it would take are never taken
    refuse_broken_directions([tree(**joined, missing_left=[-1, -1, -1])], features("up", "none"))  # type: ignore[arg-type]


def test_categories_part_leaves_by_their_codes() -> None:
    def split_on(below: tuple[int, ...], above: tuple[int, ...]) -> Tree:
        return tree(
            feature=[0, 1, 1],
            threshold=[1.0, 0.0, 0.0],
            left=[1, -1, -3],
            right=[2, -2, -4],
            leaf_value=[5.0, 1.0, 6.0, 2.0],
            categories=[None, below, above],
        )

    refuse_broken_directions([split_on((0, 1), (0, 1))], features("up", "none"))
    with pytest.raises(MonotoneFault, match="gives 5 below 1, 2 above 1"):
        refuse_broken_directions([split_on((0, 1, 2), (0, 1))], features("up", "none"))  # code 2 falls from 5 to 2


def test_the_proof_agrees_with_a_sweep_of_random_trees() -> None:
    draws = np.random.default_rng(3)
    verdicts = []
    for _ in range(150):
        # f0 at the root and below it f1 and f0: all that can go wrong in three splits
        thresholds = draws.integers(-2, 3, 3).astype(float)
        grown = tree(
            feature=[int(draws.integers(0, 2)) for _ in range(3)],
            threshold=thresholds.tolist(),
            left=[1, -1, -3],
            right=[2, -2, -4],
            leaf_value=np.sort(draws.integers(0, 4, 4)).astype(float).tolist()
            if draws.random() < 0.6
            else draws.integers(0, 4, 4).astype(float).tolist(),
        )
        grid = np.arange(-2.5, 3.0)
        values = np.array([[_value(grown, [first, second]) for first in grid] for second in grid])
        broken = bool((np.diff(values, axis=1) < 0).any())
        try:
            refuse_broken_directions([grown], features("up", "none"))
            verdicts.append((broken, False))
        except MonotoneFault:
            verdicts.append((broken, True))
    assert all(broken == refused for broken, refused in verdicts)
    assert 20 < sum(broken for broken, _ in verdicts) < 130


def _value(grown: Tree, row: list[float]) -> float:
    node = 0
    while node >= 0:
        goes_left = row[int(grown.feature[node])] < grown.threshold[node]
        node = int(grown.left[node] if goes_left else grown.right[node])
    return float(grown.leaf_value[~node])
