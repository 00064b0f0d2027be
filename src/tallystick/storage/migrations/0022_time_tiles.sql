-- Time tiles: what the hours and days of a busy merchant, terminal, address or category come to, rolled up after the hour
-- is over. Whoever writes an event touches none of this, so no row is hot; hours that are not rolled up are read raw.

-- How far each stream may be rolled up: announced first, so that whoever writes an earlier tick from then on says so.
CREATE TABLE tile_marks (
    stream         text PRIMARY KEY,
    announced_tick bigint NOT NULL DEFAULT 0 CHECK (announced_tick % 3600000000 = 0),
    announced_xid  bigint NOT NULL DEFAULT 0,
    rolled_tick    bigint NOT NULL DEFAULT 0 CHECK (rolled_tick <= announced_tick)
);
INSERT INTO tile_marks (stream)
VALUES ('purchase'), ('purchase_outcome'), ('fraud_label'), ('application');

-- The keys that are busy enough, and until which tick their tiles are whole.
CREATE TABLE tiled_keys (
    stream     text NOT NULL REFERENCES tile_marks,
    entity     text NOT NULL,
    key        text NOT NULL,
    until_tick bigint NOT NULL CHECK (until_tick % 3600000000 = 0),
    PRIMARY KEY (stream, entity, key)
);

-- `hours` is 1 or 24; a tile begins at `from_tick`. A count of none is 0, a sum or an extreme of nothing null.
CREATE TABLE tiles_purchase (
    entity         text NOT NULL,
    key            text NOT NULL,
    hours          smallint NOT NULL CHECK (hours IN (1, 24)),
    from_tick      bigint NOT NULL CHECK (from_tick % (hours * 3600000000) = 0),
    row_count      bigint,
    amount_count   bigint,
    amount_sum     bigint,
    amount_maximum bigint,
    last_tick      bigint,
    PRIMARY KEY (entity, key, hours, from_tick)
);
CREATE TABLE tiles_purchase_outcome (
    entity         text NOT NULL,
    key            text NOT NULL,
    hours          smallint NOT NULL CHECK (hours IN (1, 24)),
    from_tick      bigint NOT NULL CHECK (from_tick % (hours * 3600000000) = 0),
    told_count     bigint,
    declined_count bigint,
    PRIMARY KEY (entity, key, hours, from_tick)
);
CREATE TABLE tiles_fraud_label (
    entity           text NOT NULL,
    key              text NOT NULL,
    hours            smallint NOT NULL CHECK (hours IN (1, 24)),
    from_tick        bigint NOT NULL CHECK (from_tick % (hours * 3600000000) = 0),
    told_count       bigint,
    fraud_count      bigint,
    fraud_minimum    bigint,
    fraud_maximum    bigint,
    first_fraud_tick bigint,
    last_fraud_tick  bigint,
    last_good_tick   bigint,
    PRIMARY KEY (entity, key, hours, from_tick)
);
CREATE TABLE tiles_application (
    entity    text NOT NULL,
    key       text NOT NULL,
    hours     smallint NOT NULL CHECK (hours IN (1, 24)),
    from_tick bigint NOT NULL CHECK (from_tick % (hours * 3600000000) = 0),
    row_count bigint,
    PRIMARY KEY (entity, key, hours, from_tick)
);

-- What an hour brought is found by its ticks, which rise with the table.
CREATE INDEX stream_purchase_by_tick ON stream_purchase USING brin (tick) WITH (pages_per_range = 32);
CREATE INDEX stream_purchase_outcome_by_tick ON stream_purchase_outcome USING brin (tick) WITH (pages_per_range = 32);
CREATE INDEX stream_fraud_label_by_tick ON stream_fraud_label USING brin (tick) WITH (pages_per_range = 32);
CREATE INDEX stream_application_by_tick ON stream_application USING brin (tick) WITH (pages_per_range = 32);

-- Rows whose ticks lie in what is announced or rolled up: their keys are whole only until the hour of the first of them.
-- It takes the mark's lock, as the roll-up does: one of the two sees what the other did. Rows of now cost one look.
CREATE FUNCTION reopen_tiles() RETURNS trigger
    LANGUAGE plpgsql AS $$
DECLARE
    of_stream text := substr(TG_TABLE_NAME, 8);
    of_entity text;
    first_tick bigint := (SELECT min(tick) FROM fresh);
BEGIN
    IF first_tick >= (SELECT announced_tick FROM tile_marks WHERE stream = of_stream) THEN
        RETURN NULL;
    END IF;
    PERFORM FROM tile_marks WHERE stream = of_stream FOR UPDATE;
    FOREACH of_entity IN ARRAY TG_ARGV LOOP
        EXECUTE format(
            'UPDATE tiled_keys SET until_tick = late.tick - late.tick %% 3600000000
             FROM (SELECT %I::text AS key, min(tick) AS tick FROM fresh GROUP BY 1) AS late
             WHERE stream = $1 AND entity = $2 AND tiled_keys.key = late.key AND until_tick > late.tick',
            CASE of_entity WHEN 'category' THEN of_entity ELSE of_entity || '_id' END
        ) USING of_stream, of_entity;
    END LOOP;
    RETURN NULL;
END
$$;
CREATE TRIGGER stream_purchase_reopens_tiles AFTER INSERT ON stream_purchase REFERENCING NEW TABLE AS fresh
    FOR EACH STATEMENT EXECUTE FUNCTION reopen_tiles('merchant', 'terminal', 'address', 'category');
CREATE TRIGGER stream_purchase_outcome_reopens_tiles AFTER INSERT ON stream_purchase_outcome
    REFERENCING NEW TABLE AS fresh FOR EACH STATEMENT EXECUTE FUNCTION reopen_tiles('merchant');
CREATE TRIGGER stream_fraud_label_reopens_tiles AFTER INSERT ON stream_fraud_label REFERENCING NEW TABLE AS fresh
    FOR EACH STATEMENT EXECUTE FUNCTION reopen_tiles('merchant', 'terminal', 'address');
CREATE TRIGGER stream_application_reopens_tiles AFTER INSERT ON stream_application REFERENCING NEW TABLE AS fresh
    FOR EACH STATEMENT EXECUTE FUNCTION reopen_tiles('address');
