"""A watch from a trained model's folder alone: false alarms are rare, planted drift is found, faults name a field."""

import json
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq
import pytest
from tests.watched_books import AMOUNTS, CASES, EVENTS, write_cases, write_loans, write_purchases

from tallystick.operations.progress import Silent
from tallystick.operations.scoring import ScoringFault
from tallystick.operations.train import TrainRequest, train
from tallystick.operations.train_amount import train_amount
from tallystick.operations.watch_trained import TrainedWatchRequest, watch_trained
from tallystick.operations.watching import WatchOptions
from tallystick.operations.watching import watch as watch_by_options
from tallystick.scoring.manifest import ModelFilesFault
from tallystick.scoring.watch import Check
from tallystick.terms.form import FormFaults

_WRITERS: dict[str, Callable[..., Path]] = {
    "events": lambda folder, name, **drift: write_purchases(folder / f"{name}.parquet", **drift),
    "cases": lambda folder, name, **drift: write_cases(folder / f"{name}.parquet", **drift),
    "amounts": lambda folder, name, **drift: write_loans(folder / name, **drift),
}
_CONFIGS = {"events": EVENTS, "cases": CASES, "amounts": AMOUNTS}
_SINCE = {"events": date(2026, 3, 2), "cases": None, "amounts": date(2026, 4, 1)}


def trained(kind: str, folder: Path, *, seed: int = 1) -> Path:
    """The folder of a model of one kind."""
    config, out = folder / f"{kind}.toml", folder / f"model-{kind}-{seed}"
    config.write_text(_CONFIGS[kind], encoding="utf-8")
    data = _WRITERS[kind](folder, f"{kind}-{seed}", seed=seed)
    run: Callable[..., Any] = train_amount if kind == "amounts" else train
    run(TrainRequest(config=str(config), data=data, out=out), progress=Silent())
    return out


def watched(
    kind: str, model: Path, folder: Path, *, seed: int, false_alarm: float = 0.01, **drift: float
) -> tuple[Check, ...]:
    """A watch of another draw of the same book, with a drift if one is given."""
    data = _WRITERS[kind](folder, f"{kind}-{seed}-live", seed=seed, **drift)
    request = TrainedWatchRequest(model, data, since=_SINCE[kind], false_alarm=false_alarm)
    return watch_trained(request, progress=Silent())


def alarms(checks: tuple[Check, ...]) -> set[tuple[str, str]]:
    """What alarmed."""
    return {(check.kind, check.name) for check in checks if check.alarm}


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """A model of each kind."""
    folder = tmp_path_factory.mktemp("models")
    return {kind: trained(kind, folder) for kind in _CONFIGS}


@pytest.mark.parametrize("kind", list(_CONFIGS))
def test_whole_files_of_one_book_alarm_at_most_as_often_as_stated(kind: str, tmp_path: Path) -> None:
    count = 0
    for seed in range(8):
        model = trained(kind, tmp_path, seed=seed)
        for live in (1_000 + seed, 2_000 + seed):
            count += bool(alarms(watched(kind, model, tmp_path, seed=live, false_alarm=0.1)))
    # of 16 watches at 10 % more than 5 alarm in 3 of 1,000 such tests
    assert count <= 5


@pytest.mark.parametrize(
    ("kind", "drift", "found"),
    [
        ("events", {"dearer": 1.6}, {("feature", "amount"), ("feature", "borrower_amount_to_mean_30d")}),
        ("events", {"frauds": 10.0}, {("early", "signs"), ("feature", "terminal_fraud_share_14d")}),
        ("cases", {"poorer": 0.4}, {("feature", "income"), ("score", "pd")}),
        ("cases", {"worse": 0.8}, {("calibration", "all")}),
        ("amounts", {"less": 0.6}, {("calibration", "amount"), ("calibration", "amount 2026-05")}),
        ("amounts", {"larger": 1.4}, {("feature", "owed")}),
    ],
)
def test_a_planted_drift_is_found_by_its_name(
    models: dict[str, Path], tmp_path: Path, kind: str, drift: dict[str, float], found: set[tuple[str, str]]
) -> None:
    assert not alarms(watched(kind, models[kind], tmp_path, seed=77))
    assert found <= alarms(watched(kind, models[kind], tmp_path, seed=78, **drift))


def test_what_is_told_early_and_by_stretch_of_time_is_watched_where_it_is_known(
    models: dict[str, Path], tmp_path: Path
) -> None:
    kinds = {kind: {(one.kind, one.name) for one in watched(kind, models[kind], tmp_path, seed=5)} for kind in _CONFIGS}
    assert {("early", "signs"), ("calibration", "all 2026-03-02"), ("calibration", "all 2026-03-16")} < kinds["events"]
    assert ("performance", "auc_lost") in kinds["cases"]
    assert ("early", "signs") not in kinds["cases"] | kinds["amounts"]
    assert {("score", "expected"), ("calibration", "any"), ("calibration", "amount 2026-04")} < kinds["amounts"]
    checks = watched("cases", models["cases"], tmp_path, seed=5)
    assert sum(one.false_alarm for one in checks) == pytest.approx(0.01)


