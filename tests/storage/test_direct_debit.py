"""Direct debits: asked once a day, tried again by the calendar, answered once, and never against a care or a pause."""

from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path

import psycopg
import pytest
from msgspec.structs import replace
from tests.books import OPENED_ON, Books, ended

from tallystick.ledger.transfer import Address
from tallystick.operations.debits import (
    DebitFault,
    end_mandate,
    give_mandate,
    import_answers,
    make_debits,
    write_instructions,
)
from tallystick.operations.ledger import keep_books, verify
from tallystick.operations.lines import Recorded
from tallystick.operations.money_files import Imported
from tallystick.operations.money_in import import_statement
from tallystick.operations.progress import Silent
from tallystick.operations.suspense import decide, propose, reconcile
from tallystick.servicing import facts
from tallystick.servicing.direct_debit import Pays, debit_rules
from tallystick.sources.files import FileFault
from tallystick.storage import debits, ledger, lines
from tallystick.storage.debits import Debit
from tallystick.storage.money_rows import SuspenseItem
from tallystick.terms.product import CareKind
from tallystick.units.ids import IdPrefix, encode_id

DUE_ON = date(2026, 1, 28)


@pytest.fixture
def books(database_url: str) -> Iterator[Books]:
    """A line that owes 1,000 yuan by its first statement, with a mandate; every statement commits by itself."""
    with psycopg.connect(database_url, autocommit=True) as connection:
        books = Books(connection)
        books.add_borrower(1)
        books.open_line(7, 1)
        assert isinstance(books.buy(7, 70, 100_000, OPENED_ON + timedelta(days=1)), Recorded)
        allow(books)
        yield books


def allow(books: Books, *, reference: str = "mandate-1", pays: Pays = Pays.ALL_DUE) -> None:
    """A mandate for the line."""
    act = books.act_of(OPENED_ON)
    give_mandate(books.connection, 7, reference=reference, pays=pays, given_on=OPENED_ON, act=act)


def asked(books: Books, on: date) -> list[Debit]:
    """The instructions of a day."""
    with books.connection.transaction():
        return make_debits(books.connection, on, act=books.act_of(on), progress=Silent())


def answered(books: Books, folder: Path, today: date, *rows: str) -> Imported:
    """The bank's answers imported."""
    path = folder / "answers.csv"
    path.write_text("\n".join(("debit,outcome,answered_on,code", *rows)) + "\n", encoding="utf-8")
    return ended(import_answers(books.connection, path, act=books.act_of(today)))


def told(debit: Debit) -> str:
    """The id of an instruction as files have it."""
    return encode_id(IdPrefix.DEBIT, debit.debit_id)


def books_hold(books: Books) -> None:
    """`ledger verify` finds nothing."""
    while any(keep_books(books.connection)):
        pass
    assert verify(books.connection, progress=Silent()).findings == ()


def day(count: int) -> date:
    """So many days after the due date."""
    return DUE_ON + timedelta(days=count)


def test_the_statement_is_asked_for_on_its_due_date_and_not_before(books: Books) -> None:
    assert asked(books, day(-1)) == []
    (debit,) = asked(books, DUE_ON)
    assert (debit.amount_minor, debit.due_on, debit.attempt) == (100_000, DUE_ON, 1)


def test_the_same_day_again_gives_the_same_file(books: Books, tmp_path: Path) -> None:
    written = []
    for name in ("first.csv", "second.csv"):
        write_instructions(tmp_path / name, asked(books, DUE_ON))
        written.append((tmp_path / name).read_bytes())
    assert written[0] == written[1]
    assert b",mandate-1," in written[0]
    assert b",1000.00,CNY" in written[0]


def test_a_mandate_for_the_minimum_takes_no_more(database_url: str) -> None:
    with psycopg.connect(database_url, autocommit=True) as connection:
        books = Books(connection)
        books.add_borrower(1)
        books.open_line(7, 1)
        books.buy(7, 70, 100_000, OPENED_ON + timedelta(days=1))
        allow(books, pays=Pays.MINIMUM)
        assert [debit.amount_minor for debit in asked(books, DUE_ON)] == [10_000]


