-- Units, whom their cards are for, and which number is whose: a unit's card waits for its user.
CREATE TABLE unit (code TEXT PRIMARY KEY, handler BYTEA NOT NULL, purpose TEXT NOT NULL, licence TEXT NOT NULL, assessment TEXT NOT NULL,
  suspended TEXT NOT NULL);
CREATE INDEX unit_of_handler ON unit (handler);
CREATE TABLE unit_user (unit TEXT NOT NULL, person BYTEA NOT NULL, seal BYTEA, PRIMARY KEY (unit, person));
CREATE TABLE unit_card (msisdn TEXT PRIMARY KEY, unit TEXT NOT NULL, handler BYTEA NOT NULL, bound BYTEA, since BIGINT NOT NULL)
