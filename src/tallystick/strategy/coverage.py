"""Proves which rows of a decision table can be reached, and finds the cases that only its last row takes.

Each column's domain is cut at the constants used into points, open intervals and missing; within such a cell
no condition changes. A search over sets of cells splits only where a row's truth depends on it, so it is
exact without listing every combination. Arithmetic and open LIKE patterns become free values of their own:
that may call a row reachable that is not, never the reverse, and such a row counts as reached only if a
sampled case reaches it.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Literal

from tallystick.strategy.cells import (
    FALSE,
    TRUE,
    UNKNOWN,
    Atom,
    Box,
    Dimension,
    Formula,
    cut,
    formula,
)
from tallystick.strategy.columns import ColumnType
from tallystick.strategy.expressions import (
    Expression,
    FirstKnown,
    IsMissing,
    NumberColumn,
    TextColumn,
    TextLike,
    TruthColumn,
    TruthExpression,
    columns_in,
    parts,
    walk,
)
from tallystick.strategy.samples import first_samples
from tallystick.strategy.wording import describe

Reach = Literal["reached", "dead", "unproven"]
Case = Mapping[str, float | str | bool | None]

_LARGEST_STEPS = 20_000  # of one search; real tables need some hundreds
_LARGEST_UNCOVERED = 12
_LARGEST_UNREAL = 64  # boxes that an expression leaves in doubt, before samples are asked instead


@dataclass(frozen=True, slots=True)
class RowReach:
    """Whether a row can be reached: an example that reaches it, or the earlier rows that leave it nothing.

    A dead row without `shadowed_by` contradicts itself. Columns absent from the example may hold anything.
    """

    row: int
    reach: Reach
    example: Case | None = None
    shadowed_by: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Coverage:
    """What was proven about a table. `exact`: every row is reached or dead, none is unproven.

    `uncovered` describes cases that only the last row takes (the first few, if `uncovered_is_complete` is
    false). `falls_through` names (column, row) where a case with only that column missing leaves the row
    unknown and ends at the last row.
    """

    rows: tuple[RowReach, ...]
    uncovered: tuple[str, ...]
    uncovered_is_complete: bool
    falls_through: tuple[tuple[str, int], ...]

    @property
    def exact(self) -> bool:
        return all(row.reach != "unproven" for row in self.rows)

    @property
    def dead(self) -> tuple[RowReach, ...]:
        """The rows that no case reaches."""
        return tuple(row for row in self.rows if row.reach == "dead")


def cover(
    *, conditions: Sequence[TruthExpression], columns: Mapping[str, ColumnType], missing_row: int | None
) -> Coverage:
    """Prove what a table covers. The last condition must be TRUE; rows count from 0.

    With `missing_row`, a case for which a row's condition is unknown goes to that row at once; without, it
    goes on to the next row.
    """
    dimensions = cut(conditions=conditions, columns=columns)
    formulas = [formula(condition=condition, dimensions=dimensions) for condition in conditions]
    search = _Search(dimensions, formulas, missing_row)
    rows = [search.reach(row) for row in range(len(conditions))]
    doubtful = [row.row for row in rows if row.reach == "unproven"]
    if doubtful:
        found = first_samples(conditions=conditions, dimensions=dimensions, columns=columns, missing_row=missing_row)
        for row in doubtful:
            if row in found:
                rows[row] = RowReach(row, "reached", example=found[row])
    uncovered, complete = search.uncovered()
    read = [columns_in(condition) for condition in conditions]
    falls = [
        (name, row)
        for row in range(len(conditions))
        for name in read[row]
        if columns[name].may_be_missing and search.falls_through(name, row)
    ]
    return Coverage(tuple(rows), uncovered, complete, tuple(falls))


def missing_slips(
    *, conditions: Sequence[TruthExpression], columns: Mapping[str, ColumnType], ends: Sequence[Collection[int]]
) -> tuple[tuple[str, int, int], ...]:
    """Where a missing value gets a case past a row in silence: (column, the row it leaves unknown, where it ends).

    `ends` are, for each row, those further down where its cases may not end unasked: a slip is a case that does, where
    the end asks `IS NULL` of nothing that the row reads. What cannot be excluded counts as a slip. For tables whose
    unknown conditions go on to the next row.
    """
    dimensions = cut(conditions=conditions, columns=columns)
    search = _Search(dimensions, [formula(condition=each, dimensions=dimensions) for each in conditions], None)
    asked = [_asked_for_missing(condition) for condition in conditions]
    slips = []
    for row, condition in enumerate(conditions):
        read = columns_in(condition)
        unasked = [end for end in ends[row] if end > row and not asked[end] & set(read)]
        for name in _read_by_value(condition):
            if not columns[name].may_be_missing:
                continue
            slips += [(name, row, end) for end in unasked if search.slips(name, row, end)][:1]
    return tuple(slips)


def _read_by_value(expression: Expression) -> tuple[str, ...]:
    """The columns whose missing value can leave a condition unknown: those not only asked whether they are missing."""
    if isinstance(expression, IsMissing):
        return ()
    below = tuple(name for part in parts(expression) for name in _read_by_value(part))
    return tuple(dict.fromkeys(below)) if parts(expression) else columns_in(expression)


def _asked_for_missing(condition: TruthExpression) -> set[str]:
    return {name for node in walk(condition) if isinstance(node, IsMissing) for name in columns_in(node)}


class _OutOfSteps(Exception):
    """A search was given up."""


@dataclass(frozen=True, slots=True)
class _Demand:
    """That a row's condition has one of some truths."""

    row: int
    formula: Formula
    truths: int