def test_a_paid_debit_is_a_payment_once(books: Books, tmp_path: Path) -> None:
    (debit,) = asked(books, DUE_ON)
    row = f"{told(debit)},paid,{DUE_ON},"
    assert answered(books, tmp_path, day(1), row).booked == {"paid": 1, "failed": 0, "returned": 0}
    assert answered(books, tmp_path, day(1), row).known == 1
    assert (
        ledger.shared_balance(books.connection, Address("direct_debit_clearing", 0), currency="CNY").net_minor
        == 100_000
    )
    assert asked(books, day(2)) == []
    while any(keep_books(books.connection)):
        pass
    assert verify(books.connection, progress=Silent()).findings == ()


def test_a_failed_debit_is_tried_again_by_the_calendar_and_then_no_more(books: Books, tmp_path: Path) -> None:
    tries: list[tuple[int, int]] = []
    for count in range(12):
        for debit in asked(books, day(count)):
            tries.append((count, debit.attempt))
            answered(books, tmp_path, day(count), f"{told(debit)},failed,{day(count)},insufficient_funds")
    assert tries == [(0, 1), (1, 2), (3, 3), (7, 4)]
    assert len(tries) == 1 + len(debit_rules().retry_after_days)


def test_what_the_bank_has_not_answered_is_shown_and_not_tried_again(books: Books) -> None:
    (debit,) = asked(books, DUE_ON)
    assert asked(books, day(1)) == asked(books, day(5)) == []
    assert debits.unanswered(books.connection) == [debit]


@pytest.mark.parametrize(("code", "lives"), [("account_frozen", True), ("account_closed", False), ("disputed", False)])
def test_a_code_may_end_the_tries_and_the_mandate(books: Books, tmp_path: Path, code: str, lives: bool) -> None:  # noqa: FBT001
    (debit,) = asked(books, DUE_ON)
    answered(books, tmp_path, DUE_ON, f"{told(debit)},failed,{DUE_ON},{code}")
    assert asked(books, day(3)) == []
    assert (debits.living_mandate(books.connection, 7) is not None) is lives


def test_a_debit_returned_after_it_was_paid_is_as_if_never_paid(books: Books, tmp_path: Path) -> None:
    (debit,) = asked(books, DUE_ON)
    answered(books, tmp_path, DUE_ON, f"{told(debit)},paid,{DUE_ON},")
    back = answered(books, tmp_path, day(2), f"{told(debit)},returned,{day(2)},insufficient_funds")
    assert back.booked["returned"] == 1
    assert ledger.shared_balance(books.connection, Address("direct_debit_clearing", 0), currency="CNY").net_minor == 0
    (again,) = asked(books, day(3))
    assert (again.attempt, again.due_on) == (2, DUE_ON)


def test_a_care_or_a_pause_keeps_the_bank_from_being_asked(books: Books) -> None:
    paused = facts.DelinquencyPaused(until=day(10), reason="flood")
    assert isinstance(books.act(7, paused, day(-1)), Recorded)
    assert asked(books, DUE_ON) == []
    assert isinstance(books.act(7, facts.CareBegun(kind=CareKind.HARDSHIP), day(10)), Recorded)
    assert asked(books, day(11)) == []


def test_a_row_that_is_wrong_stops_no_other(books: Books, tmp_path: Path) -> None:
    (debit,) = asked(books, DUE_ON)
    unknown = encode_id(IdPrefix.DEBIT, 1 << 40)
    rows = (
        f"{unknown},paid,{DUE_ON},",
        f"{told(debit)},paid,{DUE_ON - timedelta(days=1)},",
        f"{told(debit)},refused,{DUE_ON},",
        f"{told(debit)},failed,{DUE_ON},R01",
        f"{told(debit)},paid,{DUE_ON},insufficient_funds",
        f"{told(debit)},returned,{DUE_ON},disputed",
        f"{told(debit)},paid,{DUE_ON},",
        f"{told(debit)},failed,{DUE_ON},disputed",
    )
    found = answered(books, tmp_path, DUE_ON, *rows)
    assert [(row.file_line, row.fault.value) for row in found.rejected] == [
        (2, "DEBIT_UNKNOWN"),
        (3, "ANSWERED_BEFORE_ASKED"),
        (4, "OUTCOME_UNKNOWN"),
        (5, "CODE_UNKNOWN"),
        (6, "CODE_UNKNOWN"),
        (7, "NOT_PAID_BEFORE"),
        (9, "ANSWERED_OTHERWISE"),
    ]
    assert found.booked["paid"] == 1
    path = tmp_path / "other.csv"
    path.write_text("a,b\n", encoding="utf-8")
    with pytest.raises(FileFault, match="has no column"):
        ended(import_answers(books.connection, path, act=books.act_of(DUE_ON)))


