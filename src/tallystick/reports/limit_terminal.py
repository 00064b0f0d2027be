"""A night's review of limits in the terminal: what became of lines, and what it leaves for the day."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Final, Protocol

from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from tallystick.reports.figures import Language, count_text, percent_text
from tallystick.reports.ledger_terminal import money_text
from tallystick.reports.terminal import SummedLines, worded_table
from tallystick.reports.texts import Texts, texts_in
from tallystick.strategy.reviewed_lines import TARGET_REASON_TEXTS, TargetReason
from tallystick.units.rates import PPM

# What became of a line, each with its words.
OUTCOMES: Final = {name: f"limit_night.{name}" for name in ("offered", "lowered", "kept", "review")}


class Summed(SummedLines, Protocol):
    """With them by how much their limits change together, minor units."""

    @property
    def change_minor(self) -> int: ...


@dataclass(frozen=True, slots=True)
class CapShown:
    """A portfolio cap in words, its price, and what the night left of it, minor units."""

    zh: str
    en: str
    price: float
    left_minor: int


@dataclass(frozen=True, slots=True)
class NightShown:
    """A night as it is shown; `gap_ppm` is a share of what all increases earn.

    `beyond` counts the figures that pass a damage limit; `undone` are releases that were undone on the way, and why.
    """

    reviewed_on: date
    release_number: int
    currency: str
    lines: int
    sums: Sequence[Summed]
    caps: Sequence[CapShown]
    is_open: bool
    gap_ppm: float
    beyond: int = 0
    undone: Sequence[tuple[int, str]] = ()


def night_lines(night: NightShown, *, language: Language) -> Iterator[RenderableType]:
    """What a night looked at, what became of it, and what it leaves for the day."""
    say = texts_in(language)
    for number, because in night.undone:
        yield Text(say("limit_night.undone", number=str(number), because=because), style="bold red")
    yield Text(
        say(
            "limit_night.looked_at",
            day=night.reviewed_on.isoformat(),
            lines=count_text(night.lines),
            release=str(night.release_number),
        ),
        style="bold",
    )
    if night.beyond:
        yield Text(say("limit_night.beyond", count=str(night.beyond)), style="bold red")
    if night.sums:
        yield _outcomes(night, say, language=language)
    if night.caps:
        yield _caps(night, say, language=language)
    if night.is_open:
        yield Text(say("limit_night.gap", gap=percent_text(night.gap_ppm / PPM)))
    else:
        yield Text(say("limit_night.closed"), style="yellow")


def _outcomes(night: NightShown, say: Texts, *, language: Language) -> Table:
    heads = [say("limit_night.lines"), say("limit_night.change", currency=night.currency)]
    words = [say("limit_night.outcome"), say("limit_night.reason")]
    table = worded_table(say("limit_night.title"), words, heads)
    for each in night.sums:
        zh, en = TARGET_REASON_TEXTS[TargetReason(each.reason)]
        table.add_row(
            Text(say(OUTCOMES[each.outcome])),
            Text(zh if language == "zh" else en),
            Text(count_text(each.lines)),
            Text(money_text(each.change_minor, night.currency)),
        )
    return table


def _caps(night: NightShown, say: Texts, *, language: Language) -> Table:
    heads = [say("limit_night.price"), say("limit_night.left", currency=night.currency)]
    table = worded_table(say("limit_night.caps_title"), [say("limit_night.cap")], heads)
    for cap in night.caps:
        name = cap.zh if language == "zh" else cap.en
        table.add_row(Text(name), Text(f"{cap.price:.6f}"), Text(money_text(cap.left_minor, night.currency)))
    return table
