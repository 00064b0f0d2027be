"""The tables of the demonstration: the same for its page and for the terminal."""

from collections.abc import Sequence
from typing import Final

from tallystick.reports.blocks import Cell, Column, Table
from tallystick.reports.demonstration_summary import (
    CapForecast,
    DemonstrationSummary,
    Difference,
    Estimate,
    FraudStopped,
)
from tallystick.reports.figures import (
    ABSENT,
    count_change_text,
    count_text,
    money_change_text,
    money_exact_text,
    money_text,
    percent_text,
    ppm_text,
    ratio_text,
)
from tallystick.reports.learned_terminal import learned_verdict
from tallystick.reports.texts import Texts
from tallystick.scoring.validation import Interval
from tallystick.units.money import minor_per_major

# What is compared, and the text that names it; amounts are those whose names end in `_minor`.
MEASURES: Final = {
    "limit_minor": "demo.limit",
    "drawn_minor": "demo.drawn",
    "lent_minor": "demo.lent",
    "bought_minor": "demo.bought",
    "earned_minor": "demo.earned",
    "funds_minor": "demo.funds",
    "operations_minor": "demo.operations",
    "lost_minor": "demo.lost",
    "result_minor": "demo.result",
    "past_due": "demo.past_due",
    "past_due_month": "demo.past_due_month",
    "defaulted": "demo.defaulted",
    "fraud_minor": "demo.fraud_made",
}


class Told:
    """A summary with the language to speak about it."""

    def __init__(self, summary: DemonstrationSummary, say: Texts) -> None:
        self.summary, self.say = summary, say

    def money(self, amount_minor: int) -> str:
        """An amount in three digits."""
        return money_text(amount_minor, currency=self.summary.currency, language=self.say.language)

    def exact(self, amount_minor: int) -> str:
        """An amount to its last digit."""
        return money_exact_text(amount_minor, currency=self.summary.currency)

    def money_change(self, change_minor: int) -> str:
        """The same with its sign; less than a unit to its last digit, so that it is not shown as nothing."""
        if 0 < abs(change_minor) < minor_per_major(self.summary.currency):
            return f"{'+' if change_minor > 0 else ''}{self.exact(change_minor)}"
        return money_change_text(change_minor, currency=self.summary.currency, language=self.say.language)

    def figure(self, name: str, figure: int) -> str:
        """A compared figure, an amount or a count."""
        return self.money(figure) if name.endswith("_minor") else count_text(figure)

    def change(self, name: str, change: int) -> str:
        """A change of one."""
        return self.money_change(change) if name.endswith("_minor") else count_change_text(change)

    def interval(self, name: str, told: Difference) -> str:
        """The interval of a change."""
        return self.say("demo.from_to", low=self.change(name, told.low), high=self.change(name, told.high))

    def verdict(self, told: Difference) -> str:
        """Whether a change can be told from none: the same in both arms is no question at all."""
        if not told.persons:
            return self.say("demo.same")
        if not told.is_distinguishable:
            return self.say("demo.not_distinguishable")
        return self.say("demo.more") if told.low > 0 else self.say("demo.less")

    @property
    def arms(self) -> tuple[str, str]:
        """What the two arms are called."""
        champion, challenger = self.summary.champion.highest_minor, self.summary.challenger.highest_minor
        return (
            self.say("demo.champion", highest=self.exact(champion)),
            self.say("demo.challenger", highest=self.exact(challenger)),
        )


def share_text(told: Estimate) -> str:
    """A share with its interval.

    >>> share_text(Estimate(0.5, 0.25, 0.75)), share_text(Estimate(None))
    ('50.0% (25.0%–75.0%)', '–')
    """
    if told.low is None:
        return percent_text(told.value)
    return f"{percent_text(told.value)} ({percent_text(told.low)}–{percent_text(told.high)})"


