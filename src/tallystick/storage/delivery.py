"""Webhook endpoints, their secrets, and events on their way to them: every statement."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Final

from msgspec import Struct
from psycopg import Connection
from psycopg.types.json import Jsonb

from tallystick.storage.event_feed import SETTLED, FedEvent, Position, fed_event


class Endpoint(Struct, frozen=True):
    """Where events go: those of `kinds`, or all where it is empty."""

    endpoint_id: int
    url: str
    kinds: list[str]
    description: str
    metadata: Mapping[str, str]
    made_by: str
    made_at: datetime
    removed_at: datetime | None = None


_ENDPOINT_COLUMNS: Final = "endpoint_id, url, kinds, description, metadata, made_by, made_at, removed_at"


def add_endpoint(connection: Connection, endpoint: Endpoint, *, position: Position) -> None:
    """Write a new endpoint that hears of what is committed after `position`."""
    connection.execute(
        """
        INSERT INTO webhook_endpoints (endpoint_id, url, kinds, description, metadata, made_by, made_at,
                                       position_generation, position_xid, position_event_id)
        VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s)
        """,
        [
            endpoint.endpoint_id,
            endpoint.url,
            endpoint.kinds,
            endpoint.description,
            Jsonb(dict(endpoint.metadata)),
            endpoint.made_by,
            endpoint.made_at,
            position.generation,
            position.xid,
            position.event_id,
        ],
    )


def read_endpoint(connection: Connection, endpoint_id: int) -> Endpoint | None:
    """An endpoint in use; None where there is none or it was removed."""
    row = connection.execute(
        f"SELECT {_ENDPOINT_COLUMNS} FROM webhook_endpoints WHERE endpoint_id = %s AND removed_at IS NULL",
        [endpoint_id],
    ).fetchone()
    return None if row is None else Endpoint(*row)


def endpoints(connection: Connection, *, before_id: int | None, most: int) -> list[Endpoint]:
    """Endpoints in use, the newest first, those older than `before_id`."""
    rows = connection.execute(
        f"""
        SELECT {_ENDPOINT_COLUMNS} FROM webhook_endpoints
        WHERE removed_at IS NULL AND (%s::bigint IS NULL OR endpoint_id < %s)
        ORDER BY endpoint_id DESC LIMIT %s
        """,
        [before_id, before_id, most],
    )
    return [Endpoint(*row) for row in rows]


def remove_endpoint(connection: Connection, endpoint_id: int, *, removed_at: datetime) -> bool:
    """Stop sending to an endpoint: what waits is dead. False where it was not in use."""
    removed = connection.execute(
        "UPDATE webhook_endpoints SET removed_at = %s WHERE endpoint_id = %s AND removed_at IS NULL",
        [removed_at, endpoint_id],
    )
    if removed.rowcount == 0:
        return False
    connection.execute(
        """
        UPDATE webhook_deliveries SET next_attempt_at = NULL, dead_at = %s, fault = 'endpoint_removed'
        WHERE endpoint_id = %s AND next_attempt_at IS NOT NULL
        """,
        [removed_at, endpoint_id],
    )
    return True


class SealedSecret(Struct, frozen=True):
    """A signing secret as it is stored."""

    endpoint_id: int
    secret_id: int
    sealed: bytes

    @property
    def bound_to(self) -> str:
        """What the sealed bytes belong to: moved to another endpoint they do not open."""
        return f"webhook-secret/{self.endpoint_id}/{self.secret_id}"


def add_secret(connection: Connection, secret: SealedSecret, *, made_at: datetime) -> None:
    """Write one more secret of an endpoint."""
    connection.execute(
        "INSERT INTO webhook_secrets (endpoint_id, secret_id, sealed, made_at) VALUES (%s, %s, %s, %s)",
        [secret.endpoint_id, secret.secret_id, secret.sealed, made_at],
    )


def expire_other_secrets(connection: Connection, secret: SealedSecret, *, expires_at: datetime) -> None:
    """Let every other secret of the endpoint end at an instant, unless it ends before."""
    connection.execute(
        """
        UPDATE webhook_secrets SET expires_at = least(coalesce(expires_at, %(until)s), %(until)s)
        WHERE endpoint_id = %(endpoint_id)s AND secret_id <> %(secret_id)s
        """,
        {"until": expires_at, "endpoint_id": secret.endpoint_id, "secret_id": secret.secret_id},
    )


def valid_secrets(connection: Connection, endpoint_ids: Sequence[int], *, at: datetime) -> list[SealedSecret]:
    """The secrets with which endpoints' deliveries are signed at that instant, the newest first."""
    rows = connection.execute(
        """
        SELECT endpoint_id, secret_id, sealed FROM webhook_secrets
        WHERE endpoint_id = ANY(%s) AND (expires_at IS NULL OR expires_at > %s)
        ORDER BY endpoint_id, secret_id DESC
        """,
        [list(endpoint_ids), at],
    )
    return [SealedSecret(*row) for row in rows]


