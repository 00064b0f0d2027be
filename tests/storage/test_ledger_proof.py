"""The proof of the books: silent over sound ones, and it names whatever a superuser changed behind their back."""

import threading
from dataclasses import dataclass
from datetime import date

import psycopg
import pytest
from psycopg import sql
from tests.books import Books
from tests.moves import TODAY, bought, paid
from tests.waiting import wait_until_all_can_see

from tallystick.ledger.chain import Anchor, read_anchor
from tallystick.ledger.proof import Check, Verification
from tallystick.operations.ledger import seal, verify
from tallystick.operations.progress import Silent
from tallystick.storage.ledger import fold_deltas, post
from tallystick.storage.ledger_chain import last_seal


@pytest.fixture
def sound(connection: psycopg.Connection) -> psycopg.Connection:
    """Transfers 1 to 10, sealed, of five lines, a transaction each and some folded; and two that are not sealed."""
    for line_id in range(1, 6):
        post(connection, [bought(line_id, 10_000), paid(line_id, 100 * line_id)], booked_on=TODAY)
        connection.commit()
    fold_deltas(connection, most=4)
    connection.commit()
    _seal(connection)
    post(connection, [bought(6, 700), paid(6, 70)], booked_on=TODAY)
    connection.commit()
    return connection


def _seal(connection: psycopg.Connection) -> None:
    wait_until_all_can_see(connection)
    assert seal(connection) > 0
    connection.commit()


def disarm(connection: psycopg.Connection) -> None:
    """What only the owner of the tables can do: no trigger fires any more."""
    rows = connection.execute("SELECT DISTINCT tgrelid::regclass::text FROM pg_trigger WHERE NOT tgisinternal")
    for (table,) in rows.fetchall():
        connection.execute(sql.SQL("ALTER TABLE {} DISABLE TRIGGER USER").format(sql.Identifier(table)))


def _proof(connection: psycopg.Connection, *, anchor: Anchor | None = None) -> Verification:
    """The books alone, without what servicing keeps."""
    connection.commit()
    return verify(connection, progress=Silent(), anchor=anchor, figure_checks=())


def test_empty_books_are_sound(connection: psycopg.Connection) -> None:
    assert _proof(connection) == Verification(0, 0, 0, 0, 0, None, ())


def test_sound_books_are_counted_and_nothing_is_found(sound: psycopg.Connection) -> None:
    proof = _proof(sound)
    assert proof.findings == ()
    assert proof.is_sound
    assert (proof.transfers, proof.line_accounts, proof.shared_accounts) == (12, 12, 2)
    assert proof.sealed_transfers == 10
    assert proof.head is not None
    assert _proof(sound, anchor=read_anchor(proof.head)).is_sound


@dataclass(frozen=True)
class Wrong:
    """What a superuser did with every trigger and constraint out of his way, and what must be found."""

    done: str
    found: dict[Check, str]


