-- The close of business days: which days are closed, and what had accrued by then, with the figures it was made of.

CREATE TABLE close_days (
    closed_on   date PRIMARY KEY,
    begun_at    timestamptz NOT NULL,
    finished_at timestamptz,
    lines_moved bigint NOT NULL DEFAULT 0
);

-- Per product: the sum of what was accrued and not billed at the end of the day, and the change that was posted.
CREATE TABLE accrual_days (
    closed_on     date NOT NULL,
    product_key   bigint NOT NULL,
    currency      char(3) NOT NULL,
    accrued_minor bigint NOT NULL,
    posted_minor  bigint NOT NULL,
    PRIMARY KEY (closed_on, product_key, currency)
);
CREATE TRIGGER accrual_days_are_kept BEFORE UPDATE OR DELETE OR TRUNCATE ON accrual_days
    EXECUTE FUNCTION refuse_change();

-- The figure of every line in that sum, in columns: some ten thousand lines a row.
CREATE TABLE accrual_figures (
    closed_on     date NOT NULL,
    product_key   bigint NOT NULL,
    currency      char(3) NOT NULL,
    first_line_id bigint NOT NULL,
    line_ids      bigint[] NOT NULL,
    accrued_minor bigint[] NOT NULL,
    PRIMARY KEY (closed_on, product_key, currency, first_line_id)
);
CREATE TRIGGER accrual_figures_are_kept BEFORE UPDATE OR DELETE OR TRUNCATE ON accrual_figures
    EXECUTE FUNCTION refuse_change();

-- Whole minor units from millionths, half to even: the same rounding as servicing's.
CREATE FUNCTION minor_from_micro(micro bigint) RETURNS bigint
    LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
    RETURN (micro - ((micro % 1000000) + 1000000) % 1000000) / 1000000
         + CASE
               WHEN ((micro % 1000000) + 1000000) % 1000000 > 500000 THEN 1
               WHEN ((micro % 1000000) + 1000000) % 1000000 = 500000
                   THEN abs((micro - ((micro % 1000000) + 1000000) % 1000000) / 1000000) % 2
               ELSE 0
           END;
