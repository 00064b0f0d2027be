"""Batches computed again as they were seen, on both engines: the answers are those that were given, to the last bit."""

import random
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import date, timedelta
from pathlib import Path

import psycopg
import pyarrow as pa
import pyarrow.parquet
import pytest
from sqlglot import exp
from tests.parity.answers import FEATURES
from tests.parity.nasty import streams
from tests.storage.test_time_tiles import rolled
from tests.storage.test_visibility import OF_BOOKS, Life, of_line

from tallystick.features.as_of_build import StreamFaults, build_as_of
from tallystick.features.as_of_catalog import Kind
from tallystick.features.as_seen_build import BATCH_COLUMNS, build_as_seen
from tallystick.features.catalog import parse
from tallystick.features.event_tables import DAY_TICKS, ENTITIES, EVENT_TABLES, HOUR_TICKS, REQUEST_SCHEMA
from tallystick.features.visible_set import VisibleSet
from tallystick.operations.features import build_file, build_file_in_database, export_streams
from tallystick.operations.progress import Silent
from tallystick.servicing import facts
from tallystick.sources.files import FileFault
from tallystick.storage.event_streams import write_stream
from tallystick.storage.features import FeaturesSeen, features_at

CLERKS, STEPS = 4, 60
# DuckDB takes ten seconds to plan all of them at once: enough of each kind and entity for every stream.
SOME = FEATURES[::9]
OF_LINE = tuple(one for one in FEATURES if one.name in OF_BOOKS)


@pytest.fixture
def books(database_url: str) -> Iterator[psycopg.Connection]:
    with psycopg.connect(database_url, autocommit=True) as connection:
        yield connection


def of_batch(requests: pa.Table, batch_id: int, seen: VisibleSet) -> pa.Table:
    for (name, kind), value in zip(BATCH_COLUMNS, (batch_id, seen.generation, seen.snapshot), strict=True):
        requests = requests.append_column(name, pa.array([value] * len(requests), kind))
    return requests


