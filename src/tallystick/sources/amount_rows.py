"""Rows to learn an amount from: features over what was known alone, and the amount that came."""

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from pathlib import Path

import duckdb
import msgspec
import numpy as np
import numpy.typing as npt
import pyarrow as pa

from tallystick.risk.amortization import amortized_exposure, amortized_principal, installments_paid
from tallystick.sources.amount_form import LOAN_COLUMNS, AmountConfig, Link, LoanForm
from tallystick.sources.files import TableFile, placed, read_table, with_absent
from tallystick.sources.raw_tables import age_bands
from tallystick.sources.row_expressions import columns_of, note_expression, quoted
from tallystick.terms.form import FaultNotes, FormFaults

Floats = npt.NDArray[np.float64]
_KNOW_NO = "leave it out, or take it from table.tells_outcome if it was known"


@dataclass(frozen=True, slots=True)
class AmountRows:
    """In the order of the key. `amount` is over `of` where that is asked for; `month` is empty where time is unknown.

    `capped` counts shares that were above 1 or below 0 and count as 1 and 0. `known` tells where the amount is final;
    `groups` are what fairness looks at.
    """

    features: pa.Table
    amount: Floats
    of: Floats
    baselines: dict[str, Floats]
    month: npt.NDArray[np.datetime64]
    capped: int
    sha256: str
    known: npt.NDArray[np.bool_]
    groups: Mapping[str, npt.NDArray[np.object_]]

    def taken(self, kept: npt.NDArray[np.bool_]) -> "AmountRows":
        """Some of the rows."""
        return replace(
            self, features=self.features.filter(pa.array(kept)), amount=self.amount[kept], of=self.of[kept],
            baselines={name: one[kept] for name, one in self.baselines.items()},
            month=self.month[kept] if len(self.month) else self.month, known=self.known[kept],
            groups={name: one[kept] for name, one in self.groups.items()},
        )  # fmt: skip


def read_amount_rows(path: Path, config: AmountConfig, *, file: str) -> AmountRows:
    """Read a folder of files and map it. `file` names the configuration in messages.

    Features and baselines are computed on a table that has no column that tells the outcome, so that no way of writing
    them reads one. Raises `FileFault` for what cannot be read, and `FormFaults` for everything that does not fit.
    """
    notes = FaultNotes(file)
    given = _joined([read_table(path / name) for name in config.table.files], config, notes)
    return _amount_rows(given, _hidden(config, given.table.column_names, notes), config, notes)


def read_live_amounts(path: Path, config: AmountConfig, *, file: str) -> AmountRows:
    """As `read_amount_rows`, of rows whose amount may not be known yet: files and columns that tell it may be absent.

    Where they are, no row's amount is known. `path` may be the file itself where the configuration has one. Raises as
    `read_amount_rows` does.
    """
    notes = FaultNotes(file)
    first, *others = config.table.files
    paths = [placed(path, first), *(path / name for name in others if (path / name).exists())]
    read = _joined([read_table(one) for one in paths], config, notes)
    told = [*columns_of(config.target.amount), *columns_of(config.target.known)]
    told = [name for name in told if name not in LOAN_COLUMNS]
    given = with_absent(read, told)
    hidden = _hidden(config, given.table.column_names, FaultNotes(file))
    live = msgspec.structs.replace(config, table=msgspec.structs.replace(config.table, sex=None, age_years=None))
    rows = _amount_rows(given, hidden, live, notes)
    due = not set(told) - set(read.table.column_names)
    return rows if due else replace(rows, known=np.zeros_like(rows.known))


