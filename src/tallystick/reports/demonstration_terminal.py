"""The demonstration in the terminal: the tables of its page, at most 100 columns wide, and what to look at next."""

from collections.abc import Iterator
from typing import Final

from rich.table import Table as Grid
from rich.text import Text

from tallystick.reports.blocks import Table
from tallystick.reports.demonstration_page import finding
from tallystick.reports.demonstration_summary import DemonstrationSummary
from tallystick.reports.demonstration_tables import (
    Told,
    caps_table,
    differences_table,
    forecast_table,
    fraud_table,
    happened_table,
    models_table,
    service_table,
    year_table,
)
from tallystick.reports.figures import Language
from tallystick.reports.terminal import plain_table
from tallystick.reports.texts import texts_in

_TABLES: Final = (
    year_table, models_table, forecast_table, caps_table, differences_table, happened_table, fraud_table, service_table,
)  # fmt: skip


def demonstration_tables(summary: DemonstrationSummary, *, language: Language) -> Iterator[Grid]:
    """The tables in the order of the story."""
    told = Told(summary, texts_in(language))
    for table in _TABLES:
        yield _grid(table(told))


def demonstration_finding(summary: DemonstrationSummary, *, language: Language) -> Text:
    """What was found, in one line."""
    return Text(finding(Told(summary, texts_in(language))).title, style="bold")


def next_looks(*, data: str, report: str, strategies: str, decision: str, language: Language) -> str:
    """What to look at next: the report, the challenger's book, one decision, how the two strategies differ."""
    say = texts_in(language)
    return "\n".join([
        say("demo.see_report", report=report),
        say("demo.see_books", data=data),
        say("demo.see_decision", data=data, decision=decision),
        say("demo.see_strategies", strategies=strategies),
    ])  # fmt: skip


def _grid(table: Table) -> Grid:
    grid = plain_table(table.title)
    for column in table.columns:
        grid.add_column(Text(column.name), justify="left" if column.align == "start" else "right", overflow="fold")
    for row in table.rows:
        grid.add_row(*(Text(cell.text) for cell in row))
    return grid