@dataclass(slots=True)
class _Walk:
    """The state of one search: steps left, and the rows whose demands could not be met somewhere."""

    steps: int = _LARGEST_STEPS
    unmet: set[int] = field(default_factory=set)


class _Search:
    """Looks for boxes of cases that meet demands on the rows of one table."""

    def __init__(self, dimensions: Sequence[Dimension], formulas: Sequence[Formula], missing_row: int | None) -> None:
        self._dimensions = dimensions
        self._formulas = formulas
        self._missing_row = missing_row
        self._passing = FALSE if missing_row is not None else FALSE | UNKNOWN
        self._everything: Box = tuple(dimension.everything for dimension in dimensions)

    def reach(self, row: int) -> RowReach:
        walk = _Walk()
        doubtful = False
        for demands in self._ways_to(row):
            try:
                for box in islice(self._boxes(demands, self._everything, walk), _LARGEST_UNREAL):
                    if self._is_real(box):
                        return RowReach(row, "reached", example=self._example(box))
                    doubtful = True
            except _OutOfSteps:
                doubtful = True
        if doubtful:
            return RowReach(row, "unproven")
        return RowReach(row, "dead", shadowed_by=tuple(sorted(walk.unmet - {row})))

    def uncovered(self) -> tuple[tuple[str, ...], bool]:
        texts: list[str] = []
        try:
            for box in self._boxes(self._reaching(len(self._formulas) - 1), self._everything, _Walk()):
                if len(texts) == _LARGEST_UNCOVERED:
                    return tuple(texts), False
                texts.append(self._described(box))
        except _OutOfSteps:
            return tuple(texts), False
        return tuple(texts), True

    def falls_through(self, column: str, row: int) -> bool:
        """Whether a case with only this column missing leaves the row unknown and ends at the last row."""
        last = len(self._formulas) - 1
        demands = [*self._reaching(last), _Demand(row, self._formulas[row], UNKNOWN)]
        start = tuple(self._only_missing(dimension, column) for dimension in self._dimensions)
        try:
            return any(True for _ in self._boxes(demands, start, _Walk()))
        except _OutOfSteps:
            return True  # not excluded: say so rather than be silent

    def slips(self, column: str, row: int, end: int) -> bool:
        """Whether a case with this column missing, others as they like, leaves a row unknown and ends at another."""
        demands = [*self._reaching(end), _Demand(row, self._formulas[row], UNKNOWN)]
        start = tuple(
            dimension.everything & ~dimension.known if _is_missing_with(dimension.subject, column) else everything
            for dimension, everything in zip(self._dimensions, self._everything, strict=True)
        )
        try:
            return any(True for _ in self._boxes(demands, start, _Walk()))
        except _OutOfSteps:
            return True

    def _ways_to(self, row: int) -> Iterator[list[_Demand]]:
        yield self._reaching(row)
        if row == self._missing_row:
            for other in range(len(self._formulas) - 1):
                yield [*self._before(other), _Demand(other, self._formulas[other], UNKNOWN)]

    def _reaching(self, row: int) -> list[_Demand]:
        return [_Demand(row, self._formulas[row], TRUE), *self._before(row)]

    def _before(self, row: int) -> list[_Demand]:
        return [_Demand(place, self._formulas[place], self._passing) for place in range(row)]

    def _boxes(self, demands: Iterable[_Demand], box: Box, walk: _Walk) -> Iterator[Box]:
        """The disjoint boxes in which every case meets every demand."""
        walk.steps -= 1
        if walk.steps < 0:
            raise _OutOfSteps
        undecided: list[_Demand] = []
        for demand in demands:
            possible = demand.formula.possible(box)
            if not possible & demand.truths:
                walk.unmet.add(demand.row)
                return
            if possible & ~demand.truths:
                undecided.append(demand)
        if not undecided:
            yield box
            return
        atom = self._open_atom(undecided, box)
        for cells in (atom.true, atom.false, atom.unknown):
            narrowed = box[atom.dimension] & cells
            if narrowed:
                smaller = (*box[: atom.dimension], narrowed, *box[atom.dimension + 1 :])
                yield from self._boxes(undecided, smaller, walk)

    def _open_atom(self, undecided: Sequence[_Demand], box: Box) -> Atom:
        """The atom to split on: on a column before an expression, for its cells are real."""
        open_atoms = [
            atom for demand in undecided for atom in demand.formula.atoms if atom.possible(box).bit_count() > 1
        ]
        real = (atom for atom in open_atoms if self._dimensions[atom.dimension].is_column)
        return next(real, open_atoms[0])

    def _is_real(self, box: Box) -> bool:
        """Whether the box leaves every expression free, so that some case certainly lies in it."""
        return all(
            dimension.is_column or cells == dimension.everything
            for dimension, cells in zip(self._dimensions, box, strict=True)
        )

    def _example(self, box: Box) -> Case:
        return {
            columns_in(dimension.subject)[0]: _first_value(dimension, cells)
            for dimension, cells in zip(self._dimensions, box, strict=True)
            if dimension.is_column and cells != dimension.everything
        }

    def _only_missing(self, dimension: Dimension, column: str) -> int:
        if column not in columns_in(dimension.subject):
            return dimension.known
        if dimension.is_column:
            return dimension.everything & ~dimension.known
        return dimension.everything

    def _described(self, box: Box) -> str:
        texts = [
            describe(dimension=dimension, cells=cells)
            for dimension, cells in zip(self._dimensions, box, strict=True)
            if cells != dimension.everything
        ]
        return " AND ".join(texts) or "every case"


def _is_missing_with(expression: Expression, column: str) -> bool:
    """Whether an expression is missing wherever a column is: all but COALESCE carry a missing value on."""
    if isinstance(expression, FirstKnown):
        return all(_is_missing_with(operand, column) for operand in expression.operands)
    if isinstance(expression, NumberColumn | TextColumn | TruthColumn):
        return expression.name == column
    if isinstance(expression, TextLike):
        return expression.column == column
    return any(_is_missing_with(part, column) for part in parts(expression))


def _first_value(dimension: Dimension, cells: int) -> float | str | bool | None:
    return next(cell.value for place, cell in enumerate(dimension.cells) if cells >> place & 1)
