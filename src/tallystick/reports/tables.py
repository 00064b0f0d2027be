"""The tables of the report, each in one unit of money, with the scenarios side by side."""

from collections.abc import Callable, Sequence

from tallystick.reports.blocks import Cell, Column, Span, Table
from tallystick.reports.figures import (
    ABSENT,
    MoneyScale,
    count_change_text,
    count_text,
    percent_text,
    ppm_text,
    ratio_text,
)
from tallystick.reports.names import band_name, broken_caps, is_share_cap, kind_name
from tallystick.reports.palette import SCENARIO_COLORS
from tallystick.reports.summary import CapUse, GradeFigures, Metric, Scenario
from tallystick.reports.view import View
from tallystick.units.rates import PPM


def words(text: str) -> Cell:
    """A cell of plain text."""
    return Cell(text)


def scenario_columns(view: View) -> tuple[Column, ...]:
    """One column per scenario, in its color."""
    return tuple(Column(name, color=color) for name, color in zip(view.names, view.colors, strict=True))


def scenarios_table(view: View) -> Table:
    """Every figure of the three scenarios."""
    scenarios, say = view.scenarios, view.texts
    money: list[tuple[str, Callable[[Scenario], int]]] = [
        ("limit", lambda scenario: scenario["limit_minor"]),
        ("drawn", lambda scenario: scenario["drawn_minor"]),
        ("ead", lambda scenario: scenario["ead_minor"]),
        ("profit", lambda scenario: scenario["profit_minor"]),
        ("expected_loss", lambda scenario: scenario["expected_loss_minor"]),
        ("provision", lambda scenario: scenario["provision_minor"]),
        ("capital", lambda scenario: scenario["capital_minor"]),
        ("stress_base", lambda scenario: scenario["stress_loss_minor"]["base"]),
        ("stress_adverse", lambda scenario: scenario["stress_loss_minor"]["adverse"]),
        ("stress_severe", lambda scenario: scenario["stress_loss_minor"]["severe"]),
        ("increase_amount", lambda scenario: scenario["increase_minor"]),
        ("decrease_amount", lambda scenario: scenario["decrease_minor"]),
    ]
    counts: list[tuple[str, Callable[[Scenario], int]]] = [
        ("lines", lambda scenario: scenario["lines"]),
        ("increases", lambda scenario: scenario["increases"]),
        ("decreases", lambda scenario: scenario["decreases"]),
        ("unchanged", lambda scenario: scenario["unchanged"]),
        ("above_cap", lambda scenario: scenario["lines_above_cap_already"]),
    ]
    scale = view.scale([read(scenario) for _, read in money for scenario in scenarios])
    rows = [_scenario_row(view, key, read, form=scale.text, change=scale.change_text) for key, read in money]
    rows += [_scenario_row(view, key, read, form=count_text, change=count_change_text) for key, read in counts]
    gaps = [_gap_text(view, scenario) for scenario in scenarios]
    rows.append((words(say("measure.gap")), *map(words, gaps), words("")))
    change = say("scenario.change", **view.caps)
    columns = (Column(say("scenario.column"), "start"), *scenario_columns(view), Column(change))
    return Table(say("scenario.table"), columns, tuple(rows), unit=view.unit_note(scale))


def _scenario_row(
    view: View,
    key: str,
    read: Callable[[Scenario], int],
    *,
    form: Callable[[int], str],
    change: Callable[[int], str],
) -> tuple[Cell, ...]:
    today, baseline, new = map(read, view.scenarios)
    figures = (form(today), form(baseline), form(new), change(new - baseline))
    return (words(view.texts(f"measure.{key}")), *map(words, figures))


def _gap_text(view: View, scenario: Scenario) -> str:
    gap = scenario["gap_ppm"]
    return ABSENT if gap is None else view.texts("measure.gap_value", gap=f"{gap:,.3g}")


