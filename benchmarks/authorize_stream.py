"""Real purchases as a live stream through `authorize`: money saved, frauds stopped, good customers stopped.

    python benchmarks/authorize_stream.py [--json] [--days 7] [--capacities 25 50 100 200] [--customers N]
                                          [--batch-seconds 300] [--model FOLDER] [--out FOLDER]
                                          [--data FILE --config NAME|FILE --strategy FOLDER --weeks-later N]

The transactions of the Fraud Detection Handbook, by the protocol of `handbook-fraud`: what happened until 31 July 2018
is loaded, the last week of it trains the model (`tallystick train`, without the models that stand beside it in its
report), and everything after arrives in order of time through `authorize` in the embedded PostgreSQL. A card is a
borrower with a line, a terminal a merchant. In the first week, while the labels of the training week are awaited, a
strategy without a model decides; on 8 August the model's strategy is submitted, approved, promoted, and decides the
test days. Labels arrive seven days after each purchase. Each capacity is a strategy of its own (its threshold is set by
the scores of the first week, which needs no labels) and a live run of its own on a copy of the database, in which so
many reviews a day are taken from the queue, found to be what they are, and the rest ends by its deadline.

Beside it, without a database, the offline evaluation of the same model and strategy from the file: `rehearsal_offline`.
Every value of every record (requests, figures, features, scores, rows, outcomes, reasons), what came of each purchase,
what each line holds in the end, and every figure below must be the same: where one differs the benchmark fails.

`ours` are live, `peer` offline; a ratio is ours over the peer's, where there is any: 1. Money is in minor units of the
file. Another file of purchases is rehearsed alike, by its training configuration and a strategy whose
`authorize` has a `capacity.csv`; `--weeks-later` moves its days to where products and laws are known.
"""

import argparse
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Final

import duckdb
import psycopg
from psycopg.conninfo import make_conninfo
from rich.console import Console
from rich.progress import Progress

from report_line import emit
from tallystick.bootstrap import shown_progress
from tallystick.features.event_tables import DAY_TICKS
from tallystick.operations.rehearsal import Answers, Phase, Rehearsal, differences, intercepted_by, rehearsal_of
from tallystick.operations.rehearsal_live import FIRST_ID, LiveRehearsal
from tallystick.operations.rehearsal_offline import OfflineRehearsal
from tallystick.operations.rehearsal_strategy import purchase_strategy, with_threshold
from tallystick.operations.strategies import strategy_files
from tallystick.operations.train import TrainRequest, train
from tallystick.sources.raw_events import read_raw_events
from tallystick.sources.training_form import TrainingConfig, parse_training, training_text
from tallystick.storage.arrays import dump_lists_at_once
from tallystick.storage.embedded import embedded_server
from tallystick.storage.migration import migrate
from tallystick.storage.place import place
from tallystick.strategy.case_columns import CheckpointName
from tallystick.strategy.interception import Interception, review_from_ppm
from tallystick.strategy.model_places import with_model
from tallystick.strategy.purchase_economics import ECONOMICS_FILE, read_purchase_economics
from tallystick.terms.catalog import shipped_products

DATA: Final = Path(__file__).resolve().parents[2] / "shared" / "data" / "fraud_handbook_raw" / "transactions.parquet"
STRATEGY: Final = Path(__file__).resolve().parent / "handbook_strategy"
CONFIG: Final = "handbook-fraud"
# Whole weeks, so that weekdays stay: products and laws that ship are those of 2026.
WEEKS_LATER: Final = 417
LIMIT_MINOR: Final = 3_000_000
_HEADLINES: Final = ("saved_minor", "frauds_stopped", "good_customers_stopped")
say = Console(stderr=True).print


