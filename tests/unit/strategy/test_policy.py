"""The strategy folder: the standard one holds together, and a wrong one is told all of its faults by file and field."""

from datetime import date

import numpy as np
import pytest
from tests.checkpoints import other_line_ends

from tallystick.strategy.columns import ColumnType
from tallystick.strategy.economics import StrategyFaults
from tallystick.strategy.policy import (
    STRATEGY_FILES,
    CapRule,
    Strategy,
    read_strategy,
    standard_strategy_files,
    strategy_sha256,
)

ON = date(2026, 11, 23)
TEXTS = standard_strategy_files()
FEATURES = {
    name: ColumnType("number")
    for name in ("months_past_due_m0", "months_past_due_max_6m", "utilization_m0", "months_on_book")
}


def _faults(**texts: str) -> tuple[str, ...]:
    named = {name.replace("__", "."): text for name, text in texts.items()}
    with pytest.raises(StrategyFaults) as caught:
        read_strategy(TEXTS | named, features=FEATURES, on=ON)
    return caught.value.faults


def _edited(old: str, new: str) -> tuple[str, ...]:
    assert old in TEXTS["strategy.toml"]
    return _faults(strategy__toml=TEXTS["strategy.toml"].replace(old, new, 1))


@pytest.fixture(scope="module")
def standard() -> Strategy:
    """The strategy that ships with Tallystick."""
    return read_strategy(TEXTS, features=FEATURES, on=ON)


def test_the_standard_strategy_is_read_whole(standard: Strategy) -> None:
    assert (standard.name, standard.jurisdiction, standard.currency) == ("standard", "CN", "CNY")
    assert standard.limits.step_minor == 100_000
    assert standard.limits.person_cap_minor == standard.person_cap.bound == 20_000_000
    assert standard.price_cap.bound == 240_000
    assert [cap.name for cap in standard.caps] == ["exposure", "expected_loss", "weak_grades_share"]
    assert standard.sha256 == strategy_sha256(TEXTS)
    assert len(standard.sha256) == 64


def test_every_pd_has_a_grade_and_every_grade_is_priced_inside_its_band(standard: Strategy) -> None:
    """The pricing PD of each grade decides to that very grade, and bands change on their border, not beside it."""
    names = standard.economics.grade_names()
    priced = np.array([grade.pd_ppm for grade in standard.economics.grades])
    assert standard.grades.decide({"pd_ppm": priced}).outputs["grade"].tolist() == list(names)
    every = np.arange(0, 1_000_001, 50)
    graded = standard.grades.decide({"pd_ppm": every}).outputs["grade"].tolist()
    assert graded == sorted(graded)
    assert set(graded) == set(names)
    borders = np.array([9_999, 10_000, 19_999, 20_000, 39_999, 40_000, 69_999, 70_000, 249_999, 250_000])
    assert standard.grades.decide({"pd_ppm": borders}).outputs["grade"].tolist() == list("ABBCCDDEGH")


def test_the_standard_tables_say_every_reason_in_both_languages(standard: Strategy) -> None:
    for table in (standard.grades, standard.eligibility):
        assert all(zh and en for zh, en in table.reasons.values())


@pytest.mark.parametrize("file", STRATEGY_FILES)
def test_a_missing_file_is_named(file: str) -> None:
    texts = {name: text for name, text in TEXTS.items() if name != file}
    with pytest.raises(StrategyFaults, match=rf"{file}: missing from the strategy folder"):
        read_strategy(texts, features=FEATURES, on=ON)


