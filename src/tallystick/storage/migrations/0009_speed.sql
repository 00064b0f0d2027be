-- What is written in one transaction with a line's events needs no look-up of the line again: the events have it.
-- On the close of a day each of these cost a row lock per statement and per checkpoint.

ALTER TABLE statements DROP CONSTRAINT statements_line_id_fkey;
ALTER TABLE checkpoints DROP CONSTRAINT checkpoints_line_id_fkey;
