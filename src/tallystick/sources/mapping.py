"""A mapping: the TOML file that says which of a lender's columns is which field, in which unit and conversion."""

from importlib.resources import files
from pathlib import Path
from typing import Final

import pyarrow as pa
import pyarrow.compute as pc

from tallystick.sources.column_types import is_readable
from tallystick.sources.declaration import (
    QUESTION,
    ExchangeRate,
    Fault,
    MappedField,
    Mapping,
    MappingFaults,
    OutcomeDefinition,
)
from tallystick.sources.mapping_form import nearest, parse_mapping
from tallystick.sources.numbers import as_text, read_numbers, trimmed

__all__ = [
    "BUILT_IN",
    "ExchangeRate",
    "Fault",
    "MappedField",
    "Mapping",
    "MappingFaults",
    "OutcomeDefinition",
    "check_mapping",
    "parse_mapping",
    "read_mapping",
]

BUILT_IN: Final = ("tallystick", "uci-taiwan")

_TRIAL_ROWS: Final = 10_000
_SHOWN: Final = 8  # values shown in a message


def read_mapping(name_or_path: str) -> Mapping:
    """A built-in mapping by name, or one's own by path. Raises `MappingFaults` with everything that is wrong.

    >>> mapping = read_mapping("uci-taiwan")
    >>> mapping.fields["balance"].columns[0], mapping.rates["TWD"].value, mapping.months
    ('BILL_AMT1', Decimal('0.244'), 6)
    """
    if name_or_path in BUILT_IN:
        text = files("tallystick.sources").joinpath(f"mappings/{name_or_path}.toml").read_text(encoding="utf-8")
        return parse_mapping(text, name=name_or_path)
    path = Path(name_or_path)
    if not path.is_file():
        way_out = f"give the path of a file, or a built-in mapping: {nearest(name_or_path, BUILT_IN)}"
        raise MappingFaults(name_or_path, (Fault("mapping", "no such file and no built-in mapping", way_out),))
    try:
        text = path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise MappingFaults(
            name_or_path, (Fault("mapping", f"not UTF-8 text ({error})", "save it as UTF-8"),)
        ) from error
    return parse_mapping(text, name=path.stem)


def check_mapping(mapping: Mapping, table: pa.Table) -> tuple[Fault, ...]:
    """Everything in which a mapping does not fit a table: absent columns, wrong types, no readable value at all.

    A cell that cannot be used is not a fault of the mapping: its row is refused by name when the table is mapped.
    """
    faults = _questions(mapping)
    for name, mapped in mapping.fields.items():
        for column in mapped.columns:
            problem = _problem(mapping, mapped, column=column, table=table)
            if problem:
                faults.append(Fault(f"field.{name}", *problem))
    return tuple(faults)


def _questions(mapping: Mapping) -> list[Fault]:
    """Texts that a draft left open: nobody but the lender can complete them."""
    texts = {f"rate.{code}.source": rate.source for code, rate in mapping.rates.items()}
    if mapping.outcome:
        texts |= {"outcome.zh": mapping.outcome.zh, "outcome.en": mapping.outcome.en}
    return [
        Fault(place, f"still asks {text!r}", "put your answer in its place")
        for place, text in texts.items()
        if text.startswith(QUESTION)
    ]


def _problem(mapping: Mapping, mapped: MappedField, *, column: str, table: pa.Table) -> tuple[str, str] | None:
    if column not in table.column_names:
        return f"column {column!r} is not in the file", nearest(column, table.column_names)
    cells = table.column(column)
    if not is_readable(cells.type):
        return f"column {column!r} holds {cells.type}", "give a column of numbers or text"
    match mapped.field.kind:
        case "money" | "whole" | "share":
            if pa.types.is_temporal(cells.type) or pa.types.is_boolean(cells.type):
                return f"column {column!r} holds {cells.type}", "give a column of numbers"
            return _no_number(mapping, cells, column=column)
        case "category":
            return _no_code(cells, codes=tuple(mapped.codes), column=column)
        case "currency":
            known = (mapping.currency, *mapping.rates, *mapping.fields["currency"].codes)
            return _no_code(cells, codes=known, column=column)
        case "text":
            return None


def _no_number(mapping: Mapping, cells: pa.ChunkedArray, *, column: str) -> tuple[str, str] | None:
    def is_without(some: pa.ChunkedArray) -> bool:
        return not read_numbers(some, marks=mapping.marks).usable.any()

    if cells.null_count == len(cells) or not is_without(cells.slice(0, _TRIAL_ROWS)) or not is_without(cells):
        return None
    way_out = "give a column of numbers; if they are written as 12.000,50 say so: [numbers] thousands and decimal"
    return f"column {column!r} holds no number but {_shown(cells)}", way_out


def _no_code(cells: pa.ChunkedArray, *, codes: tuple[str, ...], column: str) -> tuple[str, str] | None:
    if cells.null_count == len(cells):
        return None
    texts = trimmed(cells)
    if pc.any(pc.is_in(texts, value_set=pa.array(codes, pa.string()))).as_py():
        return None
    return (
        f"column {column!r} holds none of {', '.join(codes)} but {_shown(cells)}",
        "list its values in codes or rates",
    )


def _shown(cells: pa.ChunkedArray) -> str:
    values = pc.unique(as_text(cells.slice(0, _TRIAL_ROWS)).drop_null())
    more = ", ..." if len(values) > _SHOWN else ""
    return ", ".join(repr(value) for value in values.slice(0, _SHOWN).to_pylist()) + more
