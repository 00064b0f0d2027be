"""The sections about the portfolio: prices, who gets more, the frontier, stress and the caps on the whole book."""

from collections.abc import Callable

from tallystick.reports import charts, tables
from tallystick.reports.blocks import Drawing, Figure, Key, Section, Stat
from tallystick.reports.figures import count_text, currency_text, percent_text, ppm_text
from tallystick.reports.frontier import frontier_chart, is_pressed, near_frontier_chart
from tallystick.reports.palette import ALARM, PRICE_COLORS, SCENARIO_COLORS
from tallystick.reports.summary import FrontierPoint, Summary
from tallystick.reports.texts import Texts
from tallystick.reports.view import View

Chart = Callable[..., str]


def drawing(chart: Chart, view: View, *, title: str = "") -> Drawing:
    """A chart for the screen and for the phone."""
    wide, narrow = (
        chart(view.summary, texts=view.texts, width=width) for width in (charts.WIDE, charts.NARROW)
    )  # fmt: skip
    return Drawing(wide=wide, narrow=narrow, title=title)


def panel(chart: Chart, view: View, *, title: str) -> Drawing:
    """A chart that is one of two beside each other: on the screen as wide as on the phone."""
    narrow = chart(view.summary, texts=view.texts, width=charts.NARROW)
    return Drawing(wide=narrow, narrow="", title=title)


def scenario_keys(view: View) -> tuple[Key, ...]:
    """The legend of the three scenarios."""
    return tuple(Key(name, color) for name, color in zip(view.names, view.colors, strict=True))


def prices_section(view: View) -> Section:
    """Grades and prices."""
    say, prices = view.texts, view.summary["prices"]
    refused = [price for price in prices if not price["offered"]]
    keys = [Key(say(f"prices.{part}"), color) for part, color in PRICE_COLORS.items()]
    figure = Figure(
        name="prices",
        title=say("prices.chart_title"),
        found=_prices_found(view),
        reading=say("prices.reading"),
        alt=say("prices.alt", all=count_text(len(prices)), refused=count_text(len(refused))),
        drawings=(drawing(charts.prices_chart, view),) if prices else (),
        keys=(*keys, Key(say("prices.legal_cap_column"), ALARM, "dash")) if prices else (),
    )
    price_tables = (tables.prices_table(view),) if prices else ()
    return Section("prices", say("prices.title"), figures=(figure,), tables=price_tables)


def _prices_found(view: View) -> str:
    say, prices = view.texts, view.summary["prices"]
    refused = [price for price in prices if not price["offered"]]
    if not prices:
        return say("prices.found_empty")
    if refused:
        return say(
            "prices.found_some",
            all=count_text(len(prices)),
            refused=count_text(len(refused)),
            grades=say.join([price["grade"] for price in refused]),
            lines=count_text(sum(price["lines"] for price in refused)),
        )
    asked = [price["price_ppm"] for price in prices]
    return say(
        "prices.found_none",
        all=count_text(len(prices)),
        cheapest=ppm_text(min(asked), digits=1),
        dearest=ppm_text(max(asked), digits=1),
    )


def who_section(view: View) -> Section:
    """Who gets more under the new cap than under the baseline cap."""
    say, caps = view.texts, view.caps
    return Section(
        "who",
        say("who.title"),
        lead=say("who.lead", **caps),
        stats=_who_stats(view),
        figures=(_swap_figure(view), _limits_figure(view), _bands_figure(view)),
    )


def _who_stats(view: View) -> tuple[Stat, ...]:
    say, caps, cells = view.texts, view.caps, view.summary["swap"]
    more, same, less = (sum(cell[key] for cell in cells) for key in ("more", "same", "less"))
    added, taken = sum(cell["more_minor"] for cell in cells), sum(cell["less_minor"] for cell in cells)
    above = view.scenarios[2]["lines_above_cap_already"]
    return (
        Stat(count_text(above), say("who.above", **caps), say("who.above_hint")),
        Stat(count_text(more), say("who.more", **caps), view.money_change(added), SCENARIO_COLORS["new"]),
        Stat(count_text(same), say("who.same"), say("who.same_hint")),
        Stat(count_text(less), say("who.less", **caps), view.money_change(-taken), SCENARIO_COLORS["today"]),
    )


def _swap_figure(view: View) -> Figure:
    say, caps, cells = view.texts, view.caps, view.summary["swap"]
    more, less = sum(cell["more"] for cell in cells), sum(cell["less"] for cell in cells)
    currency = currency_text(view.summary["currency"], language=say.language)
    drawings = (
        panel(charts.swap_lines_chart, view, title=say("who.lines_title")),
        panel(charts.swap_amounts_chart, view, title=say("who.amounts_title", currency=currency)),
    )
    return Figure(
        name="swap",
        title=say("who.swap_title"),
        found=_swap_found(view),
        reading=say("who.swap_reading", **caps),
        alt=say("who.swap_alt", more=count_text(more), less=count_text(less)),
        drawings=drawings if more or less else (),
        keys=(
            Key(say("who.more", **caps), SCENARIO_COLORS["new"]),
            Key(say("who.less", **caps), SCENARIO_COLORS["today"]),
        ),
        table=tables.swap_table(view),
    )


def _swap_found(view: View) -> str:
    cells = view.summary["swap"]
    less = sum(cell["less"] for cell in cells)
    added = sum(cell["more_minor"] for cell in cells)
    if not added:
        return view.texts("who.swap_only_less", lines=count_text(less)) if less else view.texts("who.swap_none")
    most = max(cells, key=lambda cell: cell["more_minor"])
    return view.texts(
        "who.swap_found",
        grade=most["grade"],
        lines=count_text(most["more"]),
        amount=view.money(most["more_minor"]),
        share=percent_text(most["more_minor"] / added, digits=0),
    )