class Shop:
    """Clerks who answer batches at once on connections of their own, and commit in an order of chance."""

    def __init__(self, books: psycopg.Connection, *, seed: int) -> None:
        self.chance, self.books = random.Random(seed), books
        self._given = streams(seed, requests=1_000, rows=300)
        self._asked = [row for row in self._given.requests.to_pylist() if row["request_id"] >= 10_000]
        self._number = 1_000_000
        self.tick = 480_000 * HOUR_TICKS
        self.requests: list[pa.Table] = []
        self.answers: list[FeaturesSeen] = []

    def id(self) -> int:
        self._number += 1
        return self._number

    def answered(self, clerk: psycopg.Connection) -> None:
        """Take a batch, answer it and write it down; what a clerk wrote before may not be committed yet."""
        rows = []
        for _ in range(self.chance.randrange(1, 4)):
            self.tick += self.chance.choice([0, 1, 1_000, HOUR_TICKS // 7])
            rows.append(self._asked.pop() | {"request_id": self.id(), "tick": self.tick})
        requests = pa.Table.from_pylist(rows, schema=REQUEST_SCHEMA)
        built = features_at(clerk, requests, features=SOME)
        self.requests.append(of_batch(requests, len(self.requests), built.seen))
        self.answers.append(built)
        for stream in ("purchase", "application"):
            asked = [self._row(stream, row, row["request_id"], row["tick"]) for row in rows if row["kind"] == stream]
            if self.chance.random() < 0.9:  # else nobody wrote down that it was asked
                self._write(clerk, stream, asked)
        told = [self._row("purchase_outcome", row, self.id(), row["tick"]) for row in rows if row["kind"] == "purchase"]
        self._write(clerk, "purchase_outcome", told)

    def told_late(self, clerk: psycopg.Connection) -> None:
        """Rows of some time ago."""
        stream = self.chance.choice(["purchase", "fraud_label", "bureau_report"])
        tick = self.tick - self.chance.randrange(30 * 24 * HOUR_TICKS)
        row = self.chance.choice(self._given.streams[stream].to_pylist()) | {"purchased_at_tick": None}
        self._write(clerk, stream, [self._row(stream, row, self.id(), tick)])

    def _row(self, stream: str, row: dict[str, object], number: int, tick: int) -> dict[str, object]:
        known = {name: row.get(name) for name in EVENT_TABLES[stream].schema().names}
        if stream in ("purchase_outcome", "application"):
            known["is_declined"] = self.chance.random() < 0.5
        return known | {"event_id": number, "tick": tick}

    def _write(self, clerk: psycopg.Connection, stream: str, rows: list[dict[str, object]]) -> None:
        columns = {column.name: [row[column.name] for row in rows] for column in EVENT_TABLES[stream].columns}
        write_stream(clerk, stream, columns)


def worked(books: psycopg.Connection, database_url: str, *, seed: int) -> Shop:
    shop = Shop(books, seed=seed)
    with ExitStack() as open_until_the_end:
        clerks = [open_until_the_end.enter_context(psycopg.connect(database_url)) for _ in range(CLERKS)]
        for _ in range(STEPS):
            clerk = shop.chance.choice(clerks)
            match shop.chance.random():
                case chance if chance < 0.5:
                    shop.answered(clerk)
                case chance if chance < 0.7:
                    shop.told_late(clerk)
                case chance if chance < 0.97:
                    clerk.commit()
                case _:
                    clerk.rollback()
        for clerk in clerks:
            clerk.commit()
    return shop


def exported(books: psycopg.Connection, folder: Path) -> dict[str, pa.Table]:
    export_streams(books, folder, progress=Silent())
    return {name: pa.parquet.read_table(folder / f"{name}.parquet") for name in EVENT_TABLES}


def differing(built: pa.Table, meant: pa.Table) -> list[str]:
    assert (built.schema.names, built.schema.types) == (meant.schema.names, meant.schema.types)
    return [name for name in meant.schema.names if not built[name].equals(meant[name])]


@pytest.mark.parametrize("seed", [1, 2])
def test_both_engines_give_the_answers_that_were_given(
    books: psycopg.Connection, database_url: str, tmp_path: Path, seed: int
) -> None:
    shop = worked(books, database_url, seed=seed)
    meant = pa.concat_tables([each.columns for each in shop.answers]).sort_by("request_id")
    requests = pa.concat_tables(shop.requests)
    tables = exported(books, tmp_path / "streams")
    # by ticks alone the answers would be others
    assert differing(build_as_of(requests, tables, features=SOME), meant) != []
    assert differing(build_as_seen(requests, tables, features=SOME), meant) == []
    pa.parquet.write_table(requests, tmp_path / "requests.parquet")
    rolled(books, shop.tick + HOUR_TICKS)
    asked, streams_folder = tmp_path / "requests.parquet", tmp_path / "streams"

    def by_postgres(*, events: Path | None) -> pa.Table:
        return build_file_in_database(
            requests=asked, events=events, out=tmp_path / "out.parquet", features=SOME, connection=books,
            progress=Silent(),
        )  # fmt: skip

    assert differing(by_postgres(events=None), meant) == []
    by_duckdb = build_file(
        requests=asked, events=streams_folder, out=tmp_path / "again.parquet", features=SOME[:10], progress=Silent()
    )
    assert differing(by_duckdb, meant.select(by_duckdb.schema.names)) == []
    with pytest.raises(FileFault, match="postgres does not compute batches again from files; use --engine duckdb"):
        by_postgres(events=streams_folder)


def test_a_payment_of_a_statement_that_commits_late_is_not_seen_by_either_engine(
    books: psycopg.Connection, database_url: str, tmp_path: Path
) -> None:
    life = Life(books)
    life.until(books, date(2026, 1, 20))
    [(due_on,)] = books.execute("SELECT due_on FROM statements").fetchall()
    request = of_line(due_on + timedelta(days=1))
    with psycopg.connect(database_url) as slow:
        slow.execute("SELECT 1")
        life.act(slow, facts.PaymentReceived(payment_id=81, amount_minor=40_000, channel="bank"), due_on)
        live = features_at(books, request, features=OF_LINE)
        slow.commit()
    now = features_at(books, request, features=OF_LINE)
    assert "line_payment_ratio_90d" in differing(now.columns, live.columns)
    tables = exported(books, tmp_path / "streams")
    for built in (live, now):
        again = build_as_seen(of_batch(request, 1, built.seen), tables, features=OF_LINE)
        assert differing(again, built.columns) == []
    assert differing(build_as_of(request, tables, features=OF_LINE), now.columns) == []


def test_features_only_ask_whether_two_keys_are_the_same() -> None:
    """So batches may have keys of their own: a key is counted as distinct or compared, and never told."""
    keys = {entity.key for entity in ENTITIES.values()}
    for feature in FEATURES:
        assert {column.name for column in feature.request_columns} & keys == set()
        for one in feature.aggregates:
            told = [text for text in (one.value, one.where) if text]
            read = {column.name for text in told for column in parse(text).find_all(exp.Column)}
            assert not read & keys or (one.kind is Kind.DISTINCT and one.value in {f"e.{key}" for key in keys})


def test_what_is_no_batch_is_told(books: psycopg.Connection, tmp_path: Path) -> None:
    tables = exported(books, tmp_path / "streams")
    row = {"request_id": 1, "tick": DAY_TICKS * 20_000, "kind": "review", "utc_offset_minutes": 0}
    requests = pa.Table.from_pylist([row, row | {"request_id": 2}], schema=REQUEST_SCHEMA)
    two = pa.concat_tables(
        [
            of_batch(requests.slice(0, 1), 7, VisibleSet(1, "5:5:")),
            of_batch(requests.slice(1), 7, VisibleSet(1, "6:6:")),
        ]
    )
    with pytest.raises(StreamFaults, match="request: batch 7: has two visible sets"):
        build_as_seen(two, tables, features=FEATURES)
    odd = two.set_column(two.num_columns - 1, "seen_snapshot", pa.array(["5:5:", "what"]))
    with pytest.raises(StreamFaults, match="request: batch 7: snapshot: 'what' is none"):
        build_as_seen(odd, tables, features=FEATURES)
    with pytest.raises(StreamFaults) as without:
        build_as_seen(
            two.drop_columns(["seen_generation"]),
            tables | {name: tables[name].drop_columns(["recorded_xid"]) for name in ("draw", "statement_due")},
            features=FEATURES,
        )
    assert [fault.split(";")[0] for fault in without.value.faults] == [
        "request: seen_generation: no such column",
        "draw: recorded_xid: no such column",
        "statement_due: recorded_xid: no such column",
    ]
    with pytest.raises(StreamFaults, match="statement_due: recorded_payments: no such column"):
        build_as_seen(
            two, tables | {"statement_due": tables["statement_due"].drop_columns(["recorded_payments"])},
            features=FEATURES,
        )  # fmt: skip
    with pytest.raises(FileFault, match="is there already; name a new folder"):
        export_streams(books, tmp_path / "streams", progress=Silent())