WRONGS = {
    "an_amount_raised": Wrong(
        "UPDATE transfers SET amount_minor = amount_minor + 1 WHERE transfer_id = 4",
        {
            Check.SHARED_BALANCE: "cash CNY: 1,571 / 0, 1,570 / 0",
            Check.CONTROL_FIGURE: "credit_balance CNY: 0 / 1,571, 0 / 1,570",
            Check.LINE_BALANCE: "credit_balance 2 CNY: 0 / 201, 0 / 200",
            Check.CHAIN: "seal 1, transfer 4: as sealed, changed",
        },
    ),
    "an_amount_raised_and_all_balances_with_it": Wrong(
        """
        UPDATE transfers SET amount_minor = amount_minor + 1 WHERE transfer_id = 4;
        UPDATE line_balances SET credit_minor = credit_minor + 1 WHERE line_id = 2 AND number = 2101;
        UPDATE shared_deltas SET debit_minor = debit_minor + 1
        WHERE delta_id = (SELECT max(delta_id) FROM shared_deltas WHERE number = 1401)
        """,
        {Check.CHAIN: "seal 1, transfer 4: as sealed, changed"},
    ),
    "a_business_day_moved": Wrong(
        "UPDATE transfers SET effective_on = effective_on - 1 WHERE transfer_id = 9",
        {Check.CHAIN: "seal 1, transfer 9: as sealed, changed"},
    ),
    "a_transfer_removed": Wrong(
        "DELETE FROM transfers WHERE transfer_id = 7",
        {
            Check.SHARED_BALANCE: "merchant_payable 3 CNY: 0 / 40,700, 0 / 50,700",
            Check.CONTROL_FIGURE: "receivable_principal CNY: 40,700 / 0, 50,700 / 0",
            Check.LINE_BALANCE: "receivable_principal 4 CNY: 0 / 0, 10,000 / 0",
            Check.CHAIN: "seal 1, after transfer 6: a transfer, removed",
        },
    ),
    "a_transfer_slipped_in": Wrong(
        """
        INSERT INTO transfers OVERRIDING SYSTEM VALUE
        SELECT 900, debit_owner, credit_owner, 1, line_id, event_id, recorded_xid, effective_on, booked_on,
               recorded_generation, debit_number, credit_number, currency, kind FROM transfers WHERE transfer_id = 2
        """,
        {
            Check.SHARED_BALANCE: "cash CNY: 1,571 / 0, 1,570 / 0",
            Check.CONTROL_FIGURE: "credit_balance CNY: 0 / 1,571, 0 / 1,570",
            Check.LINE_BALANCE: "credit_balance 1 CNY: 0 / 101, 0 / 100",
            Check.CHAIN: "seal 1, transfer 900: as sealed, inserted",
        },
    ),
    "a_transfer_that_no_ledger_writes": Wrong(
        """
        ALTER TABLE transfers DROP CONSTRAINT transfers_amount_minor_check;
        UPDATE transfers SET amount_minor = -70 WHERE transfer_id = 12
        """,
        {
            Check.TRANSFER: "transfer 12: two accounts, above zero, 1401 0 <- 2101 6: -70",
            Check.SHARED_BALANCE: "cash CNY: 1,500 / 0, 1,570 / 0",
            Check.CONTROL_FIGURE: "credit_balance CNY: 0 / 1,500, 0 / 1,570",
            Check.LINE_BALANCE: "credit_balance 6 CNY: 0 / -70, 0 / 70",
        },
    ),
    "a_balance_of_a_line_raised": Wrong(
        "UPDATE line_balances SET credit_minor = credit_minor + 5 WHERE line_id = 3 AND number = 2101",
        {
            Check.DEBITS_EQUAL_CREDITS: "CNY, balance sheet: debit 52,270, credit 52,275",
            Check.CONTROL_FIGURE: "credit_balance CNY: 0 / 1,570, 0 / 1,575",
            Check.LINE_BALANCE: "credit_balance 3 CNY: 0 / 300, 0 / 305",
        },
    ),
    "a_balance_moved_from_line_to_line": Wrong(
        """
        UPDATE line_balances SET credit_minor = credit_minor + CASE line_id WHEN 3 THEN 5 ELSE -5 END
        WHERE line_id IN (3, 4) AND number = 2101
        """,
        {Check.LINE_BALANCE: "credit_balance 3 CNY: 0 / 300, 0 / 305"},
    ),
    "a_balance_of_a_line_removed": Wrong(
        "DELETE FROM line_balances WHERE line_id = 5 AND number = 1101",
        {
            Check.DEBITS_EQUAL_CREDITS: "CNY, balance sheet: debit 42,270, credit 52,270",
            Check.CONTROL_FIGURE: "receivable_principal CNY: 50,700 / 0, 40,700 / 0",
            Check.LINE_BALANCE: "receivable_principal 5 CNY: 10,000 / 0, 0 / 0",
        },
    ),
    "a_balance_from_nowhere": Wrong(
        "INSERT INTO line_balances VALUES (77, 8, 8, 2101, 'CNY')",
        {
            Check.CONTROL_FIGURE: "credit_balance CNY: 0 / 1,570, 8 / 1,578",
            Check.LINE_BALANCE: "credit_balance 77 CNY: 0 / 0, 8 / 8",
        },
    ),
    "a_folded_sum_raised": Wrong(
        "UPDATE shared_balances SET debit_minor = debit_minor + 9 WHERE number = 1401",
        {
            Check.DEBITS_EQUAL_CREDITS: "CNY, balance sheet: debit 52,279, credit 52,270",
            Check.SHARED_BALANCE: "cash CNY: 1,570 / 0, 1,579 / 0",
        },
    ),
    "a_delta_lost": Wrong(
        "DELETE FROM shared_deltas WHERE delta_id = (SELECT max(delta_id) FROM shared_deltas WHERE number = 1401)",
        {
            Check.DEBITS_EQUAL_CREDITS: "CNY, balance sheet: debit 52,200, credit 52,270",
            Check.SHARED_BALANCE: "cash CNY: 1,570 / 0, 1,500 / 0",
        },
    ),
    "a_seal_forged": Wrong(
        "UPDATE seals SET digest = sha256(digest)",
        {Check.CHAIN: "seal 1: as written, seal changed"},
    ),
}


