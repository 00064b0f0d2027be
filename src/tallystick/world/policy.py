"""The lender's past policy: a noisy score gave each borrower a limit and a price. What the review can improve on."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from tallystick.world.borrowers import REFERENCE_INCOME_MINOR, Borrowers
from tallystick.world.parameters import LenderParameters
from tallystick.world.streams import Streams

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Lines:
    """What the lender granted, per borrower; every column has shape (borrowers,)."""

    policy_score: Floats  # about standard normal, higher is better; what the past policy believed
    credit_limit_minor: Integers
    nominal_rate_ppm: Integers  # per year
    months_on_book: Integers  # 1 = the latest statement is the first


def grant_lines(*, streams: Streams, borrowers: Borrowers, parameters: LenderParameters) -> Lines:
    """Score, limit and price each borrower as the past policy did, with what it could see."""
    score = _policy_score(streams=streams, borrowers=borrowers, parameters=parameters)
    months_on_book = _months_on_book(streams.normal("line/months on book"), parameters=parameters)
    return Lines(
        policy_score=score,
        credit_limit_minor=_limits(score=score, months_on_book=months_on_book, parameters=parameters),
        nominal_rate_ppm=_rates(score=score, parameters=parameters),
        months_on_book=months_on_book,
    )


def _policy_score(*, streams: Streams, borrowers: Borrowers, parameters: LenderParameters) -> Floats:
    stated = np.log(borrowers.stated_income_month_minor / REFERENCE_INCOME_MINOR) / 0.6
    bureau = (borrowers.thrift + borrowers.patience + borrowers.honesty) / 3.0 / 0.7
    weights = np.array([parameters.score_weight_income, parameters.score_weight_traits, parameters.score_noise_sd])
    spread = max(float(np.sqrt(np.square(weights).sum())), 1e-9)
    noise = streams.normal("line/policy noise")
    score: Floats = (weights[0] * stated + weights[1] * bureau + weights[2] * noise) / spread
    return score


def _months_on_book(normal: Floats, *, parameters: LenderParameters) -> Integers:
    months = np.exp(parameters.months_on_book_log_mean + parameters.months_on_book_log_sd * normal)
    return np.clip(months, 1, parameters.months_on_book_most).astype(np.int64)


def _limits(*, score: Floats, months_on_book: Integers, parameters: LenderParameters) -> Integers:
    growth = parameters.limit_growth_month_log * months_on_book
    wished = parameters.limit_median_minor * np.exp(parameters.limit_log_sd * score + growth)
    bounded = np.clip(wished, parameters.limit_least_minor, parameters.limit_cap_minor)
    steps: Integers = (bounded // parameters.limit_step_minor).astype(np.int64)
    return steps * np.int64(parameters.limit_step_minor)


def _rates(*, score: Floats, parameters: LenderParameters) -> Integers:
    best, weakest = parameters.nominal_rate_score_cut
    low, middle, high = (round(rate) for rate in parameters.nominal_rate_ppm)
    return np.where(score > best, low, np.where(score < weakest, high, middle)).astype(np.int64)
