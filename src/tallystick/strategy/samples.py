"""Cases drawn near the boundaries that conditions name: evidence where expressions leave no exact proof."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from tallystick.strategy.cells import Dimension
from tallystick.strategy.columns import ColumnType, Frame
from tallystick.strategy.expressions import TextLike, TruthExpression, columns_in, walk
from tallystick.strategy.matching import Matcher

_CASES = 32_768
_SEED = 20_180_921  # any will do; fixed, so that the same table gives the same report

Case = Mapping[str, float | str | bool | None]


def first_samples(
    *,
    conditions: Sequence[TruthExpression],
    dimensions: Sequence[Dimension],
    columns: Mapping[str, ColumnType],
    missing_row: int | None,
) -> dict[int, Case]:
    """For each row that some sampled case reaches, the first such case."""
    names = list(dict.fromkeys(name for condition in conditions for name in columns_in(condition)))
    frame = _sampled(names, conditions=conditions, dimensions=dimensions, columns=columns)
    rows, _ = Matcher.of(conditions=conditions, missing_row=missing_row).match(frame)
    reached, first = np.unique(rows, return_index=True)
    return {
        int(row): {name: frame.value(name=name, row=int(case)) for name in names}
        for row, case in zip(reached, first, strict=True)
    }


def _sampled(
    names: Sequence[str],
    *,
    conditions: Sequence[TruthExpression],
    dimensions: Sequence[Dimension],
    columns: Mapping[str, ColumnType],
) -> Frame:
    generator = np.random.default_rng(_SEED)
    figures = _figures(dimensions)
    cells: dict[str, npt.NDArray[Any]] = {}
    vocabularies: dict[str, tuple[str, ...]] = {}
    for name in names:
        column_type = columns[name]
        missing = 1 if column_type.may_be_missing else 0
        if column_type.kind == "text":
            vocabularies[name] = _words(name, column_type, conditions=conditions, dimensions=dimensions)
            codes = generator.integers(-missing, len(vocabularies[name]), _CASES)
            cells[name] = codes.astype(np.int32)
        elif column_type.kind == "boolean":
            cells[name] = generator.integers(-missing, 2, _CASES).astype(np.int8)
        else:
            cells[name] = generator.choice(_candidates(figures, column_type), _CASES)
    with_missing = frozenset(name for name in names if columns[name].may_be_missing)
    return Frame(_CASES, cells, vocabularies, with_missing)


def _figures(dimensions: Sequence[Dimension]) -> npt.NDArray[np.float64]:
    """Every figure that the conditions name, its neighbors, and plain figures of both signs and many sizes."""
    named = [
        cell.value
        for dimension in dimensions
        for cell in dimension.cells
        if isinstance(cell.value, float | int) and np.isfinite(cell.value)
    ]
    points = np.array([0.0, *named])
    sizes = 10.0 ** np.arange(-2, 10)
    return np.concatenate([points, points + 1, points - 1, sizes, -sizes, 3 * sizes])


def _candidates(figures: npt.NDArray[np.float64], column_type: ColumnType) -> npt.NDArray[np.float64]:
    lowest, highest = column_type.bounds()
    inside = figures[(figures >= lowest) & (figures <= highest)]
    ends = [end for end in (lowest, highest) if abs(end) < 1e15]
    candidates = np.concatenate([inside, ends, [lowest] if inside.size == 0 else []])
    if column_type.kind == "whole":
        candidates = np.floor(candidates)
    missing = [np.nan] if column_type.may_be_missing else []
    return np.concatenate([np.unique(candidates), missing])


def _words(
    name: str,
    column_type: ColumnType,
    *,
    conditions: Sequence[TruthExpression],
    dimensions: Sequence[Dimension],
) -> tuple[str, ...]:
    if column_type.allowed:
        return column_type.allowed
    words = [
        cell.value
        for dimension in dimensions
        for cell in dimension.cells
        if columns_in(dimension.subject) == (name,) and isinstance(cell.value, str)
    ]
    patterns = [
        node.pattern
        for condition in conditions
        for node in walk(condition)
        if isinstance(node, TextLike) and node.column == name
    ]
    fitting = [pattern.replace("%", run).replace("_", "x") for pattern in patterns for run in ("", "yz")]
    return tuple(dict.fromkeys([*words, *fitting, "other"]))
