-- Reviews are judged once, what is frozen stands in both places, and labels say who confirmed them.

-- The queue by what else is asked of it.
CREATE INDEX reviews_of_hold ON reviews (hold_id) WHERE outcome IS NULL AND hold_id IS NOT NULL;
CREATE INDEX reviews_of_borrower ON reviews (borrower_id) WHERE outcome IS NULL AND borrower_id IS NOT NULL;
CREATE INDEX reviews_closed ON reviews (review_id) WHERE outcome IS NOT NULL;

-- `released`: given back to the queue; `withdrawn`: the merchant gave the hold back, so nothing is left to judge.
ALTER TABLE review_acts DROP CONSTRAINT review_acts_kind_check;
ALTER TABLE review_acts ADD CONSTRAINT review_acts_kind_check CHECK (
    kind IN ('assigned', 'released', 'proposed', 'judged', 'timed_out', 'stopped', 'withdrawn')
);

-- What is judged stays as it was when it was opened; who has it and what was proposed changes until it is closed.
CREATE FUNCTION keep_review() RETURNS trigger
    LANGUAGE plpgsql AS $$
DECLARE
    later CONSTANT text[] := ARRAY['assigned_to', 'assigned_at', 'proposed_outcome', 'proposed_by',
                                   'outcome', 'closed_by', 'closed_at'];
BEGIN
    IF OLD.outcome IS NOT NULL OR (to_jsonb(OLD) - later) IS DISTINCT FROM (to_jsonb(NEW) - later) THEN
        RAISE EXCEPTION 'a review is closed once and not edited'
            USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    RETURN NEW;
END
$$;
CREATE TRIGGER reviews_are_closed_once BEFORE UPDATE ON reviews FOR EACH ROW EXECUTE FUNCTION keep_review();
CREATE TRIGGER reviews_are_kept BEFORE DELETE OR TRUNCATE ON reviews EXECUTE FUNCTION refuse_change();

-- A freeze is lifted once; what it was stays.
CREATE FUNCTION keep_freeze() RETURNS trigger
    LANGUAGE plpgsql AS $$
DECLARE
    later CONSTANT text[] := ARRAY['lifted_by', 'lifted_at', 'lifted_because'];
BEGIN
    IF OLD.lifted_at IS NOT NULL OR (to_jsonb(OLD) - later) IS DISTINCT FROM (to_jsonb(NEW) - later) THEN
        RAISE EXCEPTION 'a freeze is lifted once and not edited'
            USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    RETURN NEW;
END
$$;
CREATE TRIGGER freezes_are_lifted_once BEFORE UPDATE ON freezes FOR EACH ROW EXECUTE FUNCTION keep_freeze();
CREATE TRIGGER freezes_are_kept BEFORE DELETE OR TRUNCATE ON freezes EXECUTE FUNCTION refuse_change();

-- Lines that were frozen before this version get their freeze: of the event that froze them.
INSERT INTO freezes (freeze_id, subject, subject_id, reason, placed_by, placed_at)
SELECT froze.event_id, 'line', lines.line_id, coalesce(nullif(lines.frozen_because, ''), froze.kind),
       froze.actor, froze.recorded_at
FROM lines
CROSS JOIN LATERAL (
    SELECT event_id, kind, actor, recorded_at FROM events
    WHERE events.line_id = lines.line_id AND kind IN ('line_frozen', 'line_closed')
    ORDER BY recorded_at DESC, event_id DESC LIMIT 1
) AS froze
WHERE lines.frozen_because IS NOT NULL
ON CONFLICT DO NOTHING;

-- From now on a line is frozen in its own state exactly where a freeze of it stands. Asked when the transaction ends, and
-- only of lines that it froze or unfroze.
CREATE FUNCTION line_and_freeze_agree() RETURNS trigger
    LANGUAGE plpgsql AS $$
DECLARE
    asked bigint := (to_jsonb(NEW) ->> TG_ARGV[0])::bigint;
    in_state boolean := EXISTS (SELECT FROM lines WHERE line_id = asked AND frozen_because IS NOT NULL);
    in_list boolean := EXISTS (
        SELECT FROM freezes WHERE subject = 'line' AND subject_id = asked AND lifted_at IS NULL
    );
BEGIN
    IF in_state <> in_list THEN
        RAISE EXCEPTION 'line %: frozen in its state: %, by a freeze that stands: %', asked, in_state, in_list
            USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    RETURN NULL;
END
$$;
CREATE CONSTRAINT TRIGGER lines_agree_with_freezes AFTER UPDATE OF frozen_because ON lines
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW
    WHEN ((OLD.frozen_because IS NULL) <> (NEW.frozen_because IS NULL))
    EXECUTE FUNCTION line_and_freeze_agree('line_id');
CREATE CONSTRAINT TRIGGER freezes_agree_with_lines AFTER INSERT OR UPDATE ON freezes
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW
    WHEN (NEW.subject = 'line')
    EXECUTE FUNCTION line_and_freeze_agree('subject_id');

-- Who confirmed that a purchase was fraud, or good; what decisions may know of it stands in the stream.
CREATE TABLE purchase_labels (
    decision_id bigint PRIMARY KEY,
    event_id    bigint NOT NULL UNIQUE,             -- in stream_fraud_label, whose rows may be deleted in their time
    is_fraud    boolean NOT NULL,
    reason      text NOT NULL CHECK (reason <> ''),
    actor       text NOT NULL CHECK (btrim(actor) <> ''),
    recorded_at timestamptz NOT NULL
);
CREATE TRIGGER purchase_labels_are_kept BEFORE UPDATE OR DELETE OR TRUNCATE ON purchase_labels
    EXECUTE FUNCTION refuse_change();
