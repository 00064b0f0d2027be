"""What a lender may learn of an applicant: what is stated, and what a bureau tells of other lenders, late and wrong."""

from dataclasses import dataclass
from datetime import date, timedelta
from typing import Final

import numpy as np
import numpy.typing as npt
from scipy.special import expit, logit

from tallystick.operations.applications import BureauReport
from tallystick.storage.applications import Stated
from tallystick.world.economy.chances import Chances
from tallystick.world.economy.information_parameters import BureauParameters, StatedParameters
from tallystick.world.economy.people import People
from tallystick.world.economy.rivals import MONTH_DAYS, Rivals

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]

EMPLOYED, SELF_EMPLOYED, UNEMPLOYED, STUDENT, RETIRED = "employed", "self_employed", "unemployed", "student", "retired"
_EPOCH: Final = date(1970, 1, 1)
_YEAR_DAYS: Final = 365.25
_PAST_DUE_MONTHS: Final = 24
_SCHOOL_ENDS: Final = 18  # nobody has worked for longer than since this age
_PROVABLE: Final = 1.10  # stated income over the true one that papers still bear out


# ---------------------------------------------------------------- stated


def stated(
    chances: Chances, people: People, who: Integers, *, on: date, is_jobless: Flags, parameters: StatedParameters
) -> list[Stated]:
    """What these people state when they apply on that day, and what of it could be verified; one for each.

    `who` are their numbers, `is_jobless` whether their main income is lost, both of shape (applicants,). What belongs
    to the person (job, consent) is the same when the person applies again; what belongs to the day (checks,
    documents) is not.
    """
    day = on.toordinal()

    def fails(what: str, share: float) -> Flags:
        return chances.happens(f"stated/{what}", who, at=day, chance=share)

    employment, years = _employment(chances, people, who, on=on, is_jobless=is_jobless, parameters=parameters)
    told, true = people.traits.stated_income_month_minor[who], people.traits.income_month_minor[who]
    step = parameters.income_step_minor
    income = np.maximum(np.rint(told / step), 1).astype(np.int64) * step
    is_silent = chances.happens("stated/income", who, chance=parameters.income_missing_share)
    is_proven = (
        chances.happens("stated/proof", who, chance=parameters.income_proven_share)
        & (told <= true * _PROVABLE)
        & ~is_jobless
        & ~is_silent
    )
    failed = {
        name: fails(name, getattr(parameters, f"{name}_share"))
        for name in ("identity_failed", "face_failed", "phone_failed", "bank_failed", "documents_missing")
    }
    born_on = people.born_on[who]
    consents = consent(chances, who, parameters=parameters)
    return [
        Stated(
            income_month_minor=None if is_silent[row] else int(income[row]),
            income_is_proven=bool(is_proven[row]),
            born_on=_EPOCH + timedelta(days=int(born_on[row])),
            employment=job,
            employed_since=on - timedelta(days=int(years[row] * _YEAR_DAYS))
            if job in (EMPLOYED, SELF_EMPLOYED)
            else None,
            is_student=job == STUDENT,
            identity_is_verified=not failed["identity_failed"][row],
            face_is_matched=not failed["face_failed"][row],
            phone_is_verified=not failed["phone_failed"][row],
            bank_account_is_verified=not failed["bank_failed"][row],
            documents_are_complete=not failed["documents_missing"][row],
            bureau_consent_is_given=bool(consents[row]),
        )
        for row, job in enumerate(employment)
    ]


def consent(chances: Chances, who: Integers, *, parameters: StatedParameters) -> Flags:
    """Who lets the lender ask the bureau; shape (applicants,)."""
    return ~chances.happens("stated/consent", who, chance=parameters.consent_missing_share)


