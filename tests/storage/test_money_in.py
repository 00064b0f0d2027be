"""Statements of banks and gateways in the books: each row once, whatever is wrong explained, what is unknown held."""

import csv
import threading
from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as some
from tests.books import AT, OPENED_ON, Books, ended

from tallystick.ledger.transfer import Address
from tallystick.operations.ledger import keep_books, verify
from tallystick.operations.lending import receive_payment
from tallystick.operations.lines import Recorded
from tallystick.operations.money_files import Imported, write_rejects
from tallystick.operations.money_in import ChannelFault, import_statement
from tallystick.operations.progress import Silent
from tallystick.operations.suspense import SuspenseFault, decide, propose, reconcile, write_decided
from tallystick.servicing import facts
from tallystick.servicing.refusals import Refusal, RefusalReason
from tallystick.sources.files import FileFault
from tallystick.storage import ledger, lines, money_rows, payments
from tallystick.storage.money_rows import SuspenseItem
from tallystick.units.ids import IdPrefix, encode_id

TODAY = date(2026, 1, 30)
HEADER = "reference,value_on,amount,currency,line,clears,returns"
LINE = encode_id(IdPrefix.LINE, 7)


@pytest.fixture
def books(database_url: str) -> Iterator[Books]:
    """A line that has bought for 1,000 yuan; every statement commits by itself."""
    with psycopg.connect(database_url, autocommit=True) as connection:
        books = Books(connection)
        books.add_borrower(1)
        books.open_line(7, 1)
        assert isinstance(books.buy(7, 70, 100_000, OPENED_ON + timedelta(days=1)), Recorded)
        yield books


def statement(folder: Path, *rows: str, name: str = "statement.csv", header: str = HEADER) -> Path:
    """A file of these rows."""
    path = folder / name
    path.write_text("\n".join((header, *rows)) + "\n", encoding="utf-8")
    return path


def taken_in(books: Books, path: Path, *, channel: str = "bank", actor: str = "clerk") -> Imported:
    """The file imported to its end."""
    return ended(import_statement(books.connection, path, channel=channel, act=books.act_of(TODAY, actor=actor)))


def balance(books: Books, code: str) -> int:
    """Debits less credits of an account of the house."""
    return ledger.shared_balance(books.connection, Address(code, 0), currency="CNY").net_minor


def open_items(books: Books) -> list[SuspenseItem]:
    """What is open in suspense, after the reconciliation has shown that nothing else stands there."""
    found = reconcile(books.connection, since=OPENED_ON)
    assert found.unexplained() == []
    return list(found.open_items)


def books_hold(books: Books) -> None:
    """`ledger verify` finds nothing."""
    while any(keep_books(books.connection)):
        pass
    assert verify(books.connection, progress=Silent()).findings == ()


def test_a_row_that_names_a_line_is_its_payment_from_the_value_date(books: Books, tmp_path: Path) -> None:
    imported = taken_in(books, statement(tmp_path, f"b-1,2026-01-20,300.00,CNY,{LINE},,"))
    assert imported == Imported(booked={"payment": 1}, known=0, rejected=())
    known = payments.payment_of_reference(books.connection, channel="bank", reference="b-1")
    assert known is not None
    event = lines.read_event(books.connection, 7, known.event_id)
    assert event is not None
    assert event.effective_on == date(2026, 1, 20)
    assert balance(books, "cash") == 30_000
    books_hold(books)


def test_a_file_imported_twice_or_under_another_name_books_once(books: Books, tmp_path: Path) -> None:
    rows = (f"b-1,2026-01-20,300.00,CNY,{LINE},,", "b-2,2026-01-21,12.34,CNY,,,")
    taken_in(books, statement(tmp_path, *rows))
    again = taken_in(books, statement(tmp_path, *rows, "b-3,2026-01-22,1.00,CNY,,,", name="again.csv"))
    assert (again.booked, again.known) == ({"suspense": 1}, 2)
    assert balance(books, "cash") == 30_000 + 1_234 + 100


