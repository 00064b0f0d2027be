"""`economics.toml`: every fault at once, each with its file and field, and never a figure without a source."""

import re

import pytest

from tallystick.strategy.economics import StrategyFaults, read_economics
from tallystick.strategy.policy import standard_strategy_files

TEXT = standard_strategy_files()["economics.toml"]


def _faults(text: str) -> tuple[str, ...]:
    with pytest.raises(StrategyFaults) as caught:
        read_economics(text)
    assert str(caught.value) == "\n".join(caught.value.faults)
    return caught.value.faults


@pytest.mark.parametrize(
    ("old", "new", "fault"),
    [
        ("[funds_rate_ppm]\n", "[funds_rate]\n", "funds_rate: not a parameter"),
        ("[funds_rate_ppm]\n", "[funds_rate]\n", "funds_rate_ppm: missing"),
        ("value = 30_000", "value = -1", "funds_rate_ppm: must be whole ppm between 0 and 1000000"),
        ("value = 30_000", "value = 1_000_001", "funds_rate_ppm: must be whole ppm"),
        ("value = 30_000", "value = 0.03", "funds_rate_ppm: must be whole ppm"),
        ("value = 30_000", "value = true", "funds_rate_ppm: must be whole ppm"),
        ("value = 30_000", 'value = "3 %"', "funds_rate_ppm: must be whole ppm"),
        ("value = 30_000", "value = 30_000\nunit = 1", "funds_rate_ppm.unit: not a parameter"),
        ("adverse = 950_000\n", "", "stress_quantile_ppm.adverse: must be whole ppm"),
        ("adverse = 950_000", "adverse = 999_000", "stress_quantile_ppm: quantiles must rise"),
        ("severe = 999_000", "severe = 1_000_000", "stress_quantile_ppm: quantiles must rise"),
        ("severe = 999_000", "severe = 999_000\nworst = 999_900", "stress_quantile_ppm.worst: not a parameter"),
        ("[grade.B]\n", "[grade.B]\nprice_ppm = 5\n", "grade.B.price_ppm: not a parameter"),
        ("pd_ppm = 14_000", "pd_ppm = 5_000", "grade: list at least one, safest first, with rising pd_ppm"),
        ("pd_ppm = 5_000", "pd_ppm = 0", "grade: list at least one, safest first, with rising pd_ppm above zero"),
        ("propensity_ppm = 80_000\n", "", "grade.B.propensity_ppm: must be whole ppm"),
        ("from_ppm = [0, ", "from_ppm = [1, ", "propensity_by_use: from_ppm must begin at 0 and rise"),
        ("500_000, 900_000]", "900_000, 500_000]", "propensity_by_use: from_ppm must begin at 0 and rise"),
        ("[0, 500_000, 900_000]", "[0, 500_000]", "propensity_by_use: from_ppm must begin at 0 and rise"),
        ("[520_000, ", "[0.52, ", "propensity_by_use: from_ppm and factor_ppm must be lists of whole ppm"),
        ("from_ppm = [0,", "uses_ppm = [0,", "propensity_by_use.uses_ppm: not a parameter"),
        ("source_pd =", "sauce_pd =", "grade.source_pd: missing"),
        ("source_pd =", "sauce_pd =", "grade.sauce_pd: must be a block"),
    ],
)
def test_each_fault_names_its_file_and_its_field(old: str, new: str, fault: str) -> None:
    assert old in TEXT
    told = _faults(TEXT.replace(old, new, 1))
    assert any(line.startswith(f"economics.toml: {fault}") for line in told), told


def test_every_figure_that_loses_its_source_is_named() -> None:
    told = _faults(re.sub(r'(?m)^source = ".*"$', 'source = " "', TEXT))
    assert len([line for line in told if "has no source" in line]) == 11
    assert any("stress_quantile_ppm: missing, or without source" in line for line in told)


def test_nothing_at_all_is_every_fault_and_no_toml_is_one() -> None:
    assert len(_faults("")) == 12  # ten figures, the stress quantiles, the grades
    assert _faults("[[")[0].startswith("economics.toml: not TOML")


def test_grades_come_safest_first_and_every_parameter_keeps_its_source() -> None:
    economics = read_economics(TEXT)
    assert economics.grade_names() == tuple("ABCDEFGH")
    assert set(economics.sources) >= {"funds_rate_ppm", "stress_quantile_ppm", "source_pd"}
    assert all(economics.sources.values())
    assert dict(economics.stress_quantile_ppm) == {"base": 500_000, "adverse": 950_000, "severe": 999_000}


def test_who_leaves_the_use_out_has_propensities_by_grade_alone() -> None:
    block = re.search(r"(?ms)^\[propensity_by_use\]$.*?^source = .*?$", TEXT)
    assert block is not None
    economics = read_economics(TEXT.replace(block[0], ""))
    assert economics.propensity_by_use == ()
    assert "propensity_by_use" not in economics.sources
