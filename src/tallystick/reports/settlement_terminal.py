"""Settlements in the terminal: what each merchant was paid, and what of it is carried on."""

from collections.abc import Iterable, Sequence
from datetime import date
from typing import Final, Protocol

from rich.table import Table
from rich.text import Text

from tallystick.reports.figures import Language, count_text
from tallystick.reports.ledger_terminal import money_text
from tallystick.reports.terminal import worded_table
from tallystick.reports.texts import texts_in
from tallystick.units.ids import IdPrefix, encode_id

MOST_SHOWN: Final = 20
# What a bank answers to a payout, each with its text.
PAYOUT_OUTCOMES: Final = {"paid": "settlement.arrived", "returned": "settlement.came_back"}


class SettledMerchant(Protocol):
    """What was settled with one merchant; minor units."""

    @property
    def settlement_id(self) -> int: ...
    @property
    def run_on(self) -> date: ...
    @property
    def reference(self) -> str: ...
    @property
    def currency(self) -> str: ...
    @property
    def carried_minor(self) -> int: ...
    @property
    def purchases_minor(self) -> int: ...
    @property
    def paid_minor(self) -> int: ...
    @property
    def left_minor(self) -> int: ...


class OwedMerchant(Protocol):
    """A merchant without terms; minor units."""

    @property
    def merchant_id(self) -> int: ...
    @property
    def currency(self) -> str: ...
    @property
    def owed_minor(self) -> int: ...


def settled_table(settlements: Sequence[SettledMerchant], *, language: Language) -> Table:
    """The first twenty merchants, and all; kept back is what was carried and bought less what is paid or carried on."""
    say = texts_in(language)
    figures = [say(f"settlement.{head}") for head in ("carried", "purchases", "kept_back", "paid", "left")]
    table = worded_table(say("settlement.title"), [say("settlement.merchant"), say("ledger.currency")], figures)
    sums: dict[str, list[int]] = {}
    for each in settlements:
        kept_minor = each.carried_minor + each.purchases_minor - each.paid_minor - each.left_minor
        amounts = (each.carried_minor, each.purchases_minor, kept_minor, each.paid_minor, each.left_minor)
        sums[each.currency] = [sum(pair) for pair in zip(sums.get(each.currency, [0] * 5), amounts, strict=True)]
        if table.row_count < MOST_SHOWN:
            table.add_row(*map(Text, (each.reference, each.currency, *_told(amounts, each.currency))))
    table.add_section()
    for currency, amounts_of_all in sorted(sums.items()):
        count = count_text(sum(each.currency == currency for each in settlements))
        all_of = say("settlement.all", count=count)
        table.add_row(*map(Text, (all_of, currency, *_told(amounts_of_all, currency))))
    return table


def _told(amounts_minor: Iterable[int], currency: str) -> list[str]:
    return [money_text(minor, currency) for minor in amounts_minor]


def payouts_table(waiting: Sequence[SettledMerchant], *, language: Language) -> Table:
    """The twenty oldest payouts that the bank has not answered, and their sum per currency."""
    say = texts_in(language)
    heads = [say("settlement.settlement"), say("settlement.run_on"), say("settlement.merchant")]
    table = worded_table(say("settlement.outstanding"), heads, [say("settlement.paid")])
    for each in waiting[:MOST_SHOWN]:
        told = (encode_id(IdPrefix.SETTLEMENT, each.settlement_id), each.run_on.isoformat(), each.reference)
        table.add_row(*map(Text, (*told, f"{money_text(each.paid_minor, each.currency)} {each.currency}")))
    table.add_section()
    for currency in sorted({each.currency for each in waiting}):
        paid = [each.paid_minor for each in waiting if each.currency == currency]
        all_of = say("settlement.all", count=count_text(len(paid)))
        table.add_row(Text(all_of), "", "", Text(f"{money_text(sum(paid), currency)} {currency}"))
    return table


def was_settled_text(run_on: date, *, language: Language) -> Text:
    """That a day had been settled before, and what came since waits."""
    return Text(texts_in(language)("settlement.was_settled", run_on=run_on.isoformat()), style="yellow")


def unregistered_text(owed: Iterable[OwedMerchant], *, language: Language) -> Text:
    """Merchants that are owed money and have no terms."""
    told = ", ".join(
        f"{encode_id(IdPrefix.MERCHANT, each.merchant_id)} {money_text(each.owed_minor, each.currency)} {each.currency}"
        for each in owed
    )
    return Text(texts_in(language)("settlement.unregistered", merchants=told), style="yellow")
