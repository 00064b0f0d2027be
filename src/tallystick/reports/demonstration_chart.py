"""The drawing of the demonstration: changes of amounts with their intervals, beside no change at all."""

from collections.abc import Mapping

import altair as alt

from tallystick.reports.demonstration_summary import Difference
from tallystick.reports.drawing import Frame, draw, foot_axis, name_axis, rows_of
from tallystick.reports.evidence import WIDE
from tallystick.reports.figures import axis_scale
from tallystick.reports.palette import INK, SCENARIO_COLORS
from tallystick.reports.texts import Texts


def changes_chart(changes: Mapping[str, Difference], *, currency: str, say: Texts, width: int) -> str:
    """A row per amount (minor units): the change as a point, its 95 % interval as a line; no change is dashed."""
    ends = [end for each in changes.values() for end in (each.low, each.high, each.change)]
    scale = axis_scale(ends, currency=currency, language=say.language)
    frame = Frame(width, 44 * len(changes) + 60, left=150 if width == WIDE else 112, right=20, top=12, bottom=48)
    rows = [
        {
            "name": name,
            "change": scale.number(each.change),
            "low": scale.number(each.low),
            "high": scale.number(each.high),
            "color": SCENARIO_COLORS["new" if each.is_distinguishable else "today"],
        }
        for name, each in changes.items()
    ]
    y = alt.Y("name:N", sort=list(changes), axis=name_axis())
    axis = foot_axis(frame, title=say("demo.changes_axis", unit=scale.unit), ticks=6 if width == WIDE else 4)
    color = alt.Color("color:N", scale=None)
    base = alt.Chart(rows_of(rows)).encode(y=y)
    span = base.mark_rule(strokeWidth=3).encode(x=alt.X("low:Q", axis=axis), x2="high:Q", color=color)
    point = base.mark_circle(size=110, opacity=1).encode(x="change:Q", color=color)
    zero = alt.Chart(rows_of([{"change": 0}])).mark_rule(color=INK, strokeDash=[4, 3]).encode(x="change:Q")
    return draw([zero, span, point], frame, name=f"{say.language}-changes-{width}")
