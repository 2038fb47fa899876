-- name: record
SELECT fingerprint, created_at, response_id, body FROM record
WHERE project = ? AND scope = ? AND key = ? AND created_at > ?;

-- name: keep_record
INSERT OR REPLACE INTO record (project, scope, key, fingerprint, created_at, response_id, body)
VALUES (?, ?, ?, ?, ?, ?, ?);

-- name: delete_record
DELETE FROM record WHERE project = ? AND scope = ? AND key = ?;

-- name: old_records
SELECT project, scope, key FROM record WHERE created_at <= ? LIMIT ?;

-- name: expired
SELECT n, id, project, thread, position FROM response
WHERE expires_at <= ? AND ended_at IS NOT NULL ORDER BY expires_at LIMIT ?;

-- name: old_logs
SELECT n, thread, position FROM response WHERE has_log = 1 AND ended_at < ? ORDER BY ended_at LIMIT ?;

-- name: unmark_log
UPDATE response SET has_log = 0 WHERE n = ?;
