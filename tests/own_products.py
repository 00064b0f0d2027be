"""A lender's own product: the line that ships, with prices by grade, and the strategy that gives them."""

from collections.abc import Mapping
from datetime import date
from importlib.resources import files

from tests.checkpoints import standard_files

from tallystick.terms.catalog import read_product
from tallystick.terms.product import Product

FILE = "products/baitiao.toml"
_PRICE = """
[[order_installments.prices]]
code = "{code}"
amortization = "equal_installments"
least_installments = 3
most_installments = 24
fee_per_period_ppm = {fee}
"""
_PRICES = """id,when,price_code,reason,zh,en
good,"grade IN ('A', 'B', 'C')",prime,PRICE_PRIME,优惠价格,The lower price
other,otherwise,standard,PRICE_STANDARD,标准价格,The standard price
"""


def product_text(*, version: int = 2, sold_from: date = date(2026, 1, 2), prime: str = "prime") -> str:
    """The shipped line as another version, with a lower price beside the one that it has."""
    text = files("tallystick.terms").joinpath("products/baitiao.toml").read_text(encoding="utf-8")
    text = text.replace("version = 1\n", f"version = {version}\n").replace("2026-01-01", sold_from.isoformat())
    return text.replace("\n[bill_installments]", _PRICE.format(code=prime, fee=4_500) + "\n[bill_installments]")


def product_of_prices() -> Product:
    """That product."""
    return read_product(product_text(), file=FILE)


def priced_files() -> Mapping[str, bytes]:
    """The standard strategy with that product, whose lower price the better grades get."""
    return {**standard_files(), FILE: product_text().encode(), "apply/price.csv": _PRICES.encode()}
