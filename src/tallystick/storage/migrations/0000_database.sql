-- What every later migration stands on: what was applied, which copy of the database this is, and the refusal to change.

CREATE TABLE schema_migrations (
    number     integer PRIMARY KEY,
    name       text NOT NULL,
    sha256     text NOT NULL,
    applied_at timestamptz NOT NULL DEFAULT clock_timestamp()
);

-- Transaction ids begin anew in a restored copy. Rows that are read in commit order carry the copy's number before
-- the transaction id, so that their order stays true; a restore raises it.
CREATE TABLE database_generations (
    generation integer PRIMARY KEY CHECK (generation > 0),
    begun_at   timestamptz NOT NULL DEFAULT clock_timestamp(),
    reason     text NOT NULL
);
INSERT INTO database_generations (generation, reason) VALUES (1, 'created');

-- The generation stands in each table as the constant default of `recorded_generation`: nothing is looked up per row.
-- Called after migrations and after a restore; gives the present generation.
CREATE FUNCTION stamp_generation() RETURNS integer
    LANGUAGE plpgsql AS $$
DECLARE
    present integer := (SELECT max(generation) FROM database_generations);
    stamped regclass;
BEGIN
    FOR stamped IN
        SELECT attrelid::regclass FROM pg_attribute
        JOIN pg_class ON pg_class.oid = attrelid
        WHERE attname = 'recorded_generation' AND relkind IN ('r', 'p') AND NOT attisdropped
    LOOP
        EXECUTE format('ALTER TABLE %s ALTER COLUMN recorded_generation SET DEFAULT %s', stamped, present);
    END LOOP;
    RETURN present;
END
$$;

-- What was written once stays: attached as a trigger to every append-only table, for its owner as well.
CREATE FUNCTION refuse_change() RETURNS trigger
    LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '% is append-only: % is refused; write a new row that corrects it', TG_TABLE_NAME, TG_OP
        USING ERRCODE = 'integrity_constraint_violation';
END
$$;
