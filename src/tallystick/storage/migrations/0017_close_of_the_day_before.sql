-- What comes as a day begins belongs to the close of the day before. One day early costs a look at the line, no more:
-- the look writes the day anew.
UPDATE lines SET next_due_on = next_due_on - 1 WHERE next_due_on IS NOT NULL;
