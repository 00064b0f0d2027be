"""Reads a condition: SQL text over catalogued columns, parsed and type-checked, becomes a typed expression."""

import operator
import unicodedata
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from math import isfinite
from typing import Any, cast, get_args

import sqlglot
from sqlglot import exp
from sqlglot.errors import ParseError, TokenError

from tallystick.strategy.columns import ColumnType, nearest
from tallystick.strategy.expressions import (
    Absolute,
    AllOf,
    AnyOf,
    Arithmetic,
    ArithmeticSign,
    Comparator,
    Comparison,
    Constant,
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
    columns_in,
    like,
)

_ALLOWED = (
    "conditions know =, <>, <, <=, >, >=, BETWEEN, IN, LIKE, IS NULL, AND, OR, NOT, + - * /, "
    "ABS, LEAST, GREATEST and COALESCE"
)


@dataclass(frozen=True, slots=True)
class ConditionFault:
    """What is wrong with a condition, and the way out."""

    problem: str
    way_out: str


class ConditionFaults(ValueError):
    """A condition cannot be used; `faults` holds everything that is wrong with it."""

    def __init__(self, faults: tuple[ConditionFault, ...]) -> None:
        self.faults = faults
        super().__init__("; ".join(f"{fault.problem}: {fault.way_out}" for fault in faults))


def parse_condition(*, text: str, columns: Mapping[str, ColumnType]) -> TruthExpression:
    """Parse one condition and check it against the columns. Raises `ConditionFaults` with all its faults.

    >>> parse_condition(text="dpd >= 30", columns={"dpd": ColumnType("whole")})
    Comparison(comparator='>=', left=NumberColumn(name='dpd'), right=Number(value=30.0))
    """
    reader = _Reader(columns)
    node = _parse(text)
    condition = reader.truth(node)
    if condition is None or reader.faults:
        raise ConditionFaults(tuple(dict.fromkeys(reader.faults)))
    return condition


@dataclass(frozen=True, slots=True)
class _Quoted:
    """A text constant; it lives only until the comparison around it is read."""

    value: str


_Operand = NumberExpression | TruthExpression | TextColumn | _Quoted
_NUMBERS = get_args(NumberExpression)
_TRUTHS = get_args(TruthExpression)

_COMPARATORS: dict[type[Any], Comparator] = {
    exp.EQ: "=",
    exp.NEQ: "<>",
    exp.LT: "<",
    exp.LTE: "<=",
    exp.GT: ">",
    exp.GTE: ">=",
}
_MIRRORED: dict[Comparator, Comparator] = {"=": "=", "<>": "<>", "<": ">", "<=": ">=", ">": "<", ">=": "<="}
_SIGNS: dict[type[Any], ArithmeticSign] = {exp.Add: "+", exp.Sub: "-", exp.Mul: "*", exp.Div: "/"}
_FOLDS: dict[ArithmeticSign, Callable[[float, float], float]] = {
    "+": operator.add,
    "-": operator.sub,
    "*": operator.mul,
    "/": operator.truediv,
}
# The parser hangs variants on extra arguments (NOT LIKE, IN a query, BETWEEN SYMMETRIC): any other than
# these refuses the node, so that no variant is ever read as its plain form.
_KNOWN_ARGUMENTS = {"this", "expression", "expressions", "low", "high", "is_string", "quoted", "negate"}
_HARMLESS_ARGUMENTS = {"ignore_nulls", "typed", "safe"}  # how an engine computes; ours is stated by us


def _parse(text: str) -> Any:
    try:
        nodes = sqlglot.parse(text, read="duckdb")
    except ParseError as error:
        detail = error.errors[0]
        problem = f"`{text}` cannot be read near `{detail['highlight']}` (character {detail['col']})"
        raise ConditionFaults((ConditionFault(problem, _spelling_hint(text)),)) from error
    except TokenError as error:
        problem = f"`{text}` cannot be read: a quote is open or a sign is unknown"
        raise ConditionFaults((ConditionFault(problem, _spelling_hint(text)),)) from error
    if len(nodes) != 1 or nodes[0] is None:
        fault = ConditionFault(f"`{text}` is not one condition", "write one condition, without semicolons")
        raise ConditionFaults((fault,))
    if any(node.comments for node in nodes[0].walk()):
        fault = ConditionFault(
            f"`{text}` holds a comment, and what follows -- would be ignored",
            "remove the comment; put a space between two minus signs",
        )
        raise ConditionFaults((fault,))
    return nodes[0]


