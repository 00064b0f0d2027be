"""A change of contract in the books: told once, bound on its day, accepted before it, or objected to."""

from collections.abc import Iterator
from datetime import date, timedelta

import psycopg
import pytest
from msgspec.structs import replace
from tests.books import Books

from tallystick.operations import contract_changes
from tallystick.operations.contract_changes import Announced, ChangeFault, accept_change, announce, bind_due
from tallystick.operations.lines import Recorded
from tallystick.servicing import facts
from tallystick.servicing.refusals import Refusal, RefusalReason
from tallystick.storage import contracts, lines, terms_changes
from tallystick.storage.terms_changes import NoticeOutcome, TermsNotice
from tallystick.terms.canonical import content_hash
from tallystick.terms.product import LateFee, Product

TOLD_ON = date(2026, 2, 1)
BINDS_ON = TOLD_ON + timedelta(days=30)


@pytest.fixture
def books(database_url: str) -> Iterator[Books]:
    with psycopg.connect(database_url, autocommit=True) as connection:
        books = Books(connection)
        for number in range(5):
            books.add_borrower(100 + number)
            books.open_line(1_000 + number, 100 + number)
        yield books


def dearer(books: Books) -> Product:
    """0.06 % a day where it was 0.05 %, and no penalty, with which it would cost more than the law allows."""
    assert books.product.pay_next_month is not None
    return replace(
        books.product,
        version=2,
        sold_from=date(2026, 1, 20),
        late=replace(books.product.late, penalty=None),
        pay_next_month=replace(books.product.pay_next_month, daily_rate_ppm=600),
    )


def published(books: Books, product: Product) -> str:
    contracts.add_product(books.connection, product, published_on=TOLD_ON, published_by="author")
    return content_hash(product)


def announced(books: Books, on: date = TOLD_ON) -> list[Announced]:
    return list(announce(books.connection, product_id="baitiao", act=books.act_of(on)))


def bound(books: Books, on: date) -> int:
    return sum(bind_due(books.connection, until=on, act=books.act_of(on)))


def contract_of(books: Books, line_id: int) -> str:
    stored = lines.read_line(books.connection, line_id)
    assert stored is not None
    return stored.line.contract_hash


def notice_of(books: Books, line_id: int) -> TermsNotice:
    [notice] = terms_changes.notices_of_line(books.connection, line_id)
    return notice


