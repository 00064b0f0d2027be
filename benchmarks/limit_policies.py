"""Policies of one review of limits, from a flat limit to an optimum that knows what no lender can: limits in, none out.

All see the same lines, graded and screened by the standard strategy with one behavior score, and all but the flat ones
keep its rules: whole thousands, at most twice the present limit, at most three months of income, raises only of lines
that its eligibility lets rise, and nothing above the cap of 50,000. None lowers a limit.
"""

import tomllib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from functools import partial
from pathlib import Path
from typing import Any, Final

import lightgbm
import numpy as np
import numpy.typing as npt
import pyarrow as pa

from reviewed_worlds import ECONOMICS, Reviewed, YearAfter
from tallystick.operations.judging import judge_lines
from tallystick.risk.learned_response import Belief, LearnedResponse, learn_response
from tallystick.scoring.boosted import Boosted, BoostedSettings, fit_boosted
from tallystick.scoring.calibration import Calibration, fit_calibration, pd_ppm
from tallystick.scoring.crossfit import out_of_fold
from tallystick.scoring.model import ModelFeature
from tallystick.scoring.two_part import TwoPart, TwoPartSettings, fit_two_part
from tallystick.strategy.choices import Choices, LimitRules, highest_increase
from tallystick.strategy.columns import ColumnType
from tallystick.strategy.learned_menu import learned_menu, menu_by_rates, menu_slopes
from tallystick.strategy.limits import Menu, PortfolioCap, menu_of, plan_limits
from tallystick.strategy.lines import Lines
from tallystick.strategy.optimizer import Cap, Infeasible, optimize
from tallystick.strategy.policy import Strategy, read_strategy, standard_strategy_files
from tallystick.strategy.prices import Price, price_grades
from tallystick.units.rates import PPM

Integers = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]

CAP_MINOR: Final = 5_000_000
SHARES: Final = (0.0, 0.5, 1.0)  # of the way from the present limit to the most that the rules allow
MATRIX_FILE: Final = Path(__file__).with_name("policies_matrix.toml")
_RATE_PPM: Final = 182_500  # the contract's 0.05 % a day, for every line
_TOLERANCE: Final = 1e-4
_HISTORY: Final = {
    "months_past_due_m0": ColumnType("whole"), "months_past_due_max_6m": ColumnType("whole"),
    "utilization_m0": ColumnType("number"), "months_on_book": ColumnType("whole"),
}  # fmt: skip
STRATEGY: Final[Strategy] = read_strategy(standard_strategy_files(), features=_HISTORY, on=date(2027, 1, 1))
RULES: Final[LimitRules] = STRATEGY.limits
GRADES: Final = ECONOMICS.grade_names()
_SCORE: Final = BoostedSettings(
    rounds_max=200, stopping_rounds=0, learning_rate=0.03, leaves_max=6, leaf_rows_min=60, ensemble_seeds=2, folds=4
)
_EARNED: Final = TwoPartSettings(chance=_SCORE, size=_SCORE, link="log")
_LOST: Final = TwoPartSettings(
    chance=_SCORE, size=replace(_SCORE, rounds_max=60, leaves_max=4, leaf_rows_min=20), link="logit"
)
_TREES: Final = {
    "num_leaves": 6, "learning_rate": 0.03, "lambda_l2": 10.0, "feature_fraction": 0.5, "bagging_fraction": 0.7,
    "bagging_freq": 1, "seed": 7, "deterministic": True, "num_threads": 1, "verbosity": -1,
}  # fmt: skip
_EARN_ROUNDS, _LOSS_ROUNDS = 300, 150


# ---------------------------------------------------------------- the score, and what it makes of a book


@dataclass(frozen=True, slots=True)
class Score:
    """The behavior score: the PD of the year after a review at the present limit."""

    model: Boosted
    calibration: Calibration

    def pd_ppm(self, features: Mapping[str, Floats]) -> Integers:
        """(lines,)"""
        return np.asarray(pd_ppm(self.calibration.pd(self.model.log_odds(pa.table(dict(features))))))


