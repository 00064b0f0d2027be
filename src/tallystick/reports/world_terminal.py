"""What became of a simulated world, in the terminal."""

from collections.abc import Mapping

from rich.table import Table
from rich.text import Text

from tallystick.reports.figures import Language, count_text, money_exact_text
from tallystick.reports.terminal import plain_table
from tallystick.reports.texts import texts_in

_CURRENCY = "CNY"


def done_table(counts: Mapping[str, int], *, language: Language) -> Table:
    """What was done, by what it came to; `counts` as in `{"Buy approve": 7}`."""
    say = texts_in(language)
    table = plain_table(say("world.done"))
    table.add_column(say("world.act"), no_wrap=True)
    table.add_column(say("world.outcome"), no_wrap=True)
    table.add_column(say("world.count"), justify="right", no_wrap=True)
    before = ""
    for told, count in sorted(counts.items()):
        act, _, outcome = told.partition(" ")
        if before and act != before:
            table.add_section()
        table.add_row(Text("" if act == before else act), Text(outcome), Text(count_text(count)))
        before = act
    return table


def book_table(figures: Mapping[str, int], *, language: Language) -> Table:
    """Where the lender's book stands; amounts are those whose names end in `_minor`."""
    say = texts_in(language)
    words = {
        "lines": say("world.lines"),
        "open_lines": say("world.open_lines"),
        "frozen_lines": say("world.frozen_lines"),
        "past_due_lines": say("world.past_due_lines"),
        "past_due_90_lines": say("world.past_due_90_lines"),
        "charged_off_lines": say("world.charged_off_lines"),
        "limit_minor": say("world.limit"),
        "drawn_minor": say("world.drawn"),
        "owed_minor": say("world.owed"),
        "charged_off_minor": say("world.charged_off"),
    }
    table = plain_table(say("world.book"))
    table.add_column("", no_wrap=True)
    table.add_column("", justify="right", no_wrap=True)
    for name, word in words.items():
        figure = figures[name]
        told = money_exact_text(figure, currency=_CURRENCY) if name.endswith("_minor") else count_text(figure)
        table.add_row(Text(word), Text(told))
    return table
