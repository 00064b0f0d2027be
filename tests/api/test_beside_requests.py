"""What a server does beside its requests: the books are kept, and what fails is told and tried again."""

import threading

import psycopg
import pyarrow as pa
from psycopg import Connection
from tests.api.conftest import Api
from tests.api.test_lines_api import draw, open_line

from tallystick.features.event_tables import EVENT_TABLES, HOUR_TICKS
from tallystick.operations.ledger import verify
from tallystick.operations.progress import Silent
from tallystick.storage.event_streams import load_stream
from tallystick.web.bookkeeping import Bookkeeping
from tallystick.web.rounds import Rounds
from tallystick.web.tiling import Tiling

_PATIENCE_S = 10.0


def _unsealed(connection: Connection) -> int:
    row = connection.execute(
        "SELECT (SELECT count(*) FROM transfers) - (SELECT coalesce(sum(transfer_count), 0) FROM seals)"
    ).fetchone()
    assert row is not None
    return int(row[0])


def test_the_books_are_kept_while_the_server_runs(api: Api) -> None:
    draw(api, open_line(api)["line_id"], 12_300)
    books = Bookkeeping(api.edge, metrics=api.frame.metrics)
    with api.edge.pool.connection() as connection:
        waiting = _unsealed(connection)
    assert waiting > 0
    assert books.round() == waiting
    assert books.round() == 0
    with api.edge.pool.connection() as connection:
        assert not connection.autocommit  # the next request gets a connection as it expects it
        assert _unsealed(connection) == 0
    with psycopg.connect(str(api.edge.pool.conninfo)) as connection:
        assert verify(connection, progress=Silent()).is_sound
    assert f"tallystick_ledger_transfers_sealed_total {float(waiting)}" in api.client.get("/metrics").text


def test_two_servers_keep_the_same_books(api: Api) -> None:
    draw(api, open_line(api)["line_id"], 100)
    with api.edge.pool.connection() as connection:
        waiting = _unsealed(connection)
    both = [Bookkeeping(api.edge, metrics=api.frame.metrics) for _ in range(2)]
    sealed: list[int] = []
    threads = [threading.Thread(target=lambda books=books: sealed.append(books.round())) for books in both]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(sealed) == waiting


def _tiles(connection: Connection) -> list[tuple[str, int]]:
    return connection.execute("SELECT entity, sum(row_count)::bigint FROM tiles_purchase GROUP BY entity").fetchall()


def test_busy_keys_are_rolled_up_while_servers_run(api: Api) -> None:
    """Two servers at once; the last half minute is left alone, as rows may still be on their way."""
    now_tick = int(api.clock().timestamp()) * 1_000_000
    hour = now_tick - now_tick % HOUR_TICKS
    columns = {"event_id": range(1200), "tick": [hour - 3 * HOUR_TICKS // 2 + n for n in range(1200)],
               "merchant_id": [5] * 1200}  # fmt: skip
    schema = EVENT_TABLES["purchase"].schema()
    rows = pa.table({each.name: columns.get(each.name, pa.nulls(1200, each.type)) for each in schema}, schema=schema)
    with api.edge.pool.connection() as connection:
        load_stream(connection, "purchase", rows)
    both = [Tiling(api.edge, metrics=api.frame.metrics) for _ in range(2)]
    for tiling in both:
        tiling.start()
    waited = threading.Event()
    for _ in range(200):
        with api.edge.pool.connection() as connection:
            found = _tiles(connection)
        if found:
            break
        waited.wait(0.05)
    for tiling in both:
        tiling.stop()
    assert found == [("merchant", 1200)]
    assert both[0].round() == 0
    with api.edge.pool.connection() as connection:
        assert not connection.autocommit
        rolled = connection.execute("SELECT DISTINCT rolled_tick FROM tile_marks").fetchall()
        assert rolled == [(now_tick - 30_000_000,)]
    assert 'tallystick_tiles_rolled_until_timestamp_seconds{stream="purchase"}' in api.client.get("/metrics").text


def test_books_end_with_the_server(api: Api) -> None:
    draw(api, open_line(api)["line_id"], 100)
    books = Bookkeeping(api.edge, metrics=api.frame.metrics)
    books.start()
    waited = threading.Event()
    for _ in range(200):
        with api.edge.pool.connection() as connection:
            if _unsealed(connection) == 0:
                break
        waited.wait(0.05)
    books.stop()
    with api.edge.pool.connection() as connection:
        assert _unsealed(connection) == 0


def test_a_round_that_fails_is_tried_again() -> None:
    done = threading.Event()
    faults = iter([psycopg.OperationalError("away"), ValueError("a defect")])

    def round_() -> float:
        fault = next(faults, None)
        if fault is not None:
            raise fault
        done.set()
        return 60.0

    rounds = Rounds("test", round_, after_fault_s=0.01)
    rounds.start()
    assert done.wait(_PATIENCE_S)
    rounds.stop()
    assert rounds.is_stopping