def _amount_rows(given: TableFile, hidden: tuple[str, ...], config: AmountConfig, notes: FaultNotes) -> AmountRows:
    _note_expressions(config, given, hidden, notes)
    if notes.faults:
        raise FormFaults(notes.faults)
    with duckdb.connect(":memory:") as engine:
        rows = _chosen(engine, config, given, notes)
        if config.loan is not None:
            rows = _with_loan(engine, config.loan, rows.drop_columns(list(hidden)), rows, notes)
        known = rows.drop_columns(list(hidden))
        features, baselines = (
            {name: _numbers(engine, known, f"{key}.{name}.sql", one.sql, notes) for name, one in each.items()}
            for key, each in (("feature", config.feature), ("baseline", config.baseline))
        )
        came = np.nan_to_num(_numbers(engine, rows, "target.amount", config.target.amount, notes))
        of = (
            np.ones(len(came))
            if config.target.of is None
            else _numbers(engine, rows, "target.of", config.target.of, notes)
        )
        final = _numbers(engine, rows, "target.known", f"({config.target.known})::BOOLEAN::INTEGER", notes) == 1
        month = _months(engine, known, config, notes)
        groups = _groups(engine, rows, config, notes)
    if not (of > 0).all():
        notes.add("target.of", f"not above 0 on {np.count_nonzero(~(of > 0)):,} rows", "leave those out by table.rows")
    if notes.faults:
        raise FormFaults(notes.faults)
    amount = came / of
    inside = np.clip(amount, 0.0, 1.0 if config.target.link is Link.SHARE else np.inf)
    return AmountRows(
        features=pa.table(features), amount=inside, of=of, baselines=baselines, month=month,
        capped=int(np.count_nonzero((inside != amount) & final)), sha256=given.sha256, known=final, groups=groups,
    )  # fmt: skip


def _groups(
    engine: duckdb.DuckDBPyConnection, rows: pa.Table, config: AmountConfig, notes: FaultNotes
) -> dict[str, npt.NDArray[np.object_]]:
    found: dict[str, npt.NDArray[np.object_]] = {}
    if config.table.sex is not None:
        told = _computed(engine, rows, "table.sex", f"CAST({quoted(config.table.sex)} AS TEXT)", notes)
        found["sex"] = np.array(told.to_pylist(), dtype=object)
    if config.table.age_years is not None:
        found["age_band"] = age_bands(_numbers(engine, rows, "table.age_years", config.table.age_years, notes))
    return found


def _joined(given: list[TableFile], config: AmountConfig, notes: FaultNotes) -> TableFile:
    """All files as one table: a row per row of the first, which the others must not multiply."""
    key, digest = config.table.key, hashlib.sha256()
    for one in given:
        digest.update(one.sha256.encode())
        if key not in one.table.column_names:
            notes.add("table.key", f"{', '.join(one.files)} has no column {key}", "use one that all files have")
    if notes.faults:
        raise FormFaults(notes.faults)
    with duckdb.connect(":memory:") as engine:
        for place, one in enumerate(given):
            engine.register(f"t{place}", one.table)
            [(many,)] = engine.sql(f'SELECT COUNT(*) - COUNT(DISTINCT "{key}") FROM t{place}').fetchall()
            if many:
                notes.add(
                    "table.key",
                    f"{', '.join(one.files)} repeats {key}, or lacks it, on {many:,} rows",
                    "give one row per key",
                )
        if notes.faults:
            raise FormFaults(notes.faults)
        joins = " ".join(f'LEFT JOIN t{place} USING ("{key}")' for place in range(1, len(given)))
        table = engine.sql(f'SELECT * FROM t0 {joins} ORDER BY "{key}"').to_arrow_table()
    names = tuple(name for one in given for name in one.files)
    return TableFile(table=table, files=names, sha256=digest.hexdigest())


def _hidden(config: AmountConfig, columns: list[str], notes: FaultNotes) -> tuple[str, ...]:
    """Every column that tells the outcome: those named, and those that the amount is made of."""
    hidden = list(columns_of(config.target.amount))
    for place, pattern in enumerate(config.table.tells_outcome):
        matched = [name for name in columns if fnmatchcase(name, pattern)]
        if not matched:
            notes.add(f"table.tells_outcome[{place}]", f"no column is {pattern}", "correct it: it hides nothing")
        hidden += matched
    return tuple(name for name in dict.fromkeys(hidden) if name in columns)


