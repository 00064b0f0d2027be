-- Applications for a line, the offers made on them, and where an officer decided otherwise than the strategy.

-- One row per application, under the id of its decision. What was applied with stays as it was; `stated` (income, work,
-- what was verified) is about a person and may be forgotten, never edited. `is_repeat`: another application of the person
-- was open, so that its decline says nothing of the person.
CREATE TABLE applications (
    application_id   bigint PRIMARY KEY,
    borrower_id      bigint NOT NULL REFERENCES borrowers,
    strategy_id      text NOT NULL,
    decided_outcome  text NOT NULL CHECK (decided_outcome IN ('offer', 'review', 'decline')),
    reasons          jsonb NOT NULL CHECK (jsonb_array_length(reasons) <= 4),
    refused_because  text,
    product_id       text NOT NULL,
    grade            text NOT NULL,
    limit_minor      bigint NOT NULL CHECK (limit_minor >= 0),      -- the first limit by the tables
    price_code       text NOT NULL,
    device_id        bigint,
    phone_id         bigint,
    address_id       bigint,
    bureau_report_id bigint,
    stated           jsonb,
    is_repeat        boolean NOT NULL,
    applied_by       text NOT NULL CHECK (btrim(applied_by) <> ''),
    applied_on       date NOT NULL,
    applied_at       timestamptz NOT NULL,
    state            text NOT NULL
        CHECK (state IN ('in_review', 'offered', 'declined', 'accepted', 'turned_down')),
    state_since      date NOT NULL,
    told_reasons     jsonb,                                         -- in place of `reasons`, where a person declined
    human_review_id  bigint UNIQUE,                                 -- of the review that the borrower asked for, once
    CONSTRAINT a_decline_says_why CHECK (decided_outcome = 'offer' OR reasons <> '[]')
);
CREATE INDEX applications_of_borrower ON applications (borrower_id, application_id);
CREATE INDEX applications_by_state ON applications (state, application_id);
CREATE INDEX applications_by_strategy ON applications (strategy_id);

-- A person may look again at what was declined, and say otherwise; what was accepted or turned down is over.
CREATE FUNCTION keep_application() RETURNS trigger
    LANGUAGE plpgsql AS $$
DECLARE
    may_change CONSTANT text[] := ARRAY['state', 'state_since', 'told_reasons', 'stated', 'human_review_id'];
BEGIN
    IF (to_jsonb(OLD) - may_change) IS DISTINCT FROM (to_jsonb(NEW) - may_change)
       OR (NEW.stated IS NOT NULL AND NEW.stated IS DISTINCT FROM OLD.stated)
       OR (OLD.human_review_id IS NOT NULL AND NEW.human_review_id IS DISTINCT FROM OLD.human_review_id)
       OR NOT (OLD.state = NEW.state OR (OLD.state, NEW.state) IN (
            ('in_review', 'offered'), ('in_review', 'declined'), ('declined', 'in_review'), ('declined', 'offered'),
            ('offered', 'declined'), ('offered', 'accepted'), ('offered', 'turned_down')
       ))
    THEN
        RAISE EXCEPTION 'applications: what was applied with is not edited, and no state goes from % to %',
            OLD.state, NEW.state USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    RETURN NEW;
END
$$;
CREATE TRIGGER applications_go_on BEFORE UPDATE ON applications FOR EACH ROW EXECUTE FUNCTION keep_application();
CREATE TRIGGER applications_are_kept BEFORE DELETE OR TRUNCATE ON applications EXECUTE FUNCTION refuse_change();

-- A line that was offered: its terms, the document as it was shown, answered once. After `valid_until` it is over.
CREATE TABLE credit_offers (
    offer_id        bigint PRIMARY KEY,
    application_id  bigint NOT NULL REFERENCES applications,
    limit_minor     bigint NOT NULL CHECK (limit_minor > 0),
    grade           text NOT NULL,
    price_code      text NOT NULL,
    product_id      text NOT NULL,
    product_version integer NOT NULL,
    contract_hash   text NOT NULL REFERENCES contracts,
    offered_on      date NOT NULL,
    valid_until     date NOT NULL CHECK (valid_until >= offered_on),
    offered_by      text NOT NULL CHECK (btrim(offered_by) <> ''),
    offered_at      timestamptz NOT NULL,
    disclosure_hash text NOT NULL,
    disclosure      text NOT NULL,
    answer          text CHECK (answer IN ('accepted', 'declined', 'withdrawn')),
    answered_by     text,
    answered_at     timestamptz,
    line_id         bigint,
    CONSTRAINT answered_as_a_whole CHECK (num_nonnulls(answer, answered_by, answered_at) IN (0, 3)),
    CONSTRAINT accepted_is_a_line CHECK ((answer IS NOT DISTINCT FROM 'accepted') = (line_id IS NOT NULL))
);
CREATE INDEX credit_offers_of_application ON credit_offers (application_id, offer_id);
CREATE UNIQUE INDEX one_open_credit_offer ON credit_offers (application_id) WHERE answer IS NULL;