def lock_secrets(connection: Connection) -> list[SealedSecret]:
    """All secrets, kept from other writers until the transaction ends."""
    rows = connection.execute("SELECT endpoint_id, secret_id, sealed FROM webhook_secrets FOR UPDATE")
    return [SealedSecret(*row) for row in rows]


def write_resealed(connection: Connection, secret: SealedSecret) -> None:
    """Write a secret as another master key seals it."""
    connection.execute(
        "UPDATE webhook_secrets SET sealed = %s WHERE endpoint_id = %s AND secret_id = %s",
        [secret.sealed, secret.endpoint_id, secret.secret_id],
    )


def queue_deliveries(connection: Connection, *, queued_at: datetime, most: int = 1_000) -> int:
    """Queue what each endpoint has not heard of yet, up to `most` events each; gives how many events were looked at.

    An endpoint that another process is queueing for is passed over. Position and deliveries move together.
    """
    looked_at = 0
    free = connection.execute(
        """
        SELECT endpoint_id, kinds, position_generation, position_xid, position_event_id FROM webhook_endpoints
        WHERE removed_at IS NULL ORDER BY endpoint_id FOR UPDATE SKIP LOCKED
        """
    ).fetchall()
    for endpoint_id, kinds, *position in free:
        row = connection.execute(
            f"""
            WITH heard AS MATERIALIZED (
                SELECT recorded_generation, recorded_xid, event_id, about_id, kind FROM told_events
                WHERE (recorded_generation, recorded_xid, event_id) > (%(generation)s, %(xid)s, %(event_id)s)
                  AND {SETTLED}
                ORDER BY recorded_generation, recorded_xid, event_id LIMIT %(most)s
            ), queued AS (
                INSERT INTO webhook_deliveries (endpoint_id, about_id, event_id, queued_at, next_attempt_at)
                SELECT %(endpoint_id)s, about_id, event_id, %(queued_at)s, %(queued_at)s FROM heard
                WHERE %(kinds)s::text[] = '{{}}' OR kind = ANY(%(kinds)s)
                ORDER BY recorded_generation, recorded_xid, event_id
            ), moved AS (
                UPDATE webhook_endpoints
                SET (position_generation, position_xid, position_event_id) = (
                    SELECT recorded_generation, recorded_xid, event_id FROM heard
                    ORDER BY recorded_generation DESC, recorded_xid DESC, event_id DESC LIMIT 1
                )
                WHERE endpoint_id = %(endpoint_id)s AND EXISTS (SELECT FROM heard)
            )
            SELECT count(*) FROM heard
            """,
            {
                "endpoint_id": endpoint_id,
                "kinds": kinds,
                "queued_at": queued_at,
                "most": most,
                "generation": position[0],
                "xid": position[1],
                "event_id": position[2],
            },
        ).fetchone()
        assert row is not None
        looked_at += row[0]
    return looked_at


def queue_again(connection: Connection, endpoint_id: int, *, since: datetime, queued_at: datetime, most: int) -> int:
    """Queue once more the events recorded since an instant that the endpoint has heard of; gives how many."""
    queued = connection.execute(
        """
        INSERT INTO webhook_deliveries (endpoint_id, about_id, event_id, queued_at, next_attempt_at)
        SELECT endpoint.endpoint_id, event.about_id, event.event_id, %(queued_at)s, %(queued_at)s
        FROM webhook_endpoints AS endpoint JOIN told_events AS event
          ON (event.recorded_generation, event.recorded_xid, event.event_id)
             <= (endpoint.position_generation, endpoint.position_xid, endpoint.position_event_id)
        WHERE endpoint.endpoint_id = %(endpoint_id)s AND event.recorded_at >= %(since)s
          AND (endpoint.kinds = '{}' OR event.kind = ANY(endpoint.kinds))
        ORDER BY event.recorded_generation, event.recorded_xid, event.event_id LIMIT %(most)s
        """,
        {"endpoint_id": endpoint_id, "since": since, "queued_at": queued_at, "most": most},
    )
    return queued.rowcount


def queue_event(
    connection: Connection, endpoint_id: int, *, line_id: int | None, event_id: int, queued_at: datetime
) -> bool:
    """Queue one event for an endpoint, whatever its kind: of a line, or of none; False where there is no such event."""
    known, place = ("told_events", "about_id = %s") if line_id is not None else ("decision_events", "line_id IS NULL")
    queued = connection.execute(
        f"""
        INSERT INTO webhook_deliveries (endpoint_id, about_id, event_id, queued_at, next_attempt_at)
        SELECT %s, about_id, event_id, %s, %s FROM {known} WHERE event_id = %s AND {place}
        """.encode(),
        [endpoint_id, queued_at, queued_at, event_id, *([] if line_id is None else [line_id])],
    )
    return queued.rowcount > 0


class ClaimedDelivery(Struct, frozen=True):
    """A delivery that this process sends now: nobody else does until its lease is over."""

    delivery_id: int
    endpoint_id: int
    url: str
    attempts: int
    event: FedEvent


