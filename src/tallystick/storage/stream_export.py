"""Streams out of the database, each row with who recorded it: what past batches are computed again from elsewhere."""

import json
from typing import Final

import pyarrow as pa
import pyarrow.csv
from psycopg import Connection

from tallystick.features.as_seen_build import PAYMENTS, PAYMENTS_TYPE, RECORDED_COLUMNS
from tallystick.features.event_tables import EVENT_TABLES, STREAM_PREFIX

_PAYMENTS_TEXT: Final = pa.field(PAYMENTS, pa.string())


def hold_still(connection: Connection) -> None:
    """Have every statement of the transaction that now begins read the same state."""
    connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")


def read_stream(connection: Connection, name: str) -> pa.Table:
    """All rows of a stream that are visible now, in order of their ticks, each with who recorded it.

    A statement that fell due carries its payments as well, for what was paid depends on who looked.
    """
    schema = pa.schema([*EVENT_TABLES[name].schema(), *RECORDED_COLUMNS])
    shown = ", ".join(schema.names)
    if name == "statement_due":
        schema = schema.append(_PAYMENTS_TEXT)
        shown += f", to_json({PAYMENTS})::text"
    query = f"COPY (SELECT {shown} FROM {STREAM_PREFIX}{name} ORDER BY tick, event_id) TO STDOUT (FORMAT csv)"
    text = pa.BufferOutputStream()
    with connection.cursor() as cursor, cursor.copy(query.encode()) as copy:
        for part in copy:
            text.write(part)
    rows = read_copied(text.getvalue(), schema)
    if name != "statement_due":
        return rows
    payments = [None if told is None else json.loads(told) for told in rows[PAYMENTS].to_pylist()]
    return rows.set_column(rows.num_columns - 1, pa.field(PAYMENTS, PAYMENTS_TYPE), pa.array(payments, PAYMENTS_TYPE))


def read_copied(told: pa.Buffer, schema: pa.Schema) -> pa.Table:
    """CSV as PostgreSQL copies it, in which an empty text that is not quoted is a null."""
    if told.size == 0:
        return schema.empty_table()
    return pa.csv.read_csv(
        pa.BufferReader(told),
        read_options=pa.csv.ReadOptions(column_names=schema.names),
        convert_options=pa.csv.ConvertOptions(
            column_types=schema, null_values=[""], true_values=["t"], false_values=["f"],
            strings_can_be_null=True, quoted_strings_can_be_null=False,
        ),
    )  # fmt: skip