def test_mandates_are_given_once_one_at_a_time_and_end(books: Books) -> None:
    with pytest.raises(DebitFault, match="holds for the line"):
        allow(books, reference="mandate-2")
    assert end_mandate(books.connection, "mandate-1", reason="the borrower asked", act=books.act_of(DUE_ON))
    assert not end_mandate(books.connection, "mandate-1", reason="the borrower asked", act=books.act_of(DUE_ON))
    with pytest.raises(DebitFault, match="known already"):
        allow(books)
    allow(books, reference="mandate-2")
    with pytest.raises(DebitFault, match="is not known"):
        end_mandate(books.connection, "mandate-9", reason="x", act=books.act_of(DUE_ON))
    with pytest.raises(DebitFault, match="has not come"):
        make_debits(books.connection, day(1), act=books.act_of(DUE_ON), progress=Silent())
    asked(books, day(1))
    with pytest.raises(DebitFault, match="was run already"):
        asked(books, DUE_ON)


def test_nothing_of_it_is_ever_edited(books: Books, tmp_path: Path) -> None:
    (debit,) = asked(books, DUE_ON)
    answered(books, tmp_path, DUE_ON, f"{told(debit)},failed,{DUE_ON},account_closed")
    for table in ("mandates", "mandate_ends", "debit_runs", "debits", "debit_answers"):
        with pytest.raises(psycopg.errors.IntegrityError, match="append-only"):
            books.connection.execute(f"DELETE FROM {table}")


def test_a_debit_paid_after_the_line_was_paid_otherwise_stands_to_its_credit(books: Books, tmp_path: Path) -> None:
    (debit,) = asked(books, DUE_ON)
    assert isinstance(books.pay(7, 900, debit.amount_minor, DUE_ON), Recorded)
    answered(books, tmp_path, DUE_ON, f"{told(debit)},paid,{DUE_ON},")
    stored = lines.read_line(books.connection, 7)
    assert stored is not None
    assert stored.line.credit_minor == debit.amount_minor
    assert asked(books, DUE_ON + timedelta(days=1)) == []


def test_a_debit_answered_after_charge_off_is_recovery_and_its_return_takes_that_back(
    books: Books, tmp_path: Path
) -> None:
    (debit,) = asked(books, DUE_ON)
    late_on = DUE_ON + timedelta(days=200)
    gone = books.act(7, facts.ChargedOff(reason="180 days"), late_on, approved_by="officer")
    assert isinstance(gone, Recorded)
    for outcome, recovered_minor in (("paid", debit.amount_minor), ("returned", 0)):
        code = "disputed" if outcome == "returned" else ""
        later_on = late_on + timedelta(days=1)  # a payment of the day of the charge-off itself comes before it
        found = answered(books, tmp_path, later_on, f"{told(debit)},{outcome},{later_on},{code}")
        assert (found.booked[outcome], found.rejected) == (1, ())
        stored = lines.read_line(books.connection, 7)
        assert stored is not None
        assert stored.line.recovered_minor == recovered_minor
    books_hold(books)


def test_a_debit_paid_before_charge_off_and_returned_after_it_is_written_off_too(books: Books, tmp_path: Path) -> None:
    (debit,) = asked(books, DUE_ON)
    answered(books, tmp_path, DUE_ON, f"{told(debit)},paid,{DUE_ON},")
    assert isinstance(books.buy(7, 71, 30_000, DUE_ON), Recorded)
    late_on = DUE_ON + timedelta(days=230)
    assert isinstance(books.act(7, facts.ChargedOff(reason="180 days"), late_on, approved_by="officer"), Recorded)
    before = lines.read_line(books.connection, 7)
    answered(books, tmp_path, late_on, f"{told(debit)},returned,{late_on},disputed")
    after = lines.read_line(books.connection, 7)
    assert before is not None
    assert after is not None
    assert after.line.charged_off_minor > before.line.charged_off_minor + debit.amount_minor
    books_hold(books)


