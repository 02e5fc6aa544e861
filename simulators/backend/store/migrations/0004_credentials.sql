-- What members of staff log on with.
CREATE TABLE credential (staff TEXT PRIMARY KEY, salt BYTEA NOT NULL, digest BYTEA NOT NULL);