def test_every_line_is_told_once_and_bound_on_its_day(books: Books, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(contract_changes, "_LINES_PER_STEP", 2)
    new_hash = published(books, dearer(books))
    told = announced(books)
    assert (told[-1].lines, told[-1].change.binds_on) == (5, BINDS_ON)
    assert announced(books) == []
    assert announced(books, TOLD_ON + timedelta(days=3)) == [], "lines that wait are not told again"
    assert bound(books, BINDS_ON - timedelta(days=1)) == 0
    assert bound(books, BINDS_ON) == 5
    assert bound(books, BINDS_ON) == 0
    assert {contract_of(books, 1_000 + number) for number in range(5)} == {new_hash}
    assert notice_of(books, 1_000).outcome is NoticeOutcome.BOUND


def test_an_announcement_that_was_interrupted_goes_on(books: Books, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(contract_changes, "_LINES_PER_STEP", 2)
    published(books, dearer(books))
    steps = announce(books.connection, product_id="baitiao", act=books.act_of(TOLD_ON))
    assert next(steps).lines == 2
    steps.close()  # type: ignore[attr-defined]
    assert announced(books)[-1].lines == 5


def test_a_line_opened_on_the_new_terms_is_told_nothing(books: Books) -> None:
    published(books, books.product)
    assert announced(books) == []


def test_the_borrower_accepts_before_the_day(books: Books) -> None:
    new_hash = published(books, dearer(books))
    [told] = announced(books)
    act = books.act_of(TOLD_ON + timedelta(days=1))
    wrong = accept_change(books.connection, 1_000, told.change.change_id, accepted_hash="0" * 64, act=act)
    assert isinstance(wrong, Refusal)
    assert wrong.reason is RefusalReason.ACCEPTANCE_MISSING
    right = told.change.disclosure_hash
    assert isinstance(
        accept_change(books.connection, 1_000, told.change.change_id, accepted_hash=right, act=act), Recorded
    )
    assert contract_of(books, 1_000) == new_hash
    kept = books.connection.execute("SELECT purpose, disclosure_hash FROM acceptances").fetchall()
    assert kept == [("terms", right)]
    again = accept_change(books.connection, 1_000, told.change.change_id, accepted_hash=right, act=act)
    assert isinstance(again, Refusal)
    assert again.reason is RefusalReason.OFFER_ANSWERED
    assert bound(books, BINDS_ON) == 4


def test_a_line_whose_borrower_objects_keeps_its_terms_and_lends_no_more(books: Books) -> None:
    published(books, dearer(books))
    [told] = announced(books)
    change_id = told.change.change_id
    act = books.act_of(BINDS_ON - timedelta(days=1))
    objected = contract_changes.object_to_change(books.connection, 1_001, change_id, act=act)
    assert isinstance(objected, TermsNotice)
    assert objected.outcome is NoticeOutcome.OBJECTED
    refused = books.buy(1_001, 77, 10_000, BINDS_ON)
    assert isinstance(refused, Refusal)
    assert refused.figures == {"reason": contract_changes.OBJECTED}
    assert bound(books, BINDS_ON) == 4
    assert contract_of(books, 1_001) == books.contract_hash
    assert announced(books, BINDS_ON) == [], "whoever objected is not asked again"
    late = contract_changes.object_to_change(books.connection, 1_002, change_id, act=books.act_of(BINDS_ON))
    assert isinstance(late, Refusal)
    assert late.reason is RefusalReason.OFFER_ANSWERED


def test_an_objection_comes_before_the_day(books: Books) -> None:
    published(books, dearer(books))
    [told] = announced(books)
    late = contract_changes.object_to_change(books.connection, 1_000, told.change.change_id, act=books.act_of(BINDS_ON))
    assert late == Refusal(RefusalReason.NOTICE_OVER, field="change_id", figures={"binds_on": BINDS_ON})


def test_a_frozen_line_objects_too_and_a_closed_one_is_left_as_it_is(books: Books) -> None:
    published(books, dearer(books))
    [told] = announced(books)
    books.act(1_000, facts.LineFrozen(reason="lost phone"), TOLD_ON)
    act = books.act_of(TOLD_ON)
    assert isinstance(
        contract_changes.object_to_change(books.connection, 1_000, told.change.change_id, act=act), TermsNotice
    )
    assert isinstance(books.act(1_001, facts.LineClosed(reason="asked"), TOLD_ON), Recorded)
    assert bound(books, BINDS_ON) == 4
    assert notice_of(books, 1_001).outcome is NoticeOutcome.LAPSED


def test_late_charges_are_not_raised_behind_old_draws(books: Books) -> None:
    late = replace(books.product.late, late_fee=LateFee(fixed_minor=2_000))
    published(books, replace(dearer(books), late=late))
    with pytest.raises(ChangeFault, match="raises what paying late costs"):
        announced(books)
    assert books.connection.execute("SELECT count(*) FROM terms_changes").fetchone() == (0,)


def test_a_change_that_would_bind_above_a_cap_to_come_is_not_announced(books: Books) -> None:
    """Told while 24 % is lawful, bound thirty days later, when 12 % is the cap."""
    published(books, dearer(books))
    with pytest.raises(ChangeFault, match=r"cannot be offered on 2028-01-09(?s:.*)CN-micro-2028"):
        announced(books, date(2027, 12, 10))
    assert books.connection.execute("SELECT count(*) FROM terms_changes").fetchone() == (0,)
    assert announced(books, date(2027, 12, 1))[-1].change.binds_on == date(2027, 12, 31)


def test_two_announcements_at_once_tell_each_line_once(books: Books, database_url: str) -> None:
    published(books, dearer(books))
    with psycopg.connect(database_url, autocommit=True) as other:
        first = announce(books.connection, product_id="baitiao", act=books.act_of(TOLD_ON))
        second = announce(other, product_id="baitiao", act=books.act_of(TOLD_ON))
        next(first)
        list(second)
        list(first)
    assert books.connection.execute("SELECT count(*), count(DISTINCT line_id) FROM terms_notices").fetchone() == (5, 5)


def test_a_purchase_before_the_day_keeps_its_price(books: Books) -> None:
    published(books, dearer(books))
    announced(books)
    assert isinstance(books.buy(1_000, 77, 10_000, date(2026, 2, 25)), Recorded)
    bound(books, BINDS_ON)
    assert isinstance(books.buy(1_000, 78, 10_000, BINDS_ON), Recorded)
    stored = lines.read_line(books.connection, 1_000)
    assert stored is not None
    assert [purchase.daily_rate_ppm for purchase in stored.line.revolving.purchases] == [500, 600]
