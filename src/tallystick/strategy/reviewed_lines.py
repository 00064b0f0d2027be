"""The lines of a limit review as the checkpoint decided them: what each may come to, and why it comes to no more."""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from enum import StrEnum
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from tallystick.scoring.model import Columns
from tallystick.strategy.checkpoint import Decisions
from tallystick.strategy.choices import LimitRules, highest_increase, step_covering
from tallystick.strategy.lines import Flags, Floats, Integers, Lines
from tallystick.strategy.policy import Strategy
from tallystick.strategy.prices import price_grades
from tallystick.units.rates import PPM

Texts = npt.NDArray[np.object_]
# The grade of a line that nothing grades: it raises nothing.
UNGRADED: Final = "U"


class TargetReason(StrEnum):
    """Why a line's limit is to be what it is. Never reused; the order is that of precedence."""

    INCREASE_OFFERED = "INCREASE_OFFERED"
    DECREASED_FOR_RISK = "DECREASED_FOR_RISK"
    NOTHING_TO_LOWER = "NOTHING_TO_LOWER"
    SENT_TO_REVIEW = "SENT_TO_REVIEW"
    KEPT_BY_RULES = "KEPT_BY_RULES"
    COOLING = "COOLING"
    PRICE_ABOVE_LEGAL_CAP = "PRICE_ABOVE_LEGAL_CAP"
    PERSON_CAP = "PERSON_CAP"
    MOST_REACHED = "MOST_REACHED"
    AFFORDABILITY = "AFFORDABILITY"
    AS_ASKED = "AS_ASKED"
    LARGEST_STEP = "LARGEST_STEP"
    PORTFOLIO_CAP = "PORTFOLIO_CAP"
    NO_GAIN = "NO_GAIN"
    # By whoever carries it out: what the strategy would do, and cannot be done.
    NO_PRICES = "NO_PRICES"
    REFUSED_BY_BOOKS = "REFUSED_BY_BOOKS"
    CHANGED_MEANWHILE = "CHANGED_MEANWHILE"


