-- 0005: triggers of `sessions`, `tokens` and `tickets`.  What ends a session or
-- a token, or makes it less, writes an event that no client sees and that ends
-- its streams.  0002 says how triggers are written here.
--
-- The three tables share their rules, so each rule stands once, as a procedure.
-- The triggers below the procedures are in the order of the operations.  SQLite
-- has no trigger of several tables, so sessions and tokens have one each.

BEGIN IMMEDIATE;

-- What has streams: sessions and tokens.
CREATE VIEW IF NOT EXISTS credentials AS
    SELECT 'session' AS kind, id, user_id, secret_sha256, expires_at,
        quote(user_id) || quote(scopes) || quote(secret_sha256) AS content
    FROM sessions
    UNION ALL
    SELECT 'token', id, user_id, secret_sha256, expires_at,
        quote(user_id) || quote(scopes) || quote(secret_sha256)
    FROM tokens;

-- A procedure: are these values that a credential may have?
CREATE VIEW IF NOT EXISTS credential_values AS
    SELECT NULL AS kind, NULL AS secret_sha256, NULL AS user_id,
        NULL AS created_at, NULL AS expires_at
    WHERE 0;

CREATE TRIGGER IF NOT EXISTS credential_values_insert
INSTEAD OF INSERT ON credential_values
BEGIN
    SELECT CASE NEW.kind
        WHEN 'session' THEN RAISE(ABORT, 'sessions.secret_sha256: expected the SHA-256 of the secret, 64 lower-case hex digits')
        WHEN 'token' THEN RAISE(ABORT, 'tokens.secret_sha256: expected the SHA-256 of the secret, 64 lower-case hex digits')
        ELSE RAISE(ABORT, 'tickets.secret_sha256: expected the SHA-256 of the secret, 64 lower-case hex digits')
    END
    WHERE typeof(NEW.secret_sha256) <> 'text'
        OR length(NEW.secret_sha256) <> 64
        OR NEW.secret_sha256 GLOB '*[^0-9a-f]*';
    SELECT CASE NEW.kind
        WHEN 'session' THEN RAISE(ABORT, 'sessions.user_id: expected one user as text, not '''' or ''*''')
        WHEN 'token' THEN RAISE(ABORT, 'tokens.user_id: expected one user as text, not '''' or ''*''')
        ELSE RAISE(ABORT, 'tickets.user_id: expected one user as text, not '''' or ''*''')
    END
    WHERE typeof(NEW.user_id) <> 'text' OR NEW.user_id IN ('', '*');
    -- A ticket's is not looked at: nothing asks for it.
    SELECT CASE NEW.kind
        WHEN 'session' THEN RAISE(ABORT, 'sessions.created_at: expected Unix milliseconds, an integer up to the year 9999')
        ELSE RAISE(ABORT, 'tokens.created_at: expected Unix milliseconds, an integer up to the year 9999')
    END
    WHERE NEW.kind <> 'ticket'
        AND ((typeof(NEW.created_at) <> 'integer' AND NEW.created_at IS NOT NULL)
            OR NEW.created_at NOT BETWEEN 0 AND 253402300799999);
    SELECT CASE NEW.kind
        WHEN 'session' THEN RAISE(ABORT, 'sessions.expires_at: expected NULL or Unix milliseconds, an integer up to the year 9999')
        WHEN 'token' THEN RAISE(ABORT, 'tokens.expires_at: expected NULL or Unix milliseconds, an integer up to the year 9999')
        ELSE RAISE(ABORT, 'tickets.expires_at: expected Unix milliseconds, an integer up to the year 9999')
    END
    WHERE (typeof(NEW.expires_at) <> 'integer' AND NEW.expires_at IS NOT NULL)
        OR NEW.expires_at NOT BETWEEN 0 AND 253402300799999;
END;

-- A procedure: before an INSERT, note the rows that it may replace: the one of
-- its id, and another one of its secret.
CREATE VIEW IF NOT EXISTS replaced_credentials AS
    SELECT NULL AS kind, NULL AS id, NULL AS secret_sha256 WHERE 0;

CREATE TRIGGER IF NOT EXISTS replaced_credentials_insert
INSTEAD OF INSERT ON replaced_credentials
BEGIN
    UPDATE scratch SET (id, user_id, content, expires_at, event) =
        (SELECT id, user_id, content, expires_at,
            coalesce((SELECT max(id) FROM events), 0)
        FROM credentials c WHERE c.kind = NEW.kind AND c.id = NEW.id)
    WHERE kind = 'replaced ' || NEW.kind;
    UPDATE scratch SET (id, user_id, event) =
        (SELECT id, user_id, coalesce((SELECT max(id) FROM events), 0)
        FROM credentials c
        WHERE c.kind = NEW.kind AND c.secret_sha256 = NEW.secret_sha256
            AND c.id <> NEW.id)
    WHERE kind = 'replaced ' || NEW.kind || ' of that secret';