def _wide_signs(text: str) -> str:
    """Signs that an input method or a word processor puts for the plain ones."""
    wide = [sign for sign in text if unicodedata.east_asian_width(sign) == "F" or sign in "‘’“”"]
    return f"type {' '.join(dict.fromkeys(wide))} as plain (half-width) signs" if wide else ""


def _spelling_hint(text: str) -> str:
    if hint := _wide_signs(text):
        return hint
    return "write one condition, such as months_past_due >= 1 AND segment = 'student'"


class _Reader:
    """Turns parsed nodes into typed expressions; a part that is wrong becomes None and leaves a fault."""

    __slots__ = ("columns", "faults")

    def __init__(self, columns: Mapping[str, ColumnType]) -> None:
        self.columns = columns
        self.faults: list[ConditionFault] = []

    def truth(self, node: Any) -> TruthExpression | None:
        operand = self._operand(node)
        if operand is None or isinstance(operand, _TRUTHS):
            return cast("TruthExpression | None", operand)
        self._fault(f"`{_sql(node)}` is {_kind(operand)}, not a condition", "compare it, for example with = or >")
        return None

    def number(self, node: Any) -> NumberExpression | None:
        operand = self._operand(node)
        if operand is None or isinstance(operand, _NUMBERS):
            return cast("NumberExpression | None", operand)
        self._fault(f"`{_sql(node)}` is {_kind(operand)} where a number is needed", "use a number or a numeric column")
        return None

    def _fault(self, problem: str, way_out: str) -> _Operand | None:
        """Keep a fault; the part that has it reads as None."""
        self.faults.append(ConditionFault(problem, way_out))
        return None

    def _operand(self, node: Any) -> _Operand | None:
        read = _READERS.get(type(node))
        given = {key for key, value in node.args.items() if value} - _HARMLESS_ARGUMENTS
        if isinstance(node, exp.Column) and "table" in given:
            return self._fault(f"`{_sql(node)}` names a table", f"write only the column, `{node.name}`")
        if read is None or not given <= _KNOWN_ARGUMENTS:
            return self._refused(node)
        operand = cast("_Operand | None", read(self, node))
        if node.args.get("negate"):
            return None if operand is None else Not(cast("TruthExpression", operand))
        return operand

    def _refused(self, node: Any) -> _Operand | None:
        name = node.sql_name() if isinstance(node, exp.Func) else type(node).__name__
        if isinstance(node, exp.Anonymous):
            name = str(node.this).upper()
        return self._fault(f"`{_sql(node)}` uses {name}, which conditions do not have", _ALLOWED)

    # leaves

    def _inner(self, node: Any) -> _Operand | None:
        return self._operand(node.this)

    def _column(self, node: Any) -> _Operand | None:
        name = node.name
        column_type = self.columns.get(name)
        if column_type is None:
            way_out = _wide_signs(name) or "use a column of the catalog or add it there"
            if node.this.args.get("quoted"):
                way_out += f"; a text value takes single quotes: '{name}'"
            return self._fault(f"unknown column `{name}`{nearest(name=name, among=self.columns)}", way_out)
        if column_type.kind == "text":
            return TextColumn(name)
        return TruthColumn(name) if column_type.kind == "boolean" else NumberColumn(name)

    def _literal(self, node: Any) -> _Operand | None:
        if node.is_string:
            return _Quoted(str(node.this))
        value = float(node.this)
        if not isfinite(value):
            return self._fault(f"`{node.this}` is too large a number", "use a number below 1e308")
        return Number(value)

    def _boolean(self, node: Any) -> _Operand | None:
        return Constant(bool(node.this))

    def _null(self, _: Any) -> _Operand | None:
        return self._fault("NULL is no value to compare with", "write `column IS NULL` or `IS NOT NULL`")

    # numbers

    def _negative(self, node: Any) -> _Operand | None:
        operand = self.number(node.this)
        if isinstance(operand, Number):
            return Number(-operand.value)
        return None if operand is None else Arithmetic("-", Number(0.0), operand)

    def _arithmetic(self, node: Any) -> _Operand | None:
        left, right = self.number(node.this), self.number(node.expression)
        sign = _SIGNS[type(node)]
        if left is None or right is None:
            return None
        if sign == "/" and isinstance(right, Number) and right.value == 0:
            return self._fault(f"`{_sql(node)}` divides by zero", "divide by a column or another number")
        if isinstance(left, Number) and isinstance(right, Number):
            folded = _FOLDS[sign](left.value, right.value)
            if isfinite(folded):
                return Number(folded)
            return self._fault(f"`{_sql(node)}` is too large a number", "use a number below 1e308")
        return Arithmetic(sign, left, right)

    def _absolute(self, node: Any) -> _Operand | None:
        operand = self.number(node.this)
        return None if operand is None else Absolute(operand)

    def _extreme(self, node: Any) -> _Operand | None:
        operands = [self.number(part) for part in (node.this, *node.expressions)]
        if len(operands) < 2:
            return self._fault(f"`{_sql(node)}` has one operand", "give at least two")
        known = tuple(operand for operand in operands if operand is not None)
        which = "LEAST" if isinstance(node, exp.Least) else "GREATEST"
        return Extreme(which, known) if len(known) == len(operands) else None  # type: ignore[arg-type]

    def _first_known(self, node: Any) -> _Operand | None:
        operands = [self._operand(part) for part in (node.this, *node.expressions)]
        if any(operand is None for operand in operands):
            return None
        if all(isinstance(operand, _NUMBERS) for operand in operands):
            return FirstKnown(cast("tuple[NumberExpression, ...]", tuple(operands)))
        if all(isinstance(operand, _TRUTHS) for operand in operands):
            return FirstKnownTruth(cast("tuple[TruthExpression, ...]", tuple(operands)))
        if any(isinstance(operand, TextColumn | _Quoted) for operand in operands):
            return self._fault(
                f"`{_sql(node)}`: COALESCE takes numbers or truths", "for text write (x IS NULL OR x = 'a')"
            )
        return self._fault(f"`{_sql(node)}` mixes numbers and truths", "use operands of one type")

    # comparisons

    def _comparison(self, node: Any) -> _Operand | None:
        comparator = _COMPARATORS[type(node)]
        left, right = self._operand(node.this), self._operand(node.expression)
        if left is None or right is None:
            return None
        if isinstance(left, Number | _Quoted | Constant):
            left, right, comparator = right, left, _MIRRORED[comparator]
        if isinstance(left, Number | _Quoted | Constant):
            return self._constants(node)
        if isinstance(left, _NUMBERS) and isinstance(right, _NUMBERS):
            comparison = Comparison(comparator, cast("NumberExpression", left), cast("NumberExpression", right))
            return comparison if columns_in(comparison) else self._constants(node)
        if comparator not in ("=", "<>"):
            return self._unordered(node, left, right)
        return self._equality(node, comparator, left, right)

    def _constants(self, node: Any) -> _Operand | None:
        return self._fault(f"`{_sql(node)}` compares constants only", "compare a column")

    def _equality(self, node: Any, comparator: Comparator, left: _Operand, right: _Operand) -> _Operand | None:
        same: TruthExpression | None = None
        if isinstance(left, TextColumn) and isinstance(right, _Quoted):
            same = self._text_in(left.name, [right.value])
        elif isinstance(left, TextColumn) and isinstance(right, TextColumn):
            return self._fault(f"`{_sql(node)}` compares two text columns", "compare each with listed values")
        elif isinstance(left, _TRUTHS) and isinstance(right, _TRUTHS):
            same = _same_truth(cast("TruthExpression", left), cast("TruthExpression", right))
        else:
            return self._mismatch(node, left, right)
        if same is None:
            return None
        return same if comparator == "=" else Not(same)

    def _unordered(self, node: Any, left: _Operand, right: _Operand) -> _Operand | None:
        if isinstance(left, _TRUTHS) and isinstance(right, _NUMBERS):
            return self._fault(f"`{_sql(node)}` compares a truth with a number", "for a range write x BETWEEN 1 AND 5")
        if isinstance(left, TextColumn) and isinstance(right, _Quoted | TextColumn):
            return self._fault(f"`{_sql(node)}` orders text", "texts compare with =, <>, IN and LIKE")
        return self._mismatch(node, left, right)

    def _mismatch(self, node: Any, left: _Operand, right: _Operand) -> _Operand | None:
        advice = {
            "a number": "compare it with a number, without quotes",
            "text": "compare it with text in single quotes",
            "a truth": "use it alone or with NOT",
        }[_kind(left)]
        return self._fault(f"`{_sql(node)}` compares {_kind(left)} with {_kind(right)}", advice)

    def _between(self, node: Any) -> _Operand | None:
        subject, low, high = (self.number(node.args[key]) for key in ("this", "low", "high"))
        if subject is None or low is None or high is None:
            return None
        if isinstance(low, Number) and isinstance(high, Number) and low.value > high.value:
            return self._fault(f"`{_sql(node)}` holds nothing", "write the smaller bound first")
        if not columns_in(subject):
            return self._constants(node)
        return AllOf((Comparison(">=", subject, low), Comparison("<=", subject, high)))

    def _in(self, node: Any) -> _Operand | None:
        if not node.expressions:
            return self._refused(node)
        subject = self._operand(node.this)
        options = [self._operand(option) for option in node.expressions]
        if subject is None or any(option is None for option in options):
            return None
        if isinstance(subject, TextColumn) and all(isinstance(option, _Quoted) for option in options):
            return self._text_in(subject.name, [cast("_Quoted", option).value for option in options])
        if isinstance(subject, _NUMBERS) and all(isinstance(option, _NUMBERS) for option in options):
            numeric = cast("NumberExpression", subject)
            if columns_in(numeric):
                distinct = dict.fromkeys(cast("list[NumberExpression]", options))
                return AnyOf(tuple(Comparison("=", numeric, option) for option in distinct))
        return self._fault(f"`{_sql(node)}` mixes types", "list numbers for a number, text in single quotes for text")

    def _text_in(self, column: str, values: list[str]) -> TruthExpression | None:
        allowed = self.columns[column].allowed
        strange = [value for value in values if allowed and value not in allowed]
        for value in strange:
            near = nearest(name=value, among=allowed)
            self._fault(f"`{column}` is never '{value}'{near}", f"use one of {', '.join(allowed)}")
        return None if strange else TextIn(column, tuple(sorted(set(values))))

    def _like(self, node: Any) -> _Operand | None:
        subject, pattern = self._operand(node.this), self._operand(node.expression)
        if subject is None or pattern is None:
            return None
        if not isinstance(subject, TextColumn) or not isinstance(pattern, _Quoted):
            return self._fault(f"`{_sql(node)}`: LIKE asks a text column", "write column LIKE 'abc%'")
        if "\\" in pattern.value:
            return self._fault(f"`{_sql(node)}` escapes in a pattern", "use only % and _, or list the values")
        allowed = self.columns[subject.name].allowed
        if not allowed:
            return TextLike(subject.name, pattern.value)
        matches = like(pattern.value)
        return self._text_in(subject.name, [value for value in allowed if matches(value)])

    # truths

    def _is(self, node: Any) -> _Operand | None:
        if not isinstance(node.expression, exp.Null):
            return self._fault(f"`{_sql(node)}` uses IS", "only IS NULL and IS NOT NULL; else write = or NOT")
        subject = self._operand(node.this)
        if subject is None:
            return None
        if isinstance(subject, _Quoted) or not columns_in(subject):
            return self._fault(f"`{_sql(node)}` asks about a constant", "ask about a column")
        return IsMissing(subject)

    def _not(self, node: Any) -> _Operand | None:
        operand = self.truth(node.this)
        return None if operand is None else Not(operand)

    def _joined(self, node: Any) -> _Operand | None:
        operands = [self.truth(part) for part in node.flatten()]
        known = tuple(operand for operand in operands if operand is not None)
        if len(known) < len(operands):
            return None
        return AllOf(known) if isinstance(node, exp.And) else AnyOf(known)


