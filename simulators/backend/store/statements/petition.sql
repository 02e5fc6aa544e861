-- name: open
INSERT INTO petition (about, subject, person, opened, accepted, decided, told, verdict, reason, officer)
  VALUES (?, ?, ?, ?, 0, 0, 0, '', '', '') RETURNING id;
-- name: accept
UPDATE petition SET accepted = ? WHERE id = ? AND accepted = 0;
-- name: decide
UPDATE petition SET decided = ?, verdict = ?, reason = ?, officer = ? WHERE id = ? AND decided = 0;
-- name: tell
UPDATE petition SET told = ? WHERE id = ? AND decided > 0 AND told = 0;
-- name: find
SELECT about, subject, person FROM petition WHERE id = ?;
-- name: every
SELECT id, about, subject, opened, accepted, decided, told, verdict, reason, officer FROM petition ORDER BY id;
-- name: holdings
SELECT (SELECT count(*) FROM activation WHERE person = ?) AS records, (SELECT count(*) FROM consent WHERE person = ?) AS consents;
