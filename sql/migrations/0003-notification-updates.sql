-- 0003: triggers of UPDATE of `notifications`: which change writes which event,
-- and what is refused.  0002 says how they work.

BEGIN IMMEDIATE;

CREATE TRIGGER IF NOT EXISTS notifications_before_update
BEFORE UPDATE ON notifications
BEGIN
    INSERT INTO notification_values(user_id, title, priority, created_at,
            updated_at, read_at, expires_at)
        VALUES (NEW.user_id, NEW.title, NEW.priority, NEW.created_at,
            NEW.updated_at, NEW.read_at, NEW.expires_at);
    SELECT CASE
        WHEN NEW.id IS NOT OLD.id
        THEN RAISE(ABORT, 'notifications.id: expected the id it has, as clients know it by that')
        WHEN (NEW.dedupe_key IS NOT OLD.dedupe_key
                OR NEW.user_id IS NOT OLD.user_id)
            AND EXISTS (SELECT 1 FROM notifications
                WHERE user_id = NEW.user_id AND dedupe_key = NEW.dedupe_key
                    AND id <> NEW.id)
        THEN RAISE(ABORT, 'notifications.dedupe_key: expected a key that no other notification of this user has')
    END;
END;

CREATE TRIGGER IF NOT EXISTS notifications_after_update
AFTER UPDATE ON notifications
WHEN NOT EXISTS (SELECT 1 FROM scratch
    WHERE kind = 'tidying' AND (id = NEW.id OR user_id = NEW.user_id))
BEGIN
    INSERT INTO events(user_id, action, notification_id)
        SELECT OLD.user_id, 'deleted', OLD.id
        WHERE NEW.user_id IS NOT OLD.user_id;
    INSERT INTO events(user_id, action, notification_id)
        SELECT NEW.user_id, 'created', NEW.id
        WHERE NEW.user_id IS NOT OLD.user_id;
    DELETE FROM receipts
    WHERE OLD.user_id = '*' AND NEW.user_id <> '*'
        AND notification_id = OLD.id;
    INSERT INTO new_broadcasts(id)
        SELECT NEW.id WHERE NEW.user_id = '*' AND OLD.user_id <> '*';

    INSERT INTO events(user_id, action, notification_id)
        SELECT NEW.user_id, 'updated', NEW.id
        WHERE NEW.user_id IS OLD.user_id
            AND (coalesce(NEW.updated_at, OLD.updated_at)
                    IS NOT OLD.updated_at
                OR NEW.title IS NOT OLD.title
                OR NEW.body IS NOT OLD.body
                OR NEW.data IS NOT OLD.data
                OR NEW.link IS NOT OLD.link
                OR NEW.expires_at IS NOT OLD.expires_at
                OR coalesce(NEW.type, 'info') IS NOT OLD.type
                OR coalesce(NEW.priority, 3) IS NOT OLD.priority
                OR coalesce(NEW.created_at, OLD.created_at) IS NOT OLD.created_at);
    -- A read_at that was set to NULL says unread (see the next trigger).
    INSERT INTO events(user_id, action, notification_id)
        SELECT NEW.user_id,
            CASE WHEN NEW.read_at > 0 THEN 'read' ELSE 'unread' END, NEW.id
        WHERE NEW.read_at IS NOT OLD.read_at
            AND NEW.user_id IS OLD.user_id AND NEW.user_id <> '*'
            AND coalesce(NEW.read_at > 0, 0) <> coalesce(OLD.read_at > 0,
                OLD.id <= (SELECT read_through FROM read_marks
                    WHERE user_id = OLD.user_id), 0);
    INSERT INTO unread_requests(id, user_id, was_user_id)
        SELECT NEW.id, NEW.user_id, OLD.user_id
        WHERE OLD.read_at IS NULL AND NEW.read_at IS NULL
            AND EXISTS (SELECT 1 FROM scratch
                WHERE kind IN ('update names read_at', 'update names title')
                    AND id = OLD.id);
END;

