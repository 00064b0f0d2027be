-- The books: transfers that cannot be unbalanced, balances kept with the posting, and the seals over both.
-- An account is a number of the chart and an owner. The number says what it is (ledger/chart.toml): its second figure
-- is 1 for a line's account, 2 a merchant's, 3 a product's, 4 the house's (owner 0); from 9000 it is off the balance
-- sheet; and its normal side is the debit for 1xxx, 5xxx and 9xxx, the other one where its last two figures are past 90.

CREATE TABLE transfers (
    transfer_id   bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    debit_owner   bigint NOT NULL,
    credit_owner  bigint NOT NULL,
    amount_minor  bigint NOT NULL CHECK (amount_minor > 0),
    line_id       bigint NOT NULL,                  -- 0 where no line is concerned
    event_id      bigint NOT NULL,                  -- what on the line caused it; 0 for none
    recorded_xid  bigint NOT NULL DEFAULT pg_current_xact_id()::text::bigint,
    effective_on  date NOT NULL,
    booked_on     date NOT NULL,
    recorded_generation integer NOT NULL DEFAULT 1,
    debit_number  smallint NOT NULL CHECK (debit_number BETWEEN 1000 AND 9999),
    credit_number smallint NOT NULL CHECK (credit_number BETWEEN 1000 AND 9999),
    currency      char(3) NOT NULL,
    kind          text NOT NULL CHECK (kind <> ''),
    CONSTRAINT between_two_accounts CHECK ((debit_number, debit_owner) <> (credit_number, credit_owner)),
    -- What is off the balance sheet moves against its contra only.
    CONSTRAINT on_or_off_the_balance_sheet CHECK ((debit_number >= 9000) = (credit_number >= 9000)),
    CONSTRAINT in_the_order_of_commits CHECK (recorded_generation > 0 AND recorded_xid > 0),
    -- A line's accounts move with that line only, so that lines can live on different machines.
    CONSTRAINT accounts_of_one_line CHECK (
        (debit_number / 100 % 10 <> 1 OR (debit_owner = line_id AND line_id <> 0))
        AND (credit_number / 100 % 10 <> 1 OR (credit_owner = line_id AND line_id <> 0))
    ),
    CONSTRAINT the_house_is_owner_0 CHECK (
        (debit_number / 100 % 10 <> 4 OR debit_owner = 0) AND (credit_number / 100 % 10 <> 4 OR credit_owner = 0)
    )
);
CREATE INDEX transfers_of_line ON transfers (line_id, transfer_id) WHERE line_id <> 0;
-- Written in this order but for transactions that overlap: a few bytes per megabyte find any range of it.
CREATE INDEX transfers_in_commit_order ON transfers
    USING brin (recorded_xid) WITH (pages_per_range = 32, autosummarize = on);
CREATE TRIGGER transfers_are_kept BEFORE UPDATE OR DELETE OR TRUNCATE ON transfers
    EXECUTE FUNCTION refuse_change();

-- One row per account of a line, written in the posting's transaction. A line's accounts never change side:
-- no negative receivable, no negative credit balance.
CREATE TABLE line_balances (
    line_id      bigint NOT NULL,
    debit_minor  bigint NOT NULL CHECK (debit_minor >= 0),
    credit_minor bigint NOT NULL CHECK (credit_minor >= 0),
    number       smallint NOT NULL CHECK (number / 100 % 10 = 1),
    currency     char(3) NOT NULL,
    PRIMARY KEY (line_id, number, currency),
    CONSTRAINT a_line_owes_or_is_owed CHECK (
        CASE WHEN (number / 1000 IN (1, 5, 9)) <> (number % 100 > 90)
             THEN debit_minor >= credit_minor
             ELSE credit_minor >= debit_minor
        END
    )
) WITH (fillfactor = 80);

-- Shared accounts have no row that every posting would lock: each posting leaves a delta, and a sum is folded later.
CREATE TABLE shared_deltas (
    delta_id     bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    owner_id     bigint NOT NULL,
    debit_minor  bigint NOT NULL,
    credit_minor bigint NOT NULL,
    number       smallint NOT NULL CHECK (number / 100 % 10 <> 1),
    currency     char(3) NOT NULL
);
CREATE TABLE shared_balances (
    owner_id     bigint NOT NULL,
    debit_minor  bigint NOT NULL,
    credit_minor bigint NOT NULL,
    number       smallint NOT NULL,
    currency     char(3) NOT NULL,
    PRIMARY KEY (number, owner_id, currency)
);

-- Postings that no event of a line makes unique: what was posted under a key is posted once.
CREATE TABLE posting_keys (
    posting_key      text PRIMARY KEY CHECK (posting_key <> ''),
    transfers_sha256 bytea NOT NULL CHECK (octet_length(transfers_sha256) = 32),
    booked_on        date NOT NULL
);
CREATE TRIGGER posting_keys_are_kept BEFORE UPDATE OR DELETE OR TRUNCATE ON posting_keys
    EXECUTE FUNCTION refuse_change();

-- The chain over committed transfers (ledger/chain.py): each seal holds a block of them and the seal before.
CREATE TABLE seals (
    seal_number      bigint PRIMARY KEY CHECK (seal_number > 0),
    last_xid         bigint NOT NULL,
    last_transfer_id bigint NOT NULL,
    sealed_at        timestamptz NOT NULL DEFAULT clock_timestamp(),
    last_generation  integer NOT NULL,
    transfer_count   integer NOT NULL CHECK (transfer_count > 0),
    chart_sha256     bytea NOT NULL CHECK (octet_length(chart_sha256) = 32),
    digest           bytea NOT NULL CHECK (octet_length(digest) = 32),
    marks            bytea NOT NULL CHECK (octet_length(marks) = 4 * transfer_count)
);
CREATE TRIGGER seals_are_kept BEFORE UPDATE OR DELETE OR TRUNCATE ON seals
    EXECUTE FUNCTION refuse_change();
