-- Who may act for the operator, what is known of persons and numbers, and what waits for a reviewer.
CREATE TABLE agent (code TEXT PRIMARY KEY, name TEXT NOT NULL, contract_until BIGINT NOT NULL, filed BIGINT NOT NULL, parent TEXT NOT NULL,
  blacklisted BIGINT NOT NULL);
CREATE TABLE clerk (staff TEXT PRIMARY KEY, agent TEXT NOT NULL, trained_until BIGINT NOT NULL, barred BIGINT NOT NULL, person BYTEA);
CREATE TABLE site (serial TEXT PRIMARY KEY, agent TEXT NOT NULL, cells TEXT NOT NULL, seen TEXT NOT NULL, withdrawn BIGINT NOT NULL);
CREATE TABLE release (digest BYTEA PRIMARY KEY, number BIGINT NOT NULL);
CREATE TABLE person (person BYTEA PRIMARY KEY, online TEXT NOT NULL, restricted BIGINT NOT NULL);
CREATE TABLE number_lock (msisdn TEXT PRIMARY KEY, reason TEXT NOT NULL);
CREATE TABLE hold (id {COUNTED}, session BYTEA NOT NULL UNIQUE, serial TEXT NOT NULL, why TEXT NOT NULL, since BIGINT NOT NULL,
  until BIGINT NOT NULL, verdict TEXT NOT NULL, officer TEXT NOT NULL);
ALTER TABLE activation ADD COLUMN kind TEXT NOT NULL DEFAULT '';
ALTER TABLE activation ADD COLUMN clerk TEXT NOT NULL DEFAULT '';
ALTER TABLE number ADD COLUMN tariff TEXT NOT NULL DEFAULT '';
ALTER TABLE number ADD COLUMN person BYTEA;
ALTER TABLE number ADD COLUMN until BIGINT NOT NULL DEFAULT 0;
ALTER TABLE number ADD COLUMN since BIGINT NOT NULL DEFAULT 0;
CREATE INDEX activation_person ON activation (person, at);
CREATE INDEX activation_serial ON activation (serial, at);
CREATE INDEX number_msisdn ON number (msisdn);
CREATE INDEX number_person ON number (person)
;
CREATE TABLE proxying (id {COUNTED}, person BYTEA NOT NULL, at BIGINT NOT NULL);
CREATE INDEX proxying_person ON proxying (person, at)
