-- name: charge
INSERT INTO ledger (id, project, api_key, model, opened_at, input_tokens, output_tokens, cost, input_cost)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING;

-- name: least
INSERT INTO ledger_hour (project, hour, least) VALUES (?, ?, ?)
ON CONFLICT (project, hour) DO UPDATE SET least = min(least, excluded.least);

-- name: settle
UPDATE ledger SET status = ?, input_tokens = ?, cached_tokens = ?, output_tokens = ?, reasoning_tokens = ?,
    estimated = ?, cost = ?, seconds = ?, first_token = ?
WHERE id = ? AND project = ? AND status IS NULL;

-- name: uncharge
DELETE FROM ledger WHERE id = ? AND project = ? AND status IS NULL;

-- name: lost
-- Rows that are open, but not those of a response whose run goes on or will be taken up; with the response's end.
SELECT l.id, l.project, l.api_key, l.model, l.opened_at, l.input_tokens, l.output_tokens, l.cost, l.input_cost,
    r.ended_at, r.body
FROM ledger l LEFT JOIN response r ON r.id = l.id AND r.project = l.project
WHERE l.status IS NULL AND l.opened_at < ? AND (r.n IS NULL OR r.ended_at IS NOT NULL) ORDER BY l.id, l.project;

-- name: usage
-- Parameters: start, end, width, whether by project, by key and by model, the projects as a JSON array, the first hour.
SELECT
    CASE WHEN ?3 > 0 THEN CAST(opened_at / ?3 AS INTEGER) * ?3 ELSE ?1 END AS bucket,
    CASE WHEN ?4 THEN project ELSE '' END AS by_project,
    CASE WHEN ?5 THEN api_key ELSE '' END AS by_key,
    CASE WHEN ?6 THEN model ELSE '' END AS by_model,
    count(*), sum(estimated), sum(input_tokens), sum(cached_tokens), sum(output_tokens), sum(reasoning_tokens), sum(cost)
FROM ledger
WHERE id >= (
        SELECT min(least) FROM ledger_hour
        WHERE hour >= ?8 AND (?7 = '[]' OR project IN (SELECT value FROM json_each(?7)))
    )
    AND opened_at >= ?1 AND opened_at < ?2 AND status IS NOT NULL
    AND (?7 = '[]' OR project IN (SELECT value FROM json_each(?7)))
GROUP BY bucket, by_project, by_key, by_model ORDER BY bucket, by_project, by_key, by_model;
