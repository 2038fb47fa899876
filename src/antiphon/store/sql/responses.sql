-- name: parent
-- Where a response stands, and whether one that continues it has to fork: because its place is taken, or
-- because it stands in a conversation, to which only the conversation's own responses are added.
SELECT r.thread, r.position, r.conversation IS NOT NULL
    OR EXISTS (SELECT 1 FROM response o WHERE o.thread = r.thread AND o.position > r.position)
    OR EXISTS (SELECT 1 FROM entry e WHERE e.thread = r.thread AND e.position > r.position)
    OR EXISTS (SELECT 1 FROM fork f WHERE f.parent = r.thread AND f.parent_position > r.position)
FROM response r
WHERE r.id = ? AND r.project = ? AND (r.expires_at IS NULL OR r.ended_at IS NULL OR r.expires_at > ?);

-- name: open
INSERT INTO response (n, id, project, thread, position, background, conversation, follows, expires_at, request, body)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?);

-- name: last
SELECT coalesce(max(n), 0) FROM response;

-- name: running
SELECT n, thread, position, epoch, has_log, conversation IS NOT NULL FROM response
WHERE id = ? AND project = ? AND ended_at IS NULL;

-- name: add_chunk
INSERT INTO chunk (thread, position, first, last, data) VALUES (?, ?, ?, ?, ?);

-- name: mark_log
UPDATE response SET has_log = 1 WHERE n = ?;

-- name: fulfil
UPDATE record SET response_id = ? WHERE project = ? AND scope = ? AND key = ?;

-- name: close
UPDATE response SET ended_at = ?, has_log = ?, lease_until = 0, request = NULL, body = ? WHERE n = ?;

-- name: find
SELECT n, thread, position, ended_at IS NOT NULL, has_log FROM response
WHERE id = ? AND project = ? AND (expires_at IS NULL OR ended_at IS NULL OR expires_at > ?);

-- name: body
SELECT body FROM response WHERE n = ?;

-- name: chunks
SELECT first, last, data FROM chunk WHERE thread = ? AND position = ? ORDER BY first;

-- name: delete_chunks
DELETE FROM chunk WHERE thread = ? AND position = ?;

-- name: delete
DELETE FROM response WHERE n = ?;
