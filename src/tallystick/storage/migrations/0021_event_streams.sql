-- What features at an instant read: streams of what became known, each row with its tick, the microseconds since 1970
-- (UTC) at which decisions could know it. Ids of persons, devices and places are numbers; whose they are stands in 0003.
-- Streams of which nothing else keeps a record are tables here; the others are views over the books. As with events,
-- `recorded_generation` and `recorded_xid` say what a transaction could see: no later version can find that out.

CREATE TABLE stream_purchase (
    event_id      bigint PRIMARY KEY,
    tick          bigint NOT NULL,
    line_id       bigint,
    borrower_id   bigint,
    device_id     bigint,
    merchant_id   bigint,
    terminal_id   bigint,
    address_id    bigint,
    phone_id      bigint,
    category      text,
    amount_minor  bigint,
    latitude_udeg bigint,
    longitude_udeg bigint,
    recorded_generation integer NOT NULL DEFAULT 1,
    recorded_xid  bigint NOT NULL DEFAULT pg_current_xact_id()::text::bigint
);
CREATE INDEX stream_purchase_of_line ON stream_purchase (line_id, tick) WHERE line_id IS NOT NULL;
CREATE INDEX stream_purchase_of_borrower ON stream_purchase (borrower_id, tick) WHERE borrower_id IS NOT NULL;
CREATE INDEX stream_purchase_of_device ON stream_purchase (device_id, tick) WHERE device_id IS NOT NULL;
CREATE INDEX stream_purchase_of_phone ON stream_purchase (phone_id, tick) WHERE phone_id IS NOT NULL;
CREATE INDEX stream_purchase_of_merchant ON stream_purchase (merchant_id, tick) WHERE merchant_id IS NOT NULL;
CREATE INDEX stream_purchase_of_terminal ON stream_purchase (terminal_id, tick) WHERE terminal_id IS NOT NULL;
CREATE INDEX stream_purchase_of_address ON stream_purchase (address_id, tick) WHERE address_id IS NOT NULL;
CREATE INDEX stream_purchase_of_category ON stream_purchase (category, tick) WHERE category IS NOT NULL;

CREATE TABLE stream_purchase_outcome (
    event_id      bigint PRIMARY KEY,
    tick          bigint NOT NULL,
    line_id       bigint,
    borrower_id   bigint,
    device_id     bigint,
    merchant_id   bigint,
    terminal_id   bigint,
    address_id    bigint,
    phone_id      bigint,
    category      text,
    amount_minor  bigint,
    is_declined   boolean,
    recorded_generation integer NOT NULL DEFAULT 1,
    recorded_xid  bigint NOT NULL DEFAULT pg_current_xact_id()::text::bigint
);
CREATE INDEX stream_purchase_outcome_of_line ON stream_purchase_outcome (line_id, tick) WHERE line_id IS NOT NULL;
CREATE INDEX stream_purchase_outcome_of_borrower ON stream_purchase_outcome (borrower_id, tick)
    WHERE borrower_id IS NOT NULL;
CREATE INDEX stream_purchase_outcome_of_device ON stream_purchase_outcome (device_id, tick) WHERE device_id IS NOT NULL;
CREATE INDEX stream_purchase_outcome_of_merchant ON stream_purchase_outcome (merchant_id, tick)
    WHERE merchant_id IS NOT NULL;

