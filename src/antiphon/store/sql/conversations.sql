-- name: create
INSERT INTO conversation (id, project, thread, tip, created_at, metadata) VALUES (?, ?, ?, 0, ?, ?);

-- name: conversation
SELECT created_at, metadata FROM conversation WHERE id = ? AND project = ?;

-- name: thread
SELECT thread, tip FROM conversation WHERE id = ? AND project = ?;

-- name: advance
UPDATE conversation SET tip = ? WHERE id = ? AND project = ?;

-- name: busy
-- A response of the conversation that runs.
SELECT 1 FROM response WHERE thread = ? AND ended_at IS NULL AND conversation IS NOT NULL;

-- name: update
UPDATE conversation SET metadata = ? WHERE id = ? AND project = ?;

-- name: delete
DELETE FROM conversation WHERE id = ? AND project = ?;

-- name: turns
SELECT i.body FROM entry e JOIN item i ON i.id = e.item AND i.project = ?
WHERE e.thread = ? AND e.gone_at IS NULL ORDER BY e.position, e.side, e.place;

-- name: turn_ids
SELECT i.id, i.outward FROM entry e JOIN item i ON i.id = e.item AND i.project = ?
WHERE e.thread = ? AND e.gone_at IS NULL ORDER BY e.position, e.side, e.place;

-- name: remove
UPDATE entry SET gone_at = ?1 WHERE thread = ?2 AND gone_at IS NULL
    AND item IN (SELECT id FROM item WHERE project = ?3 AND outward = ?4);
