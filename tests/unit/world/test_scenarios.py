"""The path of a recession, from small tables in the Federal Reserve's form, and from its own."""

from pathlib import Path

import pytest

from tallystick.world.economy.living_parameters import standard_living
from tallystick.world.economy.plan import Climate, PlanFault, WorldPlan
from tallystick.world.economy.scenarios import ScenarioFault, recession_rise
from tallystick.world.economy.seasons import unemployment

HEAD = "Scenario Name,Date,Unemployment rate,Prime rate"
REAL = Path(__file__).resolve().parents[4] / "shared" / "data" / "macro_fed_scenarios"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """What was until 2023, the adverse scenario of the year after, and a later one; and a series of something else."""
    files = {
        "a_historic.csv": [HEAD, "Actual,2023 Q3,3.9,8.5", "Actual,2023 Q4,3.7,8.5"],
        "b_baseline.csv": [HEAD, "Supervisory Baseline,2024 Q1,3.9,8.4"],
        "c_adverse.csv": [
            HEAD, "Supervisory Severely Adverse,2024 Q2,6.8,3.2", "Supervisory Severely Adverse,2024 Q1,5.6,5.1"
        ],
        "d_adverse.csv": [HEAD, "Supervisory Severely Adverse,2025 Q1,5.7,4.8"],
        "e_series.csv": ["observation_date,UNRATE", "2024-01-01,3.7"],
    }  # fmt: skip
    for name, lines in files.items():
        (tmp_path / name).write_text("\n".join(lines), encoding="utf-8")
    return tmp_path


def test_a_recession_stands_above_the_quarter_before_it(folder: Path) -> None:
    assert recession_rise(folder) == recession_rise(folder / "c_adverse.csv") == (0.0, 0.019, 0.031)
    assert recession_rise(folder / "b_baseline.csv") == (0.0, 0.002)
    rise, seasons = recession_rise(folder), standard_living().seasons
    rates = [
        unemployment(month, climate=Climate.RECESSION, seasons=seasons, begins=6, rise=rise)
        for month in (0, 6, 9, 12, 40)
    ]  # fmt: skip
    assert rates == pytest.approx([0.05, 0.05, 0.069, 0.081, 0.081])


def test_what_is_wrong_is_told_with_file_column_and_way_out(folder: Path) -> None:
    def fault(file: str) -> str:
        with pytest.raises(ScenarioFault) as told:
            recession_rise(folder / file)
        return str(told.value)

    assert "`Date` 2024 Q4 into" in fault("d_adverse.csv")
    assert "has no column `Scenario Name`, `Date`, `Unemployment rate`" in fault("e_series.csv")
    assert "`Scenario Name` names no recession" in fault("a_historic.csv")
    adverse = folder / "c_adverse.csv"
    for quarter, rate, told in (
        ("2024 Q5", "6.8", "row 2: `Date` is '2024 Q5'; write year and quarter as in 2024 Q1"),
        ("2024 Q2", "", "row 2: `Unemployment rate` is None; give percent, from 0 to 100"),
        ("2024 Q2", "680", "row 2: `Unemployment rate` is '680'; give percent, from 0 to 100"),
        ("2024 Q3", "6.8", "`Date` of Severe lacks 2024 Q2; give every quarter a row"),
    ):
        adverse.write_text(f"{HEAD}\nSevere,2024 Q1,5.6,5.1\nSevere,{quarter},{rate},3.2", encoding="utf-8")
        assert told in fault("c_adverse.csv")
    with pytest.raises(PlanFault, match=r"recession_rise is .*choose the recession"):
        WorldPlan(seed=1, borrowers=1, months=1, recession_rise=(0.0, 0.01))


def test_the_shipped_path_is_the_federal_reserves() -> None:
    if not REAL.is_dir():
        pytest.skip(f"the Federal Reserve's scenarios are not here: put them at {REAL}")
    assert recession_rise(REAL) == standard_living().seasons.recession_rise
