"""Commands over the catalog of features at an instant."""

from pathlib import Path
from typing import Annotated, Literal

from cyclopts import App, Parameter

from tallystick.bootstrap import settings, shown_progress, terminal

app = App(name="features", help="What is known at the instant of a decision: each feature written once.")


@app.command(name="list")
def list_features(*, entity: str | None = None, out: Path | None = None) -> None:
    """Show every feature of the catalog, or those about one entity.

    Parameters
    ----------
    entity
        line, borrower, device, phone, merchant, terminal, address or category.
    out
        Write the whole catalog as a Markdown page instead.
    """
    from tallystick.features.event_tables import EVENT_TABLES, REQUEST_TABLE
    from tallystick.operations.features import chosen_features
    from tallystick.operations.whole_files import whole_file
    from tallystick.reports.feature_pages import catalog_page, feature_table

    features = chosen_features((), entity=entity)
    if out is None:
        terminal().print(feature_table(features, language=settings().language))
        return
    with whole_file(out) as content:
        content.write(catalog_page(features, [REQUEST_TABLE, *EVENT_TABLES.values()]).encode())


@app.command
def explain(name: str, *, engine: Literal["postgres", "duckdb", "spark"] | None = None) -> None:
    """Show what a feature means, what it is made of, and with an engine the query that computes it.

    Parameters
    ----------
    name
        The feature's name.
    engine
        postgres, duckdb or spark: print its query in that engine's SQL.
    """
    from tallystick.features.as_of_sql import as_of_sql
    from tallystick.features.event_tables import EVENT_TABLES
    from tallystick.operations.features import chosen_features
    from tallystick.reports.feature_pages import feature_facts

    features = chosen_features([name])
    screen = terminal()
    read = chosen_features(features[0].reads) if features[0].reads else ()
    screen.print(feature_facts(features[0], read=read, tables=EVENT_TABLES, language=settings().language))
    if engine is not None:
        screen.print(as_of_sql(features, dialect=engine), markup=False, highlight=False, soft_wrap=True)


@app.command
def build(
    *,
    at: Path,
    out: Path,
    events: Path | None = None,
    features: Annotated[tuple[str, ...], Parameter(negative="", consume_multiple=True)] = (),
    engine: Literal["duckdb", "postgres", "spark"] = "duckdb",
) -> None:
    """Compute features for requests from a folder of streams, or from those of the database.

    Parameters
    ----------
    at
        Parquet: the requests, each with its tick and the keys it is about. With batch_id, seen_generation and
        seen_snapshot they are answered as their batch saw the streams.
    out
        Parquet: request_id and a column for each feature. Spark writes a new folder of files.
    events
        A folder with a Parquet file or folder for each stream: purchase.parquet, payment.parquet and so on. Without
        it, the streams of the database: only the engine postgres has them.
    features
        Names of features, one after the other; without them all.
    engine
        duckdb in this process, the database by postgres, or spark: the answers are the same.
    """
    from tallystick.bootstrap import opened_books
    from tallystick.operations.features import build_file, build_file_in_database, chosen_features, needs_events

    chosen = chosen_features(features)
    with shown_progress(settings().language) as progress:
        if engine == "postgres":
            with opened_books() as connection:
                count = build_file_in_database(
                    requests=at, events=events, out=out, features=chosen, connection=connection, progress=progress
                ).num_rows
        elif engine == "spark":
            from tallystick.cluster.features import build_folder
            from tallystick.cluster.session import spark_session

            folder = needs_events(events, engine=engine)
            with spark_session() as spark:
                count = build_folder(
                    requests=at, events=folder, out=out, features=chosen, spark=spark, progress=progress
                )
        else:
            folder = needs_events(events, engine=engine)
            built = build_file(requests=at, events=folder, out=out, features=chosen, progress=progress)
            count = built.num_rows
    terminal().print(f"{count:,} × {len(chosen)} → {out}", markup=False)


@app.command
def export(*, out: Path) -> None:
    """Write the streams of the database as Parquet, each row with the transaction that recorded it.

    Parameters
    ----------
    out
        A new folder: one file for each stream, all of one moment.
    """
    from tallystick.bootstrap import opened_books
    from tallystick.operations.features import export_streams

    with shown_progress(settings().language) as progress, opened_books() as connection:
        count = export_streams(connection, out, progress=progress)
    terminal().print(f"{count:,} → {out}", markup=False)


@app.command(name="roll-up")
def roll_up() -> None:
    """Roll up busy merchants, terminals, addresses and categories into hours and days, until the last full second.

    A server does it by itself every five seconds, but for the last thirty. Features are the same without it, and slower
    for the busy.
    """
    from tallystick.bootstrap import now_tick, opened_books
    from tallystick.operations.features import roll_up_tiles

    with opened_books() as connection:
        streams = dict.fromkeys(rolled.stream for rolled in roll_up_tiles(connection, until_tick=now_tick()))
    terminal().print(", ".join(streams) or "nothing to roll up, or a transaction from before still runs", markup=False)
