"""Decision trees as plain arrays, and the exact proof that a tree keeps a declared direction."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from tallystick.scoring.model import Direction, Floats, ModelFeature, MonotoneFault

Places = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Tree:
    """One tree. Child c >= 0 is the split c, c < 0 is the leaf ~c; split 0 is the root, unless there is none.

    Splits stand before their children. What is below its threshold goes to the left of a split; where a split
    is on a category, the codes in `categories` go to `listed_side` and all others to the other side (None for a
    split on a number). `missing_left` is 1 where a missing value goes left, 0 right, and -1 where the split never
    meets one.
    """

    feature: Places
    threshold: Floats
    left: Places
    right: Places
    missing_left: Places
    categories: tuple[tuple[int, ...] | None, ...]
    listed_side: Literal["left", "right"]
    leaf_value: Floats


def refuse_broken_directions(trees: Sequence[Tree], features: Sequence[ModelFeature]) -> None:
    """Raise `MonotoneFault` naming every feature whose declared direction some tree breaks, and where.

    Exact for each tree: it is monotone in a feature if and only if, of any two leaves whose regions meet in all
    other features, the one higher in this feature is not valued against the direction. A sum of monotone trees
    is monotone. A missing value has no place in the order, so a direction says nothing about it.
    """
    faults: dict[str, str] = {}
    for number, tree in enumerate(trees):
        used = np.unique(tree.feature)
        declared = {
            place: features[place]
            for place in used.tolist()
            if features[place].direction in ("up", "down") and features[place].name not in faults
        }
        if not declared:
            continue
        regions = _Regions.of(tree, used)
        for place, feature in declared.items():
            pair = regions.broken_pair(place=place, direction=feature.direction, leaf_value=tree.leaf_value)
            if pair is not None:
                faults[feature.name] = f"{feature.name} is declared {feature.direction}: tree {number} {pair}"
    if faults:
        raise MonotoneFault("; ".join(faults.values()))


@dataclass(frozen=True, slots=True)
class _Regions:
    """Where each leaf of a tree lies: `low` and `high` bound it per used feature, shape (leaves, used).

    `meets` says of each two leaves whether they share values of a feature, shape (leaves, leaves, used).
    """

    used: Places
    low: Floats
    high: Floats
    meets: Flags

    @staticmethod
    def of(tree: Tree, used: Places) -> "_Regions":
        shape = (len(tree.leaf_value), len(used))
        low, high = np.full(shape, -np.inf), np.full(shape, np.inf)
        missing = np.ones(shape, dtype=np.bool_)
        codes = _all_codes(tree)
        below_left, below_right = _leaves_below(tree)
        for split, column in enumerate(np.searchsorted(used, tree.feature).tolist()):
            left, right = below_left[split], below_right[split]
            missing[left, column] &= tree.missing_left[split] == 1
            missing[right, column] &= tree.missing_left[split] == 0
            categories = tree.categories[split]
            if categories is None:
                threshold = tree.threshold[split]
                high[left, column] = np.minimum(high[left, column], threshold)
                low[right, column] = np.maximum(low[right, column], threshold)
            else:
                listed = np.isin(np.arange(codes[column].shape[1]), categories)
                goes_left = listed if tree.listed_side == "left" else ~listed
                codes[column][left] &= goes_left
                codes[column][right] &= ~goes_left
        meets = (low[:, None] < high[None]) & (low[None] < high[:, None])
        for column, leaf_codes in codes.items():
            meets[:, :, column] = (leaf_codes.astype(np.int64) @ leaf_codes.T.astype(np.int64)) > 0
        return _Regions(used=used, low=low, high=high, meets=meets | (missing[:, None] & missing[None]))

    def broken_pair(self, *, place: int, direction: Direction, leaf_value: Floats) -> str | None:
        """Two leaves that show the tree to break the direction, in words, or None."""
        column = int(np.searchsorted(self.used, place))
        low, high = self.low[:, column], self.high[:, column]
        elsewhere = np.delete(self.meets, column, axis=2).all(axis=2)
        real = low < high
        ordered = (high[:, None] <= low[None]) & real[:, None] & real[None]
        rising = leaf_value if direction == "up" else -leaf_value
        broken = np.argwhere(elsewhere & ordered & (rising[:, None] > rising[None]))
        if not len(broken):
            return None
        first, second = broken[0].tolist()
        return (
            f"gives {leaf_value[first]:.6g} below {high[first]:.6g}, {leaf_value[second]:.6g} above {low[second]:.6g}"
        )


def _all_codes(tree: Tree) -> dict[int, Flags]:
    """Per column of a category: which codes reach each leaf, at first all; the last stands for any not listed."""
    used = np.unique(tree.feature)
    highest: dict[int, int] = {}
    for place, categories in zip(tree.feature.tolist(), tree.categories, strict=True):
        if categories is not None:
            column = int(np.searchsorted(used, place))
            highest[column] = max(highest.get(column, 0), *categories, 0)
    return {column: np.ones((len(tree.leaf_value), high + 2), dtype=np.bool_) for column, high in highest.items()}


def _leaves_below(tree: Tree) -> tuple[Flags, Flags]:
    """Which leaves hang on the left and on the right of each split, each of shape (splits, leaves)."""
    splits, leaves = len(tree.feature), len(tree.leaf_value)
    below = np.zeros((2, splits, leaves), dtype=np.bool_)
    for split in reversed(range(splits)):
        for side, child in enumerate((int(tree.left[split]), int(tree.right[split]))):
            if child < 0:
                below[side, split, ~child] = True
            else:
                assert child > split, "a split stands before its children"
                below[side, split] = below[0, child] | below[1, child]
    return below[0], below[1]
