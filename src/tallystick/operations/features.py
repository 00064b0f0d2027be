"""The catalog of features at an instant, and features from files: requests and streams in, one column a feature out."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.parquet
from psycopg import Connection

from tallystick.features.as_of_build import build_as_of, check_given, streams_of
from tallystick.features.as_of_catalog import AsOfFeature, load_as_of_catalog
from tallystick.features.as_seen_build import batches_of, build_as_seen, carry_batches
from tallystick.features.event_tables import ENTITIES, EVENT_TABLES
from tallystick.operations.progress import Progress
from tallystick.operations.whole_files import refuse_unwritable, whole_file
from tallystick.reports.summary import Bilingual
from tallystick.sources.files import FileFault
from tallystick.storage.event_streams import Rows, given_streams
from tallystick.storage.features import build_features, build_features_as_seen, build_live_features
from tallystick.storage.stream_export import hold_still, read_stream
from tallystick.storage.tiles import RolledUp, announce_roll_up, roll_up

if TYPE_CHECKING:
    import pyarrow.dataset as ds


def chosen_features(names: Sequence[str], *, entity: str | None = None) -> tuple[AsOfFeature, ...]:
    """Features by name, or all of one entity, or all; raises `FeatureUnknown` naming those that there are not.

    An entity that there is not is refused as well.
    """
    catalog = load_as_of_catalog()
    unknown = [name for name in names if name not in catalog.by_name]
    if unknown:
        raise FeatureUnknown(f"no such feature: {', '.join(unknown)}; `tallystick features list` names all")
    if entity is not None and entity not in ENTITIES:
        raise FeatureUnknown(f"{entity}: no such entity; use {', '.join(ENTITIES)}")
    chosen = catalog.named(names) if names else catalog.features
    return tuple(feature for feature in chosen if entity is None or entity in feature.entities)


class FeatureUnknown(ValueError):
    """A feature that the catalog does not have; the message names it."""


def needs_events(events: Path | None, *, engine: str) -> Path:
    """The folder of streams; raises `FileFault` where none is given to an engine that has no streams of its own."""
    if events is None:
        raise FileFault(f"--events: {engine} has no streams of its own; give a folder, or --engine postgres")
    return events


def build_file(
    *, requests: Path, events: Path, out: Path, features: Sequence[AsOfFeature], progress: Progress
) -> pa.Table:
    """Compute features for a Parquet file of requests from a folder of streams, and write them as Parquet.

    `events` holds `purchase.parquet`, or a folder `purchase` of Parquet files, and so on for each stream that the
    features read. Requests that carry their batch are answered as that batch saw the streams. The same files give the
    same bytes. Raises `FileFault` and `StreamFaults`.
    """
    refuse_unwritable(out)
    asked, streams = read_given(requests, events, features=features, progress=progress)
    progress.step(_computing(features))
    build = build_as_seen if carry_batches(asked) else build_as_of
    return _written(build(asked, streams, features=features), out)


def build_file_in_database(
    *,
    requests: Path,
    events: Path | None,
    out: Path,
    features: Sequence[AsOfFeature],
    connection: Connection,
    progress: Progress,
) -> pa.Table:
    """The same by PostgreSQL: from a folder of streams, put into tables of this session, or from the live streams.

    Nothing of it stays in the database. Raises `FileFault` and `StreamFaults`.
    """
    refuse_unwritable(out)
    asked, streams = read_given(requests, events, features=features, progress=progress)
    check_given(asked, streams, features=features if events is not None else ())
    with connection.transaction(force_rollback=True):
        if events is None:
            progress.step(_computing(features))
            built = _built_live(connection, asked, features=features)
        else:
            refuse_batches(asked, engine="postgres")
            progress.step({"zh": "载入数据库", "en": "loading into the database"})
            given_streams(connection, streams)
            progress.step(_computing(features))
            built = build_features(connection, asked, features=features)
    return _written(built, out)


def _built_live(connection: Connection, asked: "ds.Dataset", *, features: Sequence[AsOfFeature]) -> pa.Table:
    if not carry_batches(asked):
        return build_live_features(connection, asked, features=features)
    batches = batches_of(asked)
    return build_features_as_seen(connection, asked.to_table(), batches=batches, features=features)


def refuse_batches(requests: "ds.Dataset", *, engine: str) -> None:
    """Raise `FileFault` for requests that carry their batch, where streams do not say who saw what."""
    if carry_batches(requests):
        raise FileFault(
            f"batch_id: {engine} does not compute batches again from files; use --engine duckdb, or --engine postgres "
            "without --events"
        )


def export_streams(connection: Connection, out: Path, *, progress: Progress) -> int:
    """Write every live stream as Parquet into a folder, each row with who recorded it; gives the rows.

    All of it is of one moment. `connection` must not be in a transaction. Raises `FileFault` where the folder exists.
    """
    if out.exists():
        raise FileFault(f"{out}: is there already; name a new folder")
    out.mkdir(parents=True)
    count = 0
    with connection.transaction():
        hold_still(connection)
        for name in EVENT_TABLES:
            progress.step({"zh": f"导出 {name}", "en": f"exporting {name}"})
            count += _written(read_stream(connection, name), out / f"{name}.parquet").num_rows
    return count


def read_given(
    requests: Path, events: Path | None, *, features: Sequence[AsOfFeature], progress: Progress
) -> "tuple[ds.Dataset, dict[str, Rows]]":
    progress.step({"zh": "读取请求与事件", "en": "reading requests and events"})
    asked = _rows(requests)
    if events is None:
        return asked, {}
    return asked, {name: _rows(path) for name, path in stream_paths(events, features=features).items()}


def _computing(features: Sequence[AsOfFeature]) -> Bilingual:
    return {"zh": f"计算 {len(features)} 个特征", "en": f"computing {len(features)} features"}


def _written(built: pa.Table, out: Path) -> pa.Table:
    with whole_file(out) as content:
        pyarrow.parquet.write_table(built, content, compression="zstd")
    return built


def stream_paths(events: Path, *, features: Sequence[AsOfFeature]) -> dict[str, Path]:
    """Where the streams that features read stand in a folder; without those that are not there."""
    return {name: path for name in streams_of(features) if (path := _stream_path(events, name)) is not None}


def _stream_path(events: Path, name: str) -> Path | None:
    if not events.is_dir():
        raise FileFault(f"{events}: no such folder; give one with {', '.join(EVENT_TABLES)} as Parquet files")
    for path in (events / f"{name}.parquet", events / name):
        if path.exists():
            return path
    return None


def _rows(path: Path) -> "ds.Dataset":
    import pyarrow.dataset as ds  # with which pandas comes, where it is installed: no server waits for that

    try:
        return ds.dataset(path, format="parquet")
    except FileNotFoundError as error:
        raise FileFault(f"{path}: no such file") from error
    except (pa.ArrowInvalid, OSError) as error:
        raise FileFault(f"{path}: cannot be read as Parquet ({error}); write it with any Parquet library") from error


def roll_up_tiles(connection: Connection, *, until_tick: int) -> Iterator[RolledUp]:
    """Roll up busy keys until the second of that tick; gives each piece as it commits.

    It ends early for a stream that another one rolls up, or while a transaction runs that began before: the next call
    goes on. `connection` must be in autocommit: the announcement has to be seen before the roll-up begins. What a
    server does every few seconds, and `tallystick features roll-up` by hand.
    """
    assert connection.autocommit, "each piece commits by itself"
    while True:
        with connection.transaction():
            rolled = roll_up(connection)
        if rolled is not None:
            yield rolled
        elif not announce_roll_up(connection, until_tick=until_tick):
            return
