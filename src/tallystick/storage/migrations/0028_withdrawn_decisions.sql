-- Decisions that their callers never heard of in time and were told otherwise: the hold was given back. The same request
-- is answered as it was then.
CREATE TABLE withdrawn_decisions (
    decision_id  bigint PRIMARY KEY,
    withdrawn_at timestamptz NOT NULL
);
CREATE TRIGGER withdrawn_decisions_are_kept BEFORE UPDATE OR DELETE OR TRUNCATE ON withdrawn_decisions
    EXECUTE FUNCTION refuse_change();
