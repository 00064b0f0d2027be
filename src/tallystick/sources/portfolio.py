"""Applies a mapping to a table: the valid lines in Tallystick's own form, and every other row with its reasons."""

from collections.abc import Mapping as Pairs
from dataclasses import dataclass
from decimal import Decimal

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from tallystick.features.tables import LINE, LINE_MONTH
from tallystick.sources.conversion import (
    Converted,
    Scale,
    convert_category,
    convert_number,
    convert_text,
    money_scale,
    plain_scale,
)
from tallystick.sources.declaration import MappedField, Mapping, MappingFaults
from tallystick.sources.duplicates import find_duplicates
from tallystick.sources.mapping import check_mapping
from tallystick.sources.numbers import Flags, Integers, flags_of, trimmed
from tallystick.sources.reasons import RejectReason
from tallystick.sources.sieve import FieldCount, Sieve

__all__ = ["FieldCount", "Portfolio", "PortfolioFault", "map_portfolio"]


class PortfolioFault(ValueError):
    """No row of the portfolio is valid; the message counts the reasons."""


@dataclass(frozen=True, slots=True)
class Portfolio:
    """A mapped portfolio: rows_read = line.num_rows + rejected_rows."""

    line: pa.Table  # LINE
    line_month: pa.Table  # LINE_MONTH, by months_ago, then position
    rejects: pa.Table  # sieve.REJECTS: a row per refused row, column and reason
    rejected_rows: int
    reject_counts: tuple[FieldCount, ...]  # a row counts at each of its reasons
    notes: tuple[FieldCount, ...]  # valid rows in which a value is missing or was adapted
    fields: frozenset[str]  # columns of line and line_month that the mapping fills
    months: int  # of history
    rows_read: int


def map_portfolio(table: pa.Table, mapping: Mapping) -> Portfolio:
    """Convert a whole table; each row goes on or is refused with all of its reasons, and none is altered silently.

    Raises `MappingFaults` where the mapping does not fit the table, `PortfolioFault` where no row is valid.
    """
    faults = check_mapping(mapping, table)
    if faults:
        raise MappingFaults(mapping.name, faults)
    sieve = Sieve.over(table)
    money = _Money.of(mapping, sieve)
    fields = mapping.fields.values()
    line = {
        mapped.field.target: _convert(mapped, mapped.columns[0], sieve=sieve, money=money)
        for mapped in fields
        if not mapped.field.monthly and mapped.field.kind != "currency"
    }
    months = [
        {
            mapped.field.target: _convert(mapped, mapped.columns[month], sieve=sieve, money=money)
            for mapped in fields
            if mapped.field.monthly and month < len(mapped.columns)
        }
        for month in range(mapping.months)
    ]
    _refuse_duplicates(line["line_id"], mapping=mapping, sieve=sieve)
    return _portfolio(mapping, sieve=sieve, line=line, months=months)


def _portfolio(
    mapping: Mapping, *, sieve: Sieve, line: dict[str, pa.Array], months: list[dict[str, pa.Array]]
) -> Portfolio:
    kept = pa.array(np.flatnonzero(~sieve.refused))
    counts = sieve.rejected()
    rows_read = sieve.table.num_rows
    if len(kept) == 0:
        told = "; ".join(f"{count.field}: {count.reason} on {count.rows:,}" for count in counts) or "the file has none"
        raise PortfolioFault(
            f"none of {rows_read:,} rows is valid ({told}); correct the file or the mapping {mapping.name!r}: "
            "`tallystick mapping check` says what does not fit"
        )
    return Portfolio(
        line=_line_table(line, currency=mapping.currency, kept=kept),
        line_month=_month_table(months, kept=kept),
        rejects=sieve.rejects(line["line_id"]),
        rejected_rows=int(sieve.refused.sum()),
        reject_counts=counts,
        notes=sieve.notes(),
        fields=frozenset(mapped.field.target for mapped in mapping.fields.values()) | {"currency"},
        months=mapping.months,
        rows_read=rows_read,
    )


