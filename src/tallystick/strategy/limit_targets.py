"""From decided lines to limits: what shrinks does so at once, what may rise gets what earns most under portfolio caps.

By night the prices of the caps are found over the whole book and every line that may rise is answered at them. By day
one line that asks is answered at the same prices, within what the night left of each cap: nothing is solved again.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt

from tallystick.strategy.cap_prices import CapPrice, post_prices
from tallystick.strategy.choices import Choices, LimitRules, limit_grid
from tallystick.strategy.knapsack import Problem, best_choices
from tallystick.strategy.limits import MEASURES, Menu, PortfolioCap, menu_of
from tallystick.strategy.lines import Flags, Floats, Integers
from tallystick.strategy.optimizer import Cap
from tallystick.strategy.policy import CapRule, Strategy
from tallystick.strategy.prices import price_grades
from tallystick.strategy.reviewed_lines import ReviewedLines, TargetReason, Texts
from tallystick.units.rates import PPM

GRADE_SEGMENT = "grade"


class NightPrices(msgspec.Struct, frozen=True):
    """What a night's run leaves for the day, to be kept as it is. `is_open` is false where no price kept the caps:
    nobody may have more until the next night."""

    caps: tuple[CapPrice, ...]
    is_open: bool = True

    def with_left(self, left: Sequence[float]) -> "NightPrices":
        """The same prices with so much left of each cap, in their order."""
        caps = (msgspec.structs.replace(cap, left=room) for cap, room in zip(self.caps, left, strict=True))
        return msgspec.structs.replace(self, caps=tuple(caps))


def unknown_segments(strategy: Strategy) -> list[CapRule]:
    """The portfolio caps on a segment that no live line has."""
    return [rule for rule in strategy.caps if rule.segment_column not in (None, GRADE_SEGMENT)]


def closed_prices(strategy: Strategy) -> NightPrices:
    """What holds where no night left prices: nobody may have more."""
    caps = (
        CapPrice(name=rule.name, measure=rule.measure, price=0.0, left=0.0,
                 share_ppm=None if rule.segment_column is None else 0)
        for rule in strategy.caps
    )  # fmt: skip
    return NightPrices(tuple(caps), is_open=False)


@dataclass(frozen=True, slots=True)
class LimitTargets:
    """The limit that each line is to have, shape (lines,). Higher than the present one it is an offer.

    `reason` says what it is, `held_by` why it is not higher: `TargetReason`s; they are the same where nothing rises.
    """

    target_minor: Integers
    reason: Texts
    held_by: Texts


@dataclass(frozen=True, slots=True)
class NightReview:
    """A whole book's targets, the prices that they were made at, and how far from the best they may be.

    `gap_ppm` is a share of what all increases together could earn at most.
    """

    targets: LimitTargets
    prices: NightPrices
    gap_ppm: float


def review_book(reviewed: ReviewedLines, *, strategy: Strategy) -> NightReview:
    """The targets of a whole book under the strategy's portfolio caps; no line's answer depends on the lines' order.

    A cap that the book is above without any increase lets nothing use more of it. The part of each cap that
    `request_reserve_ppm` names is kept for the day. Raises `ValueError` where a cap is on another segment than `grade`.
    """
    caps = _caps(reviewed, strategy=strategy)
    rising = np.flatnonzero(reviewed.lines.may_increase)
    rising = rising[_canonical_order(reviewed.at(rising), caps=[cap.at(rising) for cap in caps])]
    picked = reviewed.at(rising)
    menu = _extras(picked, strategy=strategy)
    kept = 1.0 - strategy.request_reserve_ppm / PPM
    resources = [cap.at(rising).with_bound(cap.room * kept) for cap in caps]
    problem = _problem(menu, resources)
    posted = post_prices(problem)
    used = problem.usage(posted.choice)
    prices = NightPrices(
        caps=tuple(
            CapPrice(
                name=cap.rule.name,
                measure=cap.rule.measure,
                price=0.0 if posted.prices is None else float(posted.prices[place]),
                left=cap.room - float(used[place]),
                share_ppm=cap.cap.bound if cap.cap.segment is not None else None,
            )
            for place, cap in enumerate(caps)
        ),
        is_open=posted.prices is not None,
    )
    base = reviewed.base_minor(strategy.limits)
    target, free = base.copy(), base.copy()
    target[rising] = _limit_of(menu, posted.choice)
    free[rising] = _limit_of(menu, best_choices(problem, np.zeros(problem.caps)))
    targets = _targets(reviewed, target=target, free=free, rules=strategy.limits)
    return NightReview(targets=targets, prices=prices, gap_ppm=posted.gap * PPM)


def answer_at_prices(reviewed: ReviewedLines, prices: NightPrices, *, strategy: Strategy) -> LimitTargets:
    """The targets of lines asked about one by one, at the prices of the last night and within what it left.

    The same choice as the night's for the same line, where what is left has room for it. What a choice uses of each cap
    (`usage_of`) is to be taken off what is left by whoever records it, before the next is asked.
    """
    base = reviewed.base_minor(strategy.limits)
    menu = _extras(reviewed, strategy=strategy)
    resources = _resources(prices, reviewed, strategy=strategy)
    problem = _problem(menu, resources)
    free = best_choices(problem, np.zeros(problem.caps))
    allowed = _fits(menu, resources) if prices.is_open else _only_stay(menu.choices.allowed)
    menu = replace(menu, choices=replace(menu.choices, allowed=allowed))
    choice = best_choices(_problem(menu, resources), np.array([cap.price for cap in prices.caps]))
    may = reviewed.lines.may_increase
    return _targets(
        reviewed,
        target=np.where(may, _limit_of(menu, choice), base),
        free=np.where(may, _limit_of(menu, free), base),
        rules=strategy.limits,
    )


def usage_of(reviewed: ReviewedLines, target_minor: Integers, prices: NightPrices, *, strategy: Strategy) -> Floats:
    """What targets use of each cap beyond the present book, shape (lines, caps): what is to be taken off its `left`."""
    menu = _extras(reviewed, strategy=strategy)
    choice = (menu.choices.limit_minor == target_minor[:, None]).argmax(axis=1)
    resources = _resources(prices, reviewed, strategy=strategy)
    return _problem(menu, resources).usage_at(np.arange(len(reviewed)), choice)


@dataclass(frozen=True, slots=True)
class _BookCap:
    """A portfolio cap over a book, and what increases may use of it."""

    rule: CapRule
    cap: PortfolioCap
    room: float

    def at(self, positions: Integers) -> "_BookCap":
        segment = None if self.cap.segment is None else self.cap.segment[positions]
        return replace(self, cap=replace(self.cap, segment=segment))

    def with_bound(self, bound: float) -> Cap:
        return replace(self.cap.as_resource(), bound=bound)


def _caps(reviewed: ReviewedLines, *, strategy: Strategy) -> list[_BookCap]:
    present = _measures(reviewed, reviewed.lines.limit_minor, strategy=strategy)
    base = _measures(reviewed, reviewed.counted_minor(strategy.limits), strategy=strategy)
    caps = []
    for rule in strategy.caps:
        cap = rule.over(present[rule.measure], segment=_segment(rule, reviewed))
        resource = cap.as_resource()
        weight = 1.0 if resource.weight is None else resource.weight
        used = math.fsum(base[rule.measure] * weight)  # exact, so that the order of lines changes nothing
        caps.append(_BookCap(rule, cap, max(resource.bound - used, 0.0)))
    return caps


def _segment(rule: CapRule, reviewed: ReviewedLines) -> Flags | None:
    column = rule.segment_column
    if column is None:
        return None
    if column != GRADE_SEGMENT:
        raise ValueError(f"portfolio cap {rule.name}: of lines only the segment {GRADE_SEGMENT} is known, not {column}")
    return np.isin(reviewed.grade.astype(str), rule.segment_values)


def _resources(prices: NightPrices, reviewed: ReviewedLines, *, strategy: Strategy) -> list[Cap]:
    """What the night left of each cap, as it weighs these lines."""
    rules = _rules_of(prices, strategy)
    return [cap.as_resource(_segment(rule, reviewed)) for cap, rule in zip(prices.caps, rules, strict=True)]


def _rules_of(prices: NightPrices, strategy: Strategy) -> list[CapRule]:
    known = {rule.name: rule for rule in strategy.caps}
    missing = [cap.name for cap in prices.caps if cap.name not in known]
    if missing or len(prices.caps) != len(known):
        raise ValueError("the prices are of another strategy's portfolio caps; run the night's review with this one")
    return [known[cap.name] for cap in prices.caps]


def _measures(reviewed: ReviewedLines, limit_minor: Integers, *, strategy: Strategy) -> dict[str, Floats]:
    """What each line uses of each measure at a limit, in whole minor units; shape (lines,)."""
    choices = Choices(limit_minor[:, None], np.ones((len(reviewed), 1), dtype=np.bool_))
    menu = _menu(reviewed, choices, strategy=strategy)
    return {name: np.rint(menu.measures[name][:, 0]) for name in MEASURES}


def _menu(reviewed: ReviewedLines, choices: Choices, *, strategy: Strategy) -> Menu:
    prices = price_grades(strategy.economics, legal_cap_ppm=strategy.price_cap.bound)
    cap_minor = int(choices.limit_minor.max(initial=0))
    return menu_of(reviewed.lines, choices, cap_minor=cap_minor, economics=strategy.economics, prices=prices)


def _extras(reviewed: ReviewedLines, *, strategy: Strategy) -> Menu:
    """The increases that each line may have, and what each adds to its present limit, in whole minor units.

    Choice 0 is to stay. Whole, because sums of whole numbers do not depend on their order, nor on what a processor
    does with the last digit of one.
    """
    rules = strategy.limits
    bound = np.where(reviewed.lines.may_increase, reviewed.bound_minor(rules), 0.0)
    grid = limit_grid(cap_minor=int(bound.max(initial=0.0)), rules=rules)
    present = reviewed.lines.limit_minor[:, None]
    everywhere = np.broadcast_to(grid, (len(reviewed), grid.size))
    covers = everywhere >= reviewed.exposure_minor[:, None]
    rises = (everywhere > present) & (everywhere <= bound[:, None]) & covers
    stay = np.ones((len(reviewed), 1), dtype=np.bool_)
    choices = Choices(np.concatenate([present, everywhere], axis=1), np.concatenate([stay, rises], axis=1))
    menu = _menu(reviewed, choices, strategy=strategy)
    profit, *measures = (
        whole - whole[:, :1] for whole in map(np.rint, (menu.profit, *(menu.measures[name] for name in MEASURES)))
    )
    return replace(menu, profit=profit, measures=dict(zip(MEASURES, measures, strict=True)))


def _problem(menu: Menu, resources: Sequence[Cap]) -> Problem:
    return Problem(
        profit=np.where(menu.choices.allowed, menu.profit, -np.inf),
        measures=tuple(menu.measures[name] for name in MEASURES),
        measure_of=tuple(MEASURES.index(cap.measure) for cap in resources),
        weights=tuple(cap.weight for cap in resources),
        bounds=np.array([cap.bound for cap in resources], dtype=np.float64),
    )


def _fits(menu: Menu, resources: Sequence[Cap]) -> Flags:
    """The choices that use no more of each cap than is left of it; one that uses none, or gives back, always fits."""
    allowed = menu.choices.allowed
    for cap in resources:
        used = menu.measures[cap.measure] * (1.0 if cap.weight is None else cap.weight[:, None])
        allowed = allowed & ((used <= cap.bound) | (used <= 0.0))
    return allowed


def _only_stay(allowed: Flags) -> Flags:
    return np.asarray(allowed & (np.arange(allowed.shape[1]) == 0), dtype=np.bool_)


def _limit_of(menu: Menu, choice: Integers) -> Integers:
    return menu.choices.limit_minor[np.arange(len(choice)), choice]


def _canonical_order(reviewed: ReviewedLines, *, caps: Sequence[_BookCap]) -> Integers:
    """An order of lines by what they are: those that it leaves as they come are alike in everything that decides."""
    lines = reviewed.lines
    keys: list[npt.NDArray[Any]] = [lines.limit_minor, lines.drawn_minor, reviewed.exposure_minor]
    keys += [lines.pd_ppm, lines.grade]
    numbers = (lines.income_month_minor, lines.present_rate_ppm, reviewed.asked_minor)
    keys += [np.nan_to_num(each, nan=-1.0) for each in numbers]
    keys += [reviewed.most_minor, reviewed.room_minor]
    keys += [cap.cap.segment for cap in caps if cap.cap.segment is not None]
    return np.lexsort(keys)


def _targets(reviewed: ReviewedLines, *, target: Integers, free: Integers, rules: LimitRules) -> LimitTargets:
    why = reviewed.why_no_more(target, would_rise=free > target, rules=rules)
    rose = target > reviewed.lines.limit_minor
    reason = np.where(rose, TargetReason.INCREASE_OFFERED.value, why).astype(object)
    return LimitTargets(target_minor=target, reason=reason, held_by=why)
