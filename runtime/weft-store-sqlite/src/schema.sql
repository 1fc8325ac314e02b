-- Version 1. Integer keys throughout; names and ids stand once, in `app` and `instance`.
-- `instance.row` carries the shard in its upper bits, so that whatever is keyed by it is kept
-- shard by shard.

CREATE TABLE app (
  row INTEGER PRIMARY KEY,
  tenant TEXT NOT NULL,
  name TEXT NOT NULL,
  UNIQUE (tenant, name)
) STRICT;

CREATE TABLE revision (
  app INTEGER NOT NULL REFERENCES app ON DELETE CASCADE,
  number INTEGER NOT NULL,
  deployment TEXT NOT NULL,
  created_at INTEGER NOT NULL,
  active INTEGER NOT NULL,
  PRIMARY KEY (app, number)
) STRICT, WITHOUT ROWID;

-- What every turn changes, kept small: a row is rewritten as a whole.
CREATE TABLE instance (
  row INTEGER PRIMARY KEY,
  app INTEGER NOT NULL REFERENCES app ON DELETE CASCADE,
  id TEXT NOT NULL,
  execution BLOB NOT NULL,
  name TEXT NOT NULL,
  status INTEGER NOT NULL,
  turns INTEGER NOT NULL DEFAULT 0,
  history_len INTEGER NOT NULL DEFAULT 0,
  revision INTEGER,
  created_at INTEGER NOT NULL,
  updated_at INTEGER NOT NULL,
  UNIQUE (app, id)
) STRICT;
CREATE INDEX instance_listing ON instance (app, created_at, id);

-- What turns seldom change and may be large.
CREATE TABLE detail (
  instance INTEGER PRIMARY KEY REFERENCES instance ON DELETE CASCADE,
  input TEXT NOT NULL,
  parent TEXT,
  custom_status TEXT,
  outcome TEXT
) STRICT;

-- The history of the current execution: the events of each turn, as JSON. Kept in the order of
-- the commits: the turns of one transaction fill a few pages together, where clustering them by
-- instance would touch a page of each.
CREATE TABLE turn (
  row INTEGER PRIMARY KEY,
  instance INTEGER NOT NULL REFERENCES instance ON DELETE CASCADE,
  number INTEGER NOT NULL,
  events TEXT NOT NULL,
  UNIQUE (instance, number)
) STRICT;

-- `reaches` tells what a suspended instance takes.
CREATE TABLE inbox (
  instance INTEGER NOT NULL REFERENCES instance ON DELETE CASCADE,
  seq INTEGER NOT NULL,
  reaches INTEGER NOT NULL,
  message TEXT NOT NULL,
  PRIMARY KEY (instance, seq)
) STRICT, WITHOUT ROWID;

CREATE TABLE task (
  shard INTEGER NOT NULL,
  seq INTEGER NOT NULL,
  instance INTEGER NOT NULL REFERENCES instance ON DELETE CASCADE,
  execution BLOB NOT NULL,
  id INTEGER NOT NULL,
  name TEXT NOT NULL,
  input TEXT NOT NULL,
  attempt INTEGER NOT NULL,
  call INTEGER NOT NULL,
  PRIMARY KEY (shard, seq)
) STRICT, WITHOUT ROWID;
CREATE INDEX task_instance ON task (instance, id);

-- Timers are always of the current execution.
CREATE TABLE timer (
  instance INTEGER NOT NULL REFERENCES instance ON DELETE CASCADE,
  id INTEGER NOT NULL,
  shard INTEGER NOT NULL,
  fire_at INTEGER NOT NULL,
  PRIMARY KEY (instance, id)
) STRICT, WITHOUT ROWID;
CREATE INDEX timer_due ON timer (shard, fire_at);

-- The epoch outlives its holder.
CREATE TABLE lease (
  shard INTEGER PRIMARY KEY,
  epoch INTEGER NOT NULL,
  node BLOB,
  until INTEGER NOT NULL
) STRICT;

CREATE TABLE key (
  id TEXT PRIMARY KEY,
  tenant TEXT,
  role TEXT NOT NULL,
  hash BLOB NOT NULL,
  label TEXT NOT NULL,
  created_at INTEGER NOT NULL,
  expires_at INTEGER
) STRICT;
CREATE INDEX key_listing ON key (tenant, created_at, id);

CREATE TABLE tenant (
  name TEXT PRIMARY KEY,
  created_at INTEGER NOT NULL
) STRICT;

CREATE TABLE pair (
  app INTEGER NOT NULL REFERENCES app ON DELETE CASCADE,
  bucket TEXT NOT NULL,
  key TEXT NOT NULL,
  value BLOB NOT NULL,
  PRIMARY KEY (app, bucket, key)
) STRICT;
