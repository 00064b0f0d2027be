"""Applies a mapping to a table: the valid lines in Tallystick's own form, and every other row with its reasons."""

from collections.abc import Mapping as Pairs
from dataclasses import dataclass, field
from decimal import Decimal
from fractions import Fraction

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from tallystick.features.tables import LINE, LINE_MONTH
from tallystick.sources.conversion import (
    REJECT_TEXTS,
    Converted,
    NoteReason,
    RejectReason,
    convert_category,
    convert_number,
    convert_text,
    days_to_months,
    money_factor,
    plain_factor,
)
from tallystick.sources.mapping import MappedField, Mapping, MappingFaults, check_mapping

Flags = npt.NDArray[np.bool_]
Integers = npt.NDArray[np.int64]

REJECTS = pa.schema(
    [
        pa.field("source_row", pa.int64()),  # counted from 1
        pa.field("line_id", pa.string()),
        pa.field("field", pa.string()),
        pa.field("column", pa.string()),
        pa.field("value", pa.string()),  # as the file has it
        pa.field("reason", pa.string()),
        pa.field("zh", pa.string()),
        pa.field("en", pa.string()),
    ]
)


class PortfolioFault(ValueError):
    """No row of the portfolio is valid; the message counts the reasons."""


@dataclass(frozen=True, slots=True)
class FieldCount:
    """How many rows one field refused, or noted, for one reason."""

    field: str
    reason: str
    rows: int


@dataclass(frozen=True, slots=True)
class Portfolio:
    """rows_read = line.num_rows + rejected rows. `fields` are the source-table columns that the mapping fills."""

    line: pa.Table  # LINE
    line_month: pa.Table  # LINE_MONTH
    rejects: pa.Table  # REJECTS: one row per refused row, field and column
    rejected_rows: int
    reject_counts: tuple[FieldCount, ...]
    notes: tuple[FieldCount, ...]
    fields: frozenset[str]
    months: int
    rows_read: int


@dataclass(slots=True)
class _Sieve:
    """Gathers which rows are refused, for what, while fields are converted one after the other."""

    table: pa.Table
    refused: Flags
    entries: list[tuple[str, str, RejectReason, Integers]] = field(default_factory=list)
    notes: list[tuple[str, NoteReason, Flags]] = field(default_factory=list)

    def refuse(self, name: str, column: str, reason: RejectReason, rows: Flags) -> None:
        if rows.any():
            self.refused |= rows
            self.entries.append((name, column, reason, np.flatnonzero(rows)))

    def take(self, mapped: MappedField, column: str, converted: Converted) -> pa.Array:
        """The values, after their refusals and notes were gathered."""
        for reason, rows in converted.refused.items():
            self.refuse(mapped.field.name, column, reason, rows)
        self.notes += [(mapped.field.name, reason, rows) for reason, rows in converted.noted.items()]
        return converted.values


def map_portfolio(table: pa.Table, mapping: Mapping) -> Portfolio:
    """Convert a whole table. Raises `MappingFaults` where the mapping does not fit it, `PortfolioFault` where no row
    is valid. A row is refused with all of its reasons, never altered silently."""
    faults = check_mapping(mapping, table)
    if faults:
        raise MappingFaults(mapping.name, faults)
    sieve = _Sieve(table=table, refused=np.zeros(table.num_rows, dtype=np.bool_))
    money = _Money.of(mapping, table, sieve)
    line_columns = {
        mapped.field.target: _convert(mapped, mapped.columns[0], sieve=sieve, money=money)
        for mapped in mapping.fields.values()
        if not mapped.field.monthly and mapped.field.name != "currency"
    }
    months = [
        {
            mapped.field.target: _convert(mapped, mapped.columns[month], sieve=sieve, money=money)
            for mapped in mapping.fields.values()
            if mapped.field.monthly and month < len(mapped.columns)
        }
        for month in range(mapping.months)
    ]
    for mapped in mapping.fields.values():
        if mapped.field.required:
            missing = _flags(pc.is_null(line_columns[mapped.field.target]))
            already = np.zeros(table.num_rows, dtype=np.bool_)
            for name, _, _, rows in sieve.entries:
                if name == mapped.field.name:
                    already[rows] = True
            sieve.refuse(mapped.field.name, mapped.columns[0], RejectReason.MISSING_REQUIRED, missing & ~already)
    _refuse_duplicates(line_columns["line_id"], mapping=mapping, sieve=sieve)
    return _portfolio(mapping, table=table, sieve=sieve, line_columns=line_columns, months=months)