def _employment(
    chances: Chances, people: People, who: Integers, *, on: date, is_jobless: Flags, parameters: StatedParameters
) -> tuple[list[str | None], Floats]:
    """The job that is stated, None where nobody says, and how many years it is held."""
    age = ((on - _EPOCH).days - people.born_on[who]) / _YEAR_DAYS
    studies = (age <= parameters.student_age_most) & chances.happens(
        "stated/student", who, chance=parameters.student_share
    )
    is_own = chances.happens("stated/self-employed", who, chance=parameters.self_employed_share)
    admits = is_jobless & ~chances.happens("stated/hides", who, chance=parameters.jobless_hidden_share)
    told = np.select(
        [studies, age >= parameters.retired_age, admits, is_own],
        [STUDENT, RETIRED, UNEMPLOYED, SELF_EMPLOYED],
        EMPLOYED,
    )
    is_silent = chances.happens("stated/employment", who, chance=parameters.employment_missing_share) & ~studies
    years = parameters.tenure_years * np.exp(parameters.tenure_log_sd * chances.normal("stated/tenure", who))
    return (
        [None if silent else str(job) for job, silent in zip(told, is_silent, strict=True)],
        np.minimum(years, np.maximum(age - _SCHOOL_ENDS, 0.0)),
    )


# ---------------------------------------------------------------- what others lent


@dataclass(frozen=True, slots=True)
class Elsewhere:
    """What people owe to all other lenders, as it is so; every column of shape (people asked for,)."""

    open_lines: Integers
    limit_minor: Integers
    drawn_minor: Integers
    recent_lines: Integers  # of the last three months
    worst_days_past_due_24m: Integers


def elsewhere(
    chances: Chances,
    people: People,
    who: Integers,
    *,
    day: npt.ArrayLike,
    parameters: BureauParameters,
    rivals: Rivals,
) -> Elsewhere:
    """What these people owe elsewhere on a day: loans by their debt service, cards of those who have some, and rivals'.

    `day` counts from the world's begin and may lie before it, one for all or one for each.
    """
    day = np.broadcast_to(np.asarray(day, dtype=np.float64), who.shape)
    month = _month_of(day)
    traits, has_cards = people.traits, people.borrows_elsewhere[who]
    income = traits.income_month_minor[who]
    loans = traits.debt_service_share[who] * income * parameters.loan_months * (1.0 - parameters.loan_paid_share)
    granted = traits.debt_service_share[who] * income * parameters.loan_months
    spread = parameters.card_limit_log_sd * chances.normal("elsewhere/limit", who)
    limit = income * parameters.card_limit_months * np.exp(spread + rivals.growth_month * day / MONTH_DAYS) * has_cards
    use = expit(
        logit(parameters.card_use)
        + parameters.card_use_need * traits.need[who]
        + parameters.card_use_sd * chances.normal("elsewhere/use", who)
        + parameters.card_use_month_sd * chances.normal("elsewhere/use of the month", who, at=month)
    )
    cards = has_cards * (1 + chances.count("elsewhere/cards", who, mean=parameters.cards_more))
    new = rivals.lent(who, day=day)
    loans_count = 1 + (traits.debt_service_share[who] > 0.2).astype(np.int64)
    return Elsewhere(
        open_lines=cards + loans_count + new.lines,
        limit_minor=(limit + granted).astype(np.int64) + new.granted_minor,
        drawn_minor=(limit * use + loans).astype(np.int64) + new.owed_minor,
        recent_lines=new.recent,
        worst_days_past_due_24m=_worst_past_due(chances, people, who, month=month, parameters=parameters),
    )


def _month_of(day: Floats) -> Integers:
    """The month of a day, counted from a hundred years before the world's begin, so that it is never below zero."""
    return np.maximum(np.floor(day / MONTH_DAYS).astype(np.int64) + 1_200, 0)


def _worst_past_due(
    chances: Chances, people: People, who: Integers, *, month: Integers, parameters: BureauParameters
) -> Integers:
    """The deepest spell of the 24 months up to each one's `month`: months once lived stay as they were."""
    months = month[:, None] - np.arange(_PAST_DUE_MONTHS)
    chance = parameters.past_due_per_risk * -np.log1p(-people.risk[who]) / 12.0
    falls = chances.happens("elsewhere/past due", who[:, None], at=months, chance=np.minimum(chance, 1.0)[:, None])
    depth = chances.among("elsewhere/depth", who[:, None], at=months, shares=parameters.past_due_shares)
    days = np.asarray(parameters.past_due_days, dtype=np.int64)[depth]
    worst: Integers = np.max(np.where(falls, days, 0), axis=1, initial=0)
    return worst


# ---------------------------------------------------------------- what the bureau tells


