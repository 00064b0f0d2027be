"""XGBoost's own JSON format: read its trees, and write several boosters as the one that is their average."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from tallystick.scoring.trees import Tree


def averaged_json(texts: Sequence[bytes]) -> bytes:
    """One model whose margin is the mean of the given ones': all their trees, each leaf divided by K.

    All were trained on the same rows with the same base score. Leaves are single precision, as XGBoost's are.
    """
    models = [json.loads(text) for text in texts]
    trees = [tree for model in models for tree in _gbtree(model)["trees"]]
    for number, tree in enumerate(trees):
        tree["id"] = number
        _divide_leaves(tree, len(models))
    merged = models[0]
    _gbtree(merged).update(
        trees=trees,
        tree_info=[0] * len(trees),
        iteration_indptr=list(range(len(trees) + 1)),
        gbtree_model_param={"num_parallel_tree": "1", "num_trees": str(len(trees))},
    )
    return json.dumps(merged, separators=(",", ":"), sort_keys=True, allow_nan=False).encode()


def trees_of(text: bytes) -> tuple[Tree, ...]:
    """The trees of a model file."""
    return tuple(_tree(tree) for tree in _gbtree(json.loads(text))["trees"])


def _gbtree(model: Mapping[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = model["learner"]["gradient_booster"]["model"]
    return found


def _divide_leaves(tree: dict[str, Any], boosters: int) -> None:
    if boosters == 1:
        return
    for field in ("split_conditions", "base_weights"):
        tree[field] = [
            float(str(np.float32(value / boosters))) if left == -1 else value
            for value, left in zip(tree[field], tree["left_children"], strict=True)
        ]


def _tree(tree: Mapping[str, Any]) -> Tree:
    left, right = np.array(tree["left_children"]), np.array(tree["right_children"])
    is_leaf = left == -1
    # nodes are splits and leaves in one list: number each kind by itself, leaves as ~number
    place = np.where(is_leaf, ~(np.cumsum(is_leaf) - 1), np.cumsum(~is_leaf) - 1)
    splits = ~is_leaf
    values = np.array(tree["split_conditions"], dtype=np.float64)
    return Tree(
        feature=np.array(tree["split_indices"], dtype=np.int64)[splits],
        threshold=values[splits],
        left=place[left[splits]],
        right=place[right[splits]],
        missing_left=np.array(tree["default_left"], dtype=np.int64)[splits],
        categories=_categories(tree, np.flatnonzero(splits).tolist()),
        listed_side="right",
        leaf_value=values[is_leaf],
    )


def _categories(tree: Mapping[str, Any], splits: Sequence[int]) -> tuple[tuple[int, ...] | None, ...]:
    spans = zip(tree["categories_nodes"], tree["categories_segments"], tree["categories_sizes"], strict=True)
    listed = {node: tuple(tree["categories"][start : start + size]) for node, start, size in spans}
    return tuple(listed.get(node) for node in splits)
