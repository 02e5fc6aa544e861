-- What people ask of the operator and when it must answer; whose counter a record is from; how agents and clerks are bound.
CREATE TABLE petition (id {COUNTED}, about TEXT NOT NULL, subject TEXT NOT NULL, person BYTEA, opened BIGINT NOT NULL, accepted BIGINT NOT NULL,
  decided BIGINT NOT NULL, told BIGINT NOT NULL, verdict TEXT NOT NULL, reason TEXT NOT NULL, officer TEXT NOT NULL);
ALTER TABLE activation ADD COLUMN agent TEXT NOT NULL DEFAULT '';
ALTER TABLE agent ADD COLUMN measures TEXT NOT NULL DEFAULT 'suspend';
ALTER TABLE clerk ADD COLUMN vetted BIGINT NOT NULL DEFAULT 1;
ALTER TABLE clerk ADD COLUMN role TEXT NOT NULL DEFAULT 'clerk';
CREATE INDEX event_subject ON event (subject, kind, at)
