"""A night of prices in the terminal: every outcome and reason in words, in both languages."""

import io
from datetime import date

from rich.console import Console

from tallystick.reports.figures import Language
from tallystick.reports.price_terminal import price_night_lines
from tallystick.storage.price_reviews import PriceSum
from tallystick.strategy.price_targets import PRICE_REASON_TEXTS, PriceReason


def printed(*sums: PriceSum, language: Language) -> str:
    """What the terminal shows, 80 columns wide."""
    console = Console(file=io.StringIO(), width=80)
    for line in price_night_lines(date(2027, 3, 11), 3, 1_234, sums, language=language):
        console.print(line)
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def test_every_outcome_is_told_in_words() -> None:
    outcomes = {PriceReason.LOWERED_AT_ONCE: "lowered", PriceReason.RAISED_AFTER_NOTICE: "noticed"}
    sums = [PriceSum(outcomes.get(reason, "kept"), reason, 7) for reason in PriceReason]
    english, chinese = printed(*sums, language="en"), printed(*sums, language="zh")
    assert "2027-03-11: prices of 1,234 lines looked at, by release no. 3" in english
    for zh, en in PRICE_REASON_TEXTS.values():
        assert en in english
        assert zh in chinese
    assert "Every price stays as it is" in printed(language="en")
