"""Typed expressions: what a condition means once its SQL text has been parsed and checked.

Number expressions yield float64 or missing; truth expressions yield true, false or unknown (Kleene).
BETWEEN, NOT IN, IS NOT NULL and lists of numbers are written with fewer forms before they arrive here.
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Literal

Comparator = Literal["<", "<=", ">", ">=", "=", "<>"]
ArithmeticSign = Literal["+", "-", "*", "/"]


@dataclass(frozen=True, slots=True)
class Number:
    """A constant."""

    value: float


@dataclass(frozen=True, slots=True)
class NumberColumn:
    """A column of numbers, whole or not."""

    name: str


@dataclass(frozen=True, slots=True)
class Arithmetic:
    """`left sign right` in float64: missing if either side is, and for a division by zero.

    A constant divisor is never zero: the parser refuses that.
    """

    sign: ArithmeticSign
    left: "NumberExpression"
    right: "NumberExpression"


@dataclass(frozen=True, slots=True)
class Absolute:
    """ABS."""

    operand: "NumberExpression"


@dataclass(frozen=True, slots=True)
class Extreme:
    """LEAST or GREATEST. Missing if any operand is: engines that skip nulls would hide what is not known."""

    which: Literal["LEAST", "GREATEST"]
    operands: tuple["NumberExpression", ...]


@dataclass(frozen=True, slots=True)
class FirstKnown:
    """COALESCE of numbers."""

    operands: tuple["NumberExpression", ...]


@dataclass(frozen=True, slots=True)
class TextColumn:
    """A column of text; it appears only under `IsMissing`, for texts are tested, never computed."""

    name: str


@dataclass(frozen=True, slots=True)
class Constant:
    """TRUE or FALSE."""

    value: bool


@dataclass(frozen=True, slots=True)
class TruthColumn:
    """A boolean column."""

    name: str


@dataclass(frozen=True, slots=True)
class Comparison:
    """`left comparator right` between numbers: unknown if either side is missing."""

    comparator: Comparator
    left: "NumberExpression"
    right: "NumberExpression"


@dataclass(frozen=True, slots=True)
class TextIn:
    """Whether a text column holds one of some values (sorted, no duplicates)."""

    column: str
    values: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class TextLike:
    """Whether a text column matches a LIKE pattern: `%` any run of characters, `_` exactly one."""

    column: str
    pattern: str


@dataclass(frozen=True, slots=True)
class IsMissing:
    """IS NULL: true or false, never unknown."""

    operand: "Expression"


@dataclass(frozen=True, slots=True)
class Not:
    """Unknown stays unknown."""

    operand: "TruthExpression"


@dataclass(frozen=True, slots=True)
class AllOf:
    """AND: false if any operand is false, else unknown if any is unknown."""

    operands: tuple["TruthExpression", ...]


@dataclass(frozen=True, slots=True)
class AnyOf:
    """OR: true if any operand is true, else unknown if any is unknown."""

    operands: tuple["TruthExpression", ...]


@dataclass(frozen=True, slots=True)
class FirstKnownTruth:
    """COALESCE of truths."""

    operands: tuple["TruthExpression", ...]


NumberExpression = Number | NumberColumn | Arithmetic | Absolute | Extreme | FirstKnown
TruthExpression = (
    Constant | TruthColumn | Comparison | TextIn | TextLike | IsMissing | Not | AllOf | AnyOf | FirstKnownTruth
)
Expression = NumberExpression | TruthExpression | TextColumn


def parts(expression: Expression) -> tuple[Expression, ...]:
    """The expressions directly below one."""
    match expression:
        case Arithmetic(left=left, right=right) | Comparison(left=left, right=right):
            return (left, right)
        case Absolute(operand=operand) | IsMissing(operand=operand) | Not(operand=operand):
            return (operand,)
        case (
            Extreme(operands=operands)
            | FirstKnown(operands=operands)
            | AllOf(operands=operands)
            | AnyOf(operands=operands)
            | FirstKnownTruth(operands=operands)
        ):
            return operands
        case _:
            return ()


def walk(expression: Expression) -> Iterator[Expression]:
    """An expression and everything below it, in reading order."""
    yield expression
    for part in parts(expression):
        yield from walk(part)


def columns_in(expression: Expression) -> tuple[str, ...]:
    """The columns that an expression reads, in reading order.

    >>> columns_in(Comparison("<", NumberColumn("pd_ppm"), Number(5000)))
    ('pd_ppm',)
    """
    names: dict[str, None] = {}
    for node in walk(expression):
        match node:
            case NumberColumn(name=name) | TextColumn(name=name) | TruthColumn(name=name):
                names[name] = None
            case TextIn(column=name) | TextLike(column=name):
                names[name] = None
    return tuple(names)


def divides(expression: Expression) -> bool:
    """Whether an expression can go missing although every column is known: it divides by what may be zero."""
    return any(
        isinstance(node, Arithmetic) and node.sign == "/" and not isinstance(node.right, Number)
        for node in walk(expression)
    )


def needs_missing(condition: Expression) -> frozenset[str] | None:
    """The columns of which one must be missing for a condition to be anything but false; None: it needs none to be.

    >>> late, score = IsMissing(NumberColumn("late")), IsMissing(NumberColumn("score"))
    >>> sorted(needs_missing(AnyOf((late, AllOf((score, TruthColumn("is_night")))))))
    ['late', 'score']
    >>> needs_missing(AnyOf((late, TruthColumn("is_night")))) is None
    True
    """
    match condition:
        case IsMissing(operand=NumberColumn(name=name) | TextColumn(name=name) | TruthColumn(name=name)):
            return frozenset((name,))
        case AllOf(operands=operands):
            return next((needed for needed in map(needs_missing, operands) if needed is not None), None)
        case AnyOf(operands=operands):
            each = [needs_missing(operand) for operand in operands]
            known = [needed for needed in each if needed is not None]
            return frozenset().union(*known) if len(known) == len(each) else None
    return None


def like(pattern: str) -> Callable[[str], bool]:
    """The test of a LIKE pattern: `%` any run of characters, `_` exactly one.

    >>> like("shop_%")("shop42"), like("shop_%")("shop")
    (True, False)
    """
    parts = {"%": ".*", "_": "."}
    expression = re.compile("".join(parts.get(sign, re.escape(sign)) for sign in pattern), re.DOTALL)
    return lambda text: expression.fullmatch(text) is not None
