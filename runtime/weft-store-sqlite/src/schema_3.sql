-- Version 3. Finding what has ended, and the children of an instance.

CREATE INDEX instance_ended ON instance (app, status, updated_at) WHERE status >= 3;

-- The parent's id out of what `parent` says in full.
ALTER TABLE detail ADD COLUMN parent_id TEXT
  GENERATED ALWAYS AS (json_extract(parent, '$.instance')) VIRTUAL;
CREATE INDEX detail_child ON detail (parent_id) WHERE parent_id IS NOT NULL;
