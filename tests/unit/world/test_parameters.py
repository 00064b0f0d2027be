"""Parameters are data with sources, and everything wrong with them is said at once."""

import re
from dataclasses import replace
from importlib.resources import files

import pytest

from tallystick.features.tables import EDUCATION_LEVELS
from tallystick.world.borrowers import CITY_TIERS
from tallystick.world.parameter_files import WorldParameterFaults
from tallystick.world.parameters import (
    parse_parameters,
    standard_parameters,
)

TEXT = files("tallystick.world").joinpath("parameters.toml").read_text(encoding="utf-8")


def edited(*changes: tuple[str, str]) -> str:
    text = TEXT
    for pattern, replacement in changes:
        text, count = re.subn(pattern, replacement, text, count=1, flags=re.MULTILINE)
        assert count == 1, pattern
    return text


def faults_of(text: str) -> tuple[str, ...]:
    with pytest.raises(WorldParameterFaults) as caught:
        parse_parameters(text)
    assert all(fault in str(caught.value) for fault in caught.value.faults)
    return caught.value.faults


def test_the_shipped_parameters_are_sound() -> None:
    parameters = standard_parameters()
    assert parameters.lender.limit_cap_minor == 3_000_000
    assert parameters.lender.limit_step_minor == 50_000
    assert len(parameters.borrowers.education_share) == len(EDUCATION_LEVELS)
    assert len(parameters.borrowers.city_tier_share) == len(CITY_TIERS)


def test_all_faults_come_at_once() -> None:
    text = edited(
        (r"^job_found_month = .*$", "job_found_month = { value = 0.2 }"),
        (r"^job_loss_month = .*$", 'job_loss_month = { value = 1.5, source = "x" }'),
        (r"^history_months = .*$", 'history_months = { value = 12.5, source = "x" }'),
        (r"^limit_cap_minor = .*$", 'limit_cap_minor = { value = true, source = "x" }'),
        (r"^season = .*$", "season = [1.0]"),
        (r"^refund_chance = .*$", 'refund_chanse = { value = 0.1, source = "x" }'),
        (r"^propensity_pd = .*$", 'propensity_pd = { value = [0.1, 0.1, 0.2, 0.3], source = "x" }'),
        (r"^education_share = .*$", 'education_share = { value = [0.5, 0.5, 0.5, 0.5], source = "x" }'),
    )
    assert faults_of(text + "\n[weather]\n") == (
        "[weather] is not a section; known are borrowers, lender, behavior, outcome, export",
        "behavior.refund_chance is missing",
        "behavior.refund_chanse is not a parameter",
        'behavior.season must read { value = ..., source = "..." }',
        "borrowers.education_share shares sum to 2, not 1",
        "borrowers.job_found_month says neither its source nor that it is an assumption",
        "borrowers.job_loss_month 1.5 is not between 0 and 1",
        "lender.history_months must be a whole number, not 12.5",
        "lender.limit_cap_minor must be a whole number, not True",
        "outcome.propensity_pd has 4 values, needs 5",
        "outcome.propensity_pd values must rise from first to last",
    )


@pytest.mark.parametrize(
    ("pattern", "replacement", "fault"),
    [
        (
            r"^limit_least_minor = \{ value = 50_000",
            "limit_least_minor = { value = 5_000_000",
            "is above lender.limit_cap",
        ),
        (r"^limit_cap_minor = \{ value = 3_000_000", "limit_cap_minor = { value = 3_000_001", "is not a multiple of"),
        (r"^nominal_rate_score_cut = \{ value = \[0.5", "nominal_rate_score_cut = { value = [-0.7", "must fall"),
        (r"^lgd_mean = \{ value = 0.70", "lgd_mean = { value = nan", "nan is not between 0.01 and 0.99"),
        (r"^lgd_mean = \{ value = 0.70", 'lgd_mean = { value = "high"', "must be a number, not 'high'"),
        (r"^season = \{ value = \[.*?\]", "season = { value = 1.0", "must be a list of numbers, not 1.0"),
        (r"^duplicate_share = \{ value = 0.0010", "duplicate_share = { value = 0.9", "is not between 0 and 0.2"),
    ],
)
def test_each_fault_is_named(pattern: str, replacement: str, fault: str) -> None:
    assert any(fault in found for found in faults_of(edited((pattern, replacement))))


def test_a_missing_section_and_broken_text() -> None:
    assert faults_of(TEXT[: TEXT.index("[export]")]) == ("[export] is missing",)
    assert faults_of("[borrowers\n")[0].startswith("not TOML: ")


def test_changed_in_code_they_are_checked_too() -> None:
    parameters = standard_parameters()
    dirty = {f"{name}_share": 0.2 for name in ("duplicate", "limit_missing", "limit_negative")}
    with pytest.raises(WorldParameterFaults, match="60% of rows would be dirty"):
        replace(parameters, export=replace(parameters.export, **dirty))
