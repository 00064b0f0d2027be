"""Events on their way to webhook endpoints: queued in the order of commits, sent signed, tried again with patience."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Final

import httpx
import msgspec
from msgspec import Struct
from psycopg import Connection

from tallystick.operations.public_events import public_event
from tallystick.storage import delivery
from tallystick.storage.delivery import Attempted, ClaimedDelivery
from tallystick.trust.destinations import DestinationFault, Reach, Resolve, destination, resolve_host
from tallystick.trust.master_key import MasterKey
from tallystick.trust.personal_data import unseal_secret
from tallystick.trust.signatures import signature_headers
from tallystick.units.ids import IdPrefix, encode_id

# After each attempt that failed, how long until the next: ten attempts over some two days, then the delivery is dead.
BACKOFF: Final = (
    timedelta(seconds=5),
    timedelta(minutes=1),
    timedelta(minutes=5),
    timedelta(minutes=30),
    timedelta(hours=2),
    timedelta(hours=5),
    timedelta(hours=10),
    timedelta(hours=14),
    timedelta(hours=16),
)
_JITTER_SHARE: Final = 0.2
_TIMEOUT_S: Final = 10.0
# Longer than an attempt can take, so that nobody else sends what is still being sent.
_LEASE: Final = timedelta(seconds=60)
_GONE: Final = 410


class Envelope(Struct, frozen=True):
    """A claimed delivery with all that sending it takes; nothing of it asks the database."""

    claimed: ClaimedDelivery
    body: bytes
    headers: Mapping[str, str]


def backoff(attempts: int, *, chance: float) -> timedelta | None:
    """How long after its `attempts`-th failed attempt a delivery is tried again; None after the last.

    `chance` from 0 to 1 spreads the next attempts by a fifth to either side, so that a receiver that comes back is not
    met by all at once.

    >>> backoff(2, chance=0.5), backoff(2, chance=1.0), backoff(10, chance=0.5)
    (datetime.timedelta(seconds=60), datetime.timedelta(seconds=72), None)
    """
    if attempts > len(BACKOFF):
        return None
    return BACKOFF[attempts - 1] * (1 + _JITTER_SHARE * (2 * chance - 1))


def take_deliveries(
    connection: Connection,
    *,
    master_key: MasterKey,
    now: datetime,
    most: int,
    most_per_endpoint: int,
    passing_over: Sequence[int] = (),
) -> list[Envelope]:
    """Claim what is due and sign it. The caller commits before anything is sent."""
    claimed = delivery.claim_deliveries(
        connection,
        now=now,
        lease_until=now + _LEASE,
        most=most,
        most_per_endpoint=most_per_endpoint,
        passing_over=passing_over,
    )
    secrets: dict[int, list[bytes]] = {}
    for sealed in delivery.valid_secrets(connection, sorted({one.endpoint_id for one in claimed}), at=now):
        plain = unseal_secret(sealed.sealed, bound_to=sealed.bound_to, master_key=master_key)
        secrets.setdefault(sealed.endpoint_id, []).append(plain)
    return [_envelope(one, secrets=secrets.get(one.endpoint_id, ()), now=now) for one in claimed]


def _envelope(claimed: ClaimedDelivery, *, secrets: Iterable[bytes], now: datetime) -> Envelope:
    body = msgspec.json.encode(public_event(claimed.event))
    headers = signature_headers(
        body,
        message_id=encode_id(IdPrefix.EVENT, claimed.event.event_id),
        sent_at_s=int(now.timestamp()),
        secrets=list(secrets),
    )
    return Envelope(claimed, body, {**headers, "content-type": "application/json", "user-agent": "tallystick"})


def delivery_client() -> httpx.Client:
    """What deliveries are sent with: short timeouts, no redirects, no proxy or password from the environment."""
    return httpx.Client(timeout=_TIMEOUT_S, follow_redirects=False, trust_env=False)


def send(
    envelope: Envelope,
    *,
    client: httpx.Client,
    reach: Reach,
    clock: Callable[[], datetime],
    chance: float,
    resolve: Resolve = resolve_host,
) -> Attempted:
    """Try once. Any answer from 200 to 299 is a delivery; 410 ends it; everything else is tried again later.

    What the receiver answers is not kept: it could hold anything.
    """
    code: int | None = None
    fault: str | None
    try:
        place = destination(envelope.claimed.url, reach=reach, resolve=resolve)
        with client.stream(
            "POST",
            place.address_url,
            content=envelope.body,
            headers={**envelope.headers, "host": place.host_header},
            extensions={"sni_hostname": place.host},
        ) as answer:
            code = answer.status_code
        fault = None if answer.is_success else "refused"
    except DestinationFault:
        fault = "unreachable"
    except httpx.TimeoutException:
        fault = "timeout"
    except httpx.HTTPError as error:
        fault = type(error).__name__
    return _attempted(envelope.claimed, code=code, fault=fault, ended_at=clock(), chance=chance)


def _attempted(
    claimed: ClaimedDelivery, *, code: int | None, fault: str | None, ended_at: datetime, chance: float
) -> Attempted:
    wait = None if fault is None or code == _GONE else backoff(claimed.attempts + 1, chance=chance)
    return Attempted(
        delivery_id=claimed.delivery_id,
        ended_at=ended_at,
        answer_code=code,
        fault=fault,
        next_attempt_at=None if wait is None else ended_at + wait,
    )
