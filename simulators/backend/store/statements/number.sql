-- name: reserve
INSERT INTO number (iccid, session, state, tariff, person, since, until) VALUES (?, ?, ?, ?, ?, ?, ?) RETURNING id;
-- name: name
UPDATE number SET msisdn = ?, imsi = ? WHERE id = ?;
-- name: take
UPDATE number SET state = 'reserved', iccid = ?, person = ?, since = ? WHERE session = ? AND state = 'pledged' AND until > ?
  RETURNING msisdn, imsi, tariff;
-- name: of
SELECT msisdn, state, tariff, until FROM number WHERE session = ?;
-- name: lapse
UPDATE number SET state = 'released', since = ? WHERE state = 'pledged' AND until <= ?;
-- name: end
UPDATE number SET state = ?, since = ? WHERE session = ? RETURNING tariff;
-- name: say
UPDATE number SET state = ?, since = ? WHERE msisdn = ?;
-- name: nobody
UPDATE number SET person = NULL WHERE msisdn = ?;
-- name: in_life
SELECT id, msisdn, session, person, tariff, state, since FROM number WHERE state IN ('notified', 'suspended', 'single_stop') ORDER BY id;
-- name: move
UPDATE number SET state = ?, since = ? WHERE id = ? AND state = ?;
-- name: living
SELECT id, msisdn, imsi, session, person, tariff, state, since FROM number WHERE msisdn = ? AND state NOT IN ('pledged', 'reserved', 'released',
  'replaced', 'terminated', 'quarantined') ORDER BY id DESC LIMIT 1;
-- name: of_person
SELECT msisdn, state FROM number WHERE person = ? AND state NOT IN ('pledged', 'reserved', 'released', 'replaced', 'terminated', 'quarantined')
  ORDER BY id;
-- name: newest_card
SELECT n.since, a.kind FROM number n JOIN activation a ON a.session = n.session WHERE n.msisdn = ? AND n.state = 'active'
  ORDER BY n.id DESC LIMIT 1;
-- name: owner
UPDATE number SET person = ?, state = 'active', since = ? WHERE id = ?;
-- name: keep_msisdn
UPDATE number SET msisdn = ? WHERE session = ?;
-- name: replaced
UPDATE number SET state = 'replaced', since = ? WHERE msisdn = ? AND session <> ? AND state NOT IN ('released', 'terminated', 'replaced');
