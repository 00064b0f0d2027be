-- The books: accounts, transfers that cannot be unbalanced, and balances kept with the posting.
-- A transfer's accounts are a number of the chart and an owner: a line, a merchant, a product, or 0 for the house.

CREATE TABLE transfers (
    transfer_id   bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    debit_owner   bigint NOT NULL,
    credit_owner  bigint NOT NULL,
    amount_minor  bigint NOT NULL CHECK (amount_minor > 0),
    line_id       bigint NOT NULL,
    event_id      bigint NOT NULL,
    recorded_xid  bigint NOT NULL DEFAULT pg_current_xact_id()::text::bigint,
    effective_on  date NOT NULL,
    booked_on     date NOT NULL,
    recorded_generation integer NOT NULL DEFAULT 1,
    debit_number  smallint NOT NULL,
    credit_number smallint NOT NULL,
    currency      char(3) NOT NULL,
    kind          text NOT NULL,
    CONSTRAINT between_two_accounts CHECK ((debit_number, debit_owner) <> (credit_number, credit_owner)),
    -- What is off the balance sheet moves against its contra only.
    CONSTRAINT on_or_off_the_balance_sheet CHECK ((debit_number >= 9000) = (credit_number >= 9000))
);
CREATE INDEX transfers_of_line ON transfers (line_id, transfer_id) WHERE line_id <> 0;
CREATE INDEX transfers_in_commit_order ON transfers USING brin (recorded_xid) WITH (pages_per_range = 32);
CREATE TRIGGER transfers_are_kept BEFORE UPDATE OR DELETE OR TRUNCATE ON transfers
    EXECUTE FUNCTION refuse_change();

-- One row per account of a line, written in the posting's transaction. A line's accounts never change side:
-- no negative receivable, no negative credit balance.
CREATE TABLE line_balances (
    line_id      bigint NOT NULL,
    number       smallint NOT NULL,
    currency     char(3) NOT NULL,
    debit_minor  bigint NOT NULL CHECK (debit_minor >= 0),
    credit_minor bigint NOT NULL CHECK (credit_minor >= 0),
    PRIMARY KEY (line_id, number, currency),
    CONSTRAINT a_line_owes_or_is_owed CHECK (
        CASE WHEN number < 2000 OR (number >= 9000 AND number % 2 = 1)
             THEN debit_minor >= credit_minor
             ELSE credit_minor >= debit_minor
        END
    )
) WITH (fillfactor = 80);

-- Shared accounts have no row that every posting would lock: each posting leaves a delta, and a sum is folded later.
CREATE TABLE shared_deltas (
    delta_id     bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    owner_id     bigint NOT NULL,
    number       smallint NOT NULL,
    currency     char(3) NOT NULL,
    debit_minor  bigint NOT NULL,
    credit_minor bigint NOT NULL
);
CREATE TABLE shared_balances (
    number       smallint NOT NULL,
    owner_id     bigint NOT NULL,
    currency     char(3) NOT NULL,
    debit_minor  numeric(30) NOT NULL,
    credit_minor numeric(30) NOT NULL,
    PRIMARY KEY (number, owner_id, currency)
);
