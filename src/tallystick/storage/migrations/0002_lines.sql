-- Borrowers, contracts, lines and what happened to them.
-- Names, phones and identity numbers are not here: they have a store of their own (0003).

CREATE TABLE borrowers (
    borrower_id     bigint PRIMARY KEY,
    reference       text NOT NULL UNIQUE,           -- the lender's own id of the person; never a name
    jurisdiction    text NOT NULL,
    joint_cap_minor bigint NOT NULL CHECK (joint_cap_minor >= 0),
    currency        char(3) NOT NULL,
    blocked_because text,                           -- on the blocked list: no new line, hold or draw
    metadata        jsonb NOT NULL DEFAULT '{}',
    opened_at       timestamptz NOT NULL
);

-- What was put on the blocked list or taken off it, by whom and why.
CREATE TABLE borrower_blocks (
    borrower_id bigint NOT NULL REFERENCES borrowers,
    block_id    bigint NOT NULL,
    blocked     boolean NOT NULL,
    reason      text NOT NULL CHECK (reason <> ''),
    actor       text NOT NULL,
    decided_at  timestamptz NOT NULL,
    PRIMARY KEY (borrower_id, block_id)
);
CREATE TRIGGER borrower_blocks_are_kept BEFORE UPDATE OR DELETE OR TRUNCATE ON borrower_blocks
    EXECUTE FUNCTION refuse_change();

-- Published products and the terms frozen into contracts, by the hash of their content.
CREATE TABLE products (
    product_id   text NOT NULL,
    version      integer NOT NULL CHECK (version > 0),
    product_key  bigint NOT NULL,                    -- owner of the product's accounts in the ledger
    content_hash text NOT NULL,
    body         jsonb NOT NULL,
    published_on date NOT NULL,
    published_by text NOT NULL,
    PRIMARY KEY (product_id, version)
);
CREATE TRIGGER products_are_kept BEFORE UPDATE OR DELETE OR TRUNCATE ON products
    EXECUTE FUNCTION refuse_change();

CREATE TABLE contracts (
    contract_hash text PRIMARY KEY,
    product_id    text NOT NULL,
    version       integer NOT NULL,
    body          jsonb NOT NULL,
    frozen_at     timestamptz NOT NULL,
    FOREIGN KEY (product_id, version) REFERENCES products
);
CREATE TRIGGER contracts_are_kept BEFORE UPDATE OR DELETE OR TRUNCATE ON contracts
    EXECUTE FUNCTION refuse_change();

-- What the borrower was shown and accepted: the disclosure as it was, and its hash.
CREATE TABLE acceptances (
    acceptance_id   bigint PRIMARY KEY,
    borrower_id     bigint NOT NULL REFERENCES borrowers,
    line_id         bigint,
    purpose         text NOT NULL,                  -- line, plan, cash, limit, terms
    disclosure_hash text NOT NULL,
    disclosure      text NOT NULL,                  -- as it was shown, byte for byte
    accepted_at     timestamptz NOT NULL
);
CREATE INDEX acceptances_of_borrower ON acceptances (borrower_id);
CREATE TRIGGER acceptances_are_kept BEFORE UPDATE OR DELETE OR TRUNCATE ON acceptances
    EXECUTE FUNCTION refuse_change();

-- One row per line: the figures others ask for, and the folded state they come from.
CREATE TABLE lines (
    line_id              bigint PRIMARY KEY,
    borrower_id          bigint NOT NULL REFERENCES borrowers,
    product_key          bigint NOT NULL,
    contract_hash        text NOT NULL REFERENCES contracts,
    currency             char(3) NOT NULL,
    opened_on            date NOT NULL,
    condition            text NOT NULL,
    frozen_because       text,
    as_of                date NOT NULL,
    limit_minor          bigint NOT NULL CHECK (limit_minor >= 0),
    drawn_minor          bigint NOT NULL CHECK (drawn_minor >= 0),
    held_minor           bigint NOT NULL CHECK (held_minor >= 0),
    owed_interest_minor  bigint NOT NULL CHECK (owed_interest_minor >= 0),
    owed_fee_minor       bigint NOT NULL CHECK (owed_fee_minor >= 0),
    owed_penalty_minor   bigint NOT NULL CHECK (owed_penalty_minor >= 0),
    credit_minor         bigint NOT NULL CHECK (credit_minor >= 0),
    charged_off_minor    bigint NOT NULL CHECK (charged_off_minor >= 0),
    accrued_micro        bigint NOT NULL,           -- not billed yet when `as_of` begins, millionths of a minor unit,
    accruing_daily_micro bigint NOT NULL,           -- and what each day adds until `next_due_on`
    oldest_unpaid_due_on date,
    next_due_on          date,                      -- the day on which time alone next changes something
    revision             integer NOT NULL CHECK (revision > 0),
    state                bytea NOT NULL,
    test_clock_id        bigint,
    metadata             jsonb NOT NULL DEFAULT '{}'
) WITH (fillfactor = 70);
CREATE INDEX lines_of_borrower ON lines (borrower_id);
CREATE INDEX lines_due ON lines (next_due_on, line_id) WHERE next_due_on IS NOT NULL;

