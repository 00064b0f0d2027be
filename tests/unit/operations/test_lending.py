"""Lending as a lender does it: publish, open, quote, draw on what was accepted, pay once, decide with two persons."""

from datetime import date

import psycopg
import pytest
from msgspec.structs import replace
from tests.books import OPENED_ON, Books

from tallystick.ledger.transfer import Address
from tallystick.operations import lending, line_offers
from tallystick.operations.lending import DrawRequest, NotPublished, PaidBefore, PlanRequest
from tallystick.operations.lines import Recorded
from tallystick.servicing import facts
from tallystick.servicing.owed import owed_minor
from tallystick.servicing.refusals import Refusal, RefusalReason
from tallystick.storage import acceptances, contracts
from tallystick.storage.borrowers import Borrower
from tallystick.storage.contracts import VersionFault
from tallystick.storage.ledger import shared_balance
from tallystick.storage.limit_offers import LimitOffer
from tallystick.storage.proposals import Proposal
from tallystick.terms.catalog import shipped_products
from tallystick.terms.disclosure import Disclosure, document_hash
from tallystick.terms.offering import OfferFault, OfferReason
from tallystick.terms.product import CareKind, OfferKind

TODAY = date(2026, 1, 6)
TWELVE = PlanRequest(offer=OfferKind.ORDER_INSTALLMENTS, price_code="standard", installments=12)


@pytest.fixture
def books(connection: psycopg.Connection) -> Books:
    return Books(connection)


@pytest.fixture
def line_id(books: Books) -> int:
    act = books.act_of(OPENED_ON)
    person = lending.add_borrower(
        books.connection, reference="p-1", jurisdiction="CN", currency="CNY", metadata={}, act=act
    )
    assert isinstance(person, Borrower)
    quoted = line_offers.quote_line(books.connection, product_id="baitiao", limit_minor=3_000_000, act=act)
    assert isinstance(quoted, Disclosure)
    opened = line_offers.open_line(
        books.connection,
        borrower_id=person.borrower_id,
        product_id="baitiao",
        limit_minor=3_000_000,
        accepted_hash=document_hash(quoted),
        act=act,
    )
    assert isinstance(opened, Recorded)
    return opened.line.line_id


def test_a_product_above_the_cap_is_not_published_and_the_figures_are_told(books: Books) -> None:
    product = shipped_products()["cash"]
    with pytest.raises(NotPublished, match=r"cap_percent 12\.00") as refused:
        lending.publish_product(books.connection, product, act=books.act_of(date(2028, 1, 1)))
    assert refused.value.faults[0].reason is OfferReason.PRICE_CAP_EXCEEDED


CAP_FALLS_ON = date(2028, 1, 1)  # to 12 % a year: CN-micro-2028


def test_the_law_of_the_first_day_on_which_a_product_is_sold_counts(books: Books) -> None:
    later = replace(shipped_products()["cash"], sold_from=CAP_FALLS_ON)
    with pytest.raises(NotPublished, match="CN-micro-2028"):
        lending.publish_product(books.connection, later, act=books.act_of(TODAY))
    assert lending.publish_product(books.connection, shipped_products()["cash"], act=books.act_of(TODAY))


def test_a_version_that_moves_lines_into_other_books_is_not_published(books: Books) -> None:
    moved = replace(books.product, version=2, sold_from=TODAY, ledger_id=9)
    with pytest.raises(VersionFault, match="ledger_id: baitiao version 1 has 1, not 9"):
        lending.publish_product(books.connection, moved, act=books.act_of(TODAY))


def test_a_contract_above_a_cap_that_came_after_its_publication_is_not_offered(books: Books, line_id: int) -> None:
    """Published when 24 % was lawful, it costs 18.30 %: from 2028 no line opens on it and no limit rises."""
    act = books.act_of(CAP_FALLS_ON)
    quoted = line_offers.quote_line(books.connection, product_id="baitiao", limit_minor=3_000_000, act=act)
    assert isinstance(quoted, OfferFault)
    assert (quoted.reason, quoted.field) == (OfferReason.PRICE_CAP_EXCEEDED, "pay_next_month.daily_rate_ppm")
    assert (str(quoted.figures["annual_percent"]), quoted.figures["rule"]) == ("18.30", "CN-micro-2028")
    opened = line_offers.open_line(
        books.connection, borrower_id=1, product_id="baitiao", limit_minor=3_000_000, accepted_hash="0" * 64, act=act
    )
    assert opened == quoted
    raised = line_offers.offer_limit(
        books.connection, line_id, limit_minor=4_000_000, valid_days=30, reason="reliable", act=act
    )
    assert raised == quoted