-- A purchase confirmed as fraud or as good, at the tick of its confirmation.
CREATE TABLE stream_fraud_label (
    event_id      bigint PRIMARY KEY,
    tick          bigint NOT NULL,
    line_id       bigint,
    borrower_id   bigint,
    device_id     bigint,
    merchant_id   bigint,
    terminal_id   bigint,
    address_id    bigint,
    phone_id      bigint,
    category      text,
    amount_minor  bigint,
    purchased_at_tick bigint CHECK (purchased_at_tick <= tick),
    is_fraud      boolean,
    recorded_generation integer NOT NULL DEFAULT 1,
    recorded_xid  bigint NOT NULL DEFAULT pg_current_xact_id()::text::bigint
);
CREATE INDEX stream_fraud_label_of_line ON stream_fraud_label (line_id, tick) WHERE line_id IS NOT NULL;
CREATE INDEX stream_fraud_label_of_borrower ON stream_fraud_label (borrower_id, tick) WHERE borrower_id IS NOT NULL;
CREATE INDEX stream_fraud_label_of_device ON stream_fraud_label (device_id, tick) WHERE device_id IS NOT NULL;
CREATE INDEX stream_fraud_label_of_phone ON stream_fraud_label (phone_id, tick) WHERE phone_id IS NOT NULL;
CREATE INDEX stream_fraud_label_of_merchant ON stream_fraud_label (merchant_id, tick) WHERE merchant_id IS NOT NULL;
CREATE INDEX stream_fraud_label_of_terminal ON stream_fraud_label (terminal_id, tick) WHERE terminal_id IS NOT NULL;
CREATE INDEX stream_fraud_label_of_address ON stream_fraud_label (address_id, tick) WHERE address_id IS NOT NULL;

CREATE TABLE stream_application (
    event_id      bigint PRIMARY KEY,
    tick          bigint NOT NULL,
    borrower_id   bigint,
    device_id     bigint,
    address_id    bigint,
    phone_id      bigint,
    is_declined   boolean,
    recorded_generation integer NOT NULL DEFAULT 1,
    recorded_xid  bigint NOT NULL DEFAULT pg_current_xact_id()::text::bigint
);
CREATE INDEX stream_application_of_borrower ON stream_application (borrower_id, tick) WHERE borrower_id IS NOT NULL;
CREATE INDEX stream_application_of_device ON stream_application (device_id, tick) WHERE device_id IS NOT NULL;
CREATE INDEX stream_application_of_phone ON stream_application (phone_id, tick) WHERE phone_id IS NOT NULL;
CREATE INDEX stream_application_of_address ON stream_application (address_id, tick) WHERE address_id IS NOT NULL;

CREATE TABLE stream_bureau_report (
    event_id          bigint PRIMARY KEY,
    tick              bigint NOT NULL,
    borrower_id       bigint,
    bureau_score      bigint,
    open_lines        bigint,
    total_limit_minor bigint,
    total_drawn_minor bigint,
    inquiries_90d     bigint,
    worst_days_past_due_24m bigint,
    recorded_generation integer NOT NULL DEFAULT 1,
    recorded_xid      bigint NOT NULL DEFAULT pg_current_xact_id()::text::bigint
);
CREATE INDEX stream_bureau_report_of_borrower ON stream_bureau_report (borrower_id, tick) WHERE borrower_id IS NOT NULL;

-- Rows are not edited. They may be deleted: no window reaches further back than 800 days, and data about persons has an end.
CREATE TRIGGER stream_purchase_is_kept BEFORE UPDATE ON stream_purchase EXECUTE FUNCTION refuse_change();
CREATE TRIGGER stream_purchase_outcome_is_kept BEFORE UPDATE ON stream_purchase_outcome
    EXECUTE FUNCTION refuse_change();
CREATE TRIGGER stream_fraud_label_is_kept BEFORE UPDATE ON stream_fraud_label EXECUTE FUNCTION refuse_change();
CREATE TRIGGER stream_application_is_kept BEFORE UPDATE ON stream_application EXECUTE FUNCTION refuse_change();
CREATE TRIGGER stream_bureau_report_is_kept BEFORE UPDATE ON stream_bureau_report EXECUTE FUNCTION refuse_change();

-- The books as streams. An act counts from when it was recorded: a payment dated back was not known before.
-- A line's rows are found by the keys that the books have; a life is some hundred rows.
CREATE FUNCTION tick_of(at timestamptz) RETURNS bigint
    LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
    RETURN (extract(epoch FROM at) * 1000000)::bigint;

-- The instant at which a business day begins, by the lender's clock: eight hours before UTC's day, all the year.
CREATE FUNCTION business_day_tick(day date) RETURNS bigint
    LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
    RETURN (day - DATE '1970-01-01')::bigint * 86400000000 - 28800000000;

CREATE VIEW stream_draw AS
SELECT events.event_id, tick_of(events.recorded_at) AS tick, events.line_id, lines.borrower_id,
       nullif((events.fact ->> 'merchant_id')::bigint, 0) AS merchant_id,
       (events.fact ->> 'amount_minor')::bigint AS amount_minor, events.fact ->> 'kind' = 'cash' AS is_cash