def prices_table(view: View) -> Table:
    """Each grade's price as its parts."""
    say, prices = view.texts, view.summary["prices"]
    columns = (
        Column(say("scenario.grade"), "start"),
        *(
            Column(say(f"prices.{key}"))
            for key in ("pd", "funds", "operations", "expected_loss", "capital", "margin", "price", "legal_cap_column")
        ),
        Column(say("measure.lines")),
        Column(say("prices.offer"), "start"),
    )
    rows = []
    for price in prices:
        shares = [
            price["pd_ppm"], price["funds_ppm"], price["operations_ppm"], price["expected_loss_ppm"],
            price["capital_ppm"], price["margin_ppm"], price["price_ppm"], price["legal_cap_ppm"],
        ]  # fmt: skip
        offer = Cell(say("prices.offered")) if price["offered"] else Cell(say("prices.no_offer"), alarm="alarm")
        figures = [words(ppm_text(share)) for share in shares]
        rows.append((words(price["grade"]), *figures, words(count_text(price["lines"])), offer))
    return Table(say("prices.table"), columns, tuple(rows))


def swap_table(view: View) -> Table:
    """Per grade, lines and amounts that are higher and lower under the new cap, with their sum."""
    say, cells = view.texts, view.summary["swap"]
    scale = view.scale([amount for cell in cells for amount in (cell["more_minor"], cell["less_minor"])])
    keys = ("more_lines", "more_amount", "same_lines", "less_lines", "less_amount")
    columns = (Column(say("scenario.grade"), "start"), *(Column(say(f"who.{key}")) for key in keys))
    figures = [(cell["more"], cell["more_minor"], cell["same"], cell["less"], cell["less_minor"]) for cell in cells]
    rows = [
        _swap_row(cell["grade"], *amounts, scale=scale) for cell, amounts in zip(cells, figures, strict=True)
    ]  # fmt: skip
    total = _swap_row(say("scenario.total"), *(sum(row[place] for row in figures) for place in range(5)), scale=scale)
    unit = view.unit_note(scale)
    return Table(say("who.swap_table", **view.caps), columns, tuple(rows), unit=unit, total=total)


def _swap_row(
    name: str, more: int, more_minor: int, same: int, less: int, less_minor: int, *, scale: MoneyScale
) -> tuple[Cell, ...]:
    texts = (count_text(more), scale.change_text(more_minor), count_text(same), count_text(less))
    return (words(name), *map(words, texts), words(scale.change_text(-less_minor)))


def limits_table(view: View) -> Table:
    """Limits of each grade in the three scenarios, with their sum."""
    grades = _grades_side_by_side(view)
    scale = view.scale([figures["limit_minor"] for triple in grades for figures in triple])
    rows = [
        (
            words(triple[0]["grade"]),
            words(count_text(triple[0]["lines"])),
            *(words(scale.text(figures["limit_minor"])) for figures in triple),
        )
        for triple in grades
    ]
    totals = [scale.text(scenario["limit_minor"]) for scenario in view.scenarios]
    lines = count_text(view.scenarios[0]["lines"])
    columns = (Column(view.texts("scenario.grade"), "start"), Column(view.texts("measure.lines")))
    return Table(
        view.texts("who.limits_table"),
        (*columns, *scenario_columns(view)),
        tuple(rows),
        unit=view.unit_note(scale),
        total=(words(view.texts("scenario.total")), words(lines), *map(words, totals)),
    )


def bands_table(view: View) -> Table:
    """Lines in each band of limits."""
    rows = [
        (
            words(band_name(band, currency=view.summary["currency"], texts=view.texts)),
            *(words(count_text(band[name])) for name in ("today", "baseline", "new")),
        )
        for band in view.summary["limit_bands"]
    ]
    columns = (Column(view.texts("who.band"), "start"), *scenario_columns(view))
    return Table(view.texts("who.bands_table"), columns, tuple(rows))


