"""What decisions are expected to earn and to lose, case by case, and what another strategy's would change of it."""

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from tallystick.risk.response import drawn_at_limit
from tallystick.strategy.economics import Economics
from tallystick.strategy.lines import Lines
from tallystick.strategy.prices import Price
from tallystick.strategy.profit import limit_figures
from tallystick.strategy.purchase_economics import PurchaseEconomics
from tallystick.units.rates import PPM

Floats = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]
Wholes = npt.NDArray[np.int64]
Texts = npt.NDArray[np.object_]


@dataclass(frozen=True, slots=True)
class ExpectedFigures:
    """Expected figures of each case under its decision; minor units, unrounded; NaN where they are not known.

    `forgone` is what the good ones among those that do not go through would have earned. It is told beside the profit
    and is no part of it: who is not approved earns nothing, and to count the loss of it too would count it twice.
    """

    earned: Floats
    loss: Floats
    cost: Floats
    forgone: Floats

    @property
    def profit(self) -> Floats:
        """What is earned less losses and costs."""
        return self.earned - self.loss - self.cost


def purchase_figures(
    outcome: Texts, *, amount_minor: npt.ArrayLike, fraud_ppm: npt.ArrayLike, economics: PurchaseEconomics
) -> ExpectedFigures:
    """Purchases as decided, shape (cases,). `fraud_ppm` is the probability of fraud, NaN where there is no score.

    Without a score nothing but a decline has a known profit: it earns and loses nothing, whoever asked.
    A purchase of 1,000.00 with 2 % fraud. Approved it earns 0.98 x 1.39 % = 13.62 and loses 0.02 x 90 % = 18.00 of it.
    Reviewed, 90 % of the good and 10 % of the fraudulent go through, for 20.00 of an analyst's time:

    >>> from tallystick.strategy.policy import standard_strategy_files
    >>> from tallystick.strategy.purchase_economics import ECONOMICS_FILE, read_purchase_economics
    >>> economics = read_purchase_economics(standard_strategy_files()[ECONOMICS_FILE])
    >>> figures = purchase_figures(np.array(["approve", "review", "decline", "approve"], dtype=object),
    ...     amount_minor=100_000, fraud_ppm=[20_000, 20_000, 20_000, np.nan], economics=economics)
    >>> figures.earned.round(1).tolist(), figures.loss.round(1).tolist()
    ([1362.2, 1226.0, 0.0, nan], [1800.0, 180.0, 0.0, nan])
    >>> figures.profit.round(1).tolist(), figures.forgone.round(1).tolist()
    ([-437.8, -954.0, 0.0, nan], [0.0, 136.2, 1362.2, 0.0])
    """
    handled = economics.handled(outcome)
    amount = np.asarray(amount_minor, dtype=np.float64)
    fraud = np.broadcast_to(np.asarray(fraud_ppm, dtype=np.float64) / PPM, outcome.shape)
    gain, loss = (1.0 - fraud) * amount * economics.good_gain(), fraud * amount * economics.fraud_loss()
    return ExpectedFigures(
        earned=_share_of(gain, handled.good_passes),
        loss=_share_of(loss, handled.fraud_passes),
        cost=handled.cost_minor,
        forgone=_share_of(gain, 1.0 - handled.good_passes),
    )


def purchase_profits(
    outcomes: tuple[str, ...], *, amount_minor: Floats, fraud_ppm: Floats, economics: PurchaseEconomics
) -> Floats:
    """The expected profit of each case under each outcome, shape (cases, outcomes); NaN where it is not known."""
    return np.column_stack(
        [
            purchase_figures(
                np.full(len(amount_minor), outcome, dtype=object),
                amount_minor=amount_minor,
                fraud_ppm=fraud_ppm,
                economics=economics,
            ).profit
            for outcome in outcomes
        ]
    )


def observed_profit(
    outcome: Texts,
    *,
    went_through: Flags,
    is_fraud: npt.ArrayLike,
    amount_minor: npt.ArrayLike,
    economics: PurchaseEconomics,
) -> Floats:
    """What came of each purchase by the same economics, shape (cases,): `is_fraud` is 1, 0, or NaN where not told yet.

    `went_through` says that the purchase was made in the end, after a second factor or a review too. What did not go
    through earned nothing and cost what was spent on it:

    >>> from tallystick.strategy.policy import standard_strategy_files
    >>> from tallystick.strategy.purchase_economics import ECONOMICS_FILE, read_purchase_economics
    >>> economics = read_purchase_economics(standard_strategy_files()[ECONOMICS_FILE])
    >>> observed_profit(np.array(["approve", "approve", "review", "review", "approve"], dtype=object),
    ...     went_through=np.array([True, True, True, False, True]), is_fraud=[0, 1, 0, np.nan, np.nan],
    ...     amount_minor=100_000, economics=economics).round(1).tolist()
    [1390.0, -90000.0, -610.0, -2000.0, nan]
    """
    fraud = np.broadcast_to(np.asarray(is_fraud, dtype=np.float64), outcome.shape)
    amount = np.asarray(amount_minor, dtype=np.float64)
    made = amount * ((1.0 - fraud) * economics.good_gain() - fraud * economics.fraud_loss())
    return _share_of(made, went_through.astype(np.float64)) - economics.handled(outcome).cost_minor


