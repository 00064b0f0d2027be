"""The figures a simulated portfolio is made from: read from TOML, each with its source, checked all at once."""

import math
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from itertools import pairwise
from typing import Annotated, Any, get_args, get_type_hints

Numbers = tuple[float, ...]

# The ways in which a row of the export can be dirty, each with its share in ExportParameters.
DIRT = ("duplicate", "limit_missing", "limit_negative", "education_code", "text_in_number")


class WorldParameterFaults(ValueError):
    """Everything that is wrong with a set of parameters, one fault a line."""

    def __init__(self, faults: list[str]) -> None:
        super().__init__("\n".join([f"{len(faults)} fault(s) in the world's parameters:", *faults]))
        self.faults = tuple(faults)


@dataclass(frozen=True, slots=True)
class _Range:
    """What a parameter may be: low <= each value <= high; `length` values where it is a list."""

    low: float
    high: float
    length: int = 1
    sums_to_one: bool = False
    rising: bool = False

    def faults(self, values: Numbers) -> Iterator[str]:
        if len(values) != self.length:
            yield f"has {len(values)} values, needs {self.length}"
        for value in values:
            if not (math.isfinite(value) and self.low <= value <= self.high):
                yield f"{value:g} is not between {self.low:g} and {self.high:g}"
        if self.sums_to_one and abs(sum(values) - 1.0) > 1e-9:
            yield f"shares sum to {sum(values):g}, not 1"
        if self.rising and any(later <= earlier for earlier, later in pairwise(values)):
            yield "values must rise from first to last"


_WEIGHT = 10.0  # a log odds weight beyond this would decide everything by itself
_MONEY = 1e9  # ten million yuan


@dataclass(frozen=True, slots=True, kw_only=True)
class BorrowerParameters:
    """Who the borrowers are: cities, age, schooling, traits, income and what they owe elsewhere."""

    city_tier_share: Annotated[Numbers, _Range(0, 1, length=3, sums_to_one=True)]
    age_floor_years: Annotated[float, _Range(18, 30)]
    age_log_mean: Annotated[float, _Range(0, 4)]
    age_log_sd: Annotated[float, _Range(0, 1)]
    education_share: Annotated[Numbers, _Range(0, 1, length=4, sums_to_one=True)]
    trait_correlation: Annotated[float, _Range(0, 0.95)]
    ability_correlation: Annotated[float, _Range(0, 0.95)]
    income_month_median_minor: Annotated[Numbers, _Range(1, _MONEY, length=3)]
    income_log_sd: Annotated[float, _Range(0, 2)]
    income_education_log: Annotated[Numbers, _Range(-2, 2, length=4)]
    income_age_peak_years: Annotated[float, _Range(18, 80)]
    income_age_curvature: Annotated[float, _Range(0, 0.01)]
    dependent_chance: Annotated[Numbers, _Range(0, 1, length=3)]
    debt_service_share_median: Annotated[float, _Range(0.001, 0.8)]
    debt_service_log_sd: Annotated[float, _Range(0, 2)]
    debt_service_thrift_log: Annotated[float, _Range(-2, 2)]
    job_loss_month: Annotated[float, _Range(0, 1)]
    job_found_month: Annotated[float, _Range(0.01, 1)]
    job_loss_income_share: Annotated[float, _Range(0.01, 1)]
    stated_income_log_bias: Annotated[float, _Range(-1, 1)]
    stated_income_log_sd: Annotated[float, _Range(0, 2)]
    stated_income_honesty_log: Annotated[float, _Range(-1, 1)]


