"""Grouped and diverging bars, upright for a screen and lying for a phone."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import altair as alt

from tallystick.reports.drawing import Frame, amount_axis, draw, foot_axis, label, name_axis, rows_of
from tallystick.reports.palette import INK, MUTED, SCENARIO_COLORS, SCENARIOS


@dataclass(frozen=True, slots=True)
class Group:
    """Three bars beside each other: what they stand for, their heights in axis units, and their labels."""

    name: str
    heights: tuple[float, ...]
    labels: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Mark:
    """A dashed rule before the group of that name, with a few words at its end."""

    group: str
    words: str


def upright_bars(
    groups: Sequence[Group], frame: Frame, *, title: str, name: str, marks: Sequence[Mark] = ()
) -> str:  # fmt: skip
    """Groups from left to right, in each one bar per scenario."""
    data = rows_of(_bar_rows(groups))
    order = [group.name for group in groups]
    name_size = 12 if frame.plot_width / max(len(groups), 1) >= 60 else 10
    x = alt.X("group:N", sort=order, axis=name_axis(labelFontSize=name_size), scale=alt.Scale(paddingInner=0.28))
    offset = alt.XOffset("scenario:N", sort=list(SCENARIOS))
    y = alt.Y("height:Q", axis=amount_axis(frame, title=title), scale=_with_headroom(groups))
    base = alt.Chart(data)
    bars = base.mark_bar().encode(x=x, xOffset=offset, y=y, color=alt.Color("color:N", scale=None))
    size = 11 if frame.plot_width / max(3 * len(groups), 1) > 34 else 9
    texts = base.mark_text(**label(fontSize=size, fill=MUTED, baseline="bottom", dy=-3)).encode(
        x=x, xOffset=offset, y=y, text="label:N"
    )
    return draw([bars, texts, *_marks_across(marks, x)], frame, name=name)


def lying_bars(groups: Sequence[Group], frame: Frame, *, title: str, name: str) -> str:
    """Groups from top to bottom, in each one bar per scenario."""
    data = rows_of(_bar_rows(groups))
    order = [group.name for group in groups]
    y = alt.Y("group:N", sort=order, axis=name_axis(), scale=alt.Scale(paddingInner=0.28))
    offset = alt.YOffset("scenario:N", sort=list(SCENARIOS))
    x = alt.X("height:Q", axis=foot_axis(frame, title=title, ticks=4), scale=_with_headroom(groups))
    base = alt.Chart(data)
    bars = base.mark_bar().encode(x=x, y=y, yOffset=offset, color=alt.Color("color:N", scale=None))
    texts = base.mark_text(**label(fontSize=10, fill=MUTED, align="left", dx=3)).encode(
        x=x, y=y, yOffset=offset, text="label:N"
    )
    return draw([bars, texts], frame, name=name)


@dataclass(frozen=True, slots=True)
class Swing:
    """A bar to the right and one to the left of zero, both sizes positive, in axis units."""

    name: str
    right: float
    left: float
    right_label: str
    left_label: str


def swing_bars(swings: Sequence[Swing], frame: Frame, *, name: str) -> str:
    """More to the right, less to the left, one row per name; the labels carry the figures, so there is no axis."""
    rows = [
        {"name": swing.name, "size": size, "label": text, "color": color, "side": side}
        for swing in swings
        for size, text, color, side in (
            (swing.right, swing.right_label, SCENARIO_COLORS["new"], "right"),
            (-swing.left, swing.left_label, SCENARIO_COLORS["today"], "left"),
        )
        if size
    ]
    furthest = max((swing.right for swing in swings), default=0.0), max((swing.left for swing in swings), default=0.0)
    span = max(sum(furthest), 1e-9)
    # A label of some 50 px must fit beyond each end that carries one.
    room = [span * 0.30 if reach else span * 0.02 for reach in furthest]
    domain = [-furthest[1] - room[1], furthest[0] + room[0]]
    y = alt.Y("name:N", axis=name_axis(), scale=alt.Scale(domain=[swing.name for swing in swings], paddingInner=0.35))
    x = alt.X("size:Q", axis=None, scale=alt.Scale(domain=domain, nice=False))
    base = alt.Chart(rows_of(rows))
    bars = base.mark_bar().encode(x=x, y=y, color=alt.Color("color:N", scale=None))
    texts = [
        base.transform_filter(alt.datum.side == side)
        .mark_text(**label(align=align, dx=dx, fontSize=11))
        .encode(x=x, y=y, text="label:N")
        for side, align, dx in (("right", "left", 5), ("left", "right", -5))
    ]
    zero = alt.Chart(rows_of([{"size": 0}])).mark_rule(color=MUTED).encode(x=x)
    return draw([bars, *texts, zero], frame, name=name)


def _bar_rows(groups: Sequence[Group]) -> list[dict[str, Any]]:
    return [
        {
            "group": group.name,
            "scenario": scenario,
            "height": height,
            "label": text,
            "color": SCENARIO_COLORS[scenario],
        }
        for group in groups
        for scenario, height, text in zip(SCENARIOS, group.heights, group.labels, strict=True)
    ]


def _with_headroom(groups: Sequence[Group]) -> alt.Scale:
    heights = [height for group in groups for height in group.heights]
    low, high = min([0.0, *heights]), max([0.0, *heights])
    span = (high - low) or 1.0
    return alt.Scale(domain=[low - (0.08 * span if low < 0 else 0.0), high + 0.1 * span], nice=False)


def _marks_across(marks: Sequence[Mark], x: alt.X) -> list[alt.Chart]:
    if not marks:
        return []
    base = alt.Chart(rows_of([{"group": mark.group, "words": mark.words} for mark in marks]))
    edge = alt.X("group:N", sort=x["sort"], bandPosition=0)
    rule = base.mark_rule(color=INK, strokeDash=[4, 3], xOffset=-5).encode(x=edge)
    words = base.mark_text(**label(align="left", dx=0, fontWeight=600)).encode(x=edge, y=alt.value(4), text="words:N")
    return [rule, words]