def purchase_bounds(
    outcomes: tuple[str, ...], *, amount_minor: Floats, economics: PurchaseEconomics
) -> tuple[Floats, Floats]:
    """The least and the most that each outcome can come to, shape (cases, outcomes) each, by `observed_profit`.

    Of 1,000.00, approved: lost but for what is recovered, or earned on. A decline is certain to bring nothing.

    >>> from tallystick.strategy.policy import standard_strategy_files
    >>> from tallystick.strategy.purchase_economics import ECONOMICS_FILE, read_purchase_economics
    >>> economics = read_purchase_economics(standard_strategy_files()[ECONOMICS_FILE])
    >>> least, most = purchase_bounds(
    ...     ("approve", "review", "decline"), amount_minor=np.array([100_000.0]), economics=economics)
    >>> least.tolist(), most.round(1).tolist()
    ([[-90000.0, -92000.0, 0.0]], [[1390.0, -610.0, 0.0]])
    """
    least, most = [], []
    for outcome in outcomes:
        alike = np.full(len(amount_minor), outcome, dtype=object)
        ways = [
            observed_profit(
                alike,
                went_through=np.full(len(amount_minor), through and outcome != "decline", dtype=np.bool_),
                is_fraud=is_fraud,
                amount_minor=amount_minor,
                economics=economics,
            )
            for through, is_fraud in ((False, 0.0), (True, 0.0), (True, 1.0))
        ]
        least.append(np.minimum.reduce(ways))
        most.append(np.maximum.reduce(ways))
    return np.column_stack(least), np.column_stack(most)


def application_figures(
    outcome: Texts,
    *,
    limit_minor: Wholes,
    pd_ppm: Floats,
    grade: Wholes,
    economics: Economics,
    prices: tuple[Price, ...],
) -> ExpectedFigures:
    """Applications as decided, over twelve months, shape (cases,).

    `pd_ppm` (NaN where there is no PD) and `grade` (a place among the economics' grades, -1 where there is none) are of
    the case, the same whichever strategy decides: a strategy is not better for calling a borrower safer. An offer is
    taken as accepted, and draws what its grade's propensity says of a limit; a decline earns and loses nothing; what a
    review will come to nobody knows yet. `forgone` is not known of a decline, for nobody says at which limit.

    5,000.00 offered to grade D draw 1,200.00 at 14.75 %: figures of `limit_figures`.

    >>> from tallystick.strategy.economics import read_economics
    >>> from tallystick.strategy.policy import standard_strategy_files
    >>> from tallystick.strategy.prices import price_grades
    >>> economics = read_economics(standard_strategy_files()["economics.toml"])
    >>> figures = application_figures(np.array(["offer", "decline", "review", "offer"], dtype=object),
    ...     limit_minor=np.array([500_000] * 4), pd_ppm=np.array([53_000.0, 53_000.0, 53_000.0, np.nan]),
    ...     grade=np.array([3, 3, 3, 3]), economics=economics, prices=price_grades(economics, legal_cap_ppm=240_000))
    >>> figures.earned.round(0).tolist(), figures.loss.round(0).tolist(), figures.profit.round(0).tolist()
    ([16884.0, 0.0, nan, nan], [7079.0, 0.0, nan, nan], [1585.0, 0.0, nan, nan])
    """
    declined = (outcome == "decline").astype(np.bool_)
    known = (outcome == "offer") & ~np.isnan(pd_ppm) & (grade >= 0)
    earned, loss, cost = (np.where(declined, 0.0, np.nan) for _ in range(3))
    propensity = np.array([each.propensity_ppm for each in economics.grades], dtype=np.float64)[grade[known]] / PPM
    drawn = drawn_at_limit(drawn=0, present_limit=0, limit=limit_minor[known], propensity=propensity)
    unknown = np.full(int(np.count_nonzero(known)), np.nan)
    lines = Lines(
        limit_minor=limit_minor[known],
        drawn_minor=np.rint(drawn).astype(np.int64),
        pd_ppm=pd_ppm[known].astype(np.int64),
        grade=grade[known],
        income_month_minor=unknown,
        present_rate_ppm=unknown,
        may_increase=np.zeros(len(unknown), dtype=np.bool_),
        may_decrease=np.zeros(len(unknown), dtype=np.bool_),
    )
    figures = limit_figures(lines, lines.limit_minor[:, None], economics=economics, prices=prices)
    earned[known], loss[known] = figures.revenue[:, 0], figures.expected_loss[:, 0]
    cost[known] = (figures.revenue - figures.expected_loss - figures.profit)[:, 0]
    return ExpectedFigures(earned, loss, cost, forgone=np.where(declined, np.nan, 0.0))


