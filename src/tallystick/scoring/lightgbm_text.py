"""LightGBM's own text format: read its trees, and write several boosters as the one that is their average."""

from collections.abc import Mapping, Sequence

import numpy as np

from tallystick.scoring.trees import Tree

_SCALED = ("leaf_value", "internal_value")
_CATEGORY_BIT, _MISSING_LEFT_BIT, _MISSING_TYPE_SHIFT, _MISSING_IS_NAN = 1, 2, 2, 2


def averaged_text(texts: Sequence[str]) -> str:
    """One model text whose raw score is the mean of the given ones': all their trees, each leaf divided by K.

    All were trained on the same features. Training parameters and importances are left out: they do not score,
    and the parameters name the number of threads. Each float is written so that it reads back as itself.
    """
    header = _header_lines(texts[0])
    blocks = [block for text in texts for block in _tree_blocks(text)]
    trees = [_tree_text(number, block, len(texts)) for number, block in enumerate(blocks)]
    sizes = " ".join(str(len(tree.encode())) for tree in trees)
    lines = [f"tree_sizes={sizes}" if line.startswith("tree_sizes=") else line for line in header]
    return "\n".join(lines) + "\n\n" + "".join(trees) + "end of trees\n"


def trees_of(text: str) -> tuple[Tree, ...]:
    """The trees of a model text."""
    return tuple(_tree(dict(line.split("=", 1) for line in block)) for block in _tree_blocks(text))


def _header_lines(text: str) -> list[str]:
    return text[: text.index("\nTree=0\n")].strip().split("\n")


def _tree_blocks(text: str) -> list[list[str]]:
    body = text[text.index("\nTree=0\n") : text.index("\nend of trees")]
    return [block.strip().split("\n")[1:] for block in body.split("\nTree=")[1:]]


def _tree_text(number: int, lines: Sequence[str], boosters: int) -> str:
    scaled = [_scaled_line(line, boosters) for line in lines]
    return "\n".join([f"Tree={number}", *scaled]) + "\n\n\n"


def _scaled_line(line: str, boosters: int) -> str:
    name, _, values = line.partition("=")
    if boosters == 1 or name not in _SCALED or not values:
        return line
    return f"{name}={' '.join(repr(float(value) / boosters) for value in values.split())}"


def _tree(fields: Mapping[str, str]) -> Tree:
    decisions = _whole(fields, "decision_type")
    is_category = (decisions & _CATEGORY_BIT) > 0
    meets_missing = ((decisions >> _MISSING_TYPE_SHIFT) & 3) == _MISSING_IS_NAN
    missing_left = np.where((decisions & _MISSING_LEFT_BIT) > 0, 1, 0)
    missing_left = np.where(is_category, 0, np.where(meets_missing, missing_left, -1))
    thresholds = np.array(fields.get("threshold", "").split(), dtype=np.float64)
    return Tree(
        feature=_whole(fields, "split_feature"),
        threshold=thresholds,
        left=_whole(fields, "left_child"),
        right=_whole(fields, "right_child"),
        missing_left=missing_left,
        categories=_categories(fields, is_category.tolist(), thresholds.tolist()),
        listed_side="left",
        leaf_value=np.array(fields["leaf_value"].split(), dtype=np.float64),
    )


def _categories(
    fields: Mapping[str, str], is_category: Sequence[bool], thresholds: Sequence[float]
) -> tuple[tuple[int, ...] | None, ...]:
    """A category's threshold is a place in `cat_boundaries`, which cuts `cat_threshold`: words of 32 codes as bits."""
    bounds, words = _whole(fields, "cat_boundaries").tolist(), _whole(fields, "cat_threshold").tolist()
    codes: list[tuple[int, ...] | None] = []
    for is_one, threshold in zip(is_category, thresholds, strict=True):
        if not is_one:
            codes.append(None)
            continue
        part = words[bounds[int(threshold)] : bounds[int(threshold) + 1]]
        bits = (32 * place + bit for place, word in enumerate(part) for bit in range(32) if word >> bit & 1)
        codes.append(tuple(bits))
    return tuple(codes)


def _whole(fields: Mapping[str, str], name: str) -> "np.ndarray[tuple[int], np.dtype[np.int64]]":
    return np.array(fields.get(name, "").split(), dtype=np.int64)
