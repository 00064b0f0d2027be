"""The smallest change of one figure that would have given a better outcome: found on the tables, proven by deciding.

Along one figure, all else as it is, the outcome changes only where a condition does. Those places are solved for, the
values at and beside each are decided again in one batch, and the nearest that does better is the answer. What counts
as near: the change over the larger of both values, so that half and double are alike; a mark that flips counts as a
whole. Of figures that are equally near the one declared first is named.

Conditions that are not linear in the figure (it multiplies or divides itself) give no places of their own, so an
answer may then be missed; a wrong one cannot be told.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import product
from math import floor, inf, isfinite
from typing import Any, Final

import numpy as np
import pyarrow as pa

from tallystick.scoring.model import Columns
from tallystick.strategy.case_columns import CASE_COLUMNS, CaseColumn
from tallystick.strategy.checkpoint import AFFORDABLE, Checkpoint
from tallystick.strategy.columns import Frame
from tallystick.strategy.expressions import (
    Absolute,
    Arithmetic,
    Comparison,
    Extreme,
    FirstKnown,
    Number,
    NumberColumn,
    NumberExpression,
    walk,
)
from tallystick.strategy.tables import one_case
from tallystick.units.rates import PPM

Value = float | bool
# What an expression comes to: a constant, plus a slope times what the figure moves by.
_Linear = tuple[float, float]
_Met = list[tuple[list[Comparison], dict[str, Any]]]
_LARGEST_PIECES: Final = 4_096  # of one expression: told figures times one another


@dataclass(frozen=True, slots=True)
class SmallestChange:
    """A figure, its value, the nearest value with a better outcome, and that outcome.

    `scores_held` names the scores that were left as they are: with another figure a model might have told another.
    """

    figure: str
    zh: str
    en: str
    present: Value
    wanted: Value
    outcome: str
    scores_held: tuple[str, ...]


def smallest_change(checkpoint: Checkpoint, columns: Columns, *, index: int) -> SmallestChange | None:
    """The smallest change of one figure of a case (counted from 0) that alters its outcome to a better one, or None.

    Figures are those of the case that are marked `may_change`, where no feature that the tables read is made of them.
    """
    frame = checkpoint.framed(one_case(columns, index))
    case: dict[str, Any] = {name: frame.value(name=name, row=0) for name in checkpoint.case_types}
    ranks = {outcome: rank for rank, outcome in enumerate(checkpoint.outcomes)}
    present = str(checkpoint.decide(pa.Table.from_pylist([case])).outcome[0])
    if ranks[present] == 0:
        return None
    steps = _as_steps_met_it(checkpoint, frame)
    changes = [
        (figure, value, changed)
        for figure in _figures(checkpoint)
        for value in _candidates(checkpoint, case, figure, steps)
        if (changed := _changed(checkpoint, case, figure, value)) is not None
    ]
    if not changes:
        return None
    outcomes = checkpoint.decide(pa.Table.from_pylist([changed for _, _, changed in changes])).outcome
    better = [
        (_distance(case[figure.name], value), place)
        for place, ((figure, value, _), outcome) in enumerate(zip(changes, outcomes, strict=True))
        if ranks[outcome] < ranks[present]
    ]
    if not better:
        return None
    _, place = min(better)
    figure, value, _ = changes[place]
    held = tuple(name for name in checkpoint.scores if case.get(name) is not None)
    return SmallestChange(
        figure.name, figure.zh, figure.en, case[figure.name], value, str(outcomes[place]), scores_held=held
    )


def _as_steps_met_it(checkpoint: Checkpoint, frame: Frame) -> _Met:
    """The comparisons of each step's conditions, and the values of the one case as the step read them.

    A figure that an earlier step tells has all the values that it may tell: along the way it may tell another.
    """
    met: _Met = []
    told: dict[str, list[float]] = {}
    for step, before, _, _ in checkpoint.walk(frame, request_ids=None):
        values: dict[str, Any] = {name: before.value(name=name, row=0) for name in before.cells}
        if checkpoint.affordability is not None and values[AFFORDABLE] is not None:
            multiple = checkpoint.affordability.income_multiple_ppm / PPM  # before it is cut to whole minor units
            values[AFFORDABLE] = values["income_month_minor"] * multiple - values["joint_limit_minor"]
        nodes = [node for row in step.table.rows for node in walk(row.condition) if isinstance(node, Comparison)]
        met.append((nodes, values | told))
        told |= {name: list(set(column.by_row.tolist())) for name, column in step.tells.items()}
    return met


def _figures(checkpoint: Checkpoint) -> Iterator[CaseColumn]:
    for figure in CASE_COLUMNS[checkpoint.name]:
        if figure.may_change and figure.name in checkpoint.case_types and figure.name not in checkpoint.inside_features:
            yield figure


def _changed(
    checkpoint: Checkpoint, case: Mapping[str, Any], figure: CaseColumn, value: Value
) -> dict[str, Any] | None:
    """The case with another value of a figure and what moves with it; None where that cannot be."""
    changed = {**case, figure.name: value}
    for name, sign in figure.moves.items():
        if name in case:
            changed[name] = case[name] + sign * (value - case[figure.name])
            lowest, highest = checkpoint.case_types[name].bounds()
            if not lowest <= changed[name] <= highest:
                return None
    return changed


def _distance(present: Value, wanted: Value) -> float:
    if isinstance(present, bool):
        return 1.0
    return abs(wanted - present) / max(abs(wanted), abs(present))


# candidates


def _candidates(checkpoint: Checkpoint, case: Mapping[str, Any], figure: CaseColumn, steps: _Met) -> list[Value]:
    """The other values of a figure that are worth deciding: at and beside every place where a condition changes."""
    present = case[figure.name]
    if present is None:
        return []
    if figure.type.kind == "boolean":
        return [not present]
    slopes = {figure.name: 1.0, **{name: float(sign) for name, sign in figure.moves.items()}}
    if checkpoint.affordability is not None:
        multiple = checkpoint.affordability.income_multiple_ppm / PPM
        slopes |= {AFFORDABLE: {"income_month_minor": multiple, "joint_limit_minor": -1.0}.get(figure.name, 0.0)}
    values: set[float] = set()
    for moved in (move for nodes, met in steps for node in nodes for move in _meetings(node, met, slopes)):
        root = present + moved
        if figure.type.kind == "whole":
            values |= {float(floor(root)) + step for step in (-1, 0, 1, 2)}
        else:
            values |= {root, float(np.nextafter(root, -inf)), float(np.nextafter(root, inf))}
    lowest, highest = figure.type.bounds()
    return sorted(value for value in values if lowest <= value <= highest and value != present)


def _meetings(comparison: Comparison, values: Mapping[str, Any], slopes: Mapping[str, float]) -> Iterator[float]:
    """By how much a figure must move for the two sides of a comparison to meet."""
    left, right = (_pieces(side, values, slopes) for side in (comparison.left, comparison.right))
    for (constant, slope), (other_constant, other_slope) in product(left, right):
        if slope != other_slope:
            moved = (other_constant - constant) / (slope - other_slope)
            if isfinite(moved):
                yield moved


def _pieces(expression: NumberExpression, values: Mapping[str, Any], slopes: Mapping[str, float]) -> list[_Linear]:
    """The linear pieces that an expression is made of as the figure moves; none where it is missing or not linear."""
    match expression:
        case Number(value=value):
            return [(value, 0.0)]
        case NumberColumn(name=name):
            present = values.get(name)
            if isinstance(present, list):
                return [(told, 0.0) for told in present]
            return [] if present is None else [(float(present), slopes.get(name, 0.0))]
        case Absolute(operand=operand):
            inner = _pieces(operand, values, slopes)
            return [*inner, *((-constant, -slope) for constant, slope in inner)]
        case Extreme(operands=operands) | FirstKnown(operands=operands):
            return [piece for operand in operands for piece in _pieces(operand, values, slopes)]
        case Arithmetic(sign=sign, left=left, right=right):
            pairs = product(_pieces(left, values, slopes), _pieces(right, values, slopes))
            joined = [_joined(sign, one, other) for one, other in pairs]
            return [piece for piece in joined if piece is not None][:_LARGEST_PIECES]


def _joined(sign: str, left: _Linear, right: _Linear) -> _Linear | None:
    match sign:
        case "+":
            return left[0] + right[0], left[1] + right[1]
        case "-":
            return left[0] - right[0], left[1] - right[1]
        case "*" if left[1] == 0.0 or right[1] == 0.0:
            return left[0] * right[0], left[0] * right[1] + left[1] * right[0]
        case "/" if right[1] == 0.0 and right[0] != 0.0:
            return left[0] / right[0], left[1] / right[0]
    return None
