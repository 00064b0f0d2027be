"""Rolling up busy keys into time tiles, from committed rows of hours that are over."""

from functools import cache
from typing import Final

from msgspec import Struct
from psycopg import Connection, sql

from tallystick.features.as_of_catalog import load_as_of_catalog
from tallystick.features.event_tables import DAY_TICKS, ENTITIES, HOUR_TICKS, STREAM_PREFIX
from tallystick.features.tiles import DAY_HOURS, MEASURES, TILE_PREFIX, TILED

# A key with more rows than this within the longest window is rolled up: below it, reading the rows is as fast.
BUSY_ROWS: Final = 500


def announce_roll_up(connection: Connection, *, until_tick: int) -> None:
    """Say in a transaction of its own that hours until this tick are to be rolled up.

    From its commit on, whoever writes a row of an earlier tick reopens what was rolled up of its keys.
    """
    connection.execute(
        """
        UPDATE tile_marks SET announced_tick = %s, announced_xid = pg_current_xact_id()::text::bigint
        WHERE announced_tick < %s
        """,
        [until_tick - until_tick % HOUR_TICKS] * 2,
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
        WHERE announced_tick > 0 AND announced_xid < (SELECT settled_before()) AND (
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
    for entity in TILED[stream]:
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
    """Keys that came since the last roll-up, were not busy so far, and are now."""
    since_tick = until_tick - longest_window_ticks(stream, entity)
    connection.execute(
        _filled(
            """
            INSERT INTO tiled_keys (stream, entity, key, until_tick)
            SELECT %(stream)s, %(entity)s, came.key::text, 0 FROM (
                SELECT DISTINCT {key} AS key FROM {events}
                WHERE tick >= (SELECT rolled_tick FROM tile_marks WHERE stream = %(stream)s) AND tick < %(until_tick)s
                  AND {key} IS NOT NULL
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
         "busy_rows": busy_rows},
    )  # fmt: skip


def _roll_up_hours(connection: Connection, stream: str, entity: str, *, until_tick: int) -> None:
    """The hours that a key is not whole in; what was written for them before is written anew."""
    at = {"stream": stream, "entity": entity, "until_tick": until_tick, "hours": 1, "ticks": HOUR_TICKS}
    _forget(connection, stream, at)
    columns, sums = _columns(stream, of_tiles=False)
    connection.execute(
        _filled(
            """
            INSERT INTO {tiles} (entity, key, hours, from_tick, {columns})
            SELECT %(entity)s, open.key, 1, e.tick - e.tick %% %(ticks)s, {sums}
            FROM tiled_keys AS open JOIN {events} AS e ON e.{key} = open.key{cast} AND e.tick >= open.until_tick
            WHERE open.stream = %(stream)s AND open.entity = %(entity)s AND e.tick < %(until_tick)s
            GROUP BY open.key, e.tick - e.tick %% %(ticks)s
            """,
            stream,
            entity,
            columns=columns,
            sums=sums,
        ),
        at,
    )


def _roll_up_days(connection: Connection, stream: str, entity: str, *, until_tick: int) -> None:
    """The days that are over, from their hours."""
    at = {"stream": stream, "entity": entity, "until_tick": until_tick - until_tick % DAY_TICKS,
          "hours": DAY_HOURS, "ticks": DAY_TICKS}  # fmt: skip
    _forget(connection, stream, at)
    columns, sums = _columns(stream, of_tiles=True)
    connection.execute(
        _filled(
            """
            INSERT INTO {tiles} (entity, key, hours, from_tick, {columns})
            SELECT %(entity)s, open.key, %(hours)s, t.from_tick - t.from_tick %% %(ticks)s, {sums}
            FROM tiled_keys AS open JOIN {tiles} AS t ON t.entity = %(entity)s AND t.key = open.key AND t.hours = 1
             AND t.from_tick >= open.until_tick - open.until_tick %% %(ticks)s
            WHERE open.stream = %(stream)s AND open.entity = %(entity)s AND t.from_tick < %(until_tick)s
            GROUP BY open.key, t.from_tick - t.from_tick %% %(ticks)s
            """,
            stream,
            entity,
            columns=columns,
            sums=sums,
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
def _columns(stream: str, *, of_tiles: bool) -> tuple[sql.Composable, sql.Composable]:
    measures = MEASURES[stream]
    sums = [measure.of_tiles() if of_tiles else measure.of_rows() for measure in measures]
    last = ("t.last_generation", "t.last_xid") if of_tiles else ("e.recorded_generation", "e.recorded_xid")
    sums += [f"max({column})" for column in last]
    columns = [*(measure.column for measure in measures), "last_generation", "last_xid"]
    names = sql.SQL(", ").join(map(sql.Identifier, columns))
    return names, sql.SQL(", ").join(sql.SQL(text) for text in sums)


def _filled(text: str, stream: str, entity: str, **more: sql.Composable) -> sql.Composed:
    key = ENTITIES[entity].key
    return sql.SQL(text).format(
        events=sql.Identifier(STREAM_PREFIX + stream), tiles=sql.Identifier(TILE_PREFIX + stream),
        key=sql.Identifier(key), cast=sql.SQL("" if key == "category" else "::bigint"), **more,
    )  # fmt: skip
