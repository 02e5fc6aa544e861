-- name: event
INSERT INTO event (at, kind, subject, detail) VALUES (?, ?, ?, ?);
-- name: trace
SELECT clerk, agent, serial FROM activation WHERE session = ?;
-- name: statistics
SELECT kind, outcome, code, count(*) AS times FROM activation GROUP BY kind, outcome, code ORDER BY kind, outcome, code;
-- name: events
SELECT at, kind, subject, detail FROM event WHERE subject = ? ORDER BY id;
-- name: notify_others
INSERT INTO notice (at, msisdn, about) SELECT ?, msisdn, ? FROM number WHERE person = ? AND state = 'active' AND session <> ?;
-- name: notices
SELECT at, msisdn, about FROM notice WHERE msisdn = ? ORDER BY id;
-- name: grant
INSERT INTO consent (person, msisdn, session, text, record, granted, withdrawn) VALUES (?, ?, ?, ?, ?, ?, 0) ON CONFLICT DO NOTHING;
-- name: withdraw
UPDATE consent SET withdrawn = ? WHERE msisdn = ? AND withdrawn = 0 AND granted <= ? RETURNING session;
-- name: consents
SELECT session, text, record, granted, withdrawn FROM consent WHERE msisdn = ? ORDER BY id;
-- name: consent_forget
DELETE FROM consent WHERE session = ?;
-- name: keep
INSERT INTO kept (class, key, began, purged) VALUES (?, ?, ?, 0) ON CONFLICT (class, key) DO UPDATE SET began = excluded.began
  WHERE kept.purged = 0;
-- name: begin
UPDATE kept SET began = ? WHERE class = ? AND key = ? AND began = 0;
-- name: due
SELECT class, key, began FROM kept WHERE began > 0 AND purged = 0 AND key NOT IN (SELECT key FROM legal_hold) ORDER BY id;
-- name: purged
UPDATE kept SET purged = ? WHERE class = ? AND key = ?;
-- name: kept_of
SELECT class, began, purged FROM kept WHERE key = ? ORDER BY class;
-- name: hold
INSERT INTO legal_hold (key, officers, since) VALUES (?, ?, ?) ON CONFLICT DO NOTHING;
-- name: unhold
DELETE FROM legal_hold WHERE key = ?;
-- name: forget_person
UPDATE activation SET person = NULL WHERE session = ?;
-- name: case_open
INSERT INTO breach_case (event, subject, opened, oral, short, final, told) VALUES (?, ?, ?, 0, 0, 0, '') RETURNING id;
-- name: case_oral
UPDATE breach_case SET oral = ?, told = ? WHERE id = ? AND oral = 0;
-- name: case_short
UPDATE breach_case SET short = ?, told = ? WHERE id = ? AND short = 0;
-- name: case_final
UPDATE breach_case SET final = ?, told = ? WHERE id = ? AND final = 0;
-- name: case_running
SELECT id FROM breach_case WHERE event = ? AND subject = ? AND final = 0 LIMIT 1;
-- name: cases
SELECT id, event, subject, opened, oral, short, final, told FROM breach_case ORDER BY id;
-- name: refusals
SELECT clerk, code, count(*) AS times FROM activation WHERE outcome = 'refused' GROUP BY clerk, code ORDER BY clerk, code;
-- name: quality
SELECT coalesce(s.agent, '') AS agent, a.outcome, a.code, coalesce(r.ack, '') AS ack, count(*) AS times FROM activation a
  LEFT JOIN site s ON s.serial = a.serial LEFT JOIN result r ON r.session = a.session GROUP BY 1, 2, 3, 4;
-- name: open_records
SELECT a.session, a.at FROM activation a LEFT JOIN result r ON r.session = a.session WHERE a.serial = ? AND r.session IS NULL
  AND a.outcome <> 'refused' ORDER BY a.id;
-- name: evidence_named
INSERT INTO evidence (session, word, digest, stored) VALUES (?, ?, ?, 0) ON CONFLICT DO NOTHING;
-- name: evidence_of
SELECT word, digest, stored FROM evidence WHERE session = ? ORDER BY id;
-- name: evidence_stored
UPDATE evidence SET stored = ? WHERE session = ? AND digest = ? AND stored = 0;
-- name: evidence_forget
DELETE FROM evidence WHERE session = ?;
