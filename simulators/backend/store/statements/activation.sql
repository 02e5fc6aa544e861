-- name: known
SELECT 'answer' AS kind, serial, record, answer AS text FROM activation WHERE session = ?
  UNION ALL SELECT 'result', serial, record, ack FROM result WHERE session = ?;
-- name: answer
SELECT answer FROM activation WHERE session = ? AND serial = ?;
-- name: find
SELECT serial, record, outcome, approval_id, profile, person, iccid, kind, concerns, consented FROM activation WHERE session = ?;
-- name: keep
INSERT INTO activation (session, serial, record, outcome, code, answer, approval_id, profile, person, iccid, at, kind, clerk, concerns,
  consented, decided, agent) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, coalesce((SELECT agent FROM site WHERE serial = ?), ''));
-- name: older
SELECT answer FROM activation WHERE outcome = 'approved' ORDER BY id DESC LIMIT 1;
-- name: nonce
INSERT INTO nonce (nonce, session) VALUES (?, ?) ON CONFLICT DO NOTHING;
-- name: result
SELECT serial, outcome, ack FROM result WHERE session = ?;
-- name: settle
INSERT INTO result (session, serial, outcome, code, record, ack, at) VALUES (?, ?, ?, ?, ?, ?, ?);
-- name: spend
INSERT INTO spent (approval_id, session) VALUES (?, ?);
-- name: vault_keep
INSERT INTO vault (session, record, items) VALUES (?, ?, ?) ON CONFLICT DO NOTHING;
-- name: vault_find
SELECT v.record, v.items, a.answer FROM vault v JOIN activation a ON a.session = v.session WHERE v.session = ?;
-- name: vault_erase
UPDATE vault SET items = NULL WHERE session = ?;
-- name: decide
UPDATE activation SET outcome = ?, code = ?, answer = ?, approval_id = ?, profile = ?, decided = ? WHERE session = ? AND outcome = 'held';
-- name: unreported
SELECT a.session, a.serial, a.person, a.iccid, a.kind, a.concerns FROM activation a LEFT JOIN result r ON r.session = a.session
  WHERE a.outcome = 'approved' AND r.session IS NULL AND a.decided <= ? ORDER BY a.id;
-- name: outcome
UPDATE activation SET outcome = ? WHERE session = ? AND outcome = ?;
-- name: current
UPDATE activation SET outcome = outcome WHERE session = ? RETURNING outcome;
