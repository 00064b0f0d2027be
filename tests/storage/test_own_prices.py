"""Prices by grade: from a product of the lender's own to a line whose contract sells its price alone."""

from collections.abc import Iterator
from datetime import date, timedelta
from itertools import count
from pathlib import Path

import psycopg
import pytest
from msgspec.structs import replace
from tests.applying import REPORT, accept, applicant, applied, offer_of
from tests.books import Books, ended
from tests.commands import command
from tests.deciding import Lender
from tests.own_products import priced_files, product_of_prices, product_text

from tallystick.bootstrap import business_date
from tallystick.operations.contract_changes import ChangeFault, announce
from tallystick.operations.lines import Recorded
from tallystick.operations.replaying import replay_since
from tallystick.operations.strategy_life import StrategyReason, StrategyRefusal, promote
from tallystick.storage import contracts, credit_offers, terms_changes
from tallystick.storage.applications import ApplicationState
from tallystick.storage.decisions import read_decision
from tallystick.strategy.products import strategy_products
from tallystick.terms.catalog import read_product
from tallystick.terms.own_price import own_price_codes, pinned_price_code, with_own_price

GOOD = replace(REPORT, bureau_score=800)


@pytest.fixture
def lender(database_url: str) -> Iterator[Lender]:
    """A lender that sells the line that ships; nobody decides yet."""
    with psycopg.connect(database_url, autocommit=True) as connection:
        yield Lender(Books(connection, ids=count(1_000)))


def publish(lender: Lender, text: str) -> None:
    """Publish a version of a product."""
    product = read_product(text, file="product.toml")
    assert contracts.add_product(lender.books.connection, product, published_on=lender.act().today, published_by="ann")


def promoted(lender: Lender) -> object:
    """What became of promoting the strategy with prices by grade."""
    connection, champion = lender.books.connection, lender.keep(priced_files())
    with connection.transaction():
        return promote(connection, champion, because="prices by grade", act=lender.act())


def test_a_strategy_decides_on_what_is_sold(lender: Lender) -> None:
    refused = promoted(lender)
    assert isinstance(refused, StrategyRefusal)
    assert refused.reason is StrategyReason.PRODUCT_DIFFERS
    assert "step price, row 2: price_code: 'prime' is none of baitiao" in refused.figures["faults"]
    publish(lender, product_text())
    assert not isinstance(promoted(lender), StrategyRefusal)


def test_an_accepted_line_has_the_price_of_its_grade(lender: Lender) -> None:
    publish(lender, product_text())
    lender.release(files=priced_files())
    connection, whole = lender.books.connection, product_of_prices()
    kept, told = {}, {}
    for borrower_id, report in ((1, GOOD), (2, REPORT)):
        applicant(lender, borrower_id, report)
        application = applied(lender, borrower_id)
        offer = offer_of(lender, application.application_id)
        shown = credit_offers.shown_with(connection, offer.offer_id)
        assert shown.line is not None
        told[borrower_id] = [price.basis.en for price in shown.line.prices]
        opened = accept(lender, application.application_id)
        assert isinstance(opened, Recorded)
        contract = contracts.Contracts(connection)[opened.line.contract_hash]
        assert pinned_price_code(contract, whole=whole) == offer.price_code
        kept[borrower_id] = own_price_codes(contract)
    assert kept == {1: ("prime",), 2: ("standard",)}
    prime, standard = (f"{rate}% of the original principal per installment" for rate in ("0.45", "0.6"))
    counts = {line: (each.count(prime), each.count(standard)) for line, each in told.items()}
    assert counts == {1: (1, 1), 2: (0, 2)}, "bills are converted at the standard price; an order at the line's own"
    replayed = ended(replay_since(connection, lender.now - timedelta(hours=1), deciders=lender.deciders, features=True))
    assert (replayed.decisions, replayed.differences) == (2, ())


def test_a_price_that_is_sold_no_more_is_not_offered(lender: Lender) -> None:
    publish(lender, product_text())
    lender.release(files=priced_files())
    publish(lender, product_text(version=3, sold_from=date(2026, 6, 1), prime="best"))
    applicant(lender, 1, GOOD)
    application = applied(lender, 1)
    assert application.state is ApplicationState.DECLINED
    decision = read_decision(lender.books.connection, application.application_id)
    assert decision is not None
    assert (decision.refused_because, decision.refused_figures) == ("price_unknown", {"price_code": "prime"})


def test_publishing_says_where_the_release_in_force_does_not_fit(
    lender: Lender, database_url: str, tmp_path: Path
) -> None:
    publish(lender, product_text())
    lender.release(files=priced_files())
    file = tmp_path / "baitiao.toml"
    file.write_text(product_text(version=3, sold_from=date(2026, 6, 1), prime="best"), encoding="utf-8")
    told = command("products", "publish", str(file), url=database_url).told()
    assert f"! {business_date()}: " in told
    assert "'prime' is none of baitiao; use best, standard" in told


def test_what_is_published_for_later_is_told_when_a_strategy_is_promoted(lender: Lender, database_url: str) -> None:
    publish(lender, product_text())
    later = business_date() + timedelta(days=9)
    publish(lender, product_text(version=3, sold_from=later, prime="best"))
    champion = lender.keep(priced_files())
    told = command("strategy", "promote", champion, "--by", "bo", "--because", "prices", url=database_url).told()
    assert f"! {later}" in told
    assert "'prime' is none of baitiao" in told


def test_a_new_version_is_told_at_the_price_that_a_line_has(lender: Lender) -> None:
    """One that was opened on the only price, and one whose price is sold no more."""
    books = lender.books
    books.add_borrower(1)
    books.open_line(7, 1)
    publish(lender, product_text())
    list(announce(books.connection, product_id="baitiao", act=lender.act()))
    notice = terms_changes.notices_of_line(books.connection, 7)[0]
    assert own_price_codes(contracts.Contracts(books.connection)[notice.to_hash]) == ("standard",)
    books.contract_hash = contracts.add_contract(
        books.connection, with_own_price(product_of_prices(), "prime"), frozen_at=lender.now
    )
    books.open_line(8, 1)
    publish(lender, product_text(version=3, sold_from=date(2026, 6, 1), prime="best"))
    with pytest.raises(ChangeFault, match="lines have 'prime', which version 3 does not sell"):
        list(announce(books.connection, product_id="baitiao", act=lender.act()))


def test_a_product_of_one_price_is_the_contract_as_it_is() -> None:
    shipped = strategy_products({})["baitiao"]
    assert own_price_codes(shipped) == ("standard",)