def test_the_same_reference_with_other_contents_is_rejected_and_explained(books: Books, tmp_path: Path) -> None:
    taken_in(books, statement(tmp_path, "b-1,2026-01-20,300.00,CNY,,,"))
    imported = taken_in(books, statement(tmp_path, "b-1,2026-01-20,301.00,CNY,,,", "b-1,2026-01-20,300.00,CNY,,,"))
    assert imported.known == 1
    assert [(row.file_line, row.field, row.fault.value) for row in imported.rejected] == [
        (2, "reference", "REFERENCE_REUSED")
    ]
    rejects = tmp_path / "rejects.csv"
    write_rejects(rejects, imported)
    assert "2,reference,b-1,REFERENCE_REUSED,同一渠道的该流水号已入账" in rejects.read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("row", "field", "fault"),
    [
        (",2026-01-20,1.00,CNY,,,", "reference", "MISSING_REQUIRED"),
        ("r,20.01.2026,1.00,CNY,,,", "value_on", "NOT_A_DATE"),
        ("r,2026-02-30,1.00,CNY,,,", "value_on", "NOT_A_DATE"),
        ("r,20260120,1.00,CNY,,,", "value_on", "NOT_A_DATE"),
        ("r,2026-W04-2,1.00,CNY,,,", "value_on", "NOT_A_DATE"),
        ("r,2026/01/20,1.00,CNY,,,", "value_on", "NOT_A_DATE"),
        ("r\0x,2026-01-20,1.00,CNY,,,", "reference", "NOT_TEXT"),
        ('r,2026-01-20,1.00,CNY,,,"a\tb"', "returns", "NOT_TEXT"),
        ("r,2026-01-20,100000000000.01,CNY,,,", "amount", "AMOUNT_TOO_LARGE"),
        ("r,2026-01-20,-100000000000.01,CNY,,,", "amount", "AMOUNT_TOO_LARGE"),
        ("r,2026-01-20,1.00,CNY,,,b-1", "amount", "RETURN_NOT_NEGATIVE"),
        ("r,2026-01-20,-1.00,CNY,,gateway,b-1", "returns", "CLEARS_AND_RETURNS"),
        ("r,2026-01-31,1.00,CNY,,,", "value_on", "DATE_IN_FUTURE"),
        ("r,2026-01-20,1.001,CNY,,,", "amount", "NOT_AN_AMOUNT"),
        ('r,2026-01-20,"1,000.00",CNY,,,', "amount", "NOT_AN_AMOUNT"),
        ("r,2026-01-20,1e3,CNY,,,", "amount", "NOT_AN_AMOUNT"),
        ("r,2026-01-20,0.00,CNY,,,", "amount", "ZERO_AMOUNT"),
        ("r,2026-01-20,1.00,RMB,,,", "currency", "CURRENCY_UNKNOWN"),
        ("r,2026-01-20,1.00,CNY,seven,,", "line", "NOT_AN_ID"),
        ("r,2026-01-20,1.00,CNY,,carrier,", "clears", "CHANNEL_UNKNOWN"),
        ("r,2026-01-20,1.00,CNY", "", "WRONG_NUMBER_OF_CELLS"),
    ],
)
def test_a_row_that_is_wrong_stops_no_other(books: Books, tmp_path: Path, row: str, field: str, fault: str) -> None:
    imported = taken_in(books, statement(tmp_path, row, "good,2026-01-20,1.00,CNY,,,"))
    assert [(each.file_line, each.field, each.fault.value) for each in imported.rejected] == [(2, field, fault)]
    assert imported.booked == {"suspense": 1}


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"", "has no column reference"),
        (b"reference,amount\n1,2\n", "has no column value_on, currency"),
        (b"reference,value_on,amount,currency,amount\n", "more than one column is named amount"),
        (b"\xff\xfe\x00", "is not UTF-8"),
        (f"{HEADER}\nr,2026-01-20,1.00,CNY,,,\n付款".encode("gbk"), "is not UTF-8"),
        (HEADER.encode() + b'\nok,2026-01-20,1.00,CNY,,,\n"open,2026-01-20,1.00\n', "is not a CSV table"),
    ],
)
def test_a_file_that_is_no_statement_books_nothing(books: Books, tmp_path: Path, content: bytes, told: str) -> None:
    path = tmp_path / "bad.csv"
    path.write_bytes(content)
    with pytest.raises(FileFault, match=told):
        taken_in(books, path)
    assert balance(books, "cash") == 0


@pytest.mark.parametrize(
    "content",
    [
        f"\N{BYTE ORDER MARK}{HEADER}\nr,2026-01-20,1.00,CNY,,,\n",
        f"{HEADER}\nr,2026-01-20,1.00,CNY,,,\n\n".replace("\n", "\r\n"),
        f'memo,{HEADER},memo,\n备注,r,2026-01-20,1.00,CNY,,,,"two\nlines",\n',
    ],
)
def test_what_spreadsheets_add_to_a_file_does_no_harm(books: Books, tmp_path: Path, content: str) -> None:
    path = tmp_path / "sheet.csv"
    path.write_text(content, encoding="utf-8", newline="")
    imported = taken_in(books, path)
    assert (imported.booked, imported.rejected) == ({"suspense": 1}, ())