def _portfolio(
    mapping: Mapping, *, table: pa.Table, sieve: _Sieve, line_columns: dict[str, pa.Array],
    months: list[dict[str, pa.Array]],
) -> Portfolio:  # fmt: skip
    kept = pa.array(np.flatnonzero(~sieve.refused))
    counts = _counts([(name, reason, rows.size) for name, _, reason, rows in sieve.entries])
    if len(kept) == 0:
        told = "; ".join(f"{count.field}: {count.reason} on {count.rows:,} rows" for count in counts)
        raise PortfolioFault(f"none of {table.num_rows:,} rows is valid: {told}. Correct the mapping {mapping.name!r}.")
    notes = [(name, reason, int((rows & ~sieve.refused).sum())) for name, reason, rows in sieve.notes]
    notes += _missing_counts(mapping, line_columns, kept=kept)
    return Portfolio(
        line=_line_table(line_columns, mapping=mapping, kept=kept),
        line_month=_month_table(months, kept=kept),
        rejects=_reject_table(sieve, line_id=line_columns["line_id"]),
        rejected_rows=int(sieve.refused.sum()),
        reject_counts=counts,
        notes=_counts(notes),
        fields=frozenset(mapped.field.target for mapped in mapping.fields.values()) | {"currency"},
        months=mapping.months,
        rows_read=table.num_rows,
    )


@dataclass(frozen=True, slots=True)
class _Money:
    """How money of each row is converted: one source currency for all, or a currency column."""

    mapping: Mapping
    codes: tuple[str, ...]  # source currencies with a rate
    row_code: Integers | None  # (rows,) index into codes, -1 where refused; None where all rows share codes[0]

    @classmethod
    def of(cls, mapping: Mapping, table: pa.Table, sieve: _Sieve) -> "_Money":
        if mapping.source_currency is not None:
            return cls(mapping=mapping, codes=(mapping.source_currency,), row_code=None)
        column = mapping.fields["currency"].columns[0]
        codes = (mapping.currency, *(code for code in mapping.rates if code != mapping.currency))
        texts = convert_text(table.column(column))
        place = pc.fill_null(pc.index_in(texts, value_set=pa.array(codes)), -1).to_numpy(zero_copy_only=False)
        unknown = np.asarray(place == -1)
        is_missing = _flags(pc.is_null(texts))
        sieve.refuse("currency", column, RejectReason.CURRENCY_WITHOUT_RATE, unknown & ~is_missing)
        sieve.refuse("currency", column, RejectReason.MISSING_REQUIRED, is_missing)
        return cls(mapping=mapping, codes=codes, row_code=place.astype(np.int64))

    def convert(self, mapped: MappedField, column: pa.ChunkedArray) -> Converted:
        factors = tuple(
            money_factor(
                mapped,
                currency=self.mapping.currency,
                rate=self.mapping.rates[code].value if code in self.mapping.rates else Decimal(1),
                source_currency=code,
                scale=self.mapping.limit_scale,
            )
            for code in self.codes
        )
        if self.row_code is None:
            return convert_number(column, mapped, factor=factors[0])
        # A row whose currency has no rate is refused for that alone: its amounts are not judged in another one.
        known = self.row_code >= 0
        converted = convert_number(column, mapped, factor=self.row_code, factors=factors)
        return Converted(
            values=converted.values,
            refused={reason: rows & known for reason, rows in converted.refused.items()},
            noted=converted.noted,
        )


def _convert(mapped: MappedField, column: str, *, sieve: _Sieve, money: _Money) -> pa.Array:
    source = sieve.table.column(column)
    match mapped.field.kind:
        case "text":
            return convert_text(source)
        case "category":
            values = sieve.take(mapped, column, convert_category(source, mapped))
            return values if mapped.field.name != "outcome" else pc.equal(values, "bad").cast(pa.int8())
        case "money":
            return sieve.take(mapped, column, money.convert(mapped, source))
        case "whole" | "share":
            factor = Fraction(1) if mapped.unit == "days" else plain_factor(mapped)
            values = sieve.take(mapped, column, convert_number(source, mapped, factor=factor))
            return days_to_months(values) if mapped.unit == "days" else values


def _refuse_duplicates(line_id: pa.Array, *, mapping: Mapping, sieve: _Sieve) -> None:
    """Of identical copies the first stays; where rows of one line differ, none does."""
    ids = line_id.combine_chunks() if isinstance(line_id, pa.ChunkedArray) else line_id
    codes = ids.dictionary_encode().indices
    known = np.flatnonzero(_flags(pc.is_valid(codes)))
    places = pc.fill_null(codes, 0).to_numpy(zero_copy_only=False)[known]
    counts = np.bincount(places) if places.size else np.zeros(0, dtype=np.int64)
    doubled = known[counts[places] > 1] if places.size else known
    if doubled.size == 0:
        return
    content = np.column_stack([_content_codes(sieve.table.column(name), doubled) for name in sieve.table.column_names])
    _, kind = np.unique(content, axis=0, return_inverse=True)
    _, line = np.unique(pc.take(codes, pa.array(doubled)).to_numpy(zero_copy_only=False), return_inverse=True)
    first_kind = np.zeros(line.max() + 1, dtype=np.int64)
    first_row = np.zeros(line.max() + 1, dtype=np.int64)
    first_kind[line[::-1]], first_row[line[::-1]] = kind.ravel()[::-1], doubled[::-1]
    differs = np.zeros(line.max() + 1, dtype=np.bool_)
    np.logical_or.at(differs, line, kind.ravel() != first_kind[line])
    column = mapping.fields["line_id"].columns[0]
    rows = np.zeros(sieve.table.num_rows, dtype=np.bool_)
    rows[doubled[differs[line]]] = True
    sieve.refuse("line_id", column, RejectReason.DUPLICATES_DIFFER, rows)
    rows = np.zeros(sieve.table.num_rows, dtype=np.bool_)
    rows[doubled[~differs[line] & (doubled != first_row[line])]] = True
    sieve.refuse("line_id", column, RejectReason.DUPLICATE_LINE, rows)