def test_before_outcomes_are_known_features_and_scores_are_watched(models: dict[str, Path], tmp_path: Path) -> None:
    cases = pq.read_table(write_cases(tmp_path / "all.parquet", seed=6)).drop_columns(["bad"])
    pq.write_table(cases, tmp_path / "new.parquet")
    checks = watch_trained(TrainedWatchRequest(models["cases"], tmp_path / "new.parquet"), progress=Silent())
    assert {one.kind for one in checks} == {"feature", "score"}
    loans = pa.csv.read_csv(write_loans(tmp_path / "loans", seed=6) / "loans.csv")
    pa.csv.write_csv(loans.drop_columns(["recovered", "settled"]), tmp_path / "fresh.csv")
    checks = watch_trained(TrainedWatchRequest(models["amounts"], tmp_path / "fresh.csv"), progress=Silent())
    assert {one.kind for one in checks} == {"feature", "score"}
    # fewer rows than a label's delay after the start: nothing is mature
    data = write_purchases(tmp_path / "purchases.parquet", seed=6, days=62)
    request = TrainedWatchRequest(models["events"], data, since=date(2026, 3, 2))
    assert {one.kind for one in watch_trained(request, progress=Silent())} == {"feature", "score"}


def test_the_folder_alone_is_enough_and_its_files_say_what_was_found(models: dict[str, Path], tmp_path: Path) -> None:
    data = write_cases(tmp_path / "live.parquet", seed=8, worse=0.8)
    told = WatchOptions(models["cases"], data, None, None, None, tmp_path / "out", 0.01)
    checks = watch_by_options(told, progress=Silent())
    rows = json.loads((tmp_path / "out/watch.json").read_text())
    assert {(row["kind"], row["name"]) for row in rows if row["alarm"]} == alarms(checks) == {("calibration", "all")}
    assert 'tallystick_watch_alarm{kind="calibration"' in (tmp_path / "out/watch.prom").read_text()
    # nothing in the folder names a row: quantiles, counts and sums alone
    kept = json.loads((models["cases"] / "reference.json").read_text())
    assert set(kept["features"][0]) == {"name", "kind", "edges", "values", "counts", "covariance", "fourth"}
    assert len(kept["features"][0]["edges"]) == 9


def test_a_fault_of_the_file_or_the_options_names_the_way_out(models: dict[str, Path], tmp_path: Path) -> None:
    cases = write_cases(tmp_path / "cases.parquet", seed=9)

    def refused(told: str, *, model: Path = models["cases"], data: Path | None = cases, **more: Any) -> None:
        options = {"against": None, "mapping": None, "since": None, "out": None, "false_alarm": 0.01} | more
        with pytest.raises((ScoringFault, FormFaults, ModelFilesFault), match=told):
            watch_by_options(WatchOptions(model=model, data=data, **options), progress=Silent())

    refused("data: missing", data=None)
    refused("mapping: missing; two portfolios", against=cases)
    refused("since: the rows of this model have no dates", since=date(2026, 1, 1))
    refused("give a share between 0 and 1", false_alarm=0.0)
    refused("there is no model; make one with `tallystick train", model=tmp_path)
    pq.write_table(pq.read_table(cases).drop_columns(["income"]), tmp_path / "poor.parquet")
    refused(r"table\.feature\[0\]\.sql: poor\.parquet has no column income", data=tmp_path / "poor.parquet")
    purchases = write_purchases(tmp_path / "purchases.parquet", seed=9, days=70)
    refused(
        r"events\.at: the file begins on 2026-01-01, and features look back 30 days from 2026-01-20; give rows from "
        r"2025-12-21 on, or --since 2026-01-31",
        model=models["events"], data=purchases, since=date(2026, 1, 20),
    )  # fmt: skip
    refused("the file ends on 2026-03-11, before 2026-03-13", model=models["events"], data=purchases)
    loans = write_loans(tmp_path / "loans", seed=9)
    refused("since: no row from 2027-01 on", model=models["amounts"], data=loans, since=date(2027, 1, 1))


def test_a_folder_that_is_not_as_it_was_written_is_refused(tmp_path: Path) -> None:
    model, data = trained("cases", tmp_path), write_cases(tmp_path / "live.parquet", seed=9)
    config = model / "evidence/config.toml"
    config.write_text(config.read_text().replace('sql = "income"', 'sql = "late"'))
    with pytest.raises(ScoringFault, match=r"config\.toml: missing, or not the one that the model was trained by"):
        watch_trained(TrainedWatchRequest(model, data), progress=Silent())
    (model / "reference.json").write_text("{}")
    with pytest.raises(ModelFilesFault, match=r"reference\.json was altered"):
        watch_trained(TrainedWatchRequest(model, data), progress=Silent())
    (model / "reference.json").unlink()
    with pytest.raises(ModelFilesFault, match=r"reference\.json is missing"):
        watch_trained(TrainedWatchRequest(model, data), progress=Silent())
