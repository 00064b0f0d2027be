"""What carriers and shops tell of orders: with the purchase's keys, known when it happened, and without the truth."""

from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, timedelta, timezone
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet

from tallystick.features.event_tables import EVENT_TABLES
from tallystick.world.economy.deliveries import NEVER
from tallystick.world.economy.diary import TABLES
from tallystick.world.economy.lives import day_number
from tallystick.world.economy.order_streams import SCHEMAS, write_order_streams

ZONE = timezone(timedelta(hours=8))
PURCHASES = EVENT_TABLES["purchase"].schema()
FIRST = day_number(date(2026, 3, 1))


def written(folder: Path, name: str, rows: Sequence[Mapping[str, object]], schema: pa.Schema) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    pyarrow.parquet.write_table(pa.Table.from_pylist(list(rows), schema=schema), folder / name)


def test_streams_of_orders_carry_the_purchases_keys_and_no_truth(tmp_path: Path) -> None:
    truth, events = tmp_path / "truth", tmp_path / "events"
    parcels = [
        {"order": 1, "person": 5, "decision_id": 70, "shipped_on": FIRST, "promised_on": FIRST + 3,
         "arrives_on": FIRST + 5, "fate": "late"},
        {"order": 2, "person": 6, "decision_id": 71, "shipped_on": FIRST + 1, "promised_on": FIRST + 3,
         "arrives_on": NEVER, "fate": "lost"},
        {"order": 3, "person": 7, "decision_id": 72, "shipped_on": FIRST + 28, "promised_on": FIRST + 32,
         "arrives_on": FIRST + 31, "fate": "well"},
    ]  # fmt: skip
    reviews = [
        {"day": FIRST + 30, "order": 2, "person": 6, "text": "没收到", "is_positive": False},
        {"day": FIRST + 7, "order": 1, "person": 5, "text": "太慢了", "is_positive": False},
        {"day": FIRST + 31, "order": 3, "person": 7, "text": "很好", "is_positive": True},
    ]
    written(truth / "parcels", "2026-03.parquet", parcels, TABLES["parcels"])
    written(truth / "reviews", "2026-03.parquet", reviews, TABLES["reviews"])
    bought = [
        {"event_id": number, "line_id": number + 10, "borrower_id": number + 20, "merchant_id": 3, "category": "books",
         "tick": 0}
        for number in (70, 71, 72, 73)
    ]  # fmt: skip
    written(events, "purchase.parquet", bought, PURCHASES)
    counts = write_order_streams(truth, events, zone=ZONE, until=date(2026, 4, 1))
    assert counts == {"delivery": 4, "order_review": 2}  # what is to come is not told

    delivery, review = (pyarrow.parquet.read_table(events / f"{name}.parquet") for name in SCHEMAS)
    assert (delivery.schema, review.schema) == tuple(SCHEMAS.values())
    assert [(row["event_id"], row["purchase_id"], row["what"], row["days_late"]) for row in delivery.to_pylist()] == [
        (1, 70, "shipped", None), (2, 71, "shipped", None), (3, 70, "arrived", 2), (4, 72, "shipped", None),
    ]  # fmt: skip
    assert datetime.fromtimestamp(delivery["tick"][2].as_py() / 1e6, tz=UTC) == datetime(2026, 3, 6, 7, tzinfo=UTC)
    assert [(row["purchase_id"], row["line_id"], row["borrower_id"], row["text"]) for row in review.to_pylist()] == [
        (70, 80, 90, "太慢了"), (71, 81, 91, "没收到"),
    ]  # fmt: skip
    assert review["tick"].to_pylist() == sorted(review["tick"].to_pylist())
    assert not {"is_positive", "fate", "person"} & {*delivery.column_names, *review.column_names}


def test_a_world_without_orders_has_empty_streams(tmp_path: Path) -> None:
    truth, events = tmp_path / "truth", tmp_path / "events"
    for name in ("parcels", "reviews"):
        written(truth / name, "2026-03.parquet", [], TABLES[name])
    written(events, "purchase.parquet", [], PURCHASES)
    assert write_order_streams(truth, events, zone=ZONE, until=date(2026, 4, 1)) == {"delivery": 0, "order_review": 0}
