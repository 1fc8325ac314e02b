-- Version 6. Long payloads, kept apart from the rows that name them.

-- A text that is there as a whole. Numbers are not used twice: the parts of a number that is no
-- longer here may still be on their way out.
CREATE TABLE payload (
  sha256 BLOB PRIMARY KEY,
  number INTEGER NOT NULL UNIQUE
) STRICT, WITHOUT ROWID;

CREATE TABLE payload_part (
  number INTEGER NOT NULL,
  part INTEGER NOT NULL,
  body BLOB NOT NULL,
  PRIMARY KEY (number, part)
) STRICT;

-- Which instance names which text.
CREATE TABLE payload_use (
  instance INTEGER NOT NULL REFERENCES instance ON DELETE CASCADE,
  sha256 BLOB NOT NULL,
  PRIMARY KEY (instance, sha256)
) STRICT, WITHOUT ROWID;
CREATE INDEX payload_user ON payload_use (sha256);

-- Texts that an instance has ceased to name; they are looked at later, so that a purge of many is
-- not held up by their length.
CREATE TABLE payload_doubt (
  sha256 BLOB PRIMARY KEY
) STRICT, WITHOUT ROWID;
CREATE TRIGGER payload_use_ended AFTER DELETE ON payload_use BEGIN
  INSERT OR IGNORE INTO payload_doubt (sha256) VALUES (OLD.sha256);
END;

-- Numbers whose parts are to be removed, a few at a time.
CREATE TABLE payload_garbage (
  number INTEGER PRIMARY KEY
) STRICT;
