"""A watch over real files: quiet where nothing changed, alarms by name where something did, the same in its files."""

import json
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from prometheus_client.parser import text_string_to_metric_families

from tallystick.operations.fit import FitRequest, fit
from tallystick.operations.progress import Silent
from tallystick.operations.scoring import ScoringFault
from tallystick.operations.watch import WatchRequest, watch
from tallystick.scoring.watch import Check
from tallystick.world.parameters import standard_parameters
from tallystick.world.portfolio import simulate_portfolio


@pytest.fixture(scope="module")
def model(simulated_file: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A scorecard of the simulated portfolio."""
    folder = tmp_path_factory.mktemp("watched")
    fit(FitRequest(data=simulated_file, mapping="tallystick", out=folder, kind="scorecard"), progress=Silent())
    return folder


@pytest.fixture(scope="module")
def later(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Another portfolio of the same world."""
    path = tmp_path_factory.mktemp("later") / "portfolio.parquet"
    pq.write_table(simulate_portfolio(lines=3_000, seed=21, parameters=standard_parameters()).observed, path)
    return path


def alarms(checks: tuple[Check, ...]) -> set[tuple[str, str]]:
    """What alarmed."""
    return {(check.kind, check.name) for check in checks if check.alarm}


def test_another_sample_of_the_same_world_is_quiet(model: Path, simulated_file: Path, later: Path) -> None:
    checks = watch(WatchRequest(later, simulated_file, "tallystick", model), progress=Silent())
    assert not alarms(checks)
    assert {check.kind for check in checks} == {"feature", "calibration", "performance", "first_payment"}
    assert sum(check.false_alarm for check in checks) == pytest.approx(0.01)
    ranked = next(check for check in checks if check.kind == "performance")
    assert abs(ranked.value) < 0.05  # beside lines scored out of fold; in sample the model looks far better


def test_scores_are_compared_with_those_of_lines_that_the_model_never_saw(
    model: Path, later: Path, tmp_path: Path
) -> None:
    path = tmp_path / "third.parquet"
    pq.write_table(simulate_portfolio(lines=2_000, seed=22, parameters=standard_parameters()).observed, path)
    checks = watch(WatchRequest(path, later, "tallystick", model), progress=Silent())
    assert "score" in {check.kind for check in checks}
    assert not alarms(checks)


def test_more_bads_and_missed_first_payments_are_told_in_rows_and_metrics(
    model: Path, simulated_file: Path, later: Path, tmp_path: Path
) -> None:
    table = pq.read_table(later)
    draws = np.random.default_rng(1)
    worse = [
        1 if outcome == 0 and draws.random() < 0.08 else outcome for outcome in table.column("outcome").to_pylist()
    ]
    planted: dict[str, list[int | None]] = {"outcome": worse}
    months_on_book = table.column("months_on_book").to_numpy()
    for ago in range(12):
        name = f"months_past_due_m{ago}"
        new = (months_on_book - ago == 2) & (draws.random(len(months_on_book)) < 0.2)
        planted[name] = [1 if one else told for one, told in zip(new, table.column(name).to_pylist(), strict=True)]
    for name, values in planted.items():
        place, kind = table.column_names.index(name), table.schema.field(name).type
        table = table.set_column(place, name, pa.array(values, kind))
    pq.write_table(table, tmp_path / "worse.parquet")
    request = WatchRequest(tmp_path / "worse.parquet", simulated_file, "tallystick", model, tmp_path / "out")
    checks = watch(request, progress=Silent())
    assert {("calibration", "all"), ("first_payment", "missed")} <= alarms(checks)
    rows = json.loads((tmp_path / "out/watch.json").read_text())
    assert {(row["kind"], row["name"]) for row in rows if row["alarm"]} == alarms(checks)
    told = {
        family.name: {(one.labels["kind"], one.labels["name"]): one.value for one in family.samples}
        for family in text_string_to_metric_families((tmp_path / "out/watch.prom").read_text())
    }
    assert {key for key, value in told["tallystick_watch_alarm"].items() if value} == alarms(checks)
    assert told["tallystick_watch_value"] == {(row["kind"], row["name"]): row["value"] for row in rows}


def test_a_share_of_false_alarms_that_is_none_is_refused(simulated_file: Path) -> None:
    with pytest.raises(ScoringFault, match="give a share between 0 and 1"):
        watch(WatchRequest(simulated_file, simulated_file, "tallystick", false_alarm=1.0), progress=Silent())
