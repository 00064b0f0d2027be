"""The drawings of a model report: gains, and the effect of one feature."""

from collections.abc import Sequence
from typing import Any

import altair as alt

from tallystick.reports.drawing import Frame, amount_axis, draw, foot_axis, rows_of
from tallystick.reports.evidence import WIDE
from tallystick.reports.model_summary import Effect, GainPoint
from tallystick.reports.palette import MUTED, SCENARIO_COLORS
from tallystick.reports.texts import Texts

_BLUE = SCENARIO_COLORS["baseline"]
_TICKS = [0.0, 0.01, 0.05, 0.1, 0.2, 0.4, 0.6, 0.8, 1.0]


def gain_chart(points: Sequence[GainPoint], *, found_axis: str, texts: Texts, width: int, name: str) -> str:
    """Share of all that is looked for in the rows with the highest scores, and the line of a random order."""
    frame = Frame(width, 340 if width == WIDE else 300, left=48, right=22, top=34, bottom=48)
    across = alt.Scale(type="sqrt", domain=[0, 1], nice=False)
    foot = foot_axis(frame, title=texts("trained.taken_axis"), form=".0%")
    ticks = _TICKS if width == WIDE else [0.0, 0.05, 0.2, 0.5, 1.0]
    foot["values"], foot["tickCount"] = ticks, len(ticks)
    x = alt.X("share:Q", axis=foot, scale=across)
    y = alt.Y("bads:Q", axis=amount_axis(frame, title=found_axis, form=".0%"), scale=alt.Scale(domain=[0, 1]))
    rows = [{"share": 0.0, "bads": 0.0}, *({"share": one["share"], "bads": one["bads_share"]} for one in points)]
    base = alt.Chart(rows_of(rows)).encode(x=x, y=y)
    random = alt.Chart(rows_of([{"share": n / 50, "bads": n / 50} for n in range(51)])).encode(x=x, y=y)
    line = random.mark_line(color=MUTED, strokeDash=[5, 4], strokeWidth=1.2)
    layers = [line, base.mark_line(color=_BLUE, strokeWidth=2.5), base.mark_circle(color=_BLUE, size=45, opacity=1)]
    return draw(layers, frame, name=f"{texts.language}-{name}-{width}")


def effect_chart(effect: Effect, *, texts: Texts, width: int, name: str) -> str:
    """Mean contribution to the log odds at each value of one feature; zero is the average row."""
    frame = Frame(width, 220, left=48, right=16, top=34, bottom=34)
    points = [{"value": point["value"], "moved": point["log_odds"]} for point in effect["curve"]]
    wide: dict[str, Any] = {"zero": False, "nice": False, "padding": 6}
    spread = [point["value"] for point in points]
    form = ",.3~s" if max(map(abs, spread)) >= 10_000 else ",.3~r"
    if min(spread) >= 0 and max(spread) > 50 * max(sorted(spread)[len(spread) // 2], 1e-9):
        wide |= {"type": "symlog"}
    x = alt.X("value:Q", axis=foot_axis(frame, title="", form=form, ticks=4), scale=alt.Scale(**wide))
    y = alt.Y("moved:Q", axis=amount_axis(frame, title=texts("trained.effect_axis"), ticks=4))
    base = alt.Chart(rows_of(points)).encode(x=x, y=y)
    zero = alt.Chart(rows_of([{"moved": 0}])).mark_rule(color=MUTED, strokeDash=[5, 4]).encode(y=y)
    layers = [zero, base.mark_line(color=_BLUE, strokeWidth=2), base.mark_circle(color=_BLUE, size=40, opacity=1)]
    return draw(layers, frame, name=f"{texts.language}-{name}-{width}")
