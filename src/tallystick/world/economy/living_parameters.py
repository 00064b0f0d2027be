"""How people live with a credit line: the figures of `living.toml`, checked all at once."""

from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Annotated

from tallystick.world.parameter_files import Numbers, Range, Sections, WorldParameterFaults, read_sections

_WEIGHT = 10.0  # a log odds weight beyond this would decide everything by itself
_PRICE_WEIGHT = 1_000.0  # of a price, which is a small share


@dataclass(frozen=True, slots=True, kw_only=True)
class PeopleParameters:
    """Who lives with whom, and on which devices they shop."""

    household_share: Annotated[float, Range(0, 1)]
    shared_device_share: Annotated[float, Range(0, 1)]
    female_share: Annotated[float, Range(0, 1)]
    digital_sd: Annotated[float, Range(0, 3)]
    cities: Annotated[Numbers, Range(1, 1_000, length=3)]
    device_years: Annotated[float, Range(0.1, 50)]


@dataclass(frozen=True, slots=True, kw_only=True)
class ArrivingParameters:
    """How people come to the lender, and whether they take what they are offered."""

    half_life_days: Annotated[float, Range(1, 10_000)]
    need_log: Annotated[float, Range(-_WEIGHT, _WEIGHT)]
    digital_log: Annotated[float, Range(-_WEIGHT, _WEIGHT)]
    again_after_days: Annotated[int, Range(1, 3_650)]
    most_times: Annotated[int, Range(1, 100)]
    again_chance: Annotated[float, Range(0, 1)]
    accept_intercept: Annotated[float, Range(-_WEIGHT, _WEIGHT)]
    accept_need: Annotated[float, Range(-_WEIGHT, _WEIGHT)]
    accept_size: Annotated[float, Range(-_WEIGHT, _WEIGHT)]
    accept_price: Annotated[float, Range(-_PRICE_WEIGHT, 0)]


@dataclass(frozen=True, slots=True, kw_only=True)
class ShoppingParameters:
    """What they order, how much debt they want, and what becomes of an order."""

    orders_month: Annotated[float, Range(0, 100)]
    orders_digital_log: Annotated[float, Range(-_WEIGHT, _WEIGHT)]
    orders_taste_log: Annotated[float, Range(-_WEIGHT, _WEIGHT)]
    active_intercept: Annotated[float, Range(-_WEIGHT, _WEIGHT)]
    active_need: Annotated[float, Range(-_WEIGHT, _WEIGHT)]
    active_taste: Annotated[float, Range(-_WEIGHT, _WEIGHT)]
    active_stays: Annotated[float, Range(-_WEIGHT, _WEIGHT)]
    budget_share: Annotated[float, Range(0, 1)]
    budget_log_sd: Annotated[float, Range(0, 3)]
    amount_log_sd: Annotated[float, Range(0, 3)]
    amount_least_minor: Annotated[int, Range(1, 1e9)]
    debt_share_of_limit_pd: Annotated[Numbers, Range(1e-6, 0.999, length=5, rising=True)]
    debt_share_of_limit: Annotated[Numbers, Range(0, 1, length=5)]
    debt_log_sd: Annotated[float, Range(0, 3)]
    debt_pace_month: Annotated[float, Range(-_WEIGHT, _WEIGHT)]
    debt_share_of_lost_income: Annotated[float, Range(0, 1)]
    card_elsewhere_share: Annotated[float, Range(0, 1)]
    elsewhere_growth_month: Annotated[float, Range(-_WEIGHT, _WEIGHT)]
    evening_share: Annotated[float, Range(0, 1)]
    night_share: Annotated[float, Range(0, 1)]
    other_city_share: Annotated[float, Range(0, 1)]
    place_known_share: Annotated[float, Range(0, 1)]
    confirms_share: Annotated[float, Range(0, 1)]
    cancelled_share: Annotated[float, Range(0, 1)]
    more_than_held_share: Annotated[float, Range(0, 1)]
    installments_intercept: Annotated[float, Range(-_WEIGHT, _WEIGHT)]
    installments_amount: Annotated[float, Range(-_WEIGHT, _WEIGHT)]
    installments_patience: Annotated[float, Range(-_WEIGHT, _WEIGHT)]
    installments_price: Annotated[float, Range(-_PRICE_WEIGHT, 0)]
    refund_chance: Annotated[float, Range(0, 1)]
    refund_whole_share: Annotated[float, Range(0, 1)]
    refund_part_share: Annotated[Numbers, Range(0, 1, length=2, rising=True)]
    refund_days: Annotated[int, Range(1, 365)]
    dispute_chance: Annotated[float, Range(0, 1)]
    dispute_days: Annotated[int, Range(1, 365)]
    lost_after_days: Annotated[int, Range(1, 365)]
    tries_anyway_share: Annotated[float, Range(0, 1)]
    dispute_won_share: Annotated[float, Range(0, 1)]