def _limits_figure(view: View) -> Figure:
    say, caps, new = view.texts, view.caps, view.scenarios[2]
    most = max(new["by_grade"], key=lambda figures: figures["limit_minor"], default=None)
    share = percent_text(most["limit_minor"] / new["limit_minor"], digits=0) if most and new["limit_minor"] else ""
    return Figure(
        name="limits",
        title=say("who.limits_title"),
        found=say("who.limits_found", grade=most["grade"], share=share, **caps) if most and share else "",
        reading=say("who.limits_reading", **caps),
        alt=say("who.limits_alt", **caps),
        drawings=(drawing(charts.limits_chart, view),) if most else (),
        keys=scenario_keys(view),
        table=tables.limits_table(view),
    )


def _bands_figure(view: View) -> Figure:
    say, bands = view.texts, view.summary["limit_bands"]
    high = [band for band in bands if band["low_minor"] >= view.summary["new_cap_minor"]]
    counts = {
        "today": count_text(sum(band["today"] for band in high)),
        "before": count_text(sum(band["baseline"] for band in high)),
        "after": count_text(sum(band["new"] for band in high)),
    }
    return Figure(
        name="bands",
        title=say("who.bands_title"),
        found=say("who.bands_found", **counts, **view.caps),
        reading=say("who.bands_reading"),
        alt=say("who.bands_alt", bands=count_text(len(bands))),
        drawings=(drawing(charts.bands_chart, view),) if bands else (),
        keys=scenario_keys(view),
        table=tables.bands_table(view),
    )


def frontier_section(view: View) -> Section:
    """Profit against expected loss."""
    say, points = view.texts, view.summary["frontier"]
    _, baseline, new = zip(view.names, view.colors, strict=True)
    lines = (Key(*baseline, "dash"), Key(*new, "line")) if points else ()
    figure = Figure(
        name="frontier",
        title=say("frontier.chart_title"),
        found=_frontier_found(view),
        reading=say("frontier.reading") if points else "",
        alt=say("frontier.alt", points=count_text(len(points))),
        drawings=_frontier_drawings(view),
        keys=(*lines, Key(view.names[0], view.colors[0], "dot")),
        table=tables.frontier_table(view) if points else None,
    )
    return Section("frontier", say("frontier.title"), figures=(figure,))


def _frontier_drawings(view: View) -> tuple[Drawing, ...]:
    if not is_pressed(view.summary):
        return (drawing(frontier_chart, view),)
    return (
        panel(frontier_chart, view, title=view.texts("frontier.whole_title")),
        panel(near_frontier_chart, view, title=view.texts("frontier.near_title")),
    )


def _frontier_found(view: View) -> str:
    advantage = frontier_advantage_minor(view.summary)
    if advantage is None:
        return view.texts("frontier.found_none")
    if advantage > 0:
        return view.texts("frontier.found_above", amount=view.money(advantage), **view.caps)
    if advantage < 0:
        return view.texts("frontier.found_below", **view.caps)
    return view.texts("frontier.found_same")


def frontier_advantage_minor(summary: Summary) -> int | None:
    """The most that the new cap earns above the baseline cap at the same expected loss.

    Between points the curves are straight. Looked at where either curve has a point and the other one reaches;
    None where the curves have no level of loss in common.
    """
    curves: dict[str, list[FrontierPoint]] = {"baseline": [], "new": []}
    for point in sorted(summary["frontier"], key=lambda point: point["expected_loss_minor"]):
        curves[point["cap"]].append(point)
    gains = []
    for loss in (point["expected_loss_minor"] for point in summary["frontier"]):
        new, baseline = _profit_at(curves["new"], loss), _profit_at(curves["baseline"], loss)
        if new is not None and baseline is not None:
            gains.append(round(new - baseline))
    return max(gains, default=None)


def _profit_at(curve: list[FrontierPoint], loss_minor: int) -> float | None:
    for left, right in zip(curve, curve[1:] or curve, strict=False):
        low, high = left["expected_loss_minor"], right["expected_loss_minor"]
        if low <= loss_minor <= high:
            share = (loss_minor - low) / (high - low) if high > low else 1.0
            return left["profit_minor"] + share * (right["profit_minor"] - left["profit_minor"])
    return None


def stress_section(view: View) -> Section:
    """Provisions and stress."""
    say, caps, new = view.texts, view.caps, view.scenarios[2]
    losses = new["stress_loss_minor"]
    found = say("stress.found_loss", severe=view.money(losses["severe"]), new=caps["new"])
    if losses["base"] > 0 and new["profit_minor"] > 0:
        times, years = losses["severe"] / losses["base"], losses["severe"] / new["profit_minor"]
        found = say("stress.found", times=f"{times:,.1f}", years=f"{years:,.1f}", new=caps["new"])
    figure = Figure(
        name="stress",
        title=say("stress.chart_title"),
        found=found,
        reading=say("stress.reading"),
        alt=say("stress.alt", **caps),
        drawings=(drawing(charts.stress_chart, view),),
        keys=scenario_keys(view),
    )
    return Section("stress", say("stress.title"), figures=(figure,), tables=(tables.risk_table(view),))


def caps_section(view: View) -> Section:
    """Caps on the whole book."""
    table = tables.caps_table(view)
    lead = view.texts("caps.lead") if table.rows else view.texts("caps.none")
    return Section("caps", view.texts("caps.title"), lead=lead, tables=(table,) if table.rows else ())


def page_texts(texts: Texts) -> dict[str, str]:
    """The words of the page itself, for the template."""
    return {key: texts(f"page.{key}") for key in ("language", "skip", "contents", "table", "footer")}
