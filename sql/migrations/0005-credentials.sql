-- 0005: triggers of `sessions`, `tokens` and `tickets`.  What ends a session or
-- a token, or makes it less, writes an event that no client sees and that
-- ends its streams.  0002 says how they work.

BEGIN IMMEDIATE;

-- sessions ---------------------------------------------------------------------

CREATE TRIGGER IF NOT EXISTS sessions_before_insert
BEFORE INSERT ON sessions
BEGIN
    SELECT CASE
        WHEN NEW.id > 4503599627370496
        THEN RAISE(ABORT, 'sessions.id: expected none, or one from 1 to 2^52')
        WHEN typeof(NEW.secret_sha256) <> 'text'
            OR length(NEW.secret_sha256) <> 64
            OR NEW.secret_sha256 GLOB '*[^0-9a-f]*'
        THEN RAISE(ABORT, 'sessions.secret_sha256: expected the SHA-256 of the secret, 64 lower-case hex digits')
        WHEN typeof(NEW.user_id) <> 'text' OR NEW.user_id IN ('', '*')
        THEN RAISE(ABORT, 'sessions.user_id: expected one user as text, not '''' or ''*''')
        WHEN (typeof(NEW.created_at) <> 'integer' AND NEW.created_at IS NOT NULL)
            OR NEW.created_at NOT BETWEEN 0 AND 253402300799999
        THEN RAISE(ABORT, 'sessions.created_at: expected Unix milliseconds, an integer up to the year 9999')
        WHEN (typeof(NEW.expires_at) <> 'integer' AND NEW.expires_at IS NOT NULL)
            OR NEW.expires_at NOT BETWEEN 0 AND 253402300799999
        THEN RAISE(ABORT, 'sessions.expires_at: expected NULL or Unix milliseconds, an integer up to the year 9999')
    END;
    UPDATE scratch SET (id, user_id, content, expires_at, event) =
        (SELECT id, user_id,
            quote(user_id) || quote(scopes) || quote(secret_sha256),
            expires_at, coalesce((SELECT max(id) FROM events), 0)
        FROM sessions WHERE id = NEW.id)
    WHERE kind = 'replaced session';
    UPDATE scratch SET (id, user_id, event) =
        (SELECT id, user_id, coalesce((SELECT max(id) FROM events), 0)
        FROM sessions WHERE secret_sha256 = NEW.secret_sha256 AND id <> NEW.id)
    WHERE kind = 'replaced session of that secret';
END;

CREATE TRIGGER IF NOT EXISTS sessions_before_update
BEFORE UPDATE ON sessions
BEGIN
    SELECT CASE
        WHEN NEW.id IS NOT OLD.id
        THEN RAISE(ABORT, 'sessions.id: expected the id it has')
        WHEN typeof(NEW.secret_sha256) <> 'text'
            OR length(NEW.secret_sha256) <> 64
            OR NEW.secret_sha256 GLOB '*[^0-9a-f]*'
        THEN RAISE(ABORT, 'sessions.secret_sha256: expected the SHA-256 of the secret, 64 lower-case hex digits')
        -- UPDATE OR REPLACE would delete the other one without a word.
        WHEN EXISTS (SELECT 1 FROM sessions
            WHERE secret_sha256 = NEW.secret_sha256 AND id <> NEW.id)
        THEN RAISE(ABORT, 'sessions.secret_sha256: expected a secret that no other session has')
        WHEN typeof(NEW.user_id) <> 'text' OR NEW.user_id IN ('', '*')
        THEN RAISE(ABORT, 'sessions.user_id: expected one user as text, not '''' or ''*''')
        WHEN (typeof(NEW.created_at) <> 'integer' AND NEW.created_at IS NOT NULL)
            OR NEW.created_at NOT BETWEEN 0 AND 253402300799999
        THEN RAISE(ABORT, 'sessions.created_at: expected Unix milliseconds, an integer up to the year 9999')
        WHEN (typeof(NEW.expires_at) <> 'integer' AND NEW.expires_at IS NOT NULL)
            OR NEW.expires_at NOT BETWEEN 0 AND 253402300799999
        THEN RAISE(ABORT, 'sessions.expires_at: expected NULL or Unix milliseconds, an integer up to the year 9999')
    END;
END;

