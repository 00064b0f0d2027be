"""Cuts the domain of what conditions ask about into cells within which no condition changes its truth."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from math import ceil, floor, inf
from operator import eq, ge, gt, le, lt, ne

from tallystick.strategy.columns import ColumnType
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
    columns_in,
    walk,
)

# A set of truths as bits: what a condition may still be, given what is known of a case.
TRUE, FALSE, UNKNOWN = 1, 2, 4

# One set of cells per dimension, each as bits: all the cases whose cells are in these sets.
Box = tuple[int, ...]

_TESTS: dict[Comparator, Callable[[float, float], bool]] = {
    "<": lt,
    "<=": le,
    ">": gt,
    ">=": ge,
    "=": eq,
    "<>": ne,
}


@dataclass(frozen=True, slots=True)
class Cell:
    """A part of a domain: a value that stands for it (None: missing) and, for numbers, its two ends.

    Equal ends are a point; others an open interval between them.
    """

    value: float | str | bool | None
    low: float = 0.0
    high: float = 0.0


@dataclass(frozen=True, slots=True)
class Dimension:
    """What conditions ask about, a column or an expression, with its domain cut into cells.

    `subject` is a column exactly if its cells are what real cases hold (`is_column`): the cells of an
    expression or of an open pattern are free values, tied to no column.
    """

    subject: Expression
    cells: tuple[Cell, ...]

    @property
    def is_column(self) -> bool:
        return isinstance(self.subject, NumberColumn | TruthColumn | TextColumn)

    @property
    def everything(self) -> int:
        """The set of all its cells."""
        return (1 << len(self.cells)) - 1

    def where(self, test: Callable[[Cell], bool]) -> int:
        """The set of its cells that pass a test."""
        return sum(1 << place for place, cell in enumerate(self.cells) if test(cell))

    @property
    def known(self) -> int:
        """The set of its cells that are not missing."""
        return self.where(lambda cell: cell.value is not None)


@dataclass(frozen=True, slots=True)
class Atom:
    """A condition on one dimension: the sets of cells where it is true, false and unknown."""

    dimension: int
    true: int
    false: int
    unknown: int

    def possible(self, box: Box) -> int:
        """The truths it may have in a box."""
        cells = box[self.dimension]
        return (
            (TRUE if cells & self.true else 0)
            | (FALSE if cells & self.false else 0)
            | (UNKNOWN if cells & self.unknown else 0)
        )


@dataclass(frozen=True, slots=True)
class Formula:
    """A condition over dimensions: the truths it may have in a box, and the atoms that it is made of."""

    possible: Callable[[Box], int]
    atoms: tuple[Atom, ...]


def cut(*, conditions: Iterable[TruthExpression], columns: Mapping[str, ColumnType]) -> tuple[Dimension, ...]:
    """The dimensions that conditions ask about, each cut at the constants that they use.

    >>> condition = Comparison(">=", NumberColumn("dpd"), Number(30))
    >>> (dpd,) = cut(conditions=[condition], columns={"dpd": ColumnType("whole", lowest=0, highest=999)})
    >>> [cell.value for cell in dpd.cells]
    [0.0, 1, 30.0, 31, 999.0, None]
    """
    constants: dict[Expression, set[float | str]] = {}
    for condition in conditions:
        for node in walk(condition):
            match node:
                case Comparison():
                    subject, _, bound = _against_constant(node)
                    constants.setdefault(subject, set()).add(bound)
                case TextIn(column=column, values=values):
                    constants.setdefault(TextColumn(column), set()).update(values)
                case TruthColumn() | TextLike():
                    constants.setdefault(node, set())
                case IsMissing(operand=operand) if not _is_truth(operand):
                    constants.setdefault(operand, set())
    return tuple(Dimension(subject, _cells(subject, used=used, columns=columns)) for subject, used in constants.items())


def formula(*, condition: TruthExpression, dimensions: Sequence[Dimension]) -> Formula:
    """A condition as a formula over dimensions that were cut for it."""
    match condition:
        case Constant(value=value):
            truth = TRUE if value else FALSE
            return Formula(lambda _: truth, ())
        case Comparison():
            return _comparison(condition, dimensions)
        case TruthColumn() | TextLike():
            return _atom(condition, dimensions, lambda cell: bool(cell.value))
        case TextIn(column=column, values=values):
            return _atom(TextColumn(column), dimensions, lambda cell: cell.value in values)
        case IsMissing(operand=operand):
            return _is_missing(operand, dimensions)
        case Not(operand=operand):
            inner = formula(condition=operand, dimensions=dimensions)
            return Formula(lambda box: _not(inner.possible(box)), inner.atoms)
        case AllOf(operands=operands):
            return _joined(operands, dimensions, _and)
        case AnyOf(operands=operands):
            return _joined(operands, dimensions, _or)
        case FirstKnownTruth(operands=operands):
            return _joined(operands, dimensions, _or_else)


def _against_constant(comparison: Comparison) -> tuple[NumberExpression, Comparator, float]:
    """Any comparison as one with a constant: `a < b` asks whether a - b is below zero."""
    left, right = comparison.left, comparison.right
    if isinstance(right, Number):
        return left, comparison.comparator, right.value
    return Arithmetic("-", left, right), comparison.comparator, 0.0


def _is_truth(expression: Expression) -> bool:
    numbers = Number | NumberColumn | Arithmetic | Absolute | Extreme | FirstKnown
    return not isinstance(expression, numbers | TextColumn)


# cells


def _cells(subject: Expression, *, used: set[float | str], columns: Mapping[str, ColumnType]) -> tuple[Cell, ...]:
    missing = (Cell(None),) if _may_be_missing(subject, columns) else ()
    match subject:
        case TextColumn(name=name):
            words = columns[name].allowed or (*sorted(map(str, used)), _other_than(used))
            return (*map(Cell, words), *missing)
        case TruthColumn() | TextLike():
            return (*map(Cell, (True, False)), *missing)
        case NumberColumn(name=name):
            ends = columns[name].bounds()
            whole = columns[name].kind == "whole"
            return (*_number_cells(used, ends=ends, first_inside=_whole if whole else _real), *missing)
        case _:
            return (*_number_cells(used, ends=(-inf, inf), first_inside=_real), *missing)


def _other_than(words: set[float | str]) -> str:
    other = "other"
    while other in words:
        other += "_"
    return other


def _number_cells(
    used: set[float | str],
    *,
    ends: tuple[float, float],
    first_inside: Callable[[float, float], float | None],
) -> list[Cell]:
    lowest, highest = ends
    points = sorted({lowest, highest, *(float(cut) for cut in used if lowest <= float(cut) <= highest)})
    cells: list[Cell] = []
    for place, point in enumerate(points):
        if place:
            inside = first_inside(points[place - 1], point)
            if inside is not None:
                cells.append(Cell(inside, points[place - 1], point))
        if first_inside is _real or point == floor(point):
            cells.append(Cell(point, point, point))
    return cells


def _whole(low: float, high: float) -> float | None:
    """The whole number strictly between two ends that is nearest to one of them, low first."""
    first, last = floor(low) + 1, ceil(high) - 1
    return None if first > last else first if abs(low) <= abs(high) else last


def _real(low: float, high: float) -> float | None:
    """A plain number strictly between two ends; None where floats have none."""
    for candidate in (0.0, low + 1, high - 1, low + (high - low) / 2, low / 2 + high / 2):
        if low < candidate < high:
            return candidate
    return None


def _may_be_missing(expression: Expression, columns: Mapping[str, ColumnType]) -> bool:
    match expression:
        case Arithmetic(sign="/", left=left, right=Number()):
            return _may_be_missing(left, columns)
        case Arithmetic(sign="/"):
            return True
        case FirstKnown(operands=operands):
            return all(_may_be_missing(operand, columns) for operand in operands)
        case Arithmetic(left=left, right=right):
            return _may_be_missing(left, columns) or _may_be_missing(right, columns)
        case Extreme(operands=operands):
            return any(_may_be_missing(operand, columns) for operand in operands)
        case Absolute(operand=operand):
            return _may_be_missing(operand, columns)
        case _:
            return any(columns[name].may_be_missing for name in columns_in(expression))


# formulas


def _atom(subject: Expression, dimensions: Sequence[Dimension], holds: Callable[[Cell], bool]) -> Formula:
    place = next(i for i, dimension in enumerate(dimensions) if dimension.subject == subject)
    dimension = dimensions[place]
    true = dimension.where(lambda cell: cell.value is not None and holds(cell))
    false = dimension.where(lambda cell: cell.value is not None and not holds(cell))
    atom = Atom(place, true, false, dimension.everything & ~(true | false))
    return Formula(atom.possible, (atom,))


def _comparison(comparison: Comparison, dimensions: Sequence[Dimension]) -> Formula:
    subject, comparator, bound = _against_constant(comparison)
    test = _TESTS[comparator]
    return _atom(subject, dimensions, lambda cell: test(cell.value, bound))  # type: ignore[arg-type]


def _is_missing(operand: Expression, dimensions: Sequence[Dimension]) -> Formula:
    if isinstance(operand, Number | NumberColumn | Arithmetic | Absolute | Extreme | FirstKnown | TextColumn):
        place = next(i for i, dimension in enumerate(dimensions) if dimension.subject == operand)
        known = dimensions[place].known
        atom = Atom(place, true=dimensions[place].everything & ~known, false=known, unknown=0)
        return Formula(atom.possible, (atom,))
    inner = formula(condition=operand, dimensions=dimensions)

    def possible(box: Box) -> int:
        truths = inner.possible(box)
        return (TRUE if truths & UNKNOWN else 0) | (FALSE if truths & (TRUE | FALSE) else 0)

    return Formula(possible, inner.atoms)


def _joined(
    operands: Sequence[TruthExpression],
    dimensions: Sequence[Dimension],
    connective: Callable[[int, int], int],
) -> Formula:
    formulas = [formula(condition=operand, dimensions=dimensions) for operand in operands]

    def possible(box: Box) -> int:
        truths = formulas[0].possible(box)
        for other in formulas[1:]:
            truths = connective(truths, other.possible(box))
        return truths

    return Formula(possible, tuple(dict.fromkeys(atom for part in formulas for atom in part.atoms)))


def _not(truths: int) -> int:
    return (truths & UNKNOWN) | (TRUE if truths & FALSE else 0) | (FALSE if truths & TRUE else 0)


def _and(one: int, other: int) -> int:
    """Kleene AND of two sets of truths: false if one is false, else unknown if one is unknown."""
    both = one & other & TRUE
    either = (one | other) & FALSE
    unknown = (one & UNKNOWN and other & (TRUE | UNKNOWN)) or (other & UNKNOWN and one & (TRUE | UNKNOWN))
    return both | either | (UNKNOWN if unknown else 0)


def _or(one: int, other: int) -> int:
    return _not(_and(_not(one), _not(other)))


def _or_else(one: int, other: int) -> int:
    """COALESCE of two sets of truths: the other where the one is unknown."""
    return (one & (TRUE | FALSE)) | (other if one & UNKNOWN else 0)
