-- Prompts, a row for each version; a row never changes.
CREATE TABLE prompt (
    project TEXT    NOT NULL,
    id      TEXT    NOT NULL,
    version INTEGER NOT NULL,
    body    BLOB    NOT NULL,
    PRIMARY KEY (project, id, version)
) WITHOUT ROWID;
