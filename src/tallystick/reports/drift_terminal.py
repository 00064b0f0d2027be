"""Which features have moved, in the terminal: PSI beside the limit for two samples of these sizes."""

from collections.abc import Sequence
from typing import Protocol

from rich.table import Table
from rich.text import Text

from tallystick.reports.figures import Language, ratio_text
from tallystick.reports.terminal import plain_table
from tallystick.reports.texts import texts_in


class MovedFeature(Protocol):
    """A feature's PSI and the limit above which chance no longer explains it."""

    @property
    def name(self) -> str: ...
    @property
    def psi(self) -> float: ...
    @property
    def limit(self) -> float: ...
    @property
    def alarm(self) -> bool: ...


def drift_table(moved: Sequence[MovedFeature], *, language: Language) -> Table:
    """A row per feature, in the order given; an alarm stands out."""
    say = texts_in(language)
    table = plain_table(say("drift.title"))
    for head in (say("drift.feature"), "PSI", say("drift.limit"), ""):
        table.add_column(Text(head), justify="left" if head == say("drift.feature") else "right", no_wrap=True)
    for each in moved:
        told = Text(say("drift.alarm"), style="bold red") if each.alarm else Text("")
        psi, limit = (Text(ratio_text(figure, digits=4)) for figure in (each.psi, each.limit))
        table.add_row(Text(each.name), psi, limit, told)
    return table
