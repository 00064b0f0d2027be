"""The books in the terminal: accounts with their balances, and what a proof of them found."""

from collections.abc import Iterable, Sequence
from decimal import Decimal
from typing import Final

from rich.table import Table
from rich.text import Text

from tallystick.ledger.balance import Balance, TrialRow
from tallystick.ledger.chart import Scope, chart
from tallystick.ledger.proof import Check, Verification
from tallystick.reports.figures import ABSENT, Language, count_text
from tallystick.reports.terminal import worded_table
from tallystick.reports.texts import texts_in
from tallystick.units.money import MINOR_DIGITS

_OWNERS: Final = {Scope.LINE: "line", Scope.MERCHANT: "merchant", Scope.PRODUCT: "product", Scope.HOUSE: "house"}
_CHECKS: Final = {
    Check.TRANSFER: "transfer",
    Check.DEBITS_EQUAL_CREDITS: "debits_equal_credits",
    Check.SHARED_BALANCE: "shared_balance",
    Check.CONTROL_FIGURE: "control_figure",
    Check.LINE_BALANCE: "line_balance",
    Check.LINE_FIGURE: "line_figure",
    Check.ACCRUAL: "accrual",
    Check.SUSPENSE: "suspense",
    Check.MERCHANT: "merchant_account",
    Check.SETTLEMENT: "settlement",
    Check.PAYOUT: "payout",
    Check.CHAIN: "chain",
    Check.ANCHOR: "anchor",
}


def accounts_table(rows: Iterable[TrialRow], *, language: Language) -> Table:
    """The whole chart by number, with the balance of each code per currency; a dash where nothing was ever posted."""
    say = texts_in(language)
    table = worded_table(
        say("ledger.accounts_title"),
        [say(f"ledger.{head}") for head in ("number", "code", "name", "owner")],
        [say(f"ledger.{head}") for head in ("currency", "balance")],
    )
    for column in (table.columns[1], table.columns[5]):
        column.no_wrap = True  # a code and a balance are read whole; a name may take two rows
    by_code: dict[str, list[TrialRow]] = {}
    for row in rows:
        by_code.setdefault(row.code, []).append(row)
    for code, account in chart().items():
        name = account.name.zh if language == "zh" else account.name.en
        told = [str(account.number), code, name, say(f"ledger.{_OWNERS[account.scope]}")]
        balances = [(row.currency, money_text(row.net_minor, row.currency)) for row in by_code.get(code, [])]
        for currency, balance in balances or [(ABSENT, ABSENT)]:
            table.add_row(*map(Text, (*told, currency, balance)))
    return table


def balances_table(balances: Sequence[Balance], *, language: Language) -> Table:
    """What was debited and credited to each account, and what stands there."""
    say = texts_in(language)
    figures = [say(f"ledger.{head}") for head in ("debit", "credit", "balance")]
    table = worded_table("", [say("ledger.code"), say("ledger.currency")], figures)
    for balance in balances:
        sides = (balance.debit_minor, balance.credit_minor, balance.net_minor)
        told = [str(balance.address), balance.currency, *(money_text(minor, balance.currency) for minor in sides)]
        table.add_row(*map(Text, told))
    return table


def proof_table(verification: Verification, *, language: Language) -> Table:
    """What was proven, how much of it."""
    say = texts_in(language)
    table = worded_table(say("ledger.proof_title"), [""], [""])
    table.show_header = False
    counts = (
        ("transfers", verification.transfers),
        ("line_accounts", verification.line_accounts),
        ("shared_accounts", verification.shared_accounts),
        ("seals", verification.seals),
        ("sealed_transfers", verification.sealed_transfers),
    )
    for name, count in counts:
        table.add_row(Text(say(f"ledger.{name}")), Text(count_text(count)))
    return table


def head_text(anchor: str, *, language: Language) -> Text:
    """The head of the chain, to be written down elsewhere and given to a later proof."""
    return Text(texts_in(language)("ledger.head") + f":\n{anchor}")


def sound_text(*, language: Language) -> Text:
    """What a proof that found nothing says."""
    return Text("✓ " + texts_in(language)("ledger.sound"))


def sealed_text(count: int, *, language: Language) -> Text:
    """How many transfers were sealed."""
    return Text("✓ " + texts_in(language)("ledger.sealed", count=count_text(count)))


def findings_table(verification: Verification, *, language: Language) -> Table:
    """Everything that is wrong, in the order of the checks; amounts in minor units, debit / credit."""
    say = texts_in(language)
    heads = [say(f"ledger.{head}") for head in ("check", "subject", "proven", "found")]
    table = worded_table(say("ledger.proof_found"), heads[:2], heads[2:])
    for finding in verification.findings:
        check = Text(say(f"ledger.{_CHECKS[finding.check]}"), style="red")
        table.add_row(check, Text(finding.subject), Text(finding.proven), Text(finding.found))
    return table


def money_text(amount_minor: int, currency: str) -> str:
    """An amount as books write it, every decimal of its currency told.

    >>> money_text(-123_400, "CNY"), money_text(900, "JPY")
    ('−1,234.00', '900')
    """
    digits = MINOR_DIGITS[currency]
    return f"{Decimal(amount_minor).scaleb(-digits):,.{digits}f}".replace("-", "\N{MINUS SIGN}")
