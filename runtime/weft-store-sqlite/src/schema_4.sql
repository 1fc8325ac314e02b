-- Version 4. What stands beside a call of an activity.

ALTER TABLE task ADD COLUMN labels TEXT;
