"""The thread that brings events to webhook endpoints while the server runs, and stops without losing one."""

import random
from collections import Counter
from concurrent.futures import Future, ThreadPoolExecutor, wait
from datetime import timedelta
from threading import Lock
from typing import Final

import structlog

from tallystick.operations.deliveries import Envelope, delivery_client, send, take_deliveries
from tallystick.storage import delivery, idempotency
from tallystick.storage.delivery import Attempted
from tallystick.units.ids import IdPrefix, encode_id
from tallystick.web.edge import Edge
from tallystick.web.logs import frames_of
from tallystick.web.metrics import Metrics
from tallystick.web.rounds import Rounds

_IDLE_S: Final = 0.5
_AT_ONCE: Final = 16
# An endpoint that does not answer holds this many threads for ten seconds each, and no more.
_PER_ENDPOINT: Final = 4
# After this long a recorded answer is forgotten, and its Idempotency-Key is free again (docs/api.md).
_ANSWERS_KEPT: Final = timedelta(days=30)
_ROUNDS_PER_FORGETTING: Final = 1_000
_FORGOTTEN_AT_ONCE: Final = 10_000


class Sending:
    """Queues, claims and sends in rounds; any number of servers may do so side by side."""

    def __init__(self, edge: Edge, *, metrics: Metrics) -> None:
        self._edge = edge
        self._metrics = metrics
        self._client = delivery_client()
        self._threads = ThreadPoolExecutor(_AT_ONCE, thread_name_prefix="webhook")
        self._lock = Lock()
        self._in_flight: Counter[int] = Counter()
        self._futures: set[Future[None]] = set()
        self._rounds = Rounds("webhooks", self._next_round)
        self._rounds_taken = 0
        self._forgetting_at = 0
        self._log = structlog.get_logger().bind()

    def start(self) -> None:
        """Begin."""
        self._rounds.start()

    def stop(self) -> None:
        """Finish what is on its way; what is not yet, is sent by another server or after the restart."""
        self._rounds.stop()
        self.finish()
        self._threads.shutdown()
        self._client.close()

    def _next_round(self) -> float:
        if self._rounds_taken >= self._forgetting_at:
            self._forgetting_at = self._rounds_taken + (1 if self._forget_answers() else _ROUNDS_PER_FORGETTING)
        begun = self.round()
        self._rounds_taken += 1
        return 0 if begun else _IDLE_S

    def round(self) -> int:
        """Queue what is new and begin to send what is due; gives how many were begun.

        Endpoints that are busy with `_PER_ENDPOINT` deliveries are passed over, so that they hold up no other.
        """
        with self._edge.pool.connection() as connection:
            delivery.queue_deliveries(connection, queued_at=self._edge.clock())
        with self._lock:
            free = _AT_ONCE - sum(self._in_flight.values())
            busy = [endpoint_id for endpoint_id, count in self._in_flight.items() if count >= _PER_ENDPOINT]
        if free <= 0:
            return 0
        with self._edge.pool.connection() as connection:
            envelopes = take_deliveries(
                connection,
                master_key=self._edge.master_key,
                now=self._edge.clock(),
                most=free,
                most_per_endpoint=_PER_ENDPOINT,
                passing_over=busy,
            )
        for envelope in envelopes:
            self._begin(envelope)
        return len(envelopes)

    def finish(self) -> None:
        """Wait for every delivery that was begun."""
        with self._lock:
            begun = list(self._futures)
        wait(begun)

    def _begin(self, envelope: Envelope) -> None:
        with self._lock:
            self._in_flight[envelope.claimed.endpoint_id] += 1
            future = self._threads.submit(self._send, envelope)
            self._futures.add(future)
        future.add_done_callback(lambda done: self._ended(done, endpoint_id=envelope.claimed.endpoint_id))

    def _ended(self, done: Future[None], *, endpoint_id: int) -> None:
        with self._lock:
            self._futures.discard(done)
            self._in_flight[endpoint_id] -= 1
            if not self._in_flight[endpoint_id]:
                del self._in_flight[endpoint_id]
        fault = done.exception()
        if fault is not None:  # not recorded: its lease ends, and it is sent again
            self._log.error("webhooks", fault=type(fault).__name__, traceback=frames_of(fault))

    def _send(self, envelope: Envelope) -> None:
        attempted = send(
            envelope,
            client=self._client,
            reach=self._edge.reach,
            clock=self._edge.clock,
            chance=random.random(),
        )
        with self._edge.pool.connection() as connection:
            delivery.record_attempt(connection, attempted)
        self._note(attempted)

    def _note(self, attempted: Attempted) -> None:
        outcome = "delivered" if attempted.is_delivered else "failed" if attempted.next_attempt_at else "dead"
        self._metrics.deliveries.labels(outcome).inc()
        if not attempted.is_delivered:
            self._log.info(
                "webhook",
                delivery_id=encode_id(IdPrefix.WEBHOOK_DELIVERY, attempted.delivery_id),
                answer_code=attempted.answer_code,
                fault=attempted.fault,
            )

    def _forget_answers(self) -> bool:
        """Forget some answers that are old enough; whether there are more of them."""
        with self._edge.pool.connection() as connection:
            dropped = idempotency.forget_answers(
                connection, before=self._edge.clock() - _ANSWERS_KEPT, most=_FORGOTTEN_AT_ONCE
            )
        return dropped == _FORGOTTEN_AT_ONCE