def fit_score(features: Mapping[str, Floats], is_bad: Flags, *, seed: int) -> tuple[Score, Integers]:
    """The score, and the PD in ppm that models without its own row give each line (lines,)."""
    table = pa.table(dict(features))
    read = [ModelFeature(name, "numeric") for name in features]

    def fit(rows: pa.Table, outcome: npt.NDArray[np.bool_], derived: int) -> Boosted:
        return fit_boosted(rows, outcome, read, _SCORE, derived)

    apart = out_of_fold(table, is_bad, fit, 4, seed)
    calibration = fit_calibration(apart.log_odds, is_bad)
    score = Score(fit(table, is_bad, seed), calibration)
    return score, np.asarray(pd_ppm(calibration.pd(apart.log_odds)))


@dataclass(frozen=True, slots=True)
class Case:
    """A book as every policy sees it; `levels` (lines, 3) are the limits at `SHARES` of the way that is open."""

    lines: Lines
    features: Mapping[str, Floats]
    levels: Integers

    @property
    def step(self) -> Floats:
        """The whole way, in minor units."""
        return (self.levels[:, -1] - self.levels[:, 0]).astype(np.float64)


def case_of(book: Reviewed, pd: Integers) -> Case:
    """Grade and screen a book by the standard strategy; it sells everybody one price."""
    history = {
        "months_past_due_m0": np.ceil(book.features["late_now"] / 30).astype(np.int64),
        "months_past_due_max_6m": np.ceil(book.features["late_max_6m"] / 30).astype(np.int64),
        "utilization_m0": book.features["use"],
        "months_on_book": book.features["months"].astype(np.int64),
    }
    line = pa.table({
        "credit_limit_minor": book.limit_minor,
        "income_month_minor": book.income_month_minor,
        "nominal_rate_ppm": np.full(len(pd), float(_RATE_PPM)),
    })  # fmt: skip
    judged = judge_lines(line, pa.table(history), drawn_minor=book.drawn_minor, pd_ppm=pd, strategy=STRATEGY)
    lines = replace(judged.lines, may_decrease=np.zeros(len(pd), dtype=np.bool_))
    return Case(lines, book.features, open_way(lines))


def lived_levels(book: Reviewed) -> Integers:
    """The levels of every line that is not late, screened or not: what is lived before there is a score."""
    nobody, everybody = np.zeros(len(book.place), dtype=np.int64), np.ones(len(book.place), dtype=np.bool_)
    return open_way(
        Lines(
            limit_minor=book.limit_minor, drawn_minor=book.drawn_minor, pd_ppm=nobody, grade=nobody,
            income_month_minor=book.income_month_minor, present_rate_ppm=np.full(len(nobody), float(_RATE_PPM)),
            may_increase=book.features["late_now"] == 0, may_decrease=~everybody,
        )
    )  # fmt: skip


def open_way(lines: Lines) -> Integers:
    """Present limit, half way and the most that the rules allow, in whole steps; shape (lines, 3)."""
    most = np.minimum(highest_increase(lines, rules=RULES), CAP_MINOR) // RULES.step_minor * RULES.step_minor
    most = np.where(lines.may_increase, np.maximum(most, lines.limit_minor), lines.limit_minor)
    half = np.round((lines.limit_minor + most) / 2 / RULES.step_minor) * RULES.step_minor
    half = np.clip(half, lines.limit_minor, most)
    return np.stack([lines.limit_minor, half.astype(np.int64), most.astype(np.int64)], axis=1)


# ---------------------------------------------------------------- (c) a matrix


@dataclass(frozen=True, slots=True)
class Matrix:
    """How far a line is raised, by the column of its grade and the row of its use: a place in `SHARES`."""

    grades: tuple[str, ...]  # each a band as "AB"
    use_from: tuple[float, ...]
    level: Integers  # (use, grades)

    def cell(self, case: Case) -> tuple[Integers, Integers]:
        """(row, column) of each line; column -1 of a grade that no band has."""
        band = np.asarray(
            [next((place for place, band in enumerate(self.grades) if grade in band), -1) for grade in GRADES]
        )
        use = np.searchsorted(np.asarray(self.use_from), case.features["use_mean_6m"], side="right") - 1
        return np.maximum(use, 0), band[case.lines.grade]

    def levels(self, case: Case) -> Integers:
        """The level of each line."""
        row, column = self.cell(case)
        return np.where(column < 0, 0, self.level[row, np.maximum(column, 0)])


