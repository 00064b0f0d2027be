-- What a caller keeps beside a hold, a draw, a payment, a refund: the caller's own, and nothing of ours reads it.
-- Lines and borrowers have had the column from the beginning (0002).

ALTER TABLE line_objects ADD COLUMN metadata jsonb;