def test_a_file_with_a_header_alone_books_nothing(books: Books, tmp_path: Path) -> None:
    imported = taken_in(books, statement(tmp_path))
    assert (imported.booked, imported.known, imported.rejected) == ({}, 0, ())


def test_a_file_that_is_not_there_and_a_channel_that_is_not_known_are_told(books: Books, tmp_path: Path) -> None:
    with pytest.raises(FileFault, match="cannot be read"):
        taken_in(books, tmp_path / "nothing.csv")
    with pytest.raises(ChannelFault, match="bank, direct_debit, gateway"):
        taken_in(books, statement(tmp_path), channel="suspense")


def test_money_that_a_statement_brought_is_not_booked_again_by_a_callback_that_comes_late(
    books: Books, tmp_path: Path
) -> None:
    taken_in(books, statement(tmp_path, "b-1,2026-01-20,300.00,CNY,,,"))
    with books.connection.transaction():
        refused = receive_payment(
            books.connection, 7, amount_minor=30_000, channel="bank", reference="b-1", act=books.act_of(TODAY)
        )
    assert isinstance(refused, Refusal)
    assert refused.reason is RefusalReason.REFERENCE_IN_STATEMENT
    assert refused.figures == {"outcome": "suspense"}
    assert len(open_items(books)) == 1
    assert balance(books, "cash") == 30_000
    books_hold(books)


def test_a_payment_that_a_callback_booked_is_met_and_a_difference_is_held(books: Books, tmp_path: Path) -> None:
    for reference, amount_minor in (("g-1", 20_000), ("g-2", 5_000)):
        act = books.act_of(TODAY)
        receive_payment(books.connection, 7, amount_minor=amount_minor, channel="gateway", reference=reference, act=act)
    rows = ("g-1,2026-01-30,200.00,CNY,,,", "g-2,2026-01-30,49.40,CNY,,,")
    imported = taken_in(books, statement(tmp_path, *rows), channel="gateway")
    assert imported.booked == {"known_payment": 2}
    assert [(item.reference, item.amount_minor) for item in open_items(books)] == [("g-2", -60)]
    assert balance(books, "gateway_clearing") == 20_000 + 4_940


def test_the_bank_clears_what_was_paid_out_to_a_borrower(books: Books, tmp_path: Path) -> None:
    """A payout was once cash on the day it was told, and the bank's row for it nobody's."""
    taken_in(books, statement(tmp_path, f"b-1,2026-01-28,2000.00,CNY,{LINE},,"))
    assert isinstance(books.act(7, facts.CreditPaidOut(amount_minor=5_000, channel="bank"), TODAY), Recorded)
    assert (balance(books, "cash"), balance(books, "payout_clearing")) == (200_000, 5_000)
    imported = taken_in(books, statement(tmp_path, "b-2,2026-01-30,-50.00,CNY,,payout,"))
    assert imported.booked == {"cleared": 1}
    assert (balance(books, "cash"), balance(books, "payout_clearing")) == (195_000, 0)
    assert open_items(books) == []
    books_hold(books)


def test_the_bank_clears_what_the_gateway_collected(books: Books, tmp_path: Path) -> None:
    taken_in(books, statement(tmp_path, f"g-1,2026-01-28,200.00,CNY,{LINE},,"), channel="gateway")
    imported = taken_in(books, statement(tmp_path, "b-9,2026-01-30,199.40,CNY,,gateway,"))
    assert imported.booked == {"cleared": 1}
    assert (balance(books, "cash"), balance(books, "gateway_clearing")) == (19_940, 60)
    books_hold(books)


def test_a_payment_that_came_back_is_as_if_never_paid(books: Books, tmp_path: Path) -> None:
    taken_in(books, statement(tmp_path, f"d-1,2026-01-28,200.00,CNY,{LINE},,"), channel="direct_debit")
    rows = ("d-2,2026-01-29,-200.00,CNY,,,d-1", "d-3,2026-01-29,-200.00,CNY,,,d-unknown")
    imported = taken_in(books, statement(tmp_path, *rows), channel="direct_debit")
    assert imported.booked == {"returned": 1, "suspense": 1}
    stored = lines.read_line(books.connection, 7)
    assert stored is not None
    assert (stored.line.credit_minor, [purchase.left_minor for purchase in stored.line.revolving.purchases]) == (
        0,
        [100_000],
    )
    assert [item.because for item in open_items(books)] == ["payment_unknown"]
    books_hold(books)


