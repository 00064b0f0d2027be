"""The terms in force, frozen into a contract: what was agreed stays agreed, whatever the product becomes later."""

from collections.abc import Iterable
from datetime import date

from msgspec import Struct

from tallystick.terms.canonical import content_hash
from tallystick.terms.product import Product


class ContractTerms(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One version of a product as it was agreed. `terms_hash` names the terms, the same for all who agreed to them."""

    terms_hash: str
    frozen_on: date
    product: Product


class NotSold(LookupError):
    """No version of that product is sold on that day."""


def freeze(product: Product, *, on: date) -> ContractTerms:
    """Freeze a product into a contract that is agreed on a day. Raises `NotSold` before the product is sold."""
    if on < product.sold_from:
        raise NotSold(
            f"sold_from: {product.id} version {product.version} is sold from {product.sold_from}, not on {on}"
        )
    return ContractTerms(terms_hash=content_hash(product), frozen_on=on, product=product)


def product_in_force(versions: Iterable[Product], *, product_id: str, on: date) -> Product:
    """The version of a product that is sold on a day: the latest whose `sold_from` has come. Raises `NotSold`."""
    named = [product for product in versions if product.id == product_id]
    sold = products_sold(named, on=on)
    if not sold:
        starts = ", ".join(f"version {product.version} from {product.sold_from}" for product in named) or "none"
        raise NotSold(f"product_id: {product_id!r} is not sold on {on}; known: {starts}. Choose another day or product")
    return sold[product_id]


def products_sold(versions: Iterable[Product], *, on: date) -> dict[str, Product]:
    """By id, the version of each product that is sold on a day; one that is not sold yet is left out.

    >>> from tallystick.terms.catalog import shipped_products
    >>> sorted(products_sold(shipped_products().values(), on=date(2026, 11, 29)))
    ['baitiao', 'cash', 'scene-education']
    """
    begun = [product for product in versions if product.sold_from <= on]
    return {product.id: product for product in sorted(begun, key=lambda each: (each.sold_from, each.version))}


def version_faults(product: Product, *, published: Iterable[Product]) -> tuple[str, ...]:
    """Why a version cannot be published beside those that are: what must stay, and the order in which they are sold.

    Lines move from one version to the next, so the books, the money and the law stay the same, and a later version is
    sold later.
    """
    faults = []
    for other in published:
        told = f"{other.id} version {other.version}"
        if other.id != product.id:
            if other.ledger_id == product.ledger_id:
                faults.append(f"ledger_id: {product.ledger_id} is that of {told}; give one of its own")
            continue
        for name in ("ledger_id", "currency", "jurisdiction"):
            was, becomes = getattr(other, name), getattr(product, name)
            if was != becomes:
                faults.append(f"{name}: {told} has {was}, not {becomes}; keep it, or give the product another id")
        if other.version < product.version and other.sold_from >= product.sold_from:
            faults.append(f"sold_from: {told} is sold from {other.sold_from}; give a later day than that")
        if other.version > product.version and other.sold_from <= product.sold_from:
            faults.append(f"sold_from: {told} is sold from {other.sold_from}; give an earlier day than that")
    return tuple(faults)
