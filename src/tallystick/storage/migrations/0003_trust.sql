-- Who may ask, and who a borrower is: keys as hashes, personal data sealed under a key per person.

-- One row: a database holds real money or none, and was sealed with one master key (named, never told).
CREATE TABLE installation (
    only_one               boolean PRIMARY KEY DEFAULT true CHECK (only_one),
    mode                   text NOT NULL CHECK (mode IN ('live', 'test')),
    master_key_fingerprint text NOT NULL,
    begun_at               timestamptz NOT NULL
);

-- Each process that makes ids takes a number of its own: no two of the last 1,024 have the same.
CREATE SEQUENCE id_nodes MINVALUE 0 MAXVALUE 1023 CYCLE;

CREATE TABLE api_keys (
    api_key_id     bigint PRIMARY KEY,
    holder         text NOT NULL CHECK (holder <> ''),    -- who acts with it: the actor of every event it records
    mode           text NOT NULL CHECK (mode IN ('live', 'test')),
    scopes         text[] NOT NULL CHECK (scopes <> '{}'),
    secret_hash    text NOT NULL CHECK (secret_hash LIKE '$argon2id$%'),
    requests_per_s integer NOT NULL CHECK (requests_per_s > 0),
    made_by        text NOT NULL,
    made_at        timestamptz NOT NULL,
    expires_at     timestamptz CHECK (expires_at > made_at),
    revoked_at     timestamptz,
    revoked_by     text,
    CONSTRAINT revoked_by_somebody CHECK ((revoked_at IS NULL) = (revoked_by IS NULL))
);
-- A key is never given other scopes or another holder, and once revoked it stays so: make a new one instead.
CREATE FUNCTION refuse_key_change() RETURNS trigger
    LANGUAGE plpgsql AS $$
BEGIN
    IF OLD.revoked_at IS NOT NULL
       OR ROW(OLD.api_key_id, OLD.holder, OLD.mode, OLD.scopes, OLD.secret_hash, OLD.made_by, OLD.made_at, OLD.expires_at)
          IS DISTINCT FROM
          ROW(NEW.api_key_id, NEW.holder, NEW.mode, NEW.scopes, NEW.secret_hash, NEW.made_by, NEW.made_at, NEW.expires_at)
    THEN
        RAISE EXCEPTION 'an API key can only be revoked, once; make a new one'
            USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    RETURN NEW;
END
$$;
CREATE TRIGGER api_keys_are_only_revoked BEFORE UPDATE ON api_keys FOR EACH ROW EXECUTE FUNCTION refuse_key_change();
CREATE TRIGGER api_keys_are_kept BEFORE DELETE OR TRUNCATE ON api_keys EXECUTE FUNCTION refuse_change();

-- Erasing a person deletes the wrapped key and everything sealed with it; the borrower and the books stay.
CREATE TABLE personal_records (
    borrower_id    bigint PRIMARY KEY REFERENCES borrowers,
    wrapped_key    bytea,
    sealed         bytea,
    identity_index bytea UNIQUE CHECK (octet_length(identity_index) = 32),
    written_at     timestamptz NOT NULL,
    erased_at      timestamptz,
    erased_by      text,
    CONSTRAINT erased_or_whole CHECK (
        CASE WHEN erased_at IS NULL
             THEN wrapped_key IS NOT NULL AND sealed IS NOT NULL AND erased_by IS NULL
             ELSE num_nonnulls(wrapped_key, sealed, identity_index) = 0 AND erased_by IS NOT NULL
        END
    )
);

-- Who looked at whose personal data, and why.
CREATE TABLE personal_data_reads (
    read_id     bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    borrower_id bigint NOT NULL,
    actor       text NOT NULL CHECK (actor <> ''),
    request_id  text NOT NULL,
    read_at     timestamptz NOT NULL
);
CREATE INDEX personal_data_reads_of_borrower ON personal_data_reads (borrower_id, read_id);
CREATE TRIGGER personal_data_reads_are_kept BEFORE UPDATE OR DELETE OR TRUNCATE ON personal_data_reads
    EXECUTE FUNCTION refuse_change();
