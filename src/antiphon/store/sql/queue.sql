-- name: waiting
-- The oldest background run that nobody holds.
SELECT n, id, project, thread, position, conversation, follows, epoch, has_log, request, body FROM response
WHERE ended_at IS NULL AND background = 1 AND lease_until < ? ORDER BY n LIMIT 1;

-- name: waiting_one
SELECT n, id, project, thread, position, conversation, follows, epoch, has_log, request, body FROM response
WHERE ended_at IS NULL AND background = 1 AND lease_until < ? AND id = ?;

-- name: interrupted
SELECT n, id, project, thread, position, conversation, follows, epoch, has_log, request, body FROM response
WHERE ended_at IS NULL AND background = 0 ORDER BY n;

-- name: take
UPDATE response SET epoch = ?, lease_until = ? WHERE n = ?;

-- name: unhold
UPDATE response SET lease_until = 0 WHERE ended_at IS NULL AND lease_until > 0;

-- name: lease
UPDATE response SET lease_until = ? WHERE n = ?;
