"""What needs a second person needs another one: the operations say so, and the database does by itself."""

from collections.abc import Iterator
from datetime import date

import psycopg
import pytest
from tests.books import Books

from tallystick.operations.lending import approve, propose
from tallystick.operations.lines import ActorFault, Recorded, named_actor
from tallystick.servicing import facts
from tallystick.servicing.facts import NEEDS_SECOND_PERSON
from tallystick.servicing.refusals import Refusal, RefusalReason
from tallystick.storage.proposals import Proposal

TODAY = date(2026, 1, 6)
WAIVER = facts.Waived(component="fee", amount_minor=500, reason="goodwill")
KINDS = ["waived", "charged_off", "plan_reaged", "payment_holiday", "event_undone"]


@pytest.fixture
def books(database_url: str) -> Iterator[Books]:
    """A line with a fee that may be waived."""
    with psycopg.connect(database_url, autocommit=True) as connection:
        books = Books(connection)
        books.add_borrower(1)
        books.open_line(7, 1)
        fee = facts.FeeCharged(charge_id=1, amount_minor=500, reason="card copy")
        assert isinstance(books.act(7, fee, TODAY), Recorded)
        yield books


def proposed(books: Books, *, actor: str = "ann") -> Proposal:
    """A waiver that waits."""
    proposal = propose(books.connection, 7, WAIVER, act=books.act_of(TODAY, actor=actor))
    assert isinstance(proposal, Proposal)
    return proposal


def test_the_kinds_are_those_that_servicing_names() -> None:
    assert {each.__struct_config__.tag for each in NEEDS_SECOND_PERSON} == set(KINDS)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("approved_by", [None, "ann", "Ann", " ann ", "ANN\t", "", "  "])
def test_the_database_refuses_an_event_without_another_person(books: Books, kind: str, approved_by: str | None) -> None:
    with pytest.raises(psycopg.errors.CheckViolation):
        books.connection.execute(
            """
            INSERT INTO events (line_id, event_id, effective_on, rank, kind, fact, booked_on, recorded_at, actor,
                                approved_by)
            VALUES (7, 99, '2026-01-06', 8, %s, '{}', '2026-01-06', now(), 'ann', %s)
            """,
            [kind, approved_by],
        )


@pytest.mark.parametrize("same", ["ann", "Ann", " ann ", "Ａｎｎ"])
def test_a_proposal_is_not_approved_by_who_made_it(books: Books, same: str) -> None:
    proposal = proposed(books)
    refused = approve(books.connection, proposal.proposal_id, act=books.act_of(TODAY, actor=same))
    assert isinstance(refused, Refusal)
    assert refused.reason is RefusalReason.SECOND_PERSON_MISSING
    own = books.act(7, WAIVER, TODAY, actor="ann", approved_by=same)
    assert isinstance(own, Refusal)
    assert own.reason is RefusalReason.SECOND_PERSON_MISSING
    assert isinstance(approve(books.connection, proposal.proposal_id, act=books.act_of(TODAY, actor="bo")), Recorded)


@pytest.mark.parametrize("decided_by", ["ann", "ANN", " ann\n", "", " "])
def test_the_database_refuses_a_decision_of_the_same_person(books: Books, decided_by: str) -> None:
    proposal = proposed(books)
    with pytest.raises(psycopg.errors.CheckViolation):
        books.connection.execute(
            "UPDATE proposals SET decision = 'approved', decided_by = %s, decided_at = now() WHERE proposal_id = %s",
            [decided_by, proposal.proposal_id],
        )


def test_a_decision_is_given_once_and_nothing_of_a_proposal_is_edited(books: Books) -> None:
    proposal = proposed(books)
    for edit in ("fact = '{}'", "proposed_by = 'bo'", "line_id = line_id + 1"):
        with pytest.raises(psycopg.errors.IntegrityError, match="decided once"):
            books.connection.execute(f"UPDATE proposals SET {edit}".encode())
    assert isinstance(approve(books.connection, proposal.proposal_id, act=books.act_of(TODAY, actor="bo")), Recorded)
    with pytest.raises(psycopg.errors.IntegrityError, match="decided once"):
        books.connection.execute("UPDATE proposals SET decided_by = 'cy'")
    for gone in ("DELETE FROM proposals", "TRUNCATE proposals"):
        with pytest.raises(psycopg.errors.IntegrityError, match="append-only"):
            books.connection.execute(gone.encode())


def test_who_acts_has_a_name() -> None:
    assert named_actor(" li ") == "li"
    with pytest.raises(ActorFault, match="give the name"):
        named_actor(" ")
