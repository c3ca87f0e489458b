-- 0001: tables, indexes and the view `inbox`.
--
-- Any program that can write SQLite can notify:
--
--     INSERT INTO notifications(user_id, title) VALUES ('alice', 'Done');
--
-- Every file in this folder can be run twice, by the program itself or by
-- hand: `cat sql/migrations/*.sql | sqlite3 belfry.db`.  Only what SQLite 3.24
-- (2018) understands is used, so that an old command-line shell can write.
--
-- All times are Unix milliseconds.  The comments stand inside the statements,
-- so that `.schema` shows them.

-- The command-line shell does not wait for a lock by itself.
PRAGMA busy_timeout = 10000;
PRAGMA journal_mode = WAL;

BEGIN IMMEDIATE;

CREATE TABLE IF NOT EXISTS notifications (
    -- Never used again after a delete.  1 .. 2^53-1 (exact in JavaScript);
    -- a writer may give one up to 2^52.  Does not change.
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    -- Whose it is; '*' = everyone's (a broadcast).  Required.
    user_id TEXT NOT NULL,
    -- Free word by which clients tell kinds apart.
    type TEXT DEFAULT 'info',
    -- One line of text.  Required.
    title TEXT NOT NULL,
    -- More text, or NULL.
    body TEXT,
    -- JSON for the client's own use, or NULL; what is not JSON goes out as a
    -- JSON string.
    data TEXT,
    -- Where a click leads, or NULL.
    link TEXT,
    -- 1 (low) .. 5 (high).
    priority INTEGER DEFAULT 3,
    -- When it was made.
    created_at INTEGER DEFAULT
        (CAST((julianday('now') - 2440587.5) * 86400000 + 0.5 AS INTEGER)),
    -- When something visible last changed.  Kept by a trigger, unless the
    -- writer sets it.
    updated_at INTEGER DEFAULT
        (CAST((julianday('now') - 2440587.5) * 86400000 + 0.5 AS INTEGER)),
    -- When it was read.  NULL asks the user's watermark (read_marks), 0 = made
    -- unread again: so "read" is coalesce(read_at > 0, id <= watermark).
    -- Means nothing in a broadcast, whose readers have receipts.
    read_at INTEGER,
    -- From when on nobody sees it; NULL = never.
    expires_at INTEGER,
    -- At most one row per user_id and key; a further INSERT is dropped.  NULL =
    -- none.  Not UNIQUE: INSERT OR REPLACE would delete the other row
    -- without telling anybody.
    dedupe_key TEXT
);

-- A user's list, newest first: ids follow user_id in this index.
CREATE INDEX IF NOT EXISTS notifications_by_user
    ON notifications(user_id);
-- Counting what is unread without a look at the table.
CREATE INDEX IF NOT EXISTS notifications_by_state
    ON notifications(user_id, read_at, id, expires_at);
CREATE INDEX IF NOT EXISTS notifications_by_expiry
    ON notifications(expires_at) WHERE expires_at IS NOT NULL;
CREATE INDEX IF NOT EXISTS notifications_by_dedupe_key
    ON notifications(user_id, dedupe_key) WHERE dedupe_key IS NOT NULL;

-- The journal: what happened, in order.  Written by triggers, in the
-- transaction of the change; rows never change, old ones are pruned.
CREATE TABLE IF NOT EXISTS events (
    -- Also the SSE event id.  Only grows.
    id INTEGER PRIMARY KEY AUTOINCREMENT
        CONSTRAINT event_id_from_1_to_9007199254740991
        CHECK (id BETWEEN 1 AND 9007199254740991),
    -- Who is told: a user, '*' = everyone, '' = nobody ('epoch').
    user_id TEXT NOT NULL,
    -- created, updated, read, unread, deleted, all-read; for the program only,
    -- seen by no client: session-ended, token-ended, epoch.
    action TEXT NOT NULL,
    -- The notification; all-read: the watermark; *-ended: the session's or
    -- token's id; epoch: 0.
    notification_id INTEGER NOT NULL,
    -- When.
    at INTEGER NOT NULL DEFAULT
        (CAST((julianday('now') - 2440587.5) * 86400000 + 0.5 AS INTEGER)),
    -- Random: tells whether a row is still the one that was seen, or history
    -- was rewritten (a backup put back).
    nonce INTEGER NOT NULL DEFAULT (random())
);

-- Replay of one user's events in order: ids follow user_id in this index.
CREATE INDEX IF NOT EXISTS events_by_user ON events(user_id);

-- One user's state of one broadcast.  Goes when the broadcast goes.
CREATE TABLE IF NOT EXISTS receipts (
    -- Whose state.
    user_id TEXT NOT NULL,
    -- The broadcast.
    notification_id INTEGER NOT NULL,
    -- As notifications.read_at.
    read_at INTEGER,
    -- When this user hid the broadcast from his list; NULL = it is there.
    deleted_at INTEGER,
    PRIMARY KEY (user_id, notification_id)
) WITHOUT ROWID;

CREATE INDEX IF NOT EXISTS receipts_by_notification
    ON receipts(notification_id);
CREATE INDEX IF NOT EXISTS receipts_hidden
    ON receipts(notification_id, deleted_at) WHERE deleted_at IS NOT NULL;

-- One user's watermark: everything up to it is read, unless read_at says
-- otherwise.  Marking all as read is writing this row.
CREATE TABLE IF NOT EXISTS read_marks (
    -- Whose watermark.
    user_id TEXT NOT NULL PRIMARY KEY,
    -- Highest notification id that it covers.  Only rises, and never above the
    -- last notification.
    read_through INTEGER NOT NULL,
    -- When it was written: the read time of all that it covers.
    read_at INTEGER DEFAULT
        (CAST((julianday('now') - 2440587.5) * 86400000 + 0.5 AS INTEGER))
) WITHOUT ROWID;

