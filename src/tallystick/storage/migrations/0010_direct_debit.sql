-- Direct debits: what the borrower allowed, what was asked of the bank, and what the bank answered.

CREATE TABLE mandates (
    mandate_id bigint PRIMARY KEY,
    line_id    bigint NOT NULL REFERENCES lines,
    reference  text NOT NULL UNIQUE CHECK (reference <> ''),   -- the bank's id of the mandate, never an account number
    pays       text NOT NULL CHECK (pays IN ('all_due', 'minimum')),
    given_on   date NOT NULL,
    given_at   timestamptz NOT NULL,
    given_by   text NOT NULL CHECK (given_by <> '')
);
CREATE INDEX mandates_of_line ON mandates (line_id, mandate_id);
CREATE TRIGGER mandates_are_kept BEFORE UPDATE OR DELETE OR TRUNCATE ON mandates
    EXECUTE FUNCTION refuse_change();

CREATE TABLE mandate_ends (
    mandate_id bigint PRIMARY KEY REFERENCES mandates,
    reason     text NOT NULL CHECK (reason <> ''),
    ended_on   date NOT NULL,
    ended_at   timestamptz NOT NULL,
    ended_by   text NOT NULL CHECK (ended_by <> '')
);
CREATE TRIGGER mandate_ends_are_kept BEFORE UPDATE OR DELETE OR TRUNCATE ON mandate_ends
    EXECUTE FUNCTION refuse_change();

CREATE TABLE debit_runs (
    run_on date PRIMARY KEY,
    run_at timestamptz NOT NULL,
    run_by text NOT NULL CHECK (run_by <> '')
);
CREATE TRIGGER debit_runs_are_kept BEFORE UPDATE OR DELETE OR TRUNCATE ON debit_runs
    EXECUTE FUNCTION refuse_change();

-- One instruction to the bank: the nth try for what was due on a day.
CREATE TABLE debits (
    debit_id     bigint PRIMARY KEY,
    run_on       date NOT NULL REFERENCES debit_runs,
    line_id      bigint NOT NULL,
    mandate_id   bigint NOT NULL REFERENCES mandates,
    due_on       date NOT NULL CHECK (due_on <= run_on),
    attempt      smallint NOT NULL CHECK (attempt > 0),
    amount_minor bigint NOT NULL CHECK (amount_minor > 0),
    currency     char(3) NOT NULL,
    UNIQUE (line_id, due_on, attempt),
    UNIQUE (run_on, line_id)
);
CREATE TRIGGER debits_are_kept BEFORE UPDATE OR DELETE OR TRUNCATE ON debits
    EXECUTE FUNCTION refuse_change();

-- paid or failed, once; what was paid may be returned later, once.
CREATE TABLE debit_answers (
    debit_id    bigint NOT NULL REFERENCES debits,
    is_return   boolean NOT NULL,
    outcome     text NOT NULL CHECK (outcome IN ('paid', 'failed', 'returned')),
    code        text CHECK ((code IS NULL) = (outcome = 'paid')),
    answered_on date NOT NULL,
    event_id    bigint,
    recorded_at timestamptz NOT NULL,
    recorded_by text NOT NULL CHECK (recorded_by <> ''),
    PRIMARY KEY (debit_id, is_return),
    CONSTRAINT a_return_is_one CHECK (is_return = (outcome = 'returned'))
);
CREATE TRIGGER debit_answers_are_kept BEFORE UPDATE OR DELETE OR TRUNCATE ON debit_answers
    EXECUTE FUNCTION refuse_change();
