-- A purchase that came again after a second factor, and the decision that had asked for it; written where there is one.
-- No unique index on `step_up_of`: a retry that was withdrawn does not count. Its line is locked while it is asked.
CREATE TABLE step_up_retries (
    decision_id bigint PRIMARY KEY,
    step_up_of  bigint NOT NULL,
    CONSTRAINT what_asked_came_before CHECK (step_up_of < decision_id)
);
CREATE INDEX step_up_retries_of ON step_up_retries (step_up_of);
CREATE TRIGGER step_up_retries_are_kept BEFORE UPDATE OR DELETE OR TRUNCATE ON step_up_retries
    EXECUTE FUNCTION refuse_change();
