"""What a watch found, in the terminal: each figure beside the limit that knows how many lines there are."""

from collections.abc import Sequence
from typing import Protocol

from rich.table import Table
from rich.text import Text

from tallystick.reports.figures import Language, percent_text, ratio_text
from tallystick.reports.terminal import plain_table
from tallystick.reports.texts import texts_in

_KINDS = ("feature", "score", "calibration", "performance", "first_payment", "early")


class Watching(Protocol):
    """A figure and the limit above which chance no longer explains it."""

    @property
    def kind(self) -> str: ...
    @property
    def name(self) -> str: ...
    @property
    def value(self) -> float: ...
    @property
    def limit(self) -> float: ...
    @property
    def alarm(self) -> bool: ...


def watch_verdict(checks: Sequence[Watching], *, false_alarm: float, language: Language) -> str:
    """How many of the checks alarm, and how often that happens by chance."""
    say = texts_in(language)
    count = sum(each.alarm for each in checks)
    told = {"checks": str(len(checks)), "share": percent_text(false_alarm)}
    return say("watch.found", count=str(count), **told) if count else say("watch.quiet", **told)


def watch_table(checks: Sequence[Watching], *, language: Language) -> Table:
    """A row per check, in the order given; an alarm stands out."""
    say = texts_in(language)
    table = plain_table(say("watch.title"))
    for place, head in enumerate((say("watch.check"), "", say("watch.value"), say("watch.limit"), "")):
        table.add_column(Text(head), justify="left" if place < 2 else "right", no_wrap=True)
    kinds = {kind: say(f"watch.{kind}") for kind in _KINDS}
    for each in checks:
        told = Text(say("watch.alarm"), style="bold red") if each.alarm else Text("")
        value, limit = (Text(ratio_text(figure, digits=4)) for figure in (each.value, each.limit))
        table.add_row(Text(kinds[each.kind]), Text(each.name), value, limit, told)
    return table
