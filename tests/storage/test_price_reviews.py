"""Prices looked at again by night: lower at once, higher after notice, by contracts that sell one price each."""

from collections.abc import Generator, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from itertools import count
from typing import Any

import psycopg
import pytest
from msgspec.structs import replace
from tests.books import Books, ended, told_events
from tests.deciding import SHANGHAI, Lender

from tallystick.operations.close_day import close_day
from tallystick.operations.contract_changes import announce, bind_due, object_to_change
from tallystick.operations.decision_record import tick_of
from tallystick.operations.decisions_told import tell_decision
from tallystick.operations.limit_reviews import LimitReviewFault
from tallystick.operations.price_reviews import PriceNightTold, reprice_lines_at_night
from tallystick.operations.replaying import replay_since
from tallystick.operations.strategies import strategy_files
from tallystick.servicing.line import Line
from tallystick.storage import contracts, lines, terms_changes
from tallystick.storage.event_streams import write_stream
from tallystick.storage.price_reviews import PriceAnswer, price_answers_of_line
from tallystick.storage.terms_changes import NoticeOutcome, TermsNotice
from tallystick.terms.catalog import shipped_products
from tallystick.terms.own_price import own_price_codes, with_own_price
from tallystick.terms.product import InstallmentPrice, Product

NIGHT = datetime(2027, 1, 20, 17, 0, tzinfo=UTC)  # one in the morning of the 21st in Shanghai, a year after the opening
EVER = datetime(2020, 1, 1, tzinfo=UTC)
FEES = {"long": 7_000, "dear": 7_000, "standard": 6_000, "cheap": 4_000}


def of_three_prices(version: int = 1) -> Product:
    """The product that ships, with a dearer and a cheaper price beside its own."""
    shipped = shipped_products()["baitiao"]
    sold = shipped.order_installments
    assert sold is not None
    own, *merchants = sold.prices
    prices: list[InstallmentPrice] = [replace(own, code=code, fee_per_period_ppm=fee) for code, fee in FEES.items()]
    prices[0] = replace(prices[0], most_installments=36)
    offer = replace(sold, prices=(*prices, *merchants))
    later = date(2027, 1, 10) if version > 1 else shipped.sold_from
    return replace(shipped, version=version, sold_from=later, order_installments=offer)


def files() -> dict[str, bytes]:
    """The standard strategy, by the bureau's score where it goes by that of a behavior model."""
    told = strategy_files(None)
    told["reprice/grade.csv"] = told["reprice/grade.csv"].replace(b"bureau_score >= 750,C,", b"bureau_score >= 750,A,")
    told["reprice/risk.csv"] = told["reprice/risk.csv"].replace(b" AND pd_ppm IS NOT NULL", b"")
    return told


@dataclass
class Repricer(Lender):
    """A lender whose prices are looked at again."""

    def opened(self, line_id: int, code: str | None, *, score: int) -> None:
        """A line more than a year old, always in good order, whose price is that one; None: of no price of its own."""
        books, whole = self.books, self.books.product
        books.add_borrower(line_id)
        kept, own = books.contract_hash, whole if code is None else with_own_price(whole, code)
        books.contract_hash = contracts.add_contract(books.connection, own, frozen_at=self.now)
        books.open_line(line_id, line_id, limit_minor=1_000_000)
        books.contract_hash = kept
        report = {"event_id": next(books.ids), "tick": tick_of(self.now) - 1_000_000, "borrower_id": line_id,
                  "bureau_score": score, "open_lines": 2, "total_limit_minor": 5_000_000,
                  "total_drawn_minor": 1_000_000, "inquiries_90d": 1, "worst_days_past_due_24m": 0}  # fmt: skip
        write_stream(books.connection, "bureau_report", {name: [figure] for name, figure in report.items()})

    def steps(self, **more: Any) -> Generator[float, None, PriceNightTold]:
        """A night, step by step, after the day before was closed."""
        act = self.act(actor="night")
        list(close_day(self.books.connection, act.today - timedelta(days=1), act=act))
        return reprice_lines_at_night(self.books.connection, deciders=self.deciders, act=act, zone=SHANGHAI, **more)

    def night(self, **more: Any) -> dict[tuple[str, str], int]:
        """A whole night: how many lines, by what became of them and why."""
        told = ended(self.steps(**more))
        return {(each.outcome, each.reason): each.lines for each in told.sums}

    def line(self, line_id: int) -> Line:
        """A line as it stands."""
        found = lines.read_line(self.books.connection, line_id)
        assert found is not None
        return found.line

    def codes(self, line_id: int) -> tuple[str, ...]:
        """The prices of its own that a line's contract sells."""
        return own_price_codes(contracts.Contracts(self.books.connection)[self.line(line_id).contract_hash])

    def answers(self, line_id: int) -> list[PriceAnswer]:
        """What became of a line's price, the newest first."""
        return price_answers_of_line(self.books.connection, line_id, before_id=None, most=9)

    def notices(self, line_id: int) -> list[TermsNotice]:
        """What a line was told."""
        return terms_changes.notices_of_line(self.books.connection, line_id)

    def words(self, line_id: int) -> tuple[str, tuple[str, ...], tuple[str, ...]]:
        """What came of the line's last decision, and what its borrower is told."""
        told = tell_decision(self.books.connection, self.deciders, self.answers(line_id)[0].decision_id)
        assert told is not None
        return told.final_outcome, told.explanation.zh, told.explanation.en