_READERS: dict[type[Any], Callable[[_Reader, Any], Any]] = {
    exp.Paren: _Reader._inner,
    exp.Column: _Reader._column,
    exp.Literal: _Reader._literal,
    exp.Boolean: _Reader._boolean,
    exp.Null: _Reader._null,
    exp.Neg: _Reader._negative,
    **dict.fromkeys(_SIGNS, _Reader._arithmetic),
    exp.Abs: _Reader._absolute,
    exp.Least: _Reader._extreme,
    exp.Greatest: _Reader._extreme,
    exp.Coalesce: _Reader._first_known,
    **dict.fromkeys(_COMPARATORS, _Reader._comparison),
    exp.Between: _Reader._between,
    exp.In: _Reader._in,
    exp.Like: _Reader._like,
    exp.Is: _Reader._is,
    exp.Not: _Reader._not,
    exp.And: _Reader._joined,
    exp.Or: _Reader._joined,
}


def _same_truth(left: TruthExpression, right: TruthExpression) -> TruthExpression:
    if isinstance(right, Constant):
        return left if right.value else Not(left)
    return AnyOf((AllOf((left, right)), AllOf((Not(left), Not(right)))))


def _kind(operand: _Operand) -> str:
    if isinstance(operand, _NUMBERS):
        return "a number"
    return "text" if isinstance(operand, TextColumn | _Quoted) else "a truth"


def _sql(node: Any) -> str:
    return str(node.sql(dialect="duckdb"))