END;

-- A procedure: a credential that was `was` and is now `content` has ended, if it
-- is another one or lives shorter.
CREATE VIEW IF NOT EXISTS credential_changes AS
    SELECT NULL AS kind, NULL AS id, NULL AS user_id, NULL AS was,
        NULL AS content, NULL AS was_expires_at, NULL AS expires_at
    WHERE 0;

CREATE TRIGGER IF NOT EXISTS credential_changes_insert
INSTEAD OF INSERT ON credential_changes
WHEN NEW.was <> NEW.content
    OR (NEW.was_expires_at IS NULL AND NEW.expires_at IS NOT NULL)
    OR NEW.expires_at < NEW.was_expires_at
BEGIN
    INSERT INTO events(user_id, action, notification_id)
        VALUES (NEW.user_id, NEW.kind || '-ended', NEW.id);
END;

-- A procedure: after an INSERT, what has become of the rows that were noted.
-- What a delete trigger has written of them in between is taken back.
CREATE VIEW IF NOT EXISTS credential_replacements AS
    SELECT NULL AS kind, NULL AS id, NULL AS expires_at WHERE 0;

CREATE TRIGGER IF NOT EXISTS credential_replacements_insert
INSTEAD OF INSERT ON credential_replacements
WHEN EXISTS (SELECT 1 FROM scratch
    WHERE kind IN ('replaced ' || NEW.kind,
            'replaced ' || NEW.kind || ' of that secret')
        AND id IS NOT NULL)
BEGIN
    DELETE FROM events
    WHERE id > (SELECT min(event) FROM scratch
            WHERE kind IN ('replaced ' || NEW.kind,
                    'replaced ' || NEW.kind || ' of that secret')
                AND id IS NOT NULL)
        AND action = NEW.kind || '-ended'
        AND notification_id IN (SELECT id FROM scratch
            WHERE kind IN ('replaced ' || NEW.kind,
                'replaced ' || NEW.kind || ' of that secret'));
    INSERT INTO credential_changes(kind, id, user_id, was, content,
            was_expires_at, expires_at)
        SELECT NEW.kind, s.id, s.user_id, s.content, c.content,
            s.expires_at, NEW.expires_at
        FROM scratch s JOIN credentials c ON c.id = s.id
        WHERE s.kind = 'replaced ' || NEW.kind AND s.id = NEW.id
            AND c.kind = NEW.kind;
    INSERT INTO events(user_id, action, notification_id)
        SELECT user_id, NEW.kind || '-ended', id FROM scratch
        WHERE kind = 'replaced ' || NEW.kind || ' of that secret'
            AND id IS NOT NULL;
    UPDATE scratch SET id = NULL, content = NULL
    WHERE kind IN ('replaced ' || NEW.kind,
            'replaced ' || NEW.kind || ' of that secret')
        AND id IS NOT NULL;
END;

-- before an INSERT --------------------------------------------------------------

CREATE TRIGGER IF NOT EXISTS sessions_before_insert
BEFORE INSERT ON sessions
BEGIN
    SELECT RAISE(ABORT, 'sessions.id: expected none, or one from 1 to 2^52')
    WHERE NEW.id > 4503599627370496;
    INSERT INTO credential_values(kind, secret_sha256, user_id, created_at, expires_at)
        VALUES ('session', NEW.secret_sha256, NEW.user_id, NEW.created_at, NEW.expires_at);
    INSERT INTO replaced_credentials(kind, id, secret_sha256)
        VALUES ('session', NEW.id, NEW.secret_sha256);
END;

CREATE TRIGGER IF NOT EXISTS tokens_before_insert
BEFORE INSERT ON tokens
BEGIN
    SELECT RAISE(ABORT, 'tokens.id: expected none, or one from 1 to 2^52')
    WHERE NEW.id > 4503599627370496;
    INSERT INTO credential_values(kind, secret_sha256, user_id, created_at, expires_at)
        VALUES ('token', NEW.secret_sha256, NEW.user_id, NEW.created_at, NEW.expires_at);
    INSERT INTO replaced_credentials(kind, id, secret_sha256)
        VALUES ('token', NEW.id, NEW.secret_sha256);