@dataclass(frozen=True, slots=True, kw_only=True)
class LenderParameters:
    """What the lender did until the observation day: whom it gave which limit and price, and its payment rules."""

    history_months: Annotated[int, _Range(2, 36)]
    burn_in_months: Annotated[int, _Range(0, 60)]
    observation_month: Annotated[int, _Range(1, 12)]
    months_on_book_log_mean: Annotated[float, _Range(0, 5)]
    months_on_book_log_sd: Annotated[float, _Range(0, 2)]
    months_on_book_most: Annotated[int, _Range(1, 600)]
    score_weight_income: Annotated[float, _Range(0, _WEIGHT)]
    score_weight_traits: Annotated[float, _Range(0, _WEIGHT)]
    score_noise_sd: Annotated[float, _Range(0, _WEIGHT)]
    limit_median_minor: Annotated[int, _Range(1, _MONEY)]
    limit_log_sd: Annotated[float, _Range(0, 3)]
    limit_step_minor: Annotated[int, _Range(1, _MONEY)]
    limit_least_minor: Annotated[int, _Range(1, _MONEY)]
    limit_cap_minor: Annotated[int, _Range(1, _MONEY)]
    limit_growth_month_log: Annotated[float, _Range(0, 0.1)]
    minimum_share: Annotated[float, _Range(0.001, 1)]
    minimum_floor_minor: Annotated[int, _Range(0, _MONEY)]
    nominal_rate_ppm: Annotated[Numbers, _Range(0, 1_000_000, length=3)]
    nominal_rate_score_cut: Annotated[Numbers, _Range(-_WEIGHT, _WEIGHT, length=2)]
    late_rate_multiple: Annotated[float, _Range(1, 3)]
    sold_at_months_past_due: Annotated[int, _Range(2, 12)]


@dataclass(frozen=True, slots=True, kw_only=True)
class BehaviorParameters:
    """How borrowers use and repay their lines from month to month."""

    active_share_intercept: Annotated[float, _Range(-_WEIGHT, _WEIGHT)]
    active_need: Annotated[float, _Range(-_WEIGHT, _WEIGHT)]
    active_taste_sd: Annotated[float, _Range(0, _WEIGHT)]
    active_stays: Annotated[float, _Range(0, 1)]
    spend_income_share: Annotated[float, _Range(0, 5)]
    spend_log_sd: Annotated[float, _Range(0, 3)]
    spend_month_log_sd: Annotated[float, _Range(0, 3)]
    spend_thrift_log: Annotated[float, _Range(-2, 2)]
    spend_need_log: Annotated[float, _Range(-2, 2)]
    large_purchase_chance: Annotated[float, _Range(0, 1)]
    large_purchase_income_share: Annotated[float, _Range(0, 12)]
    season: Annotated[Numbers, _Range(0, 10, length=12)]
    subsistence_share: Annotated[float, _Range(0, 1)]
    subsistence_minor: Annotated[float, _Range(1, _MONEY)]
    dependent_share: Annotated[float, _Range(0, 0.5)]
    full_intercept: Annotated[float, _Range(-_WEIGHT, _WEIGHT)]
    full_patience: Annotated[float, _Range(-_WEIGHT, _WEIGHT)]
    full_thrift: Annotated[float, _Range(-_WEIGHT, _WEIGHT)]
    full_liquidity: Annotated[float, _Range(-_WEIGHT, _WEIGHT)]
    pay_minimum_chance: Annotated[float, _Range(0, 1)]
    pay_above_minimum_power: Annotated[float, _Range(0.1, 20)]
    late_intercept: Annotated[float, _Range(-_WEIGHT, _WEIGHT)]
    late_honesty: Annotated[float, _Range(-_WEIGHT, _WEIGHT)]
    late_patience: Annotated[float, _Range(-_WEIGHT, _WEIGHT)]
    late_liquidity: Annotated[float, _Range(-_WEIGHT, _WEIGHT)]
    late_jobless: Annotated[float, _Range(-_WEIGHT, _WEIGHT)]
    late_again: Annotated[float, _Range(-_WEIGHT, _WEIGHT)]
    late_pays_nothing: Annotated[float, _Range(0, 1)]
    partial_cure_chance: Annotated[float, _Range(0, 1)]
    refund_chance: Annotated[float, _Range(0, 1)]
    refund_share_most: Annotated[float, _Range(0, 1)]