def test_a_payment_and_its_return_may_come_in_one_file_in_any_order(books: Books, tmp_path: Path) -> None:
    rows = ("d-2,2026-01-29,-200.00,CNY,,,d-1", f"d-1,2026-01-28,200.00,CNY,{LINE},,")
    imported = taken_in(books, statement(tmp_path, *rows), channel="direct_debit")
    assert imported.booked == {"payment": 1, "returned": 1}
    assert balance(books, "direct_debit_clearing") == 0
    books_hold(books)


def test_money_for_a_line_that_cannot_take_it_is_held(books: Books, tmp_path: Path) -> None:
    rows = (
        f"b-1,2026-01-20,1.00,CNY,{encode_id(IdPrefix.LINE, 8)},,",
        f"b-2,2026-01-20,1.00,USD,{LINE},,",
        f"b-3,2026-01-01,1.00,CNY,{LINE},,",
        "b-4,2026-01-20,1.00,CNY,,,",
        "b-5,2026-01-20,-1.00,CNY,,,",
    )
    taken_in(books, statement(tmp_path, *rows))
    assert [item.because for item in open_items(books)] == [
        "no_line",
        "went_out",
        "currency_differs",
        "date_before_opening",
        "line_unknown",
    ]
    books_hold(books)


def held(books: Books, folder: Path, amount: str, *, reference: str = "b-1") -> int:
    """One item in suspense."""
    taken_in(books, statement(folder, f"{reference},2026-01-20,{amount},CNY,,,"))
    return next(item.item_id for item in open_items(books) if item.reference == reference)


def test_two_persons_make_held_money_a_payment_from_its_value_date(books: Books, tmp_path: Path) -> None:
    item_id = held(books, tmp_path, "300.00")
    proposal = propose(books.connection, item_id, line_id=7, reason="named in a call", act=books.act_of(TODAY))
    with pytest.raises(SuspenseFault, match="another person decides"):
        decide(books.connection, proposal.proposal_id, agrees=True, act=books.act_of(TODAY))
    decide(books.connection, proposal.proposal_id, agrees=True, act=books.act_of(TODAY, actor="second"))
    known = payments.payment_of_reference(books.connection, channel="suspense", reference=str(item_id))
    assert known is not None
    event = lines.read_event(books.connection, 7, known.event_id)
    assert event is not None
    assert event.effective_on == date(2026, 1, 20)
    assert (balance(books, "suspense"), open_items(books)) == (0, [])
    with pytest.raises(SuspenseFault, match="was approved by second already"):
        decide(books.connection, proposal.proposal_id, agrees=True, act=books.act_of(TODAY, actor="third"))
    books_hold(books)


def test_what_is_not_agreed_is_open_again(books: Books, tmp_path: Path) -> None:
    item_id = held(books, tmp_path, "300.00")
    proposal = propose(books.connection, item_id, line_id=7, reason="a guess", act=books.act_of(TODAY))
    with pytest.raises(SuspenseFault, match="waits for a second person"):
        propose(books.connection, item_id, reason="another guess", act=books.act_of(TODAY))
    decide(books.connection, proposal.proposal_id, agrees=False, act=books.act_of(TODAY, actor="second"))
    assert [item.item_id for item in open_items(books)] == [item_id]
    propose(books.connection, item_id, reason="written off", act=books.act_of(TODAY))


def test_a_payment_found_in_suspense_can_come_back(books: Books, tmp_path: Path) -> None:
    """It was once nobody's: the line kept a payment that the bank had taken back."""
    item_id = held(books, tmp_path, "300.00", reference="b-1")
    proposal = propose(books.connection, item_id, line_id=7, reason="a call", act=books.act_of(TODAY))
    decide(books.connection, proposal.proposal_id, agrees=True, act=books.act_of(TODAY, actor="second"))
    back = statement(tmp_path, "b-2,2026-01-30,-300.00,CNY,,,b-1", "b-3,2026-01-30,-300.00,CNY,,,b-1")
    assert taken_in(books, back).booked == {"returned": 1, "suspense": 1}
    stored = lines.read_line(books.connection, 7)
    assert stored is not None
    assert stored.line.credit_minor == 0
    assert sum(purchase.left_minor for purchase in stored.line.revolving.purchases) == 100_000
    assert [(item.reference, item.because) for item in open_items(books)] == [("b-3", "event_already_undone")]
    assert balance(books, "cash") == -30_000
    books_hold(books)


