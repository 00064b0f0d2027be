-- Money in and out as files: what banks and gateways say happened, row by row, and what became of each row.
-- A row is known by its channel and the channel's own reference: a file imported twice, or two that overlap, book once.

CREATE TABLE money_rows (
    channel      text NOT NULL,
    reference    text NOT NULL CHECK (reference <> ''),
    row_id       bigint NOT NULL UNIQUE,
    value_on     date NOT NULL,
    amount_minor bigint NOT NULL CHECK (amount_minor <> 0),  -- what went out is negative
    currency     char(3) NOT NULL,
    line_id      bigint,                                     -- as the row names it, known or not
    clears       text,
    returns      text,
    outcome      text NOT NULL CHECK (outcome IN ('payment', 'known_payment', 'cleared', 'returned', 'suspense')),
    event_id     bigint,
    booked_on    date NOT NULL,
    file_sha256  bytea NOT NULL CHECK (octet_length(file_sha256) = 32),
    file_line    integer NOT NULL CHECK (file_line > 1),
    imported_at  timestamptz NOT NULL,
    imported_by  text NOT NULL CHECK (imported_by <> ''),
    PRIMARY KEY (channel, reference)
);
CREATE INDEX money_rows_by_day ON money_rows (booked_on, channel);
CREATE TRIGGER money_rows_are_kept BEFORE UPDATE OR DELETE OR TRUNCATE ON money_rows
    EXECUTE FUNCTION refuse_change();

-- Money that nothing explains yet: it stands on the suspense account until two persons say what it is.
CREATE TABLE suspense_items (
    item_id      bigint PRIMARY KEY,
    channel      text NOT NULL,
    reference    text NOT NULL,
    amount_minor bigint NOT NULL CHECK (amount_minor <> 0),
    currency     char(3) NOT NULL,
    value_on     date NOT NULL,
    because      text NOT NULL CHECK (because <> ''),
    opened_on    date NOT NULL,
    FOREIGN KEY (channel, reference) REFERENCES money_rows
);
CREATE TRIGGER suspense_items_are_kept BEFORE UPDATE OR DELETE OR TRUNCATE ON suspense_items
    EXECUTE FUNCTION refuse_change();

-- Who said what an item is, who agreed or not, and why: nothing of it is ever deleted.
CREATE TABLE suspense_proposals (
    proposal_id bigint PRIMARY KEY,
    item_id     bigint NOT NULL REFERENCES suspense_items,
    as_what     text NOT NULL CHECK (as_what IN ('payment', 'offset', 'difference')),
    line_id     bigint,
    offset_id   bigint REFERENCES suspense_items CHECK (offset_id <> item_id),
    reason      text NOT NULL CHECK (reason <> ''),
    proposed_by text NOT NULL CHECK (proposed_by <> ''),
    proposed_at timestamptz NOT NULL,
    decision    text CHECK (decision IN ('approved', 'rejected')),
    decided_by  text,
    decided_at  timestamptz,
    CONSTRAINT a_second_person_decides CHECK (decided_by IS DISTINCT FROM proposed_by),
    CONSTRAINT decided_as_a_whole CHECK (num_nonnulls(decision, decided_by, decided_at) IN (0, 3)),
    CONSTRAINT what_it_is_about CHECK (
        (line_id IS NOT NULL) = (as_what = 'payment') AND (offset_id IS NOT NULL) = (as_what = 'offset')
    )
);
CREATE UNIQUE INDEX one_proposal_lives ON suspense_proposals (item_id) WHERE decision IS DISTINCT FROM 'rejected';
CREATE UNIQUE INDEX an_item_offsets_once ON suspense_proposals (offset_id) WHERE decision IS DISTINCT FROM 'rejected';

-- What was decided stays decided, and a proposal stays what it was.
CREATE FUNCTION refuse_second_decision() RETURNS trigger
    LANGUAGE plpgsql AS $$
BEGIN
    IF OLD.decision IS NOT NULL
       OR (NEW.proposal_id, NEW.item_id, NEW.as_what, NEW.reason, NEW.proposed_by, NEW.proposed_at)
          <> (OLD.proposal_id, OLD.item_id, OLD.as_what, OLD.reason, OLD.proposed_by, OLD.proposed_at)
       OR NEW.line_id IS DISTINCT FROM OLD.line_id OR NEW.offset_id IS DISTINCT FROM OLD.offset_id THEN
        RAISE EXCEPTION '% is decided once and not edited', TG_TABLE_NAME
            USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    RETURN NEW;
END
$$;
CREATE TRIGGER suspense_proposals_are_decided_once BEFORE UPDATE ON suspense_proposals
    FOR EACH ROW EXECUTE FUNCTION refuse_second_decision();
CREATE TRIGGER suspense_proposals_are_kept BEFORE DELETE OR TRUNCATE ON suspense_proposals
    EXECUTE FUNCTION refuse_change();

-- Money moved from suspense to a line is a manual correction.
ALTER TABLE events ADD CONSTRAINT a_second_person_moves_suspense CHECK (
    kind <> 'payment_received' OR fact ->> 'channel' <> 'suspense' OR approved_by IS NOT NULL
);