def _note_expressions(config: AmountConfig, given: TableFile, hidden: tuple[str, ...], notes: FaultNotes) -> None:
    loan = LOAN_COLUMNS if config.loan is not None else ()

    def note(texts: Iterable[tuple[str, str]], extra: tuple[str, ...], unknown: tuple[str, ...]) -> None:
        for key, text in texts:
            note_expression(
                key, text, known=(*given.table.column_names, *extra), files=given.files, hidden=unknown,
                hidden_way_out=_KNOW_NO, notes=notes,
            )  # fmt: skip

    note(config.known_expressions(), loan, hidden)
    if config.loan is not None:
        note(((f"loan.{name}", getattr(config.loan, name)) for name in LoanForm.__struct_fields__), (), hidden)
    if config.table.month is not None:
        note([("table.month", config.table.month)], (), hidden)
    of = [("target.of", config.target.of)] if config.target.of is not None else []
    people = [(f"table.{name}", getattr(config.table, name)) for name in ("sex", "age_years")]
    note([("table.rows", config.table.rows), *((key, text) for key, text in people if text is not None)], (), ())
    note([("target.amount", config.target.amount), ("target.known", config.target.known), *of], loan, ())
    protected = columns_of(config.table.sex) if config.table.sex is not None else ()
    for key, text in config.known_expressions():
        for name in protected:
            if name in columns_of(text):
                notes.add(key, f"{name} is what the law protects", "leave it out; fairness reads it as table.sex")


def _chosen(engine: duckdb.DuckDBPyConnection, config: AmountConfig, given: TableFile, notes: FaultNotes) -> pa.Table:
    engine.register("given", given.table)
    try:
        chosen = engine.sql(f"SELECT * FROM given WHERE {quoted(config.table.rows)}").to_arrow_table()
    except duckdb.Error as error:
        notes.add("table.rows", f"{config.table.rows} cannot be computed ({error})", "correct it")
        raise FormFaults(notes.faults) from error
    if not chosen.num_rows:
        notes.add("table.rows", f"{config.table.rows} holds on no row", "correct it")
        raise FormFaults(notes.faults)
    return chosen


def _with_loan(
    engine: duckdb.DuckDBPyConnection, loan: LoanForm, known: pa.Table, rows: pa.Table, notes: FaultNotes
) -> pa.Table:
    told = {
        name: _numbers(engine, known, f"loan.{name}", getattr(loan, name), notes) for name in LoanForm.__struct_fields__
    }
    if notes.faults:
        raise FormFaults(notes.faults)
    paid = installments_paid(paid=told.pop("paid"), installment=told["installment"])
    exposure = amortized_exposure(**told, installments_paid=paid)
    for name, figures in zip(LOAN_COLUMNS, (amortized_principal(**told), paid, exposure), strict=True):
        rows = rows.append_column(name, pa.array(figures))
    return rows


def _numbers(engine: duckdb.DuckDBPyConnection, rows: pa.Table, key: str, text: str, notes: FaultNotes) -> Floats:
    """One expression on every row; missing is NaN. A fault is noted, and all are missing then."""
    return np.asarray(
        _computed(engine, rows, key, f"CAST({quoted(text)} AS DOUBLE)", notes).cast(pa.float64()).to_numpy(),
        dtype=np.float64,
    )


def _months(
    engine: duckdb.DuckDBPyConnection, rows: pa.Table, config: AmountConfig, notes: FaultNotes
) -> npt.NDArray[np.datetime64]:
    if config.table.month is None:
        return np.empty(0, dtype="datetime64[M]")
    days = _computed(engine, rows, "table.month", f"CAST({quoted(config.table.month)} AS DATE)", notes)
    if days.null_count:
        notes.add("table.month", f"unknown on {days.null_count:,} rows", "leave those out by table.rows")
    return np.asarray(days.cast(pa.date32()).to_numpy(), dtype="datetime64[M]")


def _computed(
    engine: duckdb.DuckDBPyConnection, rows: pa.Table, key: str, sql: str, notes: FaultNotes
) -> pa.ChunkedArray:
    engine.register("known", rows)
    try:
        found = engine.sql(f"SELECT {sql} FROM known").to_arrow_table()
    except duckdb.Error as error:
        notes.add(key, f"cannot be computed ({error})", "correct it")
        return pa.chunked_array([pa.nulls(rows.num_rows)])
    if found.num_columns != 1:
        notes.add(key, f"is {found.num_columns} columns", "write one expression")
    return found.column(0)
