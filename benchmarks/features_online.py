"""Features for a purchase that waits: PostgreSQL with millions of past events, beside the bare index read of the rows.

    python benchmarks/features_online.py [--json] [--events 5000000] [--lines 1000000] [--batches 200] [--folder DIR]

Purchases of 90 days stand in the live tables, with their indexes, on the embedded server. Lines are drawn evenly,
devices (exponent 0.5) and merchants (0.9) by a Zipf law, one merchant has 5 % of all; its tiles, and those of every
other busy key, are rolled up until the last full hour. Asked for are the counts, sums, means and maxima of 1 hour,
1, 7, 30 and 90 days and the time since the last purchase, of line, device and merchant: `features_at` as a decision
calls it, requests as Arrow in, a table of features out.

The limit is one prepared statement that reads the same rows by the same indexes and sums one column of them in the
server: the rows of each line and device, and of each merchant the tiles and the raw edges, whose ranges it is given
ready-made. Both sides take turns on the same batches, over a Unix socket. p99 of the big merchant and of all others are
of batches of one. `all_` is all that the catalog knows from purchases and fraud labels, at batch 64.
"""

import argparse
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Any, Final

import numpy as np
import psycopg
import pyarrow as pa
from rich.console import Console

from report_line import emit
from tallystick.features.as_of_catalog import AsOfFeature, load_as_of_catalog
from tallystick.features.event_tables import DAY_TICKS, EVENT_TABLES, HOUR_TICKS, REQUEST_SCHEMA
from tallystick.operations.features import roll_up_tiles
from tallystick.storage.arrays import dump_lists_at_once
from tallystick.storage.embedded import embedded_server
from tallystick.storage.event_streams import load_stream
from tallystick.storage.features import features_at
from tallystick.storage.migration import migrate
from tallystick.storage.place import place

WINDOWS: Final = (HOUR_TICKS, DAY_TICKS, 7 * DAY_TICKS, 30 * DAY_TICKS, 90 * DAY_TICKS)
ENTITIES: Final = ("line", "device", "merchant")
MERCHANTS, DEVICES_PER_LINE, BIG_SHARE = 50_000, 0.8, 0.05
BIG: Final = 1
NOW: Final = 1_795_000_000 * 1_000_000 + 1_234_567_890  # some instant of November 2026, 34 minutes into its hour
SEED: Final = 20_265
BATCHES: Final = (1, 16, 64, 256)
CHUNK: Final = 250_000
say = Console(stderr=True).print


