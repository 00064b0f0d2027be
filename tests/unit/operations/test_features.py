"""Features from files: a folder of streams in, one Parquet file out."""

from pathlib import Path

import psycopg
import pyarrow as pa
import pyarrow.parquet
import pytest

from tallystick.features.as_of_build import StreamFaults
from tallystick.features.event_tables import EVENT_TABLES, REQUEST_SCHEMA
from tallystick.operations.features import (
    FeatureUnknown,
    build_file,
    build_file_in_database,
    chosen_features,
    needs_events,
)
from tallystick.operations.progress import Silent
from tallystick.operations.whole_files import OutputFault
from tallystick.sources.files import FileFault
from tallystick.storage.event_streams import load_stream

FIRST = 1_600_000_000_000_000  # a tick of 2020
CHOSEN = chosen_features(["amount", "line_purchase_sum_7d"])


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """One request, and purchases in two files of a folder."""
    asked = {"request_id": 9, "tick": FIRST + 1_000, "kind": "purchase", "utc_offset_minutes": 480, "line_id": 5}
    pyarrow.parquet.write_table(pa.Table.from_pylist([asked], schema=REQUEST_SCHEMA), tmp_path / "requests.parquet")
    events = tmp_path / "events" / "purchase"
    events.mkdir(parents=True)
    for number, amount_minor in enumerate((300, 50)):
        row = {"event_id": number, "tick": FIRST + 10 + number, "line_id": 5, "amount_minor": amount_minor}
        table = pa.Table.from_pylist([row], schema=EVENT_TABLES["purchase"].schema())
        pyarrow.parquet.write_table(table, events / f"part-{number}.parquet")
    return tmp_path


def built(folder: Path, *, events: Path | None = None, requests: Path | None = None) -> Path:
    """The file of features."""
    out = folder / "features.parquet"
    build_file(
        requests=requests or folder / "requests.parquet",
        events=events or folder / "events",
        out=out,
        features=CHOSEN,
        progress=Silent(),
    )
    return out


def test_files_give_features_and_the_same_files_the_same_bytes(folder: Path) -> None:
    first = built(folder).read_bytes()
    rows = pyarrow.parquet.read_table(folder / "features.parquet").to_pylist()
    assert rows == [{"request_id": 9, "amount": None, "line_purchase_sum_7d": 350}]
    assert built(folder).read_bytes() == first


def test_what_is_not_there_is_told_and_nothing_is_written(folder: Path) -> None:
    (folder / "none").mkdir()
    with pytest.raises(StreamFaults, match=r"purchase: missing; line_purchase_sum_7d read it: give it"):
        built(folder, events=folder / "none")
    with pytest.raises(FileFault, match="no such folder; give one with purchase"):
        built(folder, events=folder / "nowhere")
    with pytest.raises(FileFault, match=r"absent\.parquet: no such file"):
        built(folder, requests=folder / "absent.parquet")
    (folder / "text.parquet").write_text("not Parquet")
    with pytest.raises(FileFault, match="cannot be read as Parquet"):
        built(folder, requests=folder / "text.parquet")
    assert not (folder / "features.parquet").exists()


def test_a_feature_that_there_is_not_is_named() -> None:
    with pytest.raises(FeatureUnknown, match="no such feature: line_luck"):
        chosen_features(["line_luck"])
    assert {feature.entities for feature in chosen_features((), entity="phone")} == {("phone",)}


def test_the_database_gives_the_same_file_and_keeps_nothing_of_it(folder: Path, connection: psycopg.Connection) -> None:
    in_process = pyarrow.parquet.read_table(built(folder))
    out = folder / "of_postgres.parquet"
    for _ in range(2):
        build_file_in_database(
            requests=folder / "requests.parquet", events=folder / "events", out=out, features=CHOSEN,
            connection=connection, progress=Silent(),
        )  # fmt: skip
    assert pyarrow.parquet.read_table(out).equals(in_process)
    assert connection.execute("SELECT count(*) FROM stream_purchase").fetchone() == (0,)


def test_without_a_folder_the_streams_of_the_database_are_read(folder: Path, connection: psycopg.Connection) -> None:
    row = {"event_id": 1, "tick": FIRST + 999, "line_id": 5, "amount_minor": 70}
    load_stream(connection, "purchase", pa.Table.from_pylist([row], schema=EVENT_TABLES["purchase"].schema()))
    built = build_file_in_database(
        requests=folder / "requests.parquet", events=None, out=folder / "live.parquet", features=CHOSEN,
        connection=connection, progress=Silent(),
    )  # fmt: skip
    assert built.to_pylist() == [{"request_id": 9, "amount": None, "line_purchase_sum_7d": 70}]
    with pytest.raises(FileFault, match="duckdb has no streams of its own; give a folder, or --engine postgres"):
        needs_events(None, engine="duckdb")


def test_the_database_is_given_whole_streams_only(folder: Path, connection: psycopg.Connection) -> None:
    (folder / "none").mkdir()
    with pytest.raises(StreamFaults, match="purchase: missing"):
        build_file_in_database(
            requests=folder / "requests.parquet", events=folder / "none", out=folder / "out.parquet", features=CHOSEN,
            connection=connection, progress=Silent(),
        )  # fmt: skip


def test_an_entity_that_there_is_not_is_named_and_a_full_place_is_told_first(folder: Path) -> None:
    with pytest.raises(FeatureUnknown, match="terminl: no such entity; use line, borrower"):
        chosen_features((), entity="terminl")
    (folder / "features.parquet").mkdir()
    with pytest.raises(OutputFault, match="is a folder; give the name of a file"):
        built(folder, events=folder / "nowhere")
