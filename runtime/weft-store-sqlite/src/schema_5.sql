-- Version 5. Secrets and connections of apps, encrypted by whoever keeps them here.

CREATE TABLE sealed (
  app INTEGER NOT NULL REFERENCES app ON DELETE CASCADE,
  kind INTEGER NOT NULL,
  name TEXT NOT NULL,
  value BLOB NOT NULL,
  updated_at INTEGER NOT NULL,
  PRIMARY KEY (app, kind, name)
) STRICT, WITHOUT ROWID;