@pytest.mark.parametrize(
    ("old", "new", "fault"),
    [
        ("reserve_ppm = 100_000", "reserve_ppm = 1_000_001", "strategy.toml: request_reserve_ppm: must be whole ppm"),
        ('name = "standard"', 'name = " "', "strategy.toml: name: missing or empty"),
        ('name = "standard"', 'nane = "standard"', "strategy.toml: nane: not known"),
        ('currency = "CNY"', 'currency = "JPY"', "strategy.toml: currency: CN-"),
        ("step_minor = 100_000", "step_minor = 0", "strategy.toml: limits.step_minor: must be a whole number from 1"),
        ("step_minor = 100_000", "step_minor = 1e5", "strategy.toml: limits.step_minor: must be a whole number"),
        ("income_multiple_ppm", "income_multiple", "strategy.toml: limits.income_multiple: not known"),
        ('measure = "drawn"', 'measure = "debt"', "strategy.toml: portfolio_cap 1: measure: must be one of limit"),
        ('name = "expected_loss"', 'name = "exposure"', "strategy.toml: portfolio_cap: the name 'exposure'"),
        ("most_ratio_to_today_ppm = 1_150_000", "", "strategy.toml: portfolio_cap 1: give exactly one bound"),
        (
            "most_ratio_to_today_ppm = 1_150_000",
            "most_ratio_to_today_ppm = 1_150_000\nmost_minor = 5",
            "strategy.toml: portfolio_cap 1: give exactly one bound",
        ),
        ("most_share_above_today_ppm", "most_minor", "strategy.toml: portfolio_cap 3: give exactly one bound"),
        ('segment_column = "grade"', 'segment_column = "city"', "strategy.toml: portfolio_cap 3: segment_column:"),
        ('["E", "F", "G", "H"]', "[]", "strategy.toml: portfolio_cap 3: segment_values: give a list"),
        ('["E", "F", "G", "H"]', "[5]", "strategy.toml: portfolio_cap 3: segment_values: give a list"),
        ('zh = "预期损失上限"', "", "strategy.toml: portfolio_cap 2: zh: missing or empty"),
    ],
)  # fmt: skip
def test_each_fault_of_the_rules_names_its_file_and_field(old: str, new: str, fault: str) -> None:
    told = _edited(old, new)
    assert any(line.startswith(fault) for line in told), told


def test_caps_that_are_no_blocks_are_a_fault_and_not_a_crash() -> None:
    head = TEXTS["strategy.toml"].partition("[limits]")[0]
    for value in ("[1]", "3", '"exposure"'):
        told = _faults(strategy__toml=f"portfolio_cap = {value}\n{head}")
        assert "strategy.toml: portfolio_cap: write each as a block [[portfolio_cap]]" in told


def test_a_strategy_before_the_law_or_without_toml_is_refused() -> None:
    with pytest.raises(StrategyFaults, match=r"strategy\.toml: jurisdiction: no price cap is known"):
        read_strategy(TEXTS, features=FEATURES, on=date(2025, 12, 18))
    assert _faults(strategy__toml="[[")[0].startswith("strategy.toml: not TOML")


def test_a_grade_that_economics_do_not_know_is_named_in_its_row() -> None:
    told = _faults(grades__csv=TEXTS["grades.csv"].replace(",H,", ",Z,"))
    assert any(line.startswith("grades.csv, row 9") for line in told), told


def test_the_name_of_a_strategy_is_over_every_file_and_no_line_end() -> None:
    assert strategy_sha256(dict(reversed(TEXTS.items()))) == strategy_sha256(TEXTS)
    as_bytes = {name: text.encode() for name, text in TEXTS.items()}
    assert strategy_sha256(as_bytes) == strategy_sha256(other_line_ends(as_bytes)) == strategy_sha256(TEXTS)
    edited = {strategy_sha256(TEXTS | {name: TEXTS[name] + " "}) for name in STRATEGY_FILES}
    assert len(edited) == len(STRATEGY_FILES)
    assert strategy_sha256(TEXTS) not in edited
    assert strategy_sha256({"a": "bc"}) != strategy_sha256({"ab": "c"})


@pytest.mark.parametrize(
    ("kind", "bound", "today", "segment_today", "found"),
    [
        ("most_minor", 7, 100.0, 0.0, 7),
        ("most_ratio_to_today_ppm", 1_100_000, 1_000.0, 0.0, 1_100),
        ("most_share_ppm", 300_000, 100.0, 90.0, 300_000),
        ("most_share_above_today_ppm", 20_000, 100.0, 25.0, 270_000),
        ("most_share_above_today_ppm", 20_000, 100.0, 99.0, 1_000_000),  # never more than the whole
        ("most_share_above_today_ppm", 20_000, 0.0, 0.0, 20_000),  # an empty book
    ],
)
def test_a_bound_follows_from_today(kind: str, bound: int, today: float, segment_today: float, found: int) -> None:
    rule = CapRule("cap", "上限", "cap", "drawn", kind, bound, None, ())
    assert rule.bound_for(today=today, segment_today=segment_today) == found
