"""The price of order installments that a line has of its own: its contract sells that one of all that a product has.

A product may sell several prices that the borrower pays. Which of them a line has is said by its contract: the product
with that price alone beside those that merchants pay for. So a line's price changes as its terms do.
"""

from datetime import date
from typing import Final

from msgspec.structs import replace

from tallystick.terms.legality import worst_corner
from tallystick.terms.offering import OfferFault, OfferReason, own_prices
from tallystick.terms.plan_terms import Amortization
from tallystick.terms.product import InstallmentPrice, OfferKind, Product
from tallystick.units.rates import PPM

_YEAR_MONTHS: Final = 12


def own_price_codes(product: Product) -> tuple[str, ...]:
    """The codes of the prices that a borrower may have, in the product's order.

    >>> from tallystick.terms.catalog import shipped_products
    >>> own_price_codes(shipped_products()["baitiao"])
    ('standard',)
    """
    sold = product.order_installments
    return tuple(dict.fromkeys(price.code for price in own_prices(sold))) if sold else ()


def shown_prices(product: Product, *, code: str, most_installments: int) -> tuple[InstallmentPrice, ...]:
    """The prices at which a purchase can be paid in up to so many installments: those of a code that is sold.

    Where the product does not sell that code, they are of the price that a line has of its own.

    >>> from tallystick.terms.catalog import shipped_products
    >>> [price.most_installments for price in shown_prices(shipped_products()["baitiao"], code="standard",
    ...                                                    most_installments=12)]
    [24]
    """
    sold = product.order_installments
    if sold is None:
        return ()
    if code not in {price.code for price in sold.prices}:
        code = next(iter(own_price_codes(product)), "")
    return tuple(price for price in sold.prices if price.code == code and price.least_installments <= most_installments)


def flat_rate_ppm(price: InstallmentPrice, *, installments: int) -> int:
    """What so many installments cost the borrower on average, each, as a share of the original principal.

    A rate on the declining balance as what it comes to over all of them, by months of a twelfth of a year: 14.4 % a
    year in twelve equal installments costs 7.97 % of what was borrowed, 0.66 % with each. What a merchant pays of a
    price is not the borrower's.

    >>> from tallystick.terms.catalog import shipped_products
    >>> line = shipped_products()["baitiao"]
    >>> [flat_rate_ppm(price, installments=12) for price in line.order_installments.prices]
    [6000, 0]
    >>> [flat_rate_ppm(price, installments=12) for price in line.cash.prices]
    [6642, 6500, 11000]
    """
    per_period_ppm = price.fee_per_period_ppm or price.interest_per_period_ppm or 0
    if price.nominal_rate_ppm is None:
        return round(per_period_ppm * (PPM - price.merchant_subsidy_ppm) / PPM)
    rate = price.nominal_rate_ppm / PPM / _YEAR_MONTHS
    match price.amortization:
        case Amortization.EQUAL_PRINCIPAL:
            flat = rate * (installments + 1) / (2 * installments)
        case Amortization.EQUAL_INSTALLMENTS if rate:
            flat = rate / (1 - (1 + rate) ** -installments) - 1 / installments
        case _:
            flat = rate
    return round(flat * PPM)


def with_own_price(product: Product, code: str) -> Product:
    """The product as a line has it whose own price is that one; the same product where it sells no other."""
    sold = product.order_installments
    assert sold is not None, "who has a price of installments has a product that sells them"
    assert code in own_price_codes(product), "a line has a price that its product sells"
    prices = tuple(price for price in sold.prices if price.merchant_subsidy_ppm or price.code == code)
    return replace(product, order_installments=replace(sold, prices=prices))


def at_price(product: Product, code: str | None) -> Product | OfferFault:
    """The product as a line is opened on it at a price of its own, or why there is no such price.

    Of a product that sells no more than one to borrowers the line has that, where a merchant's price or none is named.

    >>> from tallystick.terms.catalog import shipped_products
    >>> print(at_price(shipped_products()["baitiao"], "gold"))
    price_code: price_unknown (price_code gold); choose one of merchant_free, standard
    """
    own, sold = own_price_codes(product), product.order_installments
    if code in own:
        return with_own_price(product, code)
    codes = sorted(own if len(own) > 1 else {price.code for price in sold.prices} if sold else ())
    if len(own) <= 1 and (code is None or code in codes):
        return product
    way_out = f"choose one of {', '.join(codes)}" if codes else "name no price of order installments"
    return OfferFault(
        reason=OfferReason.PRICE_UNKNOWN, field="price_code", figures={"price_code": code}, way_out=way_out
    )


def pinned_price_code(contract: Product, *, whole: Product) -> str | None:
    """The price that a contract gives a line of its own, None where it leaves the choice; `whole` is the product."""
    codes = own_price_codes(contract)
    return codes[0] if len(codes) == 1 and len(own_price_codes(whole)) > 1 else None


def yearly_prices(product: Product, *, on: date) -> dict[str, int]:
    """What each of the borrower's own prices of order installments costs a year at most, simple, in ppm.

    What a merchant pays for is a price of his, not one that a line could have. 0.6 % of the principal a month costs
    most where the first payment comes soonest after the draw:

    >>> from tallystick.terms.catalog import shipped_products
    >>> yearly_prices(shipped_products()["baitiao"], on=date(2026, 11, 23))
    {'standard': 166938}
    """
    sold = product.order_installments
    dearest: dict[str, int] = {}
    for price in own_prices(sold) if sold else ():
        corner = worst_corner(product, offer=OfferKind.ORDER_INSTALLMENTS, price=price, on=on)
        dearest[price.code] = max(dearest.get(price.code, 0), round(corner.simple_rate * PPM))
    return dearest


def lowers_own_price(present: Product, new: Product, *, on: date) -> bool:
    """Whether new terms are the present ones at a lower price of the borrower's own, and nothing else.

    Every plan that could be had can still be had, and for less: no count of installments goes.
    """
    if present.order_installments is None or new.order_installments is None:
        return False
    alike = replace(new.order_installments, prices=present.order_installments.prices)
    if replace(new, order_installments=alike) != present or _of_merchants(new) != _of_merchants(present):
        return False
    if not _counts(new) >= _counts(present):
        return False
    now, then = (yearly_prices(product, on=on) for product in (present, new))
    return bool(then) and max(then.values()) < min(now.values(), default=0)


def _of_merchants(product: Product) -> tuple[object, ...]:
    sold = product.order_installments
    return tuple(price for price in sold.prices if price.merchant_subsidy_ppm) if sold else ()


def _counts(product: Product) -> set[int]:
    """The counts of installments for which the borrower may have a price of his own."""
    sold = product.order_installments
    ranges = [(price.least_installments, price.most_installments) for price in own_prices(sold)] if sold else []
    return {count for least, most in ranges for count in range(least, most + 1)}
