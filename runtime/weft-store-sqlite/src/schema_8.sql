-- Version 8. Terms of tenants, keys for some apps only, what was managed by whom, and how long the
-- history of each instance is.

-- A JSON list of names; null for all apps of the tenant.
ALTER TABLE key ADD COLUMN apps TEXT;

-- JSON objects.
ALTER TABLE tenant ADD COLUMN quota TEXT;
ALTER TABLE tenant ADD COLUMN grants TEXT;

-- `status` is null until the action has been answered.
CREATE TABLE audit (
  seq INTEGER PRIMARY KEY AUTOINCREMENT,
  at INTEGER NOT NULL,
  tenant TEXT,
  key TEXT,
  role TEXT NOT NULL,
  action TEXT NOT NULL,
  target TEXT NOT NULL,
  status INTEGER,
  detail TEXT
) STRICT;
CREATE INDEX audit_tenant ON audit (tenant, seq);
CREATE INDEX audit_at ON audit (at);

-- Without long payloads. Stands in the row that a turn rewrites anyway, so that nobody has to read histories to add up
-- how long they are.
ALTER TABLE instance ADD COLUMN history_bytes INTEGER NOT NULL DEFAULT 0;
UPDATE instance SET history_bytes =
  coalesce((SELECT sum(octet_length(events)) FROM turn WHERE turn.instance = instance.row), 0);
