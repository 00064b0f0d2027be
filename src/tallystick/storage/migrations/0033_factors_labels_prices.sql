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

-- A label that was wrong is corrected by another one, once: the last of the chain is what counts, and all are kept.
ALTER TABLE purchase_labels DROP CONSTRAINT purchase_labels_pkey;
ALTER TABLE purchase_labels DROP CONSTRAINT purchase_labels_event_id_key;
ALTER TABLE purchase_labels ADD PRIMARY KEY (decision_id, event_id);
ALTER TABLE purchase_labels ADD COLUMN corrects_event_id bigint;
ALTER TABLE purchase_labels ADD FOREIGN KEY (decision_id, corrects_event_id) REFERENCES purchase_labels;
ALTER TABLE purchase_labels ADD CONSTRAINT what_is_corrected_came_before CHECK (corrects_event_id < event_id);
CREATE UNIQUE INDEX one_first_label ON purchase_labels (decision_id) WHERE corrects_event_id IS NULL;
CREATE UNIQUE INDEX a_label_is_corrected_once ON purchase_labels (corrects_event_id);
