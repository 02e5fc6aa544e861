-- name: known
SELECT 'answer' AS kind, serial, record, answer AS text FROM activation WHERE session = ?
  UNION ALL SELECT 'result', serial, record, ack FROM result WHERE session = ?;
-- name: answer
SELECT answer FROM activation WHERE session = ? AND serial = ?;
-- name: find
SELECT serial, record, outcome, approval_id, profile, person, iccid, kind, concerns, consented FROM activation WHERE session = ?;
-- name: keep
INSERT INTO activation (session, serial, record, outcome, code, answer, approval_id, profile, person, iccid, at, kind, clerk, concerns,
  consented) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?);
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
UPDATE activation SET outcome = ?, code = ?, answer = ?, approval_id = ?, profile = ? WHERE session = ? AND outcome = 'held';
