"""Puts sets of cells back into words: the condition that holds for exactly those cases."""

from collections.abc import Iterator

from tallystick.strategy.cells import Cell, Dimension
from tallystick.strategy.expressions import (
    Absolute,
    Arithmetic,
    Expression,
    Extreme,
    FirstKnown,
    Number,
    NumberColumn,
    TextColumn,
    TextLike,
    TruthColumn,
)
from tallystick.strategy.rendering import render


def describe(*, dimension: Dimension, cells: int) -> str:
    """The condition under which a dimension is in a set of its cells, as SQL that a reader knows.

    >>> from tallystick.strategy.columns import ColumnType
    >>> from tallystick.strategy.expressions import Comparison
    >>> from tallystick.strategy.cells import cut
    >>> condition = Comparison(">=", NumberColumn("dpd"), Number(30))
    >>> (dpd,) = cut(conditions=[condition], columns={"dpd": ColumnType("whole", lowest=0, highest=999)})
    >>> describe(dimension=dpd, cells=dpd.where(lambda cell: cell.value is None or cell.value >= 30))
    '(dpd >= 30 OR dpd IS NULL)'
    """
    name = _name(dimension)
    known = cells & dimension.known
    if known == dimension.known:
        return f"{name} IS NOT NULL" if cells == known else f"{name} is anything"
    texts = list(_known_cells(name, dimension, known))
    if cells != known:
        texts.append(f"{name} IS NULL")
    return texts[0] if len(texts) == 1 else f"({' OR '.join(texts)})"


def _name(dimension: Dimension) -> str:
    subject = dimension.subject
    if isinstance(subject, NumberColumn | TextColumn | TruthColumn):
        return subject.name
    if isinstance(subject, TextLike):
        return f"({subject.column} LIKE '{subject.pattern}')"
    return f"({plain(subject)})"


def plain(expression: Expression) -> str:
    """An expression as an officer would write it, without the casts of an engine.

    >>> plain(Arithmetic("/", NumberColumn("income_minor"), Number(12)))
    'income_minor / 12'
    """
    match expression:
        case Number(value=value):
            return f"{value:.15g}"
        case NumberColumn(name=name):
            return name
        case Arithmetic(sign=sign, left=left, right=right):
            return f"{_enclosed(left)} {sign} {_enclosed(right)}"
        case Absolute(operand=operand):
            return f"ABS({plain(operand)})"
        case Extreme(which=name, operands=operands):
            return f"{name}({', '.join(map(plain, operands))})"
        case FirstKnown(operands=operands):
            return f"COALESCE({', '.join(map(plain, operands))})"
        case _:
            return render(expression=expression, dialect="duckdb")


def _enclosed(expression: Expression) -> str:
    text = plain(expression)
    return f"({text})" if isinstance(expression, Arithmetic) else text


def _known_cells(name: str, dimension: Dimension, cells: int) -> Iterator[str]:
    chosen = [(cell, bool(cells >> place & 1)) for place, cell in enumerate(dimension.cells)]
    match dimension.subject:
        case TruthColumn() | TextLike():
            yield from (name if cell.value else f"NOT {name}" for cell, is_in in chosen if is_in)
        case TextColumn():
            words = [f"'{cell.value}'" for cell, is_in in chosen if is_in]
            if words:
                yield f"{name} = {words[0]}" if len(words) == 1 else f"{name} IN ({', '.join(words)})"
        case _:
            numbers = [(cell, is_in) for cell, is_in in chosen if cell.value is not None]
            yield from (_interval(name, run, numbers[0][0], numbers[-1][0]) for run in _runs(numbers))


def _runs(cells: list[tuple[Cell, bool]]) -> Iterator[list[Cell]]:
    run: list[Cell] = []
    for cell, is_in in cells:
        if is_in:
            run.append(cell)
        elif run:
            yield run
            run = []
    if run:
        yield run


def _interval(name: str, run: list[Cell], lowest: Cell, highest: Cell) -> str:
    """A run of neighboring cells; an end of the whole domain goes unsaid."""
    first, last = run[0], run[-1]
    if first.low == last.high:
        return f"{name} = {first.low:.15g}"
    bounds = []
    if first is not lowest:
        bounds.append(f"{name} {'>=' if first.low == first.high else '>'} {first.low:.15g}")
    if last is not highest:
        bounds.append(f"{name} {'<=' if last.low == last.high else '<'} {last.high:.15g}")
    return " AND ".join(bounds)