# Chinese, English; the officer and the borrower read the same.
TARGET_REASON_TEXTS: Final[Mapping[TargetReason, tuple[str, str]]] = {
    TargetReason.INCREASE_OFFERED: ("提额邀约", "an increase is offered"),
    TargetReason.DECREASED_FOR_RISK: ("因风险下调", "lowered for a risk reason"),
    TargetReason.NOTHING_TO_LOWER: ("没有可下调的未用额度", "nothing unused is left to lower"),
    TargetReason.SENT_TO_REVIEW: ("已转人工审核", "a person will look at it"),
    TargetReason.KEPT_BY_RULES: ("不符合提额条件", "not eligible for an increase"),
    TargetReason.COOLING: ("上次提额后冷却期未满", "the limit was raised too lately"),
    TargetReason.PRICE_ABOVE_LEGAL_CAP: (
        "覆盖风险所需定价高于法定上限", "the price that covers the risk is above the legal cap",
    ),
    TargetReason.PERSON_CAP: ("名下额度合计已达法定个人上限", "as much as the law allows one person"),
    TargetReason.MOST_REACHED: ("已达等级与收入对应的最高额度", "the most for this grade and income"),
    TargetReason.AFFORDABILITY: ("收入不足以支持更高额度", "the income carries no higher limit"),
    TargetReason.AS_ASKED: ("已按申请金额", "as much as was asked for"),
    TargetReason.LARGEST_STEP: ("已达单次提额的最大幅度", "as much as a limit rises at once"),
    TargetReason.PORTFOLIO_CAP: ("全部额度的投放空间暂已用完", "what may be lent in all is used up for now"),
    TargetReason.NO_GAIN: (
        "更高的额度暂不能覆盖其风险与成本", "a higher limit would not cover its risk and cost at present",
    ),
    TargetReason.NO_PRICES: (
        "现行策略尚未完成当期额度审查，请明日再试",
        "the strategy in force has not reviewed all limits yet; please ask again tomorrow",
    ),
    TargetReason.REFUSED_BY_BOOKS: (
        "账户目前的状态不允许提额", "the account as it stands allows no higher limit at present",
    ),
    TargetReason.CHANGED_MEANWHILE: (
        "审查期间额度有变动，下次再审", "the limit changed while it was looked at; it is looked at again next time",
    ),
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class ReviewedLines:
    """Lines with what was decided of each; every array has shape (lines,). Make them with `reviewed_lines`."""

    lines: Lines  # may_increase: nothing but the portfolio caps and its profit is against it
    grade: Texts
    outcome: Texts  # of the checkpoint
    exposure_minor: Integers
    most_minor: Integers
    least_minor: Integers
    room_minor: Integers  # what the law lets this line have more
    asked_minor: Floats  # NaN where nobody asked for an amount
    offered_minor: Integers  # by an offer that still awaits an answer; 0 without one
    is_cooling: Flags
    is_offered: Flags  # the law lets the grade's price be asked

    def __len__(self) -> int:
        return len(self.lines)

    def at(self, positions: npt.NDArray[np.int64]) -> "ReviewedLines":
        """The lines at these positions, in their order."""
        picked: dict[str, Any] = {
            field.name: getattr(self, field.name)[positions] for field in fields(self) if field.name != "lines"
        }
        return ReviewedLines(lines=self.lines.at(positions), **picked)

    def base_minor(self, rules: LimitRules) -> Integers:
        """Each limit if nothing rises: as it is or, for a risk reason, down at once.

        Down to the first whole step that covers the exposure and is not below `least_minor`; never up.
        """
        floor = np.maximum(np.maximum(self.exposure_minor, self.least_minor), rules.lowest_minor)
        lowered = np.minimum(step_covering(floor, rules=rules), self.lines.limit_minor)
        return np.where(self.outcome == "decrease", lowered, self.lines.limit_minor)

    def counted_minor(self, rules: LimitRules) -> Integers:
        """The limit at which a line stands in the portfolio caps: `base_minor`, or what it was offered and may accept.

        A line that is lowered has no offer any more.
        """
        base = self.base_minor(rules)
        return np.where(self.outcome == "decrease", base, np.maximum(base, self.offered_minor))

    def bound_minor(self, rules: LimitRules) -> Floats:
        """The highest limit that every guard allows an increase, whatever the portfolio caps."""
        guard = np.minimum(highest_increase(self.lines, rules=rules), self.most_minor)
        bound: Floats = np.fmin(np.minimum(guard, self.lines.limit_minor + self.room_minor), self.asked_minor)
        return bound

    def why_no_more(self, at_minor: Integers, *, would_rise: Flags, rules: LimitRules) -> Texts:
        """Why a line has no higher limit than `at_minor`: the first reason that holds, by `TargetReason`.

        `would_rise`: without portfolio caps it would go higher.
        """
        following = step_covering(
            np.maximum(np.maximum(at_minor + 1, self.exposure_minor), rules.lowest_minor), rules=rules
        )
        income = self.lines.income_month_minor * (rules.income_multiple_ppm / PPM)
        decreasing = self.outcome == "decrease"
        conditions = {
            TargetReason.DECREASED_FOR_RISK: decreasing & (at_minor < self.lines.limit_minor),
            TargetReason.NOTHING_TO_LOWER: decreasing,
            TargetReason.SENT_TO_REVIEW: self.outcome == "review",
            TargetReason.KEPT_BY_RULES: self.outcome != "increase",
            TargetReason.COOLING: self.is_cooling,
            TargetReason.PRICE_ABOVE_LEGAL_CAP: ~self.is_offered,
            TargetReason.PERSON_CAP: following > self.lines.limit_minor + self.room_minor,
            TargetReason.MOST_REACHED: following > self.most_minor,
            TargetReason.AFFORDABILITY: income < following,
            TargetReason.AS_ASKED: following > self.asked_minor,
            TargetReason.LARGEST_STEP: following > highest_increase(self.lines, rules=rules),
            TargetReason.PORTFOLIO_CAP: would_rise,
        }
        codes = [reason.value for reason in conditions]
        return np.select(list(conditions.values()), codes, default=TargetReason.NO_GAIN.value).astype(object)


def reviewed_lines(
    columns: Columns,
    decided: Decisions,
    *,
    strategy: Strategy,
    person: npt.ArrayLike | None = None,
    present_rate_ppm: Floats | None = None,
    offered_minor: Integers | None = None,
) -> ReviewedLines:
    """Lines as `review_limit` decided them; `columns` are those of the case.

    `person` (lines,) tells lines of one person apart from others: what the law leaves a person is shared by those of
    the lines that may rise. Without it every line is another person's. `present_rate_ppm` (lines,) is a year's price
    of what is drawn; NaN, or without it, the grade's. `offered_minor` (lines,) is the limit of an offer that still
    awaits an answer, 0 without one: the portfolio caps count it as accepted.

    The column `pd_ppm` is the line's PD; where it is missing or absent, its grade's. A grade that `economics.toml`
    does not know raises nothing and counts as the weakest.
    """
    limit, drawn, held = (_wholes(columns, name) for name in ("limit_minor", "drawn_minor", "held_minor"))
    names = strategy.economics.grade_names()
    grade = np.asarray(decided.outputs["grade"], dtype=object)
    place = np.select([grade == name for name in names], list(range(len(names))), default=-1).astype(np.int64)
    own_pd = np.array([each.pd_ppm for each in strategy.economics.grades], dtype=np.float64)[place]
    pd = _figures(columns, "pd_ppm") if "pd_ppm" in _names(columns) else np.full(len(limit), np.nan)
    prices = price_grades(strategy.economics, legal_cap_ppm=strategy.price_cap.bound)
    is_offered = np.array([price.is_offered for price in prices], dtype=np.bool_)[place] & (place >= 0)
    since = _figures(columns, "days_since_increase")
    is_cooling = since < decided.outputs["cooling_days"]  # one that never rose is not
    may_rise = (decided.outcome == "increase") & is_offered & ~is_cooling
    lines = Lines(
        limit_minor=limit,
        drawn_minor=drawn,
        pd_ppm=np.where(np.isnan(pd), own_pd, pd).astype(np.int64),
        grade=np.where(place < 0, len(names) - 1, place),
        income_month_minor=_figures(columns, "income_month_minor"),
        present_rate_ppm=np.full(len(limit), np.nan) if present_rate_ppm is None else present_rate_ppm,
        may_increase=may_rise,
        may_decrease=np.asarray(decided.outcome == "decrease", dtype=np.bool_),
    )
    return ReviewedLines(
        lines=lines,
        grade=grade,
        outcome=decided.outcome,
        exposure_minor=drawn + held,
        most_minor=np.asarray(decided.outputs["most_minor"], dtype=np.int64),
        least_minor=np.asarray(decided.outputs["least_minor"], dtype=np.int64),
        room_minor=person_room_minor(
            limit_minor=limit,
            joint_limit_minor=_wholes(columns, "joint_limit_minor"),
            may_rise=may_rise,
            person=np.arange(len(limit)) if person is None else np.asarray(person),
            person_cap_minor=strategy.limits.person_cap_minor,
        ),
        asked_minor=_figures(columns, "requested_minor"),
        offered_minor=np.zeros(len(limit), dtype=np.int64) if offered_minor is None else offered_minor,
        is_cooling=is_cooling,
        is_offered=is_offered,
    )


def person_room_minor(
    *,
    limit_minor: Integers,
    joint_limit_minor: Integers,
    may_rise: Flags,
    person: npt.NDArray[Any],
    person_cap_minor: int,
) -> Integers:
    """What the law's cap on one person lets each line have more; a person's lines that may rise share it alike.

    With 200,000 yuan for a person, lines of 50,000 and 80,000 leave 70,000: 35,000 for each. One line of 180,000
    leaves 20,000:

    >>> person_room_minor(
    ...     limit_minor=np.array([5_000_000, 8_000_000, 18_000_000]),
    ...     joint_limit_minor=np.array([8_000_000, 5_000_000, 0]), may_rise=np.array([True, True, True]),
    ...     person=np.array(["ann", "ann", "bo"]), person_cap_minor=20_000_000).tolist()
    [3500000, 3500000, 2000000]
    """
    _, who = np.unique(person, return_inverse=True)
    rising = np.bincount(who, weights=may_rise.astype(np.float64), minlength=1)[who].astype(np.int64)
    room = np.maximum(person_cap_minor - joint_limit_minor - limit_minor, 0)
    return np.asarray(room // np.maximum(rising, 1), dtype=np.int64)


def _names(columns: Columns) -> tuple[str, ...]:
    return tuple(columns.column_names) if isinstance(columns, pa.Table) else tuple(columns)


def _figures(columns: Columns, name: str) -> Floats:
    """A column of figures as float64, NaN where one is missing."""
    values = columns.column(name).to_numpy() if isinstance(columns, pa.Table) else np.asarray(columns[name])
    return values.astype(np.float64)


def _wholes(columns: Columns, name: str) -> Integers:
    return _figures(columns, name).astype(np.int64)