@pytest.fixture
def lender(database_url: str) -> Iterator[Repricer]:
    """Seven lines: some may be cheaper, some have to be dearer, one has the lowest price that it could have."""
    with psycopg.connect(database_url, autocommit=True) as connection:
        lender = Repricer(Books(connection, product=of_three_prices(), ids=count(10_000)), now=NIGHT)
        lender.release(files=files())
        lender.opened(1, "dear", score=780)
        lender.opened(2, "cheap", score=560)
        lender.opened(3, "standard", score=780)
        lender.opened(4, "standard", score=700)
        lender.opened(5, None, score=780)
        lender.opened(6, "cheap", score=560)
        lender.opened(7, "long", score=780)
        yield lender


def test_a_night_lowers_at_once_tells_of_what_rises_and_is_the_same_again(lender: Repricer) -> None:
    connection = lender.books.connection
    steps = lender.steps(persons_per_chunk=1)
    for _ in range(2):
        next(steps)
    steps.close()  # killed after two persons
    assert lender.night() == {
        ("lowered", "LOWERED_AT_ONCE"): 1, ("noticed", "RAISED_AFTER_NOTICE"): 2, ("kept", "NO_LOWER_PRICE"): 1,
        ("noticed", "LOWERED_AFTER_NOTICE"): 1,
    }  # fmt: skip
    told = ended(lender.steps())
    assert (told.lines, len(told.sums)) == (6, 4), (
        "the fifth line has no price of its own; the night again does nothing"
    )
    assert [lender.codes(each) for each in (1, 2, 3, 5)] == [
        ("standard",), ("cheap",), ("standard",), tuple(FEES),
    ]  # fmt: skip
    [lowered], [raised] = lender.notices(1), lender.notices(2)
    assert (lowered.outcome, lowered.binds_on) == (NoticeOutcome.BOUND, date(2027, 1, 21))
    assert (raised.outcome, raised.binds_on) == (None, date(2027, 2, 20))
    disclosure = terms_changes.disclosure_of(connection, raised.change_id)
    assert disclosure is not None
    assert (disclosure.offered_on, disclosure.terms_hash) == (date(2027, 1, 21), raised.to_hash)
    assert lender.answers(4) == []
    assert [kind for kind, _ in told_events(connection)] == ["price_rise_noticed"] * 2
    outcome, zh, en = lender.words(1)
    assert (outcome, zh, en) == (
        "lower",
        ("价格下调，自2027-01-21起对新的用款生效",),
        ("your price is lower from 2027-01-21 on, for what you draw from then on",),
    )
    outcome, zh, en = lender.words(2)
    assert outcome == "raise"
    assert zh[:2] == ("价格将上调，自2027-02-20起对新的用款生效；在此之前您可以不同意", "预计违约风险上升")
    assert (
        en[0] == "your price rises from 2027-02-20 on, for what you draw from then on; you may object before that day"
    )
    assert lender.words(7)[::2] == (
        "lower", ("your price is lower from 2027-02-20 on, for what you draw from then on",)
    ), "it could be had in 36 installments, so it may be objected to"  # fmt: skip
    assert lender.words(3)[::2] == ("keep", ("it stays as it is", "no lower price is sold"))
    replayed = ended(replay_since(connection, EVER, deciders=lender.deciders, features=True))
    assert (replayed.decisions, replayed.differences) == (6, ())


def test_what_was_told_binds_on_its_day_unless_the_borrower_objects(lender: Repricer) -> None:
    lender.night()
    connection, [mine], [other] = lender.books.connection, lender.notices(2), lender.notices(6)
    lender.now += timedelta(days=1)
    assert lender.night() == {("kept", "NO_LOWER_PRICE"): 1}, "who waits or changed lately is left alone"
    objected = object_to_change(connection, 6, other.change_id, act=lender.act(actor="app"))
    assert isinstance(objected, TermsNotice)
    lender.now += timedelta(days=29)
    assert sum(bind_due(connection, until=lender.act().today, act=lender.act(actor="night"))) == 2
    assert (lender.codes(2), lender.codes(6)) == (("standard",), ("cheap",))
    assert lender.notices(2)[0].outcome is NoticeOutcome.BOUND
    assert mine.to_hash == lender.line(2).contract_hash
    lender.now += timedelta(days=1)
    assert lender.night()[("kept", "REFUSED_BY_BOOKS")] == 1
    assert lender.answers(6)[0].refused_because == "objected"
    assert len(lender.notices(6)) == 1, "who objected is not told of the same again"


def test_a_new_version_of_the_product_is_told_at_the_price_that_a_line_has(lender: Repricer) -> None:
    lender.night()
    connection, act = lender.books.connection, lender.act(actor="author")
    before = {each: lender.notices(each) for each in (1, 3, 5)}
    assert list(announce(connection, product_id="baitiao", act=act)) == [], "a price of its own is no older version"
    new = of_three_prices(version=2)
    contracts.add_product(connection, new, published_on=act.today, published_by="author")
    list(announce(connection, product_id="baitiao", act=act))
    told = {each: contracts.Contracts(connection)[lender.notices(each)[0].to_hash] for each in before}
    assert {each: (product.version, own_price_codes(product)) for each, product in told.items()} == {
        1: (2, ("standard",)), 3: (2, ("standard",)), 5: (2, tuple(FEES)),
    }  # fmt: skip


def test_a_night_comes_after_the_close_of_the_day_before(lender: Repricer) -> None:
    night = reprice_lines_at_night(
        lender.books.connection, deciders=lender.deciders, act=lender.act(actor="night"), zone=SHANGHAI
    )
    with pytest.raises(LimitReviewFault, match="is not closed"):
        next(night)


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE price_answers SET outcome = 'kept'",
        "DELETE FROM price_nights",
        "UPDATE price_nights SET finished_at = now()",
    ],
)
def test_what_was_reviewed_stays_as_it_was(lender: Repricer, change: str) -> None:
    lender.night()
    with pytest.raises((psycopg.errors.IntegrityConstraintViolation, psycopg.errors.RestrictViolation)):
        lender.books.connection.execute(change.encode())