@dataclass(frozen=True, slots=True, kw_only=True)
class OutcomeParameters:
    """What happens in the twelve months after the observation day, and what a limit or a default would do."""

    intercept: Annotated[float, _Range(-20, 20)]
    honesty: Annotated[float, _Range(-_WEIGHT, _WEIGHT)]
    patience: Annotated[float, _Range(-_WEIGHT, _WEIGHT)]
    thrift: Annotated[float, _Range(-_WEIGHT, _WEIGHT)]
    income_log: Annotated[float, _Range(-_WEIGHT, _WEIGHT)]
    debt_service: Annotated[float, _Range(-_WEIGHT, _WEIGHT)]
    utilization: Annotated[float, _Range(-_WEIGHT, _WEIGHT)]
    jobless: Annotated[float, _Range(-_WEIGHT, _WEIGHT)]
    months_past_due: Annotated[Numbers, _Range(-_WEIGHT, _WEIGHT, length=4)]
    job_loss_year: Annotated[float, _Range(0, 1)]
    job_loss: Annotated[float, _Range(-_WEIGHT, _WEIGHT)]
    propensity_pd: Annotated[Numbers, _Range(1e-6, 0.999, length=5, rising=True)]
    propensity: Annotated[Numbers, _Range(0, 1, length=5)]
    propensity_log_sd: Annotated[float, _Range(0, 2)]
    pd_rise_per_doubling: Annotated[float, _Range(0, 2)]
    pd_rise_need: Annotated[float, _Range(0, 2)]
    lgd_mean: Annotated[float, _Range(0.01, 0.99)]
    lgd_honesty: Annotated[float, _Range(-_WEIGHT, _WEIGHT)]
    lgd_income_log: Annotated[float, _Range(-_WEIGHT, _WEIGHT)]
    lgd_sd: Annotated[float, _Range(0, _WEIGHT)]
    ccf_mean: Annotated[float, _Range(0.01, 0.99)]
    ccf_patience: Annotated[float, _Range(-_WEIGHT, _WEIGHT)]
    ccf_sd: Annotated[float, _Range(0, _WEIGHT)]


@dataclass(frozen=True, slots=True, kw_only=True)
class ExportParameters:
    """What an export of the portfolio leaves out or gets wrong, as shares of rows."""

    income_missing_share: Annotated[float, _Range(0, 1)]
    education_missing_share: Annotated[float, _Range(0, 1)]
    duplicate_share: Annotated[float, _Range(0, 0.2)]
    limit_missing_share: Annotated[float, _Range(0, 0.2)]
    limit_negative_share: Annotated[float, _Range(0, 0.2)]
    education_code_share: Annotated[float, _Range(0, 0.2)]
    text_in_number_share: Annotated[float, _Range(0, 0.2)]


@dataclass(frozen=True, slots=True, kw_only=True)
class WorldParameters:
    """All parameters of the simulated portfolio; `standard_parameters()` gives the shipped ones.

    Raises `WorldParameterFaults` with every fault at once.
    """

    borrowers: BorrowerParameters
    lender: LenderParameters
    behavior: BehaviorParameters
    outcome: OutcomeParameters
    export: ExportParameters

    def __post_init__(self) -> None:
        faults = []
        for name, kind in SECTIONS.items():
            section = getattr(self, name)
            faults += _value_faults(name, {key: getattr(section, key) for key in get_type_hints(kind)})
        if faults:
            raise WorldParameterFaults(sorted(faults))


SECTIONS: Mapping[str, type[Any]] = {
    "borrowers": BorrowerParameters,
    "lender": LenderParameters,
    "behavior": BehaviorParameters,
    "outcome": OutcomeParameters,
    "export": ExportParameters,
}


@cache
def standard_parameters() -> WorldParameters:
    """The parameters that ship with Tallystick.

    >>> standard_parameters().lender.limit_cap_minor
    3000000
    """
    return parse_parameters(files("tallystick.world").joinpath("parameters.toml").read_text(encoding="utf-8"))


