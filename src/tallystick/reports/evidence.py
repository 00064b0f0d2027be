"""The drawings that show how far the model can be trusted: calibration, and ranking per segment."""

import unicodedata
from collections.abc import Sequence

import altair as alt

from tallystick.reports.drawing import Frame, amount_axis, draw, foot_axis, label, on_halo, rows_of
from tallystick.reports.figures import ABSENT, ratio_text
from tallystick.reports.palette import INK, MUTED, SCENARIO_COLORS
from tallystick.reports.summary import CalibrationPoint, Summary
from tallystick.reports.texts import Texts

WIDE = 680
_TICKS = (0.0, 0.01, 0.05, 0.1, 0.2, 0.3, 0.5, 0.75, 1.0)
_BLUE = SCENARIO_COLORS["baseline"]


def calibration_chart(summary: Summary, *, texts: Texts, width: int) -> str:
    """Predicted PD against the observed share of bads, with intervals and the line of a perfect model.

    Both axes are square roots, so that the many lines of low PD are not pressed into a corner.
    """
    return reliability_chart(summary["model"]["calibration"], texts=texts, width=width)


def reliability_chart(points: Sequence[CalibrationPoint], *, texts: Texts, width: int) -> str:
    """As `calibration_chart`, of any points."""
    frame = Frame(width, 400 if width == WIDE else 320, left=48, right=16, top=34, bottom=48)
    top = min(max([0.01, *(max(point["pd_mean"], point["bad_share_high"]) for point in points)]) * 1.06, 1.0)
    scale = alt.Scale(type="sqrt", domain=[0, top], nice=False)
    ticks = [tick for tick in _TICKS if tick <= top]
    x_axis = foot_axis(frame, title=texts("model.predicted_axis"), form=".0%")
    y_axis = amount_axis(frame, title=texts("model.observed_axis"), form=".0%")
    for axis in (x_axis, y_axis):
        axis["values"], axis["tickCount"] = ticks, len(ticks)  # Vega thins out values beyond the count
    x, y = alt.X("pd:Q", axis=x_axis, scale=scale), alt.Y("share:Q", axis=y_axis, scale=scale)
    ideal = alt.Chart(rows_of([{"pd": end, "share": end} for end in (0, top)])).encode(x=x, y=y)
    line = ideal.mark_line(color=MUTED, strokeDash=[5, 4], strokeWidth=1.2)
    words = alt.Chart(rows_of([{"pd": top * 0.8, "share": top * 0.8, "words": texts("model.ideal")}])).encode(x=x, y=y)
    rows = [
        {
            "pd": point["pd_mean"],
            "share": point["bad_share"],
            "low": point["bad_share_low"],
            "high": point["bad_share_high"],
        }
        for point in points
    ]
    base = alt.Chart(rows_of(rows))
    reach = base.mark_rule(color=_BLUE, strokeWidth=2.5, opacity=0.45).encode(
        x=x, y=alt.Y("low:Q", axis=y_axis, scale=scale), y2="high:Q"
    )
    dots = base.mark_circle(color=_BLUE, size=75, opacity=1, stroke="white", strokeWidth=1).encode(x=x, y=y)
    hint = on_halo(words, text="words:N", align="right", dx=-10, baseline="bottom", fill=MUTED)
    return draw([line, *hint, reach, dots], frame, name=f"{texts.language}-calibration-{width}")


def ranking_chart(summary: Summary, *, texts: Texts, width: int) -> str:
    """AUC of each segment with its interval; a rule stands at that of all lines, where it is known."""
    metrics = summary["model"]["metrics"]
    letters = 27 if width == WIDE else 19
    rows = [
        {
            "row": str(place),
            "name": shortened(metric["segment"][texts.language], letters=letters),
            "auc": metric["auc"],
            "low": metric["auc_low"],
            "high": metric["auc_high"],
            "words": ratio_text(metric["auc"]),
            "color": INK if place == 0 else _BLUE,
        }
        for place, metric in enumerate(metrics)
    ]
    frame = Frame(width, 70 + 28 * max(len(rows), 1), left=8 * letters, right=52, top=6, bottom=44)
    reached = [end for metric in metrics for end in (metric["auc"], metric["auc_low"], metric["auc_high"])]
    ends = [end for end in reached if end is not None]
    low, high = (max(min(ends) - 0.02, 0.0), min(max(ends) + 0.02, 1.0)) if ends else (0.5, 1.0)
    y = alt.Y("row:N", axis=None, scale=alt.Scale(domain=[row["row"] for row in rows]))
    x = alt.X(
        "auc:Q",
        axis=foot_axis(frame, title="AUC", form=".2f", ticks=6 if width == WIDE else 3),
        scale=alt.Scale(domain=[low, high], nice=False),
    )
    base = alt.Chart(rows_of(rows)).encode(y=y)
    known = base.transform_filter("isValid(datum.auc)").encode(color=alt.Color("color:N", scale=None))
    reach = known.mark_rule(strokeWidth=2.5, opacity=0.45).encode(x=alt.X("low:Q", scale=x["scale"]), x2="high:Q")
    dots = known.mark_circle(size=75, opacity=1).encode(x=x)
    words = base.mark_text(**label(align="right")).encode(x=alt.value(frame.plot_width + 46), text="words:N")
    names = base.mark_text(**label(align="right")).encode(x=alt.value(-10), text="name:N")
    layers = [reach, dots, words, names]
    if rows and rows[0]["auc"] is not None:
        whole = alt.Chart(rows_of(rows[:1])).mark_rule(color=MUTED, strokeDash=[4, 3]).encode(x=x)
        layers.insert(0, whole)
    return draw(layers, frame, name=f"{texts.language}-ranking-{width}")


def shortened(text: str, *, letters: int) -> str:
    """The text in at most `letters` columns of type, where a Chinese character takes two.

    >>> shortened("Utilization above 80 %", letters=12), shortened("额度使用率高", letters=8)
    ('Utilization…', '额度使…')
    """
    taken, kept = 0, ""
    for letter in text:
        taken += 2 if unicodedata.east_asian_width(letter) in "WF" else 1
        if taken > letters:
            return kept[: -1 if _columns(kept) >= letters else None] + "…"
        kept += letter
    return text or ABSENT


def _columns(text: str) -> int:
    return sum(2 if unicodedata.east_asian_width(letter) in "WF" else 1 for letter in text)
