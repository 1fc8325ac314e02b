-- Version 7. Which long payload a message names, so that it is found without reading the message.

ALTER TABLE inbox ADD COLUMN kept BLOB;
-- A name is the only object in a message with a digest and a number of bytes.
UPDATE inbox SET kept = (
  SELECT unhex(json_extract(value, '$.sha256')) FROM json_tree(message)
  WHERE type = 'object' AND json_type(value, '$.sha256') = 'text'
  AND json_type(value, '$.bytes') = 'integer'
) WHERE instr(message, '"sha256":"') > 0;
CREATE INDEX inbox_kept ON inbox (instance, kept) WHERE kept NOT NULL;
