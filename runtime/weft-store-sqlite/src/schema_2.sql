-- Version 2. What a start may carry beside its input, and entities.

-- `tags` is a JSON object of texts.
ALTER TABLE detail ADD COLUMN tags TEXT;
ALTER TABLE detail ADD COLUMN version TEXT;
ALTER TABLE detail ADD COLUMN scheduled_at INTEGER;

-- What an entity keeps beside its row in `instance`. `scheduler` is the record without the state,
-- as JSON; most of the time there is nothing in it, and it is null.
CREATE TABLE entity (
  instance INTEGER PRIMARY KEY REFERENCES instance ON DELETE CASCADE,
  state TEXT,
  scheduler TEXT
) STRICT;