@pytest.mark.parametrize("wrong", WRONGS.values(), ids=WRONGS)
def test_what_was_changed_behind_the_books_back_is_named(sound: psycopg.Connection, wrong: Wrong) -> None:
    """Every check finds exactly what it should, and no other finds anything."""
    disarm(sound)
    for statement in wrong.done.split(";"):
        sound.execute(statement.encode())
    proof = _proof(sound)
    first: dict[Check, str] = {}
    for finding in proof.findings:
        first.setdefault(finding.check, f"{finding.subject}: {finding.proven}, {finding.found}")
    assert first == wrong.found
    assert not proof.is_sound


def test_books_and_chain_made_anew_are_whole_but_for_the_anchor_kept_outside(sound: psycopg.Connection) -> None:
    kept = _proof(sound).head
    assert kept is not None
    disarm(sound)
    sound.execute("UPDATE transfers SET kind = 'forged' WHERE transfer_id = 1")
    sound.execute("DELETE FROM seals")
    sound.execute("DELETE FROM chain_head")
    sound.commit()
    _seal(sound)
    assert _proof(sound).is_sound
    (finding,) = _proof(sound, anchor=read_anchor(kept)).findings
    assert (finding.check, finding.subject, finding.found) == (Check.ANCHOR, "seal 1", "not in the chain")


def test_a_chain_cut_short_shows_by_the_anchor(sound: psycopg.Connection) -> None:
    kept = _proof(sound).head
    assert kept is not None
    disarm(sound)
    sound.execute("DELETE FROM seals")
    sound.execute("DELETE FROM chain_head")
    assert [finding.check for finding in _proof(sound, anchor=read_anchor(kept)).findings] == [Check.ANCHOR]


def test_the_last_seals_removed_show_by_what_is_remembered_and_still_do_when_sealing_went_on(
    sound: psycopg.Connection,
) -> None:
    for amount_minor in (1, 2):
        _seal(sound)
        post(sound, [paid(6, amount_minor)], booked_on=TODAY)
        sound.commit()
    _seal(sound)
    disarm(sound)
    sound.execute("DELETE FROM seals WHERE seal_number > 2")
    sound.commit()
    told = [f"{finding.subject}: {finding.proven}, {finding.found}" for finding in _proof(sound).findings]
    assert told == ["seal 3: a seal, removed", "seal 4: a seal, removed"]
    _seal(sound)
    (finding,) = _proof(sound).findings
    assert (finding.check, finding.subject, finding.found) == (Check.CHAIN, "seal 3", "removed")
    last = last_seal(sound)
    assert last is not None
    assert last.number == 5


def test_seals_in_another_order_are_named(sound: psycopg.Connection) -> None:
    _seal(sound)
    disarm(sound)
    sound.execute("UPDATE seals SET seal_number = -seal_number + 3 + 10")
    sound.execute("UPDATE seals SET seal_number = seal_number - 10")
    told = {f"{finding.subject}: {finding.found}" for finding in _proof(sound).findings}
    assert told == {"seal 1, transfer 1: inserted", "seal 2, after transfer 0: removed", "seal 2: seal changed"}


