"""The thread that brings events to webhook endpoints while the server runs, and stops without losing one."""

import random
from concurrent.futures import ThreadPoolExecutor
from threading import Event, Thread
from typing import Final

import psycopg
import structlog
from psycopg_pool import PoolTimeout

from tallystick.operations.deliveries import Envelope, delivery_client, send, take_deliveries
from tallystick.storage import delivery
from tallystick.storage.delivery import Attempted
from tallystick.units.ids import IdPrefix, encode_id
from tallystick.web.edge import Edge
from tallystick.web.logs import frames_of
from tallystick.web.metrics import Metrics

_IDLE_S: Final = 0.5
_AFTER_FAULT_S: Final = 5.0
_AT_ONCE: Final = 8
_PER_ENDPOINT: Final = 8


class Sending:
    """Queues, claims, sends and records in rounds; any number of servers may do so side by side."""

    def __init__(self, edge: Edge, *, metrics: Metrics) -> None:
        self._edge = edge
        self._metrics = metrics
        self._stopping = Event()
        self._client = delivery_client()
        self._thread = Thread(target=self._run, name="webhooks", daemon=True)
        self._log = structlog.get_logger().bind()

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self) -> None:
        """Finish the round that runs; what was claimed and not sent is sent by another server, or after the restart."""
        self._stopping.set()
        self._thread.join()
        self._client.close()

    def _run(self) -> None:
        with ThreadPoolExecutor(_AT_ONCE, thread_name_prefix="webhook") as threads:
            while not self._stopping.is_set():
                try:
                    sent = self.round(threads)
                    self._stopping.wait(0 if sent else _IDLE_S)
                except (psycopg.OperationalError, PoolTimeout):
                    self._stopping.wait(_AFTER_FAULT_S)  # the database is away; it will be back
                except Exception as defect:
                    self._log.error("webhooks", fault=type(defect).__name__, traceback=frames_of(defect))
                    self._stopping.wait(_AFTER_FAULT_S)

    def round(self, threads: ThreadPoolExecutor) -> int:
        """Queue what is new, send what is due; gives how many were sent."""
        with self._edge.pool.connection() as connection:
            delivery.queue_deliveries(connection, queued_at=self._edge.clock())
        with self._edge.pool.connection() as connection:
            envelopes = take_deliveries(
                connection,
                master_key=self._edge.master_key,
                now=self._edge.clock(),
                most_per_endpoint=_PER_ENDPOINT,
            )
        for attempted in threads.map(self._send, envelopes):
            with self._edge.pool.connection() as connection:
                delivery.record_attempt(connection, attempted)
            self._note(attempted)
        return len(envelopes)

    def _send(self, envelope: Envelope) -> Attempted:
        return send(
            envelope,
            client=self._client,
            reach=self._edge.reach,
            clock=self._edge.clock,
            chance=random.random(),  # spreads retries, guards nothing
        )

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