def claim_deliveries(
    connection: Connection,
    *,
    now: datetime,
    lease_until: datetime,
    most: int,
    most_per_endpoint: int,
    passing_over: Sequence[int] = (),
) -> list[ClaimedDelivery]:
    """Take up to `most` that are due, up to `most_per_endpoint` each, but for the endpoints to pass over.

    The first attempts of what is about one line, or one other thing, go out one after another; an event that has failed
    once lets the next pass.
    """
    rows = connection.execute(
        """
        WITH due AS MATERIALIZED (
            SELECT head.delivery_id FROM webhook_endpoints AS endpoint CROSS JOIN LATERAL (
                SELECT delivery_id FROM webhook_deliveries AS waiting
                WHERE waiting.endpoint_id = endpoint.endpoint_id AND waiting.next_attempt_at <= %(now)s
                  AND (waiting.attempts > 0 OR NOT EXISTS (
                      SELECT FROM webhook_deliveries AS earlier
                      WHERE earlier.endpoint_id = waiting.endpoint_id AND earlier.about_id = waiting.about_id
                        AND earlier.delivery_id < waiting.delivery_id
                        AND earlier.next_attempt_at IS NOT NULL AND earlier.attempts = 0
                  ))
                ORDER BY waiting.next_attempt_at, waiting.delivery_id LIMIT %(each)s FOR UPDATE SKIP LOCKED
            ) AS head
            WHERE endpoint.removed_at IS NULL AND endpoint.endpoint_id <> ALL(%(passing_over)s::bigint[])
            LIMIT %(most)s
        ), claimed AS (
            UPDATE webhook_deliveries AS taken SET next_attempt_at = %(lease_until)s
            FROM due WHERE taken.delivery_id = due.delivery_id
            RETURNING taken.delivery_id, taken.endpoint_id, taken.attempts, taken.about_id, taken.event_id
        )
        SELECT claimed.delivery_id, claimed.endpoint_id, endpoint.url, claimed.attempts,
               event.recorded_generation, event.recorded_xid, event.event_id, event.about_id, event.line_id,
               event.kind, event.effective_on, event.booked_on, event.recorded_at, event.fact::text
        FROM claimed
        JOIN webhook_endpoints AS endpoint ON endpoint.endpoint_id = claimed.endpoint_id
        JOIN told_events AS event ON event.about_id = claimed.about_id AND event.event_id = claimed.event_id
        ORDER BY claimed.delivery_id
        """,
        {
            "now": now,
            "lease_until": lease_until,
            "most": most,
            "each": most_per_endpoint,
            "passing_over": list(passing_over),
        },
    )
    return [ClaimedDelivery(row[0], row[1], row[2], row[3], fed_event(*row[4:])) for row in rows]


class Attempted(Struct, frozen=True):
    """How an attempt ended: delivered, to be tried again at `next_attempt_at`, or dead where both are None."""

    delivery_id: int
    ended_at: datetime
    answer_code: int | None
    fault: str | None
    next_attempt_at: datetime | None

    @property
    def is_delivered(self) -> bool:
        """Whether the receiver took it."""
        return self.fault is None


def record_attempt(connection: Connection, attempted: Attempted) -> None:
    """Write how an attempt ended, unless the delivery has ended meanwhile."""
    connection.execute(
        """
        UPDATE webhook_deliveries
        SET attempts = attempts + 1, answer_code = %s, fault = %s, next_attempt_at = %s, delivered_at = %s, dead_at = %s
        WHERE delivery_id = %s AND next_attempt_at IS NOT NULL
        """,
        [
            attempted.answer_code,
            attempted.fault,
            attempted.next_attempt_at,
            attempted.ended_at if attempted.is_delivered else None,
            attempted.ended_at if not attempted.is_delivered and attempted.next_attempt_at is None else None,
            attempted.delivery_id,
        ],
    )


class DeliveryRow(Struct, frozen=True):
    """A delivery as it stands: waiting while `next_attempt_at` is given, or else delivered or dead."""

    delivery_id: int
    endpoint_id: int
    line_id: int | None
    event_id: int
    attempts: int
    queued_at: datetime
    next_attempt_at: datetime | None
    delivered_at: datetime | None
    dead_at: datetime | None
    answer_code: int | None
    fault: str | None


def deliveries(connection: Connection, endpoint_id: int, *, before_id: int | None, most: int) -> list[DeliveryRow]:
    """Deliveries to an endpoint, the newest first, those older than `before_id`."""
    rows = connection.execute(
        """
        SELECT delivery_id, endpoint_id, line_id, event_id, attempts, queued_at, next_attempt_at, delivered_at,
               dead_at, answer_code, fault
        FROM webhook_deliveries JOIN told_events USING (about_id, event_id)
        WHERE endpoint_id = %s AND (%s::bigint IS NULL OR delivery_id < %s)
        ORDER BY delivery_id DESC LIMIT %s
        """,
        [endpoint_id, before_id, before_id, most],
    )
    return [DeliveryRow(*row) for row in rows]


def oldest_waiting(connection: Connection) -> datetime | None:
    """When the delivery that has waited longest was queued; None where nothing waits."""
    row = connection.execute(
        "SELECT min(queued_at) FROM webhook_deliveries WHERE next_attempt_at IS NOT NULL"
    ).fetchone()
    return None if row is None else row[0]
