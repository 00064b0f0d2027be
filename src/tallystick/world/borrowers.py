"""Who the borrowers are: latent traits that no lender sees, drawn in columns."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.special import ndtr

from tallystick.world.parameter_files import Numbers
from tallystick.world.parameters import BehaviorParameters, BorrowerParameters
from tallystick.world.streams import Streams

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]

CITY_TIERS = ("tier1", "tier2", "tier3")
REFERENCE_INCOME_MINOR = 600_000.0  # log income is measured against 6,000 yuan a month


@dataclass(frozen=True, slots=True)
class Borrowers:
    """The true traits of a block of borrowers; every column has shape (borrowers,). Traits are standard normal."""

    city_tier: Integers  # index into CITY_TIERS
    age_years: Integers
    education: Integers  # index into features.tables.EDUCATION_LEVELS
    dependents: Integers
    thrift: Floats
    patience: Floats
    honesty: Floats
    income_month_minor: Floats  # while employed
    debt_service_share: Floats  # of income, owed to other lenders
    stated_income_month_minor: Floats
    need: Floats  # for credit: about standard normal, from traits and what is left of income
    taste: Floats  # for this lender's line

    @property
    def income_log(self) -> Floats:
        """Natural log of income over 6,000 yuan a month."""
        return np.log(self.income_month_minor / REFERENCE_INCOME_MINOR)


def draw_borrowers(*, streams: Streams, parameters: BorrowerParameters, behavior: BehaviorParameters) -> Borrowers:
    """Draw `streams.count` borrowers: one common factor behind the traits, income from place, age and schooling."""
    common = streams.normal("borrower/common")
    thrift, patience, honesty = (
        _mix(common, streams.normal(f"borrower/{trait}"), correlation=parameters.trait_correlation)
        for trait in ("thrift", "patience", "honesty")
    )
    ability = _mix(common, streams.normal("borrower/ability"), correlation=parameters.ability_correlation)
    schooling = _mix(ability, streams.normal("borrower/schooling"), correlation=parameters.ability_correlation)
    city_tier = _category(streams.uniform("borrower/city"), shares=parameters.city_tier_share)
    # the ablest come first: the levels are listed from the highest down
    education = _category(ndtr(-schooling), shares=parameters.education_share)
    age_years = _ages(streams.normal("borrower/age"), parameters=parameters)
    income = _incomes(
        city_tier=city_tier, education=education, age_years=age_years, ability=ability, parameters=parameters
    )
    dependents = _dependents(streams.uniform("borrower/dependents"), age_years=age_years, parameters=parameters)
    debt_share = _debt_service(streams.normal("borrower/debt"), thrift=thrift, parameters=parameters)
    stated = income * np.exp(
        parameters.stated_income_log_bias
        + parameters.stated_income_honesty_log * honesty
        + parameters.stated_income_log_sd * streams.normal("borrower/stated income")
    )
    free = free_income_share(income=income, dependents=dependents, debt_service_share=debt_share, behavior=behavior)
    return Borrowers(
        city_tier=city_tier,
        age_years=age_years,
        education=education,
        dependents=dependents,
        thrift=thrift,
        patience=patience,
        honesty=honesty,
        income_month_minor=income,
        debt_service_share=debt_share,
        stated_income_month_minor=stated,
        need=(0.3 - free) / 0.25 * 0.7 - 0.45 * thrift - 0.45 * patience,
        taste=streams.normal("borrower/taste"),
    )


def free_income_share(
    *, income: Floats, dependents: Integers, debt_service_share: Floats, behavior: BehaviorParameters
) -> Floats:
    """Share of income left after subsistence, dependents and other lenders; at least 3 %, shape (borrowers,)."""
    subsistence = behavior.subsistence_share * (behavior.subsistence_minor / income) ** (1.0 / 3.0)
    free: Floats = 1.0 - subsistence - behavior.dependent_share * dependents - debt_service_share
    return np.maximum(free, 0.03)


def _mix(common: Floats, own: Floats, *, correlation: float) -> Floats:
    mixed: Floats = np.sqrt(correlation) * common + np.sqrt(1.0 - correlation) * own
    return mixed


def _category(uniform: Floats, *, shares: Numbers) -> Integers:
    bounds = np.cumsum(shares)[:-1]
    return np.searchsorted(bounds, uniform, side="right").astype(np.int64)


def _ages(normal: Floats, *, parameters: BorrowerParameters) -> Integers:
    ages = parameters.age_floor_years + np.exp(parameters.age_log_mean + parameters.age_log_sd * normal)
    return np.minimum(ages, 75.0).astype(np.int64)


def _incomes(
    *, city_tier: Integers, education: Integers, age_years: Integers, ability: Floats, parameters: BorrowerParameters
) -> Floats:
    median = np.asarray(parameters.income_month_median_minor)[city_tier]
    schooling = np.asarray(parameters.income_education_log)[education]
    past_peak = (age_years - parameters.income_age_peak_years) ** 2
    log_ratio = schooling - parameters.income_age_curvature * past_peak + parameters.income_log_sd * ability
    incomes: Floats = median * np.exp(log_ratio)
    return incomes


def _dependents(uniform: Floats, *, age_years: Integers, parameters: BorrowerParameters) -> Integers:
    grown = np.clip((age_years - 20) / 20.0, 0.0, 1.0)
    return sum(
        ((uniform < chance * grown).astype(np.int64) for chance in parameters.dependent_chance),
        start=np.zeros(uniform.shape, dtype=np.int64),
    )


def _debt_service(normal: Floats, *, thrift: Floats, parameters: BorrowerParameters) -> Floats:
    log_share = parameters.debt_service_log_sd * normal + parameters.debt_service_thrift_log * thrift
    return np.minimum(parameters.debt_service_share_median * np.exp(log_share), 0.8)
