-- Answers that are given again, events on their way to webhook endpoints, and clocks for tests.

-- One row per write that was answered, in the write's own transaction. The route holds the ids of its path, so the same
-- key on another line is another request.
CREATE TABLE idempotency_records (
    api_key_id       bigint NOT NULL REFERENCES api_keys,
    route            text NOT NULL,
    idempotency_key  text NOT NULL,
    body_fingerprint bytea NOT NULL CHECK (octet_length(body_fingerprint) = 32),
    answer_code      smallint NOT NULL,
    answer_body      bytea NOT NULL,
    recorded_at      timestamptz NOT NULL,
    PRIMARY KEY (api_key_id, route, idempotency_key)
);
CREATE INDEX idempotency_records_by_age ON idempotency_records USING brin (recorded_at);

-- Be the one who answers a request, or learn what was answered, in one round trip. The second statement sees what was
-- committed while the first one took the lock: in a volatile function each has a snapshot of its own.
CREATE FUNCTION claim_request(
    request_lock bigint, api_key bigint, request_route text, request_key text,
    OUT claimed boolean, OUT fingerprint bytea, OUT code smallint, OUT body bytea
) LANGUAGE plpgsql VOLATILE AS $$
BEGIN
    claimed := pg_try_advisory_xact_lock(request_lock);
    IF claimed THEN
        SELECT body_fingerprint, answer_code, answer_body INTO fingerprint, code, body FROM idempotency_records
        WHERE api_key_id = api_key AND route = request_route AND idempotency_key = request_key;
    END IF;
END
$$;

-- Rows of transactions before this one can be read in the order of their numbers: no running transaction of this
-- database can still precede them. Transaction numbers are the whole server's, so those that are seen at work in other
-- databases are left out, or their longest query would hold up our readers. Stable, to judge by the reader's snapshot.
CREATE FUNCTION settled_before() RETURNS bigint
    LANGUAGE sql STABLE AS $$
    SELECT coalesce(min(running), pg_snapshot_xmax(pg_current_snapshot()))::text::bigint
    FROM pg_snapshot_xip(pg_current_snapshot()) AS running
    WHERE NOT EXISTS (
        SELECT FROM pg_stat_activity WHERE datname <> current_database() AND backend_xid = running::xid
    )
$$;

-- The outbox is `events` itself: nothing can happen to a line without its event, so nothing can be forgotten here.
-- Each endpoint has read the events up to a position in commit order.
CREATE TABLE webhook_endpoints (
    endpoint_id         bigint PRIMARY KEY,
    url                 text NOT NULL,
    kinds               text[] NOT NULL,                -- empty: every kind
    description         text NOT NULL DEFAULT '',
    metadata            jsonb NOT NULL DEFAULT '{}',
    made_by             text NOT NULL,
    made_at             timestamptz NOT NULL,
    removed_at          timestamptz,
    position_generation integer NOT NULL,
    position_xid        bigint NOT NULL,
    position_event_id   bigint NOT NULL
);

-- A replay asks for what was recorded since an instant.
CREATE INDEX events_by_time ON events USING brin (recorded_at);

-- Secrets sealed with the master key; more than one while they rotate.
CREATE TABLE webhook_secrets (
    endpoint_id bigint NOT NULL REFERENCES webhook_endpoints,
    secret_id   bigint NOT NULL,
    sealed      bytea NOT NULL,
    made_at     timestamptz NOT NULL,
    expires_at  timestamptz,
    PRIMARY KEY (endpoint_id, secret_id)
);

-- `next_attempt_at` is null once a delivery has ended: delivered, or dead after its last attempt. Whoever sends one
-- first moves it some seconds away; an attempt is counted when its outcome is known.
CREATE TABLE webhook_deliveries (
    delivery_id     bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    endpoint_id     bigint NOT NULL REFERENCES webhook_endpoints,
    line_id         bigint NOT NULL,
    event_id        bigint NOT NULL,
    attempts        smallint NOT NULL DEFAULT 0,
    queued_at       timestamptz NOT NULL,
    next_attempt_at timestamptz,
    delivered_at    timestamptz,
    dead_at         timestamptz,
    answer_code     smallint,
    fault           text,
    FOREIGN KEY (line_id, event_id) REFERENCES events,
    CONSTRAINT waits_or_has_ended CHECK (num_nonnulls(next_attempt_at, delivered_at, dead_at) = 1)
) WITH (fillfactor = 80);
CREATE INDEX webhook_deliveries_waiting ON webhook_deliveries (endpoint_id, next_attempt_at)
    WHERE next_attempt_at IS NOT NULL;
CREATE INDEX webhook_deliveries_untried ON webhook_deliveries (endpoint_id, line_id, delivery_id)
    WHERE next_attempt_at IS NOT NULL AND attempts = 0;
CREATE INDEX webhook_deliveries_of_endpoint ON webhook_deliveries (endpoint_id, delivery_id);

-- A clock that stands still until it is moved, for lines without real money.
CREATE TABLE test_clocks (
    test_clock_id bigint PRIMARY KEY,
    name          text NOT NULL,
    stands_at     timestamptz NOT NULL,
    made_by       text NOT NULL,
    made_at       timestamptz NOT NULL
);
ALTER TABLE lines ADD FOREIGN KEY (test_clock_id) REFERENCES test_clocks;
CREATE INDEX lines_of_test_clock ON lines (test_clock_id) WHERE test_clock_id IS NOT NULL;
