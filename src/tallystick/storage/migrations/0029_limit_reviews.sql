-- Limits looked at again: by night over the whole book, by day one line at a time, at the prices that the night left.

-- What a person said to earn; the latest row counts.
CREATE TABLE borrower_incomes (
    income_id    bigint PRIMARY KEY,
    borrower_id  bigint NOT NULL REFERENCES borrowers,
    income_month_minor bigint NOT NULL CHECK (income_month_minor >= 0),
    is_proven    boolean NOT NULL,
    told_by      text NOT NULL CHECK (btrim(told_by) <> ''),
    told_at      timestamptz NOT NULL
);
CREATE INDEX borrower_incomes_of_borrower ON borrower_incomes (borrower_id, income_id);
CREATE TRIGGER borrower_incomes_are_kept BEFORE UPDATE OR DELETE OR TRUNCATE ON borrower_incomes
    EXECUTE FUNCTION refuse_change();

-- Early warnings of a line; the latest row counts, and `none` ends one.
CREATE TABLE line_warnings (
    warning_id  bigint PRIMARY KEY,
    line_id     bigint NOT NULL REFERENCES lines,
    level       text NOT NULL CHECK (level IN ('none', 'amber', 'red')),
    warned_by   text NOT NULL CHECK (btrim(warned_by) <> ''),
    warned_at   timestamptz NOT NULL
);
CREATE INDEX line_warnings_of_line ON line_warnings (line_id, warning_id);
CREATE TRIGGER line_warnings_are_kept BEFORE UPDATE OR DELETE OR TRUNCATE ON line_warnings
    EXECUTE FUNCTION refuse_change();

-- One review of the whole book, once for each business day and release. `prices` is what it left for the day, and
-- `room` what of each cap, in the order of `prices`, the day has not used up yet: both null until all was decided.
CREATE TABLE limit_nights (
    night_id       bigint PRIMARY KEY,
    reviewed_on    date NOT NULL,
    release_number integer NOT NULL,
    strategy_id    text NOT NULL,                  -- the champion: its caps and economics are the book's
    begun_by       text NOT NULL CHECK (btrim(begun_by) <> ''),
    begun_at       timestamptz NOT NULL,
    prices         jsonb,
    room           double precision[],
    gap_ppm        double precision,
    finished_at    timestamptz,
    UNIQUE (reviewed_on, release_number),
    CONSTRAINT priced_as_a_whole CHECK (num_nonnulls(prices, room, gap_ppm) IN (0, 3)),
    CONSTRAINT priced_before_it_is_finished CHECK (finished_at IS NULL OR prices IS NOT NULL)
);
CREATE INDEX limit_nights_priced ON limit_nights (strategy_id, reviewed_on, night_id) WHERE prices IS NOT NULL;

CREATE FUNCTION keep_limit_night() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP <> 'UPDATE'
       OR (to_jsonb(OLD) - ARRAY['prices', 'room', 'gap_ppm', 'finished_at'])
          IS DISTINCT FROM (to_jsonb(NEW) - ARRAY['prices', 'room', 'gap_ppm', 'finished_at'])
       OR OLD.prices IS NOT NULL AND (OLD.prices, OLD.gap_ppm) IS DISTINCT FROM (NEW.prices, NEW.gap_ppm)
       OR OLD.finished_at IS NOT NULL AND OLD.finished_at IS DISTINCT FROM NEW.finished_at THEN
        RAISE EXCEPTION 'limit_nights: a night is priced and finished once; only its room is used up'
            USING ERRCODE = 'restrict_violation';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER limit_nights_are_kept BEFORE UPDATE OR DELETE ON limit_nights
    FOR EACH ROW EXECUTE FUNCTION keep_limit_night();
CREATE TRIGGER limit_nights_are_not_truncated BEFORE TRUNCATE ON limit_nights EXECUTE FUNCTION refuse_change();

-- What of a night is decided: batches of persons in the order of their ids, all lines of a person in one.
CREATE TABLE limit_night_batches (
    night_id         bigint NOT NULL REFERENCES limit_nights,
    last_borrower_id bigint NOT NULL,
    batch_id         bigint,                       -- null where none of these persons had a line to review
    PRIMARY KEY (night_id, last_borrower_id)
);
CREATE TRIGGER limit_night_batches_are_kept BEFORE UPDATE OR DELETE OR TRUNCATE ON limit_night_batches
    EXECUTE FUNCTION refuse_change();

-- What became of a line that was looked at: of all that are asked by day, and by night of those that may rise, must
-- shrink or wait for a person. `prices` is what a line asked by day was answered at, `used` what that took of the room.
CREATE TABLE limit_answers (
    decision_id     bigint PRIMARY KEY,
    night_id        bigint REFERENCES limit_nights,
    line_id         bigint NOT NULL,
    borrower_id     bigint NOT NULL,
    trigger         text NOT NULL,
    requested_minor bigint,
    limit_minor     bigint NOT NULL,
    target_minor    bigint NOT NULL,
    outcome         text NOT NULL CHECK (outcome IN ('offered', 'lowered', 'kept', 'review')),
    reason          text NOT NULL,
    held_by         text NOT NULL,
    refused_because text,
    offer_id        bigint,
    event_id        bigint,
    prices          text,                          -- JSON, as it was read
    used            double precision[],
    answered_by     text NOT NULL CHECK (btrim(answered_by) <> ''),
    answered_at     timestamptz NOT NULL,
    answered_on     date NOT NULL,
    CONSTRAINT an_offer_is_there CHECK ((outcome = 'offered') = (offer_id IS NOT NULL)),
    CONSTRAINT what_is_lowered_is_in_force CHECK ((outcome = 'lowered') = (event_id IS NOT NULL))
);
CREATE INDEX limit_answers_of_line ON limit_answers (line_id, decision_id);
CREATE INDEX limit_answers_of_night ON limit_answers (night_id, decision_id) WHERE night_id IS NOT NULL;
CREATE TRIGGER limit_answers_are_kept BEFORE UPDATE OR DELETE OR TRUNCATE ON limit_answers
    EXECUTE FUNCTION refuse_change();

-- Lines to be looked at soon, because something happened; whoever looks says by which decision.
CREATE TABLE limit_review_wishes (
    wish_id     bigint PRIMARY KEY,
    line_id     bigint NOT NULL REFERENCES lines,
    trigger     text NOT NULL
                CHECK (trigger IN ('payment', 'income_proof', 'delinquency_elsewhere', 'early_warning')),
    cause_id    bigint NOT NULL,                   -- the payment, income or warning; else the wish itself
    wished_by   text NOT NULL CHECK (btrim(wished_by) <> ''),
    wished_at   timestamptz NOT NULL,
    done_at     timestamptz,
    decision_id bigint,                            -- null where the line was not there to be reviewed any more
    UNIQUE (trigger, cause_id)
);
CREATE INDEX limit_review_wishes_that_wait ON limit_review_wishes (wish_id) WHERE done_at IS NULL;

-- How far the books were read for payments that are a reason to look at a line again: a place in the order of commits.
CREATE TABLE limit_wish_place (
    only_one   boolean PRIMARY KEY DEFAULT true CHECK (only_one),
    generation integer NOT NULL,
    xid        bigint NOT NULL,
    event_id   bigint NOT NULL
);

-- When a line's limit last rose and fell, without reading its whole life.
CREATE INDEX line_history_of_limits ON line_history (line_id, revision, step)
    WHERE cause IN ('line_opened', 'limit_changed');
