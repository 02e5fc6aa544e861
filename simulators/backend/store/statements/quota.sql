-- name: take
INSERT INTO quota (person, scope, held) VALUES (?, ?, 1) ON CONFLICT (person, scope)
  DO UPDATE SET held = quota.held + 1 WHERE quota.held < ? RETURNING held;
-- name: give_back
UPDATE quota SET held = held - 1 WHERE person = ? AND scope = ? AND held > 0;
-- name: set
INSERT INTO quota (person, scope, held) VALUES (?, ?, ?) ON CONFLICT (person, scope) DO UPDATE SET held = excluded.held;