def main() -> None:
    options = _options()
    before = purchase_strategy(options.strategy)
    economics = read_purchase_economics(before[ECONOMICS_FILE].decode(), file=ECONOMICS_FILE)
    with tempfile.TemporaryDirectory() as scratch:
        text, name = training_text(options.config)
        config = parse_training(text, file=name)
        data = options.data if options.customers is None else _some_customers(options, config, Path(scratch))
        model = options.model or _trained(text, name, data=data, scratch=Path(scratch))
        scored = with_model(before, strategy_files(model), name="fraud", checkpoints=[CheckpointName.AUTHORIZE])
        rehearsal = _rehearsal(config, data, options)
    first, every = rehearsal.tested_from, rehearsal.requests.num_rows
    say(f"{every:,} purchases in {len(rehearsal.batches(0, every)):,} batches, {first:,} of them before the model")
    began = time.monotonic()
    offline = OfflineRehearsal(rehearsal, [before, scored], limit_minor=LIMIT_MINOR)
    could, days = offline.scores_to_review(scored), _days(rehearsal)
    say(f"features offline in {time.monotonic() - began:.0f} s")
    live: dict[str, float] = {"purchases": every - first, "purchases_before_the_model": first}
    apart: dict[str, float] = {}
    compared = 0
    with _live_until(rehearsal, Phase(0, before)) as copied:
        for capacity in options.capacities:
            threshold = review_from_ppm(could, days=days, per_day=capacity)
            files = with_threshold(scored, threshold)
            if options.out:
                _write(options.out / f"strategy-{capacity}", files)
            phase = Phase(first, files, reviews_per_day=capacity)
            found, seconds = copied(phase)
            told = offline.answers([Phase(0, before), phase])
            compared += _compared(found, told, capacity=capacity)
            rows = slice(first, every)
            for side, answers in ((live, found), (apart, told)):
                side.update(_named(intercepted_by(answers, rehearsal, rows=rows, economics=economics), capacity))
            live[f"review_from_ppm_at_{capacity}"] = threshold
            live[f"decisions_per_s_at_{capacity}"] = (every - first) / seconds
    differing = [name for name in apart if live[name] != apart[name]]
    if differing:
        raise SystemExit(f"figures differ between live and offline: {', '.join(differing)}")
    live["values_compared"] = compared
    ratio = {name: live[name] / apart[name] for name in apart if name.startswith(_HEADLINES) and apart[name]}
    emit("authorize_stream", ours=live, peer=apart, ratio=ratio, as_json=options.json)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", action="store_true", help="print one JSON object as the last line")
    parser.add_argument("--data", type=Path, default=DATA)
    parser.add_argument("--config", default=CONFIG, help="a training configuration: built in, or a file")
    parser.add_argument("--strategy", type=Path, default=STRATEGY, help="the tables; what they lack is the standard's")
    parser.add_argument("--weeks-later", type=int, default=WEEKS_LATER, help="how far the file's days are moved")
    parser.add_argument("--days", type=int, default=7, help="of the test window")
    parser.add_argument("--capacities", type=int, nargs="+", default=[25, 50, 100, 200], help="reviews a day")
    parser.add_argument("--customers", type=int, help="the first so many of the file; without it all")
    parser.add_argument("--batch-seconds", type=int, default=300, help="what comes within is decided together")
    parser.add_argument("--model", type=Path, help="a folder that `tallystick train` made, in place of training")
    parser.add_argument("--out", type=Path, help="keep the strategy folder of each capacity here")
    return parser.parse_args()


def _some_customers(options: argparse.Namespace, config: TrainingConfig, scratch: Path) -> Path:
    """The rows of the customers with the lowest numbers, as a file."""
    assert config.events is not None, "purchases have dates"
    customer, path = config.events.columns["borrower_id"], scratch / "transactions.parquet"
    duckdb.sql(
        f"COPY (SELECT * FROM '{options.data}' QUALIFY DENSE_RANK() OVER (ORDER BY {customer}) <= {options.customers}) "
        f"TO '{path}' (FORMAT parquet)"
    )
    return path


