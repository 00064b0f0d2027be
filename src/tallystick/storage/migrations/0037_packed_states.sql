-- States of lines come packed (storage/line_states.py): one that is long all the same is not packed a second time.
ALTER TABLE lines ALTER COLUMN state SET STORAGE EXTERNAL;
ALTER TABLE checkpoints ALTER COLUMN state SET STORAGE EXTERNAL;
