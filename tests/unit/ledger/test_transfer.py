"""A transfer that no ledger could hold cannot be made."""

from dataclasses import dataclass
from datetime import date

import pytest

from tallystick.ledger.transfer import Address, Transfer

LINE_ID = 7
CASH = Address("cash", 0)
CREDIT = Address("credit_balance", LINE_ID)


@dataclass(frozen=True)
class Wish:
    """A transfer to be made, sound as it stands."""

    debit: Address = CASH
    credit: Address = CREDIT
    amount_minor: int = 500
    currency: str = "CNY"
    line_id: int = LINE_ID

    def grant(self) -> Transfer:
        """The transfer."""
        return Transfer(
            debit=self.debit,
            credit=self.credit,
            amount_minor=self.amount_minor,
            currency=self.currency,
            effective_on=date(2026, 11, 24),
            kind="payment",
            line_id=self.line_id,
            event_id=1,
        )


@pytest.mark.parametrize(
    "wish",
    [
        Wish(amount_minor=1),
        Wish(debit=Address("merchant_payable", 3), credit=Address("cash", 0), line_id=0),
        Wish(debit=Address("accrued_interest", 2), credit=Address("interest_income", 2), line_id=0),
        Wish(debit=Address("undrawn_commitment", 7), credit=Address("undrawn_commitment_contra", 7)),
        Wish(debit=Address("merchant_payable", 3), credit=Address("merchant_payable", 4), line_id=0),
    ],
    ids=["one_cent", "no_line", "one_product", "off_the_balance_sheet", "from_merchant_to_merchant"],
)
def test_what_a_ledger_can_hold_is_made(wish: Wish) -> None:
    assert wish.grant().amount_minor == wish.amount_minor


@pytest.mark.parametrize(
    ("wish", "told"),
    [
        (Wish(amount_minor=0), "amount_minor is 0"),
        (Wish(amount_minor=-5), "amount_minor is -5: a transfer moves more than zero; swap its sides"),
        (Wish(debit=Address("cash", 0), credit=Address("cash", 0)), "debit and credit are both cash"),
        (Wish(debit=Address("undrawn_commitment", 7)), "off the balance sheet moves against its contra"),
        (Wish(debit=Address("coins", 0)), "debit: there is no account 'coins'; the chart has receivable_principal"),
        (Wish(credit=Address("credit_balance", 8)), "credit: credit_balance 8 is not an account of line_id 7"),
        (Wish(credit=Address("credit_balance", 0), line_id=0), "credit_balance is not an account of line_id 0"),
        (Wish(debit=Address("cash", 9)), "debit: cash 9 belongs to the house; give owner_id 0"),
        (Wish(currency="cny"), "currency is 'cny'"),
        (Wish(currency="RMB"), "currency is .RMB.: give one of AUD, .*, CNY, "),
    ],
    ids=[
        "nothing", "less_than_nothing", "one_account", "on_to_off", "unknown", "another_line", "no_line", "house_owner",
        "small_letters", "no_currency",
    ],
)  # fmt: skip
def test_what_no_ledger_can_hold_is_refused_by_the_name_of_the_field(wish: Wish, told: str) -> None:
    with pytest.raises(ValueError, match=told):
        wish.grant()


def test_an_account_reads_as_its_code_and_its_owner() -> None:
    assert [str(Address("cash", 0)), str(Address("credit_balance", 7))] == ["cash", "credit_balance 7"]
