"""The frontier: the best profit at each level of expected loss, under one cap on limits."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from tallystick.strategy.choices import Choices, LimitRules
from tallystick.strategy.limits import LimitPlan, Menu, PortfolioCap, plan_limits
from tallystick.strategy.lines import Lines

SAMPLE_LINES: Final = 50_000
# Where the bounds stand between the least loss and that of the most profitable plan.
_STEPS: Final = (0.1, 0.3, 0.5, 0.7, 0.85, 0.95)


@dataclass(frozen=True, slots=True)
class FrontierPoint:
    """One plan of the frontier; amounts in minor units, scaled up where the frontier was drawn on a sample."""

    expected_loss_minor: int
    profit_minor: int
    limit_minor: int


def draw_frontier(
    lines: Lines,
    menu: Menu,
    *,
    caps: Sequence[PortfolioCap],
    rules: LimitRules,
    tolerance: float,
) -> tuple[FrontierPoint, ...]:
    """Solve the limits anew under tighter and tighter bounds on expected loss, the other caps as they are.

    The bounds run from what the most profitable plan loses down towards the least that any choice of limits loses.
    Above `SAMPLE_LINES` lines every k-th line stands for k of them, with every bound scaled alike: the shape of
    the frontier needs no more. Bounds that cannot be met give no point.
    """
    stride = -(-len(lines) // SAMPLE_LINES) if len(lines) else 1
    picked = np.arange(0, len(lines), stride, dtype=np.int64)
    share = picked.size / max(len(lines), 1)
    sampled = [_sampled(cap, picked=picked, share=share) for cap in caps if cap.measure != "expected_loss"]
    lines_picked, menu_picked = lines.at(picked), _menu_at(menu, picked=picked)
    if not len(lines):
        return ()

    def solve(bound: float | None) -> LimitPlan | None:
        loss_caps = [] if bound is None else [PortfolioCap("expected_loss", "", "", "expected_loss", int(bound))]
        plan = plan_limits(lines_picked, menu_picked, caps=[*sampled, *loss_caps], rules=rules, tolerance=tolerance)
        return plan if isinstance(plan, LimitPlan) else None

    free = solve(None)
    if free is None:
        return ()
    points = [_point(menu_picked, free, share=share)]
    highest = points[0].expected_loss_minor * share
    losses = np.where(menu_picked.choices.allowed, menu_picked.measures["expected_loss"], np.inf)
    lowest = float(losses.min(axis=1).sum())
    for step in _STEPS:
        plan = solve(lowest + (highest - lowest) * step)
        if plan is not None:
            points.append(_point(menu_picked, plan, share=share))
    return tuple(sorted(points, key=lambda point: point.expected_loss_minor))


def _sampled(cap: PortfolioCap, *, picked: np.ndarray[tuple[int], np.dtype[np.int64]], share: float) -> PortfolioCap:
    if cap.segment is not None:
        return replace(cap, segment=cap.segment[picked])
    return replace(cap, bound=int(cap.bound * share))


def _menu_at(menu: Menu, *, picked: np.ndarray[tuple[int], np.dtype[np.int64]]) -> Menu:
    return Menu(
        cap_minor=menu.cap_minor,
        choices=Choices(limit_minor=menu.choices.limit_minor[picked], allowed=menu.choices.allowed[picked]),
        profit=menu.profit[picked],
        measures={name: figures[picked] for name, figures in menu.measures.items()},
    )


def _point(menu: Menu, plan: LimitPlan, *, share: float) -> FrontierPoint:
    is_chosen = menu.choices.limit_minor == plan.limit_minor[:, None]
    column = is_chosen.argmax(axis=1)
    rows = np.arange(column.size)
    return FrontierPoint(
        expected_loss_minor=round(float(menu.measures["expected_loss"][rows, column].sum()) / share),
        profit_minor=round(float(menu.profit[rows, column].sum()) / share),
        limit_minor=round(int(plan.limit_minor.sum()) / share),
    )
