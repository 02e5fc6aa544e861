-- name: find
SELECT b.iccid, b.state, b.adm, k.words, coalesce(k.counter, 0) AS counter, coalesce(k.sqn, 0) AS sqn
  FROM blank b LEFT JOIN blank_key k ON k.iccid = b.iccid WHERE b.iccid = ?;
-- name: every
SELECT b.iccid, b.state, b.adm, k.words, coalesce(k.counter, 0) AS counter, coalesce(k.sqn, 0) AS sqn
  FROM blank b LEFT JOIN blank_key k ON k.iccid = b.iccid ORDER BY b.iccid;
-- name: put
INSERT INTO blank (iccid, adm, state) VALUES (?, ?, 'blank') ON CONFLICT DO NOTHING;
-- name: tell
INSERT INTO blank_key (iccid, words, counter, sqn) VALUES (?, ?, ?, ?) ON CONFLICT (iccid) DO UPDATE SET words = excluded.words,
  counter = CASE WHEN blank_key.counter > excluded.counter THEN blank_key.counter ELSE excluded.counter END,
  sqn = CASE WHEN blank_key.sqn > excluded.sqn THEN blank_key.sqn ELSE excluded.sqn END;
-- name: reserve
UPDATE blank SET state = 'reserved' WHERE iccid = ? AND state = 'blank';
-- name: end
UPDATE blank SET state = ? WHERE iccid = ?;
-- name: raise_counter
UPDATE blank_key SET counter = CASE WHEN counter > ? THEN counter ELSE ? END + ? WHERE iccid = ? RETURNING counter AS now;
-- name: raise_sqn
UPDATE blank_key SET sqn = CASE WHEN sqn > ? THEN sqn ELSE ? END + ? WHERE iccid = ? RETURNING sqn AS now;
-- name: issue_keep
INSERT INTO issue (session, iccid, mode, proof) VALUES (?, ?, ?, ?);
-- name: issue_find
SELECT iccid, mode, proof FROM issue WHERE session = ?;
-- name: issue_of
SELECT i.iccid, i.mode, i.proof, a.approval_id FROM issue i JOIN activation a ON a.session = i.session WHERE i.session = ? AND a.serial = ?
  AND a.outcome <> 'lapsed';
-- name: issue_prove
UPDATE issue SET proof = ? WHERE session = ?;
-- name: unlockings
SELECT challenge, code FROM unlocking WHERE session = ?;
-- name: unlock
INSERT INTO unlocking (session, challenge, code) VALUES (?, ?, ?);
-- name: rounds
SELECT sequence, request, commands, done, answers FROM relay_round WHERE session = ? ORDER BY sequence;
-- name: round
INSERT INTO relay_round (session, sequence, request, answers, commands, done) VALUES (?, ?, ?, ?, ?, ?);
