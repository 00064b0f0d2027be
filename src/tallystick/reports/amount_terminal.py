"""A training run of an amount in the terminal: ours beside naive forecasts, and both parts by themselves."""

from rich.table import Table
from rich.text import Text

from tallystick.reports.amount_page import DIGITS, FIGURES
from tallystick.reports.amount_summary import AmountReport
from tallystick.reports.figures import Language
from tallystick.reports.model_layout import estimate_text
from tallystick.reports.terminal import plain_table
from tallystick.reports.texts import texts_in


def forecasts_table(report: AmountReport, *, language: Language) -> Table:
    """A row per forecast: its errors with their intervals."""
    say = texts_in(language)
    table = plain_table(say("amount.forecasts"))
    table.add_column(Text(say("amount.forecast")), overflow="fold", max_width=32)
    for head in ("absolute_error", "root_squared_error"):
        table.add_column(Text(say(f"amount.{head}")), justify="right", max_width=24)
    for one in report["contenders"]:
        errors = (one["absolute_error"], one["root_squared_error"])
        table.add_row(Text(one["name"][language]), *(Text(estimate_text(error, digits=DIGITS)) for error in errors))
    return table


def parts_table(report: AmountReport, *, language: Language) -> Table:
    """A row per figure of the two parts."""
    say = texts_in(language)
    table = plain_table(say("amount.parts"))
    table.add_column(Text(say("amount.figure")), overflow="fold", max_width=44)
    table.add_column(Text(say("amount.value")), justify="right", no_wrap=True)
    for name in FIGURES:
        table.add_row(Text(say(f"amount.{name}")), Text(estimate_text(report["figures"][name], digits=DIGITS)))
    return table
