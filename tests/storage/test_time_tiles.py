"""Time tiles: the same answers as without them, whatever is rolled up, comes late or is written meanwhile."""

import time
from collections.abc import Iterator, Mapping

import psycopg
import pyarrow as pa
import pytest
from tests.parity.answers import FEATURES, by_duckdb, given

from tallystick.features.as_of_catalog import load_as_of_catalog
from tallystick.features.event_tables import (
    DAY_TICKS,
    ENTITIES,
    EVENT_TABLES,
    HOUR_TICKS,
    REQUEST_SCHEMA,
    STREAM_PREFIX,
)
from tallystick.features.tiles import MEASURES, TILED, is_tiled, measure_of
from tallystick.operations.features import roll_up_tiles
from tallystick.storage.event_streams import load_stream
from tallystick.storage.features import build_live_features, features_at
from tallystick.storage.tiles import RolledUp, announce_roll_up, count_announcements, roll_up, write_announcement

ABOUT_TILED = tuple(
    feature
    for feature in FEATURES
    if any(is_tiled(one.source, one.entity) for one in feature.aggregates)
    and all(one.source in TILED for one in feature.aggregates)
)
HOUR = 460_000 * HOUR_TICKS  # some hour of 2022
NAMES = ("merchant_purchase_count_1h", "merchant_purchase_count_1d", "merchant_purchase_sum_30d")


ALL_AT_ONCE = 10_000_000 * HOUR_TICKS


def rolled(
    connection: psycopg.Connection, until_tick: int, *, busy_rows: int = 0, most_ticks: int = ALL_AT_ONCE
) -> list[RolledUp]:
    """Announce, and roll up as soon as nobody writes who began before; gives the pieces."""
    announce_roll_up(connection, until_tick=until_tick)
    pieces: list[RolledUp] = []
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        piece = roll_up(connection, busy_rows=busy_rows, most_ticks=most_ticks)
        pieces += [piece] if piece else []
        [(left,)] = connection.execute(
            """
            SELECT (SELECT count(*) FROM tile_marks WHERE rolled_tick < announced_tick)
                + (SELECT count(*) FROM tiled_keys JOIN tile_marks USING (stream) WHERE until_tick < rolled_tick)
            """
        ).fetchall()
        if left == 0:
            return pieces
    pytest.fail("nothing was left to roll up within a minute")


def purchases(*rows: Mapping[str, object]) -> pa.Table:
    return pa.Table.from_pylist([dict(row) for row in rows], schema=EVENT_TABLES["purchase"].schema())


def bought(number: int, tick: int, *, merchant_id: int = 5) -> dict[str, object]:
    return {"event_id": number, "tick": tick, "merchant_id": merchant_id, "amount_minor": 100 + number}


def asked(connection: psycopg.Connection, tick: int, *, merchant_id: int = 5) -> list[int]:
    row = {"request_id": 900, "tick": tick, "kind": "review", "utc_offset_minutes": 0, "merchant_id": merchant_id}
    features = load_as_of_catalog().named(NAMES)
    [told] = features_at(
        connection, pa.Table.from_pylist([row], schema=REQUEST_SCHEMA), features=features
    ).columns.to_pylist()
    return [told[name] for name in NAMES]


@pytest.fixture
def books(database_url: str) -> Iterator[psycopg.Connection]:
    with psycopg.connect(database_url, autocommit=True) as connection:
        yield connection


def test_every_aggregate_over_a_tiled_entity_has_its_column_and_every_column_its_aggregate(
    connection: psycopg.Connection,
) -> None:
    aggregates = {one for feature in FEATURES for one in feature.aggregates if ENTITIES[one.entity].tiled}
    assert {(one.source, one.entity) for one in aggregates} == {
        (source, entity) for source, entities in TILED.items() for entity in entities
    }
    used = {(one.source, measure_of(one)) for one in aggregates}
    assert used == {(source, measure) for source, measures in MEASURES.items() for measure in measures}
    for source, measures in MEASURES.items():
        told = connection.execute(
            "SELECT column_name FROM information_schema.columns WHERE table_name = %s ORDER BY ordinal_position",
            [f"tiles_{source}"],
        )
        columns = [name for (name,) in told]
        ours = [measure.column for measure in measures]
        assert columns == ["entity", "key", "hours", "from_tick", *ours, "last_generation", "last_xid"]


