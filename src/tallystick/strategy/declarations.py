"""What a decision table must give, declared in TOML, and how faults in its files are told."""

import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, get_args

from tallystick.strategy.columns import ColumnKind, ColumnType, nearest

NEXT_ROW = "next"
FIXED_FIELDS = ("id", "when", "reason", "zh", "en")


@dataclass(frozen=True, slots=True)
class TableDeclaration:
    """What a table must give: its outputs with their types, and what happens when a condition is unknown.

    `on_missing` is `next` (go on to the next row) or the id of the row that then decides.
    """

    name: str
    outputs: Mapping[str, ColumnType]
    on_missing: str = NEXT_ROW


@dataclass(frozen=True, slots=True)
class TableFault:
    """What is wrong in a table, where, and the way out. Rows count as in a spreadsheet: the header is row 1."""

    file: str
    row: int | None
    field: str
    problem: str
    way_out: str

    def __str__(self) -> str:
        place = f"{self.file}, row {self.row}" if self.row else self.file
        where = f"{place}, {self.field}" if self.field else place
        return f"{where}: {self.problem}; {self.way_out}."


class TableFaults(ValueError):
    """A decision table is refused; `faults` holds everything that is wrong with it."""

    def __init__(self, faults: Sequence[TableFault]) -> None:
        self.faults = tuple(faults)
        count = f"{len(self.faults)} fault{'s' if len(self.faults) > 1 else ''}"
        super().__init__(f"the table is refused, {count}:\n" + "\n".join(f"  {fault}" for fault in self.faults))


@dataclass(slots=True)
class FaultNotes:
    """The faults of one file, collected while it is read."""

    file: str
    faults: list[TableFault] = field(default_factory=list)

    def add(self, row: int | None, field: str, problem: str, way_out: str) -> None:
        """Keep a fault and go on."""
        self.faults.append(TableFault(self.file, row, field, problem, way_out))


def read_declaration(*, text: str, file: str) -> TableDeclaration:
    """Read a declaration from TOML. Raises `TableFaults` with everything that is wrong.

    >>> read_declaration(file="grades.toml", text='''
    ... name = "grades"
    ... [outputs.grade]
    ... type = "text"
    ... allowed = ["A", "B"]
    ... ''').outputs["grade"].allowed
    ('A', 'B')
    """
    try:
        document = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise TableFaults([TableFault(file, None, "", f"this is not TOML: {error}", "correct it")]) from error
    notes = FaultNotes(file)
    _refuse_unknown_keys(document, known=("name", "on_missing", "outputs"), inside="", notes=notes)
    for key, what in (("name", "the table has no name"), ("on_missing", "this is no text")):
        if not isinstance(document.get(key, NEXT_ROW if key == "on_missing" else None), str):
            notes.add(None, key, what, f'write {key} = "..."')
    outputs = _section(document.get("outputs", {}), name="outputs", notes=notes)
    types = {
        name: _declared(_section(fields, name=f"outputs.{name}", notes=notes), name=name, notes=notes)
        for name, fields in outputs.items()
    }
    if notes.faults:
        raise TableFaults(notes.faults)
    return TableDeclaration(document["name"], types, document.get("on_missing", NEXT_ROW))


def check_declaration(declaration: TableDeclaration, *, notes: FaultNotes) -> None:
    """Note what keeps any table from meeting a declaration."""
    if not declaration.outputs:
        notes.add(None, "", "the table declares no outputs", "declare at least one")
    for name in declaration.outputs:
        if name in FIXED_FIELDS:
            notes.add(None, "", f"output `{name}` has the name of a fixed heading", "rename the output")


def _section(value: Any, *, name: str, notes: FaultNotes) -> Mapping[str, Any]:
    if isinstance(value, dict):
        return value
    notes.add(None, name, "this is no section", f"write [{name}]")
    return {}


def _refuse_unknown_keys(given: Mapping[str, Any], *, known: tuple[str, ...], inside: str, notes: FaultNotes) -> None:
    for key in given:
        if key not in known:
            near = nearest(name=key, among=known)
            notes.add(None, inside + key, f"unknown key{near}", f"use {', '.join(known)}")


def _declared(fields: Mapping[str, Any], *, name: str, notes: FaultNotes) -> ColumnType:
    inside = f"outputs.{name}."
    _refuse_unknown_keys(fields, known=("type", "allowed", "lowest", "highest"), inside=inside, notes=notes)
    kinds = get_args(ColumnKind)
    kind: Any = fields.get("type")
    if kind not in kinds:
        notes.add(None, f"{inside}type", f"{kind!r} is no type", f"use {', '.join(kinds)}")
    allowed = fields.get("allowed", [])
    if not isinstance(allowed, list) or not all(isinstance(value, str) for value in allowed):
        notes.add(None, f"{inside}allowed", "this is no list of texts", 'write allowed = ["a", "b"]')
    for end in ("lowest", "highest"):
        value = fields.get(end, 0)
        if isinstance(value, bool) or not isinstance(value, int | float):
            notes.add(None, inside + end, f"{value!r} is no number", f"write {end} = 0")
    return ColumnType(
        kind=kind,
        allowed=tuple(allowed),
        lowest=fields.get("lowest"),
        highest=fields.get("highest"),
        may_be_missing=False,
    )
