"""A person over several lines, in the database: joint exposure as it is today, and a state that every line follows."""

from datetime import date, timedelta

import psycopg
import pytest
from msgspec.structs import replace
from tests.books import OPENED_ON, Books

from tallystick.operations import lending
from tallystick.operations.lines import Recorded
from tallystick.operations.persons import PersonStanding, person_standing, record_care
from tallystick.servicing import facts
from tallystick.servicing.refusals import Refusal, RefusalReason
from tallystick.storage import contracts, lines
from tallystick.storage.borrowers import Borrower
from tallystick.terms.caps import NoLegalCap
from tallystick.terms.product import CareKind

TODAY = OPENED_ON + timedelta(days=1)


@pytest.fixture
def books(connection: psycopg.Connection) -> Books:
    """One person with lines 7 and 8, each of 3,000 yuan."""
    books = Books(connection)
    books.add_borrower(1)
    for line_id in (7, 8):
        books.open_line(line_id, 1, limit_minor=300_000)
    return books


def opened(books: Books, line_id: int, today: date, *, limit_minor: int = 300_000) -> Recorded | Refusal:
    opening = facts.LineOpened(
        borrower_id=1,
        contract_hash=books.contract_hash,
        currency="CNY",
        limit_minor=limit_minor,
        cash_limit_minor=0,
    )
    return books.act(line_id, opening, today)


def raised(books: Books, line_id: int, today: date) -> Recorded | Refusal:
    return books.act(line_id, facts.LimitChanged(limit_minor=400_000, reason="reliable", acceptance_id=1), today)


def care(books: Books, fact: facts.CareBegun | facts.CareEnded, *, on: date | None = None) -> object:
    return record_care(books.connection, 1, fact, on=on, act_on=lambda _: books.act_of(TODAY))


def cares_of(books: Books, line_id: int) -> tuple[CareKind, ...]:
    stored = lines.read_line(books.connection, line_id)
    assert stored is not None
    return stored.line.cares


def refused(outcome: object, reason: RefusalReason, field: str) -> Refusal:
    assert isinstance(outcome, Refusal), outcome
    assert (outcome.reason, outcome.field) == (reason, field)
    return outcome


def test_a_death_holds_on_every_line_and_ends_all_lending(books: Books) -> None:
    books.open_line(9, 1, limit_minor=300_000)
    books.act(9, facts.LineClosed(reason="asked"), TODAY)
    begun = care(books, facts.CareBegun(kind=CareKind.DECEASED), on=OPENED_ON - timedelta(days=30))
    assert isinstance(begun, tuple)
    assert [(one.line.line_id, one.event.effective_on) for one in begun] == [(7, OPENED_ON), (8, OPENED_ON)]
    assert [cares_of(books, line_id) for line_id in (7, 8, 9)] == [(CareKind.DECEASED,), (CareKind.DECEASED,), ()]
    refused(books.buy(8, 80, 1_000, TODAY), RefusalReason.LINE_IN_CARE, "line")
    assert refused(opened(books, 10, TODAY), RefusalReason.LINE_IN_CARE, "borrower_id").figures == {
        "cares_elsewhere": ["deceased"]
    }
    refused(raised(books, 7, TODAY), RefusalReason.LINE_IN_CARE, "line")
    assert isinstance(books.pay(7, 31, 1_000, TODAY), Recorded), "whoever owes may still pay"
    refused(care(books, facts.CareBegun(kind=CareKind.DECEASED)), RefusalReason.LINE_IN_CARE, "kind")
    ended = care(books, facts.CareEnded(kind=CareKind.DECEASED, note="another person of that name"))
    assert isinstance(ended, tuple)
    assert isinstance(books.buy(8, 81, 1_000, TODAY), Recorded)
    refused(care(books, facts.CareEnded(kind=CareKind.DECEASED)), RefusalReason.CARE_NOT_BEGUN, "kind")


def test_a_care_on_one_line_keeps_the_others_from_lending_but_changes_nothing_on_them(books: Books) -> None:
    assert isinstance(books.act(7, facts.CareBegun(kind=CareKind.IDENTITY_THEFT), TODAY), Recorded)
    elsewhere = refused(books.buy(8, 80, 1_000, TODAY), RefusalReason.LINE_IN_CARE, "borrower_id")
    assert elsewhere.figures == {"cares_elsewhere": ["identity_theft"]}
    assert cares_of(books, 8) == ()
    begun = care(books, facts.CareBegun(kind=CareKind.IDENTITY_THEFT))
    assert isinstance(begun, tuple)
    assert [one.line.line_id for one in begun] == [8], "the line that has it already is left as it is"


