"""The figures a simulated portfolio is made from: read from TOML, each with its source, checked all at once."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Annotated, Any, get_type_hints

from tallystick.world.parameter_files import Numbers, Range, WorldParameterFaults, range_faults, read_sections

# The ways in which a row of the export can be dirty, each with its share in ExportParameters.
DIRT = ("duplicate", "limit_missing", "limit_negative", "education_code", "text_in_number")


_WEIGHT = 10.0  # a log odds weight beyond this would decide everything by itself
_MONEY = 1e9  # ten million yuan


@dataclass(frozen=True, slots=True, kw_only=True)
class BorrowerParameters:
    """Who the borrowers are: cities, age, schooling, traits, income and what they owe elsewhere."""

    city_tier_share: Annotated[Numbers, Range(0, 1, length=3, sums_to_one=True)]
    age_floor_years: Annotated[float, Range(18, 30)]
    age_log_mean: Annotated[float, Range(0, 4)]
    age_log_sd: Annotated[float, Range(0, 1)]
    education_share: Annotated[Numbers, Range(0, 1, length=4, sums_to_one=True)]
    trait_correlation: Annotated[float, Range(0, 0.95)]
    ability_correlation: Annotated[float, Range(0, 0.95)]
    income_month_median_minor: Annotated[Numbers, Range(1, _MONEY, length=3)]
    income_log_sd: Annotated[float, Range(0, 2)]
    income_education_log: Annotated[Numbers, Range(-2, 2, length=4)]
    income_age_peak_years: Annotated[float, Range(18, 80)]
    income_age_curvature: Annotated[float, Range(0, 0.01)]
    dependent_chance: Annotated[Numbers, Range(0, 1, length=3)]
    debt_service_share_median: Annotated[float, Range(0.001, 0.8)]
    debt_service_log_sd: Annotated[float, Range(0, 2)]
    debt_service_thrift_log: Annotated[float, Range(-2, 2)]
    job_loss_month: Annotated[float, Range(0, 1)]
    job_found_month: Annotated[float, Range(0.01, 1)]
    job_loss_income_share: Annotated[float, Range(0.01, 1)]
    stated_income_log_bias: Annotated[float, Range(-1, 1)]
    stated_income_log_sd: Annotated[float, Range(0, 2)]
    stated_income_honesty_log: Annotated[float, Range(-1, 1)]


@dataclass(frozen=True, slots=True, kw_only=True)
class LenderParameters:
    """What the lender did until the observation day: whom it gave which limit and price, and its payment rules."""

    history_months: Annotated[int, Range(2, 36)]
    burn_in_months: Annotated[int, Range(0, 60)]
    observation_month: Annotated[int, Range(1, 12)]
    months_on_book_log_mean: Annotated[float, Range(0, 5)]
    months_on_book_log_sd: Annotated[float, Range(0, 2)]
    months_on_book_most: Annotated[int, Range(1, 600)]
    score_weight_income: Annotated[float, Range(0, _WEIGHT)]
    score_weight_traits: Annotated[float, Range(0, _WEIGHT)]
    score_noise_sd: Annotated[float, Range(0, _WEIGHT)]
    limit_median_minor: Annotated[int, Range(1, _MONEY)]
    limit_log_sd: Annotated[float, Range(0, 3)]
    limit_step_minor: Annotated[int, Range(1, _MONEY)]
    limit_least_minor: Annotated[int, Range(1, _MONEY)]
    limit_cap_minor: Annotated[int, Range(1, _MONEY)]
    limit_growth_month_log: Annotated[float, Range(0, 0.1)]
    minimum_share: Annotated[float, Range(0.001, 1)]
    minimum_floor_minor: Annotated[int, Range(0, _MONEY)]
    nominal_rate_ppm: Annotated[Numbers, Range(0, 1_000_000, length=3)]
    nominal_rate_score_cut: Annotated[Numbers, Range(-_WEIGHT, _WEIGHT, length=2)]
    late_rate_multiple: Annotated[float, Range(1, 3)]
    sold_at_months_past_due: Annotated[int, Range(2, 12)]


@dataclass(frozen=True, slots=True, kw_only=True)
class BehaviorParameters:
    """How borrowers use and repay their lines from month to month."""

    active_share_intercept: Annotated[float, Range(-_WEIGHT, _WEIGHT)]
    active_need: Annotated[float, Range(-_WEIGHT, _WEIGHT)]
    active_taste_sd: Annotated[float, Range(0, _WEIGHT)]
    active_stays: Annotated[float, Range(0, 1)]
    spend_income_share: Annotated[float, Range(0, 5)]
    spend_log_sd: Annotated[float, Range(0, 3)]
    spend_month_log_sd: Annotated[float, Range(0, 3)]
    spend_thrift_log: Annotated[float, Range(-2, 2)]
    spend_need_log: Annotated[float, Range(-2, 2)]
    large_purchase_chance: Annotated[float, Range(0, 1)]
    large_purchase_income_share: Annotated[float, Range(0, 12)]
    season: Annotated[Numbers, Range(0, 10, length=12)]
    subsistence_share: Annotated[float, Range(0, 1)]
    subsistence_minor: Annotated[float, Range(1, _MONEY)]
    dependent_share: Annotated[float, Range(0, 0.5)]
    full_intercept: Annotated[float, Range(-_WEIGHT, _WEIGHT)]
    full_patience: Annotated[float, Range(-_WEIGHT, _WEIGHT)]
    full_thrift: Annotated[float, Range(-_WEIGHT, _WEIGHT)]
    full_liquidity: Annotated[float, Range(-_WEIGHT, _WEIGHT)]
    pay_minimum_chance: Annotated[float, Range(0, 1)]
    pay_above_minimum_power: Annotated[float, Range(0.1, 20)]
    late_intercept: Annotated[float, Range(-_WEIGHT, _WEIGHT)]
    late_honesty: Annotated[float, Range(-_WEIGHT, _WEIGHT)]
    late_patience: Annotated[float, Range(-_WEIGHT, _WEIGHT)]
    late_liquidity: Annotated[float, Range(-_WEIGHT, _WEIGHT)]
    late_jobless: Annotated[float, Range(-_WEIGHT, _WEIGHT)]
    late_again: Annotated[float, Range(-_WEIGHT, _WEIGHT)]
    late_pays_nothing: Annotated[float, Range(0, 1)]
    partial_cure_chance: Annotated[float, Range(0, 1)]
    refund_chance: Annotated[float, Range(0, 1)]
    refund_share_most: Annotated[float, Range(0, 1)]


@dataclass(frozen=True, slots=True, kw_only=True)
class OutcomeParameters:
    """What happens in the twelve months after the observation day, and what a limit or a default would do."""

    intercept: Annotated[float, Range(-20, 20)]
    honesty: Annotated[float, Range(-_WEIGHT, _WEIGHT)]
    patience: Annotated[float, Range(-_WEIGHT, _WEIGHT)]
    thrift: Annotated[float, Range(-_WEIGHT, _WEIGHT)]
    income_log: Annotated[float, Range(-_WEIGHT, _WEIGHT)]
    debt_service: Annotated[float, Range(-_WEIGHT, _WEIGHT)]
    utilization: Annotated[float, Range(-_WEIGHT, _WEIGHT)]
    jobless: Annotated[float, Range(-_WEIGHT, _WEIGHT)]
    months_past_due: Annotated[Numbers, Range(-_WEIGHT, _WEIGHT, length=4)]
    job_loss_year: Annotated[float, Range(0, 1)]
    job_loss: Annotated[float, Range(-_WEIGHT, _WEIGHT)]
    propensity_pd: Annotated[Numbers, Range(1e-6, 0.999, length=5, rising=True)]
    propensity: Annotated[Numbers, Range(0, 1, length=5)]
    propensity_log_sd: Annotated[float, Range(0, 2)]
    pd_rise_per_doubling: Annotated[float, Range(0, 2)]
    pd_rise_need: Annotated[float, Range(0, 2)]
    lgd_mean: Annotated[float, Range(0.01, 0.99)]
    lgd_honesty: Annotated[float, Range(-_WEIGHT, _WEIGHT)]
    lgd_income_log: Annotated[float, Range(-_WEIGHT, _WEIGHT)]
    lgd_sd: Annotated[float, Range(0, _WEIGHT)]
    ccf_mean: Annotated[float, Range(0.01, 0.99)]
    ccf_patience: Annotated[float, Range(-_WEIGHT, _WEIGHT)]
    ccf_sd: Annotated[float, Range(0, _WEIGHT)]


@dataclass(frozen=True, slots=True, kw_only=True)
class ExportParameters:
    """What an export of the portfolio leaves out or gets wrong, as shares of rows."""

    income_missing_share: Annotated[float, Range(0, 1)]
    education_missing_share: Annotated[float, Range(0, 1)]
    duplicate_share: Annotated[float, Range(0, 0.2)]
    limit_missing_share: Annotated[float, Range(0, 0.2)]
    limit_negative_share: Annotated[float, Range(0, 0.2)]
    education_code_share: Annotated[float, Range(0, 0.2)]
    text_in_number_share: Annotated[float, Range(0, 0.2)]


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
            values = {key: getattr(section, key) for key in get_type_hints(kind)}
            faults += range_faults(name, values, kind=kind) or _faults_among(name, values)
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
    sections, faults = read_sections(text, SECTIONS)
    for name, values in sections.items():
        faults += _faults_among(name, values)
    if faults:
        raise WorldParameterFaults(sorted(faults))
    return WorldParameters(**{name: kind(**sections[name]) for name, kind in SECTIONS.items()})


def _faults_among(name: str, values: Mapping[str, Any]) -> list[str]:
    """How values of a section stand to each other, which means nothing before each is right."""
    if range_faults(name, values, kind=SECTIONS[name]):
        return []
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
