-- When a record was decided, which for a held one is later than when it came; approvals that nobody reports on lapse.
ALTER TABLE activation ADD COLUMN decided BIGINT NOT NULL DEFAULT 0;
UPDATE activation SET decided = at;
CREATE INDEX activation_decided ON activation (outcome, decided)
