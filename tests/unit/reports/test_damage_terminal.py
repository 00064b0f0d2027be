"""Damage limits in the terminal: every row within 100 columns, in both languages, and a verdict that is true."""

import io
from dataclasses import dataclass

import pytest
from rich.console import Console

from tallystick.reports.damage_terminal import WORDS, damage_tables, damage_verdict
from tallystick.reports.figures import Language
from tallystick.strategy.damage import Beside, Finding, Measure
from tallystick.strategy.damage_limits import Watched


@dataclass(frozen=True)
class Told:
    """A figure of what is watched."""

    watched: str
    finding: Finding
    is_passed: bool


def told(measure: Measure, *, beside: Beside, passed: bool = False, on_trial: bool = True, enough: bool = True) -> Told:
    """A figure as large as it gets."""
    sizes = {Measure.GRANTED: 9_876_543_00.0, Measure.GRANTED_IN_ALL: 987_654_321_00.0}
    size = sizes.get(measure, 1.0)
    finding = Finding(
        strategy_id="d627464341b0" + "0" * 52,
        measure=measure,
        beside=beside,
        now=size,
        least=0.9 * size,
        before=0.2 * size,
        most=0.4 * size,
        decisions=20_000,
        decisions_before=19_999,
        is_enough=enough,
        on_trial=on_trial,
    )
    return Told("apply", finding, passed)


FIGURES = [
    told(measure, beside=beside, passed=measure is Measure.DECLINES, enough=measure is not Measure.REVIEWS)
    for measure in (Measure.APPROVALS, Measure.DECLINES, Measure.REVIEWS, Measure.GRANTED)
    for beside in (Beside.HOUR_BEFORE, Beside.DAYS_BEFORE)
] + [told(Measure.GRANTED_IN_ALL, beside=Beside.NOTHING)]


def printed(figures: list[Told], *, language: Language) -> str:
    """The table in a terminal of 100 columns."""
    screen = Console(file=io.StringIO(), width=100)
    for table in damage_tables(figures, release=7, language=language):
        screen.print(table)
    assert isinstance(screen.file, io.StringIO)
    return screen.file.getvalue()


@pytest.mark.parametrize(("language", "beyond", "few"), [("zh", "超限", "太少"), ("en", " beyond", " few")])
def test_all_of_a_table_is_shown_in_100_columns(language: Language, beyond: str, few: str) -> None:
    text = printed(FIGURES, language=language)
    assert "…" not in text
    assert (text.count(beyond), text.count(few)) == (2, 2)
    assert text.count("d627464341b0") == 1
    assert text.count("987,654,321") == 1
    assert "20,000 / 19,999" in text


def test_the_verdict_says_what_happens_next() -> None:
    beside = Beside.HOUR_BEFORE
    assert "No decision" in damage_verdict([], language="en")
    assert "Nothing is beyond" in damage_verdict([told(Measure.REVIEWS, beside=beside)], language="en")
    on_trial = told(Measure.REVIEWS, beside=beside, passed=True)
    assert "undoes the release" in damage_verdict([on_trial], language="en")
    for_long = told(Measure.REVIEWS, beside=beside, passed=True, on_trial=False)
    assert "and stays" in damage_verdict([for_long], language="en")


def test_whatever_is_watched_has_words() -> None:
    assert set(WORDS) == {*Watched, *Measure, *Beside}