def test_whoever_was_charged_off_is_lent_to_again_when_the_claim_is_paid(books: Books) -> None:
    assert isinstance(books.buy(7, 70, 100_000, TODAY), Recorded)
    assert isinstance(books.act(7, facts.CareBegun(kind=CareKind.HARDSHIP), TODAY), Recorded)
    assert isinstance(books.act(7, facts.ChargedOff(reason="insolvent"), TODAY, approved_by="second"), Recorded)
    assert isinstance(books.act(7, facts.CareEnded(kind=CareKind.HARDSHIP), TODAY), Recorded)
    for outcome in (books.buy(8, 80, 1_000, TODAY), opened(books, 9, TODAY), raised(books, 8, TODAY)):
        claim = refused(outcome, RefusalReason.LINE_CHARGED_OFF, "borrower_id")
        assert claim.figures == {"claim_elsewhere_minor": 100_000}
    assert isinstance(books.pay(7, 31, 99_999, TODAY), Recorded)
    assert refused(books.buy(8, 81, 1_000, TODAY), RefusalReason.LINE_CHARGED_OFF, "borrower_id").figures == {
        "claim_elsewhere_minor": 1
    }
    assert isinstance(books.pay(7, 32, 1, TODAY), Recorded)
    assert isinstance(books.buy(8, 82, 1_000, TODAY), Recorded)


def test_a_default_elsewhere_counts_though_no_close_has_written_it(books: Books) -> None:
    """Line 7 was touched last when it was drawn; its bill of 19 January was due on the 28th and never paid."""
    assert isinstance(books.buy(7, 70, 100_000, TODAY), Recorded)
    due_on = date(2026, 1, 28)
    assert isinstance(books.buy(8, 80, 1_000, due_on + timedelta(days=1)), Recorded), "late, not in default"
    assert isinstance(books.pay(8, 31, 1_000, due_on + timedelta(days=22)), Recorded)
    assert isinstance(books.buy(8, 81, 1_000, due_on + timedelta(days=90)), Recorded)
    late = refused(books.buy(8, 82, 1_000, due_on + timedelta(days=91)), RefusalReason.LINE_PAST_DUE, "borrower_id")
    assert late.figures == {"days_past_due_elsewhere": 91}


def test_a_hold_elsewhere_takes_joint_room_until_the_day_on_which_it_expires(books: Books) -> None:
    books.connection.execute("UPDATE borrowers SET joint_cap_minor = 300000")
    held = facts.HoldPlaced(
        hold_id=70, amount_minor=200_000, expires_on=TODAY + timedelta(days=3), merchant_id=5
    )  # fmt: skip
    assert isinstance(books.act(7, held, TODAY), Recorded)
    full = refused(
        books.buy(8, 80, 100_001, TODAY + timedelta(days=2)), RefusalReason.JOINT_CAP_EXCEEDED, "amount_minor"
    )
    assert full.figures == {"joint_available_minor": 100_000}
    assert isinstance(books.buy(8, 81, 100_000, TODAY + timedelta(days=2)), Recorded)
    assert isinstance(books.buy(8, 82, 200_000, TODAY + timedelta(days=3)), Recorded), "nobody wrote the expiry yet"


def test_the_cap_on_a_person_is_the_laws_of_the_day_or_the_lenders_where_lower(books: Books) -> None:
    act = books.act_of(TODAY)
    stands = person_standing(books.connection, 1, act=act)
    assert isinstance(stands, PersonStanding)
    assert (stands.lines, stands.limits_minor, stands.joint_cap_minor) == (2, 600_000, 20_000_000)
    books.connection.execute("UPDATE borrowers SET joint_cap_minor = 30_000_000")
    stands = person_standing(books.connection, 1, act=act)
    assert isinstance(stands, PersonStanding)
    assert stands.joint_cap_minor == 20_000_000, "no lender lifts the law's"
    books.connection.execute("UPDATE borrowers SET joint_cap_minor = 700_000")
    over = refused(opened(books, 9, TODAY), RefusalReason.JOINT_CAP_EXCEEDED, "limit_minor")
    assert over.figures == {"joint_cap_minor": 700_000, "other_limits_minor": 600_000}
    assert isinstance(opened(books, 9, TODAY, limit_minor=100_000), Recorded)


def test_where_no_law_bounds_a_person_none_is_invented_and_where_none_is_known_nobody_is_lent_to(books: Books) -> None:
    def added(jurisdiction: str, currency: str) -> Borrower | Refusal:
        return lending.add_borrower(
            books.connection, reference=f"from-{jurisdiction}", jurisdiction=jurisdiction, currency=currency,
            metadata={}, act=books.act_of(TODAY),
        )  # fmt: skip

    person = added("TW", "TWD")
    assert isinstance(person, Borrower)
    stands = person_standing(books.connection, person.borrower_id, act=books.act_of(TODAY))
    assert isinstance(stands, PersonStanding)
    assert (stands.joint_cap_minor, stands.joint_available_minor) == (None, None)
    with pytest.raises(NoLegalCap):
        added("XX", "CNY")


def test_joint_exposure_is_in_one_currency(books: Books) -> None:
    foreign = replace(books.product, id="foreign", ledger_id=9, currency="HKD")
    contracts.add_product(books.connection, foreign, published_on=OPENED_ON, published_by="author")
    contract_hash = contracts.add_contract(books.connection, foreign, frozen_at=books.act_of(TODAY).at)
    opening = facts.LineOpened(
        borrower_id=1, contract_hash=contract_hash, currency="HKD", limit_minor=300_000, cash_limit_minor=0
    )
    other = refused(books.act(9, opening, TODAY), RefusalReason.CURRENCY_DIFFERS, "currency")
    assert other.figures == {"borrower_currency": "CNY"}