def _content_codes(column: pa.ChunkedArray, rows: Integers) -> Integers:
    taken = column.take(pa.array(rows)).combine_chunks()
    if not pa.types.is_dictionary(taken.type):
        taken = taken.dictionary_encode()
    codes: Integers = pc.fill_null(taken.indices, -1).to_numpy(zero_copy_only=False).astype(np.int64)
    return codes


def _line_table(columns: Pairs[str, pa.Array], *, mapping: Mapping, kept: pa.Array) -> pa.Table:
    lines = len(kept)
    given = {
        **{name: pc.take(column, kept) for name, column in columns.items()},
        "position": pa.array(np.arange(lines, dtype=np.int64)),
        "source_row": pc.add(kept, 1),
        "currency": pa.repeat(mapping.currency, lines),
    }
    arrays = [given[each.name] if each.name in given else pa.nulls(lines, each.type) for each in LINE]
    return pa.table([_one(array) for array in arrays], schema=LINE)


def _month_table(months: list[dict[str, pa.Array]], *, kept: pa.Array) -> pa.Table:
    """One row per line and month of which anything is known."""
    parts = []
    for months_ago, columns in enumerate(months):
        taken = {name: _one(pc.take(column, kept)) for name, column in columns.items()}
        known = np.zeros(len(kept), dtype=np.bool_)
        for column in taken.values():
            known |= _flags(pc.is_valid(column))
        rows = np.flatnonzero(known)
        given = {
            **{name: pc.take(column, pa.array(rows)) for name, column in taken.items()},
            "position": pa.array(rows.astype(np.int64)),
            "months_ago": pa.array(np.full(rows.size, months_ago, dtype=np.int64)),
        }
        arrays = [given[each.name] if each.name in given else pa.nulls(rows.size, each.type) for each in LINE_MONTH]
        parts.append(pa.table(arrays, schema=LINE_MONTH))
    return pa.concat_tables(parts) if parts else LINE_MONTH.empty_table()


def _reject_table(sieve: _Sieve, *, line_id: pa.Array) -> pa.Table:
    parts = []
    for name, column, reason, rows in sieve.entries:
        zh, en = REJECT_TEXTS[reason]
        values = _one(sieve.table.column(column).take(pa.array(rows)))
        if pa.types.is_dictionary(values.type):
            values = values.cast(values.type.value_type)
        parts.append(
            pa.table(
                [
                    pa.array(rows + 1),
                    _one(pc.take(line_id, pa.array(rows))),
                    *(pa.repeat(text, rows.size) for text in (name, column)),
                    values.cast(pa.string()),
                    *(pa.repeat(text, rows.size) for text in (reason.value, zh, en)),
                ],
                schema=REJECTS,
            )
        )
    if not parts:
        return REJECTS.empty_table()
    return pa.concat_tables(parts).combine_chunks().sort_by([("source_row", "ascending"), ("column", "ascending")])


def _missing_counts(
    mapping: Mapping, columns: Pairs[str, pa.Array], *, kept: pa.Array
) -> list[tuple[str, NoteReason, int]]:
    return [
        (mapped.field.name, NoteReason.MISSING, pc.take(columns[mapped.field.target], kept).null_count)
        for mapped in mapping.fields.values()
        if mapped.field.target in columns and mapped.unlisted == "reject"
    ]


def _counts(entries: list[tuple[str, RejectReason, int]] | list[tuple[str, NoteReason, int]]) -> tuple[FieldCount, ...]:
    totals: dict[tuple[str, str], int] = {}
    for name, reason, rows in entries:
        totals[name, reason.value] = totals.get((name, reason.value), 0) + rows
    return tuple(FieldCount(name, reason, rows) for (name, reason), rows in totals.items() if rows)


def _one(array: pa.Array | pa.ChunkedArray) -> pa.Array:
    return array.combine_chunks() if isinstance(array, pa.ChunkedArray) else array


def _flags(mask: pa.Array | pa.ChunkedArray) -> Flags:
    flags: Flags = np.asarray(mask.to_numpy(zero_copy_only=False), dtype=np.bool_)
    return flags