def frontier_table(view: View) -> Table:
    """The points of both curves."""
    points = view.summary["frontier"]
    scale = view.scale(
        [point[key] for point in points for key in ("expected_loss_minor", "profit_minor", "limit_minor")]
    )
    named = {"baseline": view.names[1], "new": view.names[2]}
    rows = [
        (
            words(named[point["cap"]]),
            words(scale.text(point["expected_loss_minor"])),
            words(scale.text(point["profit_minor"])),
            words(scale.text(point["limit_minor"])),
        )
        for point in points
    ]
    keys = ("measure.expected_loss", "measure.profit", "measure.limit")
    columns = (Column(view.texts("frontier.curve"), "start"), *(Column(view.texts(key)) for key in keys))
    return Table(view.texts("frontier.table"), columns, tuple(rows), unit=view.unit_note(scale))


def risk_table(view: View) -> Table:
    """Per grade: expected loss, provision and severe stress loss in the three scenarios."""
    grades, say = _grades_side_by_side(view), view.texts
    scale = view.scale([amount for triple in grades for figures in triple for amount in _risk_of(figures)])
    rows = [
        (
            words(triple[0]["grade"]),
            *(words(scale.text(amount)) for figures in triple for amount in _risk_of(figures)),
        )
        for triple in grades
    ]
    total = [scale.text(amount) for scenario in view.scenarios for amount in _risk_of(scenario)]
    heads = [Column(say(f"stress.{key}")) for key in ("loss_short", "provision_short", "severe_short")]
    spans = [Span(name, 3, color) for name, color in zip(view.names, view.colors, strict=True)]
    return Table(
        say("stress.table"),
        (Column(say("scenario.grade"), "start"), *heads * 3),
        tuple(rows),
        unit=view.unit_note(scale),
        spans=(Span("", 1), *spans),
        total=(words(say("scenario.total")), *map(words, total)),
    )


def _risk_of(figures: GradeFigures | Scenario) -> tuple[int, int, int]:
    return figures["expected_loss_minor"], figures["provision_minor"], figures["stress_loss_minor"]["severe"]


def _grades_side_by_side(view: View) -> list[tuple[GradeFigures, GradeFigures, GradeFigures]]:
    today, baseline, new = view.scenarios
    return list(zip(today["by_grade"], baseline["by_grade"], new["by_grade"], strict=True))


def caps_table(view: View) -> Table:
    """Every cap on the portfolio under both caps on limits: used, bound, whether it binds and what it costs."""
    keys = ("cap", "scenario", "used", "bound", "use", "state", "shadow")
    align = ("start", "start", "end", "end", "end", "start", "end")
    columns = tuple(Column(view.texts(f"caps.{key}"), side) for key, side in zip(keys, align, strict=True))
    _, baseline, new = view.scenarios
    by_cap: dict[str, list[tuple[Cell, ...]]] = {}
    for scenario, name in ((baseline, view.names[1]), (new, view.names[2])):
        for cap in scenario["caps"]:
            by_cap.setdefault(cap["name"], []).append(_cap_row(view, cap, scenario, name=name))
    return Table(view.texts("caps.table"), columns, tuple(row for rows in by_cap.values() for row in rows))


def _cap_row(view: View, cap: CapUse, scenario: Scenario, *, name: str) -> tuple[Cell, ...]:
    form = ppm_text if is_share_cap(cap, scenario) else view.short
    use = cap["used"] / cap["bound"] if cap["bound"] else None
    state = Cell(view.texts("caps.slack"))
    if cap["binding"]:
        state = Cell(view.texts("caps.binding"))
    if cap in broken_caps(scenario):
        state = Cell(view.texts("caps.broken"), alarm="alarm")
    return (
        Cell(view.pick(cap["text"])),
        Cell(name),
        Cell(form(cap["used"])),
        Cell(form(cap["bound"])),
        Cell(percent_text(use), bar=use, color=SCENARIO_COLORS[scenario["name"]]),
        state,
        Cell(count_text(cap["shadow_price_ppm"]) if cap["shadow_price_ppm"] else ABSENT),
    )


