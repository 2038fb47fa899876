-- name: newest_item
SELECT id, body FROM item WHERE project = ? AND outward = ? ORDER BY id DESC LIMIT 1;

-- name: add_item
INSERT INTO item (id, project, outward, uses, body) VALUES (?, ?, ?, 1, ?);

-- name: use_item
UPDATE item SET uses = uses + 1 WHERE id = ?;

-- name: drop_item
UPDATE item SET uses = uses - 1 WHERE id = ?;

-- name: delete_item
DELETE FROM item WHERE id = ? AND uses <= 0;

-- name: add_entry
INSERT INTO entry (thread, position, side, place, item, gone_at) VALUES (?, ?, ?, ?, ?, ?);

-- name: delete_entry
DELETE FROM entry WHERE thread = ? AND position = ? AND side = ? AND place = ?;

-- name: join_entries
UPDATE entry SET gone_at = NULL WHERE thread = ? AND position = ?;

-- name: add_fork
INSERT INTO fork (thread, parent, parent_position) VALUES (?, ?, ?);

-- name: fork
SELECT parent, parent_position FROM fork WHERE thread = ?;

-- name: delete_fork
DELETE FROM fork WHERE thread = ?;

-- name: held
SELECT 1 FROM conversation WHERE thread = ?;

-- name: reach
-- The highest position of a thread that a response or a fork still reaches; NULL where there is none.
SELECT max(
    coalesce((SELECT max(position) FROM response WHERE thread = ?1), -1),
    coalesce((SELECT max(parent_position) FROM fork WHERE parent = ?1), -1)
);

-- name: entries_above
SELECT thread, position, side, place, item FROM entry WHERE thread = ? AND position > ? LIMIT ?;

-- name: entries_gone
-- Entries that are seen up to some position only, and by nobody there any more.
SELECT e.thread, e.position, e.side, e.place, e.item FROM entry e
WHERE e.thread = ? AND e.gone_at IS NOT NULL
    AND NOT EXISTS (
        SELECT 1 FROM response r WHERE r.thread = e.thread AND r.position BETWEEN e.position AND e.gone_at
    )
    AND NOT EXISTS (
        SELECT 1 FROM fork f WHERE f.parent = e.thread AND f.parent_position BETWEEN e.position AND e.gone_at
    )
LIMIT ?;

-- name: doom
INSERT OR IGNORE INTO doomed (thread) VALUES (?);

-- name: doomed
SELECT thread FROM doomed LIMIT 1;

-- name: undoom
DELETE FROM doomed WHERE thread = ?;

-- name: last_thread
SELECT max(
    coalesce((SELECT max(thread) FROM response), 0),
    coalesce((SELECT max(thread) FROM entry), 0),
    coalesce((SELECT max(thread) FROM fork), 0),
    coalesce((SELECT max(parent) FROM fork), 0),
    coalesce((SELECT max(thread) FROM conversation), 0),
    coalesce((SELECT max(thread) FROM doomed), 0)
);

-- name: last_item
SELECT coalesce(max(id), 0) FROM item;

-- name: scan
-- What a response at a position of its thread reaches there: (thread, position, side of the last one wanted).
SELECT i.body FROM entry e JOIN item i ON i.id = e.item AND i.project = ?1
WHERE e.thread = ?2 AND (e.position, e.side) <= (?3, ?4) AND (e.gone_at IS NULL OR e.gone_at >= ?3)
ORDER BY e.position, e.side, e.place;

-- name: scan_ids
SELECT i.id, i.outward FROM entry e JOIN item i ON i.id = e.item AND i.project = ?1
WHERE e.thread = ?2 AND (e.position, e.side) <= (?3, ?4) AND (e.gone_at IS NULL OR e.gone_at >= ?3)
ORDER BY e.position, e.side, e.place;

-- name: scan_side
SELECT i.body FROM entry e JOIN item i ON i.id = e.item AND i.project = ?1
WHERE e.thread = ?2 AND e.position = ?3 AND e.side = ?4 ORDER BY e.place;

-- name: item_body
SELECT body FROM item WHERE id = ? AND project = ?;
