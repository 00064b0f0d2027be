"""Published products and frozen contracts, by the hash of their content."""

from collections.abc import Iterator, Mapping
from datetime import date, datetime
from typing import Final

import msgspec
from psycopg import Connection

from tallystick.terms.canonical import canonical_json, content_hash
from tallystick.terms.product import Product

# A contract never changes under its hash, so what one transaction has read serves all of the process.
_KNOWN: Final[dict[str, Product]] = {}
_MOST_KNOWN: Final = 4_096


class VersionFault(ValueError):
    """A version of a product does not fit those that were published before; the message tells the way out."""


class Contracts(Mapping[str, Product]):
    """Contracts by hash, read when they are first asked for."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def __getitem__(self, contract_hash: str) -> Product:
        known = _KNOWN.get(contract_hash)
        if known is None:
            row = self._connection.execute(
                "SELECT body::text FROM contracts WHERE contract_hash = %s", [contract_hash]
            ).fetchone()
            if row is None:
                raise KeyError(contract_hash)
            known = msgspec.json.decode(row[0], type=Product)
            if len(_KNOWN) >= _MOST_KNOWN:
                _KNOWN.clear()
            _KNOWN[contract_hash] = known
        return known

    def __iter__(self) -> Iterator[str]:
        return (row[0] for row in self._connection.execute("SELECT contract_hash FROM contracts"))

    def __len__(self) -> int:
        row = self._connection.execute("SELECT count(*) FROM contracts").fetchone()
        assert row is not None
        return int(row[0])


def add_product(connection: Connection, product: Product, *, published_on: date, published_by: str) -> bool:
    """Publish a version of a product; False where it is published already with the same content.

    Raises `VersionFault` where that version was published with another content: a version never changes.
    """
    added = connection.execute(
        """
        INSERT INTO products (product_id, version, product_key, content_hash, body, published_on, published_by)
        VALUES (%s, %s, %s, %s, %s, %s, %s) ON CONFLICT (product_id, version) DO NOTHING
        """,
        [
            product.id,
            product.version,
            product.ledger_id,
            content_hash(product),
            canonical_json(product).decode(),
            published_on,
            published_by,
        ],
    )
    if added.rowcount:
        return True
    row = connection.execute(
        "SELECT content_hash FROM products WHERE product_id = %s AND version = %s", [product.id, product.version]
    ).fetchone()
    if row is None or row[0] != content_hash(product):
        raise VersionFault(
            f"version: {product.id} {product.version} is published with another content; raise the version number"
        )
    return False


def published_products(connection: Connection) -> list[Product]:
    """Every version that was published, by product and version."""
    rows = connection.execute("SELECT body::text FROM products ORDER BY product_id, version")
    return [msgspec.json.decode(body, type=Product) for (body,) in rows]


def add_contract(connection: Connection, product: Product, *, frozen_at: datetime) -> str:
    """Keep the terms of a published product as a contract; gives the hash by which lines name it."""
    contract_hash = content_hash(product)
    connection.execute(
        """
        INSERT INTO contracts (contract_hash, product_id, version, body, frozen_at)
        VALUES (%s, %s, %s, %s, %s) ON CONFLICT DO NOTHING
        """,
        [contract_hash, product.id, product.version, canonical_json(product).decode(), frozen_at],
    )
    return contract_hash
