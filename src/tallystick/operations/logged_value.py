"""What recorded cases brought, and by that what another strategy would have been worth: purchases and applications.

Of purchases their draws and labels are read, of applications what their lines brought by the end of a window.
"""

from collections.abc import Sequence
from datetime import date
from enum import StrEnum

import numpy as np
from msgspec import Struct
from psycopg import Connection

from tallystick.features.event_tables import DAY_TICKS
from tallystick.operations.both_decided import BOOKED, Cases, Flags, Floats, Texts, Wholes, is_told
from tallystick.operations.decision_record import DECLINED
from tallystick.operations.strategies import WholeStrategy
from tallystick.storage.application_fates import application_fates
from tallystick.strategy.case_columns import CheckpointName
from tallystick.strategy.economics import Economics
from tallystick.strategy.expected_profit import (
    application_bounds,
    application_profits,
    observed_profit,
    purchase_bounds,
    purchase_profits,
)
from tallystick.strategy.granted_terms import OUTCOMES
from tallystick.strategy.line_outcome import LineWindow
from tallystick.strategy.off_policy import DecisionLog, OffPolicySettings, OffPolicyValue, off_policy_value
from tallystick.strategy.prices import price_grades
from tallystick.strategy.purchase_economics import PurchaseEconomics
from tallystick.units.rates import PPM


class NoFigure(StrEnum):
    """Why a part of a backtest has no figures."""

    NO_ECONOMICS = "no_economics"  # the strategy does not say what a purchase earns
    NONE_MATURE = "none_mature"
    NONE_LABELED = "none_labeled"  # purchases went through, and of none of them it was told what it was
    OTHER_CHANCES = "other_chances"  # recorded probabilities are not those that the strategies give
    NO_LINE_MATURE = "no_line_mature"  # of no application the line's window is over
    NO_LINE = "no_line"  # windows are over, and in none of them a line was opened
    NO_CHANCE = "no_chance"  # applications were decided without chance, and otherwise than the new strategy would


class Observed(Struct, frozen=True):
    """Of the cases compared: those whose window is over; of them those drawn; of these the labeled, and the frauds."""

    mature: int
    drawn: int
    labeled: int
    frauds: int


class LinesObserved(Struct, frozen=True):
    """Of the applications compared: those whose window is over; of them those with a line; of these those that lost.

    What all these lines earned and lost in their windows, minor units.
    """

    mature: int
    lines: int
    lost: int
    earned_minor: int
    lost_minor: int


def purchase_value(
    cases: Cases,
    outcomes: tuple[str, ...],
    economics: PurchaseEconomics | None,
    *,
    performance_days: int,
    known_tick: int,
    settings: OffPolicySettings,
) -> tuple[OffPolicyValue | NoFigure, Observed | None]:
    """What the log says of purchases, and how much of what came of them is known."""
    if economics is None:
        return NoFigure.NO_ECONOMICS, None
    mature = cases.tick + performance_days * DAY_TICKS <= known_tick
    drawn = mature & (cases.drawn_minor > 0)
    labeled = drawn & ~np.isnan(cases.is_fraud)
    counts = [int(np.count_nonzero(each)) for each in (mature, drawn, labeled, labeled & (cases.is_fraud == 1.0))]
    observed = Observed(*counts)
    if not observed.mature:
        return NoFigure.NONE_MATURE, observed
    if observed.drawn and not observed.labeled:
        return NoFigure.NONE_LABELED, observed
    if not cases.agrees.all():
        return NoFigure.OTHER_CHANCES, observed
    return _purchase_value(cases, outcomes, economics, mature=mature, settings=settings), observed


def _purchase_value(
    cases: Cases,
    outcomes: tuple[str, ...],
    economics: PurchaseEconomics,
    *,
    mature: Flags,
    settings: OffPolicySettings,
) -> OffPolicyValue:
    """A purchase that was drawn, and of which nobody said anything within its window, counts as good."""
    old, _ = cases.as_booked(CheckpointName.AUTHORIZE)
    reward = observed_profit(
        old.outcome,
        went_through=cases.drawn_minor > 0,
        is_fraud=np.nan_to_num(cases.is_fraud, nan=0.0),
        amount_minor=cases.drawn_minor,
        economics=economics,
    )
    amount = cases.amount_minor.astype(np.float64)
    least, most = purchase_bounds(outcomes, amount_minor=amount, economics=economics)
    # By the score that was there when it was decided: another may have learned from what came of it.
    predicted = purchase_profits(outcomes, amount_minor=amount, fraud_ppm=cases.old.score, economics=economics)
    _refuse((least, most, predicted), cases, np.isin(outcomes, BOOKED[CheckpointName.AUTHORIZE]))
    log = _log(cases, reward_minor=reward, is_mature=mature, least_minor=least, most_minor=most)
    return off_policy_value(log, cases.new_chances, predicted_minor=predicted, settings=settings)