@dataclass(frozen=True, slots=True)
class _Money:
    """How money of each row is converted: one source currency for all, or a currency column."""

    mapping: Mapping
    codes: tuple[str, ...]  # source currencies with a rate
    row_code: Integers | None  # (rows,) index into codes, -1 where refused; None where all rows share codes[0]

    @classmethod
    def of(cls, mapping: Mapping, sieve: Sieve) -> "_Money":
        """Read the currency column, if there is one, and refuse rows whose currency has no rate."""
        if mapping.source_currency is not None:
            return cls(mapping=mapping, codes=(mapping.source_currency,), row_code=None)
        mapped = mapping.fields["currency"]
        column = mapped.columns[0]
        codes = (mapping.currency, *(code for code in mapping.rates if code != mapping.currency))
        words = {code: code for code in codes} | {word: code for word, code in mapped.codes.items() if code in codes}
        texts = trimmed(sieve.table.column(column))
        word = pc.fill_null(pc.index_in(texts, value_set=pa.array(list(words), pa.string())), -1)
        index = np.asarray([codes.index(str(code)) for code in words.values()] + [-1], dtype=np.int64)
        row_code = index[word.to_numpy()]
        is_missing = flags_of(pc.is_null(texts))
        sieve.refuse("currency", column, RejectReason.MISSING_REQUIRED, is_missing)
        sieve.refuse("currency", column, RejectReason.CURRENCY_WITHOUT_RATE, (row_code < 0) & ~is_missing)
        return cls(mapping=mapping, codes=codes, row_code=row_code)

    def convert(self, mapped: MappedField, column: pa.ChunkedArray) -> Converted:
        """Money of all rows, each by the rate of its currency."""
        if self.row_code is None:
            return convert_number(column, mapped, scale=self._scale(mapped, self.codes[0]), marks=self.mapping.marks)
        parts = []
        for index, code in enumerate(self.codes):
            rows = np.flatnonzero(self.row_code == index)
            cells = column.take(pa.array(rows))
            parts.append(
                (rows, convert_number(cells, mapped, scale=self._scale(mapped, code), marks=self.mapping.marks))
            )
        return _joined(parts, rows=len(column))

    def _scale(self, mapped: MappedField, code: str) -> Scale:
        rate = self.mapping.rates[code].value if code in self.mapping.rates else Decimal(1)
        return money_scale(
            mapped.unit,
            currency=self.mapping.currency,
            source_currency=code,
            rate=rate,
            limit_scale=self.mapping.limit_scale,
        )


def _joined(parts: list[tuple[Integers, Converted]], *, rows: int) -> Converted:
    """Converted cells of disjoint rows as one column; rows that none of them has are missing, refused elsewhere."""
    place = np.full(rows, -1, dtype=np.int64)
    place[np.concatenate([at for at, _ in parts])] = np.arange(sum(at.size for at, _ in parts))
    values = pa.concat_arrays([converted.values for _, converted in parts])
    joined = Converted(values.take(pa.array(place, mask=place < 0)), {}, {})
    for at, converted in parts:
        for reason, mask in converted.refused.items():
            joined.refused.setdefault(reason, np.zeros(rows, dtype=np.bool_))[at] = mask
        for note, mask in converted.noted.items():
            joined.noted.setdefault(note, np.zeros(rows, dtype=np.bool_))[at] = mask
    return joined


def _convert(mapped: MappedField, column: str, *, sieve: Sieve, money: _Money) -> pa.Array:
    cells = sieve.table.column(column)
    match mapped.field.kind:
        case "text" | "currency":
            return sieve.take(mapped, column, convert_text(cells))
        case "category":
            values = sieve.take(mapped, column, convert_category(cells, mapped))
            return pc.equal(values, "bad").cast(pa.int8()) if mapped.field.name == "outcome" else values
        case "money":
            return sieve.take(mapped, column, money.convert(mapped, cells))
        case "whole" | "share":
            converted = convert_number(cells, mapped, scale=plain_scale(mapped), marks=money.mapping.marks)
            return sieve.take(mapped, column, converted)


def _refuse_duplicates(line_id: pa.ChunkedArray, *, mapping: Mapping, sieve: Sieve) -> None:
    """Rows are compared in the columns that the mapping reads: others decide nothing."""
    columns = sorted({column for mapped in mapping.fields.values() for column in mapped.columns})
    found = find_duplicates(line_id, [sieve.table.column(column) for column in columns])
    column = mapping.fields["line_id"].columns[0]
    sieve.refuse("line_id", column, RejectReason.DUPLICATE_LINE, found.copies)
    sieve.refuse("line_id", column, RejectReason.DUPLICATES_DIFFER, found.differing)


def _line_table(columns: Pairs[str, pa.Array], *, currency: str, kept: pa.Array) -> pa.Table:
    lines = len(kept)
    given = {
        **{name: _at(column, kept) for name, column in columns.items()},
        "position": pa.array(np.arange(lines, dtype=np.int64)),
        "source_row": pc.add(kept, 1),
        "currency": pa.repeat(currency, lines),
    }
    return pa.table([given.get(each.name, pa.nulls(lines, each.type)) for each in LINE], schema=LINE)


def _month_table(months: list[dict[str, pa.Array]], *, kept: pa.Array) -> pa.Table:
    """One row per line and month of which anything is known."""
    parts = []
    for months_ago, columns in enumerate(months):
        taken = {name: _at(column, kept) for name, column in columns.items()}
        rows = pa.array(np.flatnonzero(_any_known(taken, rows=len(kept))))
        given = {
            **{name: _at(column, rows) for name, column in taken.items()},
            "position": rows,
            "months_ago": pa.array(np.full(len(rows), months_ago, dtype=np.int64)),
        }
        arrays = [given.get(each.name, pa.nulls(len(rows), each.type)) for each in LINE_MONTH]
        parts.append(pa.table(arrays, schema=LINE_MONTH))
    return pa.concat_tables(parts) if parts else LINE_MONTH.empty_table()


def _at(column: pa.Array, rows: pa.Array) -> pa.Array:
    """The cells at these rows, each once and ascending: all of them are the column itself, and nothing is copied."""
    return column if len(rows) == len(column) else column.take(rows)


def _any_known(columns: Pairs[str, pa.Array], *, rows: int) -> Flags:
    known = np.zeros(rows, dtype=np.bool_)
    for column in columns.values():
        known |= flags_of(pc.is_valid(column))
    return known