CREATE FUNCTION keep_credit_offer() RETURNS trigger
    LANGUAGE plpgsql AS $$
DECLARE
    may_change CONSTANT text[] := ARRAY['answer', 'answered_by', 'answered_at', 'line_id'];
BEGIN
    IF OLD.answer IS NOT NULL OR (to_jsonb(OLD) - may_change) IS DISTINCT FROM (to_jsonb(NEW) - may_change) THEN
        RAISE EXCEPTION 'credit_offers: an offer is answered once and never changed'
            USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    RETURN NEW;
END
$$;
CREATE TRIGGER credit_offers_are_answered_once BEFORE UPDATE ON credit_offers
    FOR EACH ROW EXECUTE FUNCTION keep_credit_offer();
CREATE TRIGGER credit_offers_are_kept BEFORE DELETE OR TRUNCATE ON credit_offers EXECUTE FUNCTION refuse_change();

-- Where a person decides otherwise than the strategy did. What grants takes a second person; what takes an offer back
-- does not. `strategy_id` is the strategy that it counts against.
CREATE TABLE overrides (
    override_id    bigint PRIMARY KEY,
    application_id bigint NOT NULL REFERENCES applications,
    strategy_id    text NOT NULL,
    from_outcome   text NOT NULL CHECK (from_outcome IN ('offer', 'decline')),
    to_outcome     text NOT NULL CHECK (to_outcome IN ('offer', 'decline')),
    limit_minor    bigint CHECK (limit_minor > 0),
    told_reasons   jsonb,
    reason         text NOT NULL CHECK (btrim(reason) <> ''),
    proposed_by    text NOT NULL CHECK (btrim(proposed_by) <> ''),
    proposed_at    timestamptz NOT NULL,
    decision       text CHECK (decision IN ('approved', 'rejected')),
    decided_by     text,
    decided_at     timestamptz,
    decided_note   text,
    CONSTRAINT it_decides_otherwise CHECK (from_outcome <> to_outcome),
    CONSTRAINT decided_as_a_whole CHECK (num_nonnulls(decision, decided_by, decided_at) IN (0, 3)),
    CONSTRAINT what_grants_says_how_much CHECK ((to_outcome = 'offer') = (limit_minor IS NOT NULL)),
    CONSTRAINT what_declines_says_why CHECK (
        (to_outcome = 'decline') = (told_reasons IS NOT NULL)
        AND (told_reasons IS NULL OR jsonb_array_length(told_reasons) BETWEEN 1 AND 4)
    ),
    CONSTRAINT what_grants_takes_two CHECK (to_outcome = 'decline' OR is_another_person(proposed_by, decided_by))
);
CREATE INDEX overrides_of_application ON overrides (application_id, override_id);
CREATE INDEX overrides_by_strategy ON overrides (strategy_id);
CREATE UNIQUE INDEX one_override_waits ON overrides (application_id) WHERE decision IS NULL;
CREATE TRIGGER overrides_are_decided_once BEFORE UPDATE ON overrides FOR EACH ROW EXECUTE FUNCTION keep_proposal();
CREATE TRIGGER overrides_are_kept BEFORE DELETE OR TRUNCATE ON overrides EXECUTE FUNCTION refuse_change();

-- Decisions that a model may learn from: what an officer overrode shows what the officer made of it, not the strategy.
CREATE VIEW decisions_to_learn_from AS
SELECT decisions.* FROM decisions
WHERE NOT EXISTS (
    SELECT FROM overrides WHERE overrides.application_id = decisions.decision_id AND overrides.decision = 'approved'
);
