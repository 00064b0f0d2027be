"""The drawings of the report: each from a summary, in one language, at the width of a screen or of a phone."""

from collections.abc import Sequence
from typing import Any

import altair as alt

from tallystick.reports.bars import Group, Mark, Swing, lying_bars, swing_bars, upright_bars
from tallystick.reports.drawing import Frame, amount_axis, draw, name_axis, on_halo, rows_of
from tallystick.reports.figures import axis_scale, count_text, money_change_text, ppm_text
from tallystick.reports.names import band_name, scenario_names, scenarios_of
from tallystick.reports.palette import ALARM, PRICE_COLORS
from tallystick.reports.summary import PriceParts, Summary
from tallystick.reports.texts import Texts

WIDE = 680
NARROW = 340
_PERCENT = 10_000  # ppm


def prices_chart(summary: Summary, *, texts: Texts, width: int) -> str:
    """The price of each grade, stacked from its parts, under the legal cap."""
    frame = Frame(width, 340 if width == WIDE else 300, left=44, right=8, top=44, bottom=28)
    prices = summary["prices"]
    highest = max([1, *(max(price["price_ppm"], price["legal_cap_ppm"]) for price in prices)]) / _PERCENT
    scale = alt.Scale(domain=[0, highest * 1.1], nice=False)
    order = [price["grade"] for price in prices]
    x = alt.X("grade:N", axis=name_axis(), scale=alt.Scale(domain=order, paddingInner=0.3, paddingOuter=0.15))
    y = alt.Y("from:Q", axis=amount_axis(frame, title=texts("prices.axis"), ticks=6), scale=scale)
    bars = (
        alt.Chart(rows_of([part for price in prices for part in _stacked(price)]))
        .mark_bar(stroke="white", strokeWidth=1)
        .encode(x=x, y=y, y2="to", color=alt.Color("color:N", scale=None), opacity=alt.Opacity("opacity:Q", scale=None))
    )
    size = 12 if frame.plot_width / max(len(order), 1) > 44 else 10
    caps = _legal_caps(prices, texts, scale=scale)
    totals = _totals(prices, texts, x=x, scale=scale, size=size)
    return draw([bars, *caps, *totals], frame, name=f"{texts.language}-prices-{width}")


def _stacked(price: PriceParts) -> list[dict[str, Any]]:
    parts = {
        "funds": price["funds_ppm"],
        "operations": price["operations_ppm"],
        "expected_loss": price["expected_loss_ppm"],
        "capital": price["capital_ppm"],
        "margin": price["margin_ppm"],
    }
    rows, reached = [], 0
    for part, size_ppm in parts.items():
        row = {"grade": price["grade"], "color": PRICE_COLORS[part], "opacity": 1.0 if price["offered"] else 0.38}
        rows.append(row | {"from": reached / _PERCENT, "to": (reached + size_ppm) / _PERCENT})
        reached += size_ppm
    return rows


def _totals(prices: Sequence[PriceParts], texts: Texts, *, x: alt.X, scale: alt.Scale, size: int) -> list[alt.Chart]:
    rows = [
        {
            "grade": price["grade"],
            "top": price["price_ppm"] / _PERCENT,
            "total": ppm_text(price["price_ppm"], digits=1),
            "refusal": "" if price["offered"] else texts("prices.no_offer"),
        }
        for price in prices
    ]
    base = alt.Chart(rows_of(rows)).encode(x=x, y=alt.Y("top:Q", scale=scale))
    totals = on_halo(base, text="total:N", baseline="bottom", dy=-4, fontSize=size, fontWeight=600)
    refusals = on_halo(base, text="refusal:N", baseline="bottom", dy=-6 - size, fontSize=size, fill=ALARM)
    return [*totals, *refusals]


def _legal_caps(prices: Sequence[PriceParts], texts: Texts, *, scale: alt.Scale) -> list[alt.Chart]:
    """A rule over each grade: equal caps look like one dashed line. Each height is named where it first occurs."""
    rows, named = [], set[int]()
    for price in prices:
        cap_ppm = price["legal_cap_ppm"]
        words = "" if cap_ppm in named else texts("prices.legal_cap", cap=ppm_text(cap_ppm, digits=0))
        named.add(cap_ppm)
        rows.append({"grade": price["grade"], "cap": cap_ppm / _PERCENT, "words": words})
    base = alt.Chart(rows_of(rows)).encode(y=alt.Y("cap:Q", scale=scale))
    ends = {"x": alt.X("grade:N", bandPosition=0), "x2": alt.X2("grade:N", bandPosition=1)}
    line = base.mark_rule(color=ALARM, strokeWidth=2).encode(**ends)
    edge = base.encode(x=alt.X("grade:N", bandPosition=0))
    return [line, *on_halo(edge, text="words:N", align="left", baseline="bottom", dy=-5, fill=ALARM)]


