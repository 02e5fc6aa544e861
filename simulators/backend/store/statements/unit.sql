-- name: write
INSERT INTO unit (code, handler, purpose, licence, assessment, suspended) VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT (code) DO UPDATE SET
  handler = excluded.handler, purpose = excluded.purpose, licence = excluded.licence, assessment = excluded.assessment,
  suspended = excluded.suspended;
-- name: suspend
UPDATE unit SET suspended = ? WHERE code = ?;
-- name: of_handler
SELECT code, purpose, licence, assessment, suspended FROM unit WHERE handler = ? ORDER BY code LIMIT 1;
-- name: users_forget
DELETE FROM unit_user WHERE unit = ?;
-- name: user
INSERT INTO unit_user (unit, person, seal) VALUES (?, ?, ?) ON CONFLICT DO NOTHING;
-- name: sealed
SELECT e.digest FROM evidence e JOIN activation a ON a.session = e.session JOIN number n ON n.session = a.session
  JOIN unit_card c ON c.msisdn = n.msisdn WHERE a.kind = 'T09' AND c.unit = ? AND e.word = 'user-list' AND e.digest = ?;
-- name: known
SELECT code FROM unit WHERE code = ?;
-- name: card_put
INSERT INTO unit_card (msisdn, unit, handler, bound, since) VALUES (?, ?, ?, NULL, ?) ON CONFLICT (msisdn) DO UPDATE SET unit = excluded.unit,
  handler = excluded.handler, bound = NULL, since = excluded.since;
-- name: card
SELECT c.unit, c.handler, c.bound, u.suspended, u.handler AS registered, l.person AS listed FROM unit_card c
  LEFT JOIN unit u ON u.code = c.unit LEFT JOIN unit_user l ON l.unit = c.unit AND l.person = ? WHERE c.msisdn = ?;
-- name: waits
SELECT c.bound FROM unit_card c JOIN number n ON n.msisdn = c.msisdn WHERE n.session = ?;
-- name: bind
UPDATE unit_card SET bound = ?, since = ? WHERE msisdn = ?;
