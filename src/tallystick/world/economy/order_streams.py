"""What carriers and shops could tell a lender of orders, as streams beside its own, so that training can join them.

The product has no stream of deliveries or of reviews, and nobody makes one up for it: these two are written as files of
the same shape, with the keys of the purchase that they are about. What is true of a review stays apart.
"""

from datetime import date, datetime, time, tzinfo
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet

from tallystick.operations.whole_files import whole_file
from tallystick.world.economy.deliveries import NEVER
from tallystick.world.economy.lives import day_number

Integers = npt.NDArray[np.int64]

DELIVERY: Final = "delivery"
ORDER_REVIEW: Final = "order_review"
SHIPPED: Final = "shipped"
ARRIVED: Final = "arrived"
_KEYS: Final = ("line_id", "borrower_id", "merchant_id", "category")
_ARRIVES_AT: Final = 15  # o'clock
_SHIPS_AT: Final = 9
_WRITES_AT: Final = 20
_DAY_US: Final = 86_400_000_000
_HOUR_US: Final = 3_600_000_000
_HEAD: Final = [("event_id", pa.int64()), ("tick", pa.int64()), ("purchase_id", pa.int64())]
_NAMED: Final = [(name, pa.string() if name == "category" else pa.int64()) for name in _KEYS]
SCHEMAS: Final = {
    DELIVERY: pa.schema([*_HEAD, *_NAMED, ("what", pa.string()), ("days_late", pa.int64())]),
    ORDER_REVIEW: pa.schema([*_HEAD, *_NAMED, ("text", pa.string())]),
}


def write_order_streams(truth: Path, events: Path, *, zone: tzinfo, until: date) -> dict[str, int]:
    """Write both streams into a folder of exported ones, as far as they are known before a day; gives their rows.

    `truth` holds the world's tables, `events` the stream of purchases. Each row is known from its `tick` on, by the
    hours of `zone`; `purchase_id` is the purchase's event. A delivery is shipped (`what`), and arrived so many days
    after it was promised, fewer than none where it was early; what is lost never arrives.
    """
    parcels = pyarrow.parquet.read_table(truth / "parcels")
    bought = pyarrow.parquet.read_table(events / "purchase.parquet", columns=["event_id", *_KEYS])
    known = parcels.join(bought.rename_columns(["decision_id", *_KEYS]), "decision_id", join_type="inner")
    reviews = pyarrow.parquet.read_table(truth / "reviews", columns=["day", "order", "text"])
    written = reviews.join(known.select(["order", "decision_id", *_KEYS]), "order", join_type="inner")
    end_us = _tick_us(until, zone)
    streams = {DELIVERY: _deliveries(known, zone=zone), ORDER_REVIEW: _reviews(written, zone=zone)}
    counts = {}
    for name, rows in streams.items():
        told = rows.filter(pc.less(rows["tick"], end_us))
        told = told.sort_by([("tick", "ascending"), ("purchase_id", "ascending")])
        numbered = told.add_column(0, "event_id", pa.array(np.arange(1, told.num_rows + 1)))
        with whole_file(events / f"{name}.parquet") as content:
            pyarrow.parquet.write_table(numbered.cast(SCHEMAS[name]), content, compression="zstd")
        counts[name] = numbered.num_rows
    return counts


def _deliveries(known: pa.Table, *, zone: tzinfo) -> pa.Table:
    arrived = known.filter(pc.not_equal(known["arrives_on"], NEVER))
    late = pc.subtract(arrived["arrives_on"], arrived["promised_on"])
    nobody_knows = pa.nulls(known.num_rows, pa.int64())
    return pa.concat_tables([
        _told(known, days=known["shipped_on"], hour=_SHIPS_AT, zone=zone, what=SHIPPED, days_late=nobody_knows),
        _told(arrived, days=arrived["arrives_on"], hour=_ARRIVES_AT, zone=zone, what=ARRIVED, days_late=late),
    ])  # fmt: skip


def _told(known: pa.Table, *, days: pa.Array, hour: int, zone: tzinfo, what: str, days_late: pa.Array) -> pa.Table:
    names = ["tick", "purchase_id", *_KEYS, "what", "days_late"]
    whats = pa.array([what] * known.num_rows, pa.string())
    keys = [known[name] for name in _KEYS]
    return pa.table([_ticks(days, hour, zone), known["decision_id"], *keys, whats, days_late], names)


def _reviews(written: pa.Table, *, zone: tzinfo) -> pa.Table:
    keys = [written[name] for name in _KEYS]
    ticks = _ticks(written["day"], _WRITES_AT, zone)
    return pa.table([ticks, written["decision_id"], *keys, written["text"]], ["tick", "purchase_id", *_KEYS, "text"])


def _ticks(days: pa.Array, hour: int, zone: tzinfo) -> pa.Array:
    """The instants of an hour on days since 1970, by the zone as it is on each."""
    known: Integers = np.asarray(days.to_numpy(), dtype=np.int64)
    each, place = np.unique(known, return_inverse=True)
    midnight = np.asarray([_tick_us(date.fromordinal(_EPOCH + day), zone) for day in each.tolist()], dtype=np.int64)
    return pa.array(midnight[place] + hour * _HOUR_US if len(each) else known)


def _tick_us(day: date, zone: tzinfo) -> int:
    begins = datetime.combine(day, time(), tzinfo=zone)
    offset = begins.utcoffset()
    assert offset is not None, "a zone knows its offset"
    return day_number(day) * _DAY_US - int(offset.total_seconds()) * 1_000_000


_EPOCH: Final = date(1970, 1, 1).toordinal()