FROM events JOIN lines USING (line_id)
WHERE events.kind = 'drawdown';

CREATE VIEW stream_refund AS
SELECT events.event_id, tick_of(events.recorded_at) AS tick, events.line_id, lines.borrower_id,
       nullif((drawn.fact ->> 'merchant_id')::bigint, 0) AS merchant_id,
       (events.fact ->> 'amount_minor')::bigint AS amount_minor
FROM events JOIN lines USING (line_id)
LEFT JOIN line_objects ON object_id = (events.fact ->> 'draw_id')::bigint
LEFT JOIN events AS drawn ON drawn.line_id = events.line_id AND drawn.event_id = line_objects.event_id
WHERE events.kind IN ('refunded', 'chargeback');

CREATE VIEW stream_payment AS
SELECT payments.event_id, tick_of(events.recorded_at) AS tick, payments.line_id, lines.borrower_id,
       payments.amount_minor
FROM payments JOIN lines USING (line_id) JOIN events USING (line_id, event_id);

-- A statement is told here when its due date is over, with what had been paid and recorded by then since it closed.
CREATE VIEW stream_statement_due AS
SELECT statements.event_id, business_day_tick(statements.due_on + 1) AS tick, statements.line_id, lines.borrower_id,
       statements.closing_minor, statements.minimum_due_minor, paid.paid_minor
FROM statements JOIN lines USING (line_id)
CROSS JOIN LATERAL (
    SELECT coalesce(sum(payments.amount_minor), 0)::bigint AS paid_minor
    FROM payments JOIN events USING (line_id, event_id)
    WHERE payments.line_id = statements.line_id
      AND payments.effective_on > statements.closed_on AND payments.effective_on <= statements.due_on
      AND tick_of(events.recorded_at) < business_day_tick(statements.due_on + 1)
) AS paid;

-- A line as it stood after each change that was recorded: of the steps of one recording the last. `event_id` is the
-- revision, which is unique within the line.
CREATE VIEW stream_line_change AS
SELECT told.revision::bigint AS event_id, tick_of(told.recorded_at) AS tick, told.line_id, lines.borrower_id,
       told.limit_minor, told.drawn_minor, told.held_minor,
       (told.oldest_unpaid_due_on - DATE '1970-01-01')::bigint AS oldest_unpaid_due_day,
       (lines.opened_on - DATE '1970-01-01')::bigint AS opened_on_day,
       EXISTS (
           SELECT FROM line_history AS step
           WHERE step.line_id = told.line_id AND step.revision = told.revision AND step.cause = 'limit_changed'
       ) AS is_limit_change
FROM line_history AS told JOIN lines USING (line_id)
WHERE NOT EXISTS (
    SELECT FROM line_history AS later
    WHERE later.line_id = told.line_id AND later.revision = told.revision AND later.step > told.step
);

-- Times past due, known when they are over: how long the oldest due had been open when nothing was past due any more.
-- A row on which nothing is past due ends the spell of the rows since the one before it.
CREATE VIEW stream_past_due_spell AS
SELECT spell.event_id, spell.tick, spell.line_id, lines.borrower_id, spell.days_past_due
FROM (
    SELECT line_id,
           max(revision) FILTER (WHERE oldest_unpaid_due_on IS NULL)::bigint AS event_id,
           max(tick_of(recorded_at)) FILTER (WHERE oldest_unpaid_due_on IS NULL) AS tick,
           (max(effective_on) FILTER (WHERE oldest_unpaid_due_on IS NULL)
            - min(oldest_unpaid_due_on))::bigint AS days_past_due
    FROM (
        SELECT line_id, revision, effective_on, recorded_at, oldest_unpaid_due_on,
               count(*) FILTER (WHERE oldest_unpaid_due_on IS NULL) OVER (
                   PARTITION BY line_id ORDER BY revision, step
                   ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING
               ) AS ended_before
        FROM line_history
    ) AS told
    GROUP BY line_id, ended_before
) AS spell JOIN lines USING (line_id)
WHERE spell.days_past_due > 0;
