"""Webhook endpoints: where events go, with which secret they are signed, and what is sent again."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Final

from msgspec import Struct
from psycopg import Connection

from tallystick.operations.lines import Act
from tallystick.operations.public_events import KINDS
from tallystick.storage import delivery, event_feed
from tallystick.storage.delivery import Endpoint, SealedSecret
from tallystick.trust.destinations import DestinationFault, Reach, check_url
from tallystick.trust.master_key import MasterKey
from tallystick.trust.personal_data import seal_secret
from tallystick.trust.refusals import TrustReason, TrustRefusal
from tallystick.trust.signatures import new_signing_secret, secret_text

# While a secret is being replaced, deliveries carry both signatures for this long.
_ROTATION: Final = timedelta(hours=24)
MOST_REPLAYED: Final = 100_000


class EndpointRequest(Struct, frozen=True, kw_only=True):
    """An endpoint to be made; no kinds means every kind."""

    url: str
    kinds: tuple[str, ...] = ()
    description: str = ""
    metadata: Mapping[str, str] = {}


class MadeEndpoint(Struct, frozen=True):
    """A new endpoint and the secret its deliveries are signed with, which is told this once."""

    endpoint: Endpoint
    secret: str

    def __repr__(self) -> str:
        return f"MadeEndpoint({self.endpoint!r}, …)"


def make_endpoint(
    connection: Connection, request: EndpointRequest, *, reach: Reach, master_key: MasterKey, act: Act
) -> MadeEndpoint | TrustRefusal:
    """An endpoint that hears of every event committed from now on."""
    try:
        check_url(request.url, reach=reach)
    except DestinationFault as fault:
        return TrustRefusal(TrustReason.ENDPOINT_UNREACHABLE, "url", str(fault).removeprefix("url: "))
    unknown = sorted(set(request.kinds) - KINDS)
    if unknown:
        figures = {"kinds": unknown, "known": sorted(KINDS)}
        return TrustRefusal(TrustReason.KIND_UNKNOWN, "kinds", "give kinds of events that exist", figures)
    endpoint = Endpoint(
        endpoint_id=next(act.event_ids),
        url=request.url,
        kinds=sorted(set(request.kinds)),
        description=request.description,
        metadata=request.metadata,
        made_by=act.actor,
        made_at=act.at,
    )
    delivery.add_endpoint(connection, endpoint, position=event_feed.present_position(connection))
    _, secret = _add_secret(connection, endpoint.endpoint_id, master_key=master_key, act=act)
    return MadeEndpoint(endpoint, secret)


def rotate_secret(
    connection: Connection, endpoint_id: int, *, master_key: MasterKey, act: Act
) -> MadeEndpoint | TrustRefusal:
    """A new secret beside the present ones, which end in a day: a receiver can change over without losing anything."""
    endpoint = delivery.read_endpoint(connection, endpoint_id)
    if endpoint is None:
        return unknown_endpoint()
    sealed, secret = _add_secret(connection, endpoint_id, master_key=master_key, act=act)
    delivery.expire_other_secrets(connection, sealed, expires_at=act.at + _ROTATION)
    return MadeEndpoint(endpoint, secret)


def _add_secret(
    connection: Connection, endpoint_id: int, *, master_key: MasterKey, act: Act
) -> tuple[SealedSecret, str]:
    plain = new_signing_secret()
    empty = SealedSecret(endpoint_id, next(act.event_ids), b"")
    sealed = seal_secret(plain, bound_to=empty.bound_to, master_key=master_key)
    secret = SealedSecret(endpoint_id, empty.secret_id, sealed)
    delivery.add_secret(connection, secret, made_at=act.at)
    return secret, secret_text(plain)


def remove_endpoint(connection: Connection, endpoint_id: int, *, act: Act) -> TrustRefusal | None:
    """Send nothing more to an endpoint; what waits for it is given up."""
    removed = delivery.remove_endpoint(connection, endpoint_id, removed_at=act.at)
    return None if removed else unknown_endpoint()


class ReplayRequest(Struct, frozen=True, kw_only=True):
    """What is to be sent again: all since an instant, or one event: of a line, or of none."""

    since: datetime | None = None
    line_id: int | None = None
    event_id: int | None = None


def replay(connection: Connection, endpoint_id: int, request: ReplayRequest, *, act: Act) -> int | TrustRefusal:
    """Queue events once more; gives how many. A receiver knows them again by `webhook-id`, the event's own id."""
    if delivery.read_endpoint(connection, endpoint_id) is None:
        return unknown_endpoint()
    if request.since is not None:
        return delivery.queue_again(connection, endpoint_id, since=request.since, queued_at=act.at, most=MOST_REPLAYED)
    if request.event_id is None:
        return _nothing_to_replay()
    queued = delivery.queue_event(
        connection, endpoint_id, line_id=request.line_id, event_id=request.event_id, queued_at=act.at
    )
    return (
        1
        if queued
        else TrustRefusal(
            TrustReason.EVENT_UNKNOWN, "event_id", "give an event of that line; without line_id, one of no line"
        )
    )


def _nothing_to_replay() -> TrustRefusal:
    return TrustRefusal(
        TrustReason.EVENT_UNKNOWN, "since", "give since, or event_id with the line_id that the event has"
    )


def unknown_endpoint() -> TrustRefusal:
    """There is no endpoint of that id in use."""
    return TrustRefusal(TrustReason.ENDPOINT_UNKNOWN, "endpoint_id", "list the endpoints to find its id")