def test_accounts_that_no_chart_knows_are_named(sound: psycopg.Connection) -> None:
    sound.execute("INSERT INTO shared_deltas VALUES (DEFAULT, 0, 5, 0, 1499, 'CNY')")
    sound.execute("INSERT INTO line_balances VALUES (6, 9, 0, 1188, 'CNY')")
    told = {
        finding.check: f"{finding.subject}: {finding.proven}, {finding.found}" for finding in _proof(sound).findings
    }
    assert told == {
        Check.SHARED_BALANCE: "1499 CNY: 0 / 0, 5 / 0",
        Check.LINE_BALANCE: "1188 6 CNY: 0 / 0, 9 / 0",
    }


def test_of_each_kind_twenty_are_listed(sound: psycopg.Connection) -> None:
    post(sound, [paid(line_id, 10) for line_id in range(100, 150)], booked_on=TODAY)
    sound.execute("UPDATE line_balances SET debit_minor = debit_minor + 1, credit_minor = credit_minor + 1")
    findings = _proof(sound).findings
    assert [finding.check for finding in findings].count(Check.LINE_BALANCE) == 20


def test_books_that_are_written_meanwhile_are_sound_at_every_moment(database_url: str) -> None:
    ended = threading.Event()
    faults: list[Verification] = []

    def write() -> None:
        with psycopg.connect(database_url, autocommit=True) as connection:
            for number in range(200):
                post(connection, [bought(number % 7 + 1, 100), paid(number % 7 + 1, 10)], booked_on=TODAY)
                if number % 5 == 0:
                    seal(connection)
                    fold_deltas(connection, most=6)
        ended.set()

    writer = threading.Thread(target=write)
    writer.start()
    try:
        with psycopg.connect(database_url) as connection:
            while not ended.is_set():
                proof = verify(connection, progress=Silent(), figure_checks=())
                faults += [] if proof.is_sound else [proof]
    finally:
        writer.join(timeout=60)
    assert faults == []


@pytest.fixture
def books(connection: psycopg.Connection) -> Books:
    """A line that was drawn, billed, paid late and in part."""
    books = Books(connection)
    books.add_borrower(1)
    books.open_line(7, 1)
    books.buy(7, 11, 100_000, date(2026, 1, 6))
    books.buy(7, 12, 33_333, date(2026, 1, 20))
    books.pay(7, 31, 20_000, date(2026, 3, 10))
    books.pay(7, 32, 5_000, date(2026, 3, 12), on=date(2026, 2, 1))
    connection.commit()
    return books


def test_the_figures_of_a_line_are_the_balances_of_its_accounts(books: Books) -> None:
    assert verify(books.connection, progress=Silent()).findings == ()


ACCOUNTS = {
    "drawn_minor": "receivable_principal",
    "owed_interest_minor": "receivable_interest",
    "owed_fee_minor": "receivable_fee",
    "owed_penalty_minor": "receivable_penalty",
    "credit_minor": "credit_balance",
    "charged_off_minor": "charged_off",
}


@pytest.mark.parametrize("figure", ACCOUNTS)
def test_a_figure_of_a_line_that_is_not_its_balance_is_named(books: Books, figure: str) -> None:
    row = books.connection.execute(f"UPDATE lines SET {figure} = {figure} + 3 RETURNING {figure} - 3").fetchone()
    books.connection.commit()
    findings = verify(books.connection, progress=Silent()).findings
    assert {finding.check for finding in findings} == {Check.LINE_FIGURE}
    assert row is not None
    told = {f"{one.subject}: {one.proven}, {one.found}" for one in findings}
    assert f"{ACCOUNTS[figure]} 7, {figure}: {row[0]:,}, {row[0] + 3:,}" in told


def test_a_limit_raised_behind_the_books_back_shows_in_the_commitment(books: Books) -> None:
    books.connection.execute("UPDATE lines SET limit_minor = limit_minor + 1")
    books.connection.commit()
    (finding,) = verify(books.connection, progress=Silent()).findings
    assert finding.subject == "undrawn_commitment 7, limit_minor - drawn_minor"


def test_an_account_of_no_line_is_named(books: Books) -> None:
    post(books.connection, [paid(8, 1)], booked_on=TODAY)
    books.connection.commit()
    (finding,) = verify(books.connection, progress=Silent()).findings
    assert (finding.check, finding.subject, finding.found) == (Check.LINE_FIGURE, "line 8", "none")
