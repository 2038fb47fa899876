-- name: project
SELECT body FROM project WHERE id = ?;

-- name: keys
SELECT body, last_used_at FROM api_key WHERE project = ? ORDER BY id;

-- name: responses
SELECT id, thread, position, follows, expires_at, has_log FROM response WHERE project = ? ORDER BY n;

-- name: conversations
SELECT id, created_at, metadata FROM conversation WHERE project = ? ORDER BY id;

-- name: hidden
-- Items that stand in no response that is kept, and in no conversation's listing: the history of one reaches them.
SELECT body FROM item WHERE project = ? AND id NOT IN (
    SELECT e.item FROM entry e
    WHERE EXISTS (SELECT 1 FROM response r WHERE r.thread = e.thread AND r.position = e.position)
        OR (e.gone_at IS NULL AND EXISTS (SELECT 1 FROM conversation c WHERE c.thread = e.thread))
) ORDER BY id;

-- name: records
SELECT scope, key, fingerprint, created_at, response_id, body FROM record WHERE project = ? ORDER BY scope, key;

-- name: usage
SELECT id, project, api_key, model, opened_at, status, input_tokens, cached_tokens, output_tokens, reasoning_tokens,
    estimated, cost, seconds, first_token
FROM ledger WHERE project = ? ORDER BY id;

-- name: threads
CREATE TEMP TABLE IF NOT EXISTS purged (thread INTEGER PRIMARY KEY);

-- name: gather
-- Every thread of a project: of its responses and conversations, where its items stand, and what those continue.
INSERT INTO purged (thread)
WITH RECURSIVE own (thread) AS (
    SELECT thread FROM response WHERE project = ?1
    UNION SELECT thread FROM conversation WHERE project = ?1
    UNION SELECT e.thread FROM entry e JOIN item i ON i.id = e.item WHERE i.project = ?1
    UNION SELECT f.parent FROM own o JOIN fork f ON f.thread = o.thread
)
SELECT thread FROM own;

-- name: scatter
DELETE FROM purged;

-- name: purge_chunk
DELETE FROM chunk WHERE thread IN (SELECT thread FROM purged);

-- name: purge_entry
DELETE FROM entry WHERE thread IN (SELECT thread FROM purged);

-- name: purge_fork
DELETE FROM fork WHERE thread IN (SELECT thread FROM purged);

-- name: purge_doomed
DELETE FROM doomed WHERE thread IN (SELECT thread FROM purged);

-- name: purge_item
DELETE FROM item WHERE project = ?;

-- name: purge_response
DELETE FROM response WHERE project = ?;

-- name: purge_conversation
DELETE FROM conversation WHERE project = ?;

-- name: purge_record
DELETE FROM record WHERE project = ?;

-- name: purge_prompt
DELETE FROM prompt WHERE project = ?;

-- name: purge_ledger
DELETE FROM ledger WHERE project = ?;

-- name: purge_ledger_hour
DELETE FROM ledger_hour WHERE project = ?;

-- name: purge_api_key
DELETE FROM api_key WHERE project = ?;

-- name: purge_project
DELETE FROM project WHERE id = ?;