def application_profits(
    outcomes: tuple[str, ...],
    *,
    limit_minor: Wholes,
    pd_ppm: Floats,
    grade: Wholes,
    economics: Economics,
    prices: tuple[Price, ...],
    months: int,
) -> Floats:
    """What a line should earn less what should be lost on it in so many months, under each outcome; NaN: not known.

    By `application_figures`, whose year is taken evenly; without the costs of funds, operations and capital, which no
    line's books tell. `limit_minor` and the result have shape (cases, outcomes).
    """
    told = np.full(limit_minor.shape, np.nan)
    for column, outcome in enumerate(outcomes):
        figures = application_figures(
            np.full(len(limit_minor), outcome, dtype=object),
            limit_minor=limit_minor[:, column],
            pd_ppm=pd_ppm,
            grade=grade,
            economics=economics,
            prices=prices,
        )
        told[:, column] = (figures.earned - figures.loss) * months / 12
    return told


def application_bounds(
    outcomes: tuple[str, ...], *, limit_minor: Wholes, price_cap_ppm: int, merchant_yield_ppm: int, months: int
) -> tuple[Floats, Floats]:
    """The least and the most that each outcome can come to in so many months, shape (cases, outcomes) each.

    At the least the whole limit is drawn and lost; at the most all of it is drawn all the time, at the highest price
    that the law allows and with the merchants' fees. Both are of the first limit, shape (cases, outcomes). A decline is
    certain to bring nothing.

    5,000.00 for a year at 24 % and 7.2 %:

    >>> least, most = application_bounds(("offer", "review", "decline"), limit_minor=np.full((1, 3), 500_000),
    ...     price_cap_ppm=240_000, merchant_yield_ppm=72_000, months=12)
    >>> least.tolist(), most.tolist()
    ([[-500000.0, -500000.0, 0.0]], [[156000.0, 156000.0, 0.0]])
    """
    limit = np.where(np.array(outcomes) == "decline", 0.0, limit_minor)
    return 0.0 - limit, limit * (price_cap_ppm + merchant_yield_ppm) * months / (12 * PPM)


def _share_of(figure: Floats, share: Floats) -> Floats:
    """A share of a figure, and nothing of one that is not known where nothing goes through."""
    return np.where(share > 0.0, share * figure, 0.0)


@dataclass(frozen=True, slots=True)
class ExpectedSums:
    """Sums over cases in whole minor units, rounded once; `forgone_minor` over those where it is known."""

    earned_minor: int
    loss_minor: int
    cost_minor: int
    forgone_minor: int

    @property
    def profit_minor(self) -> int:
        """What is earned less losses and costs."""
        return self.earned_minor - self.loss_minor - self.cost_minor


@dataclass(frozen=True, slots=True)
class ExpectedChange:
    """Old and new strategy over the cases whose profit is known under both, and how many stand outside.

    Of the unknown ones those decided alike under both change nothing, whatever they earn; `unknown_moved` might.
    """

    known: int
    unknown_alike: int
    unknown_moved: int
    old: ExpectedSums
    new: ExpectedSums

    @property
    def profit_change_minor(self) -> int:
        """The new strategy's expected profit less the old one's, over the known cases."""
        return self.new.profit_minor - self.old.profit_minor


def expected_change(old: ExpectedFigures, new: ExpectedFigures, *, decided_alike: Flags) -> ExpectedChange:
    """Sum both sides over the same cases, shape (cases,) each; `decided_alike` has the same outcome and limit in both.

    Two cases are known, and one of the other two was decided otherwise:

    >>> def figures(*earned):
    ...     none = np.zeros(len(earned))
    ...     return ExpectedFigures(np.array(earned), none, none, none)
    >>> change = expected_change(figures(10.4, 0.0, np.nan, np.nan), figures(10.4, 7.2, np.nan, 0.0),
    ...     decided_alike=np.array([True, False, True, False]))
    >>> change.known, change.unknown_alike, change.unknown_moved, change.profit_change_minor
    (2, 1, 1, 8)
    """
    known = ~(np.isnan(old.profit) | np.isnan(new.profit))
    return ExpectedChange(
        known=int(np.count_nonzero(known)),
        unknown_alike=int(np.count_nonzero(~known & decided_alike)),
        unknown_moved=int(np.count_nonzero(~known & ~decided_alike)),
        old=_sums(old, known),
        new=_sums(new, known),
    )


def _sums(figures: ExpectedFigures, known: Flags) -> ExpectedSums:
    told = known & ~np.isnan(figures.forgone)
    return ExpectedSums(
        earned_minor=round(math.fsum(figures.earned[known])),
        loss_minor=round(math.fsum(figures.loss[known])),
        cost_minor=round(math.fsum(figures.cost[known])),
        forgone_minor=round(math.fsum(figures.forgone[told])),
    )
