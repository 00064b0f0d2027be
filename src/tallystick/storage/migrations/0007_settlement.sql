-- Settlement to merchants: what of their accounts was paid out when, transfer by transfer, each of them once.

-- A merchant's terms; a change is a new version, and the latest holds.
CREATE TABLE merchants (
    merchant_id        bigint NOT NULL CHECK (merchant_id > 0),
    version            integer NOT NULL CHECK (version > 0),
    reference          text NOT NULL CHECK (reference <> ''),    -- the lender's own id of the merchant
    hold_days          integer NOT NULL CHECK (hold_days BETWEEN 0 AND 365),
    least_payout_minor bigint NOT NULL CHECK (least_payout_minor > 0),
    recorded_at        timestamptz NOT NULL,
    recorded_by        text NOT NULL CHECK (recorded_by <> ''),
    PRIMARY KEY (merchant_id, version)
);
CREATE TRIGGER merchants_are_kept BEFORE UPDATE OR DELETE OR TRUNCATE ON merchants
    EXECUTE FUNCTION refuse_change();

-- One run a day; `next_generation, next_xid` is the place in the order of commits before which all is settled.
CREATE TABLE settlement_runs (
    run_on          date PRIMARY KEY,
    next_generation integer NOT NULL,
    next_xid        bigint NOT NULL,
    run_at          timestamptz NOT NULL,
    run_by          text NOT NULL CHECK (run_by <> '')
);
CREATE TRIGGER settlement_runs_are_kept BEFORE UPDATE OR DELETE OR TRUNCATE ON settlement_runs
    EXECUTE FUNCTION refuse_change();

-- carried + purchases - fees - subsidies - refunds - chargebacks + fees returned + payouts sent back = paid + left.
CREATE TABLE settlements (
    settlement_id       bigint PRIMARY KEY,
    run_on              date NOT NULL REFERENCES settlement_runs,
    merchant_id         bigint NOT NULL,
    merchant_version    integer NOT NULL,
    currency            char(3) NOT NULL,
    orders              integer NOT NULL CHECK (orders >= 0),
    carried_minor       bigint NOT NULL,
    purchases_minor     bigint NOT NULL,
    fees_minor          bigint NOT NULL,
    subsidies_minor     bigint NOT NULL,
    refunds_minor       bigint NOT NULL,
    chargebacks_minor   bigint NOT NULL,
    fees_returned_minor bigint NOT NULL,
    sent_back_minor     bigint NOT NULL,
    paid_minor          bigint NOT NULL CHECK (paid_minor >= 0),
    left_minor          bigint NOT NULL,
    UNIQUE (run_on, merchant_id, currency),
    FOREIGN KEY (merchant_id, merchant_version) REFERENCES merchants,
    CONSTRAINT nothing_is_lost CHECK (
        carried_minor + purchases_minor - fees_minor - subsidies_minor - refunds_minor - chargebacks_minor
        + fees_returned_minor + sent_back_minor = paid_minor + left_minor
    ),
    CONSTRAINT paid_as_a_whole CHECK (paid_minor = 0 OR left_minor = 0)
);
CREATE INDEX settlements_of_merchant ON settlements (merchant_id, currency, run_on);
CREATE TRIGGER settlements_are_kept BEFORE UPDATE OR DELETE OR TRUNCATE ON settlements
    EXECUTE FUNCTION refuse_change();

CREATE TABLE settled_transfers (
    transfer_id   bigint PRIMARY KEY,
    settlement_id bigint NOT NULL REFERENCES settlements
);
CREATE INDEX settled_transfers_of_settlement ON settled_transfers (settlement_id, transfer_id);
CREATE TRIGGER settled_transfers_are_kept BEFORE UPDATE OR DELETE OR TRUNCATE ON settled_transfers
    EXECUTE FUNCTION refuse_change();

-- A payout that the bank sent back: owed to the merchant again from that day.
CREATE TABLE returned_payouts (
    settlement_id bigint PRIMARY KEY REFERENCES settlements,
    reference     text NOT NULL CHECK (reference <> ''),
    reason        text NOT NULL CHECK (reason <> ''),
    returned_on   date NOT NULL,
    recorded_at   timestamptz NOT NULL,
    recorded_by   text NOT NULL CHECK (recorded_by <> '')
);
CREATE TRIGGER returned_payouts_are_kept BEFORE UPDATE OR DELETE OR TRUNCATE ON returned_payouts
    EXECUTE FUNCTION refuse_change();
