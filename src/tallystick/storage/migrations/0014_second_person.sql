-- A second person is another one: a name that differs in case or in blanks around it is the same, an empty one nobody's.
CREATE FUNCTION is_another_person(one text, other text) RETURNS boolean
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN other IS NULL
        OR (btrim(other, E' \t\r\n') <> '' AND lower(btrim(other, E' \t\r\n')) <> lower(btrim(one, E' \t\r\n')));

-- Not asked of what stands there already: it was admitted by the rule of its time.
ALTER TABLE events ADD CONSTRAINT another_person_approves
    CHECK (is_another_person(actor, approved_by)) NOT VALID;
ALTER TABLE proposals ADD CONSTRAINT another_person_decides
    CHECK (is_another_person(proposed_by, decided_by)) NOT VALID;
ALTER TABLE suspense_proposals ADD CONSTRAINT another_person_decides
    CHECK (is_another_person(proposed_by, decided_by)) NOT VALID;

-- What was proposed on a line stays as it was; a decision is given once.
CREATE FUNCTION keep_proposal() RETURNS trigger
    LANGUAGE plpgsql AS $$
BEGIN
    IF OLD.decision IS NOT NULL
       OR (to_jsonb(OLD) - ARRAY['decision', 'decided_by', 'decided_at', 'decided_note', 'event_id'])
          IS DISTINCT FROM (to_jsonb(NEW) - ARRAY['decision', 'decided_by', 'decided_at', 'decided_note', 'event_id'])
    THEN
        RAISE EXCEPTION '% is decided once and not edited', TG_TABLE_NAME
            USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    RETURN NEW;
END
$$;
CREATE TRIGGER proposals_are_decided_once BEFORE UPDATE ON proposals
    FOR EACH ROW EXECUTE FUNCTION keep_proposal();
CREATE TRIGGER proposals_are_kept BEFORE DELETE OR TRUNCATE ON proposals
    EXECUTE FUNCTION refuse_change();
