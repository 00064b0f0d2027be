-- What a release may do at most in an hour (strategy/damage_limits.py). It stands with the release and not with a
-- strategy: no strategy sets its own bounds. Releases from before this have those that ship.
ALTER TABLE strategy_releases ADD COLUMN damage_limits jsonb;

-- The decisions of the last minutes are counted every few seconds. They arrive in the order of this index, so that an
-- insert writes to its last page only.
CREATE INDEX decisions_in_time ON decisions (decided_at);