END;

CREATE TRIGGER IF NOT EXISTS tickets_before_insert
BEFORE INSERT ON tickets
BEGIN
    INSERT INTO credential_values(kind, secret_sha256, user_id, expires_at)
        VALUES ('ticket', NEW.secret_sha256, NEW.user_id, NEW.expires_at);
END;

-- after an INSERT ---------------------------------------------------------------

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
    INSERT INTO credential_replacements(kind, id, expires_at)
        VALUES ('session', NEW.id, NEW.expires_at);
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
    INSERT INTO credential_replacements(kind, id, expires_at)
        VALUES ('token', NEW.id, NEW.expires_at);
END;

-- before an UPDATE --------------------------------------------------------------

-- UPDATE OR REPLACE would delete another row of that secret without a word.
CREATE TRIGGER IF NOT EXISTS sessions_before_update
BEFORE UPDATE ON sessions
BEGIN
    SELECT RAISE(ABORT, 'sessions.id: expected the id it has')
    WHERE NEW.id IS NOT OLD.id;
    INSERT INTO credential_values(kind, secret_sha256, user_id, created_at, expires_at)
        VALUES ('session', NEW.secret_sha256, NEW.user_id, NEW.created_at, NEW.expires_at);
    SELECT RAISE(ABORT, 'sessions.secret_sha256: expected a secret that no other session has')
    FROM sessions WHERE secret_sha256 = NEW.secret_sha256 AND id <> NEW.id;
END;

CREATE TRIGGER IF NOT EXISTS tokens_before_update
BEFORE UPDATE ON tokens
BEGIN
    SELECT RAISE(ABORT, 'tokens.id: expected the id it has')
    WHERE NEW.id IS NOT OLD.id;
    INSERT INTO credential_values(kind, secret_sha256, user_id, created_at, expires_at)
        VALUES ('token', NEW.secret_sha256, NEW.user_id, NEW.created_at, NEW.expires_at);
    SELECT RAISE(ABORT, 'tokens.secret_sha256: expected a secret that no other token has')
    FROM tokens WHERE secret_sha256 = NEW.secret_sha256 AND id <> NEW.id;
END;

-- after an UPDATE ---------------------------------------------------------------

CREATE TRIGGER IF NOT EXISTS sessions_after_update
AFTER UPDATE ON sessions
BEGIN
    UPDATE sessions SET
        scopes = coalesce(scopes, 'read'),
        created_at = coalesce(created_at, OLD.created_at)
    WHERE id = NEW.id AND (scopes IS NULL OR created_at IS NULL);
    INSERT INTO credential_changes(kind, id, user_id, was, content,
            was_expires_at, expires_at)
        VALUES ('session', OLD.id, OLD.user_id,
            quote(OLD.user_id) || quote(coalesce(OLD.scopes, 'read')) || quote(OLD.secret_sha256),
            quote(NEW.user_id) || quote(coalesce(NEW.scopes, 'read')) || quote(NEW.secret_sha256),
            OLD.expires_at, NEW.expires_at);
END;

CREATE TRIGGER IF NOT EXISTS tokens_after_update
AFTER UPDATE ON tokens
BEGIN
    UPDATE tokens SET
        scopes = coalesce(scopes, 'read'),
        created_at = coalesce(created_at, OLD.created_at)
    WHERE id = NEW.id AND (scopes IS NULL OR created_at IS NULL);
    INSERT INTO credential_changes(kind, id, user_id, was, content,
            was_expires_at, expires_at)
        VALUES ('token', OLD.id, OLD.user_id,
            quote(OLD.user_id) || quote(coalesce(OLD.scopes, 'read')) || quote(OLD.secret_sha256),
            quote(NEW.user_id) || quote(coalesce(NEW.scopes, 'read')) || quote(NEW.secret_sha256),
            OLD.expires_at, NEW.expires_at);
END;

-- after a DELETE ----------------------------------------------------------------

CREATE TRIGGER IF NOT EXISTS sessions_after_delete
AFTER DELETE ON sessions
BEGIN
    INSERT INTO events(user_id, action, notification_id)
        VALUES (OLD.user_id, 'session-ended', OLD.id);
END;

CREATE TRIGGER IF NOT EXISTS tokens_after_delete
AFTER DELETE ON tokens
BEGIN
    INSERT INTO events(user_id, action, notification_id)
        VALUES (OLD.user_id, 'token-ended', OLD.id);
END;

PRAGMA user_version = 5;

COMMIT;
