-- Higher limits that were offered: each with the disclosure that was shown, answered once.
CREATE TABLE limit_offers (
    offer_id             bigint PRIMARY KEY,
    line_id              bigint NOT NULL REFERENCES lines,
    limit_minor          bigint NOT NULL,
    previous_limit_minor bigint NOT NULL CHECK (previous_limit_minor >= 0),
    reason               text NOT NULL,
    offered_on           date NOT NULL,
    valid_until          date NOT NULL CHECK (valid_until >= offered_on),
    offered_by           text NOT NULL CHECK (offered_by <> ''),
    offered_at           timestamptz NOT NULL,
    disclosure_hash      text NOT NULL,
    disclosure           text NOT NULL,                  -- as it was shown, byte for byte
    answer               text CHECK (answer IN ('accepted', 'declined', 'withdrawn', 'superseded')),
    answered_by          text,
    answered_at          timestamptz,
    event_id             bigint,
    CONSTRAINT an_offer_is_an_increase CHECK (limit_minor > previous_limit_minor),
    CONSTRAINT answered_as_a_whole CHECK (num_nonnulls(answer, answered_by, answered_at) IN (0, 3)),
    CONSTRAINT accepted_is_in_force CHECK ((answer IS NOT DISTINCT FROM 'accepted') = (event_id IS NOT NULL))
);
CREATE INDEX limit_offers_of_line ON limit_offers (line_id, offer_id);
CREATE UNIQUE INDEX one_open_limit_offer ON limit_offers (line_id) WHERE answer IS NULL;

-- What was offered stays as it was; an answer is given once.
CREATE FUNCTION keep_limit_offer() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP <> 'UPDATE' OR OLD.answer IS NOT NULL
       OR (to_jsonb(OLD) - ARRAY['answer', 'answered_by', 'answered_at', 'event_id'])
          IS DISTINCT FROM (to_jsonb(NEW) - ARRAY['answer', 'answered_by', 'answered_at', 'event_id']) THEN
        RAISE EXCEPTION 'limit_offers: an offer is answered once and never changed' USING ERRCODE = 'restrict_violation';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER limit_offers_are_kept BEFORE UPDATE OR DELETE ON limit_offers
    FOR EACH ROW EXECUTE FUNCTION keep_limit_offer();
CREATE TRIGGER limit_offers_are_not_truncated BEFORE TRUNCATE ON limit_offers EXECUTE FUNCTION refuse_change();
