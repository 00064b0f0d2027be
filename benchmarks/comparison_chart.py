"""Simulated beside real shares of lines and rates over time, drawn as SVG."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Final

import altair
import numpy as np
import vl_convert

from real_credit import Figures, Floats, RevolvingLines

_UTILIZATION_EDGES: Final = (0.0, 0.1, 0.3, 0.5, 0.7, 0.9)
_OURS, _REAL = "#0b6e4f", "#c9c4b5"
_WIDTH, _HEIGHT = 230, 190


@dataclass(frozen=True, slots=True)
class Panel:
    """One comparison of shares by band."""

    title: str
    peer: str
    simulated: Mapping[str, float]
    real: Mapping[str, float]

    def drawn(self) -> altair.Chart:
        """Bars, two for each band."""
        rows = [
            {"band": band, "share": share, "of": of}
            for of, shares in (("simulated", self.simulated), (self.peer, self.real))
            for band, share in shares.items()
        ]
        return (
            altair.Chart(altair.Data(values=rows), title=self.title, width=_WIDTH, height=_HEIGHT)
            .mark_bar()
            .encode(
                x=altair.X("band:N", sort=None, title=None, axis=altair.Axis(labelAngle=0)),
                xOffset=altair.XOffset("of:N", sort=None),
                y=altair.Y("share:Q", title="share of lines", axis=altair.Axis(format="%")),
                color=altair.Color("of:N", sort=None, title=None, scale=altair.Scale(range=[_OURS, _REAL])),
            )
        )


@dataclass(frozen=True, slots=True)
class Paths:
    """Rates over time: by name, the points (x, rate) of each; the simulated ones come first."""

    title: str
    x: str
    y: str
    points: Mapping[str, Sequence[tuple[float, float]]]
    colors: Sequence[str]

    def drawn(self) -> altair.Chart:
        """A line for each name."""
        rows = [{"x": x, "y": y, "of": of} for of, points in self.points.items() for x, y in points]
        return (
            altair.Chart(altair.Data(values=rows), title=self.title, width=_WIDTH, height=_HEIGHT)
            .mark_line()
            .encode(
                x=altair.X("x:Q", title=self.x),
                y=altair.Y("y:Q", title=self.y, axis=altair.Axis(format="%")),
                color=altair.Color("of:N", sort=None, title=None, scale=altair.Scale(range=list(self.colors))),
            )
        )


def side_by_side(*rows: Sequence[Panel | Paths]) -> str:
    """Rows of panels, as SVG text."""
    drawn = [
        altair.hconcat(*(panel.drawn() for panel in row)).resolve_scale(color="independent", xOffset="independent")
        for row in rows
    ]
    figure = (
        drawn[0]
        if len(drawn) == 1
        else altair.vconcat(*drawn).resolve_scale(color="independent", xOffset="independent")
    )
    told: dict[str, Any] = figure.to_dict()
    return str(vl_convert.vegalite_to_svg(told))


def utilization_shares(lines: RevolvingLines) -> Figures:
    """Lines by the use of their limit."""
    bands = np.searchsorted(_UTILIZATION_EDGES, lines.utilization[:, 0], side="left")
    names = ("0", "≤ 10%", "≤ 30%", "≤ 50%", "≤ 70%", "≤ 90%", "more")
    return {name: float((bands == band).mean()) for band, name in enumerate(names)}


def past_due_shares(lines: RevolvingLines) -> Figures:
    """Without the lines that are current, whose share would hide the others."""
    latest = lines.months_past_due[:, 0]
    return {"1": float((latest == 1).mean()), "2": float((latest == 2).mean()), "3+": float((latest >= 3).mean())}


def limit_shares(limit: Floats) -> Figures:
    """Lines by their limit over the highest one."""
    part = limit / limit.max()
    edges = (0.0, 0.2, 0.4, 0.6, 0.8, 1.0)
    return {f"≤ {high:.0%}": float(((low < part) & (part <= high)).mean()) for low, high in pairwise(edges)}
