"""What becomes of each line in the twelve months after the observation day, and the truths that no lender sees."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.special import expit, logit

from tallystick.world.borrowers import Borrowers
from tallystick.world.parameters import OutcomeParameters
from tallystick.world.policy import Lines
from tallystick.world.streams import Streams

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Outcomes:
    """Truth per line, each column of shape (lines,); shares are plain numbers (1.0 = the whole)."""

    pd: Floats  # twelve months, given everything but the shocks still to come
    is_bad: Flags  # 90 or more days past due on a day of the twelve months
    is_job_lost: Flags  # the shock that came
    propensity: Floats  # share of a new unit of limit that becomes debt
    pd_rise_per_doubling: Floats  # growth of the odds of default with each doubling of the limit
    lgd: Floats
    ccf: Floats


def draw_outcomes(
    *,
    streams: Streams,
    borrowers: Borrowers,
    lines: Lines,
    balance_minor: Integers,
    months_past_due: Integers,
    is_jobless: Flags,
    parameters: OutcomeParameters,
) -> Outcomes:
    """Draw the outcome from traits, the standing on the observation day and one shock, and what a limit would do."""
    utilization = np.clip(balance_minor / lines.credit_limit_minor, 0.0, 1.2)
    log_odds = (
        parameters.intercept
        + parameters.honesty * borrowers.honesty
        + parameters.patience * borrowers.patience
        + parameters.thrift * borrowers.thrift
        + parameters.income_log * borrowers.income_log
        + parameters.debt_service * borrowers.debt_service_share
        + parameters.utilization * utilization
        + parameters.jobless * is_jobless
        + np.asarray(parameters.months_past_due)[np.minimum(months_past_due, len(parameters.months_past_due) - 1)]
    )
    pd = pd_before_shock(log_odds=log_odds, shock_chance=parameters.job_loss_year, shock_weight=parameters.job_loss)
    is_job_lost = streams.uniform("outcome/job lost") < parameters.job_loss_year
    is_bad = streams.uniform("outcome/bad") < expit(log_odds + parameters.job_loss * is_job_lost)
    return Outcomes(
        pd=pd,
        is_bad=is_bad,
        is_job_lost=is_job_lost,
        propensity=_propensity(pd=pd, noise=streams.normal("outcome/propensity"), parameters=parameters),
        pd_rise_per_doubling=np.maximum(
            parameters.pd_rise_per_doubling + parameters.pd_rise_need * borrowers.need, 0.0
        ),
        lgd=_lgd(borrowers=borrowers, noise=streams.normal("outcome/lgd"), parameters=parameters),
        ccf=_ccf(borrowers=borrowers, noise=streams.normal("outcome/ccf"), parameters=parameters),
    )


def pd_before_shock(*, log_odds: npt.ArrayLike, shock_chance: float, shock_weight: float) -> Floats:
    """PD of someone whom a shock may still hit: the mean over both futures, in the shape of `log_odds`.

    At even odds, a shock of one in two that is worth +1.0986 (odds times three) gives (0.5 + 0.75) / 2:

    >>> pd_before_shock(log_odds=[0.0], shock_chance=0.5, shock_weight=1.0986123).round(6).tolist()
    [0.625]
    """
    calm = np.asarray(log_odds, dtype=np.float64)
    mean: Floats = (1.0 - shock_chance) * expit(calm) + shock_chance * expit(calm + shock_weight)
    return mean


def _propensity(*, pd: Floats, noise: Floats, parameters: OutcomeParameters) -> Floats:
    mean = np.interp(logit(pd), logit(np.asarray(parameters.propensity_pd)), np.asarray(parameters.propensity))
    # the lognormal has mean 1, so that the published figures stay the means
    spread = np.exp(parameters.propensity_log_sd * noise - parameters.propensity_log_sd**2 / 2.0)
    propensity: Floats = np.minimum(mean * spread, 1.0)
    return propensity


def _lgd(*, borrowers: Borrowers, noise: Floats, parameters: OutcomeParameters) -> Floats:
    lgd: Floats = expit(
        logit(parameters.lgd_mean)
        + parameters.lgd_honesty * borrowers.honesty
        + parameters.lgd_income_log * borrowers.income_log
        + parameters.lgd_sd * noise
    )
    return lgd


def _ccf(*, borrowers: Borrowers, noise: Floats, parameters: OutcomeParameters) -> Floats:
    ccf: Floats = expit(
        logit(parameters.ccf_mean) + parameters.ccf_patience * borrowers.patience + parameters.ccf_sd * noise
    )
    return ccf
