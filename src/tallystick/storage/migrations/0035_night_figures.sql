-- What a night would do beside the damage limits of its release, judged before any of it is done.
CREATE TABLE limit_night_figures (
    night_id  bigint PRIMARY KEY REFERENCES limit_nights,
    figures   jsonb NOT NULL,
    judged_at timestamptz NOT NULL
);
CREATE TRIGGER limit_night_figures_are_kept BEFORE UPDATE OR DELETE OR TRUNCATE ON limit_night_figures
    EXECUTE FUNCTION refuse_change();

-- What was answered by day within the last minutes is counted every few seconds.
CREATE INDEX limit_answers_by_day ON limit_answers (answered_at) WHERE trigger <> 'nightly';
