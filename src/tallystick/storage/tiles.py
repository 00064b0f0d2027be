"""Rolling up busy keys into time tiles, from committed rows: days, hours, and what is over of the hour that runs."""

from functools import cache
from typing import Final

from msgspec import Struct
from psycopg import Connection, sql

from tallystick.features.as_of_catalog import load_as_of_catalog
from tallystick.features.event_tables import DAY_TICKS, ENTITIES, HOUR_TICKS, STREAM_PREFIX
from tallystick.features.tiles import DAY_HOURS, MEASURES, TILE_PREFIX, TILED

# A key with more rows than this within the longest window is rolled up: below it, reading the rows is as fast.
BUSY_ROWS: Final = 200
SECOND_TICKS: Final = 1_000_000
# Until an announcement is committed, nobody knows who wrote without having seen it.
_NOBODY_KNOWS: Final = 2**63 - 1


def announce_roll_up(connection: Connection, *, until_tick: int) -> bool:
    """Say that what came before this tick, to the second, is to be rolled up; `connection` must be in autocommit.

    Streams of which something announced is left are passed over: a later announcement would have to be waited for anew.
    So are those that somebody holds: nobody is waited for here. False where nothing was announced.
    """
    announced = write_announcement(connection, until_tick=until_tick)
    count_announcements(connection)
    return announced


def write_announcement(connection: Connection, *, until_tick: int) -> bool:
    """The first half: from its commit on, whoever writes a row of an earlier tick reopens the tiles of its keys."""
    second = until_tick - until_tick % SECOND_TICKS
    announced = connection.execute(
        """
        UPDATE tile_marks SET announced_tick = %s, waits_for_xids_before = %s
        WHERE stream = ANY(ARRAY(
            SELECT stream FROM tile_marks WHERE announced_tick < %s AND rolled_tick = announced_tick
            FOR UPDATE SKIP LOCKED
        ))
        """,
        [second, _NOBODY_KNOWS, second],
    )
    return announced.rowcount > 0


def count_announcements(connection: Connection) -> None:
    """The second half, once the first is committed: whoever may have looked before has an id lower than this one's."""
    connection.execute(
        """
        UPDATE tile_marks SET waits_for_xids_before = pg_current_xact_id()::text::bigint
        WHERE stream = ANY(ARRAY(
            SELECT stream FROM tile_marks WHERE waits_for_xids_before = %s FOR UPDATE SKIP LOCKED
        ))
        """,
        [_NOBODY_KNOWS],
    )


class RolledUp(Struct, frozen=True):
    """A stream whose busy keys are rolled up until a tick."""

    stream: str
    until_tick: int


def roll_up(connection: Connection, *, busy_rows: int = BUSY_ROWS, most_ticks: int = DAY_TICKS) -> RolledUp | None:
    """Roll up the next piece of what was announced, in the caller's transaction: of one stream, and of a day at most.

    Repeated in one transaction each, it goes on where it was. None where nothing is left, another one is at it, or a
    transaction runs that began before the announcement: it may still write into those hours without knowing.
    """
    mark = connection.execute(
        """
        SELECT stream, announced_tick, rolled_tick FROM tile_marks
        WHERE announced_tick > 0 AND waits_for_xids_before <= (SELECT settled_before()) AND (
            rolled_tick < announced_tick
            OR EXISTS (SELECT FROM tiled_keys AS open
                       WHERE open.stream = tile_marks.stream AND open.until_tick < tile_marks.rolled_tick)
        )
        ORDER BY rolled_tick - announced_tick, stream LIMIT 1 FOR UPDATE SKIP LOCKED
        """
    ).fetchone()
    if mark is None:
        return None
    stream, announced_tick, rolled_tick = mark
    since_tick = rolled_tick or _first_tick(connection, stream) or announced_tick
    until_tick = min(announced_tick, max(rolled_tick, since_tick - since_tick % HOUR_TICKS + most_ticks))
    hour_is_over = until_tick // HOUR_TICKS > rolled_tick // HOUR_TICKS
    for entity in TILED[stream]:
        if hour_is_over:
            _find_busy(connection, stream, entity, until_tick=until_tick, busy_rows=busy_rows)
        _roll_up_hours(connection, stream, entity, until_tick=until_tick)
        _roll_up_days(connection, stream, entity, until_tick=until_tick)
    connection.execute(
        "UPDATE tiled_keys SET until_tick = %s WHERE stream = %s AND until_tick < %s",
        [until_tick, stream, until_tick],
    )
    connection.execute("UPDATE tile_marks SET rolled_tick = %s WHERE stream = %s", [until_tick, stream])
    return RolledUp(stream, until_tick)


def _first_tick(connection: Connection, stream: str) -> int | None:
    """The first tick of a stream that was never rolled up; reads all of it."""
    row = connection.execute(
        sql.SQL("SELECT min(tick) FROM {}").format(sql.Identifier(STREAM_PREFIX + stream))
    ).fetchone()
    assert row is not None
    return None if row[0] is None else int(row[0])


def longest_window_ticks(stream: str, entity: str) -> int:
    """How far back any feature of the catalog looks."""
    return max(
        one.window_ticks + one.ago_ticks
        for feature in load_as_of_catalog().features
        for one in feature.aggregates
        if (one.source, one.entity) == (stream, entity)
    )