@pytest.mark.parametrize("seed", [1, 2])
@pytest.mark.parametrize("share", [0.5, 0.8, 1.0])
def test_answers_with_tiles_are_the_answers_without(books: psycopg.Connection, seed: int, share: float) -> None:
    streams = {name: table for name, table in given(seed).streams.items() if name in TILED}
    ticks = sorted(tick for table in streams.values() for tick in table["tick"].to_pylist())
    until_tick = ticks[int(share * (len(ticks) - 1))] + HOUR_TICKS
    for name, table in streams.items():
        load_stream(books, name, table)
    rolled(books, until_tick)
    [(tiles,)] = books.execute("SELECT count(*) FROM tiles_purchase WHERE hours = 24").fetchall()
    assert tiles > 300
    told = features_at(books, given(seed).requests, features=ABOUT_TILED).columns
    assert told.schema.names[1:] == [feature.name for feature in ABOUT_TILED]
    meant = by_duckdb(seed).select(told.schema.names)
    assert [name for name in told.schema.names if not told[name].equals(meant[name])] == []
    # Where no window is short, most of what is raw lies within them all and is added up as it is read.
    long = tuple(one for one in ABOUT_TILED if all(each.window not in ("1h", "1d") for each in one.aggregates))
    assert len(long) > 10
    told = features_at(books, given(seed).requests, features=long).columns
    assert [one.name for one in long if not told[one.name].equals(meant[one.name])] == []


def test_a_build_over_the_live_streams_reads_tiles_and_gives_the_same(books: psycopg.Connection) -> None:
    live = {"purchase", "purchase_outcome", "fraud_label", "application", "bureau_report"}
    features = tuple(one for one in FEATURES if set(one.sources) <= live)
    for name in live:
        load_stream(books, name, given(1).streams[name])
    rolled(books, max(given(1).streams["purchase"]["tick"].to_pylist()))

    def built() -> pa.Table:
        with books.transaction(force_rollback=True):
            return build_live_features(books, given(1).requests, features=features)

    meant = by_duckdb(1).select(["request_id", *(one.name for one in features)])
    told = built()
    assert (told.schema.names, told.schema.types) == (meant.schema.names, meant.schema.types)
    assert [name for name in told.schema.names if not told[name].equals(meant[name])] == []
    books.execute("UPDATE tiles_purchase SET row_count = row_count + 1 WHERE entity = 'merchant'")
    assert not built()["merchant_purchase_count_90d"].equals(meant["merchant_purchase_count_90d"])


