-- Life of numbers, consents, what is kept and until when, breaches of duty, notices, evidence, and one list of events over all of it.
CREATE TABLE event (id {COUNTED}, at BIGINT NOT NULL, kind TEXT NOT NULL, subject TEXT NOT NULL, detail TEXT NOT NULL);
CREATE TABLE consent (id {COUNTED}, person BYTEA NOT NULL, msisdn TEXT NOT NULL, session BYTEA NOT NULL UNIQUE, text BYTEA NOT NULL,
  record BYTEA NOT NULL, granted BIGINT NOT NULL, withdrawn BIGINT NOT NULL);
CREATE TABLE kept (id {COUNTED}, class TEXT NOT NULL, key TEXT NOT NULL, began BIGINT NOT NULL, purged BIGINT NOT NULL, UNIQUE (class, key));
CREATE TABLE legal_hold (key TEXT PRIMARY KEY, officers TEXT NOT NULL, since BIGINT NOT NULL);
CREATE TABLE breach_case (id {COUNTED}, event TEXT NOT NULL, subject TEXT NOT NULL, opened BIGINT NOT NULL, oral BIGINT NOT NULL,
  short BIGINT NOT NULL, final BIGINT NOT NULL, told TEXT NOT NULL);
CREATE TABLE notice (id {COUNTED}, at BIGINT NOT NULL, msisdn TEXT NOT NULL, about TEXT NOT NULL);
CREATE TABLE evidence (id {COUNTED}, session BYTEA NOT NULL, word TEXT NOT NULL, digest BYTEA NOT NULL, stored BIGINT NOT NULL,
  UNIQUE (session, digest));
ALTER TABLE activation ADD COLUMN concerns TEXT NOT NULL DEFAULT '';
ALTER TABLE activation ADD COLUMN consented BYTEA
