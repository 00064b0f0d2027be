"""What a lender may learn and how wrong it is: the figures of `information.toml`, checked all at once."""

from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Annotated

from tallystick.world.parameter_files import Numbers, Range, Sections, WorldParameterFaults, read_sections

_WEIGHT = 10.0  # a log odds weight beyond this would decide everything by itself
_SHARE = Range(0, 1)
_FATES = Range(0, 1, length=6)


@dataclass(frozen=True, slots=True, kw_only=True)
class StatedParameters:
    """What applicants state and prove, and which checks fail without a reason."""

    income_missing_share: Annotated[float, _SHARE]
    income_step_minor: Annotated[int, Range(1, 1e8)]
    income_proven_share: Annotated[float, _SHARE]
    student_age_most: Annotated[int, Range(18, 99)]
    student_share: Annotated[float, _SHARE]
    self_employed_share: Annotated[float, _SHARE]
    retired_age: Annotated[int, Range(40, 99)]
    jobless_hidden_share: Annotated[float, _SHARE]
    employment_missing_share: Annotated[float, _SHARE]
    tenure_years: Annotated[float, Range(0.1, 50)]
    tenure_log_sd: Annotated[float, Range(0, 3)]
    identity_failed_share: Annotated[float, _SHARE]
    face_failed_share: Annotated[float, _SHARE]
    phone_failed_share: Annotated[float, _SHARE]
    bank_failed_share: Annotated[float, _SHARE]
    documents_missing_share: Annotated[float, _SHARE]
    consent_missing_share: Annotated[float, _SHARE]


@dataclass(frozen=True, slots=True, kw_only=True)
class BureauParameters:
    """What people owe to others, and how late and how wrong a bureau tells it."""

    lag_days: Annotated[Numbers, Range(0, 365, length=2, rising=True)]
    stale_share: Annotated[float, _SHARE]
    stale_days: Annotated[int, Range(0, 3_650)]
    no_file_share: Annotated[float, _SHARE]
    no_score_share: Annotated[float, _SHARE]
    mixed_up_share: Annotated[float, _SHARE]
    field_missing_share: Annotated[float, _SHARE]
    score_at_even_odds: Annotated[int, Range(0, 1_000)]
    score_per_log_odds: Annotated[float, Range(0, 500)]
    score_range: Annotated[Numbers, Range(0, 1_000, length=2, rising=True)]
    score_noise_lasting: Annotated[float, Range(0, _WEIGHT)]
    score_noise_month: Annotated[float, Range(0, _WEIGHT)]
    score_past_due: Annotated[float, Range(-500, 0)]
    loan_months: Annotated[int, Range(0, 360)]
    loan_paid_share: Annotated[float, Range(0, 0.99)]
    card_limit_months: Annotated[float, Range(0, 100)]
    card_limit_log_sd: Annotated[float, Range(0, 3)]
    card_use: Annotated[float, Range(0.001, 0.999)]
    card_use_need: Annotated[float, Range(-_WEIGHT, _WEIGHT)]
    card_use_sd: Annotated[float, Range(0, _WEIGHT)]
    card_use_month_sd: Annotated[float, Range(0, _WEIGHT)]
    cards_more: Annotated[float, Range(0, 20)]
    inquiries_90d: Annotated[float, Range(0, 50)]
    inquiries_need_log: Annotated[float, Range(-_WEIGHT, _WEIGHT)]
    past_due_per_risk: Annotated[float, Range(0, 100)]
    past_due_days: Annotated[Numbers, Range(1, 1_000, length=5, rising=True)]
    past_due_shares: Annotated[Numbers, Range(0, 1, length=5, sums_to_one=True)]


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliveriesParameters:
    """How long parcels take, and how many break or are lost."""

    packing_days: Annotated[float, Range(0, 30)]
    packing_lift: Annotated[float, Range(0, 3)]
    packing_shop_log_sd: Annotated[float, Range(0, 3)]
    transit_days: Annotated[Numbers, Range(0.1, 60, length=2)]
    transit_log_sd: Annotated[float, Range(0, 3)]
    promised_days: Annotated[Numbers, Range(1, 90, length=2)]
    broken_share: Annotated[float, _SHARE]
    broken_shop_log_sd: Annotated[float, Range(0, 3)]
    lost_share: Annotated[float, _SHARE]


@dataclass(frozen=True, slots=True, kw_only=True)
class ReviewsParameters:
    """Who writes about an order and whether it is praise, by what became of it (`deliveries.Fate`)."""

    written_share: Annotated[Numbers, _FATES]
    written_after_days: Annotated[int, Range(1, 90)]
    positive_share: Annotated[Numbers, _FATES]


@dataclass(frozen=True, slots=True, kw_only=True)
class InformationParameters:
    """All of them; `standard_information()` gives the shipped ones."""

    stated: StatedParameters
    bureau: BureauParameters
    deliveries: DeliveriesParameters
    reviews: ReviewsParameters


SECTIONS: Sections = {
    "stated": StatedParameters,
    "bureau": BureauParameters,
    "deliveries": DeliveriesParameters,
    "reviews": ReviewsParameters,
}


@cache
def standard_information() -> InformationParameters:
    """The parameters that ship with Tallystick.

    >>> standard_information().bureau.score_range
    (300.0, 900.0)
    """
    return parse_information(files("tallystick.world.economy").joinpath("information.toml").read_text(encoding="utf-8"))


def parse_information(text: str) -> InformationParameters:
    """Parameters from TOML text in the form of `information.toml`. Raises `WorldParameterFaults` with every fault."""
    sections, faults = read_sections(text, SECTIONS)
    if faults:
        raise WorldParameterFaults(sorted(faults))
    return InformationParameters(**{name: kind(**sections[name]) for name, kind in SECTIONS.items()})
