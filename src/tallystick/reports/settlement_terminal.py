"""Settlements in the terminal: what each merchant was paid, and what of it is carried on."""

from collections.abc import Iterable
from typing import Protocol

from rich.table import Table
from rich.text import Text

from tallystick.reports.figures import Language, count_text
from tallystick.reports.ledger_terminal import money_text
from tallystick.reports.terminal import worded_table
from tallystick.reports.texts import texts_in
from tallystick.units.ids import IdPrefix, encode_id


class SettledMerchant(Protocol):
    """What was settled with one merchant; minor units."""

    @property
    def reference(self) -> str: ...
    @property
    def currency(self) -> str: ...
    @property
    def orders(self) -> int: ...
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


def settled_table(settlements: Iterable[SettledMerchant], *, language: Language) -> Table:
    """A row for each merchant; what was kept back is purchases less what was paid or is carried on."""
    say = texts_in(language)
    figures = [say(f"settlement.{head}") for head in ("orders", "purchases", "kept_back", "paid", "left")]
    table = worded_table(say("settlement.title"), [say("settlement.merchant"), say("ledger.currency")], figures)
    for each in settlements:
        kept_minor = each.purchases_minor - each.paid_minor - each.left_minor
        amounts = (each.purchases_minor, kept_minor, each.paid_minor, each.left_minor)
        told = (each.reference, each.currency, count_text(each.orders))
        table.add_row(*map(Text, (*told, *(money_text(minor, each.currency) for minor in amounts))))
    return table


def unregistered_text(owed: Iterable[OwedMerchant], *, language: Language) -> Text:
    """Merchants that are owed money and have no terms."""
    told = ", ".join(
        f"{encode_id(IdPrefix.MERCHANT, each.merchant_id)} {money_text(each.owed_minor, each.currency)} {each.currency}"
        for each in owed
    )
    return Text(texts_in(language)("settlement.unregistered", merchants=told), style="yellow")
