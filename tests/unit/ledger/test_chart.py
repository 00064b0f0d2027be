"""The chart: complete, told apart by number, and refused as a whole where it contradicts itself."""

import pytest

from tallystick.ledger.chart import ChartFault, Group, Scope, chart, chart_sha256, read_chart

CASH = """
[accounts.cash]
number = 1401
name = { zh = "银行存款", en = "Cash at bank" }
"""


def test_every_group_of_a_lender_s_books_is_there() -> None:
    assert {account.group for account in chart().values()} == set(Group)
    assert {account.scope for account in chart().values()} == set(Scope)


@pytest.mark.parametrize(
    ("code", "group", "scope", "is_debit"),
    [
        ("receivable_principal", Group.ASSET, Scope.LINE, True),
        ("credit_balance", Group.LIABILITY, Scope.LINE, False),
        ("merchant_payable", Group.LIABILITY, Scope.MERCHANT, False),
        ("interest_income", Group.INCOME, Scope.PRODUCT, False),
        ("waiver_expense", Group.EXPENSE, Scope.PRODUCT, True),
        ("loss_allowance", Group.ASSET, Scope.PRODUCT, False),
        ("opening_equity", Group.EQUITY, Scope.HOUSE, False),
        ("undrawn_commitment", Group.OFF_BALANCE, Scope.LINE, True),
        ("undrawn_commitment_contra", Group.OFF_BALANCE, Scope.LINE, False),
        ("charged_off_contra", Group.OFF_BALANCE, Scope.LINE, False),
    ],
)
def test_an_account_is_what_its_number_says(code: str, group: Group, scope: Scope, is_debit: bool) -> None:  # noqa: FBT001
    account = chart()[code]
    assert (account.group, account.scope, account.is_debit) == (group, scope, is_debit)


def test_everything_off_the_balance_sheet_has_a_contra() -> None:
    off_balance = {code: account for code, account in chart().items() if account.group is Group.OFF_BALANCE}
    claims = {code for code, account in off_balance.items() if account.is_debit}
    assert {f"{code}_contra" for code in claims} == off_balance.keys() - claims


def test_accounts_stand_in_the_order_of_their_numbers() -> None:
    numbers = [account.number for account in chart().values()]
    assert numbers == sorted(set(numbers))


def test_every_account_has_a_chinese_name_of_its_own_and_an_english_one() -> None:
    names = [account.name for account in chart().values()]
    assert len({name.zh for name in names}) == len({name.en for name in names}) == len(names)
    assert not any(name.zh.isascii() for name in names)
    assert all(name.en.isascii() for name in names)


def test_the_hash_is_that_of_the_content() -> None:
    assert len(chart_sha256()) == 32
    assert read_chart(CASH).keys() == {"cash"}


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("1401", "6401", "cash: number 6401 is in no group; begin it with 1, 2, 3, 4, 5 or 9"),
        ("1401", "1901", "cash: number 1901 has no owner; its second figure is 1, 2, 3 or 4"),
        ("1401", "140", "give a number and both names"),
        ('en = "Cash at bank"', 'en = ""', "give a number and both names"),
        ("number", "nummer", "nummer"),
        ("[accounts.cash]", "[accounts.cash", "chart of accounts"),
    ],
)
def test_a_wrong_account_is_named_with_the_way_out(old: str, new: str, told: str) -> None:
    with pytest.raises(ChartFault, match=told.replace("(", r"\(")):
        read_chart(CASH.replace(old, new))


def test_every_fault_is_told_at_once() -> None:
    twice = CASH + CASH.replace("cash", "coins") + CASH.replace("cash", "notes").replace("1401", "7901")
    with pytest.raises(ChartFault) as fault:
        read_chart(twice)
    assert str(fault.value).count("\n") == 2
    assert "coins: number 1401 is that of cash; give it one of its own" in str(fault.value)
    assert "notes: number 7901 is in no group" in str(fault.value)
