"""The fifteen features of the Fraud Detection Handbook for all 1,754,155 purchases, beside the book's way and Feast.

    python benchmarks/features_offline.py [--json] [--one-in 1] [--without-feast]

`ratio.pandas`: seconds of the book's own way over ours, both from the same rows in memory; every value of the two is
compared. The book rolls pandas over each customer and each terminal, and asks each row for weekend and night; ours are
the catalog's features on DuckDB, the median of three turns. Reading the catalog and rendering its SQL, once at a
start, is told apart (`compile_seconds`). `--one-in 20` takes every twentieth customer and terminal for pandas (ours
still does all) and scales its seconds up. `ratio.pandas_rolling` leaves the book's weekend and night out, not ours.
`ratio.feast`: for 50,000 requests, seconds of Feast's offline point-in-time join of the same features computed
beforehand, over ours, which builds them from the raw events. Feast has an environment of its own, made beforehand.
"""

import argparse
import json
import os
import subprocess
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from report_line import emit
from tallystick.features.as_of_build import build_as_of
from tallystick.features.as_of_catalog import load_as_of_catalog
from tallystick.features.as_of_sql import as_of_sql
from tallystick.sources.raw_events import RawEvents, read_raw_events
from tallystick.sources.training_form import parse_training, training_text

HERE = Path(__file__).resolve()
DATA = HERE.parents[2] / "shared" / "data" / "fraud_handbook_raw" / "transactions.parquet"
UV = HERE.parents[1] / ".uv" / "bin" / "uv"
DAYS = (1, 7, 30)
CUSTOMER = [
    name for days in DAYS for name in (f"borrower_purchase_count_{days}d", f"borrower_mean_with_amount_{days}d")
]
TERMINAL = [name for days in DAYS for name in (f"terminal_label_count_{days}d", f"terminal_fraud_share_{days}d")]
FIFTEEN = ["amount", "is_weekend", "is_night", *CUSTOMER, *TERMINAL]
FEAST_REQUESTS = 50_000
TURNS = 3


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--data", type=Path, default=DATA)
    parser.add_argument("--one-in", type=int, default=1)
    parser.add_argument("--without-feast", action="store_true")
    options = parser.parse_args()
    start = time.perf_counter()
    fifteen, twelve = (tuple(load_as_of_catalog().named(names)) for names in (FIFTEEN, CUSTOMER + TERMINAL))
    for features in (fifteen, twelve):
        as_of_sql(features, dialect="duckdb")  # as a server does at its start
    compiled = time.perf_counter() - start
    raw = events(options.data)
    turns = []
    for _ in range(TURNS):  # three seconds are soon disturbed; the minute of pandas is not
        start, spent = time.perf_counter(), time.process_time()
        built = build_as_of(raw.requests, raw.streams, features=fifteen)
        turns.append((time.perf_counter() - start, time.process_time() - spent))
    seconds, cpu_seconds = sorted(turns)[TURNS // 2]
    ours = {"rows": float(built.num_rows), "build_all_seconds": seconds, "build_all_cpu_seconds": cpu_seconds}
    ours["compile_seconds"] = compiled
    transactions = pd.read_parquet(options.data)
    peer, differing = beside_pandas(transactions, built, one_in=options.one_in)
    ours |= differing
    ratio = {name: peer[f"{name}_seconds"] / ours["build_all_seconds"] for name in ("pandas", "pandas_rolling")}
    if not options.without_feast:
        asked = raw.requests.slice(raw.requests.num_rows - FEAST_REQUESTS)
        start = time.perf_counter()
        build_as_of(asked, raw.streams, features=twelve)
        ours["build_50k_seconds"] = time.perf_counter() - start
        peer |= beside_feast(raw, built, asked)
        ratio["feast"] = peer["feast_join_seconds"] / ours["build_50k_seconds"]
    emit("features_offline", ours, peer, ratio, as_json=options.json)


def events(data: Path) -> RawEvents:
    """Requests and streams by the configuration that ships."""
    text, name = training_text("handbook-fraud")
    config = parse_training(text, file=name)
    assert config.events is not None
    return read_raw_events(data, source=config.events, rule=config.rule, file=name)


def by_customer(rows: pd.DataFrame) -> pd.DataFrame:
    """One customer's purchases, with count and mean amount over each window, this purchase counted, as new columns."""
    rows = rows.sort_values(["TX_DATETIME", "TRANSACTION_ID"])
    rows.index = pd.Index(rows["TX_DATETIME"])
    for days in DAYS:
        window = rows["TX_AMOUNT"].rolling(f"{days}D")
        total, count = window.sum(), window.count()
        rows[f"borrower_purchase_count_{days}d"] = list(count)
        rows[f"borrower_mean_with_amount_{days}d"] = list(total / count)
    rows.index = pd.Index(rows["TRANSACTION_ID"])
    return rows


def by_terminal(rows: pd.DataFrame) -> pd.DataFrame:
    """One terminal's purchases, with count and share of frauds over each window that ended seven days ago."""
    rows = rows.sort_values(["TX_DATETIME", "TRANSACTION_ID"])
    rows.index = pd.Index(rows["TX_DATETIME"])
    untold = rows["TX_FRAUD"].rolling("7D")
    untold_frauds, untold_count = untold.sum(), untold.count()
    for days in DAYS:
        window = rows["TX_FRAUD"].rolling(f"{7 + days}D")
        frauds, count = window.sum() - untold_frauds, window.count() - untold_count
        rows[f"terminal_label_count_{days}d"] = list(count)
        rows[f"terminal_fraud_share_{days}d"] = list(frauds / count)
    rows.index = pd.Index(rows["TRANSACTION_ID"])
    return rows.fillna(0)


def beside_pandas(
    transactions: pd.DataFrame, built: pa.Table, *, one_in: int
) -> tuple[dict[str, float], dict[str, float]]:
    """The book's way on one in so many customers and terminals, timed; and the rows on which we differ from it."""
    columns = list(transactions.columns)
    seconds, cpu_seconds, differing = 0.0, 0.0, 0
    ours = built.to_pandas().set_index("request_id")
    for key, summed_up, names in (("CUSTOMER_ID", by_customer, CUSTOMER), ("TERMINAL_ID", by_terminal, TERMINAL)):
        some = transactions[transactions[key].astype("int64") % one_in == 0]
        start, spent = time.perf_counter(), time.process_time()
        theirs: Any = some.groupby(key)[columns].apply(summed_up)
        seconds += (time.perf_counter() - start) * one_in
        cpu_seconds += (time.process_time() - spent) * one_in
        theirs = theirs.droplevel(0)
        own = ours.loc[theirs.index, names].astype("float64").fillna(0.0)
        for name in names:
            shift = 1.0 if name.startswith("borrower_purchase_count") else 0.0
            scale = 100.0 if "mean" in name else 1.0  # ours are minor units
            differing += int((np.abs(own[name] + shift - scale * theirs[name]) > 1e-6).sum())
    rolling_seconds = seconds
    start, spent = time.perf_counter(), time.process_time()
    weekend = transactions["TX_DATETIME"].apply(lambda moment: int(moment.weekday() >= 5))
    night = transactions["TX_DATETIME"].apply(lambda moment: int(moment.hour <= 6))
    seconds += time.perf_counter() - start
    cpu_seconds += time.process_time() - spent
    order = transactions["TRANSACTION_ID"].astype("int64")
    differing += int((ours.loc[order, "is_weekend"].to_numpy() != weekend.to_numpy()).sum())
    differing += int((ours.loc[order, "is_night"].to_numpy() != night.to_numpy()).sum())
    told = {"pandas_seconds": seconds, "pandas_rolling_seconds": rolling_seconds, "pandas_cpu_seconds": cpu_seconds}
    return told, {"values_that_differ": float(differing)}


def beside_feast(raw: RawEvents, built: pa.Table, asked: pa.Table) -> dict[str, float]:
    """Feast joins the features, ready-made for every purchase, to the requests as of their instants."""
    tick = raw.requests.column("tick")
    stamps = tick.cast(pa.timestamp("us", "UTC"))
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        for entity, names in (("borrower_id", CUSTOMER), ("terminal_id", TERMINAL)):
            ready = {entity: raw.requests.column(entity), "event_timestamp": stamps}
            pq.write_table(pa.table(ready | {name: built.column(name) for name in names}), folder / f"{entity}.parquet")
        entities = {name: asked.column(name) for name in ("request_id", "borrower_id", "terminal_id")}
        entities["event_timestamp"] = asked.column("tick").cast(pa.timestamp("us", "UTC"))
        pq.write_table(pa.table(entities), folder / "requests.parquet")
        made = {**os.environ, "UV_PROJECT_ENVIRONMENT": str(HERE.parents[1] / ".venv" / "bench")}
        command = [str(UV), "run", "--frozen", "--no-default-groups", "--group", "bench"]
        run = subprocess.run(
            [*command, "python", str(HERE.with_name("feast_join.py")), str(folder)],
            cwd=HERE.parents[1], env=made, capture_output=True, text=True, check=False,
        )  # fmt: skip
        if run.returncode:
            raise SystemExit(f"Feast failed:\n{run.stderr}")
        told: dict[str, float] = json.loads(run.stdout.strip().splitlines()[-1])
    return {"feast_join_seconds": told["seconds"], "feast_rows": told["rows"], "feast_differ": told["differ"]}


if __name__ == "__main__":
    main()