def test_an_offer_that_the_law_has_overtaken_cannot_be_accepted(books: Books, line_id: int) -> None:
    told_on = date(2027, 12, 20)
    offer = line_offers.offer_limit(
        books.connection, line_id, limit_minor=4_000_000, valid_days=30, reason="reliable", act=books.act_of(told_on)
    )
    assert isinstance(offer, LimitOffer)
    late = line_offers.accept_limit(
        books.connection, offer.offer_id, accepted_hash=offer.disclosure_hash, act=books.act_of(CAP_FALLS_ON)
    )
    assert isinstance(late, OfferFault)
    assert late.reason is OfferReason.PRICE_CAP_EXCEEDED
    in_time = line_offers.accept_limit(
        books.connection, offer.offer_id, accepted_hash=offer.disclosure_hash, act=books.act_of(date(2027, 12, 31))
    )
    assert isinstance(in_time, Recorded)


def test_a_version_that_was_published_never_changes(books: Books) -> None:
    changed = replace(books.product, name=replace(books.product.name, en="Another line"))
    with pytest.raises(ValueError, match="raise the version number"):
        contracts.add_product(books.connection, changed, published_on=OPENED_ON, published_by="author")
    assert not contracts.add_product(books.connection, books.product, published_on=OPENED_ON, published_by="x")


def test_the_lenders_reference_names_one_person(books: Books, line_id: int) -> None:
    again = lending.add_borrower(
        books.connection, reference="p-1", jurisdiction="CN", currency="CNY", metadata={}, act=books.act_of(TODAY)
    )
    assert isinstance(again, Refusal)
    assert again.reason is RefusalReason.BORROWER_EXISTS


def test_a_limit_above_what_the_law_grants_a_person_is_refused_with_figures(books: Books, line_id: int) -> None:
    act = books.act_of(TODAY)
    person = lending.add_borrower(
        books.connection, reference="p-2", jurisdiction="CN", currency="CNY", metadata={}, act=act
    )
    assert isinstance(person, Borrower)
    too_much = line_offers.open_line(
        books.connection,
        borrower_id=person.borrower_id,
        product_id="baitiao",
        limit_minor=30_000_000,
        accepted_hash=None,
        act=act,
    )
    assert isinstance(too_much, OfferFault)
    assert too_much.reason is OfferReason.LIMIT_TOO_LARGE
    assert too_much.figures["most_minor"] == 5_000_000


def test_a_quote_writes_nothing_and_is_what_is_drawn(books: Books, line_id: int) -> None:
    act = books.act_of(TODAY)
    quoted = lending.quote_plan(books.connection, line_id, TWELVE, principal_minor=120_000, act=act)
    assert isinstance(quoted, Disclosure)
    assert books.connection.execute("SELECT count(*) FROM acceptances").fetchone() == (1,)  # the line's own
    accepted = replace(TWELVE, accepted_hash=document_hash(quoted))
    drawn = lending.draw(
        books.connection, line_id, DrawRequest(amount_minor=120_000, merchant_id=5, plan=accepted), act=act
    )
    assert isinstance(drawn, Recorded)
    plan = drawn.line.plans[0]
    assert quoted.plan is not None
    assert [part.due_on for part in plan.installments] == [payment.due_on for payment in quoted.plan.schedule]
    assert sum(part.fee_minor for part in plan.installments) == 12 * 720
    fact = drawn.event.fact
    assert isinstance(fact, facts.Drawdown)
    assert fact.plan is not None
    assert fact.plan.acceptance_id is not None
    kept = acceptances.read_acceptance(books.connection, fact.plan.acceptance_id)
    assert kept is not None
    assert (kept.disclosure_hash, kept.disclosure) == (document_hash(quoted), quoted)


def test_nothing_is_drawn_on_a_disclosure_that_was_not_accepted(books: Books, line_id: int) -> None:
    act = books.act_of(TODAY)
    stale = replace(TWELVE, accepted_hash="0" * 64)
    for plan in (TWELVE, stale):
        refused = lending.draw(
            books.connection, line_id, DrawRequest(amount_minor=120_000, merchant_id=5, plan=plan), act=act
        )
        assert isinstance(refused, Refusal)
        assert refused.reason is RefusalReason.ACCEPTANCE_MISSING
        assert len(refused.figures["quoted_hash"]) == 64


def test_an_offer_that_is_not_sold_names_the_field_and_the_choices(books: Books, line_id: int) -> None:
    odd = PlanRequest(offer=OfferKind.ORDER_INSTALLMENTS, price_code="standard", installments=60)
    fault = lending.quote_plan(books.connection, line_id, odd, principal_minor=120_000, act=books.act_of(TODAY))
    assert isinstance(fault, OfferFault)
    assert fault.field == "installments"
    assert "3 to 24" in fault.way_out


