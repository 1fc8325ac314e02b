-- Version 9. Objects of guests. Their bytes lie where those of long payloads do, under numbers of the
-- same row, so that they are written and removed a few parts at a time.

-- `objects` and `bytes` are what is in it.
CREATE TABLE container (
  row INTEGER PRIMARY KEY,
  app INTEGER NOT NULL REFERENCES app ON DELETE CASCADE,
  name TEXT NOT NULL,
  created_at INTEGER NOT NULL,
  objects INTEGER NOT NULL DEFAULT 0,
  bytes INTEGER NOT NULL DEFAULT 0,
  UNIQUE (app, name)
) STRICT;

CREATE TABLE blob (
  number INTEGER PRIMARY KEY,
  container INTEGER NOT NULL REFERENCES container ON DELETE CASCADE,
  name TEXT NOT NULL,
  size INTEGER NOT NULL,
  created_at INTEGER NOT NULL,
  UNIQUE (container, name)
) STRICT;
CREATE TRIGGER blob_put AFTER INSERT ON blob BEGIN
  UPDATE container SET objects = objects + 1, bytes = bytes + NEW.size WHERE row = NEW.container;
END;
CREATE TRIGGER blob_gone AFTER DELETE ON blob BEGIN
  UPDATE container SET objects = objects - 1, bytes = bytes - OLD.size WHERE row = OLD.container;
  INSERT OR IGNORE INTO payload_garbage (number) VALUES (OLD.number);
END;

-- Objects that are being written, by a process that lives.
CREATE TABLE blob_begun (
  number INTEGER PRIMARY KEY,
  app INTEGER NOT NULL REFERENCES app ON DELETE CASCADE,
  bytes INTEGER NOT NULL
) STRICT;
CREATE INDEX blob_begun_by ON blob_begun (app);
CREATE TRIGGER blob_given_up AFTER DELETE ON blob_begun
WHEN NOT EXISTS (SELECT 1 FROM blob WHERE number = OLD.number) BEGIN
  INSERT OR IGNORE INTO payload_garbage (number) VALUES (OLD.number);
END;
