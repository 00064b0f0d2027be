"""Raw rows of a file as requests and streams: each row at the instant from which a decision could have known it."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import duckdb
import pyarrow as pa
import sqlglot
from sqlglot import exp

from tallystick.features.event_tables import DAY_TICKS, EVENT_TABLES, REQUEST_SCHEMA
from tallystick.features.outcomes import OutcomeRule
from tallystick.sources.files import TableFile, placed, read_table
from tallystick.sources.row_expressions import columns_of, note_expression, quoted
from tallystick.sources.training_form import EventSource
from tallystick.terms.form import FaultNotes, FormFaults

_TICK = "happened_at_tick"  # what a mapping calls the tick of its raw row
_SQL_TYPES = {pa.int64(): "BIGINT", pa.float64(): "DOUBLE", pa.string(): "TEXT", pa.bool_(): "BOOLEAN"}


@dataclass(frozen=True, slots=True)
class RawEvents:
    """Requests and streams out of raw rows, and the tick up to which the file tells what happened."""

    requests: pa.Table
    streams: dict[str, pa.Table]
    first_tick: int
    known_until_tick: int
    sha256: str


def read_raw_events(path: Path, *, source: EventSource, rule: OutcomeRule, file: str) -> RawEvents:
    """Read a file or folder and map it. `file` names the configuration in messages.

    Raises `FileFault` for what cannot be read, and `FormFaults` for every expression that names no column, cannot be
    computed, or lets a request or a stream see what tells the outcome before the outcome itself is told.
    """
    given = read_table(placed(path, source.file))
    notes = FaultNotes(file)
    hidden, untold_days = hidden_columns(source, rule), told_after_days(source, rule)
    for key, text, delay_days in _expressions(source):
        note_expression(
            key, text,
            known=(*given.table.column_names, _TICK), files=given.files,
            hidden=hidden if delay_days < untold_days else (),
            hidden_way_out=f"map it in a stream with delay_days of {untold_days} or more, as long as the outcome's own",
            notes=notes,
        )  # fmt: skip
    if notes.faults:
        raise FormFaults(notes.faults)
    return _mapped(given, source, notes)


def hidden_columns(source: EventSource, rule: OutcomeRule) -> tuple[str, ...]:
    """The raw columns that tell the outcome: those said to, and those that its own conditions are made of."""
    hidden = list(source.tells_outcome)
    for condition in rule.conditions:
        stream = source.streams.get(condition.stream)
        for column in sqlglot.parse_one(condition.where, read="postgres").find_all(exp.Column):
            if stream is not None and column.table == "e" and column.name in stream.columns:
                hidden += columns_of(stream.columns[column.name])
    return tuple(dict.fromkeys(name for name in hidden if name != _TICK))


def told_after_days(source: EventSource, rule: OutcomeRule) -> int:
    """After how many days what tells the outcome is known: as the first of its own streams tells it, one at least."""
    return max(1, min(source.streams[name].delay_days for name in rule.streams))


def _expressions(source: EventSource) -> Iterable[tuple[str, str, int]]:
    yield "events.id", source.id, 0
    yield "events.at", source.at, 0
    yield from ((f"events.columns.{name}", text, 0) for name, text in source.columns.items())
    for stream, mapping in source.streams.items():
        for name, text in mapping.columns.items():
            yield f"events.streams.{stream}.columns.{name}", text, mapping.delay_days


def _mapped(given: TableFile, source: EventSource, notes: FaultNotes) -> RawEvents:
    with duckdb.connect(":memory:") as engine:
        engine.register("given", given.table)
        # Numbered within the time of day, not the instant: so a row exactly a week ago is a week ago, whatever the
        # order of those that share its second, and a label told after a week is known a week later to the second.
        engine.sql(
            f"CREATE TABLE raw AS SELECT *, happened_at + ROW_NUMBER() OVER (PARTITION BY happened_at % {DAY_TICKS} "
            f"ORDER BY happened_at, raw_id) - 1 AS {_TICK} FROM ({_instants(engine, source, notes)})"
        )
        _check_order(engine, notes)
        observed = {"request_id": "raw_id", "tick": _TICK, "kind": f"'{source.observe}'"}
        observed |= {"utc_offset_minutes": _offset(source), **source.columns}
        tables = {"request": _table(engine, REQUEST_SCHEMA, observed, key="events.columns", notes=notes)}
        for name, mapping in source.streams.items():
            columns = {"event_id": "raw_id", "tick": f"{_TICK} + {mapping.delay_days * DAY_TICKS}", **mapping.columns}
            schema, key = EVENT_TABLES[name].schema(), f"events.streams.{name}.columns"
            tables[name] = _table(engine, schema, columns, key=key, notes=notes)
        [(first, last)] = engine.sql(f"SELECT MIN({_TICK}), MAX({_TICK}) FROM raw").fetchall()
    if notes.faults:
        raise FormFaults(notes.faults)
    return RawEvents(tables.pop("request"), tables, first, last, given.sha256)


def _offset(source: EventSource) -> str:
    """The lender's minutes from UTC at the tick of a row, as SQL."""
    return local_offset(_TICK, time_zone=source.time_zone) if source.time_zone else str(source.utc_offset_minutes)