@pytest.mark.parametrize("kind", ["payment_returned", "event_undone"])
def test_money_found_in_suspense_that_a_line_gives_back_is_open_again(books: Books, tmp_path: Path, kind: str) -> None:
    """It once stood on the suspense account without an item, and nobody could say any more whose it is."""
    books.add_borrower(2)
    books.open_line(8, 2)
    item_id = held(books, tmp_path, "300.00", reference="b-1")
    found_to_be_of(books, item_id, line_id=7)
    given_back(books, item_id, line_id=7, kind=kind)
    (again,) = open_items(books)
    assert (again.reference, again.amount_minor, again.value_on, again.opened_on, again.because) == (
        "b-1",
        30_000,
        date(2026, 1, 20),
        TODAY,
        kind,
    )
    books_hold(books)
    found_to_be_of(books, again.item_id, line_id=8)
    assert open_items(books) == []
    assert taken_in(books, statement(tmp_path, "b-2,2026-01-30,-300.00,CNY,,,b-1")).booked == {"returned": 1}
    assert [balance(books, code) for code in ("suspense", "cash")] == [0, 0]
    assert open_items(books) == []
    books_hold(books)


def found_to_be_of(books: Books, item_id: int, *, line_id: int) -> None:
    """Two persons say whose payment an item is."""
    proposal = propose(books.connection, item_id, line_id=line_id, reason="a call", act=books.act_of(TODAY))
    decide(books.connection, proposal.proposal_id, agrees=True, act=books.act_of(TODAY, actor="second"))


def given_back(books: Books, item_id: int, *, line_id: int, kind: str) -> None:
    """What an item was found to be is taken back from the line, by hand or as recorded in error."""
    known = payments.payment_of_reference(books.connection, channel="suspense", reference=str(item_id))
    assert known is not None
    taken_back: facts.AnyFact = (
        facts.PaymentReturned(payment_id=known.payment_id, event_id=known.event_id, reason="wrong person")
        if kind == "payment_returned"
        else facts.EventUndone(event_id=known.event_id, reason="wrong person")
    )
    assert isinstance(books.act(line_id, taken_back, TODAY, approved_by="second"), Recorded)


def test_who_decided_what_and_why_can_be_read_and_written(books: Books, tmp_path: Path) -> None:
    item_id = held(books, tmp_path, "300.00")
    for agrees in (False, True):
        proposal = propose(books.connection, item_id, line_id=7, reason="a call", act=books.act_of(TODAY, actor="li"))
        decide(books.connection, proposal.proposal_id, agrees=agrees, act=books.act_of(TODAY, actor="wang"))
    found = money_rows.decided(books.connection, since=AT)
    assert [(each.decision, each.proposed_by, each.decided_by, each.reason) for each in found] == [
        ("rejected", "li", "wang", "a call"),
        ("approved", "li", "wang", "a call"),
    ]
    assert money_rows.decided(books.connection, since=AT + timedelta(seconds=1)) == []
    write_decided(tmp_path / "decided.csv", found)
    with (tmp_path / "decided.csv").open(encoding="utf-8") as file:
        written = list(csv.DictReader(file))
    assert [(row["amount"], row["line"], row["as"], row["decision"]) for row in written] == [
        ("300.00", LINE, "payment", "rejected"),
        ("300.00", LINE, "payment", "approved"),
    ]


def test_money_that_went_out_again_offsets_what_came_in(books: Books, tmp_path: Path) -> None:
    came = held(books, tmp_path, "300.00")
    went = held(books, tmp_path, "-300.00", reference="b-2")
    with pytest.raises(SuspenseFault, match="money that went out"):
        propose(books.connection, went, line_id=7, reason="no", act=books.act_of(TODAY))
    proposal = propose(books.connection, came, offset_id=went, reason="sent back", act=books.act_of(TODAY))
    with pytest.raises(SuspenseFault, match="waits"):
        propose(books.connection, went, reason="used already", act=books.act_of(TODAY))
    decide(books.connection, proposal.proposal_id, agrees=True, act=books.act_of(TODAY, actor="second"))
    assert open_items(books) == []


