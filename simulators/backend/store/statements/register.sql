-- name: agent
INSERT INTO agent (code, name, contract_until, filed, parent, blacklisted, measures) VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT (code) DO UPDATE SET
  name = excluded.name, contract_until = excluded.contract_until, filed = excluded.filed, parent = excluded.parent,
  blacklisted = excluded.blacklisted, measures = excluded.measures;
-- name: agents
SELECT code, name, contract_until FROM agent WHERE filed = 1 AND blacklisted = 0 AND parent = '' AND contract_until > ? ORDER BY code;
-- name: clerk
INSERT INTO clerk (staff, agent, trained_until, barred, person, vetted, role) VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT (staff) DO UPDATE SET
  agent = excluded.agent, trained_until = excluded.trained_until, barred = excluded.barred, person = excluded.person,
  vetted = excluded.vetted, role = excluded.role;
-- name: clerks
SELECT staff, agent, role, vetted, trained_until, barred FROM clerk WHERE agent = ? ORDER BY staff;
-- name: ended_with_data
SELECT DISTINCT s.serial FROM site s JOIN agent g ON g.code = s.agent JOIN activation a ON a.serial = s.serial
  LEFT JOIN result r ON r.session = a.session WHERE g.contract_until <= ? AND r.session IS NULL AND a.outcome <> 'refused';
-- name: site
INSERT INTO site (serial, agent, cells, seen, withdrawn) VALUES (?, ?, ?, ?, ?) ON CONFLICT (serial) DO UPDATE SET agent = excluded.agent,
  cells = excluded.cells, seen = excluded.seen, withdrawn = excluded.withdrawn;
-- name: seen
UPDATE site SET seen = ? WHERE serial = ?;
-- name: counter
SELECT s.agent, s.cells, s.seen, s.withdrawn, a.contract_until, a.filed, a.measures, c.vetted, a.parent, a.blacklisted, c.agent AS employer, c.trained_until,
  c.barred, c.person FROM site s LEFT JOIN agent a ON a.code = s.agent LEFT JOIN clerk c ON c.staff = ? WHERE s.serial = ?;
-- name: release
INSERT INTO release (digest, number) VALUES (?, ?) ON CONFLICT (digest) DO UPDATE SET number = excluded.number;
-- name: release_of
SELECT number FROM release WHERE digest = ?;
-- name: person
INSERT INTO person (person, online, restricted) VALUES (?, ?, ?) ON CONFLICT (person) DO UPDATE SET online = excluded.online,
  restricted = excluded.restricted;
-- name: person_of
SELECT online, restricted FROM person WHERE person = ?;
-- name: lock
INSERT INTO number_lock (msisdn, reason) VALUES (?, ?) ON CONFLICT (msisdn) DO UPDATE SET reason = excluded.reason;
-- name: unlock
DELETE FROM number_lock WHERE msisdn = ?;
-- name: unlock_for
DELETE FROM number_lock WHERE msisdn = ? AND reason = ?;
-- name: number
SELECT n.person, n.state, l.reason FROM number n LEFT JOIN number_lock l ON l.msisdn = n.msisdn WHERE n.msisdn = ?
  AND n.state NOT IN ('reserved', 'released', 'quarantined') ORDER BY n.id DESC LIMIT 1;
-- name: pace
SELECT (SELECT count(*) FROM activation WHERE person = ? AND at > ? AND outcome = 'approved') AS of_person,
  (SELECT count(*) FROM activation WHERE serial = ? AND at > ? AND outcome = 'approved' AND iccid IS NOT NULL) AS of_terminal,
  (SELECT count(*) FROM activation WHERE person = ? AND at > ? AND outcome = 'refused') AS refused;
-- name: as_proxy
SELECT count(*) AS times FROM proxying WHERE person = ? AND at > ?;
-- name: hold
INSERT INTO hold (session, serial, why, since, until, verdict, officer) VALUES (?, ?, ?, ?, ?, '', '');
-- name: hold_of
SELECT why, until, verdict FROM hold WHERE session = ?;
-- name: holds
SELECT session, serial, why, since, until FROM hold WHERE verdict = '' ORDER BY id;
-- name: review
UPDATE hold SET verdict = ?, officer = ? WHERE session = ? AND verdict = '';
-- name: waiting
SELECT a.kind, h.serial, h.why, h.since, h.until, h.verdict, v.record FROM hold h JOIN activation a ON a.session = h.session
  JOIN vault v ON v.session = h.session WHERE h.session = ? AND a.outcome = 'held'
  AND NOT EXISTS (SELECT 1 FROM result r WHERE r.session = h.session);
-- name: lapsed
SELECT h.session FROM hold h JOIN activation a ON a.session = h.session WHERE a.outcome = 'held' AND h.verdict = '' AND h.until <= ?
  AND NOT EXISTS (SELECT 1 FROM result r WHERE r.session = h.session) ORDER BY h.id;
-- name: proxied
INSERT INTO proxying (person, at) VALUES (?, ?);
-- name: credential
INSERT INTO credential (staff, salt, digest) VALUES (?, ?, ?) ON CONFLICT (staff) DO UPDATE SET salt = excluded.salt,
  digest = excluded.digest, wrong = 0;
-- name: pin_tried
UPDATE credential SET wrong = wrong + 1 WHERE staff = ? AND wrong < ? RETURNING salt, digest, wrong;
-- name: pin_right
UPDATE credential SET wrong = 0 WHERE staff = ?;
