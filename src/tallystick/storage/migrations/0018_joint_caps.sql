-- The cap on a person is the law's of the day on which it is asked for. What stood here was the law's of the day on which
-- the person was added; from now on it is the lender's own, lower cap, where there is one.
ALTER TABLE borrowers ALTER COLUMN joint_cap_minor DROP NOT NULL;
UPDATE borrowers SET joint_cap_minor = NULL;
