"""Webhook endpoints: made, listed, their secret replaced, what was sent, and what is to be sent again."""

from datetime import UTC, datetime
from typing import Annotated

from litestar import Response, Router, delete, get, post
from litestar.params import JSONBody
from msgspec import Meta, Struct
from psycopg import Connection

from tallystick.operations.lines import Act
from tallystick.operations.webhooks import (
    EndpointRequest,
    MadeEndpoint,
    ReplayRequest,
    make_endpoint,
    remove_endpoint,
    replay,
    rotate_secret,
    unknown_endpoint,
)
from tallystick.storage import delivery
from tallystick.storage.delivery import DeliveryRow, Endpoint
from tallystick.trust.refusals import TrustRefusal
from tallystick.trust.scopes import Scope
from tallystick.units.ids import IdPrefix, encode_id
from tallystick.web.answering import read, write
from tallystick.web.decision_views import optional_id
from tallystick.web.edge import Asked, edge_of
from tallystick.web.parameters import (
    AfterDelivery,
    AfterEndpoint,
    Code,
    EndpointPath,
    EventId,
    IdempotencyKey,
    LineId,
    Metadata,
    OptionalText,
    Page,
    PageLimit,
    body_id,
    needs,
    page,
    path_id,
    place_id,
)
from tallystick.web.problems import Problem, problems

Kinds = Annotated[tuple[Code, ...], Meta(max_length=60)]