def differences_table(told: Told) -> Table:
    """Every figure in both arms, the change with its interval, and whether it can be told from none."""
    say = told.say
    columns = (
        Column(say("demo.figure"), "start"),
        *map(Column, told.arms),
        Column(say("demo.persons")),
        Column(say("demo.change")),
        Column(say("demo.interval")),
        Column(say("demo.verdict"), "start"),
    )
    rows = [
        (
            Cell(say(key)),
            Cell(told.figure(name, difference.champion)),
            Cell(told.figure(name, difference.challenger)),
            Cell(count_text(difference.persons)),
            Cell(told.change(name, difference.change)),
            Cell(told.interval(name, difference)),
            Cell(told.verdict(difference)),
        )
        for name, key in MEASURES.items()
        for difference in (told.summary.differences[name],)
    ]
    return Table(say("demo.differences"), columns, tuple(rows))


def _arms_table(told: Told, title: str, rows: Sequence[tuple[str, ...]], *, before: tuple[str, ...] = ()) -> Table:
    """A row per figure, a column per arm, after those of `before`."""
    columns = (Column(told.say("demo.figure"), "start"), *map(Column, (*before, *told.arms)))
    return Table(title, columns, tuple(tuple(map(Cell, row)) for row in rows))


def forecast_table(told: Told) -> Table:
    """What the first night expected of its offers, twelve months ahead and all of them accepted."""
    say = told.say
    forecasts = (told.summary.champion.forecast, told.summary.challenger.forecast)
    rows = [
        (say("demo.lines"), *(count_text(each.lines) for each in forecasts)),
        (say("demo.offers"), *(count_text(each.offers) for each in forecasts)),
        (say("demo.offered"), *(told.money(each.offered_minor) for each in forecasts)),
        *(
            (say(key), *(f"{told.money(before)} → {told.money(after)}" for before, after in figures))
            for key, figures in (
                ("demo.expected_drawn", [(each.before.drawn_minor, each.after.drawn_minor) for each in forecasts]),
                ("demo.exposure", [(each.before.exposure_minor, each.after.exposure_minor) for each in forecasts]),
                (
                    "demo.expected_loss",
                    [(each.before.expected_loss_minor, each.after.expected_loss_minor) for each in forecasts],
                ),
                ("demo.expected_profit", [(each.before.profit_minor, each.after.profit_minor) for each in forecasts]),
            )
        ),
        (say("demo.gap"), *(f"{each.gap_ppm:,.0f} ppm" for each in forecasts)),
    ]
    return _arms_table(told, say("demo.forecast"), rows)


def caps_table(told: Told) -> Table:
    """The portfolio caps of both arms, and what all offers together would use of them."""
    say, summary = told.say, told.summary
    champion, challenger = summary.champion.forecast.caps, summary.challenger.forecast.caps
    rows = [
        (before.zh if say.language == "zh" else before.en, _cap_text(told, before), _cap_text(told, after))
        for before, after in zip(champion, challenger, strict=True)
    ]
    return _arms_table(told, say("demo.caps"), rows)


def _cap_text(told: Told, cap: CapForecast) -> str:
    form = ppm_text if cap.is_share else told.money
    key = "demo.cap_binding" if cap.is_binding else "demo.cap_open"
    return told.say(key, before=form(cap.before), after=form(cap.after), bound=form(cap.bound))


def _ratio(part: float, whole: int) -> float | None:
    return part / whole if whole else None


def happened_table(told: Told) -> Table:
    """What the first night predicted of its offers, and what became of them by the last day."""
    say, arms = told.say, (told.summary.champion, told.summary.challenger)
    rows = [
        (say("demo.accepted"), *(
            say("demo.of", some=count_text(each.happened.accepted), every=count_text(each.forecast.offers))
            for each in arms
        )),
        (say("demo.accepted_amount"), *(
            say("demo.of", some=told.money(each.happened.accepted_minor), every=told.money(each.forecast.offered_minor))
            for each in arms
        )),
        (say("demo.debt_predicted"), *(
            percent_text(_ratio(each.forecast.debt_minor, each.forecast.offered_minor))
            for each in arms
        )),
        (say("demo.debt_happened"), ABSENT, share_text(told.summary.spent_out)),
        (say("demo.defaults_predicted"), *(
            percent_text(_ratio(each.forecast.defaults, each.forecast.offers))
            for each in arms
        )),
        (
            say("demo.defaults_happened", months=str(told.summary.months_after)),
            *(share_text(each.happened.default_share) for each in arms),
        ),
    ]  # fmt: skip
    return _arms_table(told, say("demo.happened"), rows)