CREATE TRIGGER IF NOT EXISTS sessions_after_insert
AFTER INSERT ON sessions
BEGIN
    SELECT RAISE(ABORT, 'sessions.id: expected none, or one from 1 to 2^52')
    WHERE NEW.id NOT BETWEEN 1 AND 9007199254740991;
    UPDATE sessions SET
        scopes = coalesce(scopes, 'read'),
        created_at = coalesce(created_at,
            CAST((julianday('now') - 2440587.5) * 86400000 + 0.5 AS INTEGER))
    WHERE id = NEW.id AND (scopes IS NULL OR created_at IS NULL);

    -- The rest is for replaced rows.
    DELETE FROM events
    WHERE id > (SELECT min(event) FROM scratch
            WHERE kind IN ('replaced session',
                    'replaced session of that secret')
                AND id IS NOT NULL)
        AND action = 'session-ended'
        AND notification_id IN (SELECT id FROM scratch
            WHERE kind IN ('replaced session',
                'replaced session of that secret'));
    INSERT INTO events(user_id, action, notification_id)
        SELECT s.user_id, 'session-ended', s.id
        FROM scratch s
        WHERE (s.kind = 'replaced session' AND s.id = NEW.id
                AND (s.content <> (SELECT quote(user_id) || quote(scopes)
                            || quote(secret_sha256)
                        FROM sessions WHERE id = NEW.id)
                    OR (s.expires_at IS NULL AND NEW.expires_at IS NOT NULL)
                    OR NEW.expires_at < s.expires_at))
            OR (s.kind = 'replaced session of that secret'
                AND s.id IS NOT NULL);
    UPDATE scratch SET id = NULL, content = NULL
    WHERE kind IN ('replaced session', 'replaced session of that secret')
        AND id IS NOT NULL;
END;

CREATE TRIGGER IF NOT EXISTS sessions_after_update
AFTER UPDATE ON sessions
BEGIN
    UPDATE sessions SET
        scopes = coalesce(scopes, 'read'),
        created_at = coalesce(created_at, OLD.created_at)
    WHERE id = NEW.id AND (scopes IS NULL OR created_at IS NULL);
    INSERT INTO events(user_id, action, notification_id)
        SELECT OLD.user_id, 'session-ended', OLD.id
        WHERE NEW.user_id IS NOT OLD.user_id
            OR coalesce(NEW.scopes, 'read') IS NOT coalesce(OLD.scopes, 'read')
            OR NEW.secret_sha256 IS NOT OLD.secret_sha256
            OR (OLD.expires_at IS NULL AND NEW.expires_at IS NOT NULL)
            OR NEW.expires_at < OLD.expires_at;
END;

CREATE TRIGGER IF NOT EXISTS sessions_after_delete
AFTER DELETE ON sessions
BEGIN
    INSERT INTO events(user_id, action, notification_id)
        VALUES (OLD.user_id, 'session-ended', OLD.id);
END;

-- tokens -----------------------------------------------------------------------

CREATE TRIGGER IF NOT EXISTS tokens_before_insert
BEFORE INSERT ON tokens
BEGIN
    SELECT CASE
        WHEN NEW.id > 4503599627370496
        THEN RAISE(ABORT, 'tokens.id: expected none, or one from 1 to 2^52')
        WHEN typeof(NEW.secret_sha256) <> 'text'
            OR length(NEW.secret_sha256) <> 64
            OR NEW.secret_sha256 GLOB '*[^0-9a-f]*'
        THEN RAISE(ABORT, 'tokens.secret_sha256: expected the SHA-256 of the secret, 64 lower-case hex digits')
        WHEN typeof(NEW.user_id) <> 'text' OR NEW.user_id IN ('', '*')
        THEN RAISE(ABORT, 'tokens.user_id: expected one user as text, not '''' or ''*''')
        WHEN (typeof(NEW.created_at) <> 'integer' AND NEW.created_at IS NOT NULL)
            OR NEW.created_at NOT BETWEEN 0 AND 253402300799999
        THEN RAISE(ABORT, 'tokens.created_at: expected Unix milliseconds, an integer up to the year 9999')
        WHEN (typeof(NEW.expires_at) <> 'integer' AND NEW.expires_at IS NOT NULL)
            OR NEW.expires_at NOT BETWEEN 0 AND 253402300799999
        THEN RAISE(ABORT, 'tokens.expires_at: expected NULL or Unix milliseconds, an integer up to the year 9999')
    END;
    UPDATE scratch SET (id, user_id, content, expires_at, event) =
        (SELECT id, user_id,
            quote(user_id) || quote(scopes) || quote(secret_sha256),
            expires_at, coalesce((SELECT max(id) FROM events), 0)
        FROM tokens WHERE id = NEW.id)
    WHERE kind = 'replaced token';
    UPDATE scratch SET (id, user_id, event) =
        (SELECT id, user_id, coalesce((SELECT max(id) FROM events), 0)
        FROM tokens WHERE secret_sha256 = NEW.secret_sha256 AND id <> NEW.id)
    WHERE kind = 'replaced token of that secret';
END;