class EndpointBody(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """An endpoint to make. No kinds means every kind of event."""

    url: Annotated[str, Meta(min_length=1, max_length=2000)]
    kinds: Kinds = ()
    description: OptionalText = ""
    metadata: Metadata = {}


class ReplayBody(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What is to be sent again: everything since an instant, or one event with the `line_id` that it has, if any."""

    since: Annotated[datetime, Meta(tz=True)] | None = None
    line_id: LineId | None = None
    event_id: EventId | None = None


class EndpointView(Struct, frozen=True):
    """Where events go."""

    id: str
    url: str
    kinds: list[str]
    description: str
    metadata: dict[str, str]
    made_by: str
    made_at: datetime


class NewEndpointView(Struct, frozen=True):
    """An endpoint with the secret its deliveries are signed with, shown this once."""

    endpoint: EndpointView
    secret: str


class DeliveryView(Struct, frozen=True):
    """An event on its way: waiting while `next_attempt_at` is given, or else delivered or dead."""

    id: str
    line_id: str | None
    event_id: str
    attempts: int
    queued_at: datetime
    next_attempt_at: datetime | None
    delivered_at: datetime | None
    dead_at: datetime | None
    answer_code: int | None
    fault: str | None


class Queued(Struct, frozen=True):
    """How many deliveries were queued."""

    queued: int


class Removed(Struct, frozen=True):
    """What is no longer there."""

    id: str


def _view(endpoint: Endpoint) -> EndpointView:
    return EndpointView(
        id=encode_id(IdPrefix.WEBHOOK_ENDPOINT, endpoint.endpoint_id),
        url=endpoint.url,
        kinds=endpoint.kinds,
        description=endpoint.description,
        metadata=dict(endpoint.metadata),
        made_by=endpoint.made_by,
        made_at=endpoint.made_at,
    )


def _new_view(made: MadeEndpoint | TrustRefusal) -> NewEndpointView | TrustRefusal:
    return made if isinstance(made, TrustRefusal) else NewEndpointView(_view(made.endpoint), made.secret)


@post(
    "/webhook-endpoints",
    operation_id="make_webhook_endpoint",
    tags=["webhooks"],
    guards=[needs(Scope.WEBHOOKS_WRITE)],
    responses=problems(409, 422),
    sync_to_thread=True,
)
def make(request: Asked, data: JSONBody[EndpointBody], idempotency_key: IdempotencyKey) -> Response[NewEndpointView]:
    """Send events committed from now on to a URL. Its secret is in this answer and nowhere else."""
    edge = edge_of(request)
    asked = EndpointRequest(url=data.url, kinds=data.kinds, description=data.description, metadata=data.metadata)

    def run(connection: Connection, act: Act) -> NewEndpointView | TrustRefusal:
        return _new_view(make_endpoint(connection, asked, reach=edge.reach, master_key=edge.master_key, act=act))

    return write(request, data, run, idempotency_key=idempotency_key)


@get(
    "/webhook-endpoints",
    operation_id="list_webhook_endpoints",
    tags=["webhooks"],
    guards=[needs(Scope.WEBHOOKS_READ)],
    responses=problems(),
    sync_to_thread=True,
)
def list_all(request: Asked, limit: PageLimit = 20, after: AfterEndpoint = None) -> Response[Page[EndpointView]]:
    """Endpoints in use, the newest first."""
    before_id = place_id(IdPrefix.WEBHOOK_ENDPOINT, after)

    def run(connection: Connection, _: Act) -> Page[EndpointView]:
        rows = delivery.endpoints(connection, before_id=before_id, most=limit + 1)
        return page(
            rows, limit=limit, view=_view, place=lambda row: encode_id(IdPrefix.WEBHOOK_ENDPOINT, row.endpoint_id)
        )

    return read(request, run)


@get(
    "/webhook-endpoints/{endpoint_id:str}",
    operation_id="get_webhook_endpoint",
    tags=["webhooks"],
    guards=[needs(Scope.WEBHOOKS_READ)],
    responses=problems(404),
    sync_to_thread=True,
)
def get_one(request: Asked, endpoint_id: EndpointPath) -> Response[EndpointView]:
    """One endpoint in use."""
    number = path_id(IdPrefix.WEBHOOK_ENDPOINT, endpoint_id)

    def run(connection: Connection, _: Act) -> EndpointView | TrustRefusal:
        endpoint = delivery.read_endpoint(connection, number)
        return unknown_endpoint() if endpoint is None else _view(endpoint)

    return read(request, run)


@post(
    "/webhook-endpoints/{endpoint_id:str}/secrets",
    operation_id="rotate_webhook_secret",
    tags=["webhooks"],
    guards=[needs(Scope.WEBHOOKS_WRITE)],
    responses=problems(404, 409, 422),
    sync_to_thread=True,
)
def rotate(request: Asked, endpoint_id: EndpointPath, idempotency_key: IdempotencyKey) -> Response[NewEndpointView]:
    """A new secret. For a day deliveries carry both signatures, then the old one ends."""
    number, master_key = path_id(IdPrefix.WEBHOOK_ENDPOINT, endpoint_id), edge_of(request).master_key

    def run(connection: Connection, act: Act) -> NewEndpointView | TrustRefusal:
        return _new_view(rotate_secret(connection, number, master_key=master_key, act=act))

    return write(request, None, run, idempotency_key=idempotency_key)


@delete(
    "/webhook-endpoints/{endpoint_id:str}",
    operation_id="remove_webhook_endpoint",
    tags=["webhooks"],
    guards=[needs(Scope.WEBHOOKS_WRITE)],
    status_code=200,
    responses=problems(404, 409),
    sync_to_thread=True,
)
def remove(request: Asked, endpoint_id: EndpointPath, idempotency_key: IdempotencyKey) -> Response[Removed]:
    """Send nothing more to an endpoint."""
    number = path_id(IdPrefix.WEBHOOK_ENDPOINT, endpoint_id)

    def run(connection: Connection, act: Act) -> Removed | TrustRefusal:
        return remove_endpoint(connection, number, act=act) or Removed(endpoint_id)

    return write(request, None, run, idempotency_key=idempotency_key, status=200)


@post(
    "/webhook-endpoints/{endpoint_id:str}/replays",
    operation_id="replay_webhooks",
    tags=["webhooks"],
    guards=[needs(Scope.WEBHOOKS_WRITE)],
    responses=problems(404, 409, 422),
    sync_to_thread=True,
)
def replay_some(
    request: Asked, endpoint_id: EndpointPath, data: JSONBody[ReplayBody], idempotency_key: IdempotencyKey
) -> Response[Queued]:
    """Send events once more; a receiver knows them again by `webhook-id`."""
    number = path_id(IdPrefix.WEBHOOK_ENDPOINT, endpoint_id)
    asked = ReplayRequest(
        since=None if data.since is None else _plausible(data.since),
        line_id=None if data.line_id is None else body_id(IdPrefix.LINE, data.line_id, param="line_id"),
        event_id=None if data.event_id is None else body_id(IdPrefix.EVENT, data.event_id, param="event_id"),
    )

    def run(connection: Connection, act: Act) -> Queued | TrustRefusal:
        queued = replay(connection, number, asked, act=act)
        return queued if isinstance(queued, TrustRefusal) else Queued(queued)

    return write(request, data, run, idempotency_key=idempotency_key)


def _plausible(since: datetime) -> datetime:
    if not 2000 <= since.year <= 2200:
        raise Problem("date_implausible", status=422, detail="since: give a year from 2000 to 2200", param="since")
    return since.astimezone(UTC)


@get(
    "/webhook-endpoints/{endpoint_id:str}/deliveries",
    operation_id="list_webhook_deliveries",
    tags=["webhooks"],
    guards=[needs(Scope.WEBHOOKS_READ)],
    responses=problems(404),
    sync_to_thread=True,
)
def list_deliveries(
    request: Asked, endpoint_id: EndpointPath, limit: PageLimit = 20, after: AfterDelivery = None
) -> Response[Page[DeliveryView]]:
    """Deliveries to an endpoint, the newest first."""
    number = path_id(IdPrefix.WEBHOOK_ENDPOINT, endpoint_id)
    before_id = place_id(IdPrefix.WEBHOOK_DELIVERY, after)

    def run(connection: Connection, _: Act) -> Page[DeliveryView] | TrustRefusal:
        if delivery.read_endpoint(connection, number) is None:
            return unknown_endpoint()
        rows = delivery.deliveries(connection, number, before_id=before_id, most=limit + 1)
        return page(
            rows,
            limit=limit,
            view=_delivery_view,
            place=lambda row: encode_id(IdPrefix.WEBHOOK_DELIVERY, row.delivery_id),
        )

    return read(request, run)


def _delivery_view(row: DeliveryRow) -> DeliveryView:
    return DeliveryView(
        id=encode_id(IdPrefix.WEBHOOK_DELIVERY, row.delivery_id),
        line_id=optional_id(IdPrefix.LINE, row.line_id),
        event_id=encode_id(IdPrefix.EVENT, row.event_id),
        attempts=row.attempts,
        queued_at=row.queued_at,
        next_attempt_at=row.next_attempt_at,
        delivered_at=row.delivered_at,
        dead_at=row.dead_at,
        answer_code=row.answer_code,
        fault=row.fault,
    )


router = Router("/", route_handlers=[make, list_all, get_one, rotate, remove, replay_some, list_deliveries])
