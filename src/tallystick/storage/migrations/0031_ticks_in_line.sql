-- An instant as ticks, by what is immutable only: `extract` of a timestamptz asks for the time zone, so PostgreSQL called the
-- function for each row where it now stands in the query's own plan. The value is the same.
CREATE OR REPLACE FUNCTION tick_of(at timestamptz) RETURNS bigint
    LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
    RETURN (extract(epoch FROM at - TIMESTAMPTZ '1970-01-01 00:00:00+00') * 1000000)::bigint;
