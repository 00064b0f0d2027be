"""Products as they are published: what may be opened, at which prices, by which terms."""

from datetime import date
from typing import Any

from litestar import Response, Router, get
from msgspec import Struct
from psycopg import Connection

from tallystick.operations.lines import Act
from tallystick.storage import contracts
from tallystick.terms.canonical import content_hash
from tallystick.terms.product import Product
from tallystick.trust.scopes import Scope
from tallystick.web.answering import read
from tallystick.web.edge import Asked
from tallystick.web.parameters import Page, needs, whole_json
from tallystick.web.problems import problems


class ProductView(Struct, frozen=True):
    """One version of a product; `terms` is all of it, as frozen into contracts of that hash."""

    id: str
    version: int
    name_en: str
    name_zh: str
    currency: str
    sold_from: date
    contract_hash: str
    terms: dict[str, Any]


def _view(product: Product) -> ProductView:
    return ProductView(
        id=product.id,
        version=product.version,
        name_en=product.name.en,
        name_zh=product.name.zh,
        currency=product.currency,
        sold_from=product.sold_from,
        contract_hash=content_hash(product),
        terms=whole_json(product),
    )


@get(
    "/products",
    operation_id="list_products",
    tags=["products"],
    guards=[needs(Scope.PRODUCTS_READ)],
    responses=problems(),
    sync_to_thread=True,
)
def list_all(request: Asked) -> Response[Page[ProductView]]:
    """Every published version of every product."""

    def run(connection: Connection, _: Act) -> Page[ProductView]:
        return Page([_view(product) for product in contracts.published_products(connection)], None)

    return read(request, run)


router = Router("/", route_handlers=[list_all])
