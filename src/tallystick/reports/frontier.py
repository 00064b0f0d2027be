"""The drawing of the frontier: the best profit at each level of expected loss, with the three scenarios on it."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import altair as alt

from tallystick.reports.drawing import Frame, amount_axis, draw, foot_axis, on_halo, rows_of
from tallystick.reports.figures import MoneyScale, axis_scale
from tallystick.reports.names import scenario_names, scenarios_of
from tallystick.reports.palette import INK, MUTED, SCENARIO_COLORS, SCENARIOS
from tallystick.reports.summary import FrontierPoint, Scenario, ScenarioName, Summary
from tallystick.reports.texts import Texts

WIDE = 680
_LINE_PX = 20  # from the middle of one label to the next
_PRESSED = 0.3  # of an axis: what fills less is drawn from near as well
_FAR_RIGHT = 0.6  # beyond this share of the width a label stands to the left of its point


@dataclass(frozen=True, slots=True)
class _Axes:
    """Where figures fall on the paper: both domains, and their units."""

    loss: MoneyScale
    profit: MoneyScale
    loss_domain: tuple[float, float]
    profit_domain: tuple[float, float]


def frontier_chart(summary: Summary, *, texts: Texts, width: int) -> str:
    """Profit against expected loss: one curve per cap, and today, the baseline and the new cap as named points."""
    return _draw(summary, SCENARIOS, texts=texts, width=width, name=f"{texts.language}-frontier-{width}")


def near_frontier_chart(summary: Summary, *, texts: Texts, width: int) -> str:
    """The same without today, where today lies so far off that it presses the curves together."""
    return _draw(summary, SCENARIOS[1:], texts=texts, width=width, name=f"{texts.language}-frontier-near-{width}")


def is_pressed(summary: Summary) -> bool:
    """Whether the curves and both plans fill so little of the drawing that they must be seen from near as well."""
    for key in ("expected_loss_minor", "profit_minor"):
        whole, part = (
            max(amounts) - min(amounts)
            for amounts in ([place[key] for place in _places(summary, shown)] for shown in (SCENARIOS, SCENARIOS[1:]))
        )
        if 0 < part < _PRESSED * whole:
            return True
    return False


def _draw(summary: Summary, shown: Sequence[ScenarioName], *, texts: Texts, width: int, name: str) -> str:
    frame = Frame(width, 400 if width == WIDE else 320, left=58, right=16, top=34, bottom=48)
    axes = _axes(summary, shown, texts=texts)
    x = alt.X(
        "loss:Q",
        axis=foot_axis(frame, title=texts("frontier.loss_axis", unit=axes.loss.unit), ticks=width // 110),
        scale=alt.Scale(domain=list(axes.loss_domain), nice=False),
    )
    y = alt.Y(
        "profit:Q",
        axis=amount_axis(frame, title=texts("frontier.profit_axis", unit=axes.profit.unit), ticks=6),
        scale=alt.Scale(domain=list(axes.profit_domain), nice=False),
    )
    points = _named_points(summary, shown, axes, frame, texts=texts)
    return draw([*_curves(summary, axes, x=x, y=y), *_points(points, x=x, y=y)], frame, name=name)


def _places(summary: Summary, shown: Sequence[ScenarioName]) -> list[FrontierPoint | Scenario]:
    return [*summary["frontier"], *(scenario for scenario in scenarios_of(summary) if scenario["name"] in shown)]


def _axes(summary: Summary, shown: Sequence[ScenarioName], *, texts: Texts) -> _Axes:
    places = _places(summary, shown)
    losses = [place["expected_loss_minor"] for place in places]
    profits = [place["profit_minor"] for place in places]
    loss = axis_scale(losses, currency=summary["currency"], language=texts.language)
    profit = axis_scale(profits, currency=summary["currency"], language=texts.language)
    return _Axes(
        loss=loss,
        profit=profit,
        loss_domain=_domain([loss.number(amount) for amount in losses]),
        profit_domain=_domain([profit.number(amount) for amount in profits]),
    )


def _domain(numbers: list[float]) -> tuple[float, float]:
    low, high = min(numbers), max(numbers)
    room = 0.1 * (high - low) or 0.1 * abs(high) or 1.0
    return low - room, high + room


def _curves(summary: Summary, axes: _Axes, *, x: alt.X, y: alt.Y) -> list[alt.Chart]:
    charts = []
    for cap in ("baseline", "new"):
        rows = [
            {
                "loss": axes.loss.number(point["expected_loss_minor"]),
                "profit": axes.profit.number(point["profit_minor"]),
            }
            for point in summary["frontier"]
            if point["cap"] == cap
        ]
        if rows:
            dash = {"strokeDash": [7, 3]} if cap == "baseline" else {}
            base = alt.Chart(rows_of(sorted(rows, key=lambda row: row["loss"]))).encode(x=x, y=y)
            charts.append(base.mark_line(color=SCENARIO_COLORS[cap], strokeWidth=2.5, **dash))
            charts.append(base.mark_circle(color=SCENARIO_COLORS[cap], size=22, opacity=1))
    return charts


def _points(points: list[dict[str, Any]], *, x: alt.X, y: alt.Y) -> list[alt.Chart]:
    base = alt.Chart(rows_of(points))
    dots = base.mark_circle(size=170, opacity=1, stroke="white", strokeWidth=2).encode(
        x=x, y=y, color=alt.Color("color:N", scale=None)
    )
    leaders = (
        base.transform_filter(alt.datum.moved)
        .mark_rule(color=MUTED, strokeWidth=1)
        .encode(
            x=x,
            y=y,
            x2=alt.X2("label_x:Q"),
            y2=alt.Y2("label_y:Q"),
        )
    )
    texts = []
    # A curve rises to the right: below it on the right and above it on the left a name crosses no line.
    for side, align, dx, dy in (("right", "left", 9, 11), ("left", "right", -9, -11)):
        here = base.transform_filter(alt.datum.side == side).encode(
            x=alt.X("label_x:Q", scale=x["scale"]), y=alt.Y("label_y:Q", scale=y["scale"])
        )
        texts += on_halo(here, text="name:N", align=align, dx=dx, dy=dy, baseline="middle", fontWeight=600, fill=INK)
    return [leaders, dots, *texts]


def _named_points(
    summary: Summary, shown: Sequence[ScenarioName], axes: _Axes, frame: Frame, *, texts: Texts
) -> list[dict[str, Any]]:
    """The scenarios shown with the places of their names: never closer than a line of text to each other."""
    named = zip(SCENARIOS, scenarios_of(summary), scenario_names(summary, texts=texts), strict=True)
    points: list[dict[str, Any]] = []
    for key, scenario, name in named:
        if key not in shown:
            continue
        loss, profit = axes.loss.number(scenario["expected_loss_minor"]), axes.profit.number(scenario["profit_minor"])
        points.append({"loss": loss, "profit": profit, "name": name, "color": SCENARIO_COLORS[key]})
    px_per_unit = frame.plot_height / (axes.profit_domain[1] - axes.profit_domain[0])
    heights = spread([point["profit"] * px_per_unit for point in points], apart=_LINE_PX)
    low, high = axes.loss_domain
    for point, height in zip(points, heights, strict=True):
        point["label_x"], point["label_y"] = point["loss"], height / px_per_unit
        # Within a line's height a name still stands beside its point and needs no leader.
        point["moved"] = abs(point["label_y"] - point["profit"]) * px_per_unit > 1.5 * _LINE_PX
        point["side"] = "left" if (point["loss"] - low) / (high - low) > _FAR_RIGHT else "right"
    return points


def spread(heights: list[float], *, apart: float) -> list[float]:
    """Move heights as little as a single pass can, so that no two are closer than `apart`; the lowest stays.

    >>> spread([10, 12, 40], apart=15)
    [10, 25, 40]
    """
    order = sorted(range(len(heights)), key=lambda place: heights[place])
    moved = list(heights)
    for below, here in pairwise(order):
        moved[here] = max(moved[here], moved[below] + apart)
    return moved
