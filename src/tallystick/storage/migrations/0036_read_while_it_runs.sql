-- What purchases read while somebody waits: busy keys are rolled up within the hour that runs, and the last change of a
-- line is found by its tick.

-- A tile of the hour that runs holds its rows until `until_tick`, which need no longer be the end of an hour.
ALTER TABLE tile_marks DROP CONSTRAINT tile_marks_announced_tick_check;
ALTER TABLE tiled_keys DROP CONSTRAINT tiled_keys_until_tick_check;
-- An earlier version would take such a tile for an hour that it may write anew from `until_tick` on: without this column
-- it rolls up nothing.
ALTER TABLE tile_marks RENAME COLUMN announced_xid TO waits_for_xids_before;

-- The rows of a line in the order of effective days are few, and found by the primary key as well.
CREATE INDEX line_history_in_time ON line_history (line_id, tick_of(recorded_at));
DROP INDEX line_history_as_of;

-- A tile of the hour that runs is written anew every few seconds, within its page.
ALTER TABLE tiles_purchase SET (fillfactor = 80);
ALTER TABLE tiles_purchase_outcome SET (fillfactor = 80);
ALTER TABLE tiles_fraud_label SET (fillfactor = 80);
ALTER TABLE tiles_application SET (fillfactor = 80);
ALTER TABLE tiled_keys SET (fillfactor = 50);

-- As before, but whose line it is is looked up only where that is asked for: every line of a history is there.
CREATE OR REPLACE VIEW stream_statement_due AS
SELECT statements.event_id, business_day_tick(statements.due_on + 1) AS tick, statements.line_id, lines.borrower_id,
       statements.closing_minor, statements.minimum_due_minor, paid.paid_minor,
       closed.recorded_generation, closed.recorded_xid, paid.recorded_payments
FROM statements LEFT JOIN lines USING (line_id)
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
FROM line_history AS told LEFT JOIN lines USING (line_id)
WHERE NOT EXISTS (
    SELECT FROM line_history AS later
    WHERE later.line_id = told.line_id AND later.revision = told.revision AND later.step > told.step
);

-- Of a line that never missed a due date, which is most of them, no history is read.
CREATE INDEX line_history_of_missed ON line_history (line_id) WHERE oldest_unpaid_due_on IS NOT NULL;
CREATE OR REPLACE VIEW stream_past_due_spell AS
SELECT spell.event_id, spell.tick, late.line_id, lines.borrower_id, spell.days_past_due,
       spell.recorded_generation, spell.recorded_xid
FROM (SELECT DISTINCT line_id FROM line_history WHERE oldest_unpaid_due_on IS NOT NULL) AS late
CROSS JOIN LATERAL (
    SELECT max(revision) FILTER (WHERE oldest_unpaid_due_on IS NULL)::bigint AS event_id,
           max(tick_of(recorded_at)) FILTER (WHERE oldest_unpaid_due_on IS NULL) AS tick,
           (max(effective_on) FILTER (WHERE oldest_unpaid_due_on IS NULL)
            - min(oldest_unpaid_due_on))::bigint AS days_past_due,
           max(recorded_generation) FILTER (WHERE oldest_unpaid_due_on IS NULL) AS recorded_generation,
           max(recorded_xid) FILTER (WHERE oldest_unpaid_due_on IS NULL) AS recorded_xid
    FROM (
        SELECT revision, effective_on, recorded_at, oldest_unpaid_due_on, recorded_generation, recorded_xid,
               count(*) FILTER (WHERE oldest_unpaid_due_on IS NULL) OVER (
                   ORDER BY revision, step ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING
               ) AS ended_before
        FROM line_history WHERE line_history.line_id = late.line_id
    ) AS told
    GROUP BY ended_before
) AS spell
LEFT JOIN lines USING (line_id)
WHERE spell.days_past_due > 0;

-- What merchants' windows read stands in the index: rows of a merchant lie on as many pages of the table as there are rows.
DROP INDEX stream_purchase_of_merchant;
CREATE INDEX stream_purchase_of_merchant ON stream_purchase (merchant_id, tick)
    INCLUDE (event_id, amount_minor, recorded_generation, recorded_xid) WHERE merchant_id IS NOT NULL;
