"""What transfers make of accounts: balances folded from nothing but transfers, and the trial balance over them."""

from collections.abc import Iterable, Iterator, Mapping

from msgspec import Struct

from tallystick.ledger.chart import Group, chart
from tallystick.ledger.transfer import Address, Transfer


class Balance(Struct, frozen=True):
    """All that was ever debited and credited to one account in one currency; minor units, never negative."""

    address: Address
    currency: str
    debit_minor: int
    credit_minor: int

    @property
    def net_minor(self) -> int:
        """What stands on the account's normal side; negative where a shared account has changed side."""
        difference_minor = self.debit_minor - self.credit_minor
        return difference_minor if chart()[self.address.code].is_debit else -difference_minor


class TrialRow(Struct, frozen=True):
    """One code of the chart in one currency, over all its owners; minor units."""

    code: str
    currency: str
    debit_minor: int
    credit_minor: int

    @property
    def net_minor(self) -> int:
        """What stands on the normal side of the code."""
        difference_minor = self.debit_minor - self.credit_minor
        return difference_minor if chart()[self.code].is_debit else -difference_minor


class Imbalance(Struct, frozen=True):
    """Debits and credits that differ, of one currency, on or off the balance sheet; minor units."""

    currency: str
    is_off_balance: bool
    debit_minor: int
    credit_minor: int


def fold(transfers: Iterable[Transfer]) -> dict[tuple[Address, str], Balance]:
    """The balance of every account that the transfers touch, by account and currency.

    >>> from datetime import date
    >>> moves = [
    ...     Transfer(debit=Address(debit, owner), credit=Address("credit_balance", 7), amount_minor=minor,
    ...         currency="CNY", effective_on=date(2026, 11, 24), kind="payment", line_id=7, event_id=1)
    ...     for debit, owner, minor in (("cash", 0, 500), ("gateway_clearing", 0, 20))
    ... ]
    >>> fold(moves)[Address("credit_balance", 7), "CNY"].net_minor
    520
    """
    debited: dict[tuple[Address, str], int] = {}
    credited: dict[tuple[Address, str], int] = {}
    for transfer in transfers:
        debit, credit = (transfer.debit, transfer.currency), (transfer.credit, transfer.currency)
        debited[debit] = debited.get(debit, 0) + transfer.amount_minor
        credited[credit] = credited.get(credit, 0) + transfer.amount_minor
    return {
        (address, currency): Balance(
            address, currency, debited.get((address, currency), 0), credited.get((address, currency), 0)
        )
        for address, currency in sorted({*debited, *credited})
    }


def trial_balance(balances: Iterable[Balance]) -> tuple[TrialRow, ...]:
    """Balances summed by code and currency, in the order of the chart."""
    sums: dict[tuple[str, str], tuple[int, int]] = {}
    for balance in balances:
        key = (balance.address.code, balance.currency)
        debit_minor, credit_minor = sums.get(key, (0, 0))
        sums[key] = debit_minor + balance.debit_minor, credit_minor + balance.credit_minor
    order = {code: place for place, code in enumerate(chart())}
    return tuple(
        TrialRow(code, currency, *sums[code, currency])
        for code, currency in sorted(sums, key=lambda key: (order[key[0]], key[1]))
    )


def imbalances(rows: Iterable[TrialRow]) -> Iterator[Imbalance]:
    """Each currency whose debits and credits differ, on and off the balance sheet apart; nothing for sound books."""
    sums: dict[tuple[str, bool], tuple[int, int]] = {}
    for row in rows:
        key = (row.currency, chart()[row.code].group is Group.OFF_BALANCE)
        debit_minor, credit_minor = sums.get(key, (0, 0))
        sums[key] = debit_minor + row.debit_minor, credit_minor + row.credit_minor
    for (currency, is_off_balance), (debit_minor, credit_minor) in sorted(sums.items()):
        if debit_minor != credit_minor:
            yield Imbalance(currency, is_off_balance, debit_minor, credit_minor)


def differing(
    proven: Mapping[tuple[Address, str], Balance], kept: Mapping[tuple[Address, str], Balance]
) -> Iterator[tuple[Balance, Balance]]:
    """Each account whose kept balance is not the proven one, as (proven, kept); an absent one counts as nothing."""
    for address, currency in sorted({*proven, *kept}):
        nothing = Balance(address, currency, 0, 0)
        one, other = proven.get((address, currency), nothing), kept.get((address, currency), nothing)
        if one != other:
            yield one, other