def local_offset(tick: str, *, time_zone: str) -> str:
    """A time zone's minutes from UTC at a tick, both as SQL of DuckDB."""
    local = f"timezone('{time_zone}', make_timestamptz({tick}))"
    return f"CAST((epoch_us({local}) - {tick}) / 60000000 AS BIGINT)"


def _instants(engine: duckdb.DuckDBPyConnection, source: EventSource, notes: FaultNotes) -> str:
    """Raw rows with their id and their instant in microseconds; raises `FormFaults` where either cannot be computed."""
    texts = {"id": f"CAST({quoted(source.id)} AS BIGINT)", "at": f"epoch_us({quoted(source.at)})"}
    for name, text in texts.items():
        try:
            [(absent,)] = engine.sql(f"SELECT COUNT(*) - COUNT({text}) FROM given").fetchall()
        except duckdb.Error as error:
            notes.add(f"events.{name}", f"{getattr(source, name)} cannot be computed ({error})", "correct it")
            continue
        if absent:
            notes.add(f"events.{name}", f"null on {absent:,} rows", "leave those rows out of the file")
    if notes.faults:
        raise FormFaults(notes.faults)
    return f"SELECT *, {texts['id']} AS raw_id, {texts['at']} AS happened_at FROM given"


def _check_order(engine: duckdb.DuckDBPyConnection, notes: FaultNotes) -> None:
    """Ticks keep the order of the instants, unless too many rows stand at one time of day."""
    [(crossed,)] = engine.sql(
        f"SELECT COUNT(*) FROM (SELECT {_TICK} <= LAG({_TICK}) OVER (ORDER BY happened_at, raw_id) AS crossed "
        "FROM raw) WHERE crossed"
    ).fetchall()
    if crossed:
        problem = f"more rows share a time of day than microseconds lie before {crossed:,} others"
        notes.add("events.at", problem, "give finer instants, or fewer days in one file")


def _table(
    engine: duckdb.DuckDBPyConnection, schema: pa.Schema, columns: dict[str, str], *, key: str, notes: FaultNotes
) -> pa.Table:
    """One table of the schema; a column that nothing is mapped to is null."""
    told = ", ".join(
        f"CAST({quoted(columns.get(field.name, 'NULL'))} AS {_SQL_TYPES[field.type]}) AS {field.name}"
        for field in schema
    )
    try:
        return engine.sql(f"SELECT {told} FROM raw ORDER BY raw_id").to_arrow_table()
    except duckdb.Error as error:
        for name, text in columns.items():
            try:
                engine.sql(f"SELECT CAST({quoted(text)} AS {_SQL_TYPES[schema.field(name).type]}) FROM raw").fetchall()
            except duckdb.Error as cause:
                notes.add(f"{key}.{name}", f"{text} cannot be computed ({cause})", "correct it")
        if not notes.faults:
            raise AssertionError("a column that fails alone fails together") from error
        return schema.empty_table()