def _find_busy(connection: Connection, stream: str, entity: str, *, until_tick: int, busy_rows: int) -> None:
    """Keys that came in hours that are over since this was last asked, were not busy so far, and are now."""
    until_tick -= until_tick % HOUR_TICKS
    since_tick = until_tick - longest_window_ticks(stream, entity)
    connection.execute(
        _filled(
            """
            INSERT INTO tiled_keys (stream, entity, key, until_tick)
            SELECT %(stream)s, %(entity)s, came.key::text, 0 FROM (
                SELECT DISTINCT {key} AS key FROM {events}
                WHERE tick >= (SELECT rolled_tick - rolled_tick %% %(hour)s FROM tile_marks WHERE stream = %(stream)s)
                  AND tick < %(until_tick)s AND {key} IS NOT NULL
            ) AS came
            WHERE %(busy_rows)s < (
                SELECT count(*) FROM (
                    SELECT FROM {events} AS e WHERE e.{key} = came.key AND e.tick >= %(since_tick)s
                    AND e.tick < %(until_tick)s LIMIT %(busy_rows)s + 1
                ) AS counted
            )
            ON CONFLICT DO NOTHING
            """,
            stream,
            entity,
        ),
        {"stream": stream, "entity": entity, "until_tick": until_tick, "since_tick": since_tick,
         "busy_rows": busy_rows, "hour": HOUR_TICKS},
    )  # fmt: skip


def _roll_up_hours(connection: Connection, stream: str, entity: str, *, until_tick: int) -> None:
    """The hours that a key is not whole in: what came since is added to the tile of the hour that ran."""
    at = {"stream": stream, "entity": entity, "until_tick": until_tick, "hour": HOUR_TICKS}
    # Only what begins at `until_tick` or later was reopened; the tile of the hour that ran begins before it.
    _forget(connection, stream, at | {"hours": 1, "ticks": 1})
    connection.execute(
        _filled(
            """
            WITH came (key, from_tick, {columns}) AS (
                SELECT open.key, e.tick - e.tick %% %(hour)s, {of_rows}
                FROM tiled_keys AS open JOIN {events} AS e ON e.{key} = open.key{cast} AND e.tick >= open.until_tick
                WHERE open.stream = %(stream)s AND open.entity = %(entity)s AND e.tick < %(until_tick)s
                GROUP BY open.key, e.tick - e.tick %% %(hour)s
            )
            INSERT INTO {tiles} (entity, key, hours, from_tick, {columns})
            SELECT %(entity)s, t.key, 1, t.from_tick, {of_tiles} FROM (
                SELECT key, from_tick, {columns} FROM came
                UNION ALL
                SELECT ran.key, ran.from_tick, {ran} FROM came JOIN {tiles} AS ran
                ON ran.entity = %(entity)s AND ran.key = came.key AND ran.hours = 1 AND ran.from_tick = came.from_tick
            ) AS t
            GROUP BY t.key, t.from_tick
            ON CONFLICT (entity, key, hours, from_tick) DO UPDATE SET ({columns}) = ROW ({fresh})
            """,
            stream,
            entity,
        ),
        at,
    )


def _roll_up_days(connection: Connection, stream: str, entity: str, *, until_tick: int) -> None:
    """The days that are over, from their hours."""
    at = {"stream": stream, "entity": entity, "until_tick": until_tick - until_tick % DAY_TICKS,
          "hours": DAY_HOURS, "ticks": DAY_TICKS}  # fmt: skip
    _forget(connection, stream, at)
    connection.execute(
        _filled(
            """
            INSERT INTO {tiles} (entity, key, hours, from_tick, {columns})
            SELECT %(entity)s, open.key, %(hours)s, t.from_tick - t.from_tick %% %(ticks)s, {of_tiles}
            FROM tiled_keys AS open JOIN {tiles} AS t ON t.entity = %(entity)s AND t.key = open.key AND t.hours = 1
             AND t.from_tick >= open.until_tick - open.until_tick %% %(ticks)s
            WHERE open.stream = %(stream)s AND open.entity = %(entity)s AND t.from_tick < %(until_tick)s
              AND open.until_tick < %(until_tick)s
            GROUP BY open.key, t.from_tick - t.from_tick %% %(ticks)s
            """,
            stream,
            entity,
        ),
        at,
    )


def _forget(connection: Connection, stream: str, at: dict[str, object]) -> None:
    """Tiles of hours or days that have been reopened."""
    connection.execute(
        sql.SQL(
            """
            DELETE FROM {} AS t USING tiled_keys AS open
            WHERE open.stream = %(stream)s AND open.entity = %(entity)s AND t.entity = open.entity AND t.key = open.key
              AND t.hours = %(hours)s AND t.from_tick >= open.until_tick - open.until_tick %% %(ticks)s
            """
        ).format(sql.Identifier(TILE_PREFIX + stream)),
        at,
    )


@cache
def _texts(stream: str) -> dict[str, sql.Composable]:
    """The columns of a stream's tiles, and what they are of rows, of tiles, and of what came in conflict."""
    measures = MEASURES[stream]
    names = [*(measure.column for measure in measures), "last_generation", "last_xid"]
    of_rows = [*(measure.of_rows() for measure in measures), "max(e.recorded_generation)", "max(e.recorded_xid)"]
    of_tiles = [*(measure.of_tiles() for measure in measures), "max(t.last_generation)", "max(t.last_xid)"]
    ran = [f"ran.{each}" for each in names]
    texts = {
        "columns": names,
        "of_rows": of_rows,
        "of_tiles": of_tiles,
        "fresh": [f"excluded.{each}" for each in names],
        "ran": ran,
    }
    return {name: sql.SQL(", ".join(each)) for name, each in texts.items()}


def _filled(text: str, stream: str, entity: str) -> sql.Composed:
    key = ENTITIES[entity].key
    return sql.SQL(text).format(
        events=sql.Identifier(STREAM_PREFIX + stream), tiles=sql.Identifier(TILE_PREFIX + stream),
        key=sql.Identifier(key), cast=sql.SQL("" if key == "category" else "::bigint"), **_texts(stream),
    )  # fmt: skip