@dataclass(frozen=True, slots=True, kw_only=True)
class PayingParameters:
    """How they pay, or do not."""

    early_share: Annotated[float, Range(0, 1)]
    automatic_share: Annotated[float, Range(0, 1)]
    late_intercept: Annotated[float, Range(-_WEIGHT, _WEIGHT)]
    late_honesty: Annotated[float, Range(-_WEIGHT, _WEIGHT)]
    late_patience: Annotated[float, Range(-_WEIGHT, _WEIGHT)]
    late_liquidity: Annotated[float, Range(-_WEIGHT, _WEIGHT)]
    late_jobless: Annotated[float, Range(-_WEIGHT, _WEIGHT)]
    late_leverage: Annotated[float, Range(-_WEIGHT, _WEIGHT)]
    full_price: Annotated[float, Range(0, _PRICE_WEIGHT)]
    forget_share: Annotated[float, Range(0, 1)]
    forget_days: Annotated[int, Range(1, 28)]
    remind_heard_share: Annotated[float, Range(0, 1)]
    windfall_chance_month: Annotated[float, Range(0, 1)]
    windfall_months: Annotated[float, Range(0, 100)]
    windfall_log_sd: Annotated[float, Range(0, 3)]
    partial_share: Annotated[float, Range(0, 1)]
    full_intercept: Annotated[float, Range(-_WEIGHT, _WEIGHT)]
    full_patience: Annotated[float, Range(-_WEIGHT, _WEIGHT)]
    full_thrift: Annotated[float, Range(-_WEIGHT, _WEIGHT)]
    full_liquidity: Annotated[float, Range(-_WEIGHT, _WEIGHT)]
    minimum_chance: Annotated[float, Range(0, 1)]
    above_minimum_power: Annotated[float, Range(0.1, 20)]
    returned_chance: Annotated[float, Range(0, 1)]
    twice_chance: Annotated[float, Range(0, 1)]
    cure_chance_month: Annotated[Numbers, Range(0, 1, length=4)]
    cure_without_work: Annotated[float, Range(0, 1)]
    cure_honesty_log: Annotated[float, Range(-_WEIGHT, _WEIGHT)]
    recovery_chance_month: Annotated[float, Range(0, 1)]
    recovery_share: Annotated[float, Range(0, 1)]
    convert_chance: Annotated[float, Range(0, 1)]


@dataclass(frozen=True, slots=True, kw_only=True)
class LimitsParameters:
    """How they answer offers of a limit, ask for more, and leave."""

    accept_intercept: Annotated[float, Range(-_WEIGHT, _WEIGHT)]
    accept_need: Annotated[float, Range(-_WEIGHT, _WEIGHT)]
    accept_used: Annotated[float, Range(-_WEIGHT, _WEIGHT)]
    ask_chance_month: Annotated[float, Range(0, 1)]
    ask_from_use: Annotated[float, Range(0, 1)]
    prove_from_use: Annotated[float, Range(0, 1)]
    ask_more_share: Annotated[float, Range(0, 10)]
    prove_chance_month: Annotated[float, Range(0, 1)]
    leave_chance_month: Annotated[float, Range(0, 1)]


