-- Projects and API keys, as JSON: they are few, and the server reads all of them at once. A key's digest stands in its
-- JSON; its text stands nowhere. `last_used_at` is told apart, for it changes without the key being changed.
CREATE TABLE project (
    id   TEXT PRIMARY KEY,
    body BLOB NOT NULL
) WITHOUT ROWID;
CREATE TABLE api_key (
    id           TEXT PRIMARY KEY,
    project      TEXT NOT NULL,
    last_used_at INTEGER,
    body         BLOB NOT NULL
) WITHOUT ROWID;

-- What was once so and stays so: `keyed`, since a key was made or an admin key configured.
CREATE TABLE mark (
    name TEXT PRIMARY KEY
) WITHOUT ROWID;

INSERT INTO project (id, body) VALUES (
    'default',
    json_object('id', 'default', 'name', 'default', 'created_at', CAST(strftime('%s', 'now') AS INTEGER))
);

-- What each response used, in any ending. While `status` is NULL its run goes on, and tokens and cost are what was
-- reserved; `input_cost` is the part of that for the input. A row outlives its response, and holds nothing that was said.
CREATE TABLE ledger (
    id               TEXT    NOT NULL,
    project          TEXT    NOT NULL,
    api_key          TEXT    NOT NULL,
    model            TEXT    NOT NULL,
    opened_at        REAL    NOT NULL,
    status           TEXT,
    input_tokens     INTEGER NOT NULL,
    cached_tokens    INTEGER NOT NULL DEFAULT 0,
    output_tokens    INTEGER NOT NULL,
    reasoning_tokens INTEGER NOT NULL DEFAULT 0,
    estimated        INTEGER NOT NULL DEFAULT 0,
    cost             REAL    NOT NULL,
    input_cost       REAL    NOT NULL,
    seconds          REAL    NOT NULL DEFAULT 0,
    first_token      REAL,
    PRIMARY KEY (id, project)
) WITHOUT ROWID;
CREATE INDEX ledger_open ON ledger (id) WHERE status IS NULL;

-- The least id of a project's ledger rows that were opened in an hour (of unix seconds): where a sum over a time begins
-- to read. Ids grow with time, so that it is written once an hour; an index on `opened_at` would be paid on each row.
CREATE TABLE ledger_hour (
    project TEXT    NOT NULL,
    hour    INTEGER NOT NULL,
    least   TEXT    NOT NULL,
    PRIMARY KEY (project, hour)
) WITHOUT ROWID;
