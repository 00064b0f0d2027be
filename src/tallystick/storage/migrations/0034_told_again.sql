-- Decisions that were told to a request that came again. Whoever got no answer in time is told the safe outcome, and what was
-- decided after all is taken back; but not once the same request was answered with it: then it stands.
CREATE TABLE decisions_told_again (
    decision_id bigint PRIMARY KEY,
    told_at     timestamptz NOT NULL
);
CREATE TRIGGER decisions_told_again_are_kept BEFORE UPDATE OR DELETE OR TRUNCATE ON decisions_told_again
    EXECUTE FUNCTION refuse_change();
