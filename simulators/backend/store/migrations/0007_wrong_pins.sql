-- How many wrong PINs in a row were tried of a member of staff.
ALTER TABLE credential ADD COLUMN wrong BIGINT NOT NULL DEFAULT 0;