def test_a_row_that_comes_late_reopens_its_key_and_no_other(books: psycopg.Connection) -> None:
    load_stream(books, "purchase", purchases(*(bought(n, HOUR + n * HOUR_TICKS // 2) for n in range(40))))
    load_stream(books, "purchase", purchases(bought(50, HOUR + 1, merchant_id=6)))
    rolled(books, HOUR + 30 * HOUR_TICKS)
    before = asked(books, HOUR + 40 * HOUR_TICKS)
    load_stream(books, "purchase", purchases(bought(60, HOUR + 3 * HOUR_TICKS + 7)))
    whole = books.execute("SELECT key, until_tick FROM tiled_keys WHERE entity = 'merchant'").fetchall()
    assert dict(whole) == {"5": HOUR + 3 * HOUR_TICKS, "6": HOUR + 30 * HOUR_TICKS}
    after = asked(books, HOUR + 40 * HOUR_TICKS)
    assert [now - then for now, then in zip(after, before, strict=True)] == [0, 0, 160]
    rolled(books, HOUR + 31 * HOUR_TICKS)
    assert asked(books, HOUR + 40 * HOUR_TICKS) == after


def test_the_hour_that_runs_is_rolled_up_as_far_as_it_is_over(books: psycopg.Connection) -> None:
    minute = HOUR_TICKS // 60
    load_stream(books, "purchase", purchases(*(bought(n, HOUR + n * minute) for n in range(-30, 40))))
    counts: list[object] = []
    for until in (10, 25, 32):
        rolled(books, HOUR + until * minute)
        counts += books.execute(
            "SELECT from_tick, row_count FROM tiles_purchase WHERE from_tick = %s", [HOUR]
        ).fetchall()
        assert asked(books, HOUR + 45 * minute) == [54, 70, 70 * 100 + sum(range(-30, 40))]
        assert asked(books, HOUR + 12 * minute) == [42, 42, 42 * 100 + sum(range(-30, 12))]  # before the tile's end
    assert counts == [(HOUR, 10), (HOUR, 25), (HOUR, 32)]
    load_stream(books, "purchase", purchases(bought(60, HOUR + 5 * minute + 7)))
    after = [55, 71, 71 * 100 + sum(range(-30, 40)) + 60]
    assert asked(books, HOUR + 45 * minute) == after
    rolled(books, HOUR + 50 * minute)
    assert books.execute("SELECT until_tick FROM tiled_keys").fetchall() == [(HOUR + 50 * minute,)]
    assert asked(books, HOUR + 52 * minute)[1:] == after[1:]
    rolled(books, HOUR + 130 * minute)
    assert books.execute("SELECT row_count FROM tiles_purchase WHERE from_tick = %s", [HOUR]).fetchall() == [(41,)]


def test_an_announcement_waits_until_the_one_before_is_rolled_up(books: psycopg.Connection) -> None:
    assert announce_roll_up(books, until_tick=HOUR)
    assert not announce_roll_up(books, until_tick=HOUR + HOUR_TICKS)
    rolled(books, HOUR)
    assert announce_roll_up(books, until_tick=HOUR + HOUR_TICKS)


def test_whoever_looked_before_the_announcement_was_committed_is_waited_for(
    books: psycopg.Connection, database_url: str
) -> None:
    load_stream(books, "purchase", purchases(bought(1, HOUR + 1)))
    with psycopg.connect(database_url) as announcing, psycopg.connect(database_url) as slow:
        write_announcement(announcing, until_tick=HOUR + 2 * HOUR_TICKS)
        load_stream(slow, "purchase", purchases(bought(2, HOUR + 2)))  # with a later id, and does not see it
        announcing.commit()
        count_announcements(books)
        assert roll_up(books, busy_rows=0) is None
        slow.commit()
    rolled(books, HOUR + 2 * HOUR_TICKS)
    assert asked(books, HOUR + 3 * HOUR_TICKS) == [0, 2, 203]


def test_an_announcement_waits_for_nobody_who_writes_late(books: psycopg.Connection, database_url: str) -> None:
    load_stream(books, "purchase", purchases(bought(1, HOUR + 1)))
    rolled(books, HOUR + HOUR_TICKS)
    with psycopg.connect(database_url) as late:
        load_stream(late, "purchase", purchases(bought(2, HOUR + 2)))  # it holds the mark of its stream
        assert announce_roll_up(books, until_tick=HOUR + 2 * HOUR_TICKS)
        marks = books.execute("SELECT stream, announced_tick FROM tile_marks").fetchall()
        assert dict(marks) == {name: HOUR + (1 if name == "purchase" else 2) * HOUR_TICKS for name in TILED}
        late.commit()
    rolled(books, HOUR + 2 * HOUR_TICKS)
    assert asked(books, HOUR + 3 * HOUR_TICKS) == [0, 2, 203]


def test_whoever_began_before_the_announcement_is_waited_for(books: psycopg.Connection, database_url: str) -> None:
    load_stream(books, "purchase", purchases(bought(1, HOUR + 1)))
    with psycopg.connect(database_url) as slow:
        load_stream(slow, "purchase", purchases(bought(2, HOUR + 2)))  # not committed, and knows of no announcement
        announce_roll_up(books, until_tick=HOUR + 2 * HOUR_TICKS)
        assert roll_up(books, busy_rows=0) is None
        slow.commit()
    rolled(books, HOUR + 2 * HOUR_TICKS)
    assert asked(books, HOUR + 3 * HOUR_TICKS) == [0, 2, 203]


def test_the_operation_rolls_up_until_the_last_full_second(books: psycopg.Connection) -> None:
    load_stream(books, "purchase", purchases(*(bought(n, HOUR + n) for n in range(600))))
    load_stream(books, "purchase", purchases(bought(700, HOUR + HOUR_TICKS + 5)))
    pieces = list(roll_up_tiles(books, until_tick=HOUR + HOUR_TICKS + 10))
    assert sorted(piece.stream for piece in pieces) == sorted(TILED)
    assert {piece.until_tick for piece in pieces} == {HOUR + HOUR_TICKS}
    tiles = books.execute("SELECT entity, key, hours, from_tick, row_count FROM tiles_purchase").fetchall()
    assert tiles == [("merchant", "5", 1, HOUR, 600)]
    assert asked(books, HOUR + HOUR_TICKS + 10)[:2] == [590, 601]


def test_only_busy_keys_are_rolled_up_and_the_others_are_read_raw(books: psycopg.Connection) -> None:
    load_stream(books, "purchase", purchases(*(bought(n, HOUR + n) for n in range(6))))
    load_stream(books, "purchase", purchases(*(bought(10 + n, HOUR + n, merchant_id=6) for n in range(5))))
    rolled(books, HOUR + HOUR_TICKS, busy_rows=5)
    assert books.execute("SELECT entity, key FROM tiled_keys").fetchall() == [("merchant", "5")]
    assert [asked(books, HOUR + 2 * HOUR_TICKS, merchant_id=each)[1] for each in (5, 6)] == [6, 5]


def test_what_a_busy_key_reads_is_bounded(books: psycopg.Connection) -> None:
    """Of 20,000 rows of 60 days, some hundred: the hours that windows begin in, and the tiles between them."""
    minute = HOUR_TICKS // 60
    load_stream(books, "purchase", purchases(*(bought(n, HOUR + n * 4 * minute) for n in range(20_000))))
    until = HOUR + 20_000 * 4 * minute
    rolled(books, until)
    books.execute("ANALYZE")
    for statement in ("SELECT pg_stat_force_next_flush()", "SELECT pg_stat_reset()"):
        books.execute(statement)
    asked(books, until + 30 * minute)
    for statement in ("SELECT pg_stat_force_next_flush()", "SELECT 1"):
        books.execute(statement)
    [(read,)] = books.execute(
        "SELECT idx_tup_fetch + seq_tup_read FROM pg_stat_user_tables WHERE relname = %s", [f"{STREAM_PREFIX}purchase"]
    ).fetchall()
    assert 0 < read < 200


def test_what_is_long_ago_is_rolled_up_day_by_day_with_the_same_tiles(books: psycopg.Connection) -> None:
    load_stream(books, "purchase", purchases(*(bought(n, HOUR + n * 7 * HOUR_TICKS) for n in range(20))))
    until = HOUR + 140 * HOUR_TICKS
    pieces = [piece for piece in rolled(books, until, most_ticks=DAY_TICKS) if piece.stream == "purchase"]
    assert [piece.until_tick for piece in pieces] == [*(HOUR + day * DAY_TICKS for day in range(1, 6)), until]
    by_days = books.execute("SELECT * FROM tiles_purchase ORDER BY entity, hours, from_tick").fetchall()
    for table in ("tiles_purchase", "tiled_keys"):
        books.execute(f"DELETE FROM {table}".encode())
    books.execute("UPDATE tile_marks SET rolled_tick = 0")
    assert len(rolled(books, until)) == len(TILED)
    assert books.execute("SELECT * FROM tiles_purchase ORDER BY entity, hours, from_tick").fetchall() == by_days
    assert len(by_days) == 20 + 6


def test_two_that_roll_up_at_once_do_no_work_twice(books: psycopg.Connection, database_url: str) -> None:
    load_stream(books, "purchase", purchases(*(bought(n, HOUR + n) for n in range(3))))
    announce_roll_up(books, until_tick=HOUR + 10 * HOUR_TICKS)
    with psycopg.connect(database_url) as first, psycopg.connect(database_url) as second:
        taken = [roll_up(side, busy_rows=0) for _ in range(2) for side in (first, second)]
        assert sorted(piece.stream for piece in taken if piece) == sorted(TILED)
        assert roll_up(first) is None
        assert roll_up(second) is None


def test_a_writer_of_now_does_not_wait_for_a_roll_up(books: psycopg.Connection, database_url: str) -> None:
    load_stream(books, "purchase", purchases(bought(1, HOUR)))
    announce_roll_up(books, until_tick=HOUR + HOUR_TICKS)
    with psycopg.connect(database_url) as rolling:
        assert roll_up(rolling, busy_rows=0) is not None
        books.execute("SET lock_timeout = '5s'")
        load_stream(books, "purchase", purchases(bought(2, HOUR + HOUR_TICKS)))
        rolling.commit()
    assert asked(books, HOUR + 2 * HOUR_TICKS)[1] == 2
