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

-- Prices looked at again, once for each business day and release: some persons at a time, each part decided, recorded and
-- carried out in one transaction. What is decided of a line does not hang on any other line.
CREATE TABLE price_nights (
    night_id       bigint PRIMARY KEY,
    reviewed_on    date NOT NULL,
    release_number integer NOT NULL,
    begun_by       text NOT NULL CHECK (btrim(begun_by) <> ''),
    begun_at       timestamptz NOT NULL,
    finished_at    timestamptz,
    UNIQUE (reviewed_on, release_number)
);
CREATE FUNCTION keep_price_night() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF OLD.finished_at IS NOT NULL OR (to_jsonb(OLD) - 'finished_at') IS DISTINCT FROM (to_jsonb(NEW) - 'finished_at') THEN
        RAISE EXCEPTION 'price_nights: a night is finished once and not edited' USING ERRCODE = 'restrict_violation';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER price_nights_are_finished_once BEFORE UPDATE ON price_nights
    FOR EACH ROW EXECUTE FUNCTION keep_price_night();
CREATE TRIGGER price_nights_are_kept BEFORE DELETE OR TRUNCATE ON price_nights EXECUTE FUNCTION refuse_change();

CREATE TABLE price_night_batches (
    night_id         bigint NOT NULL REFERENCES price_nights,
    last_borrower_id bigint NOT NULL,
    batch_id         bigint,                       -- null where none of these persons had a line to look at
    PRIMARY KEY (night_id, last_borrower_id)
);
CREATE TRIGGER price_night_batches_are_kept BEFORE UPDATE OR DELETE OR TRUNCATE ON price_night_batches
    EXECUTE FUNCTION refuse_change();

-- What became of a line whose price the tables wanted to change. `change_id` is the change of terms that it was told of.
CREATE TABLE price_answers (
    decision_id        bigint PRIMARY KEY,
    night_id           bigint NOT NULL REFERENCES price_nights,
    line_id            bigint NOT NULL,
    present_price_code text NOT NULL,
    price_code         text NOT NULL,
    outcome            text NOT NULL CHECK (outcome IN ('lowered', 'noticed', 'kept')),
    reason             text NOT NULL,
    refused_because    text,
    change_id          bigint REFERENCES terms_changes,
    binds_on           date,
    answered_by        text NOT NULL CHECK (btrim(answered_by) <> ''),
    answered_at        timestamptz NOT NULL,
    answered_on        date NOT NULL,
    CONSTRAINT what_changes_is_told CHECK ((outcome = 'kept') = (change_id IS NULL)),
    CONSTRAINT what_is_told_has_its_day CHECK ((change_id IS NULL) = (binds_on IS NULL)),
    CONSTRAINT a_price_that_is_kept_is_the_same CHECK ((outcome = 'kept') = (price_code = present_price_code))
);
CREATE INDEX price_answers_of_line ON price_answers (line_id, decision_id);
CREATE INDEX price_answers_of_night ON price_answers (night_id);
CREATE TRIGGER price_answers_are_kept BEFORE UPDATE OR DELETE OR TRUNCATE ON price_answers
    EXECUTE FUNCTION refuse_change();
CREATE INDEX credit_offers_of_line ON credit_offers (line_id) WHERE line_id IS NOT NULL;
