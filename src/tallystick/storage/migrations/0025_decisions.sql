-- Decisions as they were made: a small row each, and per batch what they were made of.

-- Cases that were decided together, on what had been committed when their features were read (migration 0023).
-- `release_number` names who decided; no foreign key, here and below: its lock on the one row that all batches name
-- would make them queue. A law proves that none is missing.
CREATE TABLE decision_batches (
    batch_id       bigint PRIMARY KEY,
    checkpoint     text NOT NULL CHECK (checkpoint IN ('apply', 'authorize', 'review_limit', 'reprice')),
    release_number integer NOT NULL,
    decided_at     timestamptz NOT NULL,
    business_day   date NOT NULL,
    cases          integer NOT NULL CHECK (cases > 0),
    seen_generation integer,
    seen_snapshot  text,
    decided_by_version text NOT NULL,               -- of Tallystick
    CONSTRAINT a_visible_set_is_whole CHECK ((seen_generation IS NULL) = (seen_snapshot IS NULL))
);
CREATE INDEX decision_batches_in_time ON decision_batches (decided_at, batch_id);
CREATE TRIGGER decision_batches_are_kept BEFORE UPDATE OR DELETE OR TRUNCATE ON decision_batches
    EXECUTE FUNCTION refuse_change();

-- The request, every figure and feature, each score and the row that each step took, in columns (strategy/trace.py).
-- Traces are data about persons: they may be deleted once their time is over, never edited.
CREATE TABLE decision_traces (
    batch_id bigint PRIMARY KEY REFERENCES decision_batches,
    trace    bytea STORAGE EXTERNAL NOT NULL       -- compressed already
);
CREATE TRIGGER decision_traces_are_kept BEFORE UPDATE ON decision_traces EXECUTE FUNCTION refuse_change();

-- `request_key` is how a repeated request is known, `request_digest` whether it is the same one.
-- `refused_because` is what the books refused where the strategy would have passed it. A hold has its decision's number.
-- Each index costs every decision (record 32 measured one): what one batch decided is found by the ids in its trace.
CREATE TABLE decisions (
    decision_id     bigint PRIMARY KEY,             -- the request's id in the streams as well
    batch_id        bigint NOT NULL,
    place           smallint NOT NULL CHECK (place >= 0),
    checkpoint      text NOT NULL,
    strategy_id     text NOT NULL,
    request_key     text NOT NULL UNIQUE,
    request_digest  bytea NOT NULL,
    borrower_id     bigint,
    line_id         bigint,
    amount_minor    bigint,
    outcome         text NOT NULL,
    reasons         jsonb NOT NULL CHECK (jsonb_array_length(reasons) <= 4),
    outputs         jsonb NOT NULL,
    probability_ppm integer NOT NULL CHECK (probability_ppm BETWEEN 0 AND 1000000),
    is_explored     boolean NOT NULL,
    refused_because text,
    refused_figures jsonb,
    hold_id         bigint,
    decided_at      timestamptz NOT NULL,
    CONSTRAINT a_purchase_that_may_go_on_has_its_hold CHECK (
        checkpoint <> 'authorize' OR (outcome IN ('approve', 'review')) = (hold_id IS NOT NULL)
    ),
    CONSTRAINT a_hold_has_its_decisions_number CHECK (hold_id = decision_id),
    CONSTRAINT what_is_refused_says_why CHECK (
        (refused_because IS NULL) = (refused_figures IS NULL) AND (refused_because IS NULL OR reasons <> '[]')
    )
);
CREATE INDEX decisions_of_line ON decisions (line_id, decision_id) WHERE line_id IS NOT NULL;
CREATE INDEX decisions_of_applicant ON decisions (borrower_id, decision_id) WHERE line_id IS NULL AND borrower_id IS NOT NULL;
CREATE TRIGGER decisions_are_kept BEFORE UPDATE OR DELETE OR TRUNCATE ON decisions
    EXECUTE FUNCTION refuse_change();

-- What is shut at once, by a decision or by a person, until somebody proves that it is in order. A frozen line stands in
-- its own state as well, where no new hold or draw is admitted.
CREATE TABLE freezes (
    freeze_id    bigint PRIMARY KEY,
    subject      text NOT NULL CHECK (subject IN ('line', 'device', 'merchant')),
    subject_id   bigint NOT NULL,
    reason       text NOT NULL CHECK (reason <> ''),
    decision_id  bigint,                            -- the decision that shut it, if one did
    placed_by    text NOT NULL CHECK (btrim(placed_by) <> ''),
    placed_at    timestamptz NOT NULL,
    lifted_by    text,
    lifted_at    timestamptz,
    lifted_because text,
    CONSTRAINT lifted_as_a_whole CHECK (num_nonnulls(lifted_by, lifted_at, lifted_because) IN (0, 3))
);
CREATE UNIQUE INDEX freezes_that_stand ON freezes (subject, subject_id) WHERE lifted_at IS NULL;
CREATE INDEX freezes_of_subject ON freezes (subject, subject_id, freeze_id);

-- What a person looks at: a decision that said so, until somebody judges or its time is over. Above the strategy's own
-- threshold a second person agrees. What was done about it stands in `review_acts`.
CREATE TABLE reviews (
    review_id      bigint PRIMARY KEY,              -- the decision's id
    checkpoint     text NOT NULL,
    borrower_id    bigint,
    line_id        bigint,
    amount_minor   bigint,
    device_id      bigint,
    hold_id        bigint,
    priority       smallint NOT NULL CHECK (priority BETWEEN 0 AND 9),    -- 0 is looked at first
    due_at         timestamptz NOT NULL,
    needs_two      boolean NOT NULL,
    timeout_outcome text NOT NULL,
    opened_at      timestamptz NOT NULL,
    assigned_to    text,
    assigned_at    timestamptz,
    proposed_outcome text,                          -- by the first of two
    proposed_by    text,
    outcome        text,
    closed_by      text,
    closed_at      timestamptz,
    CONSTRAINT closed_as_a_whole CHECK (num_nonnulls(outcome, closed_by, closed_at) IN (0, 3)),
    CONSTRAINT two_are_two CHECK (
        outcome IS NULL OR NOT needs_two OR outcome NOT IN ('approve', 'offer', 'increase')
        OR proposed_by IS NOT NULL AND is_another_person(proposed_by, closed_by)
    )
);
CREATE INDEX reviews_that_wait ON reviews (priority, due_at, review_id) WHERE outcome IS NULL;
CREATE INDEX reviews_due ON reviews (due_at) WHERE outcome IS NULL;
CREATE INDEX reviews_of_line ON reviews (line_id) WHERE outcome IS NULL AND line_id IS NOT NULL;
CREATE INDEX reviews_of_device ON reviews (device_id) WHERE outcome IS NULL AND device_id IS NOT NULL;

CREATE TABLE review_acts (
    review_id bigint NOT NULL REFERENCES reviews,
    act_id    bigint NOT NULL,
    kind      text NOT NULL CHECK (kind IN ('assigned', 'proposed', 'judged', 'timed_out', 'stopped')),
    outcome   text,
    reason    text NOT NULL,
    actor     text NOT NULL CHECK (btrim(actor) <> ''),
    acted_at  timestamptz NOT NULL,
    PRIMARY KEY (review_id, act_id)
);
CREATE TRIGGER review_acts_are_kept BEFORE UPDATE OR DELETE OR TRUNCATE ON review_acts
    EXECUTE FUNCTION refuse_change();
