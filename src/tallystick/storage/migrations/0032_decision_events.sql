-- What became of decisions, told as events of lines are: of reviews, applications, offers, freezes and releases.

-- What stands in `events` already (a hold that expired, a line that was frozen, a limit that changed) is not told twice.
-- `about_id` is the line where there is one, else the application, freeze or release: events about one thing are
-- delivered in order. A row is written in the transaction of what it tells.
CREATE TABLE decision_events (
    event_id     bigint PRIMARY KEY,
    about_id     bigint NOT NULL,
    line_id      bigint,
    kind         text NOT NULL,
    fact         jsonb NOT NULL,
    happened_on  date NOT NULL,
    recorded_at  timestamptz NOT NULL,
    actor        text NOT NULL CHECK (btrim(actor) <> ''),
    recorded_generation integer NOT NULL DEFAULT 1,
    recorded_xid bigint NOT NULL DEFAULT pg_current_xact_id()::text::bigint,
    CONSTRAINT what_is_of_a_line_is_about_it CHECK (line_id IS NULL OR line_id = about_id)
);
CREATE INDEX decision_events_in_commit_order ON decision_events (recorded_generation, recorded_xid, event_id);
CREATE INDEX decision_events_of_line ON decision_events (line_id, event_id) WHERE line_id IS NOT NULL;
CREATE INDEX decision_events_by_time ON decision_events USING brin (recorded_at);
CREATE TRIGGER decision_events_are_kept BEFORE UPDATE OR DELETE OR TRUNCATE ON decision_events
    EXECUTE FUNCTION refuse_change();

-- All that the outside is told, to be read in the order of commits: each half has its index in that order.
CREATE VIEW told_events AS
SELECT recorded_generation, recorded_xid, event_id, line_id AS about_id, line_id, kind, effective_on, booked_on,
       recorded_at, fact
FROM events
UNION ALL
SELECT recorded_generation, recorded_xid, event_id, about_id, line_id, kind, happened_on, happened_on, recorded_at, fact
FROM decision_events;

-- Both halves are kept for good, so a delivery's event is there without a foreign key, which can name one table only.
ALTER TABLE webhook_deliveries DROP CONSTRAINT webhook_deliveries_line_id_event_id_fkey;
ALTER TABLE webhook_deliveries RENAME COLUMN line_id TO about_id;

-- An offer that nobody answered in time is closed as such, once, so that it can be told.
ALTER TABLE credit_offers DROP CONSTRAINT credit_offers_answer_check;
ALTER TABLE credit_offers ADD CONSTRAINT credit_offers_answer_check
    CHECK (answer IN ('accepted', 'declined', 'withdrawn', 'expired'));
ALTER TABLE limit_offers DROP CONSTRAINT limit_offers_answer_check;
ALTER TABLE limit_offers ADD CONSTRAINT limit_offers_answer_check
    CHECK (answer IN ('accepted', 'declined', 'withdrawn', 'superseded', 'expired'));
CREATE INDEX credit_offers_that_wait ON credit_offers (valid_until) WHERE answer IS NULL;
CREATE INDEX limit_offers_that_wait ON limit_offers (valid_until) WHERE answer IS NULL;
