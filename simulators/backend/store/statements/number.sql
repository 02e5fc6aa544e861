-- name: reserve
INSERT INTO number (iccid, session, state) VALUES (?, ?, 'reserved') RETURNING id;
-- name: name
UPDATE number SET msisdn = ?, imsi = ? WHERE id = ?;
-- name: end
UPDATE number SET state = ? WHERE session = ?;
