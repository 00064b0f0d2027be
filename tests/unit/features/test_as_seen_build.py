"""Past batches from tables: what a batch asked counts for it as it was asked, and for others as it stands there."""

import pyarrow as pa

from tallystick.features.as_of_catalog import load_as_of_catalog
from tallystick.features.as_seen_build import BATCH_COLUMNS, RECORDED_COLUMNS, build_as_seen
from tallystick.features.event_tables import EVENT_TABLES, HOUR_TICKS, REQUEST_SCHEMA

START = 460_000 * HOUR_TICKS
FEATURES = load_as_of_catalog().named(["line_purchase_count_1d", "line_purchase_sum_1d"])
ASKED = pa.schema([*REQUEST_SCHEMA, *BATCH_COLUMNS])
ROWS = pa.schema([*EVENT_TABLES["purchase"].schema(), *RECORDED_COLUMNS])


def asked(number: int, tick: int, *, batch_id: int, snapshot: str) -> dict[str, object]:
    return {
        "request_id": number, "tick": START + tick, "kind": "purchase", "utc_offset_minutes": 0, "line_id": 7,
        "amount_minor": 100, "batch_id": batch_id, "seen_generation": 1, "seen_snapshot": snapshot,
    }  # fmt: skip


def stored(number: int, tick: int, *, xid: int, amount_minor: int = 100) -> dict[str, object]:
    return {
        "event_id": number, "tick": START + tick, "line_id": 7, "amount_minor": amount_minor, "recorded_generation": 1,
        "recorded_xid": xid,
    }  # fmt: skip


REQUESTS = (
    asked(1, 10, batch_id=1, snapshot="5:5:"),
    asked(2, 20, batch_id=1, snapshot="5:5:"),
    asked(3, 30, batch_id=2, snapshot="6:6:"),
)


def told(*rows: dict[str, object]) -> list[tuple[object, ...]]:
    built = build_as_seen(
        pa.Table.from_pylist(list(REQUESTS), schema=ASKED),
        {"purchase": pa.Table.from_pylist(list(rows), schema=ROWS)},
        features=FEATURES,
    )
    return [tuple(row.values()) for row in built.to_pylist()]


def test_what_was_written_as_it_was_asked() -> None:
    rows = (stored(1, 10, xid=5), stored(2, 20, xid=5), stored(3, 30, xid=6))
    assert told(*rows) == [(1, 0, 0), (2, 1, 100), (3, 2, 200)]


def test_what_nobody_wrote_down_was_asked_all_the_same_and_only_its_own_batch_knows() -> None:
    assert told(stored(2, 20, xid=5)) == [(1, 0, 0), (2, 1, 100), (3, 1, 100)]


def test_what_was_written_otherwise_is_seen_so_by_later_batches_only() -> None:
    rows = (stored(1, 10, xid=5, amount_minor=900), stored(2, 15, xid=5))
    assert told(*rows) == [(1, 0, 0), (2, 1, 100), (3, 2, 1_000)]


def test_what_was_committed_after_the_reading_is_seen_by_later_batches_only() -> None:
    rows = (stored(8, 5, xid=5), stored(1, 10, xid=6), stored(2, 20, xid=6))
    assert told(*rows) == [(1, 0, 0), (2, 1, 100), (3, 1, 100)]