def _trained(text: str, name: str, *, data: Path, scratch: Path) -> Path:
    """The model of the configuration, without what its report compares it with."""
    own, _, _ = text.partition("[[compare]]")
    config = scratch / f"{Path(name).stem}.toml"
    config.write_text(own, encoding="utf-8")
    with shown_progress("en") as progress:
        train(TrainRequest(config=str(config), out=scratch / "model", data=data), progress=progress)
    return scratch / "model"


def _rehearsal(config: TrainingConfig, data: Path, options: argparse.Namespace) -> Rehearsal:
    assert config.events is not None, "purchases have dates"
    raw = read_raw_events(data, source=config.events, rule=config.rule, file=config.name)
    return rehearsal_of(
        config, raw, days=options.days, batch_seconds=options.batch_seconds, weeks_later=options.weeks_later
    )


def _days(rehearsal: Rehearsal) -> int:
    """How many days the first phase has."""
    return round((int(rehearsal.tick[rehearsal.tested_from]) - rehearsal.begins_tick) / DAY_TICKS)


@contextmanager
def _live_until(rehearsal: Rehearsal, phase: Phase) -> Iterator[Callable[[Phase], tuple[Answers, float]]]:
    """A database in which the first phase was lived through; gives what lives through the next one on a copy of it."""
    folder = place(Path(tempfile.gettempdir()) / "tallystick-authorize-stream-benchmark")
    with embedded_server(folder) as server:

        def again(phase: Phase) -> tuple[Answers, float]:
            with _database(server.url, "stream_copy", template="stream") as url:
                return _lived(url, rehearsal, phase)

        with _database(server.url, "stream", template="template1") as url:
            with psycopg.connect(url, autocommit=True) as connection:
                migrate(connection)
                dump_lists_at_once(connection)
                live = LiveRehearsal(connection, rehearsal)
                began = time.monotonic()
                live.begin(shipped_products()["baitiao"], limit_minor=LIMIT_MINOR)
                say(f"lines opened and what happened before loaded in {time.monotonic() - began:.0f} s")
                _shown(live.run(phase, until=rehearsal.tested_from), "before the model")
            yield again


def _lived(url: str, rehearsal: Rehearsal, phase: Phase) -> tuple[Answers, float]:
    """What is answered of all purchases once the phase is over, and in how many seconds it was."""
    with psycopg.connect(url, autocommit=True) as connection:
        dump_lists_at_once(connection)
        live = LiveRehearsal(connection, rehearsal, first_id=2 * FIRST_ID)
        began = time.monotonic()
        _shown(live.run(phase, until=rehearsal.requests.num_rows), f"{phase.reviews_per_day} reviews a day")
        elapsed = time.monotonic() - began
        return live.answers(), elapsed


def _shown(shares: Iterator[float], told: str) -> None:
    began = time.monotonic()
    with Progress(console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task(told, total=1.0)
        for share in shares:
            progress.update(task, completed=share)
    say(f"{told}: {time.monotonic() - began:.0f} s")


@contextmanager
def _database(server_url: str, name: str, *, template: str) -> Iterator[str]:
    with psycopg.connect(server_url, autocommit=True) as connection:
        connection.execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)'.encode())
        connection.execute(f'CREATE DATABASE "{name}" TEMPLATE "{template}"'.encode())
        try:
            yield make_conninfo(server_url, dbname=name)
        finally:
            connection.execute(f'DROP DATABASE "{name}" WITH (FORCE)'.encode())


def _compared(live: Answers, offline: Answers, *, capacity: int) -> int:
    """How many values were compared; ends the benchmark where one differs."""
    found = differences(live, offline)
    if found:
        told = ", ".join(f"{name} ({count:,})" for name, count in found.items())
        raise SystemExit(f"at {capacity} reviews a day live and offline differ: {told}")
    return sum(map(len, live.columns.values())) + len(live.final) + len(live.held_minor)


def _named(figures: Interception, capacity: int) -> dict[str, float]:
    return {f"{name}_at_{capacity}": value for name, value in asdict(figures).items()}


def _write(folder: Path, files: Mapping[str, bytes]) -> None:
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)


if __name__ == "__main__":
    main()