def limits_chart(summary: Summary, *, texts: Texts, width: int) -> str:
    """Limits granted to each grade: today and under both caps."""
    today, baseline, new = scenarios_of(summary)
    triples = list(zip(today["by_grade"], baseline["by_grade"], new["by_grade"], strict=True))
    amounts = [figures["limit_minor"] for triple in triples for figures in triple]
    scale = axis_scale(amounts, currency=summary["currency"], language=texts.language)
    groups = [
        Group(triple[0]["grade"], tuple(scale.number(figures["limit_minor"]) for figures in triple), ("", "", ""))
        for triple in triples
    ]
    frame = Frame(width, 300 if width == WIDE else 260, left=52, right=8, top=32, bottom=28)
    return upright_bars(groups, frame, title=scale.unit, name=f"{texts.language}-limits-{width}")


def swap_lines_chart(summary: Summary, *, texts: Texts, width: int) -> str:
    """Lines of each grade that get more and less under the new cap than under the baseline cap."""
    swings = [
        Swing(cell["grade"], cell["more"], cell["less"], count_text(cell["more"]), count_text(cell["less"]))
        for cell in summary["swap"]
    ]
    return swing_bars(swings, _swing_frame(len(swings), width), name=f"{texts.language}-swap-lines-{width}")


def swap_amounts_chart(summary: Summary, *, texts: Texts, width: int) -> str:
    """Limit that each grade gains and loses under the new cap against the baseline cap."""
    currency, language = summary["currency"], texts.language
    swings = [
        Swing(
            cell["grade"],
            cell["more_minor"],
            cell["less_minor"],
            money_change_text(cell["more_minor"], currency=currency, language=language),
            money_change_text(-cell["less_minor"], currency=currency, language=language),
        )
        for cell in summary["swap"]
    ]
    return swing_bars(swings, _swing_frame(len(swings), width), name=f"{texts.language}-swap-amounts-{width}")


def _swing_frame(rows: int, width: int) -> Frame:
    return Frame(width, 16 + 30 * max(rows, 1), left=34, right=8, top=6, bottom=10)


def bands_chart(summary: Summary, *, texts: Texts, width: int) -> str:
    """How many lines stand in each band of limits: today and under both caps."""
    names = [band_name(band, currency=summary["currency"], texts=texts) for band in summary["limit_bands"]]
    groups = [
        Group(name, (band["today"], band["baseline"], band["new"]), ("", "", ""))
        for name, band in zip(names, summary["limit_bands"], strict=True)
    ]
    name = f"{texts.language}-bands-{width}"
    if width != WIDE:
        return lying_bars(groups, _lying_frame(len(groups), width), title=texts("who.bands_axis"), name=name)
    frame = Frame(width, 320, left=58, right=8, top=44, bottom=28)
    _, baseline, new = scenario_names(summary, texts=texts)
    caps = {summary["baseline_cap_minor"]: baseline, summary["new_cap_minor"]: new}
    marks = [
        Mark(name, caps[band["low_minor"]])
        for name, band in zip(names, summary["limit_bands"], strict=True)
        if band["low_minor"] in caps
    ]
    return upright_bars(groups, frame, title=texts("who.bands_axis"), name=name, marks=marks)


def stress_chart(summary: Summary, *, texts: Texts, width: int) -> str:
    """Provision and losses at three states of the economy: today and under both caps."""
    scenarios = scenarios_of(summary)
    rows = [
        (texts("measure.provision_short"), [scenario["provision_minor"] for scenario in scenarios]),
        (texts("stress.base"), [scenario["stress_loss_minor"]["base"] for scenario in scenarios]),
        (texts("stress.adverse"), [scenario["stress_loss_minor"]["adverse"] for scenario in scenarios]),
        (texts("stress.severe"), [scenario["stress_loss_minor"]["severe"] for scenario in scenarios]),
    ]
    amounts = [amount for _, row in rows for amount in row]
    scale = axis_scale(amounts, currency=summary["currency"], language=texts.language)
    groups = [Group(name, tuple(map(scale.number, row)), tuple(map(scale.text, row))) for name, row in rows]
    name = f"{texts.language}-stress-{width}"
    if width != WIDE:  # three upright bars on a phone are too thin for their figures
        return lying_bars(groups, _lying_frame(len(groups), width), title=scale.unit, name=name)
    frame = Frame(width, 320, left=52, right=8, top=32, bottom=28)
    return upright_bars(groups, frame, title=scale.unit, name=name)


def _lying_frame(groups: int, width: int) -> Frame:
    # The last label under the axis reaches half its width beyond the plot.
    return Frame(width, 50 + 48 * max(groups, 1), left=84, right=26, top=6, bottom=44)
