-- What is append-only stays so for a session that plays a replica; a removed last seal shows; a copy knows that it is one.

-- A superuser's `session_replication_role = replica` silences ordinary triggers, not those that fire always.
-- Called after migrations, so that a later one need not say it.
CREATE FUNCTION keep_always() RETURNS void
    LANGUAGE plpgsql AS $$
DECLARE
    ordinary record;
BEGIN
    FOR ordinary IN
        SELECT tgrelid::regclass AS table_name, tgname
        FROM pg_trigger JOIN pg_class ON pg_class.oid = tgrelid
        WHERE NOT tgisinternal AND tgenabled = 'O' AND relnamespace = current_schema()::regnamespace
    LOOP
        EXECUTE format('ALTER TABLE %s ENABLE ALWAYS TRIGGER %I', ordinary.table_name, ordinary.tgname);
    END LOOP;
END
$$;

-- The last seal that was written, said a second time: a chain cut short differs from it, and its numbers go on after it.
CREATE TABLE chain_head (
    is_the_one  boolean PRIMARY KEY DEFAULT true CHECK (is_the_one),
    seal_number bigint NOT NULL CHECK (seal_number > 0),
    digest      bytea NOT NULL CHECK (octet_length(digest) = 32)
);
INSERT INTO chain_head (seal_number, digest) SELECT seal_number, digest FROM seals ORDER BY seal_number DESC LIMIT 1;

CREATE FUNCTION refuse_older_head() RETURNS trigger
    LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'DELETE' OR NEW.seal_number <= OLD.seal_number THEN
        RAISE EXCEPTION '% only moves to a later seal', TG_TABLE_NAME USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    RETURN NEW;
END
$$;
CREATE TRIGGER chain_head_moves_on BEFORE UPDATE OR DELETE ON chain_head
    FOR EACH ROW EXECUTE FUNCTION refuse_older_head();
CREATE TRIGGER chain_head_is_kept BEFORE TRUNCATE ON chain_head EXECUTE FUNCTION refuse_change();

-- Transaction ids begin anew in another cluster, whoever copied the database there and by whatever means: the identifier
-- of the cluster tells. Null for generations of before.
ALTER TABLE database_generations ADD COLUMN system_identifier bigint;
UPDATE database_generations SET system_identifier = (SELECT system_identifier FROM pg_control_system())
WHERE generation = (SELECT max(generation) FROM database_generations);
CREATE TRIGGER database_generations_are_kept BEFORE UPDATE OR DELETE OR TRUNCATE ON database_generations
    EXECUTE FUNCTION refuse_change();

CREATE FUNCTION is_elsewhere() RETURNS boolean
    LANGUAGE sql STABLE
    RETURN (SELECT system_identifier FROM database_generations ORDER BY generation DESC LIMIT 1)
           IS DISTINCT FROM (SELECT system_identifier FROM pg_control_system());

CREATE FUNCTION begin_generation(because text) RETURNS integer
    LANGUAGE sql AS $$
    INSERT INTO database_generations (generation, reason, system_identifier)
    SELECT max(generation) + 1, because, (SELECT system_identifier FROM pg_control_system()) FROM database_generations;
    SELECT stamp_generation();
$$;