def fraud_table(told: Told) -> Table:
    """Fraud tried and stopped, by the truth, in the first months and in both arms."""
    say, summary = told.say, told.summary
    every: tuple[FraudStopped, ...] = (summary.year.fraud, summary.champion.fraud, summary.challenger.fraud)
    rows = [
        (say("demo.frauds"), *(count_text(each.frauds) for each in every)),
        (say("demo.fraud_tried"), *(told.money(each.fraud_minor) for each in every)),
        (say("demo.fraud_stopped"), *(told.money(each.stopped_minor) for each in every)),
        (say("demo.recall"), *(share_text(each.recall) for each in every)),
        (say("demo.suspected"), *(count_text(each.suspected) for each in every)),
        (say("demo.precision"), *(share_text(each.precision) for each in every)),
    ]
    return _arms_table(told, say("demo.fraud"), rows, before=(_year(told),))


def _year(told: Told) -> str:
    return told.say("demo.first_months", months=str(told.summary.months))


def service_table(told: Told) -> Table:
    """How cases were answered."""
    say, both = told.say, (told.summary.champion.service, told.summary.challenger.service)
    rows = [
        (say("demo.applications"), *(count_text(each.applications) for each in both)),
        (say("demo.purchases"), *(count_text(each.purchases) for each in both)),
        (say("demo.limits"), *(count_text(each.limits) for each in both)),
        (say("demo.without_person"), *(share_text(each.without_person) for each in both)),
        (say("demo.waited"), *(
            say("demo.hours", median=ratio_text(median, digits=1), p95=ratio_text(p95, digits=1))
            for median, p95 in ((each.waited_h_median, each.waited_h_p95) for each in both)
        )),
    ]  # fmt: skip
    return _arms_table(told, say("demo.service"), rows)


def year_table(told: Told) -> Table:
    """The lender's first months."""
    say, year = told.say, told.summary.year
    rows = [
        (say("demo.applications"), count_text(year.applications)),
        (say("demo.lines_opened"), count_text(year.lines)),
        (say("demo.purchases"), count_text(year.purchases)),
        *((say(MEASURES[name]), told.money(getattr(year, name))) for name in (
            "limit_minor", "drawn_minor", "earned_minor", "funds_minor", "operations_minor", "lost_minor",
            "result_minor",
        )),
    ]  # fmt: skip
    columns = (Column(say("demo.figure"), "start"), Column(_year(told)))
    return Table(say("demo.year"), columns, tuple(tuple(map(Cell, row)) for row in rows))


def models_table(told: Told) -> Table:
    """What the lender's own cases made of each prior."""
    say = told.say
    figures = (say("learned.rows"), say("learned.bads"), say("learned.auc"), say("learned.shift"), say("learned.slope"))
    columns = (
        Column(say("learned.model"), "start"), *map(Column, figures), Column(say("learned.verdict"), "start"),
    )  # fmt: skip
    rows = [
        (
            Cell(_model_name(model.name, say)),
            Cell(count_text(model.rows)),
            Cell(count_text(model.bads)),
            *(Cell(_interval(each)) for each in (model.auc, model.shift, model.slope)),
            Cell(learned_verdict(model, say)),
        )
        for model in told.summary.models
    ]
    return Table(say("demo.models"), columns, tuple(rows))


def _model_name(name: str, say: Texts) -> str:
    names = {
        "application": say("demo.model_application"),
        "behavior": say("demo.model_behavior"),
        "fraud": say("demo.model_fraud"),
    }
    return names.get(name, name)


def _interval(told: Interval | None) -> str:
    if told is None:
        return ABSENT
    value, low, high = (ratio_text(each, digits=2) for each in (told.value, told.low, told.high))
    return f"{value} ({low}–{high})"
