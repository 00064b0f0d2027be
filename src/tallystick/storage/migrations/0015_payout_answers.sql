-- What the bank said of payouts to merchants: those that arrived; those that came back stand in returned_payouts.
CREATE TABLE paid_payouts (
    settlement_id bigint PRIMARY KEY REFERENCES settlements,
    reference     text NOT NULL,                         -- the bank's, where it gave one
    paid_on       date NOT NULL,
    recorded_at   timestamptz NOT NULL,
    recorded_by   text NOT NULL CHECK (recorded_by <> '')
);
CREATE TRIGGER paid_payouts_are_kept BEFORE UPDATE OR DELETE OR TRUNCATE ON paid_payouts
    EXECUTE FUNCTION refuse_change();