def read_matrix(file: Path = MATRIX_FILE) -> Matrix:
    """The matrix as it was tuned."""
    told = tomllib.loads(file.read_text(encoding="utf-8"))
    return Matrix(tuple(told["grades"]), tuple(told["use_from"]), np.asarray(told["level"], dtype=np.int64))


# ---------------------------------------------------------------- (d), (e) the optimizer


def prices() -> tuple[Price, ...]:
    """What added debt of each grade pays: the contract's one price, whatever would cover the grade's risk."""
    graded = price_grades(ECONOMICS, legal_cap_ppm=STRATEGY.price_cap.bound)
    return tuple(replace(price, margin_ppm=price.margin_ppm + _RATE_PPM - price.price_ppm) for price in graded)


def published_menu(case: Case) -> Menu:
    """Every line's levels with what is expected of them by published responses."""
    allowed = (case.step > 0)[:, None] | (np.arange(len(SHARES)) == 0)
    choices = Choices(limit_minor=case.levels, allowed=allowed)
    return menu_of(case.lines, choices, cap_minor=CAP_MINOR, economics=ECONOMICS, prices=prices())


def planned(case: Case, menu: Menu, *, no_more_loss_than: Integers) -> Integers:
    """The plan that earns most and is expected to lose no more than these levels do; a level of each line."""
    rows = np.arange(len(no_more_loss_than))
    bound = int(np.ceil(menu.measures["expected_loss"][rows, no_more_loss_than].sum()))
    cap = PortfolioCap("expected_loss", "预期损失", "expected loss", "expected_loss", bound=bound)
    plan = plan_limits(case.lines, menu, caps=[cap], rules=RULES, tolerance=_TOLERANCE)
    assert not isinstance(plan, Infeasible), "the levels that made the bound keep it"
    level: Integers = np.argmax(case.levels == plan.limit_minor[:, None], axis=1)
    return level


@dataclass(frozen=True, slots=True)
class Segments:
    """How lines are put together for what is learned: by limit over a month's income and by use of the limit.

    Who has little limit for the income, or uses most of it, is held back by it. An income that nobody told is a band.
    """

    incomes_from: tuple[float, ...] = (0.0, 0.45, 0.85, 1.25, 1.65)
    use_from: tuple[float, ...] = (0.0, 0.15, 0.45, 0.70)

    @property
    def count(self) -> int:
        """How many there are."""
        return (len(self.incomes_from) + 1) * len(self.use_from)

    def of(self, case: Case) -> Integers:
        """The segment of each line."""
        use = np.searchsorted(np.asarray(self.use_from), case.features["use_mean_6m"], side="right") - 1
        incomes = case.features["limit_over_income"]
        band = np.searchsorted(np.asarray(self.incomes_from), incomes, side="right") - 1
        band = np.where(np.isnan(incomes), len(self.incomes_from), band)
        return np.asarray(band * len(self.use_from) + np.maximum(use, 0), dtype=np.int64)

    def name(self, segment: int) -> str:
        """As a person reads it."""
        band, use = divmod(segment, len(self.use_from))
        income = f"from {self.incomes_from[band]:.2f}" if band < len(self.incomes_from) else "no"
        return f"{income} incomes, use from {self.use_from[use]:.0%}"


SEGMENTS: Final = Segments()
# How far what is believed may be off, all segments together and one beside the others at most; assumptions. Of default
# log odds per doubling, of all else shares of what is believed of a segment: what is published of debt and losses is
# less off than the belief that a unit that is added earns as much as those that a line has.
_SDS: Final = {"drawn": 0.3, "expected_loss": 0.3, "earned": 0.5}
_DEFAULT_SD: Final = 0.3


