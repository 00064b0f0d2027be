"""Suspense in a terminal of eighty columns: ids that can be copied, reasons in words, sums of what is not shown."""

from datetime import date

import pytest
from rich.console import Console

from tallystick.reports.figures import Language
from tallystick.reports.money_terminal import MOST_SHOWN, suspense_table
from tallystick.storage.money_rows import SuspenseItem
from tallystick.units.ids import IdPrefix, encode_id

FIRST_ID = 384_803_628_995_715_073


def shown(*items: SuspenseItem, language: Language = "en", width: int = 80) -> str:
    """What the terminal says."""
    console = Console(width=width, record=True)
    console.print(suspense_table(items, language=language))
    return console.export_text()


def item(nth: int, *, because: str = "no_line", amount_minor: int = 123_456_789) -> SuspenseItem:
    """Money from the bank."""
    return SuspenseItem(
        item_id=FIRST_ID + nth,
        channel="bank",
        reference=f"ICBC{nth:04}",
        amount_minor=amount_minor,
        currency="CNY",
        value_on=date(2026, 11, 20),
        because=because,
        opened_on=date(2026, 11, 21),
    )


def test_an_id_and_an_amount_stand_in_one_piece() -> None:
    told = shown(item(0), item(1, because="currency_differs"))
    for nth in (0, 1):
        assert encode_id(IdPrefix.SUSPENSE_ITEM, FIRST_ID + nth) in told
    assert "1,234,567.89 CNY" in told


@pytest.mark.parametrize(("language", "told"), [("en", "all 25"), ("zh", "共 25 笔")])
def test_the_oldest_are_shown_and_the_sum_is_that_of_all(language: Language, told: str) -> None:
    text = shown(*(item(nth, amount_minor=100) for nth in range(25)), language=language)
    assert text.count("item_") == MOST_SHOWN
    assert told in text
    assert "25.00 CNY" in text


def test_reasons_are_words_and_refusals_keep_the_name_that_the_api_has() -> None:
    assert "未指明额度账户" in shown(item(0, amount_minor=100), language="zh")
    refused = shown(item(0, because="line_closed", amount_minor=100), language="zh", width=120)
    assert "额度账户拒收：line_closed" in refused
