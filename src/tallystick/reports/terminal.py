"""The same headline in the terminal: tables for `rich`, each at most 80 columns wide."""

from collections.abc import Sequence
from typing import Protocol

from rich import box
from rich.table import Table
from rich.text import Text

from tallystick.reports.figures import Language, count_change_text, count_text, percent_change_text, ppm_text
from tallystick.reports.finding import find
from tallystick.reports.summary import RejectCount, Summary
from tallystick.reports.tables import share_of_ppm
from tallystick.reports.texts import texts_in
from tallystick.reports.tiles import HEADLINE
from tallystick.reports.view import View


def headline(summary: Summary, *, language: Language) -> Table:
    """The headline figures of the three scenarios side by side, under the finding in one line."""
    view = View(summary, texts_in(language))
    table = plain_table(find(summary, texts=view.texts).title)
    table.add_column(summary["currency"], no_wrap=True)
    for name in view.names:
        table.add_column(Text(name), justify="right", no_wrap=True)
    table.add_column(Text(view.texts("terminal.change")), justify="right", no_wrap=True)
    table.add_column("%", justify="right", no_wrap=True)
    for key, read in HEADLINE:
        today, baseline, new = map(read, view.scenarios)
        change = view.short_change(new - baseline)
        amounts = [*map(view.short, (today, baseline, new)), change, percent_change_text(new, baseline)]
        table.add_row(Text(view.texts(f"measure.{key}")), *map(Text, amounts))
    table.add_section()
    for key in ("increases", "decreases"):
        counts = [scenario[key] for scenario in view.scenarios]  # type: ignore[literal-required]
        change = count_change_text(counts[2] - counts[1])
        cells = [*map(count_text, counts), change, percent_change_text(counts[2], counts[1])]
        table.add_row(Text(view.texts(f"terminal.{key}")), *map(Text, cells))
    return table


def prices_table(summary: Summary, *, language: Language) -> Table:
    """Each grade's PD, price and parts in percent; a grade above the legal cap says that nothing is offered."""
    say = texts_in(language)
    table = plain_table(say("terminal.prices"))
    table.add_column(Text(say("scenario.grade")))
    keys = ("pd", "funds", "operations", "expected_loss", "capital", "margin", "price")
    for key in keys:
        table.add_column(Text(say(f"terminal.{key}")), justify="right", no_wrap=True)
    table.add_column(Text(say("terminal.legal_cap")), justify="right", no_wrap=True)
    table.add_column("", no_wrap=True)
    for price in summary["prices"]:
        parts = [price[f"{key}_ppm"] for key in (*keys, "legal_cap")]  # type: ignore[literal-required]
        refusal = Text("" if price["offered"] else say("prices.no_offer"), style="" if price["offered"] else "bold red")
        table.add_row(Text(price["grade"]), *(Text(ppm_text(part)[:-1]) for part in parts), refusal)
    return table


def rows_table(summary: Summary, *, language: Language) -> Table:
    """Rows read, valid and refused, and below them each reason with its rows."""
    say, rows = texts_in(language), summary["rows"]
    table = plain_table(say("terminal.rows"))
    table.add_column(Text(say("rows.outcome")), overflow="fold", max_width=24)
    table.add_column(Text(say("rows.reason")), overflow="fold", max_width=30)
    table.add_column(Text(say("rows.rows")), justify="right", no_wrap=True)
    table.add_column(Text(say("rows.share")), justify="right", no_wrap=True)
    for key, lines in (("read", rows["read"]), ("valid", rows["valid"]), ("rejected", rows["rejected"])):
        share = share_of_ppm(lines, rows["read"])
        table.add_row(Text(say(f"rows.{key}")), "", Text(count_text(lines)), Text(share))
    _add_reasons(table, rows["rejects"], read=rows["read"], language=language)
    _add_reasons(table, rows["notes"], read=rows["read"], language=language)
    return table


def _add_reasons(table: Table, counts: list[RejectCount], *, read: int, language: Language) -> None:
    if counts:
        table.add_section()
    for count in counts:
        share = share_of_ppm(count["rows"], read)
        table.add_row(Text(count["field"]), Text(count["text"][language]), Text(count_text(count["rows"])), Text(share))


def plain_table(title: str) -> Table:
    """The plain form that all tables of the terminal share."""
    # Texts, not strings: rich would read square brackets in a name as markup.
    return Table(
        title=Text(title, style="bold"), title_justify="left", box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0), pad_edge=False
    )


class SummedLines(Protocol):
    """Lines of which the same became, for the same reason."""

    @property
    def outcome(self) -> str: ...
    @property
    def reason(self) -> str: ...
    @property
    def lines(self) -> int: ...


def worded_table(title: str, words: Sequence[str], figures: Sequence[str]) -> Table:
    """A plain table with columns of words on the left and columns of figures on the right; both fold."""
    table = plain_table(title)
    for head in words:
        table.add_column(Text(head), overflow="fold")
    for head in figures:
        table.add_column(Text(head), justify="right", overflow="fold")
    return table
