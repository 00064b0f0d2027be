"""What a release decides beside its damage limits, in the terminal."""

from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import Protocol

from rich.table import Table
from rich.text import Text

from tallystick.reports.figures import Language, count_text, money_exact_text, percent_text
from tallystick.reports.release_terminal import DIGITS
from tallystick.reports.terminal import plain_table
from tallystick.reports.texts import texts_in
from tallystick.strategy.damage import Beside, Finding

_CURRENCY = "CNY"
# The words of what is told: what is watched, its figures, and what they are compared with.
WORDS = (
    "authorize", "apply", "review_limit", "review_limit_by_night", "approvals", "raises", "declines", "decreases",
    "reviews", "granted", "granted_in_all", "champion", "hour_before", "days_before", "same_lines", "nothing",
)  # fmt: skip


class Judged(Protocol):
    """A figure of what is watched, and whether it passes its limit beside all that it is compared with."""

    @property
    def watched(self) -> str: ...
    @property
    def finding(self) -> Finding: ...
    @property
    def is_passed(self) -> bool: ...


def damage_verdict(figures: Sequence[Judged], *, language: Language) -> str:
    """Whether anything is beyond its limit, and what happens then."""
    say = texts_in(language)
    passed = [each for each in figures if each.is_passed]
    if not passed:
        return say("damage.quiet") if figures else say("damage.none")
    undoes = any(each.finding.on_trial for each in passed)
    return say("damage.undoes" if undoes else "damage.stays", count=str(len(passed)))


def damage_tables(figures: Sequence[Judged], *, release: int, language: Language) -> Iterator[Table]:
    """A table for each strategy in each thing that is watched, a row per figure and what it is compared with."""

    def whose(each: Judged) -> tuple[str, str]:
        return each.watched, each.finding.strategy_id

    say = texts_in(language)
    for (watched, strategy_id), of in groupby(sorted(figures, key=whose, reverse=True), key=whose):
        told = {"release": str(release), "watched": say(f"damage.{watched}"), "strategy": strategy_id[:DIGITS]}
        yield _table(list(of), title=say("damage.title", **told), language=language)


def _table(figures: Sequence[Judged], *, title: str, language: Language) -> Table:
    """What is beyond its limit stands out."""
    say = texts_in(language)
    words = {word: say(f"damage.{word}") for word in WORDS}
    table = plain_table(title)
    for place, head in enumerate(("figure", "beside", "now", "least", "before", "most", "decisions")):
        table.add_column(Text(say(f"damage.{head}")), justify="left" if place < 2 else "right", no_wrap=True)
    table.add_column(Text(""), no_wrap=True)
    for each in figures:
        finding = each.finding
        few = "" if finding.is_enough else say("damage.few")
        table.add_row(
            Text(words[finding.measure]),
            Text(words[finding.beside]),
            *(Text(cell) for cell in _cells(finding)),
            Text(say("damage.beyond") if each.is_passed else few, style="bold red" if each.is_passed else "dim"),
        )
    return table


def _cells(finding: Finding) -> list[str]:
    now, least, before, most = (
        _figure(finding, value) for value in (finding.now, finding.least, finding.before, finding.most)
    )
    counts = [count_text(round(finding.decisions)), count_text(round(finding.decisions_before))]
    if finding.beside is Beside.NOTHING:
        return [now, "", "", most, counts[0]]
    return [now, least, before, most if finding.is_enough else "", " / ".join(counts)]


def _figure(finding: Finding, value: float) -> str:
    """A share lies between none and all, whatever its bound is; amounts in whole units of the currency."""
    if finding.measure.is_amount:
        return money_exact_text(round(max(value, 0.0) / 100) * 100, currency=_CURRENCY)
    return percent_text(min(value, 1.0))
