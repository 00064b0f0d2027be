"""The frontier: the best profit at each level of expected loss, under one cap on limits."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from tallystick.strategy.choices import Choices, LimitRules
from tallystick.strategy.limits import LimitPlan, Menu, PortfolioCap, plan_limits
from tallystick.strategy.lines import Lines

SAMPLE_LINES: Final = 20_000


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
    loss_bounds_minor: Sequence[int],
    rules: LimitRules,
    tolerance: float,
) -> tuple[FrontierPoint, ...]:
    """Solve the limits anew under each bound on expected loss, the other caps as they are.

    Above `SAMPLE_LINES` lines every k-th line stands for k of them, with every bound scaled alike: the shape of
    the frontier needs no more. Bounds that cannot be met give no point.
    """
    stride = -(-len(lines) // SAMPLE_LINES) if len(lines) else 1
    picked = np.arange(0, len(lines), stride, dtype=np.int64)
    share = picked.size / max(len(lines), 1)
    sampled = [_sampled(cap, picked=picked, share=share) for cap in caps if cap.measure != "expected_loss"]
    lines_picked, menu_picked = lines.at(picked), _menu_at(menu, picked=picked)
    points = []
    for bound in loss_bounds_minor:
        loss_cap = PortfolioCap(name="expected_loss", zh="", en="", measure="expected_loss", bound=int(bound * share))
        plan = plan_limits(lines_picked, menu_picked, caps=[*sampled, loss_cap], rules=rules, tolerance=tolerance)
        if isinstance(plan, LimitPlan):
            points.append(_point(menu_picked, plan, share=share))
    return tuple(points)


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
