"""The drawings that show how far the model can be trusted: calibration, and ranking per segment."""

import math
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import altair as alt

from tallystick.reports.drawing import Frame, amount_axis, draw, foot_axis, label, on_halo, rows_of
from tallystick.reports.figures import ABSENT, ratio_text
from tallystick.reports.model_summary import Estimate
from tallystick.reports.palette import INK, MUTED, SCENARIO_COLORS
from tallystick.reports.summary import CalibrationPoint, Summary
from tallystick.reports.texts import Texts

WIDE = 680
_HIGH = 0.25
_TICKS = (0.0, 0.01, 0.05, 0.1, 0.2, 0.3, 0.5, 0.75, 1.0)
_BLUE = SCENARIO_COLORS["baseline"]


def calibration_chart(summary: Summary, *, texts: Texts, width: int) -> str:
    """Predicted PD against the observed share of bads, with intervals and the line of a perfect model.

    Both axes are square roots, so that the many lines of low PD are not pressed into a corner.
    """
    points = summary["model"]["calibration"]
    return reliability_chart(points, truth=pd_truth("calibration", texts), texts=texts, width=width)


@dataclass(frozen=True, slots=True)
class Truth:
    """A drawing of what was predicted against what came: its name, and what its axes are called."""

    name: str
    predicted: str
    observed: str


def pd_truth(name: str, texts: Texts) -> Truth:
    """Of a PD against the share that went bad."""
    return Truth(name, texts("model.predicted_axis"), texts("model.observed_axis"))


def reliability_chart(points: Sequence[CalibrationPoint], *, truth: Truth, texts: Texts, width: int) -> str:
    """As `calibration_chart`, of any points. Where all probabilities are high, the axes begin below the least of them
    and are linear."""
    top = min(max([0.01, *(max(point["pd_mean"], point["bad_share_high"]) for point in points)]) * 1.06, 1.0)
    rows = [
        {
            "pd": point["pd_mean"],
            "share": point["bad_share"],
            "low": point["bad_share_low"],
            "high": point["bad_share_high"],
        }
        for point in points
    ]
    least = min([1.0, *(min(point["pd_mean"], point["bad_share_low"]) for point in points)])
    if least > _HIGH:
        scale = alt.Scale(domain=[math.floor(least * 10) / 10, top], nice=False)
        return _truth_chart(rows, truth, scale=scale, form=".0%", ticks=None, texts=texts, width=width)
    scale = alt.Scale(type="sqrt", domain=[0, top], nice=False)
    ticks = [tick for tick in _TICKS if tick <= top]
    return _truth_chart(rows, truth, scale=scale, form=".0%", ticks=ticks, texts=texts, width=width)


def amounts_chart(groups: Sequence[tuple[float, Estimate]], *, truth: Truth, texts: Texts, width: int) -> str:
    """Predicted amounts of groups against what came on average, with intervals; the axes are linear, both the same."""
    rows = [
        {"pd": predicted, "share": came["value"], "low": came["low"], "high": came["high"]}
        for predicted, came in groups
    ]
    top = max([1e-9, *(each for row in rows for each in row.values() if each is not None)]) * 1.06
    scale = alt.Scale(domain=[0, top], nice=False)
    return _truth_chart(rows, truth, scale=scale, form="~r", ticks=None, texts=texts, width=width)


def _truth_chart(
    rows: Sequence[Mapping[str, float | None]],
    truth: Truth,
    *,
    scale: alt.Scale,
    form: str,
    ticks: list[float] | None,
    texts: Texts,
    width: int,
) -> str:  # fmt: skip
    frame = Frame(width, 400 if width == WIDE else 320, left=48, right=16, top=34, bottom=48)
    bottom, top = scale["domain"]
    x_axis = foot_axis(frame, title=truth.predicted, form=form)
    y_axis = amount_axis(frame, title=truth.observed, form=form)
    for axis in (x_axis, y_axis) if ticks is not None else ():
        axis["values"], axis["tickCount"] = ticks, len(ticks or ())  # Vega thins out values beyond the count
    x, y = alt.X("pd:Q", axis=x_axis, scale=scale), alt.Y("share:Q", axis=y_axis, scale=scale)
    ideal = alt.Chart(rows_of([{"pd": end, "share": end} for end in (bottom, top)])).encode(x=x, y=y)
    line = ideal.mark_line(color=MUTED, strokeDash=[5, 4], strokeWidth=1.2)
    free = _free_place(rows, bottom, top)
    words = alt.Chart(rows_of([{"pd": free, "share": free, "words": texts("model.ideal")}])).encode(x=x, y=y)
    base = alt.Chart(rows_of([dict(row) for row in rows]))
    reach = base.mark_rule(color=_BLUE, strokeWidth=2.5, opacity=0.45).encode(
        x=x, y=alt.Y("low:Q", axis=y_axis, scale=scale), y2="high:Q"
    )
    dots = base.mark_circle(color=_BLUE, size=75, opacity=1, stroke="white", strokeWidth=1).encode(x=x, y=y)
    hint = on_halo(words, text="words:N", align="right", dx=-10, baseline="bottom", fill=MUTED)
    return draw([line, *hint, reach, dots], frame, name=f"{texts.language}-{truth.name}-{width}")


def _free_place(rows: Sequence[Mapping[str, float | None]], bottom: float, top: float) -> float:
    """Where on the diagonal a word hides least: to the left of the place no dot is near."""

    def room(place: float) -> float:
        return min(
            [top, *(max(abs(place * 0.94 - (row["pd"] or 0.0)), abs(place - (row["share"] or 0.0))) for row in rows)]
        )

    return max((bottom + (top - bottom) * part / 10 for part in (9, 8, 7, 6, 5, 4, 3)), key=room)


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
