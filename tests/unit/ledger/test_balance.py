"""Balances from transfers, the trial balance from balances, and what does not agree."""

from datetime import date

import pytest

from tallystick.ledger.balance import Balance, Imbalance, TrialRow, differing, fold, imbalances, trial_balance
from tallystick.ledger.transfer import Address, Transfer

CASH = Address("cash", 0)


def _moved(debit: Address, credit: Address, amount_minor: int, *, line_id: int, currency: str = "CNY") -> Transfer:
    return Transfer(
        debit=debit,
        credit=credit,
        amount_minor=amount_minor,
        currency=currency,
        effective_on=date(2026, 11, 24),
        kind="test",
        line_id=line_id,
        event_id=1,
    )


def test_a_purchase_a_payment_and_its_allocation_leave_what_is_still_owed() -> None:
    """A purchase of 100.00; a payment of 60.00, of which 55.00 is applied."""
    owed, credit, merchant = (
        Address("receivable_principal", 7),
        Address("credit_balance", 7),
        Address("merchant_payable", 3),
    )
    balances = fold(
        [
            _moved(owed, merchant, 10_000, line_id=7),
            _moved(CASH, credit, 6_000, line_id=7),
            _moved(credit, owed, 5_500, line_id=7),
        ]
    )
    assert {str(address): balance.net_minor for (address, _), balance in balances.items()} == {
        "cash": 6_000,
        "credit_balance 7": 500,
        "merchant_payable 3": 10_000,
        "receivable_principal 7": 4_500,
    }


def test_currencies_of_one_account_are_kept_apart() -> None:
    credit = Address("credit_balance", 7)
    balances = fold(
        [_moved(CASH, credit, 500, line_id=7), _moved(CASH, credit, 300, line_id=7, currency="EUR")],
    )
    assert [balances[CASH, currency].net_minor for currency in ("CNY", "EUR")] == [500, 300]


@pytest.mark.parametrize(
    ("code", "net_minor"),
    [("cash", 40), ("suspense", -40), ("loss_allowance", -40), ("charged_off", 40), ("charged_off_contra", -40)],
)
def test_what_stands_is_counted_on_the_normal_side(code: str, net_minor: int) -> None:
    assert Balance(Address(code, 1), "CNY", debit_minor=100, credit_minor=60).net_minor == net_minor
    assert TrialRow(code, "CNY", debit_minor=100, credit_minor=60).net_minor == net_minor


def test_a_trial_balance_sums_owners_in_the_order_of_the_chart() -> None:
    rows = trial_balance(
        fold(
            [
                _moved(CASH, Address("credit_balance", 8), 20, line_id=8),
                _moved(CASH, Address("credit_balance", 7), 10, line_id=7),
                _moved(CASH, Address("suspense", 0), 5, line_id=0, currency="AUD"),
            ]
        ).values()
    )
    assert rows == (
        TrialRow("cash", "AUD", 5, 0),
        TrialRow("cash", "CNY", 30, 0),
        TrialRow("credit_balance", "CNY", 0, 30),
        TrialRow("suspense", "AUD", 0, 5),
    )


def test_what_is_off_the_balance_sheet_balances_by_itself() -> None:
    """One cent too many on each side would cancel out if both were summed together."""
    rows = [
        TrialRow("cash", "CNY", 101, 0),
        TrialRow("suspense", "CNY", 0, 100),
        TrialRow("undrawn_commitment", "CNY", 50, 0),
        TrialRow("undrawn_commitment_contra", "CNY", 0, 51),
        TrialRow("cash", "EUR", 7, 7),
    ]
    assert list(imbalances(rows)) == [Imbalance("CNY", False, 101, 100), Imbalance("CNY", True, 50, 51)]  # noqa: FBT003


def test_each_kept_balance_that_is_not_the_proven_one_is_found_an_absent_one_too() -> None:
    proven = fold([_moved(CASH, Address("credit_balance", 7), 10, line_id=7)])
    assert list(differing(proven, proven)) == []
    kept = {(CASH, "CNY"): Balance(CASH, "CNY", 11, 0), (CASH, "EUR"): Balance(CASH, "EUR", 1, 1)}
    credit = Address("credit_balance", 7)
    assert list(differing(proven, kept)) == [
        (Balance(CASH, "CNY", 10, 0), Balance(CASH, "CNY", 11, 0)),
        (Balance(CASH, "EUR", 0, 0), Balance(CASH, "EUR", 1, 1)),
        (Balance(credit, "CNY", 0, 10), Balance(credit, "CNY", 0, 0)),
    ]
