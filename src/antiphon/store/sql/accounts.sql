-- name: projects
SELECT body FROM project ORDER BY id;

-- name: keys
SELECT body, last_used_at FROM api_key ORDER BY id;

-- name: keyed
SELECT 1 FROM mark WHERE name = 'keyed';

-- name: keep_project
INSERT OR REPLACE INTO project (id, body) VALUES (?, ?);

-- name: keep_key
INSERT INTO api_key (id, project, body) VALUES (?, ?, ?)
ON CONFLICT (id) DO UPDATE SET project = excluded.project, body = excluded.body;

-- name: mark_keyed
INSERT OR IGNORE INTO mark (name) VALUES ('keyed');

-- name: used
UPDATE api_key SET last_used_at = ? WHERE id = ?;
