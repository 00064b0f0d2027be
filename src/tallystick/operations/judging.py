"""From judged lines to decisions: grade, price, eligibility, and the limit of every line under both caps."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from tallystick.portfolio.book import LineBook, book_of
from tallystick.portfolio.frontier import FrontierPoint, draw_frontier
from tallystick.scoring.columns import numeric_column
from tallystick.strategy.limits import LimitPlan, Menu, PortfolioCap, limit_menu, plan_limits
from tallystick.strategy.lines import Lines
from tallystick.strategy.optimizer import Infeasible
from tallystick.strategy.policy import CapRule, Strategy
from tallystick.strategy.prices import ABOVE_LEGAL_CAP, Price, price_grades

TOLERANCE = 1e-4


class InfeasibleCaps(ValueError):
    """No limits keep the strategy's portfolio caps; the message names each cap that cannot be met and by how much."""


@dataclass(frozen=True, slots=True)
class Judged:
    """Every line with its grade, price and eligibility, and the book as it is today."""

    lines: Lines
    grade_names: tuple[str, ...]
    prices: tuple[Price, ...]
    eligibility: npt.NDArray[np.str_]  # (lines,): why a line may or may not be raised
    today: LineBook


@dataclass(frozen=True, slots=True)
class CappedPlan:
    """What one cap on limits would do."""

    plan: LimitPlan
    book: LineBook
    caps: tuple[PortfolioCap, ...]
    frontier: tuple[FrontierPoint, ...]


def judge_lines(
    line: pa.Table, features: pa.Table, *, drawn_minor: npt.NDArray[np.int64], pd_ppm: npt.NDArray[np.int64],
    strategy: Strategy,
) -> Judged:  # fmt: skip
    """Grade, price and screen every line; all arrays have shape (lines,), in the order of `line`."""
    names = strategy.economics.grade_names()
    graded = strategy.grades.decide({"pd_ppm": pd_ppm}).outputs["grade"]
    grade = _positions(graded, names)
    prices = price_grades(strategy.economics, legal_cap_ppm=strategy.price_cap.bound)
    offered = np.asarray([price.is_offered for price in prices], dtype=np.bool_)[grade]
    columns = {name: features.column(name) for name in features.column_names if name != "position"}
    known = pa.table({**columns, "pd_ppm": pd_ppm, "grade": pa.array(graded, pa.string()), "price_offered": offered})
    eligibility = strategy.eligibility.decide(known)
    allowed = eligibility.outputs["increase"] == "allowed"
    lines = Lines(
        limit_minor=line.column("credit_limit_minor").to_numpy(),
        drawn_minor=drawn_minor,
        pd_ppm=pd_ppm,
        grade=grade,
        income_month_minor=numeric_column(line, "income_month_minor"),
        present_rate_ppm=numeric_column(line, "nominal_rate_ppm"),
        may_increase=allowed & offered,
        may_decrease=eligibility.outputs["decrease"] == "allowed",
    )
    # The law holds whatever the table says.
    why = np.where(allowed & ~offered, ABOVE_LEGAL_CAP, eligibility.reason.astype(str))
    today = book_of(lines, lines.limit_minor, economics=strategy.economics, prices=prices)
    return Judged(lines=lines, grade_names=names, prices=prices, eligibility=why, today=today)


def plan_cap(judged: Judged, features: pa.Table, *, cap_minor: int, strategy: Strategy) -> CappedPlan:
    """The best limits under one cap, the book they make and the frontier they stand on.

    Raises `InfeasibleCaps` where the strategy's portfolio caps cannot be kept.
    """
    lines, rules = judged.lines, strategy.limits
    menu = limit_menu(lines, cap_minor=cap_minor, rules=rules, economics=strategy.economics, prices=judged.prices)
    caps = tuple(_portfolio_cap(rule, judged, features, menu=menu) for rule in strategy.caps)
    plan = plan_limits(lines, menu, caps=caps, rules=rules, tolerance=TOLERANCE)
    if isinstance(plan, Infeasible):
        raise InfeasibleCaps(str(plan))
    book = book_of(lines, plan.limit_minor, economics=strategy.economics, prices=judged.prices)
    frontier = draw_frontier(lines, menu, caps=caps, rules=rules, tolerance=TOLERANCE)
    return CappedPlan(plan=plan, book=book, caps=caps, frontier=frontier)


def _portfolio_cap(rule: CapRule, judged: Judged, features: pa.Table, *, menu: Menu) -> PortfolioCap:
    # Column 0 of the menu is the present limit: today's usage as the optimizer counts it, unrounded.
    today = menu.measures[rule.measure][:, 0]
    segment = None if rule.segment_column is None else _segment(rule, judged, features)
    return rule.over(today, segment=segment)


def _segment(rule: CapRule, judged: Judged, features: pa.Table) -> npt.NDArray[np.bool_]:
    if rule.segment_column == "grade":
        wanted = [name in rule.segment_values for name in judged.grade_names]
        return np.asarray(wanted, dtype=np.bool_)[judged.lines.grade]
    wanted_values = pa.array(rule.segment_values, pa.string())
    is_in = pc.is_in(features.column(rule.segment_column).cast(pa.string()), value_set=wanted_values)
    return np.asarray(is_in.to_numpy(), dtype=np.bool_)


def _positions(values: npt.NDArray[Any], names: tuple[str, ...]) -> npt.NDArray[np.int64]:
    positions: Mapping[str, int] = {name: index for index, name in enumerate(names)}
    unique, inverse = np.unique(values.astype(str), return_inverse=True)
    return np.asarray([positions[name] for name in unique], dtype=np.int64)[inverse]
