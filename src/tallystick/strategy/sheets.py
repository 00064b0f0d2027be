"""The spreadsheet form of a decision table: CSV text and its declaration, checked row by row.

Faults are collected, never raised one by one: a credit officer corrects them all in one go.
"""

import csv
import io
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import isfinite

from tallystick.strategy.columns import ColumnType, nearest
from tallystick.strategy.conditions import ConditionFaults, parse_condition
from tallystick.strategy.declarations import (
    FIXED_FIELDS,
    NEXT_ROW,
    FaultNotes,
    TableDeclaration,
    TableFaults,
    check_declaration,
)
from tallystick.strategy.expressions import AllOf, Constant, TruthExpression

_NEEDED_FIELDS = ("id", "reason", "zh", "en")
_CODE = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]*")
# How a cell under a column's own name begins if it is more than a plain value.
_TEST = re.compile(r"\s*(<|>|=|!|(IS|IN|NOT|BETWEEN|LIKE)\b)", re.IGNORECASE)
_ANYTHING = ("", "-")
_TRUTHS = {"true": True, "false": False}

OutputValue = str | int | float | bool


@dataclass(frozen=True, slots=True)
class SheetRow:
    """One row, checked: its place in the spreadsheet, condition and outputs, and its reason code."""

    id: str
    place: int
    when: str
    condition: TruthExpression
    outputs: Mapping[str, OutputValue]
    reason: str


@dataclass(frozen=True, slots=True)
class Sheet:
    """All rows of a table that has no faults, and its reasons: code to (Chinese, English) text."""

    rows: tuple[SheetRow, ...]
    reasons: Mapping[str, tuple[str, str]]


def read_sheet(*, text: str, file: str, declaration: TableDeclaration, columns: Mapping[str, ColumnType]) -> Sheet:
    """Read the rows of a table from CSV. Raises `TableFaults` with everything that is wrong."""
    reader = _SheetReader(FaultNotes(file), declaration, columns)
    check_declaration(declaration, notes=reader.notes)
    sheet = reader.read(text)
    if reader.notes.faults:
        raise TableFaults(reader.notes.faults)
    return sheet