@dataclass(frozen=True, slots=True, kw_only=True)
class PricesParameters:
    """What prices people are used to, and how they take a dearer one."""

    usual_fee_ppm: Annotated[int, Range(0, 1e6)]
    usual_daily_rate_ppm: Annotated[int, Range(0, 1e6)]
    object_intercept: Annotated[float, Range(-_WEIGHT, _WEIGHT)]
    object_fee: Annotated[float, Range(0, _PRICE_WEIGHT)]
    object_need: Annotated[float, Range(-_WEIGHT, _WEIGHT)]

    def fee_ppm(self, told: int | None) -> int:
        """What people take an installment to cost: what they are told, or the usual.

        >>> prices = standard_living().prices
        >>> prices.fee_ppm(None), prices.fee_ppm(4_000), prices.fee_ppm(0)
        (6000, 4000, 0)
        """
        return self.usual_fee_ppm if told is None else told


@dataclass(frozen=True, slots=True, kw_only=True)
class RivalsParameters:
    """To whom other lenders newly lend, who takes it, and what it changes."""

    offer_chance_month: Annotated[float, Range(0, 1)]
    offer_risk_at: Annotated[float, Range(1e-6, 0.999)]
    offer_risk_log: Annotated[float, Range(-_WEIGHT, _WEIGHT)]
    offer_season: Annotated[float, Range(-_WEIGHT, _WEIGHT)]
    take_intercept: Annotated[float, Range(-_WEIGHT, _WEIGHT)]
    take_need: Annotated[float, Range(-_WEIGHT, _WEIGHT)]
    size_months: Annotated[float, Range(0, 100)]
    size_log_sd: Annotated[float, Range(0, 3)]
    lasts_months: Annotated[int, Range(1, 120)]
    wallet_share: Annotated[float, Range(0, 10)]


@dataclass(frozen=True, slots=True, kw_only=True)
class AnalystsParameters:
    """How often those who judge reviews err."""

    passes_fraud_share: Annotated[float, Range(0, 1)]
    stops_honest_share: Annotated[float, Range(0, 1)]


@dataclass(frozen=True, slots=True, kw_only=True)
class SeasonsParameters:
    """The year, its festivals, and the state of the economy."""

    month: Annotated[Numbers, Range(0, 10, length=12)]
    festival_days: Annotated[Numbers, Range(1, 366, length=6)]
    festival_lift: Annotated[float, Range(0, 50)]
    weekend_lift: Annotated[float, Range(0, 50)]
    unemployment_base: Annotated[float, Range(0, 1)]
    job_loss_per_point: Annotated[float, Range(-_WEIGHT, _WEIGHT)]
    job_found_per_point: Annotated[float, Range(-_WEIGHT, _WEIGHT)]
    recession_rise: Annotated[Numbers, Range(-0.5, 0.5, length=14)]


@dataclass(frozen=True, slots=True, kw_only=True)
class ShopsParameters:
    """How many shops there are, and how unequal they are."""

    merchants: Annotated[int, Range(20, 1_000_000)]
    zipf: Annotated[float, Range(0, 3)]


@dataclass(frozen=True, slots=True, kw_only=True)
class LivingParameters:
    """All of them; `standard_living()` gives the shipped ones."""

    people: PeopleParameters
    arriving: ArrivingParameters
    shopping: ShoppingParameters
    paying: PayingParameters
    limits: LimitsParameters
    prices: PricesParameters
    rivals: RivalsParameters
    analysts: AnalystsParameters
    seasons: SeasonsParameters
    shops: ShopsParameters


SECTIONS: Sections = {
    "people": PeopleParameters,
    "arriving": ArrivingParameters,
    "shopping": ShoppingParameters,
    "paying": PayingParameters,
    "limits": LimitsParameters,
    "prices": PricesParameters,
    "rivals": RivalsParameters,
    "analysts": AnalystsParameters,
    "seasons": SeasonsParameters,
    "shops": ShopsParameters,
}


@cache
def standard_living() -> LivingParameters:
    """The parameters that ship with Tallystick.

    >>> standard_living().shops.merchants
    600
    """
    return parse_living(files("tallystick.world.economy").joinpath("living.toml").read_text(encoding="utf-8"))


def parse_living(text: str) -> LivingParameters:
    """Parameters from TOML text in the form of `living.toml`. Raises `WorldParameterFaults` with every fault."""
    sections, faults = read_sections(text, SECTIONS)
    if faults:
        raise WorldParameterFaults(sorted(faults))
    return LivingParameters(**{name: kind(**sections[name]) for name, kind in SECTIONS.items()})
