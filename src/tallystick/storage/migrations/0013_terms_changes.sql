-- Changes of contract: one for each pair of old and new terms, told to every line that is on the old ones.
CREATE TABLE terms_changes (
    change_id         bigint PRIMARY KEY,
    product_key       bigint NOT NULL,
    from_hash         text NOT NULL REFERENCES contracts,
    to_hash           text NOT NULL REFERENCES contracts,
    noticed_on        date NOT NULL,
    binds_on          date NOT NULL CHECK (binds_on >= noticed_on),
    announced_by      text NOT NULL CHECK (announced_by <> ''),
    announced_at      timestamptz NOT NULL,
    disclosure_hash   text NOT NULL,
    disclosure        text NOT NULL,                  -- as it was told, byte for byte
    CONSTRAINT terms_do_change CHECK (from_hash <> to_hash),
    CONSTRAINT announced_once UNIQUE (from_hash, to_hash, noticed_on)
);
CREATE TRIGGER terms_changes_are_kept BEFORE UPDATE OR DELETE OR TRUNCATE ON terms_changes
    EXECUTE FUNCTION refuse_change();

-- What became of a change on one line. `bound`: in force, by time or because the borrower accepted; `objected`: the
-- line stays on the old terms and is frozen; `lapsed`: the line was closed, charged off or on other terms by then.
CREATE TABLE terms_notices (
    change_id   bigint NOT NULL REFERENCES terms_changes,
    line_id     bigint NOT NULL,
    binds_on    date NOT NULL,
    outcome     text CHECK (outcome IN ('bound', 'objected', 'lapsed')),
    decided_by  text,
    decided_at  timestamptz,
    event_id    bigint,                               -- the terms_changed, or the line_frozen
    PRIMARY KEY (line_id, change_id),
    CONSTRAINT decided_as_a_whole CHECK (num_nonnulls(outcome, decided_by, decided_at) IN (0, 3)),
    CONSTRAINT bound_by_an_event CHECK (outcome IS DISTINCT FROM 'bound' OR event_id IS NOT NULL)
);
CREATE INDEX terms_notices_open ON terms_notices (binds_on, line_id) WHERE outcome IS NULL;
