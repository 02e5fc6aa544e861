-- name: by_certificate
SELECT serial, spki, protection FROM terminal WHERE tls = ?;
-- name: heard
UPDATE terminal SET heard = ? WHERE serial = ? AND tls = ? RETURNING spki, protection, sequence, last, revoked;
-- name: find
SELECT spki, sequence FROM terminal WHERE serial = ?;
-- name: chain
UPDATE terminal SET sequence = ?, last = ? WHERE serial = ?;
-- name: revoke
UPDATE terminal SET revoked = 1 WHERE serial = ?;
-- name: enrol
INSERT INTO terminal (serial, spki, protection, tls, sequence, last) VALUES (?, ?, ?, ?, 0, ?)
  ON CONFLICT (serial) DO UPDATE SET spki = excluded.spki, protection = excluded.protection, tls = excluded.tls, sequence = 0,
  last = excluded.last, revoked = 0;
-- name: broke
INSERT INTO chain_break (serial, record, sequence) VALUES (?, ?, ?) ON CONFLICT DO NOTHING;
-- name: break_of
SELECT sequence FROM chain_break WHERE serial = ? AND record = ?;
-- name: order_write
INSERT INTO work_order (token) VALUES (?);
-- name: order_find
SELECT request, answer FROM work_order WHERE token = ?;
-- name: order_use
UPDATE work_order SET request = ?, answer = ? WHERE token = ? AND answer IS NULL;
