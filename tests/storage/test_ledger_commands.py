"""`tallystick ledger ...` as a person meets it: books read, sealed and proven, and what is wrong told by name."""

from datetime import date

import psycopg
import pytest
from tests.commands import Ran, command
from tests.waiting import wait_until_all_can_see

from tallystick.ledger.transfer import Address, Transfer
from tallystick.storage.ledger import post

TODAY = date(2026, 11, 24)


def _run(url: str, *words: str, language: str = "en") -> Ran:
    return command("ledger", *words, url=url, language=language)


@pytest.fixture
def url(database_url: str) -> str:
    """Books in which lines 7 and 8 were paid, with no line of servicing behind them."""
    moves = [
        Transfer(
            debit=Address("cash", 0),
            credit=Address("credit_balance", line_id),
            amount_minor=amount_minor,
            currency=currency,
            effective_on=TODAY,
            kind="payment",
            line_id=line_id,
            event_id=1,
        )
        for line_id, amount_minor, currency in ((7, 123_456, "CNY"), (8, 44, "CNY"), (8, 900, "JPY"))
    ]
    with psycopg.connect(database_url) as connection:
        post(connection, moves, booked_on=TODAY)
    return database_url


def test_the_chart_is_shown_with_the_balance_of_each_code(url: str) -> None:
    answer = _run(url, "accounts")
    assert answer.returncode == 0, answer.stderr
    lines = [line.split() for line in answer.stdout.splitlines()]
    assert ["1401", "cash", "Cash", "at", "bank", "house", "CNY", "1,235.00"] in lines
    assert ["1401", "cash", "Cash", "at", "bank", "house", "JPY", "900"] in lines
    assert ["2401", "suspense", "Suspense:", "money", "not", "matched", "yet", "house", "–", "–"] in lines
    assert "溢缴款" in _run(url, "accounts", language="zh").stdout


def test_one_account_is_shown_with_both_its_sides(url: str) -> None:
    answer = _run(url, "balance", "credit_balance", "8")
    assert answer.returncode == 0, answer.stderr
    rows = [line.split() for line in answer.stdout.splitlines() if line.strip().startswith("credit_balance")]
    assert rows == [
        ["credit_balance", "8", "CNY", "0.00", "0.44", "0.44"],
        ["credit_balance", "8", "JPY", "0", "900", "900"],
    ]


def test_an_unknown_account_is_refused_with_those_there_are(url: str) -> None:
    answer = _run(url, "balance", "petty_cash")
    assert answer.returncode == 2
    assert "there is no account 'petty_cash'; the chart has receivable_principal," in " ".join(answer.stderr.split())


def test_sealed_books_without_lines_are_told_from_whole_ones(url: str) -> None:
    """Line 7 has accounts, and servicing knows no line 7: status 1, and the line is named."""
    with psycopg.connect(url) as connection:
        wait_until_all_can_see(connection)
    assert _run(url, "seal").stdout.strip() == "✓ 3 transfers sealed"
    answer = _run(url, "verify")
    assert answer.returncode == 1
    words = [line.split() for line in answer.stdout.splitlines()]
    assert ["figure", "of", "a", "line", "line", "7", "a", "line", "none"] in words
    assert ["transfers", "sealed", "3"] in words


def test_sound_books_say_so_and_an_anchor_of_other_books_does_not_fit(database_url: str) -> None:
    answer = _run(database_url, "verify", language="zh")
    assert answer.returncode == 0, answer.stderr
    assert "✓ 全部余额与转账相符" in answer.stdout
    other = _run(database_url, "verify", "--anchor", "1:" + "0" * 64)
    assert other.returncode == 1
    assert "not in the chain" in other.stdout


def test_what_is_no_anchor_is_refused_with_the_form_of_one(database_url: str) -> None:
    answer = _run(database_url, "verify", "--anchor", "12:abc")
    assert answer.returncode == 2
    assert "anchor '12:abc': give a seal's number, a colon and the 64 hexadecimal digits" in " ".join(
        answer.stderr.split()
    )