def parse_parameters(text: str) -> WorldParameters:
    """Parameters from TOML text in the form of `parameters.toml`: `name = { value = ..., source = "..." }`.

    Raises `WorldParameterFaults` naming every section and parameter that is missing, unknown, of the wrong type,
    out of range or without a `source` or `assumption`.
    """
    try:
        document = tomllib.loads(text)
    except tomllib.TOMLDecodeError as broken:
        raise WorldParameterFaults([f"not TOML: {broken}"]) from broken
    known = ", ".join(SECTIONS)
    faults = [f"[{name}] is not a section; known are {known}" for name in document.keys() - SECTIONS.keys()]
    sections: dict[str, dict[str, Any]] = {}
    for name, kind in SECTIONS.items():
        sections[name], found = _read_section(name, kind=kind, entries=document.get(name))
        faults += [*found, *_value_faults(name, sections[name])]
    if faults:
        raise WorldParameterFaults(sorted(faults))
    return WorldParameters(**{name: kind(**sections[name]) for name, kind in SECTIONS.items()})


def _read_section(name: str, *, kind: type[Any], entries: object) -> tuple[dict[str, Any], list[str]]:
    """The values that can be read, and what is wrong with the form of the others."""
    if not isinstance(entries, dict):
        return {}, [f"[{name}] is missing"]
    hints = get_type_hints(kind)
    faults = [f"{name}.{extra} is not a parameter" for extra in entries.keys() - hints.keys()]
    faults += [f"{name}.{missing} is missing" for missing in hints.keys() - entries.keys()]
    values: dict[str, Any] = {}
    for key in hints.keys() & entries.keys():
        entry = entries[key]
        if not isinstance(entry, dict) or "value" not in entry:
            faults.append(f'{name}.{key} must read {{ value = ..., source = "..." }}')
            continue
        if not any(str(entry.get(origin, "")).strip() for origin in ("source", "assumption")):
            faults.append(f"{name}.{key} says neither its source nor that it is an assumption")
        try:
            values[key] = _typed(entry["value"], hint=hints[key])
        except TypeError as wrong:
            faults.append(f"{name}.{key} {wrong}")
    return values, faults


def _typed(value: object, *, hint: object) -> float | int | Numbers:
    if hint is int:
        if isinstance(value, bool) or not isinstance(value, int):
            raise TypeError(f"must be a whole number, not {value!r}")
        return value
    if hint is float:
        return _number(value)
    if not isinstance(value, list):
        raise TypeError(f"must be a list of numbers, not {value!r}")
    return tuple(_number(item) for item in value)


def _number(value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise TypeError(f"must be a number, not {value!r}")
    return float(value)


def _value_faults(name: str, values: Mapping[str, Any]) -> list[str]:
    """What is wrong with the values of a section, alone and among each other."""
    ranges = {key: get_args(hint)[1] for key, hint in get_type_hints(SECTIONS[name], include_extras=True).items()}
    found = [
        f"{name}.{key} {fault}"
        for key, value in values.items()
        for fault in ranges[key].faults(value if isinstance(value, tuple) else (value,))
    ]
    if found:
        return found  # how they stand to each other means nothing yet
    if name == "lender":
        return _lender_faults(values)
    return _export_faults(values) if name == "export" else []


def _lender_faults(values: Mapping[str, Any]) -> list[str]:
    found = []
    least, cap, step = (values.get(f"limit_{part}_minor") for part in ("least", "cap", "step"))
    if least is not None and cap is not None and least > cap:
        found.append(f"lender.limit_least_minor {least} is above lender.limit_cap_minor {cap}")
    for key, bound in (("limit_least_minor", least), ("limit_cap_minor", cap)):
        if bound is not None and step is not None and bound % step:
            found.append(f"lender.{key} {bound} is not a multiple of lender.limit_step_minor {step}")
    best, weakest = values.get("nominal_rate_score_cut", (1.0, 0.0))
    if best < weakest:
        found.append("lender.nominal_rate_score_cut must fall: the better score pays the lower rate")
    return found


def _export_faults(values: Mapping[str, Any]) -> list[str]:
    dirty = sum(values.get(f"{dirt}_share", 0.0) for dirt in DIRT)
    return [f"export: {dirty:.0%} of rows would be dirty, at most half can be"] if dirty > 0.5 else []
