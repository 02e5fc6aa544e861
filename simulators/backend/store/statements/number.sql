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
