"""Writes typed expressions back as SQL for another engine, with the same meaning for missing values."""

from collections.abc import Callable, Sequence
from functools import reduce
from typing import Any

from sqlglot import exp

from tallystick.strategy.expressions import (
    Absolute,
    AllOf,
    AnyOf,
    Arithmetic,
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
)

_COMPARISONS: dict[str, Any] = {
    "<": exp.LT,
    "<=": exp.LTE,
    ">": exp.GT,
    ">=": exp.GTE,
    "=": exp.EQ,
    "<>": exp.NEQ,
}
# These need no parentheses around them.
_CLOSED = (exp.Column, exp.Cast, exp.Boolean, exp.Abs, exp.Coalesce, exp.Nullif, exp.Case)
_ARITHMETIC: dict[str, Any] = {"+": exp.Add, "-": exp.Sub, "*": exp.Mul}


def render(*, expression: Expression, dialect: str) -> str:
    """One expression as SQL. Numbers are cast to double, so 7/2 is 3.5 on every engine.

    A missing number must be NULL in the engine's table, not NaN.

    >>> render(expression=Comparison(">", NumberColumn("age_years"), Number(18)), dialect="duckdb")
    'CAST(age_years AS DOUBLE) > CAST(18 AS DOUBLE)'
    """
    return str(syntax(expression).sql(dialect=dialect))


def syntax(expression: Expression) -> Any:
    """One expression as a sqlglot tree."""
    match expression:
        case Number() | NumberColumn() | Arithmetic() | Absolute() | Extreme() | FirstKnown():
            return _number(expression)
        case TextColumn(name=name):
            return _column(name)
        case _:
            return _truth(expression)


def _number(expression: NumberExpression) -> Any:
    match expression:
        case Number(value=value):
            return _double(exp.Literal.number(repr(value)))
        case NumberColumn(name=name):
            return _double(_column(name))
        case Arithmetic(sign=sign, left=left, right=right):
            divisor = _number(right) if sign != "/" or isinstance(right, Number) else _unless_zero(right)
            return _arithmetic(sign, _number(left), divisor)
        case Absolute(operand=operand):
            return exp.Abs(this=_number(operand))
        case Extreme(which=which, operands=operands):
            return _extreme(which, [_number(operand) for operand in operands])
        case FirstKnown(operands=operands):
            return _coalesced(operands)


def _truth(expression: TruthExpression) -> Any:
    match expression:
        case Constant(value=value):
            return exp.Boolean(this=value)
        case TruthColumn(name=name):
            return _column(name)
        case Comparison(comparator=comparator, left=left, right=right):
            return _COMPARISONS[comparator](this=_inner(left), expression=_inner(right))
        case TextIn() | TextLike():
            return _text_test(expression)
        case IsMissing(operand=operand):
            return exp.Is(this=_inner(operand), expression=exp.Null())
        case Not(operand=operand):
            return exp.Not(this=_inner(operand))
        case AllOf(operands=operands):
            return _joined(exp.And, operands)
        case AnyOf(operands=operands):
            return _joined(exp.Or, operands)
        case FirstKnownTruth(operands=operands):
            return _coalesced(operands)


def _text_test(test: TextIn | TextLike) -> Any:
    column = _column(test.column)
    if isinstance(test, TextLike):
        return exp.Like(this=column, expression=exp.Literal.string(test.pattern))
    if not test.values:
        # a closed list may leave a pattern no value at all: false, and unknown where the text is missing
        return exp.NEQ(this=column, expression=column.copy())
    return exp.In(this=column, expressions=[exp.Literal.string(value) for value in test.values])


def _coalesced(operands: Sequence[Expression]) -> Any:
    first, *others = (syntax(operand) for operand in operands)
    return exp.Coalesce(this=first, expressions=others)


def _inner(expression: Expression) -> Any:
    tree = syntax(expression)
    return tree if isinstance(tree, _CLOSED) else exp.paren(tree, copy=False)


def _joined(connective: Callable[..., Any], operands: tuple[Any, ...]) -> Any:
    trees = [_inner(operand) for operand in operands]
    return reduce(lambda left, right: connective(this=left, expression=right), trees)


def _arithmetic(sign: str, left: Any, right: Any) -> Any:
    left, right = (tree if isinstance(tree, _CLOSED) else exp.paren(tree, copy=False) for tree in (left, right))
    if sign == "/":
        return exp.Div(this=left, expression=right, typed=False, safe=False)
    return _ARITHMETIC[sign](this=left, expression=right)


def _unless_zero(divisor: NumberExpression) -> Any:
    return exp.Nullif(this=_number(divisor), expression=_number(Number(0.0)))


def _extreme(which: str, operands: list[Any]) -> Any:
    """Engines skip nulls in LEAST and GREATEST; a table must not, so a missing operand is asked for first."""
    first, *others = operands
    function = exp.Least if which == "LEAST" else exp.Greatest
    chosen = function(this=first, expressions=others, ignore_nulls=True)
    missing = [exp.Is(this=exp.paren(operand), expression=exp.Null()) for operand in operands]
    return exp.Case(ifs=[exp.If(this=exp.or_(*missing), true=exp.Null())], default=chosen)


def _column(name: str) -> Any:
    return exp.column(name)


def _double(tree: Any) -> Any:
    return exp.cast(tree, "DOUBLE")