@dataclass(slots=True)
class _SheetReader:
    notes: FaultNotes
    declaration: TableDeclaration
    columns: Mapping[str, ColumnType]

    def read(self, text: str) -> Sheet:
        records = self._records(text)
        if not records or not self._header_fits(records[0][1]):
            return Sheet((), {})
        header = records[0][1]
        lines: list[tuple[int, dict[str, str]]] = []
        for place, cells in records[1:]:
            if len(cells) > len(header) and any(cells[len(header) :]):
                self.notes.add(
                    place, "", f"{len(cells)} cells under {len(header)} headings", "quote cells that hold a comma"
                )
            lines.append((place, dict(zip(header, cells + [""] * len(header), strict=False))))
        if not lines:
            self.notes.add(None, "", "the table has no rows", "add at least the last row, `otherwise`")
            return Sheet((), {})
        rows = tuple(self._row(place, line, is_last=line is lines[-1][1]) for place, line in lines)
        self._check_ids(rows)
        return Sheet(rows, self._reasons(lines))

    def _records(self, text: str) -> list[tuple[int, list[str]]]:
        """The rows that hold anything, with their place in the spreadsheet."""
        reader = csv.reader(io.StringIO(text.removeprefix("\ufeff"), newline=""), strict=True)
        try:
            rows = [[cell.strip() for cell in row] for row in reader]
        except csv.Error as error:
            self.notes.add(reader.line_num, "", f"this is not CSV: {error}", "close every quote")
            return []
        if not any(any(row) for row in rows):
            self.notes.add(None, "", "the file is empty", "write a header and rows")
        return [(place, row) for place, row in enumerate(rows, start=1) if any(row)]

    def _header_fits(self, header: list[str]) -> bool:
        before = len(self.notes.faults)
        if len(header) == 1 and (";" in header[0] or "\t" in header[0]):
            self.notes.add(1, "", "cells are not separated by commas", "save the sheet as CSV (comma delimited)")
            return False
        outputs = self.declaration.outputs
        known = (*FIXED_FIELDS, *outputs, *self.columns)
        for name in dict.fromkeys(header):
            if name not in known:
                near = nearest(name=name, among=known)
                self.notes.add(1, name, f"unknown heading{near}", "use id, when, an output, a column, reason, zh, en")
            if header.count(name) > 1:
                self.notes.add(1, name, "this heading appears twice", "join both columns into one")
        for name in (*_NEEDED_FIELDS, *outputs):
            if name not in header:
                self.notes.add(1, name, "this heading is absent", "add the column")
        if not self._condition_fields(header):
            self.notes.add(1, "when", "no column holds conditions", "add the heading `when` or a catalogued column")
        return len(self.notes.faults) == before

    def _condition_fields(self, header: Sequence[str]) -> list[str]:
        taken = {*FIXED_FIELDS, *self.declaration.outputs} - {"when"}
        return [name for name in header if name == "when" or (name in self.columns and name not in taken)]

    # rows

    def _row(self, place: int, line: Mapping[str, str], *, is_last: bool) -> SheetRow:
        for name in ("id", "reason"):
            if not _CODE.fullmatch(line[name]):
                problem = f"{line[name]!r} is no code" if line[name] else "the cell is empty"
                self.notes.add(place, name, problem, "write a code of letters, digits, _ . -")
        tests = [(name, line[name]) for name in self._condition_fields(list(line)) if line[name] not in _ANYTHING]
        condition = self._condition(place, line, tests)
        if is_last and condition != Constant(value=True):
            self.notes.add(place, "when", "the last row does not take every case", "end with a row `otherwise`")
        return SheetRow(
            id=line["id"],
            place=place,
            when=" AND ".join(_shown(name, cell, self.columns) for name, cell in tests) or "otherwise",
            condition=condition,
            outputs={name: self._output(place, name, line[name]) for name in self.declaration.outputs},
            reason=line["reason"],
        )

    def _condition(self, place: int, line: Mapping[str, str], tests: Sequence[tuple[str, str]]) -> TruthExpression:
        if not tests and "when" in line:
            self.notes.add(place, "when", "the condition is empty", "write `otherwise` for a row that takes all")
        if [(name, cell.lower()) for name, cell in tests] == [("when", "missing")]:
            return self._missing_row(place, line["id"])
        parsed: list[TruthExpression] = []
        for name, cell in tests:
            if name == "when" and cell.lower() in ("otherwise", "true"):
                continue
            try:
                parsed.append(parse_condition(text=_shown(name, cell, self.columns), columns=self.columns))
            except ConditionFaults as refused:
                for fault in refused.faults:
                    self.notes.add(place, name, fault.problem, fault.way_out)
        if len(parsed) > 1:
            return AllOf(tuple(parsed))
        return parsed[0] if parsed else Constant(value=True)

    def _missing_row(self, place: int, row_id: str) -> TruthExpression:
        if row_id != self.declaration.on_missing:
            self.notes.add(
                place,
                "when",
                "`missing` belongs to the row that the declaration names in on_missing",
                f'write a condition, or declare on_missing = "{row_id}"',
            )
        return Constant(value=False)

    def _output(self, place: int, name: str, cell: str) -> OutputValue:
        declared = self.declaration.outputs[name]
        if declared.kind == "text":
            if not cell:
                self.notes.add(place, name, "the cell is empty", "give every row every output")
            elif declared.allowed and cell not in declared.allowed:
                near = nearest(name=cell, among=declared.allowed)
                self.notes.add(place, name, f"{cell!r} is no value of it{near}", f"use {', '.join(declared.allowed)}")
            return cell
        value = _TRUTHS.get(cell.lower()) if declared.kind == "boolean" else _parsed_number(cell, declared)
        if value is None:
            example = "TRUE or FALSE" if declared.kind == "boolean" else f"a {declared.kind} number such as 25"
            self.notes.add(place, name, f"{cell!r} is not {declared.kind}", f"write {example}, without separators")
            return 0
        if declared.is_numeric and not declared.bounds()[0] <= value <= declared.bounds()[1]:
            low, high = declared.bounds()
            self.notes.add(place, name, f"{cell} is out of range", f"use {low:.15g} to {high:.15g}")
        return value

    # the whole

    def _check_ids(self, rows: Sequence[SheetRow]) -> None:
        places: dict[str, int] = {}
        for row in rows:
            if row.id in places:
                self.notes.add(row.place, "id", f"row {places[row.id]} has the id {row.id!r} too", "rename one")
            places.setdefault(row.id, row.place)
        wanted = self.declaration.on_missing
        if wanted != NEXT_ROW and wanted not in places:
            near = nearest(name=wanted, among=places)
            self.notes.add(None, "on_missing", f"no row has the id {wanted!r}{near}", "name a row, or use `next`")

    def _reasons(self, lines: Sequence[tuple[int, Mapping[str, str]]]) -> dict[str, tuple[str, str]]:
        """Each code's texts. The first row of a code gives them; later rows repeat them or leave them empty."""
        first: dict[str, tuple[int, str, str]] = {}
        for place, line in lines:
            code, texts = line["reason"], (line["zh"], line["en"])
            if code not in first:
                first[code] = (place, *texts)
                for name in ("zh", "en"):
                    if not line[name]:
                        self.notes.add(place, name, f"reason {code!r} has no text", "write what the borrower is told")
                continue
            for name, text, known in zip(("zh", "en"), texts, first[code][1:], strict=True):
                if text and text != known:
                    problem = f"reason {code!r} has another text on row {first[code][0]}"
                    self.notes.add(place, name, problem, "use one text, or another code")
        return {code: (zh, en) for code, (_, zh, en) in first.items()}


def _shown(name: str, cell: str, columns: Mapping[str, ColumnType]) -> str:
    """A condition cell as SQL: under a column's own name, the name and the test, or equality with a value."""
    if name == "when":
        return cell
    if _TEST.match(cell):
        return f"{name} {cell}"
    if columns[name].kind == "text" and not cell.startswith("'"):
        quoted = cell.replace("'", "''")
        return f"{name} = '{quoted}'"
    return f"{name} = {cell}"


def _parsed_number(cell: str, declared: ColumnType) -> float | int | None:
    try:
        value = int(cell) if declared.kind == "whole" else float(cell)
    except ValueError:
        return None
    return value if isfinite(value) else None
