-- What a decision saw: each row of a stream says which transaction recorded it, the views over the books too, so that
-- what was visible to a batch can be read again (features/visible_set.py). A column more at the end of each view.

CREATE OR REPLACE VIEW stream_draw AS
SELECT events.event_id, tick_of(events.recorded_at) AS tick, events.line_id, lines.borrower_id,
       nullif((events.fact ->> 'merchant_id')::bigint, 0) AS merchant_id,
       (events.fact ->> 'amount_minor')::bigint AS amount_minor, events.fact ->> 'kind' = 'cash' AS is_cash,
       events.recorded_generation, events.recorded_xid
FROM events JOIN lines USING (line_id)
WHERE events.kind = 'drawdown';

-- The draw was recorded before its refund, under the line's lock: who sees the one sees the other.
CREATE OR REPLACE VIEW stream_refund AS
SELECT events.event_id, tick_of(events.recorded_at) AS tick, events.line_id, lines.borrower_id,
       nullif((drawn.fact ->> 'merchant_id')::bigint, 0) AS merchant_id,
       (events.fact ->> 'amount_minor')::bigint AS amount_minor,
       events.recorded_generation, events.recorded_xid
FROM events JOIN lines USING (line_id)
LEFT JOIN line_objects ON object_id = (events.fact ->> 'draw_id')::bigint
LEFT JOIN events AS drawn ON drawn.line_id = events.line_id AND drawn.event_id = line_objects.event_id
WHERE events.kind IN ('refunded', 'chargeback');

CREATE OR REPLACE VIEW stream_payment AS
SELECT payments.event_id, tick_of(events.recorded_at) AS tick, payments.line_id, lines.borrower_id,
       payments.amount_minor, events.recorded_generation, events.recorded_xid
FROM payments JOIN lines USING (line_id) JOIN events USING (line_id, event_id);

-- What had been paid on a statement depends on who looks: a payment may be recorded before the due date is over and be
-- committed after. So the payments stand beside their sum, each with its transaction.
CREATE TYPE recorded_payment AS (amount_minor bigint, recorded_generation integer, recorded_xid bigint);

CREATE OR REPLACE VIEW stream_statement_due AS
SELECT statements.event_id, business_day_tick(statements.due_on + 1) AS tick, statements.line_id, lines.borrower_id,
       statements.closing_minor, statements.minimum_due_minor, paid.paid_minor,
       closed.recorded_generation, closed.recorded_xid, paid.recorded_payments
FROM statements JOIN lines USING (line_id)
JOIN events AS closed ON closed.line_id = statements.line_id AND closed.event_id = statements.event_id
CROSS JOIN LATERAL (
    SELECT coalesce(sum(payments.amount_minor), 0)::bigint AS paid_minor,
           array_agg(ROW (payments.amount_minor, events.recorded_generation, events.recorded_xid)::recorded_payment
                     ORDER BY payments.payment_id) AS recorded_payments
    FROM payments JOIN events USING (line_id, event_id)
    WHERE payments.line_id = statements.line_id
      AND payments.effective_on > statements.closed_on AND payments.effective_on <= statements.due_on
      AND tick_of(events.recorded_at) < business_day_tick(statements.due_on + 1)
) AS paid;

CREATE OR REPLACE VIEW stream_line_change AS
SELECT told.revision::bigint AS event_id, tick_of(told.recorded_at) AS tick, told.line_id, lines.borrower_id,
       told.limit_minor, told.drawn_minor, told.held_minor,
       (told.oldest_unpaid_due_on - DATE '1970-01-01')::bigint AS oldest_unpaid_due_day,
       (lines.opened_on - DATE '1970-01-01')::bigint AS opened_on_day,
       EXISTS (
           SELECT FROM line_history AS step
           WHERE step.line_id = told.line_id AND step.revision = told.revision AND step.cause = 'limit_changed'
       ) AS is_limit_change,
       told.recorded_generation, told.recorded_xid
FROM line_history AS told JOIN lines USING (line_id)
WHERE NOT EXISTS (
    SELECT FROM line_history AS later
    WHERE later.line_id = told.line_id AND later.revision = told.revision AND later.step > told.step
);