-- Who is logged in (cookie).
CREATE TABLE IF NOT EXISTS sessions (
    -- Never used again.
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    -- SHA-256 of the secret, 64 lower-case hex digits; never the secret itself.
    secret_sha256 TEXT NOT NULL UNIQUE,
    -- Whom it lets in.
    user_id TEXT NOT NULL,
    -- What it may do: read, publish, admin, separated by commas.
    scopes TEXT DEFAULT 'read',
    -- When it was made.
    created_at INTEGER DEFAULT
        (CAST((julianday('now') - 2440587.5) * 86400000 + 0.5 AS INTEGER)),
    -- From when on it is bad; NULL = never.
    expires_at INTEGER
);

CREATE INDEX IF NOT EXISTS sessions_by_expiry
    ON sessions(expires_at) WHERE expires_at IS NOT NULL;

-- Programs that have a key (Authorization: Bearer).
CREATE TABLE IF NOT EXISTS tokens (
    -- Never used again.
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    -- SHA-256 of the secret, 64 lower-case hex digits; never the secret itself.
    secret_sha256 TEXT NOT NULL UNIQUE,
    -- Whom it lets in.
    user_id TEXT NOT NULL,
    -- What it may do: read, publish, admin, separated by commas.
    scopes TEXT DEFAULT 'read',
    -- When it was made.
    created_at INTEGER DEFAULT
        (CAST((julianday('now') - 2440587.5) * 86400000 + 0.5 AS INTEGER)),
    -- From when on it is bad; NULL = never.
    expires_at INTEGER
);

CREATE INDEX IF NOT EXISTS tokens_by_expiry
    ON tokens(expires_at) WHERE expires_at IS NOT NULL;

-- Single-use keys of a minute, for a stream's URL where no cookie can go.
CREATE TABLE IF NOT EXISTS tickets (
    -- Never used again.
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    -- SHA-256 of the secret, 64 lower-case hex digits; never the secret itself.
    secret_sha256 TEXT NOT NULL UNIQUE,
    -- The session that issued it, or NULL.
    session_id INTEGER,
    -- The token that issued it, or NULL.
    token_id INTEGER,
    -- Whom it lets in.
    user_id TEXT NOT NULL,
    -- What its issuer may do.
    scopes TEXT NOT NULL,
    -- When it was made.
    created_at INTEGER NOT NULL DEFAULT
        (CAST((julianday('now') - 2440587.5) * 86400000 + 0.5 AS INTEGER)),
    -- From when on it is bad.
    expires_at INTEGER NOT NULL,
    -- The host application's session that issued it, or NULL: without it the
    -- stream could not look whether that session still lives.  Only who has
    -- the ticket can read it.
    host_secret BLOB
);

CREATE INDEX IF NOT EXISTS tickets_by_expiry ON tickets(expires_at);

CREATE TABLE IF NOT EXISTS meta (
    -- 'epoch': random id of this database's history, a new one when it was
    -- rewritten.  'floor': highest event id that was pruned.
    key TEXT NOT NULL PRIMARY KEY,
    -- Its value.
    value TEXT NOT NULL
) WITHOUT ROWID;

INSERT OR IGNORE INTO meta(key, value)
    VALUES ('epoch', lower(hex(randomblob(16)))), ('floor', '0');

-- So that the program can raise it by an UPDATE.
INSERT INTO sqlite_sequence(name, seq)
    SELECT 'events', 0
    WHERE NOT EXISTS (SELECT 1 FROM sqlite_sequence WHERE name = 'events');

-- What one trigger tells another one, within one statement: 0002 says how.
CREATE TABLE IF NOT EXISTS scratch (
    -- What it says; one row each, always there.
    kind TEXT NOT NULL PRIMARY KEY,
    -- The row that it is about; NULL = none.
    id INTEGER,
    -- The user that it is about, or the row's user before the change.
    user_id TEXT,
    -- The row's other columns before the change, quoted and joined.
    content TEXT,
    -- The row's columns of that name before the change.
    read_at INTEGER,
    deleted_at INTEGER,
    expires_at INTEGER,
    -- The journal's newest row before the change.
    event INTEGER
) WITHOUT ROWID;

INSERT OR IGNORE INTO scratch(kind) VALUES
    ('replaced notification'), ('replaced receipt'), ('replaced read mark'),
    ('replaced session'), ('replaced session of that secret'),
    ('replaced token'), ('replaced token of that secret'),
    ('tidying'), ('update names title'), ('update names read_at');

-- Targeted, unexpired notifications with their read state, as `read_at IS
-- NULL` is the wrong question where there is a watermark.
CREATE VIEW IF NOT EXISTS inbox AS
    SELECT n.id, n.user_id, n.type, n.title, n.body, n.data, n.link,
        n.priority, n.created_at, n.updated_at,
        -- NULL = unread; else when it was read, itself or by the watermark.
        CASE WHEN n.read_at > 0 THEN n.read_at
            WHEN n.read_at IS NULL AND n.id <= m.read_through THEN m.read_at
        END AS read_at,
        n.expires_at, n.dedupe_key,
        -- 1 = unread, 0 = read.
        NOT coalesce(n.read_at > 0, n.id <= m.read_through, 0) AS unread
    FROM notifications n
    LEFT JOIN read_marks m ON m.user_id = n.user_id
    WHERE n.user_id <> '*'
        AND (n.expires_at IS NULL OR n.expires_at >
            CAST((julianday('now') - 2440587.5) * 86400000 + 0.5 AS INTEGER));

COMMIT;
