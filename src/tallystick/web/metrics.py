"""What an operator watches: requests, their times, the pool and what waits for webhooks, for Prometheus to read."""

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

_LATENCY_S = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)
_BATCH_CASES = (1, 2, 4, 8, 16, 32, 64, 128, 256)


class Metrics:
    """One registry per app, so that two apps in one process do not mix."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.requests = Counter(
            "tallystick_http_requests",
            "Requests answered",
            ["method", "route", "answer_code"],
            registry=self.registry,
        )
        self.latency_s = Histogram(
            "tallystick_http_latency_seconds",
            "From the first byte asked to the last one answered",
            ["method", "route"],
            buckets=_LATENCY_S,
            registry=self.registry,
        )
        self.in_flight = Gauge("tallystick_http_in_flight", "Requests being answered", registry=self.registry)
        self.replayed = Counter("tallystick_idempotent_replays", "Recorded answers given again", registry=self.registry)
        self.deliveries = Counter(
            "tallystick_webhook_attempts", "Webhook deliveries tried", ["outcome"], registry=self.registry
        )
        self.oldest_delivery_s = Gauge(
            "tallystick_webhook_oldest_waiting_seconds", "Age of the oldest waiting delivery", registry=self.registry
        )
        self.sealed = Counter(
            "tallystick_ledger_transfers_sealed", "Transfers sealed into the chain", registry=self.registry
        )
        self.kept_at = Gauge(
            "tallystick_ledger_kept_timestamp_seconds", "When the books were last folded and sealed",
            registry=self.registry,
        )  # fmt: skip
        self.reviews_closed = Counter(
            "tallystick_reviews_closed", "Reviews closed without a person", ["because"], registry=self.registry
        )
        self.rolled_until = Gauge(
            "tallystick_tiles_rolled_until_timestamp_seconds",
            "Until when this server rolled up the busy keys of a stream",
            ["stream"],
            registry=self.registry,
        )
        self.damage_undone = Counter(
            "tallystick_damage_releases_undone", "Releases that this server undid for their damage",
            registry=self.registry,
        )  # fmt: skip
        self.damage_alarms = Gauge(
            "tallystick_damage_alarms", "Damage limits that are passed and undo nothing: somebody has to look",
            registry=self.registry,
        )  # fmt: skip
        self.damage_looked_at = Gauge(
            "tallystick_damage_looked_timestamp_seconds", "When this server last looked at what is decided",
            registry=self.registry,
        )  # fmt: skip
        self.desk_batch_cases = Histogram(
            "tallystick_desk_batch_cases",
            "Cases that were decided together",
            ["desk"],
            buckets=_BATCH_CASES,
            registry=self.registry,
        )
        self.desk_wait_s = Histogram(
            "tallystick_desk_wait_seconds",
            "From a case's arrival to the batch in which it was decided",
            ["desk"],
            buckets=_LATENCY_S,
            registry=self.registry,
        )
        self.desk_decide_s = Histogram(
            "tallystick_desk_decide_seconds",
            "Of a batch in the database",
            ["desk"],
            buckets=_LATENCY_S,
            registry=self.registry,
        )
        self.desk_put_off = Counter(
            "tallystick_desk_put_off",
            "Cases put off to the next batch, their line being in use elsewhere",
            ["desk"],
            registry=self.registry,
        )
        self.desk_refused = Counter(
            "tallystick_desk_refused",
            "Callers who got no decision: full, late, late_in_flight, left, open, failed",
            ["desk", "why"],
            registry=self.registry,
        )
        self.desk_late = Counter(
            "tallystick_desk_late_decisions",
            "Decisions whose caller was told before that there is none: taken_back, failed",
            ["desk", "outcome"],
            registry=self.registry,
        )
        self.desk_waiting = Gauge("tallystick_desk_waiting", "Cases that wait", ["desk"], registry=self.registry)
        self.desk_is_open = Gauge(
            "tallystick_desk_breaker_open", "1 while the database counts as away", ["desk"], registry=self.registry
        )
        self.pool_free = Gauge("tallystick_pool_free", "Idle database connections", registry=self.registry)
        self.pool_waiting = Gauge("tallystick_pool_waiting", "Requests waiting for one", registry=self.registry)

    def text(self) -> bytes:
        """All figures in Prometheus' text form."""
        return generate_latest(self.registry)