def test_a_merchants_subsidy_is_kept_back_from_the_merchant(books: Books, line_id: int) -> None:
    act = books.act_of(TODAY)
    free = PlanRequest(offer=OfferKind.ORDER_INSTALLMENTS, price_code="merchant_free", installments=6)
    quoted = lending.quote_plan(books.connection, line_id, free, principal_minor=120_000, act=act)
    assert isinstance(quoted, Disclosure)
    request = DrawRequest(
        amount_minor=120_000, merchant_id=5, merchant_fee_minor=600,
        plan=replace(free, accepted_hash=document_hash(quoted)),
    )  # fmt: skip
    drawn = lending.draw(books.connection, line_id, request, act=act)
    assert isinstance(drawn, Recorded)
    payable = shared_balance(books.connection, Address("merchant_payable", 5), currency="CNY")
    assert payable.credit_minor - payable.debit_minor == 120_000 - 600 - 6 * 600


def test_a_callback_that_comes_twice_books_once(books: Books, line_id: int) -> None:
    act = books.act_of(TODAY)

    def call_back(amount_minor: int) -> Recorded | Refusal | PaidBefore:
        return lending.receive_payment(
            books.connection, line_id, amount_minor=amount_minor, channel="gateway", reference="gw-1", act=act
        )

    first, second, other = call_back(5_000), call_back(5_000), call_back(6_000)
    assert isinstance(first, Recorded)
    assert isinstance(second, PaidBefore)
    assert second.event_id == first.event.event_id
    assert isinstance(other, Refusal)
    assert other.reason is RefusalReason.REFERENCE_REUSED
    cash = shared_balance(books.connection, Address("gateway_clearing", 0), currency="CNY")
    assert cash.debit_minor - cash.credit_minor == 5_000


def test_a_waiver_happens_when_a_second_person_approves(books: Books, line_id: int) -> None:
    fee = facts.FeeCharged(charge_id=1, amount_minor=500, reason="card copy")
    assert isinstance(books.act(line_id, fee, TODAY), Recorded)
    waiver = facts.Waived(component="fee", amount_minor=500, reason="goodwill")
    asked = lending.propose(books.connection, line_id, waiver, act=books.act_of(TODAY, actor="ann"))
    assert isinstance(asked, Proposal)
    alone = lending.approve(books.connection, asked.proposal_id, act=books.act_of(TODAY, actor="ann"))
    assert isinstance(alone, Refusal)
    assert alone.reason is RefusalReason.SECOND_PERSON_MISSING
    agreed = lending.approve(books.connection, asked.proposal_id, act=books.act_of(TODAY, actor="bob"))
    assert isinstance(agreed, Recorded)
    assert sum(owed_minor(agreed.line, day=TODAY).values()) == 0
    again = lending.approve(books.connection, asked.proposal_id, act=books.act_of(TODAY, actor="cat"))
    assert isinstance(again, Refusal)
    assert again.reason is RefusalReason.PROPOSAL_DECIDED
    row = books.connection.execute("SELECT actor, approved_by FROM events WHERE kind = 'waived'").fetchone()
    assert row == ("ann", "bob")


def test_what_the_line_would_refuse_is_not_proposed(books: Books, line_id: int) -> None:
    waiver = facts.Waived(component="fee", amount_minor=500, reason="goodwill")
    asked = lending.propose(books.connection, line_id, waiver, act=books.act_of(TODAY, actor="ann"))
    assert asked == Refusal(RefusalReason.AMOUNT_EXCEEDS_OWED, field="amount_minor", figures={"owed_minor": 0})
    assert books.connection.execute("SELECT count(*) FROM proposals").fetchone() == (0,)


def test_the_database_refuses_that_the_one_who_proposed_decides(books: Books, line_id: int) -> None:
    assert isinstance(books.act(line_id, facts.CareBegun(kind=CareKind.DECEASED), TODAY), Recorded)
    lost = facts.ChargedOff(reason="never paid")
    asked = lending.propose(books.connection, line_id, lost, act=books.act_of(TODAY, actor="ann"))
    assert isinstance(asked, Proposal)
    with pytest.raises(psycopg.errors.CheckViolation, match="a_second_person_decides"):
        books.connection.execute("UPDATE proposals SET decision = 'approved', decided_by = 'ann', decided_at = now()")


def test_a_blocked_person_is_taken_off_the_list_again(books: Books, line_id: int) -> None:
    borrower_id = books.connection.execute("SELECT borrower_id FROM lines").fetchone()
    assert borrower_id is not None
    act = books.act_of(TODAY)
    lending.block_borrower(
        books.connection, borrower_id[0], blocked_because="court order", reason="court order", act=act
    )
    refused = books.buy(line_id, 11, 1_000, TODAY)
    assert isinstance(refused, Refusal)
    assert refused.reason is RefusalReason.BORROWER_BLOCKED
    lending.block_borrower(books.connection, borrower_id[0], blocked_because=None, reason="lifted", act=act)
    assert isinstance(books.buy(line_id, 12, 1_000, TODAY), Recorded)
    assert books.connection.execute("SELECT count(*) FROM borrower_blocks").fetchone() == (2,)