-- updated_at, where the writer did not set it; defaults for explicit NULLs; and
-- a read_at that was set to NULL at or below the watermark, or came there from
-- another user, is 0.
CREATE TRIGGER IF NOT EXISTS notifications_after_update_corrections
AFTER UPDATE ON notifications
WHEN (NEW.type IS NULL OR NEW.priority IS NULL
        OR NEW.created_at IS NULL OR NEW.updated_at IS NULL
        OR (NEW.updated_at IS OLD.updated_at
            AND (NEW.user_id IS NOT OLD.user_id
                OR NEW.title IS NOT OLD.title
                OR NEW.body IS NOT OLD.body
                OR NEW.data IS NOT OLD.data
                OR NEW.link IS NOT OLD.link
                OR NEW.expires_at IS NOT OLD.expires_at
                OR coalesce(NEW.type, 'info') IS NOT OLD.type
                OR coalesce(NEW.priority, 3) IS NOT OLD.priority
                OR coalesce(NEW.created_at, OLD.created_at) IS NOT OLD.created_at))
        OR (NEW.read_at IS NULL
            AND (OLD.read_at IS NOT NULL OR NEW.user_id IS NOT OLD.user_id)
            AND NEW.id <= (SELECT read_through FROM read_marks
                WHERE user_id = NEW.user_id)))
    AND NOT EXISTS (SELECT 1 FROM scratch
        WHERE kind = 'tidying' AND (id = NEW.id OR user_id = NEW.user_id))
BEGIN
    INSERT INTO notification_corrections(id, created_at, updated_at, read_at)
        SELECT NEW.id, OLD.created_at,
            CASE WHEN coalesce(NEW.updated_at, OLD.updated_at)
                    IS OLD.updated_at
                AND (NEW.user_id IS NOT OLD.user_id
                    OR NEW.title IS NOT OLD.title
                    OR NEW.body IS NOT OLD.body
                    OR NEW.data IS NOT OLD.data
                    OR NEW.link IS NOT OLD.link
                    OR NEW.expires_at IS NOT OLD.expires_at
                    OR coalesce(NEW.type, 'info') IS NOT OLD.type
                    OR coalesce(NEW.priority, 3) IS NOT OLD.priority
                    OR coalesce(NEW.created_at, OLD.created_at) IS NOT OLD.created_at)
            THEN CAST((julianday('now') - 2440587.5) * 86400000 + 0.5
                AS INTEGER)
            ELSE coalesce(NEW.updated_at, OLD.updated_at) END,
            (SELECT 0 FROM read_marks
            WHERE user_id = NEW.user_id AND read_through >= NEW.id
                AND (OLD.read_at IS NOT NULL
                    OR NEW.user_id IS NOT OLD.user_id));
END;

-- `SET read_at = NULL` on a row that only the watermark makes read asks for
-- unread.  In a statement that sets the title too it asks for nothing: that is
-- a program that writes back the whole row.  Which columns a statement names,
-- only UPDATE OF can see.
CREATE TRIGGER IF NOT EXISTS notifications_before_update_of_read_at
BEFORE UPDATE OF read_at ON notifications
WHEN OLD.read_at IS NULL AND NEW.read_at IS NULL
    AND OLD.id <=
        (SELECT read_through FROM read_marks WHERE user_id = OLD.user_id)
    AND NOT EXISTS (SELECT 1 FROM scratch
        WHERE kind = 'tidying' AND (id = NEW.id OR user_id = NEW.user_id))
BEGIN
    UPDATE scratch SET id = OLD.id WHERE kind = 'update names read_at';
END;

CREATE TRIGGER IF NOT EXISTS notifications_before_update_of_title
BEFORE UPDATE OF title ON notifications
WHEN OLD.read_at IS NULL AND NEW.read_at IS NULL
    AND OLD.id <=
        (SELECT read_through FROM read_marks WHERE user_id = OLD.user_id)
BEGIN
    UPDATE scratch SET id = OLD.id WHERE kind = 'update names title';
END;

-- A procedure: what these two have seen, once the row is written.
CREATE VIEW IF NOT EXISTS unread_requests AS
    SELECT NULL AS id, NULL AS user_id, NULL AS was_user_id WHERE 0;

CREATE TRIGGER IF NOT EXISTS unread_requests_insert
INSTEAD OF INSERT ON unread_requests
BEGIN
    UPDATE scratch SET id = NULL
    WHERE kind = 'update names read_at'
        AND (NEW.user_id <> NEW.was_user_id
            OR EXISTS (SELECT 1 FROM scratch
                WHERE kind = 'update names title' AND id = NEW.id));
    UPDATE scratch SET id = NULL WHERE kind = 'update names title';
    INSERT INTO notification_corrections(id, read_at)
        SELECT id, 0 FROM scratch
        WHERE kind = 'update names read_at' AND id = NEW.id;
    INSERT INTO events(user_id, action, notification_id)
        SELECT NEW.user_id, 'unread', id FROM scratch
        WHERE kind = 'update names read_at' AND id = NEW.id;
    UPDATE scratch SET id = NULL WHERE kind = 'update names read_at';
END;

COMMIT;
