"""A lender's own streams as they are exported, and what was asked, read off them: who was observed, and when."""

import hashlib
from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import duckdb
import pyarrow as pa
import pyarrow.compute as pc

from tallystick.features.event_tables import DAY_TICKS, EVENT_TABLES, REQUEST
from tallystick.sources.files import FileFault, read_table_or_empty
from tallystick.sources.raw_events import RawEvents, local_offset
from tallystick.sources.training_form import StreamSource

# Past due so long, a line is in arrears already: a review lowers its limit by rule, and nobody asks whether it will be.
_ARREARS_DAYS: Final = 30
# Past due so long, a line has defaulted (Basel CRE36.69); it is not asked about again.
_DEFAULT_DAYS: Final = 90

# Of a purchase that was declined nobody learns what it would have been; one that is asked for again with a second
# factor is another purchase, and is observed then.
_PURCHASES: Final = """
    SELECT p.*, p.event_id AS request_id FROM purchase AS p
    WHERE EXISTS (SELECT 1 FROM purchase_outcome AS o WHERE o.event_id = p.event_id AND NOT o.is_declined)
"""
# The line that an application came to, its latest one before the line was opened; the outcome is read off that line.
_APPLICATIONS: Final = """
    SELECT a.*, a.event_id AS request_id, opened.line_id
    FROM (SELECT line_id, borrower_id, MIN(tick) AS opened_tick FROM line_change GROUP BY ALL) AS opened
    JOIN application AS a ON a.borrower_id = opened.borrower_id AND a.tick <= opened.opened_tick
    QUALIFY ROW_NUMBER() OVER (PARTITION BY opened.line_id ORDER BY a.tick DESC, a.event_id DESC) = 1
"""
# Every line as it stood when a review would have looked at it.
_REVIEWS: Final = f"""
    SELECT ROW_NUMBER() OVER (ORDER BY tick, line_id) AS request_id, tick, line_id, borrower_id
    FROM (
        SELECT i.tick, c.* EXCLUDE (tick) FROM instant AS i JOIN line_change AS c ON c.tick < i.tick
        QUALIFY ROW_NUMBER() OVER (PARTITION BY i.tick, c.line_id ORDER BY c.tick DESC, c.event_id DESC) = 1
    ) AS stood
    WHERE limit_minor > 0
    AND COALESCE(FLOOR(tick / {DAY_TICKS}) - oldest_unpaid_due_day, 0) < {_ARREARS_DAYS}
    AND NOT EXISTS (
        SELECT 1 FROM past_due_spell AS s
        WHERE s.line_id = stood.line_id AND s.tick < stood.tick AND s.days_past_due >= {_DEFAULT_DAYS}
    )
"""
_REQUESTS: Final[Mapping[str, tuple[str, tuple[str, ...]]]] = {
    "purchase": (_PURCHASES, ("purchase", "purchase_outcome")),
    "application": (_APPLICATIONS, ("application", "line_change")),
    "review": (_REVIEWS, ("line_change", "past_due_spell")),
}


@dataclass(frozen=True, slots=True)
class LenderStreams:
    """The streams that a folder holds, by name, with the tick up to which they tell, and the hash of the files."""

    tables: Mapping[str, pa.Table]
    first_tick: int
    known_until_tick: int
    sha256: str

    def before(self, tick: int) -> "LenderStreams":
        """What was known before a tick. What was not asked or told by then is not there."""
        known = {name: rows.filter(pc.less(rows["tick"], tick)) for name, rows in self.tables.items()}
        return replace(self, tables=known, known_until_tick=tick)

    def observed(self, source: StreamSource) -> RawEvents:
        """The requests that a source observes, with all streams.

        Raises `FileFault` where a stream is missing that they are read off.
        """
        text, needed = _REQUESTS[source.observe]
        if missing := [name for name in needed if name not in self.tables]:
            raise FileFault(
                f"{', '.join(missing)}: no such stream; {source.observe}s are read off it: export all streams"
            )
        apart = source.every_days * DAY_TICKS
        instants = range(self.known_until_tick - apart, self.first_tick, -apart)
        requests = _requests(self.tables, text, source=source, needed=needed, instants=instants)
        return RawEvents(requests, dict(self.tables), self.first_tick, self.known_until_tick, self.sha256)


def read_lender_streams(folder: Path) -> LenderStreams:
    """The streams of a folder, `purchase.parquet` or a folder `purchase`, and so on for each that stands there.

    Raises `FileFault` for a folder without streams or rows, and for what cannot be read.
    """
    digest, tables = hashlib.sha256(), {}
    for name in EVENT_TABLES:
        path = next((path for path in (folder / f"{name}.parquet", folder / name) if path.exists()), None)
        if path is None:
            continue
        read = read_table_or_empty(path)
        digest.update(f"{name}\n{read.sha256}\n".encode())
        tables[name] = read.table
    ticks = [pc.min_max(rows["tick"]).as_py() for rows in tables.values() if rows.num_rows]
    if not ticks:
        raise FileFault(f"{folder}: no stream has a row; give a folder with {', '.join(EVENT_TABLES)} as Parquet files")
    first, last = min(each["min"] for each in ticks), max(each["max"] for each in ticks)
    return LenderStreams(tables, first, last, digest.hexdigest())


def _requests(
    streams: Mapping[str, pa.Table], text: str, *, source: StreamSource, needed: Collection[str], instants: range
) -> pa.Table:
    """What was asked, in order of the ids; a column that no stream tells is null."""
    with duckdb.connect(":memory:") as engine:
        for name in needed:
            engine.register(name, streams[name])
        engine.register("instant", pa.table({"tick": pa.array(instants, pa.int64())}))
        told = engine.sql(text)
        given = {
            "kind": f"'{source.observe}'",
            "utc_offset_minutes": local_offset("tick", time_zone=source.time_zone),
            **{name: name for name in told.columns},
        }
        columns = ", ".join(
            f"CAST({given.get(column.name, 'NULL')} AS {column.type.sql}) AS {column.name}" for column in REQUEST
        )
        return engine.sql(f"SELECT {columns} FROM told ORDER BY request_id").to_arrow_table()