CREATE TRIGGER IF NOT EXISTS tokens_before_update
BEFORE UPDATE ON tokens
BEGIN
    SELECT CASE
        WHEN NEW.id IS NOT OLD.id
        THEN RAISE(ABORT, 'tokens.id: expected the id it has')
        WHEN typeof(NEW.secret_sha256) <> 'text'
            OR length(NEW.secret_sha256) <> 64
            OR NEW.secret_sha256 GLOB '*[^0-9a-f]*'
        THEN RAISE(ABORT, 'tokens.secret_sha256: expected the SHA-256 of the secret, 64 lower-case hex digits')
        -- UPDATE OR REPLACE would delete the other one without a word.
        WHEN EXISTS (SELECT 1 FROM tokens
            WHERE secret_sha256 = NEW.secret_sha256 AND id <> NEW.id)
        THEN RAISE(ABORT, 'tokens.secret_sha256: expected a secret that no other token has')
        WHEN typeof(NEW.user_id) <> 'text' OR NEW.user_id IN ('', '*')
        THEN RAISE(ABORT, 'tokens.user_id: expected one user as text, not '''' or ''*''')
        WHEN (typeof(NEW.created_at) <> 'integer' AND NEW.created_at IS NOT NULL)
            OR NEW.created_at NOT BETWEEN 0 AND 253402300799999
        THEN RAISE(ABORT, 'tokens.created_at: expected Unix milliseconds, an integer up to the year 9999')
        WHEN (typeof(NEW.expires_at) <> 'integer' AND NEW.expires_at IS NOT NULL)
            OR NEW.expires_at NOT BETWEEN 0 AND 253402300799999
        THEN RAISE(ABORT, 'tokens.expires_at: expected NULL or Unix milliseconds, an integer up to the year 9999')
    END;
END;

CREATE TRIGGER IF NOT EXISTS tokens_after_insert
AFTER INSERT ON tokens
BEGIN
    SELECT RAISE(ABORT, 'tokens.id: expected none, or one from 1 to 2^52')
    WHERE NEW.id NOT BETWEEN 1 AND 9007199254740991;
    UPDATE tokens SET
        scopes = coalesce(scopes, 'read'),
        created_at = coalesce(created_at,
            CAST((julianday('now') - 2440587.5) * 86400000 + 0.5 AS INTEGER))
    WHERE id = NEW.id AND (scopes IS NULL OR created_at IS NULL);

    -- The rest is for replaced rows.
    DELETE FROM events
    WHERE id > (SELECT min(event) FROM scratch
            WHERE kind IN ('replaced token',
                    'replaced token of that secret')
                AND id IS NOT NULL)
        AND action = 'token-ended'
        AND notification_id IN (SELECT id FROM scratch
            WHERE kind IN ('replaced token',
                'replaced token of that secret'));
    INSERT INTO events(user_id, action, notification_id)
        SELECT s.user_id, 'token-ended', s.id
        FROM scratch s
        WHERE (s.kind = 'replaced token' AND s.id = NEW.id
                AND (s.content <> (SELECT quote(user_id) || quote(scopes)
                            || quote(secret_sha256)
                        FROM tokens WHERE id = NEW.id)
                    OR (s.expires_at IS NULL AND NEW.expires_at IS NOT NULL)
                    OR NEW.expires_at < s.expires_at))
            OR (s.kind = 'replaced token of that secret'
                AND s.id IS NOT NULL);
    UPDATE scratch SET id = NULL, content = NULL
    WHERE kind IN ('replaced token', 'replaced token of that secret')
        AND id IS NOT NULL;
END;

CREATE TRIGGER IF NOT EXISTS tokens_after_update
AFTER UPDATE ON tokens
BEGIN
    UPDATE tokens SET
        scopes = coalesce(scopes, 'read'),
        created_at = coalesce(created_at, OLD.created_at)
    WHERE id = NEW.id AND (scopes IS NULL OR created_at IS NULL);
    INSERT INTO events(user_id, action, notification_id)
        SELECT OLD.user_id, 'token-ended', OLD.id
        WHERE NEW.user_id IS NOT OLD.user_id
            OR coalesce(NEW.scopes, 'read') IS NOT coalesce(OLD.scopes, 'read')
            OR NEW.secret_sha256 IS NOT OLD.secret_sha256
            OR (OLD.expires_at IS NULL AND NEW.expires_at IS NOT NULL)
            OR NEW.expires_at < OLD.expires_at;
END;

CREATE TRIGGER IF NOT EXISTS tokens_after_delete
AFTER DELETE ON tokens
BEGIN
    INSERT INTO events(user_id, action, notification_id)
        VALUES (OLD.user_id, 'token-ended', OLD.id);
END;

-- tickets ---------------------------------------------------------------------

CREATE TRIGGER IF NOT EXISTS tickets_before_insert
BEFORE INSERT ON tickets
BEGIN
    SELECT CASE
        WHEN typeof(NEW.secret_sha256) <> 'text'
            OR length(NEW.secret_sha256) <> 64
            OR NEW.secret_sha256 GLOB '*[^0-9a-f]*'
        THEN RAISE(ABORT, 'tickets.secret_sha256: expected the SHA-256 of the secret, 64 lower-case hex digits')
        WHEN typeof(NEW.user_id) <> 'text' OR NEW.user_id IN ('', '*')
        THEN RAISE(ABORT, 'tickets.user_id: expected one user as text, not '''' or ''*''')
        WHEN (typeof(NEW.expires_at) <> 'integer' AND NEW.expires_at IS NOT NULL)
            OR NEW.expires_at NOT BETWEEN 0 AND 253402300799999
        THEN RAISE(ABORT, 'tickets.expires_at: expected Unix milliseconds, an integer up to the year 9999')
    END;
END;

PRAGMA user_version = 5;

COMMIT;