def test_a_difference_is_borne_by_the_house(books: Books, tmp_path: Path) -> None:
    item_id = held(books, tmp_path, "-0.60")
    with pytest.raises(SuspenseFault, match="reason"):
        propose(books.connection, item_id, reason=" ", act=books.act_of(TODAY))
    proposal = propose(books.connection, item_id, reason="the gateway's fee", act=books.act_of(TODAY))
    decide(books.connection, proposal.proposal_id, agrees=True, act=books.act_of(TODAY, actor="second"))
    assert (balance(books, "suspense"), balance(books, "cash_difference")) == (0, 60)
    books_hold(books)


def test_the_database_itself_refuses_the_same_person_and_a_second_decision(books: Books, tmp_path: Path) -> None:
    item_id = held(books, tmp_path, "1.00")
    proposal = propose(books.connection, item_id, reason="why", act=books.act_of(TODAY))
    decided = "UPDATE suspense_proposals SET decision = %s, decided_by = %s, decided_at = now() WHERE proposal_id = %s"
    for same in ("clerk", " Clerk", "CLERK ", ""):
        with pytest.raises(psycopg.errors.CheckViolation, match="person_decides"):
            books.connection.execute(decided, ["approved", same, proposal.proposal_id])
    with pytest.raises(SuspenseFault, match="another person decides"):
        decide(books.connection, proposal.proposal_id, agrees=True, act=books.act_of(TODAY, actor=" CLERK"))
    decide(books.connection, proposal.proposal_id, agrees=False, act=books.act_of(TODAY, actor="second"))
    with pytest.raises(psycopg.errors.IntegrityError, match="decided once"):
        books.connection.execute(decided, ["approved", "third", proposal.proposal_id])
    for table in ("money_rows", "suspense_items", "suspense_proposals"):
        with pytest.raises(psycopg.errors.IntegrityError, match="append-only"):
            books.connection.execute(f"DELETE FROM {table}")


def test_an_import_that_was_killed_goes_on_where_it_was(books: Books, tmp_path: Path) -> None:
    rows = [f"b-{number},2026-01-20,1.00,CNY,,," for number in range(450)]
    path = statement(tmp_path, *rows)
    steps = import_statement(books.connection, path, channel="bank", act=books.act_of(TODAY))
    assert next(steps) == pytest.approx(200 / 450)
    steps.close()
    imported = taken_in(books, path)
    assert (imported.booked, imported.known) == ({"suspense": 250}, 200)
    assert balance(books, "cash") == 45_000


def test_two_clients_that_import_the_same_file_book_it_once(books: Books, database_url: str, tmp_path: Path) -> None:
    path = statement(tmp_path, *[f"b-{number},2026-01-20,1.00,CNY,{LINE},," for number in range(60)])
    found: list[Imported] = []

    def run() -> None:
        with psycopg.connect(database_url, autocommit=True) as connection:
            mine = Books.__new__(Books)
            mine.connection, mine.ids = connection, iter(range(10_000_000 * (1 + len(threading.enumerate())), 1 << 60))
            found.append(taken_in(mine, path))

    clients = [threading.Thread(target=run) for _ in range(2)]
    for client in clients:
        client.start()
    for client in clients:
        client.join()
    assert sorted(each.booked.get("payment", 0) for each in found) == [0, 60]
    assert balance(books, "cash") == 6_000


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    amounts=some.lists(some.integers(-50_000, 50_000).filter(bool), min_size=1, max_size=12),
    files=some.lists(some.lists(some.integers(0, 11), min_size=1, max_size=12), min_size=1, max_size=4),
)
def test_in_whatever_files_and_order_rows_come_each_is_booked_once(
    books: Books, tmp_path: Path, amounts: list[int], files: list[list[int]]
) -> None:
    before, salt = balance(books, "cash"), next(books.ids)
    chosen = {place % len(amounts) for rows in files for place in rows}
    for rows in files:
        told = [
            f"{salt}-{place % len(amounts)},2026-01-20,{amounts[place % len(amounts)] / 100:.2f},CNY,"
            f"{LINE if place % 2 else ''},,"
            for place in sorted({place % len(amounts) for place in rows}, reverse=len(rows) % 2 == 0)
        ]
        taken_in(books, statement(tmp_path, *told))
    assert balance(books, "cash") - before == sum(amounts[place] for place in chosen)
    assert reconcile(books.connection, since=OPENED_ON).unexplained() == []
