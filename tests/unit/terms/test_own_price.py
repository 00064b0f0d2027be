"""A line's own price: the contract that sells it alone, and what counts as nothing but a lower one."""

from datetime import date

from msgspec.structs import replace

from tallystick.terms.catalog import shipped_products
from tallystick.terms.offering import OfferFault
from tallystick.terms.own_price import at_price, lowers_own_price, own_price_codes, pinned_price_code, with_own_price
from tallystick.terms.product import Product

DAY = date(2026, 11, 23)


def sold(fee_ppm: int, *, most: int = 24, code: str = "own") -> Product:
    """The product that ships, whose one price of the borrower's costs that much a month."""
    product = shipped_products()["baitiao"]
    assert product.order_installments is not None
    own, *merchants = product.order_installments.prices
    price = replace(own, code=code, fee_per_period_ppm=fee_ppm, most_installments=most)
    return replace(product, order_installments=replace(product.order_installments, prices=(price, *merchants)))


def test_a_contract_gives_a_line_one_of_several_prices() -> None:
    whole = sold(6_000)
    assert whole.order_installments is not None
    cheap, *merchants = whole.order_installments.prices
    dear = replace(cheap, code="dear", fee_per_period_ppm=7_000)
    whole = replace(whole, order_installments=replace(whole.order_installments, prices=(cheap, dear, *merchants)))
    assert own_price_codes(whole) == ("own", "dear")
    assert at_price(whole, "dear") == with_own_price(whole, "dear")
    for code in ("merchant_free", None):
        fault = at_price(whole, code)
        assert isinstance(fault, OfferFault)
        assert (fault.figures, fault.way_out) == ({"price_code": code}, "choose one of dear, own")
    assert (
        at_price(sold(6_000), None)
        == at_price(sold(6_000), "merchant_free")
        == at_price(sold(6_000), "own")
        == sold(6_000)
    )
    mine = with_own_price(whole, "own")
    assert mine == sold(6_000)
    assert [pinned_price_code(each, whole=whole) for each in (mine, whole)] == ["own", None]
    assert pinned_price_code(mine, whole=mine) is None, "where one price is sold, a line has no other"


def test_only_a_lower_price_and_nothing_else_needs_no_notice() -> None:
    present = sold(6_000)
    lower = sold(5_000), sold(5_000, code="good"), sold(5_000, most=36)
    assert all(lowers_own_price(present, new, on=DAY) for new in lower)
    others = (
        present,
        sold(7_000),
        sold(5_000, most=12),
        replace(sold(5_000), version=2),
        replace(sold(5_000), order_installments=None),
    )
    assert not any(lowers_own_price(present, new, on=DAY) for new in others)