@dataclass(frozen=True, slots=True)
class Rates:
    """Models of what a line earns before losses, and loses, in a year as shares of its limit."""

    earned: TwoPart
    lost: TwoPart

    def of(self, features: Mapping[str, Floats]) -> tuple[Floats, Floats]:
        """What each line earns and loses, (lines,)."""
        table = pa.table(dict(features))
        return self.earned.score(table).expected, self.lost.score(table).expected


@dataclass(frozen=True, slots=True)
class Taught:
    """What a lender learned: what lines bring of a unit of limit, and how they answer to more of it.

    `added_loses`: what a unit that is added loses over what those lose that a line has, of all lines together.
    """

    rates: Rates
    added_loses: float
    response: LearnedResponse

    def menu(self, case: Case) -> Menu:
        """Every line's levels with what is expected of them now."""
        earned, lost = self.rates.of(case.features)
        believed = menu_by_rates(published_menu(case), earned=earned, lost=self.added_loses * lost)
        return learned_menu(believed, self.response, segment=SEGMENTS.of(case))


def _fit_rates(features: Mapping[str, Floats], earned: Floats, lost: Floats, rows: Flags, *, seed: int) -> Rates:
    table = pa.table(dict(features)).filter(pa.array(rows))
    read = [ModelFeature(name, "numeric") for name in features]
    return Rates(
        earned=fit_two_part(table, np.maximum(earned[rows], 0.0), read, _EARNED, seed),
        lost=fit_two_part(table, np.clip(lost[rows], 0.0, 1.0), read, _LOST, seed),
    )


def learn(case: Case, years: Sequence[YearAfter], *, seed: int) -> Taught:
    """What a lender learns of steps that it drew by chance: of lines that may rise each gets one of three limits.

    What a line was expected to bring before its step is told by models of the other half of the book. Which lines lose
    is told by the book, and how much all together lose of a unit that is added by what is published, until steps tell.
    """
    chance = np.random.default_rng(seed)
    takes_part = np.flatnonzero(case.step > 0)
    drawn = np.zeros(len(case.step), dtype=np.int64)
    drawn[takes_part] = chance.integers(0, len(SHARES), len(takes_part))
    rows, pd = np.arange(len(drawn)), case.lines.pd_ppm / PPM
    given = case.levels[rows, drawn]

    def followed(figure: Callable[[YearAfter], Floats]) -> Floats:
        return np.stack([figure(year) for year in years], axis=1)[rows, drawn]

    earned, lost = followed(lambda year: year.earned_minor(pd)), followed(lambda year: year.lost_minor)
    fit = partial(_fit_rates, case.features, earned / given, lost / given, seed=seed)
    earned_rate, lost_rate = np.zeros(len(drawn)), np.zeros(len(drawn))
    for half in (rows % 2 == 0, rows % 2 == 1):
        for rate, told in zip((earned_rate, lost_rate), fit(half).of(case.features), strict=True):
            rate[~half] = told[~half]
    published, segment = published_menu(case), SEGMENTS.of(case)
    expected = published.measures["expected_loss"]
    added_loses = float((expected[:, -1] - expected[:, 0]).sum() / (lost_rate * case.step).sum())
    menu = menu_by_rates(published, earned=earned_rate, lost=added_loses * lost_rate)
    steps = pa.table({
        "segment": segment,
        "limit_minor": case.levels[:, 0],
        "given_minor": given,
        "mean_given_minor": case.levels.mean(axis=1),
        "mean_doublings": np.log2(case.levels / case.levels[:, :1]).mean(axis=1),
        "pd_ppm": case.lines.pd_ppm,
        "drawn_expected_minor": case.features["drawn_mean_6m"],
        "earned_expected_minor": earned_rate * case.levels[:, 0],
        "lost_expected_minor": lost_rate * case.levels[:, 0],
        "drawn_minor": followed(lambda year: year.drawn_minor),
        "is_bad": followed(lambda year: year.is_bad),
        "lost_minor": lost,
        "earned_minor": earned,
    }).take(takes_part)  # fmt: skip

    def belief(figure: str) -> Belief:
        prior, sd = menu_slopes(menu, figure, segment=segment, segments=SEGMENTS.count), _SDS[figure]
        return Belief(prior, common_sd=sd, own_sd_most=sd, scale=prior)

    rise = np.full(SEGMENTS.count, np.log1p(ECONOMICS.pd_rise_per_doubling_ppm / PPM))
    response = learn_response(
        steps,
        drawn=belief("drawn"),
        default=Belief(rise, common_sd=_DEFAULT_SD, own_sd_most=_DEFAULT_SD),
        lost=belief("expected_loss"),
        earned=belief("earned"),
    )
    return Taught(fit(np.ones(len(rows), dtype=np.bool_)), added_loses, response)