def application_value(
    connection: Connection,
    cases: Cases,
    strategy: WholeStrategy,
    *,
    window: LineWindow,
    known_on: date,
    settings: OffPolicySettings,
) -> tuple[OffPolicyValue | NoFigure, LinesObserved]:
    """What the log says of applications, and what their lines brought by the end of the window.

    A decline brings nothing, even where persons granted a line later: that is their doing. Nor does what was not
    accepted, or not in time. A line is what its application became, by way of a review too.
    """
    declined = cases.as_booked(CheckpointName.APPLY)[0].outcome == DECLINED
    fates = application_fates(
        connection,
        cases.request_id.tolist(),
        may_have_line=np.logical_not(declined).tolist(),
        months=window.months,
        opening_days=window.opening_days,
        known_on=known_on,
    )
    mature, has_line = fates.is_mature, fates.is_mature & fates.has_line
    observed = LinesObserved(
        mature=int(np.count_nonzero(mature)),
        lines=int(np.count_nonzero(has_line)),
        lost=int(np.count_nonzero(has_line & (fates.lost_minor > 0))),
        earned_minor=int(fates.earned_minor[has_line].sum()),
        lost_minor=int(fates.lost_minor[has_line].sum()),
    )
    if not observed.mature:
        return NoFigure.NO_LINE_MATURE, observed
    if not observed.lines:
        return NoFigure.NO_LINE, observed
    if not cases.agrees.all():
        return NoFigure.OTHER_CHANCES, observed
    least, most, predicted = _application_tables(cases, strategy, months=window.months)
    log = _log(
        cases,
        reward_minor=(fates.earned_minor - fates.lost_minor).astype(np.float64),
        is_mature=mature,
        least_minor=least,
        most_minor=most,
    )
    value = off_policy_value(log, cases.new_chances, predicted_minor=predicted, settings=settings)
    has_chance = (log.chances[mature].max(axis=1) < 1.0).any()
    return (NoFigure.NO_CHANCE if value.open_cases and not has_chance else value), observed


def _application_tables(cases: Cases, strategy: WholeStrategy, *, months: int) -> tuple[Floats, Floats, Floats]:
    """The least, the most and the expected of each outcome at each of the terms.

    The expected is by the score and grade that were there when it was decided, as of purchases.
    """
    economics, limit_minor = strategy.review.economics, cases.limit_at_terms_minor
    cap_ppm = strategy.review.price_cap.bound
    outcomes = OUTCOMES * (limit_minor.shape[1] // len(OUTCOMES))
    least, most = application_bounds(
        outcomes,
        limit_minor=limit_minor,
        price_cap_ppm=cap_ppm,
        merchant_yield_ppm=economics.merchant_yield_ppm,
        months=months,
    )
    predicted = application_profits(
        outcomes,
        limit_minor=limit_minor,
        pd_ppm=cases.old.score,
        grade=grade_places(cases.old.grade, economics),
        economics=economics,
        prices=price_grades(economics, legal_cap_ppm=cap_ppm),
        months=months,
    )
    _refuse((least, most, predicted), cases, np.isin(outcomes, BOOKED[CheckpointName.APPLY]))
    return least, most, predicted


def grade_places(grades: Texts, economics: Economics) -> Wholes:
    """The place of each grade among the economics', -1 where there is none."""
    names = economics.grade_names()
    return np.array([names.index(each) if each in names else -1 for each in grades], dtype=np.int64)


def _refuse(tables: Sequence[Floats], cases: Cases, columns: Flags) -> None:
    """What the books refused they would have refused to any strategy: it brings nothing."""
    for table in tables:
        table[np.ix_(is_told(cases.refused), columns)] = 0.0


def _log(
    cases: Cases, *, reward_minor: Floats, is_mature: Flags, least_minor: Floats, most_minor: Floats
) -> DecisionLog:
    return DecisionLog(
        outcome=cases.place,
        probability_ppm=cases.log_chances[np.arange(len(cases.place)), cases.place] * PPM,
        chances=cases.log_chances,
        reward_minor=reward_minor,
        is_mature=is_mature,
        least_minor=least_minor,
        most_minor=most_minor,
        borrower=cases.borrower.astype(np.int64),
    )
