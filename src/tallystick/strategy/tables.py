"""Decision tables: policy that a credit officer edits in a spreadsheet, compiled to run on columns.

The form, with a worked example, is docs/decision-tables.md.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from sqlglot import exp

from tallystick.scoring.model import Columns
from tallystick.strategy.columns import ColumnType, Frame, read_columns
from tallystick.strategy.coverage import Coverage, RowReach, cover
from tallystick.strategy.declarations import (
    NEXT_ROW,
    TableDeclaration,
    TableFault,
    TableFaults,
    read_declaration,
)
from tallystick.strategy.expressions import columns_in
from tallystick.strategy.matching import Counts, Matcher, Rows
from tallystick.strategy.rendering import syntax
from tallystick.strategy.sheets import Sheet, SheetRow, read_sheet

__all__ = [
    "ColumnType",
    "DecisionTable",
    "TableDecisions",
    "TableDeclaration",
    "TableFault",
    "TableFaults",
    "TraceStep",
    "compile_table",
    "read_declaration",
]

_DTYPES = {"text": object, "whole": np.int64, "number": np.float64, "boolean": np.bool_}


@dataclass(frozen=True, slots=True)
class TableDecisions:
    """What a table decided. `row` (cases,) counts the table's rows from 0; `outputs` and `reason` (cases,).

    `unknown` has one entry per row of the table: how many cases met it with its condition unknown.
    """

    row: Rows
    outputs: Mapping[str, npt.NDArray[Any]]
    reason: npt.NDArray[np.object_]
    unknown: Counts


@dataclass(frozen=True, slots=True)
class TraceStep:
    """One row as one case met it: what its condition read, and its truth (None: unknown)."""

    row_id: str
    when: str
    read: Mapping[str, float | str | bool | None]
    truth: bool | None


@dataclass(frozen=True, slots=True)
class DecisionTable:
    """A compiled table: the same call decides one case and a million. Make one with `compile_table`."""

    name: str
    rows: tuple[SheetRow, ...]
    reasons: Mapping[str, tuple[str, str]]  # code -> Chinese, English
    coverage: Coverage
    _types: Mapping[str, ColumnType]
    _matcher: Matcher
    _outputs: Mapping[str, npt.NDArray[Any]]
    _codes: npt.NDArray[np.object_]

    @property
    def columns_read(self) -> tuple[str, ...]:
        """The columns that its conditions read, in reading order; a caller needs to give no others."""
        return tuple(self._types)

    @property
    def column_types(self) -> Mapping[str, ColumnType]:
        """The columns that its conditions read, with their types."""
        return self._types

    @property
    def row_outputs(self) -> Mapping[str, npt.NDArray[Any]]:
        """What each row gives, by output; shape (rows,)."""
        return self._outputs

    @property
    def on_missing(self) -> str | None:
        """The id of the row that decides at once where a condition is unknown; None: the next row is asked."""
        return None if self._matcher.missing_row is None else self.rows[self._matcher.missing_row].id

    def match(self, frame: Frame) -> Rows:
        """The row of each case of a frame that holds at least the columns it reads."""
        return self._matcher.rows(frame)

    def decide(self, columns: Columns) -> TableDecisions:
        """Take each case to the first row whose condition is true for it.

        Raises `ColumnFault` naming every column that is absent, of the wrong type or out of its range.
        """
        rows, unknown = self._matcher.match(read_columns(columns=columns, types=self._types))
        return TableDecisions(
            row=rows,
            outputs={name: values[rows] for name, values in self._outputs.items()},
            reason=self._codes[rows],
            unknown=unknown,
        )

    def trace(self, columns: Columns, *, index: int) -> tuple[TraceStep, ...]:
        """How one case (counted from 0) was decided: every row that it met, the deciding one last."""
        return self.trace_frame(read_columns(columns=one_case(columns, index), types=self._types))

    def trace_frame(self, frame: Frame) -> tuple[TraceStep, ...]:
        """The same for the one case of a frame that holds at least the columns it reads."""
        decided = int(self._matcher.rows(frame)[0])
        steps: list[TraceStep] = []
        for row, step in zip(self.rows, self._matcher.steps, strict=False):
            with np.errstate(all="ignore"):
                is_true, is_false = (bool(where(frame)[0]) for where in (step.condition.true, step.condition.false))
            truth = is_true if is_true or is_false else None
            read = {name: frame.value(name=name, row=0) for name in columns_in(row.condition)}
            steps.append(TraceStep(row.id, row.when, read, truth))
            settles = is_true or (truth is None and self._matcher.missing_row is not None)
            if settles:
                break
        if not steps or self.rows[decided].id != steps[-1].row_id:
            steps.append(TraceStep(self.rows[decided].id, self.rows[decided].when, read={}, truth=True))
        return tuple(steps)

    def render_sql(self, *, dialect: str, output: str) -> str:
        """The table as one CASE expression that yields an output, or with `output="id"` the row's id.

        A missing number must be NULL there, not NaN. Raises `KeyError` for an output that is not declared.
        """
        values = [row.id if output == "id" else row.outputs[output] for row in self.rows]
        missing_row = self._matcher.missing_row
        branches = []
        for row, value in zip(self.rows[:-1], values[:-1], strict=True):
            condition = syntax(row.condition)
            if missing_row is not None:
                unknown = exp.Is(this=exp.paren(condition.copy()), expression=exp.Null())
                branches.append(exp.If(this=unknown, true=exp.convert(values[missing_row])))
            branches.append(exp.If(this=condition, true=exp.convert(value)))
        if not branches:
            return str(exp.convert(values[-1]).sql(dialect=dialect))
        return str(exp.Case(ifs=branches, default=exp.convert(values[-1])).sql(dialect=dialect))


def compile_table(
    *, text: str, file: str, declaration: TableDeclaration, columns: Mapping[str, ColumnType]
) -> DecisionTable:
    """Check and compile a table from CSV text; `file` is only named in faults.

    Raises `TableFaults` with everything that is wrong: file, row, problem and way out for each. A row that no
    case can reach is refused too.

    >>> table = compile_table(
    ...     file="grades.csv",
    ...     declaration=TableDeclaration("grades", {"grade": ColumnType("text", allowed=("A", "B", "none"))}),
    ...     columns={"pd_ppm": ColumnType("whole", lowest=0, highest=1_000_000)},
    ...     text='''id,when,grade,reason,zh,en
    ... best,pd_ppm < 20000,A,low_risk,风险低,Low risk
    ... good,pd_ppm >= 20000,B,some_risk,风险一般,Some risk
    ... unscored,otherwise,none,no_score,无评分,No score
    ... ''')
    >>> table.decide({"pd_ppm": np.array([15_000, 20_000, np.nan])}).outputs["grade"].tolist()
    ['A', 'B', 'none']
    """
    sheet = read_sheet(text=text, file=file, declaration=declaration, columns=columns)
    missing_row = None
    if declaration.on_missing != NEXT_ROW:
        missing_row = [row.id for row in sheet.rows].index(declaration.on_missing)
    conditions = [row.condition for row in sheet.rows]
    coverage = cover(conditions=conditions, columns=columns, missing_row=missing_row)
    faults = [_unreachable(file, sheet, reach) for reach in coverage.dead if reach.row < len(sheet.rows) - 1]
    if faults:
        raise TableFaults(faults)
    read = dict.fromkeys(name for condition in conditions for name in columns_in(condition))
    return DecisionTable(
        name=declaration.name,
        rows=sheet.rows,
        reasons=sheet.reasons,
        coverage=coverage,
        _types={name: columns[name] for name in read},
        _matcher=Matcher.of(conditions=conditions, missing_row=missing_row),
        _outputs={
            name: np.array([row.outputs[name] for row in sheet.rows], dtype=_DTYPES[declared.kind])
            for name, declared in declaration.outputs.items()
        },
        _codes=np.array([row.reason for row in sheet.rows], dtype=object),
    )


def _unreachable(file: str, sheet: Sheet, reach: RowReach) -> TableFault:
    row = sheet.rows[reach.row]
    if not reach.shadowed_by:
        return TableFault(file, row.place, "when", "no case can meet this condition", "correct or remove it")
    earlier = [sheet.rows[place] for place in reach.shadowed_by]
    named = ", ".join(f"{other.id} (row {other.place})" for other in earlier)
    return TableFault(
        file,
        row.place,
        "when",
        f"row {row.id} is never reached: {named} took every case before it",
        "move it up, narrow those above it, or remove it",
    )


def one_case(columns: Columns, index: int) -> Columns:
    """One case of some columns, counted from 0, in the same form. Raises `IndexError` where there is none."""
    count = columns.num_rows if isinstance(columns, pa.Table) else min(map(len, columns.values()), default=0)
    if not 0 <= index < count:
        raise IndexError(f"there is no case {index} of {count}; cases count from 0")
    if isinstance(columns, pa.Table):
        return columns.slice(index, 1)
    return {name: values[index : index + 1] for name, values in columns.items()}