def main() -> None:
    options = _options()
    world = World(lines=options.lines, seed=SEED)
    with embedded_server(place(options.folder)) as server, _database(server.url) as connection:
        fill(connection, world, events=options.events)
        ours, limits = _measured(connection, world, batches=options.batches)
        big, others = _by_merchant(connection, world, batches=options.batches)
        every = _every_feature(connection, world, batches=max(10, options.batches // 10))
    figures: dict[str, float] = {"events": options.events, "lines": options.lines, "features": len(_chosen())}
    peer: dict[str, float] = {}
    for size in BATCHES:
        figures |= _spread(f"batch_{size}", ours[size])
        figures[f"batch_{size}_rows_per_s"] = size / float(np.median(ours[size]))
        peer |= _spread(f"batch_{size}", limits[size])
    figures |= _spread("big_merchant", big) | _spread("other_merchants", others) | _spread("all_batch_64", every)
    figures["all_features"] = len(_all_of_purchases())
    emit(
        "features_online",
        ours=figures,
        peer=peer,
        ratio={f"batch_{size}_over_limit": float(np.median(ours[size]) / np.median(limits[size])) for size in BATCHES}
        | {"big_over_others_p99": float(np.percentile(big, 99) / np.percentile(others, 99))},
        as_json=options.json,
    )


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", action="store_true", help="last line as one JSON object")
    parser.add_argument("--events", type=int, default=5_000_000)
    parser.add_argument("--lines", type=int, default=1_000_000)
    parser.add_argument("--batches", type=int, default=200, help="batches of each size")
    parser.add_argument("--folder", type=Path, default=Path(tempfile.gettempdir()) / "tallystick-features-benchmark")
    return parser.parse_args()


def _spread(name: str, seconds: list[float]) -> dict[str, float]:
    return {f"{name}_p{rank}_ms": float(np.percentile(seconds, rank)) * 1_000 for rank in (50, 99)}


class World:
    """Who buys where; the same seed gives the same purchases."""

    def __init__(self, *, lines: int, seed: int, first_line: int = 1, now_tick: int = NOW) -> None:
        self.chance = np.random.default_rng(seed)
        self.lines = lines
        self.first_line = first_line
        self.now_tick = now_tick
        self._devices = _zipf(int(lines * DEVICES_PER_LINE), 0.5)
        merchants = np.diff(_zipf(MERCHANTS, 0.9), prepend=0.0)
        merchants[1:] *= (1 - BIG_SHARE) / merchants[1:].sum()
        merchants[0] = BIG_SHARE
        self._merchants = np.cumsum(merchants)

    def purchases(self, count: int) -> dict[str, Any]:
        """The keys and amounts of some purchases."""
        return {
            "line_id": self.chance.integers(0, self.lines, count) + self.first_line,
            "device_id": np.searchsorted(self._devices, self.chance.random(count)) + 1,
            "merchant_id": np.searchsorted(self._merchants, self.chance.random(count)) + 1,
            "amount_minor": self.chance.integers(100, 200_000, count),
        }

    def requests(self, count: int) -> pa.Table:
        """Purchases that are asked for now, a millisecond after another."""
        columns: dict[str, Any] = {name: pa.nulls(count, kind) for name, kind in _types(REQUEST_SCHEMA)}
        columns |= self.purchases(count)
        columns["request_id"] = np.arange(count) + 1_000_000_000
        columns["tick"] = self.now_tick + np.arange(count) * 1_000
        columns["kind"] = ["purchase"] * count
        columns["utc_offset_minutes"] = np.full(count, 480)
        return pa.table(columns, schema=REQUEST_SCHEMA)


def _types(schema: pa.Schema) -> Iterator[tuple[str, pa.DataType]]:
    return ((field.name, field.type) for field in schema)


def _zipf(count: int, exponent: float) -> Any:
    """Cumulative shares, the first the largest."""
    shares = np.arange(1, count + 1, dtype=float) ** -exponent
    return np.cumsum(shares / shares.sum())


def _chosen() -> tuple[AsOfFeature, ...]:
    parts = ("purchase_count_", "purchase_sum_", "purchase_mean_", "purchase_max_", "seconds_since_purchase")
    return tuple(
        feature
        for feature in load_as_of_catalog().features
        if any(feature.name.startswith(f"{entity}_{part}") for entity in ENTITIES for part in parts)
    )


def _all_of_purchases() -> tuple[AsOfFeature, ...]:
    return tuple(
        feature
        for feature in load_as_of_catalog().features
        if feature.sources and set(feature.sources) <= {"purchase", "fraud_label"}
    )


@contextmanager
def _database(url: str) -> Iterator[psycopg.Connection]:
    """A connection to a database of the benchmark's own, gone afterwards."""
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("DROP DATABASE IF EXISTS features_online WITH (FORCE)")
        connection.execute("CREATE DATABASE features_online")
        own = url.replace("/tallystick?", "/features_online?", 1)
        with psycopg.connect(own, autocommit=True) as fresh:
            migrate(fresh)
            dump_lists_at_once(fresh)  # as the server's connections do
            yield fresh
        connection.execute("DROP DATABASE features_online WITH (FORCE)")


def fill(connection: psycopg.Connection, world: World, *, events: int) -> None:
    """Past purchases evenly over 90 days, and fraud labels of one in two hundred; indexes are made after the rows."""
    began = time.perf_counter()
    indexes = connection.execute(
        "SELECT indexname, indexdef FROM pg_indexes WHERE tablename = 'stream_purchase' AND indexname LIKE '%\\_of\\_%'"
    ).fetchall()
    for name, _ in indexes:
        connection.execute(f"DROP INDEX {name}".encode())
    past_ticks = world.now_tick - 90 * DAY_TICKS + np.arange(events) * (90 * DAY_TICKS // events)
    for start in range(0, events, CHUNK):
        ticks = past_ticks[start : start + CHUNK]
        rows = world.purchases(len(ticks)) | {"event_id": np.arange(len(ticks)) + start + 1, "tick": ticks}
        load_stream(connection, "purchase", _stream("purchase", rows))
        is_label = world.chance.random(len(ticks)) < 0.005
        labels = {name: column[is_label] for name, column in rows.items()}
        labels |= {"is_fraud": world.chance.random(is_label.sum()) < 0.5}
        load_stream(connection, "fraud_label", _stream("fraud_label", labels))
    connection.execute("SET maintenance_work_mem = '512MB'")
    for _, definition in indexes:
        connection.execute(definition.encode())
    connection.execute("VACUUM ANALYZE stream_purchase, stream_fraud_label")
    say(f"{events:,} purchases loaded in {time.perf_counter() - began:.0f} s")
    began = time.perf_counter()
    assert len({piece.stream for piece in roll_up_tiles(connection, until_tick=world.now_tick)}) == 4
    connection.execute("VACUUM ANALYZE tiles_purchase, tiles_fraud_label, tiled_keys")
    [(keys, tiles)] = connection.execute(
        "SELECT (SELECT count(*) FROM tiled_keys), (SELECT count(*) FROM tiles_purchase)"
    ).fetchall()
    say(f"{keys:,} busy keys rolled up into {tiles:,} tiles in {time.perf_counter() - began:.0f} s")


def _stream(name: str, columns: Mapping[str, Any]) -> pa.Table:
    schema = EVENT_TABLES[name].schema()
    count = len(columns["tick"])
    return pa.table({each: columns.get(each, pa.nulls(count, kind)) for each, kind in _types(schema)}, schema=schema)


def _measured(
    connection: psycopg.Connection, world: World, *, batches: int
) -> tuple[dict[int, list[float]], dict[int, list[float]]]:
    """Seconds of each batch, ours and the limit's, taking turns."""
    limit = Limit(connection)
    for _ in range(batches // 4):  # pages of the tables come into memory
        limit.prepared(world.requests(BATCHES[-1]))()
    ours: dict[int, list[float]] = {}
    limits: dict[int, list[float]] = {}
    for size in BATCHES:
        ours[size], limits[size] = [], []
        for turn in range(batches + 10):
            requests = world.requests(size)
            mine = _seconds(partial(features_at, connection, requests, features=_CHOSEN))
            theirs = _seconds(limit.prepared(requests))
            if turn >= 10:  # the first ones are planned
                ours[size].append(mine)
                limits[size].append(theirs)
    return ours, limits


def _by_merchant(connection: psycopg.Connection, world: World, *, batches: int) -> tuple[list[float], list[float]]:
    """Seconds of batches of one, of the big merchant and of others in turn."""
    big, others = [], []
    for turn in range(batches * 5 + 10):
        requests = world.requests(1)
        if requests["merchant_id"][0].as_py() == BIG:
            continue
        place_of_merchant = REQUEST_SCHEMA.get_field_index("merchant_id")
        at_big = requests.set_column(place_of_merchant, REQUEST_SCHEMA.field(place_of_merchant), pa.array([BIG]))
        seconds = [_seconds(partial(features_at, connection, asked, features=_CHOSEN)) for asked in (requests, at_big)]
        if turn >= 10:
            others.append(seconds[0])
            big.append(seconds[1])
    return big, others


def _every_feature(connection: psycopg.Connection, world: World, *, batches: int) -> list[float]:
    features = _all_of_purchases()
    seconds = []
    for turn in range(batches + 3):
        requests = world.requests(64)
        taken = _seconds(partial(features_at, connection, requests, features=features))
        if turn >= 3:
            seconds.append(taken)
    return seconds


def _seconds(work: Callable[[], object]) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


_CHOSEN: Final = _chosen()


class Limit:
    """The bare read: one statement over ranges of keys and ticks, each summed in the server."""

    def __init__(self, connection: psycopg.Connection) -> None:
        self._connection = connection
        rows = connection.execute("SELECT key::bigint, until_tick FROM tiled_keys WHERE entity = 'merchant'").fetchall()
        self._until: dict[int, int] = dict(rows)

    def prepared(self, requests: pa.Table) -> Callable[[], object]:
        """The read of a batch; what it has to be given is made here, outside of the time that counts."""
        ranges: dict[str, list[tuple[int, ...]]] = {"line": [], "device": [], "merchant": [], "tile": []}
        for line, device, merchant, tick in zip(
            *(requests[name].to_pylist() for name in ("line_id", "device_id", "merchant_id", "tick")), strict=True
        ):
            first = tick - WINDOWS[-1] + 1
            ranges["line"].append((line, first, tick, 0))
            ranges["device"].append((device, first, tick, 0))
            if merchant not in self._until:
                ranges["merchant"].append((merchant, first, tick, 0))
                continue
            for kind, span in _pieces(merchant, tick, until_tick=self._until[merchant]):
                ranges[kind].append(span)
        arrays = [[list(column) for column in zip(*spans, strict=True)] or [[], [], [], []]
                  for spans in ranges.values()]  # fmt: skip
        given = [array for four in arrays for array in four]

        def read() -> object:
            with self._connection.pipeline():
                self._connection.execute(
                    "SELECT set_config('plan_cache_mode', 'force_generic_plan', true), set_config('jit', 'off', true),"
                    " set_config('enable_seqscan', 'off', true)"
                )
                cursor = self._connection.cursor(binary=True).execute(_BARE, given, prepare=True)
            return cursor.fetchall()

        return read


def _pieces(merchant: int, tick: int, *, until_tick: int) -> Iterator[tuple[str, tuple[int, ...]]]:
    """The raw edges and the tiles between them, as few ranges as there can be."""
    tail = until_tick if until_tick <= tick else tick - tick % HOUR_TICKS
    begins = [tick - window + 1 for window in WINDOWS]
    open_hours = sorted({begin - begin % HOUR_TICKS for begin in begins if begin < tail})
    open_days = sorted({each - each % DAY_TICKS for each in (*open_hours, tail)})
    yield "merchant", (merchant, tail, tick, 0)
    for hour in open_hours:
        yield "merchant", (merchant, max(hour, begins[-1]), min(hour + HOUR_TICKS, tail), 0)
    for day in open_days:
        edges = [day - 1, *(hour for hour in open_hours if day <= hour < day + DAY_TICKS), min(day + DAY_TICKS, tail)]
        for after, before in pairwise(edges):
            if before > max(after + 1, begins[-1]):
                yield "tile", (merchant, max(after + 1, begins[-1]), before, 1)
    for after, before in pairwise(open_days):
        yield "tile", (merchant, after + DAY_TICKS, before, 24)


def _bare(kind: str) -> str:
    if kind == "tile":
        return (
            "SELECT sum(e.amount_sum) FROM unnest(%s::bigint[], %s::bigint[], %s::bigint[], %s::smallint[]) AS "
            "r (key, since, until, hours) JOIN tiles_purchase AS e ON e.entity = 'merchant' AND e.key = r.key::text "
            "AND e.hours = r.hours AND e.from_tick >= r.since AND e.from_tick < r.until"
        )
    return (
        "SELECT sum(e.amount_minor) FROM unnest(%s::bigint[], %s::bigint[], %s::bigint[], %s::smallint[]) AS "
        f"r (key, since, until, hours) JOIN stream_purchase AS e ON e.{kind}_id = r.key AND e.tick >= r.since "
        "AND e.tick < r.until"
    )


_BARE: Final = " UNION ALL ".join(_bare(kind) for kind in ("line", "device", "merchant", "tile"))


if __name__ == "__main__":
    main()