# ---------------------------------------------------------------- (f), (g) optima that have seen every limit lived


@dataclass(frozen=True, slots=True)
class Optimum:
    """What a unit of limit earns and loses, of worlds whose lines lived at every level and under several lucks.

    Nearly every line shows what a step earns, so that is fitted to the differences of levels. Few lose anything: what
    is fitted is the loss of a year over the limit, of all levels, and one factor makes all together lose what steps do.
    """

    names: tuple[str, ...]
    earns: lightgbm.Booster
    loses: lightgbm.Booster
    loss_factor: float

    def levels(self, case: Case, known: Mapping[str, Floats], *, no_more_loss_than: Integers) -> Integers:
        """The levels that earn most and are expected to lose no more than these."""
        rows = _known_rows(known, self.names, case)
        more = (case.levels - case.levels[:, :1]).astype(np.float64)
        loss = self.loss_factor * np.asarray(self.loses.predict(rows))[:, None] * more
        profit = np.asarray(self.earns.predict(rows))[:, None] * more - loss
        bound = loss[np.arange(len(loss)), no_more_loss_than].sum()
        allowed = (more > 0) | (np.arange(len(SHARES)) == 0)
        plan = optimize(
            profit=profit, measures={"loss": loss}, allowed=allowed, caps=[Cap("loss", "loss", float(bound))],
            tolerance=_TOLERANCE,
        )  # fmt: skip
        assert not isinstance(plan, Infeasible), "the levels that made the bound keep it"
        return np.asarray(plan.choice, dtype=np.int64)


def fit_optimum(case: Case, known: Mapping[str, Floats], years: Sequence[YearAfter]) -> Optimum:
    """Fitted to what the same lines did at each limit, with the same luck at all of them."""
    names, pd, raised = tuple(known), case.lines.pd_ppm / PPM, case.step > 0  # all others stay at one level
    rows, limits = _known_rows(known, names, case)[raised], list(case.levels[raised].T)
    earned = [year.earned_minor(pd)[raised] for year in years]
    lost = [year.lost_minor[raised] for year in years]
    steps = [limit - limits[0] for limit in limits[1:]]
    earns = _fit_trees(
        {"objective": "regression", "min_data_in_leaf": 200},
        rows,
        [(more - earned[0]) / np.maximum(step, 1) for more, step in zip(earned[1:], steps, strict=True)],
        steps,
        _EARN_ROUNDS,
    )
    loses = _fit_trees(
        {"objective": "tweedie", "tweedie_variance_power": 1.3, "min_data_in_leaf": 600},
        rows,
        [np.maximum(each, 0.0) / limit for each, limit in zip(lost, limits, strict=True)],
        limits,
        _LOSS_ROUNDS,
    )
    told = float((np.asarray(loses.predict(rows)) * steps[-1]).sum())
    return Optimum(names, earns, loses, loss_factor=float((lost[-1] - lost[0]).sum()) / told)


def _fit_trees(
    settings: Mapping[str, Any], rows: Floats, targets: Sequence[Floats], weights: Sequence[Integers], rounds: int
) -> lightgbm.Booster:
    weight = np.concatenate(weights).astype(np.float64)
    taught = lightgbm.Dataset(
        np.concatenate([rows] * len(targets)), np.concatenate(targets), weight=weight / weight.mean()
    )  # fmt: skip
    return lightgbm.train({**_TREES, **settings}, taught, rounds)


def _known_rows(known: Mapping[str, Floats], names: Sequence[str], case: Case) -> Floats:
    return np.column_stack([*(known[name] for name in names), case.lines.pd_ppm.astype(np.float64)])