-- A spell becomes visible with the row that ends it: the revisions before it were committed under the line's lock.
CREATE OR REPLACE VIEW stream_past_due_spell AS
SELECT spell.event_id, spell.tick, spell.line_id, lines.borrower_id, spell.days_past_due,
       spell.recorded_generation, spell.recorded_xid
FROM (
    SELECT line_id,
           max(revision) FILTER (WHERE oldest_unpaid_due_on IS NULL)::bigint AS event_id,
           max(tick_of(recorded_at)) FILTER (WHERE oldest_unpaid_due_on IS NULL) AS tick,
           (max(effective_on) FILTER (WHERE oldest_unpaid_due_on IS NULL)
            - min(oldest_unpaid_due_on))::bigint AS days_past_due,
           max(recorded_generation) FILTER (WHERE oldest_unpaid_due_on IS NULL) AS recorded_generation,
           max(recorded_xid) FILTER (WHERE oldest_unpaid_due_on IS NULL) AS recorded_xid
    FROM (
        SELECT line_id, revision, effective_on, recorded_at, oldest_unpaid_due_on, recorded_generation, recorded_xid,
               count(*) FILTER (WHERE oldest_unpaid_due_on IS NULL) OVER (
                   PARTITION BY line_id ORDER BY revision, step
                   ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING
               ) AS ended_before
        FROM line_history
    ) AS told
    GROUP BY line_id, ended_before
) AS spell JOIN lines USING (line_id)
WHERE spell.days_past_due > 0;

-- A tile may stand for its rows only where all of them were visible: the last transaction that recorded one of them.
-- Of the tiles that there are, all rows are committed now.
LOCK TABLE tiles_purchase, tiles_purchase_outcome, tiles_fraud_label, tiles_application IN ACCESS EXCLUSIVE MODE;
DO $$
DECLARE
    of_stream text;
    present integer := (SELECT max(generation) FROM database_generations);
    next_xid bigint := pg_snapshot_xmax(pg_current_snapshot())::text::bigint;
BEGIN
    FOREACH of_stream IN ARRAY ARRAY['purchase', 'purchase_outcome', 'fraud_label', 'application'] LOOP
        EXECUTE format(
            'ALTER TABLE tiles_%1$s ADD COLUMN last_generation integer NOT NULL DEFAULT %2$s,
                                    ADD COLUMN last_xid bigint NOT NULL DEFAULT %3$s',
            of_stream, present, next_xid
        );
        EXECUTE format(
            'ALTER TABLE tiles_%1$s ALTER COLUMN last_generation DROP DEFAULT, ALTER COLUMN last_xid DROP DEFAULT',
            of_stream
        );
    END LOOP;
END
$$;

-- As before, but a statement that writes no row has nothing late: it took the mark's lock, and held up all other writers.
CREATE OR REPLACE FUNCTION reopen_tiles() RETURNS trigger
    LANGUAGE plpgsql AS $$
DECLARE
    of_stream text := substr(TG_TABLE_NAME, 8);
    of_entity text;
    first_tick bigint := (SELECT min(tick) FROM fresh);
BEGIN
    IF first_tick IS NULL
       OR first_tick >= (SELECT announced_tick FROM tile_marks WHERE stream = of_stream) THEN
        RETURN NULL;
    END IF;
    PERFORM FROM tile_marks WHERE stream = of_stream FOR UPDATE;
    FOREACH of_entity IN ARRAY TG_ARGV LOOP
        EXECUTE format(
            'UPDATE tiled_keys SET until_tick = late.tick - late.tick %% 3600000000
             FROM (SELECT %I::text AS key, min(tick) AS tick FROM fresh GROUP BY 1) AS late
             WHERE stream = $1 AND entity = $2 AND tiled_keys.key = late.key AND until_tick > late.tick',
            CASE of_entity WHEN 'category' THEN of_entity ELSE of_entity || '_id' END
        ) USING of_stream, of_entity;
    END LOOP;
    RETURN NULL;
END
$$;
