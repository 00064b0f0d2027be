"""Compiles truth expressions to NumPy: two functions per condition, where it is true and where it is false.

Where neither holds, the condition is unknown. A comparison with NaN is neither less, equal nor greater, so
missing numbers are unknown by themselves, with no masks to carry.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import reduce
from typing import Any, assert_never

import numpy as np
import numpy.typing as npt

from tallystick.strategy.columns import Frame, Mask
from tallystick.strategy.expressions import (
    Absolute,
    AllOf,
    AnyOf,
    Arithmetic,
    Comparator,
    Comparison,
    Constant,
    Expression,
    Extreme,
    FirstKnown,
    FirstKnownTruth,
    IsMissing,
    Not,
    Number,
    NumberColumn,
    NumberExpression,
    TextColumn,
    TextIn,
    TextLike,
    TruthColumn,
    TruthExpression,
    like,
)

Floats = npt.NDArray[np.float64]
Where = Callable[[Frame], Mask]
Numbers = Callable[[Frame], Any]  # Floats, or one float for a constant


@dataclass(frozen=True, slots=True)
class Compiled:
    """Where a condition is true and where it is false, masks of shape (rows,). Never both; neither: unknown."""

    true: Where
    false: Where


def compile_condition(condition: TruthExpression) -> Compiled:
    """Compile a condition once; run it on any frame that holds its columns."""
    match condition:
        case Constant(value=value):
            return _constant(value)
        case TruthColumn(name=name):
            return Compiled(lambda f: f.cells[name] == 1, lambda f: f.cells[name] == 0)
        case Comparison(comparator=comparator, left=left, right=right):
            return _comparison(comparator, _numbers(left), _numbers(right))
        case TextIn(column=column, values=values):
            return _text_test(condition, column, frozenset(values).__contains__)
        case TextLike(column=column, pattern=pattern):
            return _text_test(condition, column, like(pattern))
        case IsMissing(operand=operand):
            return _is_missing(operand)
        case Not(operand=operand):
            inner = compile_condition(operand)
            return Compiled(true=inner.false, false=inner.true)
        case AllOf(operands=operands):
            compiled = [compile_condition(operand) for operand in operands]
            return Compiled(_every([c.true for c in compiled]), _some([c.false for c in compiled]))
        case AnyOf(operands=operands):
            compiled = [compile_condition(operand) for operand in operands]
            return Compiled(_some([c.true for c in compiled]), _every([c.false for c in compiled]))
        case FirstKnownTruth(operands=operands):
            return reduce(_or_else, [compile_condition(operand) for operand in operands])
        case _:
            assert_never(condition)


def _constant(value: bool) -> Compiled:  # noqa: FBT001  the value itself, not a switch
    def everywhere(frame: Frame) -> Mask:
        return np.ones(frame.rows, dtype=np.bool_)

    def nowhere(frame: Frame) -> Mask:
        return np.zeros(frame.rows, dtype=np.bool_)

    return Compiled(everywhere, nowhere) if value else Compiled(nowhere, everywhere)


def _comparison(comparator: Comparator, left: Numbers, right: Numbers) -> Compiled:
    match comparator:
        case "<":
            return Compiled(lambda f: left(f) < right(f), lambda f: left(f) >= right(f))
        case "<=":
            return Compiled(lambda f: left(f) <= right(f), lambda f: left(f) > right(f))
        case ">":
            return Compiled(lambda f: left(f) > right(f), lambda f: left(f) <= right(f))
        case ">=":
            return Compiled(lambda f: left(f) >= right(f), lambda f: left(f) < right(f))
        case "=":
            return Compiled(lambda f: left(f) == right(f), _apart(left, right))
        case "<>":
            return Compiled(_apart(left, right), lambda f: left(f) == right(f))


def _apart(left: Numbers, right: Numbers) -> Where:
    def apart(frame: Frame) -> Mask:
        one, other = left(frame), right(frame)
        return np.asarray((one < other) | (one > other))  # `!=` would be true of NaN

    return apart


def _text_test(key: TextIn | TextLike, column: str, holds: Callable[[str], bool]) -> Compiled:
    def fails(word: str) -> bool:
        return not holds(word)

    def true(frame: Frame) -> Mask:
        return frame.lookup(key=(key, True), column=column, holds=holds)[frame.cells[column]]

    def false(frame: Frame) -> Mask:
        return frame.lookup(key=(key, False), column=column, holds=fails)[frame.cells[column]]

    return Compiled(true, false)


def _is_missing(operand: Expression) -> Compiled:
    if isinstance(operand, TextColumn):
        name = operand.name
        return Compiled(lambda f: f.cells[name] < 0, lambda f: f.cells[name] >= 0)
    if isinstance(operand, Number | NumberColumn | Arithmetic | Absolute | Extreme | FirstKnown):
        numbers = _numbers(operand)
        return Compiled(lambda f: np.isnan(numbers(f)), lambda f: ~np.isnan(numbers(f)))
    inner = compile_condition(operand)
    return Compiled(lambda f: ~(inner.true(f) | inner.false(f)), lambda f: inner.true(f) | inner.false(f))


def _or_else(first: Compiled, second: Compiled) -> Compiled:
    return Compiled(
        true=lambda f: first.true(f) | (~first.false(f) & second.true(f)),
        false=lambda f: first.false(f) | (~first.true(f) & second.false(f)),
    )


def _every(masks: Sequence[Where]) -> Where:
    first, *others = masks

    def every(frame: Frame) -> Mask:
        mask = first(frame)
        for other in others:
            mask = mask & other(frame)
        return mask

    return every


def _some(masks: Sequence[Where]) -> Where:
    first, *others = masks

    def some(frame: Frame) -> Mask:
        mask = first(frame)
        for other in others:
            mask = mask | other(frame)
        return mask

    return some


def _numbers(expression: NumberExpression) -> Numbers:
    match expression:
        case Number(value=value):
            constant = np.float64(value)
            return lambda _: constant
        case NumberColumn(name=name):
            return lambda f: f.cells[name]
        case Arithmetic(sign=sign, left=left, right=right):
            return _arithmetic(sign, _numbers(left), _numbers(right))
        case Absolute(operand=operand):
            inner = _numbers(operand)
            return lambda f: np.abs(inner(f))
        case Extreme(which=which, operands=operands):
            # both carry NaN through: an operand that is missing makes the whole missing
            return _folded(np.minimum if which == "LEAST" else np.maximum, operands)
        case FirstKnown(operands=operands):
            return _folded(lambda one, other: np.where(np.isnan(one), other, one), operands)
        case _:
            assert_never(expression)


def _folded(function: Callable[[Any, Any], Any], operands: Sequence[NumberExpression]) -> Numbers:
    compiled = [_numbers(operand) for operand in operands]
    return lambda frame: reduce(function, [numbers(frame) for numbers in compiled])


def _arithmetic(sign: str, left: Numbers, right: Numbers) -> Numbers:
    match sign:
        case "+":
            return lambda f: left(f) + right(f)
        case "-":
            return lambda f: left(f) - right(f)
        case "*":
            return lambda f: left(f) * right(f)
        case _:
            return lambda f: _quotient(left(f), right(f))


def _quotient(dividend: Any, divisor: Any) -> Any:
    return np.divide(dividend, np.where(divisor == 0, np.nan, divisor))
