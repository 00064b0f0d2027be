"""The books in the terminal, in both languages, within eighty columns."""

from io import StringIO

import pytest
from rich.console import Console
from rich.table import Table

from tallystick.ledger.balance import Balance, TrialRow
from tallystick.ledger.chart import chart
from tallystick.ledger.proof import Check, Finding, Verification
from tallystick.ledger.transfer import Address
from tallystick.reports.figures import LANGUAGES, Language
from tallystick.reports.ledger_terminal import accounts_table, balances_table, findings_table, proof_table

ROWS = [
    TrialRow("cash", "CNY", 123_456_789_00, 5),
    TrialRow("cash", "JPY", 900, 0),
    TrialRow("credit_balance", "CNY", 5, 123_456_789_00),
    TrialRow("merchant_payable", "CNY", 1_25, 0),
]
WRONG = Verification(
    transfers=1_234_567,
    line_accounts=10,
    shared_accounts=3,
    seals=2,
    sealed_transfers=1_000_000,
    head=None,
    findings=tuple(Finding(check, "credit_balance 7 CNY", "0 / 100", "0 / 101") for check in Check),
)


def _shown(table: Table) -> str:
    screen = Console(file=StringIO(), width=80)
    screen.print(table)
    shown = screen.file
    assert isinstance(shown, StringIO)
    return shown.getvalue()


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_account_of_the_chart_is_shown_by_its_whole_code(language: Language) -> None:
    shown = _shown(accounts_table(ROWS, language=language))
    assert all(f" {code} " in shown for code in chart())
    assert "123,456,788.95" in shown
    assert "−1.25" in shown  # money that a merchant owes us


def test_an_account_in_two_currencies_has_a_row_for_each() -> None:
    rows = [line.split() for line in _shown(accounts_table(ROWS, language="en")).splitlines()]
    assert [row[-2:] for row in rows if row[1:2] == ["cash"]] == [["CNY", "123,456,788.95"], ["JPY", "900"]]


def test_a_balance_is_shown_with_both_its_sides() -> None:
    table = balances_table([Balance(Address("credit_balance", 7), "CNY", 40, 1_000)], language="zh")
    assert _shown(table).splitlines()[-2].split() == ["credit_balance", "7", "CNY", "0.40", "10.00", "9.60"]


@pytest.mark.parametrize("language", LANGUAGES)
def test_what_was_proven_is_counted(language: Language) -> None:
    counts = [line.split()[-1] for line in _shown(proof_table(WRONG, language=language)).splitlines()[2:-1]]
    assert counts == ["1,234,567", "10", "3", "2", "1,000,000"]


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_kind_of_finding_has_words_of_its_own(language: Language) -> None:
    shown = _shown(findings_table(WRONG, language=language))
    kinds = {line.split("credit_balance")[0].strip() for line in shown.splitlines() if "credit_balance" in line}
    assert len(kinds) == len(Check)
