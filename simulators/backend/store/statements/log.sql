-- name: last
SELECT size, root, message FROM checkpoint WHERE serial = ? ORDER BY id DESC LIMIT 1;
-- name: keep
INSERT INTO checkpoint (serial, size, root, message, countersignature) VALUES (?, ?, ?, ?, ?);
-- name: breach
INSERT INTO breach (serial, code, known, shown) VALUES (?, ?, ?, ?);
-- name: checkpoints
SELECT size, message, countersignature FROM checkpoint WHERE serial = ? ORDER BY id;
-- name: breaches
SELECT code, known, shown FROM breach WHERE serial = ? ORDER BY id;