@pytest.fixture
def paid_when_closed(books: Books, tmp_path: Path) -> Debit:
    """A debit that was answered paid on a line that was closed after the bank was asked."""
    (debit,) = asked(books, DUE_ON)
    assert isinstance(books.pay(7, 900, debit.amount_minor, DUE_ON), Recorded)
    assert isinstance(books.act(7, facts.LineClosed(reason="wished"), DUE_ON), Recorded)
    found = answered(books, tmp_path, DUE_ON, f"{told(debit)},paid,{DUE_ON},")
    assert (found.booked["paid"], found.rejected) == (1, ())
    return debit


def suspense(books: Books) -> list[SuspenseItem]:
    """The items that nobody has explained; the books hold, and no item is missing."""
    reconciliation = reconcile(books.connection, since=OPENED_ON)
    assert reconciliation.unexplained() == []
    books_hold(books)
    return list(reconciliation.open_items)


def test_a_debit_paid_on_a_line_that_was_closed_meanwhile_stands_in_suspense(
    books: Books, tmp_path: Path, paid_when_closed: Debit
) -> None:
    (item,) = suspense(books)
    assert (item.channel, item.reference, item.amount_minor) == ("direct_debit", told(paid_when_closed), 100_000)
    assert (item.because, item.value_on) == ("line_closed", DUE_ON)
    assert debits.unanswered(books.connection) == []
    again = answered(books, tmp_path, DUE_ON, f"{told(paid_when_closed)},paid,{DUE_ON},")
    assert (again.booked["paid"], again.known, again.rejected) == (0, 1, ())
    assert suspense(books) == [item]
    row = books.connection.execute("SELECT outcome, file_line, imported_by FROM money_rows").fetchone()
    assert row == ("suspense", 2, "clerk")


def test_what_stands_in_suspense_becomes_a_payment_of_another_line_by_two_persons(
    books: Books, paid_when_closed: Debit
) -> None:
    (item,) = suspense(books)
    books.open_line(8, 1)
    assert isinstance(books.buy(8, 71, 100_000, DUE_ON), Recorded)
    act = books.act_of(DUE_ON)
    said = propose(books.connection, item.item_id, line_id=8, reason="the borrower's other line", act=act)
    decide(books.connection, said.proposal_id, agrees=True, act=replace(act, actor="officer"))
    assert suspense(books) == []
    stored = lines.read_line(books.connection, 8)
    assert stored is not None
    assert stored.line.credit_minor == paid_when_closed.amount_minor  # the purchase is not billed yet


def test_a_return_of_what_stands_in_suspense_leaves_from_there(
    books: Books, tmp_path: Path, paid_when_closed: Debit
) -> None:
    found = answered(books, tmp_path, DUE_ON, f"{told(paid_when_closed)},returned,{DUE_ON},disputed")
    assert (found.booked["returned"], found.rejected) == (1, ())
    came, left = suspense(books)
    assert (came.amount_minor, left.amount_minor) == (100_000, -100_000)
    assert (left.because, left.reference) == ("payment_unknown", f"{told(paid_when_closed)}:returned")
    act = books.act_of(DUE_ON)
    said = propose(books.connection, came.item_id, offset_id=left.item_id, reason="it went back", act=act)
    decide(books.connection, said.proposal_id, agrees=True, act=replace(act, actor="officer"))
    assert suspense(books) == []
    account = Address("direct_debit_clearing", 0)
    balance = ledger.shared_balance(books.connection, account, currency="CNY")
    assert balance.debit_minor == balance.credit_minor


def test_an_answer_to_a_debit_that_a_statement_brought_already_is_told_and_moves_nothing(
    books: Books, tmp_path: Path
) -> None:
    (debit,) = asked(books, DUE_ON)
    statement = tmp_path / "statement.csv"
    statement.write_text(f"reference,value_on,amount,currency\n{told(debit)},{DUE_ON},1000.00,CNY\n", encoding="utf-8")
    ended(import_statement(books.connection, statement, channel="direct_debit", act=books.act_of(DUE_ON)))
    (item,) = suspense(books)
    found = answered(books, tmp_path, DUE_ON, f"{told(debit)},paid,{DUE_ON},")
    assert [row.fault.value for row in found.rejected] == ["BOOKED_OTHERWISE"]
    assert suspense(books) == [item]
