"""The API as a whole: every route under /v1, the probes, the OpenAPI document, and the frame around them."""

from functools import cache
from typing import Final

import psycopg
from litestar import Litestar, Router
from litestar.exceptions import HTTPException, ValidationException
from litestar.openapi import OpenAPIConfig
from litestar.openapi.plugins import JsonRenderPlugin
from litestar.openapi.spec import Components, SecurityScheme

from tallystick import __version__
from tallystick.web import (
    acceptances,
    applications,
    authorizations,
    books,
    borrowers,
    bureau_reports,
    captures,
    corrections,
    credit_offers,
    decisions,
    drawdowns,
    events,
    freezes,
    holds,
    keys,
    limit_offers,
    limit_requests,
    lines,
    metadata,
    overrides,
    payments,
    persons,
    plans,
    price_reviews,
    probes,
    products,
    quotes,
    refunds,
    reviews,
    terms_notices,
    webhooks,
)
from tallystick.web.checkout import Checkout
from tallystick.web.edge import Edge
from tallystick.web.frame import Frame
from tallystick.web.metrics import Metrics
from tallystick.web.problems import Problem, answer_away, answer_defect, answer_http, answer_invalid, answer_problem
from tallystick.web.strict import Strict

_MOST_BODY_BYTES: Final = 64 * 1024
_ROUTERS: Final = (
    borrowers,
    persons,
    products,
    quotes,
    bureau_reports,
    applications,
    overrides,
    credit_offers,
    lines,
    limit_offers,
    limit_requests,
    terms_notices,
    price_reviews,
    acceptances,
    authorizations,
    captures,
    holds,
    drawdowns,
    plans,
    payments,
    refunds,
    metadata,
    corrections,
    decisions,
    reviews,
    freezes,
    events,
    webhooks,
    keys,
    books,
)


def create_app(edge: Edge) -> Frame:
    """The ASGI app. It opens and closes nothing: pool, clock and secrets are the caller's."""
    metrics = Metrics()
    checkout = Checkout(edge, metrics=metrics)
    return Frame(_routes(), edge=edge, metrics=metrics, checkout=checkout, express=[authorizations.express])


@cache
def _routes() -> Litestar:
    """The same for every app of a process: each request brings the edge that answers it, from its frame."""
    return Litestar(
        route_handlers=[
            Router(
                "/v1",
                route_handlers=[part.router for part in _ROUTERS],
                dto=Strict,
                return_dto=None,
                security=[{"bearer": []}],
            ),
            probes.router,
        ],
        exception_handlers={
            Problem: answer_problem,
            ValidationException: answer_invalid,
            HTTPException: answer_http,
            psycopg.OperationalError: answer_away,
            Exception: answer_defect,
        },
        openapi_config=_openapi(),
        request_max_body_size=_MOST_BODY_BYTES,
        debug=False,
        logging_config=None,
    )


def _openapi() -> OpenAPIConfig:
    return OpenAPIConfig(
        title="Tallystick",
        version=__version__,
        description=(
            "A consumer credit line over HTTP. Amounts are whole minor units beside a currency; instants are UTC, "
            "dates are the lender's business days. Every write carries an Idempotency-Key. What a line refuses is told "
            "in the language of Accept-Language, Chinese or English; English without it."
        ),
        path="/schema",
        render_plugins=[JsonRenderPlugin(path="/litestar.json")],
        components=Components(
            security_schemes={"bearer": SecurityScheme(type="http", scheme="bearer", description="An API key's token")}
        ),
        use_handler_docstrings=True,
    )
