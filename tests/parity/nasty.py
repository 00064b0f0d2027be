"""Streams and requests with everything that makes engines differ: ties, edges of windows, nulls, daylight saving."""

import random
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pyarrow as pa

from tallystick.features.as_of_catalog import WINDOW_TICKS
from tallystick.features.event_tables import (
    ENTITIES,
    EVENT_TABLES,
    REQUEST,
    REQUEST_KINDS,
    REQUEST_SCHEMA,
    Column,
    ColumnType,
)

ZONE = ZoneInfo("Europe/Berlin")  # its clocks went forward on 29 March 2026 and back on 25 October
FORWARD, BACK = datetime(2026, 3, 29, 1, tzinfo=ZoneInfo("UTC")), datetime(2026, 10, 25, 1, tzinfo=ZoneInfo("UTC"))
_KEYS = {entity.key for entity in ENTITIES.values()}
_PER_MILLION = 1_000_000


@dataclass(frozen=True)
class Streams:
    """The requests and every stream, as Arrow tables and as rows."""

    requests: pa.Table
    streams: Mapping[str, pa.Table]

    def tables(self) -> Iterator[tuple[str, pa.Table]]:
        """Every table by its name, the requests first."""
        yield "request", self.requests
        yield from self.streams.items()


def streams(seed: int, *, requests: int = 120, rows: int = 400) -> Streams:
    """Requests and streams by chance; the same seed gives the same rows.

    A quarter of the requests are rows of their stream already, as in training; the others are new, as when they are
    answered. Some rows stand there twice under another id. A row that came late has the tick at which it was known.
    """
    chance = random.Random(seed)
    ticks = _Ticks(chance)
    tables = {}
    for name, table in EVENT_TABLES.items():
        drawn = [_row(chance, table.columns, tick=ticks.next(), number=number) for number in range(rows)]
        for twice in chance.sample(drawn, rows // 20):
            drawn.append({**twice, "event_id": len(drawn)})
        chance.shuffle(drawn)
        tables[name] = pa.Table.from_pylist(drawn, schema=table.schema())
    asked = [_request(chance, tick=ticks.next(), number=10_000 + number) for number in range(requests)]
    for kind in ("purchase", "application"):
        again = chance.sample(tables[kind].to_pylist(), requests // 8)
        asked.extend(_as_request(chance, row, kind=kind) for row in again)
    asked = list({row["request_id"]: row for row in asked}.values())  # both streams may have one id
    chance.shuffle(asked)
    return Streams(pa.Table.from_pylist(asked, schema=REQUEST_SCHEMA), tables)


class _Ticks:
    """Instants around two changes of the clocks, many of them a window's length from another, or the same."""

    def __init__(self, chance: random.Random) -> None:
        self._chance = chance
        self._given = [int(change.timestamp()) * _PER_MILLION for change in (FORWARD, BACK)]

    def next(self) -> int:
        chance, earlier = self._chance, self._chance.choice(self._given[-400:])
        window = chance.choice(list(WINDOW_TICKS.values()))
        tick = earlier + chance.choice(
            [0, 1, -1, window, window - 1, window + 1, -window, chance.randrange(window), -chance.randrange(window)]
        )
        low = int((FORWARD - timedelta(days=500)).timestamp()) * _PER_MILLION
        high = int((BACK + timedelta(days=3)).timestamp()) * _PER_MILLION
        tick = min(max(tick, low), high)
        self._given.append(tick)
        return tick


def _row(chance: random.Random, columns: tuple[Column, ...], *, tick: int, number: int) -> dict[str, Any]:
    return {"event_id": number, "tick": tick} | {
        column.name: _value(chance, column) for column in columns if column.name not in ("event_id", "tick")
    }


def _value(chance: random.Random, column: Column) -> Any:
    if chance.random() < 0.08:
        return None
    if column.type is ColumnType.BOOLEAN:
        return chance.random() < 0.3
    if column.name == "category":
        return chance.choice(["phones", "食品", "Ärzte", ""])
    if column.type is ColumnType.TEXT:
        return chance.choice(["employed", "retired"])
    if column.name in _KEYS:
        return chance.randrange(1, 6)
    if column.name.endswith("_day"):
        return chance.randrange(19_000, 20_800)
    if column.name.endswith("_udeg"):
        return chance.randrange(-90 * _PER_MILLION, 90 * _PER_MILLION)
    return chance.choice([0, 1, 2, 3, 100, 99_999, 10_000_000])


def _request(chance: random.Random, *, tick: int, number: int) -> dict[str, Any]:
    row = {column.name: _value(chance, column) for column in REQUEST}
    if chance.random() < 0.1:
        row |= {key: 999 for key in _KEYS if key != "category"}  # nobody was ever seen
    return row | {"request_id": number, "kind": chance.choice(REQUEST_KINDS), **_at(tick)}


def _as_request(chance: random.Random, row: Mapping[str, Any], *, kind: str) -> dict[str, Any]:
    known = {column.name: row[column.name] for column in REQUEST if column.name in row and column.name != "tick"}
    return _request(chance, tick=row["tick"], number=0) | known | {"request_id": row["event_id"], "kind": kind}


def _at(tick: int) -> dict[str, int]:
    offset = datetime.fromtimestamp(tick / _PER_MILLION, ZONE).utcoffset()
    assert offset is not None
    return {"tick": tick, "utc_offset_minutes": offset // timedelta(minutes=1)}
