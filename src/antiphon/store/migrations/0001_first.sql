-- What a response is, without its items. `n` grows with time. `lease_until` is 0 while nobody holds a run,
-- `request` is there only until the end. Threads and items are told apart from responses because they outlive them.
-- Foreign keys are not declared: every row is written and deleted in one place, and checks would be paid on each turn.
CREATE TABLE response (
    n            INTEGER PRIMARY KEY,
    id           TEXT    NOT NULL UNIQUE,
    project      TEXT    NOT NULL,
    thread       INTEGER NOT NULL,
    position     INTEGER NOT NULL,
    background   INTEGER NOT NULL,
    conversation TEXT,
    follows      TEXT,
    ended_at     REAL,
    expires_at   INTEGER,
    epoch        INTEGER NOT NULL DEFAULT 0,
    lease_until  REAL    NOT NULL DEFAULT 0,
    has_log      INTEGER NOT NULL DEFAULT 0,
    request      BLOB,
    body         BLOB    NOT NULL,
    UNIQUE (thread, position)
);
CREATE INDEX response_running ON response (background, n) WHERE ended_at IS NULL;
CREATE INDEX response_bound ON response (thread) WHERE ended_at IS NULL AND conversation IS NOT NULL;
CREATE INDEX response_expires ON response (expires_at) WHERE expires_at IS NOT NULL;
CREATE INDEX response_log ON response (ended_at) WHERE has_log = 1;

-- A thread that began as a continuation of an older response. Other threads need no row.
CREATE TABLE fork (
    thread          INTEGER PRIMARY KEY,
    parent          INTEGER NOT NULL,
    parent_position INTEGER NOT NULL
);
CREATE INDEX fork_parent ON fork (parent, parent_position);

-- An item, once, however many entries point to it (`uses`); the newest of an outward id has the greatest `id`.
CREATE TABLE item (
    id      INTEGER PRIMARY KEY,
    project TEXT    NOT NULL,
    outward TEXT    NOT NULL,
    uses    INTEGER NOT NULL,
    body    BLOB    NOT NULL
);
CREATE INDEX item_outward ON item (project, outward);

-- Where an item stands in a thread; side 0 is input, 1 is output. `gone_at` NULL: seen from every later position;
-- a number: seen only by responses up to that position.
CREATE TABLE entry (
    thread   INTEGER NOT NULL,
    position INTEGER NOT NULL,
    side     INTEGER NOT NULL,
    place    INTEGER NOT NULL,
    item     INTEGER NOT NULL,
    gone_at  INTEGER,
    PRIMARY KEY (thread, position, side, place)
) WITHOUT ROWID;
CREATE INDEX entry_gone ON entry (thread) WHERE gone_at IS NOT NULL;

-- Threads of which more is to be forgotten than one transaction should.
CREATE TABLE doomed (
    thread INTEGER PRIMARY KEY
);

-- The log of a response: consecutive events, from `first` to `last`, on a line each.
CREATE TABLE chunk (
    thread   INTEGER NOT NULL,
    position INTEGER NOT NULL,
    first    INTEGER NOT NULL,
    last     INTEGER NOT NULL,
    data     BLOB    NOT NULL,
    PRIMARY KEY (thread, position, first)
) WITHOUT ROWID;

-- A conversation holds its thread; `tip` is the position that was given last, and never falls.
CREATE TABLE conversation (
    id         TEXT    PRIMARY KEY,
    project    TEXT    NOT NULL,
    thread     INTEGER NOT NULL UNIQUE,
    tip        INTEGER NOT NULL,
    created_at INTEGER NOT NULL,
    metadata   BLOB    NOT NULL
) WITHOUT ROWID;

-- What a request under an Idempotency-Key led to.
CREATE TABLE record (
    project     TEXT    NOT NULL,
    scope       TEXT    NOT NULL,
    key         TEXT    NOT NULL,
    fingerprint BLOB    NOT NULL,
    created_at  INTEGER NOT NULL,
    response_id TEXT,
    body        BLOB,
    PRIMARY KEY (project, scope, key)
) WITHOUT ROWID;
CREATE INDEX record_created ON record (created_at);
