"""A night's review of prices in the terminal: how many lines, and what became of those whose price could change."""

from collections.abc import Iterator, Sequence
from datetime import date
from typing import Final

from rich.console import RenderableType
from rich.text import Text

from tallystick.reports.figures import Language, count_text
from tallystick.reports.terminal import SummedLines, worded_table
from tallystick.reports.texts import texts_in
from tallystick.strategy.price_targets import PRICE_REASON_TEXTS, PriceReason

# What became of a line, each with its words.
_OUTCOMES: Final = {name: f"price_night.{name}" for name in ("lowered", "noticed", "kept")}


def price_night_lines(
    reviewed_on: date, release_number: int, lines: int, sums: Sequence[SummedLines], *, language: Language
) -> Iterator[RenderableType]:
    """What a night looked at, and what became of the lines whose price the tables wanted to change."""
    say = texts_in(language)
    looked_at = say(
        "price_night.looked_at", day=reviewed_on.isoformat(), lines=count_text(lines), release=str(release_number)
    )
    yield Text(looked_at, style="bold")
    if not sums:
        yield Text(say("price_night.nothing"))
        return
    words = [say("price_night.outcome"), say("price_night.reason")]
    table = worded_table(say("price_night.title"), words, [say("price_night.lines")])
    for each in sums:
        zh, en = PRICE_REASON_TEXTS[PriceReason(each.reason)]
        why = zh if language == "zh" else en
        table.add_row(Text(say(_OUTCOMES[each.outcome])), Text(why), Text(count_text(each.lines)))
    yield table
