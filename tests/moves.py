"""Transfers to test books with: a payment, a purchase, and credit applied to what is owed."""

from datetime import date

from tallystick.ledger.transfer import Address, Transfer

TODAY = date(2026, 11, 24)
CASH = Address("cash", 0)


def paid(line_id: int, amount_minor: int, *, event_id: int = 1, currency: str = "CNY") -> Transfer:
    """A payment into a line's credit balance."""
    return moved(
        CASH, Address("credit_balance", line_id), amount_minor, line_id=line_id, event_id=event_id, currency=currency
    )


def bought(line_id: int, amount_minor: int) -> Transfer:
    """A purchase at merchant 3."""
    return moved(
        Address("receivable_principal", line_id), Address("merchant_payable", 3), amount_minor, line_id=line_id
    )


def applied(line_id: int, amount_minor: int) -> Transfer:
    """A line's credit applied to what it owes."""
    owed = Address("receivable_principal", line_id)
    return moved(Address("credit_balance", line_id), owed, amount_minor, line_id=line_id)


def moved(
    debit: Address, credit: Address, amount_minor: int, *, line_id: int, event_id: int = 1, currency: str = "CNY"
) -> Transfer:
    """Any transfer."""
    return Transfer(
        debit=debit,
        credit=credit,
        amount_minor=amount_minor,
        currency=currency,
        effective_on=date(2026, 11, 20),
        kind="test",
        line_id=line_id,
        event_id=event_id,
    )