def metrics_table(view: View) -> Table:
    """Every segment's figures, each with its interval."""
    say = view.texts
    columns = (
        Column(say("model.segment"), "start"),
        Column(say("measure.lines")),
        Column(say("model.bads")),
        *(Column(name) for name in ("AUC", "KS", "Brier", say("model.calibration_error"))),
    )
    rows = tuple(_metric_row(view, metric) for metric in view.summary["model"]["metrics"])
    return Table(say("model.metrics"), columns, rows)


def _metric_row(view: View, metric: Metric) -> tuple[Cell, ...]:
    error = (metric["calibration_error"], metric["calibration_error_low"], metric["calibration_error_high"])
    return (
        words(view.pick(metric["segment"])),
        words(count_text(metric["lines"])),
        words(count_text(metric["bads"])),
        words(_interval(metric["auc"], metric["auc_low"], metric["auc_high"])),
        words(_interval(metric["ks"], metric["ks_low"], metric["ks_high"])),
        words(_interval(metric["brier"], metric["brier_low"], metric["brier_high"])),
        words(_interval(*error, digits=4)),
    )


def _interval(value: float | None, low: float | None, high: float | None, *, digits: int = 3) -> str:
    if value is None:
        return ABSENT
    ends = f"{ratio_text(low, digits=digits)}{ABSENT}{ratio_text(high, digits=digits)}"
    return f"{ratio_text(value, digits=digits)} ({ends})"


def candidates_table(view: View) -> Table:
    """The models that were tried."""
    columns = (Column(view.texts("model.candidate"), "start"), Column("AUC"), Column("Brier"))
    rows = [
        (
            words(kind_name(str(candidate["kind"]), texts=view.texts)),
            words(_interval(*(_number(candidate, key) for key in ("auc", "auc_low", "auc_high")))),
            words(ratio_text(_number(candidate, "brier"))),
        )
        for candidate in view.summary["model"]["candidates"]
    ]
    return Table(view.texts("model.candidates"), columns, tuple(rows))


def _number(candidate: dict[str, float | str | None], key: str) -> float | None:
    value = candidate.get(key)
    return value if isinstance(value, float | int) else None


def features_table(view: View) -> Table:
    """What the model reads."""
    columns = tuple(Column(view.texts(f"model.{key}"), "start") for key in ("feature", "meaning", "direction"))
    rows = [
        (
            words(feature["name"]),
            words(feature[view.texts.language]),
            words(_direction(view, feature["direction"])),
        )
        for feature in view.summary["model"]["features"]
    ]
    return Table(view.texts("model.features"), columns, tuple(rows))


def _direction(view: View, direction: str) -> str:
    known = ("up", "down", "none")
    return view.texts(f"model.direction_{direction}") if direction in known else direction


def calibration_table(view: View) -> Table:
    """Predicted and observed, group by group."""
    keys = ("model.predicted", "model.observed", "model.low", "model.high", "measure.lines")
    columns = tuple(Column(view.texts(key)) for key in keys)
    rows = [
        (
            *(
                words(percent_text(share))
                for share in (
                    point["pd_mean"], point["bad_share"], point["bad_share_low"], point["bad_share_high"],
                )
            ),
            words(count_text(point["lines"])),
        )
        for point in view.summary["model"]["calibration"]
    ]  # fmt: skip
    return Table(view.texts("model.calibration_title"), columns, tuple(rows))


def counted_table(*, title: str, heads: Sequence[str], rows: Sequence[tuple[str, str, int]], color: str) -> Table:
    """Two words and a count per row, the counts with bars against the largest."""
    most = max((count for _, _, count in rows), default=0)
    columns = (Column(heads[0], "start"), Column(heads[1], "start"), Column(heads[2]))
    cells = [
        (words(first), words(second), Cell(count_text(count), bar=count / most if most else 0.0, color=color))
        for first, second, count in rows
    ]
    return Table(title, columns, tuple(cells))


def share_of_ppm(part: int, whole: int) -> str:
    """A part of a whole in percent; of nothing there is no share.

    >>> share_of_ppm(1, 8), share_of_ppm(0, 0)
    ('12.5%', '–')
    """
    return percent_text(round(part / whole * PPM) / PPM if whole else None)
