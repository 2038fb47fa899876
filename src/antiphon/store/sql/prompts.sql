-- name: newest
SELECT body FROM prompt WHERE project = ? AND id = ? ORDER BY version DESC LIMIT 1;

-- name: version
SELECT body FROM prompt WHERE project = ? AND id = ? AND version = ?;

-- name: versions
SELECT body FROM prompt WHERE project = ? AND id = ? ORDER BY version DESC;

-- name: all
SELECT body FROM prompt WHERE project = ? ORDER BY id, version;

-- name: keep
INSERT INTO prompt (project, id, version, body) VALUES (?, ?, ?, ?);

-- name: forget
DELETE FROM prompt WHERE project = ? AND id = ?;