@dataclass(frozen=True, slots=True)
class Asked:
    """Whom the bureau was asked about and what it looked at: shape (applicants,). Truth: no lender sees it."""

    file_of: Integers  # whose file it is: somebody else's where two were mixed up
    lag_days: Integers  # how old is what it tells
    has_file: Flags


def files_asked(chances: Chances, people: People, who: Integers, *, on: date, parameters: BureauParameters) -> Asked:
    """Which file the bureau opens for each of these people on that day, how old it is, and whether there is one.

    Who is mixed up is mixed up with somebody of a lower number, so that a larger world tells the same.
    """
    day = on.toordinal()
    low, high = parameters.lag_days
    is_mixed_up = chances.happens("bureau/mixed up", who, chance=parameters.mixed_up_share)
    other = (chances.uniform("bureau/other", who) * np.maximum(who, 1)).astype(np.int64)
    is_stale = chances.happens("bureau/stale", who, chance=parameters.stale_share)
    lag = low + chances.uniform("bureau/lag", who, at=day) * (high - low)
    lag += is_stale * chances.uniform("bureau/stale days", who) * parameters.stale_days
    file_of = np.where(is_mixed_up, other, who)
    is_unknown = ~people.borrows_elsewhere[file_of] & chances.happens(
        "bureau/no file", file_of, chance=parameters.no_file_share
    )
    return Asked(file_of=file_of, lag_days=lag.astype(np.int64), has_file=~is_unknown)


def bureau_reports(
    chances: Chances,
    people: People,
    who: Integers,
    *,
    on: date,
    stated_parameters: StatedParameters,
    parameters: BureauParameters,
    rivals: Rivals,
) -> list[BureauReport | None]:
    """What the bureau tells of these people on that day; None where it knows nobody, or nobody lets it be asked.

    It tells of other lenders only; `who` has shape (applicants,).
    """
    asked = files_asked(chances, people, who, on=on, parameters=parameters)
    day = (on - rivals.begins_on).days - asked.lag_days
    known = elsewhere(chances, people, asked.file_of, day=day, parameters=parameters, rivals=rivals)
    score = _scores(chances, people, asked, known, month=_month_of(day.astype(np.float64)), parameters=parameters)
    inquiries = chances.count(
        "bureau/inquiries",
        asked.file_of,
        at=on.toordinal() // 30,
        mean=parameters.inquiries_90d * np.exp(parameters.inquiries_need_log * people.traits.need[asked.file_of]),
    )
    columns = {
        "bureau_score": score,
        "open_lines": known.open_lines,
        "total_limit_minor": known.limit_minor,
        "total_drawn_minor": known.drawn_minor,
        "inquiries_90d": inquiries + known.recent_lines,
        "worst_days_past_due_24m": known.worst_days_past_due_24m,
    }
    is_missing = {
        name: chances.happens(f"bureau/without {name}", who, at=on.toordinal(), chance=parameters.field_missing_share)
        for name in columns
    }
    is_missing["bureau_score"] = is_missing["bureau_score"] | chances.happens(
        "bureau/no score", asked.file_of, chance=parameters.no_score_share
    )
    is_told = asked.has_file & consent(chances, who, parameters=stated_parameters)
    return [
        BureauReport(**{name: None if is_missing[name][row] else int(told[row]) for name, told in columns.items()})
        if is_told[row]
        else None
        for row in range(len(who))
    ]


def _scores(
    chances: Chances,
    people: People,
    asked: Asked,
    known: Elsewhere,
    *,
    month: Integers,
    parameters: BureauParameters,
) -> Integers:
    """Higher is safer: the true risk with what the bureau does not see, less for what was past due."""
    seen = (
        logit(people.risk[asked.file_of])
        + parameters.score_noise_lasting * chances.normal("bureau/noise", asked.file_of)
        + parameters.score_noise_month * chances.normal("bureau/noise of the month", asked.file_of, at=month)
    )
    score = parameters.score_at_even_odds - parameters.score_per_log_odds * seen
    score += parameters.score_past_due * np.log1p(known.worst_days_past_due_24m / 30.0)
    lowest, highest = parameters.score_range
    told: Integers = np.clip(np.rint(score), lowest, highest).astype(np.int64)
    return told