-- What happened, in the order it was recorded; a line's life is these rows in the order of `effective_on, rank, event_id`.
CREATE TABLE events (
    line_id      bigint NOT NULL REFERENCES lines,
    event_id     bigint NOT NULL,
    effective_on date NOT NULL,
    rank         smallint NOT NULL,
    kind         text NOT NULL,
    fact         jsonb NOT NULL,
    booked_on    date NOT NULL,
    recorded_at  timestamptz NOT NULL,
    actor        text NOT NULL CHECK (actor <> ''),
    approved_by  text,
    recorded_generation integer NOT NULL DEFAULT 1,
    recorded_xid bigint NOT NULL DEFAULT pg_current_xact_id()::text::bigint,
    PRIMARY KEY (line_id, event_id),
    CONSTRAINT a_second_person_approves CHECK (
        approved_by IS DISTINCT FROM actor
        AND (approved_by IS NOT NULL
             OR kind NOT IN ('waived', 'charged_off', 'plan_reaged', 'payment_holiday', 'event_undone'))
    )
);
CREATE INDEX events_in_life_order ON events (line_id, effective_on, rank, event_id);
CREATE INDEX events_in_commit_order ON events (recorded_generation, recorded_xid, event_id);
CREATE TRIGGER events_are_kept BEFORE UPDATE OR DELETE OR TRUNCATE ON events
    EXECUTE FUNCTION refuse_change();

-- Proposals that need a second person; the one who proposes cannot decide.
CREATE TABLE proposals (
    proposal_id  bigint PRIMARY KEY,
    line_id      bigint NOT NULL REFERENCES lines,
    kind         text NOT NULL,
    fact         jsonb NOT NULL,
    proposed_by  text NOT NULL CHECK (proposed_by <> ''),
    proposed_at  timestamptz NOT NULL,
    decision     text CHECK (decision IN ('approved', 'rejected')),
    decided_by   text,
    decided_at   timestamptz,
    decided_note text,
    event_id     bigint,
    CONSTRAINT a_second_person_decides CHECK (decided_by IS DISTINCT FROM proposed_by),
    CONSTRAINT decided_as_a_whole CHECK (num_nonnulls(decision, decided_by, decided_at) IN (0, 3))
);
CREATE INDEX proposals_open ON proposals (proposal_id) WHERE decision IS NULL;

-- The ids that others know, and the line they belong to: one look-up for holds, draws, plans, payments, refunds.
CREATE TABLE line_objects (
    object_id bigint PRIMARY KEY,
    line_id   bigint NOT NULL,
    kind      text NOT NULL,
    event_id  bigint NOT NULL
);

-- A payment is known by its channel and the channel's own reference: a second callback finds the first.
CREATE TABLE payments (
    payment_id   bigint PRIMARY KEY,
    line_id      bigint NOT NULL REFERENCES lines,
    event_id     bigint NOT NULL,
    channel      text NOT NULL,
    reference    text,
    amount_minor bigint NOT NULL CHECK (amount_minor > 0),
    effective_on date NOT NULL,
    UNIQUE (channel, reference)
);
CREATE INDEX payments_of_line ON payments (line_id, payment_id);

-- Statements as they were told: closed once, never edited.
CREATE TABLE statements (
    line_id           bigint NOT NULL REFERENCES lines,
    number            integer NOT NULL CHECK (number > 0),
    event_id          bigint NOT NULL,
    period_from       date NOT NULL,
    closed_on         date NOT NULL,
    due_on            date NOT NULL CHECK (due_on > closed_on),
    closing_minor     bigint NOT NULL,
    minimum_due_minor bigint NOT NULL,
    figures           jsonb NOT NULL,
    PRIMARY KEY (line_id, number)
);
CREATE TRIGGER statements_are_kept BEFORE UPDATE OR DELETE OR TRUNCATE ON statements
    EXECUTE FUNCTION refuse_change();

-- Folded states to begin a refold from: one per closed statement; they can be made again from the events.
CREATE TABLE checkpoints (
    line_id      bigint NOT NULL REFERENCES lines,
    effective_on date NOT NULL,
    rank         smallint NOT NULL,
    event_id     bigint NOT NULL,
    state        bytea NOT NULL,
    PRIMARY KEY (line_id, effective_on, rank, event_id)
);

-- Servicing's one output to the columns: a row per change, with both times. Its latest row is what `authorize` locks.
CREATE TABLE line_history (
    line_id                 bigint NOT NULL,
    revision                integer NOT NULL,
    step                    smallint NOT NULL,
    effective_on            date NOT NULL,
    recorded_at             timestamptz NOT NULL,
    cause                   text NOT NULL,
    event_id                bigint,
    condition               text NOT NULL,
    limit_minor             bigint NOT NULL CHECK (limit_minor >= 0),
    drawn_minor             bigint NOT NULL CHECK (drawn_minor >= 0),
    held_minor              bigint NOT NULL CHECK (held_minor >= 0),
    credit_minor            bigint NOT NULL CHECK (credit_minor >= 0),
    oldest_unpaid_due_on    date,
    statement_closing_minor bigint,
    statement_minimum_minor bigint,
    recorded_generation     integer NOT NULL DEFAULT 1,
    recorded_xid            bigint NOT NULL DEFAULT pg_current_xact_id()::text::bigint,
    PRIMARY KEY (line_id, revision, step),
    -- Exposure may come to exceed the limit (a decrease, a returned payment); no new hold or draw may do it.
    CONSTRAINT a_new_hold_or_draw_stays_within_the_limit CHECK (
        cause NOT IN ('hold_placed', 'drawdown') OR drawn_minor + held_minor <= limit_minor
    )
);
CREATE INDEX line_history_as_of ON line_history (line_id, effective_on, revision);
CREATE TRIGGER line_history_is_kept BEFORE UPDATE OR DELETE OR TRUNCATE ON line_history
    EXECUTE FUNCTION refuse_change();
