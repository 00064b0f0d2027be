-- Strategies as they were submitted, who agreed to them, and which of them decides for whom since when. Nothing here is
-- edited: what stops deciding is followed by another release.

CREATE TABLE strategies (
    strategy_id  text PRIMARY KEY CHECK (strategy_id ~ '^[0-9a-f]{64}$'),    -- the content hash of its files
    name         text NOT NULL CHECK (name <> ''),
    submitted_by text NOT NULL CHECK (btrim(submitted_by) <> ''),
    submitted_at timestamptz NOT NULL,
    UNIQUE (strategy_id, submitted_by)
);
CREATE TRIGGER strategies_are_kept BEFORE UPDATE OR DELETE OR TRUNCATE ON strategies
    EXECUTE FUNCTION refuse_change();

CREATE TABLE strategy_files (
    strategy_id text NOT NULL REFERENCES strategies,
    path        text NOT NULL CHECK (path <> ''),    -- inside the folder, with slashes
    content     bytea NOT NULL,
    PRIMARY KEY (strategy_id, path)
);
CREATE TRIGGER strategy_files_are_kept BEFORE UPDATE OR DELETE OR TRUNCATE ON strategy_files
    EXECUTE FUNCTION refuse_change();

-- A second person agrees: the name of who submitted stands here again so that a check can hold the two apart.
CREATE TABLE strategy_approvals (
    strategy_id  text PRIMARY KEY,
    submitted_by text NOT NULL,
    approved_by  text NOT NULL,
    approved_at  timestamptz NOT NULL,
    note         text NOT NULL,
    FOREIGN KEY (strategy_id, submitted_by) REFERENCES strategies (strategy_id, submitted_by),
    CONSTRAINT another_person_approves CHECK (is_another_person(submitted_by, approved_by))
);
CREATE TRIGGER strategy_approvals_are_kept BEFORE UPDATE OR DELETE OR TRUNCATE ON strategy_approvals
    EXECUTE FUNCTION refuse_change();

-- From a release on its champion decides for every borrower whom no challenger has. `salt` deals borrowers anew.
-- `because` says why: a rollback's cause stands here, the damage limit that tripped among them.
CREATE TABLE strategy_releases (
    release_number integer PRIMARY KEY CHECK (release_number > 0),
    kind           text NOT NULL CHECK (kind IN ('promoted', 'rolled_back')),
    champion_id    text NOT NULL REFERENCES strategy_approvals,
    salt           text NOT NULL CHECK (salt <> ''),
    undoes_number  integer REFERENCES strategy_releases CHECK (undoes_number < release_number),
    released_by    text NOT NULL CHECK (btrim(released_by) <> ''),
    released_at    timestamptz NOT NULL,
    because        text NOT NULL CHECK (because <> ''),
    CONSTRAINT a_rollback_undoes CHECK ((kind = 'rolled_back') = (undoes_number IS NOT NULL))
);
CREATE TRIGGER strategy_releases_are_kept BEFORE UPDATE OR DELETE OR TRUNCATE ON strategy_releases
    EXECUTE FUNCTION refuse_change();

CREATE TABLE release_challengers (
    release_number integer NOT NULL REFERENCES strategy_releases,
    place          smallint NOT NULL CHECK (place >= 0),
    strategy_id    text NOT NULL REFERENCES strategy_approvals,
    share_ppm      integer NOT NULL CHECK (share_ppm BETWEEN 1 AND 500000),
    PRIMARY KEY (release_number, place),
    UNIQUE (release_number, strategy_id)
);
CREATE TRIGGER release_challengers_are_kept BEFORE UPDATE OR DELETE OR TRUNCATE ON release_challengers
    EXECUTE FUNCTION refuse_change();
