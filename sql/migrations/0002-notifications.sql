-- 0002: triggers of `events` and `notifications`: which change writes which
-- event, and what is refused.
--
-- How they are written, and why:
--
-- * SQLite runs several triggers of one event in no fixed order, so events that
--   need an order come from one body.
-- * INSERT OR REPLACE deletes the old row without a delete trigger, or, with
--   recursive_triggers on, with one.  So BEFORE INSERT notes the row that is
--   already there ('replaced notification' in `scratch`); an AFTER INSERT that
--   finds the note knows that this row was replaced, and takes back what a
--   delete trigger has written in between.  (An upsert or OR IGNORE never gets
--   to AFTER INSERT; its note is overwritten by the next one.)
-- * An OR clause of the writer's statement overrides those inside of triggers.
--   So these triggers have none, and no constraint that could fail.
-- * Where a trigger puts a value right (a default for an explicit NULL, and so
--   on) its UPDATE fires triggers again, these too with recursive_triggers on.
--   'tidying' in `scratch` names the row, or the user, for which they are to
--   be silent then.

BEGIN IMMEDIATE;

-- events ----------------------------------------------------------------------

-- An id that nobody gave reads as -1 before an INSERT.
CREATE TRIGGER IF NOT EXISTS events_before_insert
BEFORE INSERT ON events WHEN NEW.id <> -1
BEGIN
    SELECT RAISE(ABORT, 'events.id: expected an id above all that were there, up to 2^52')
    WHERE NEW.id > 4503599627370496
        OR NEW.id <= (SELECT max(id) FROM events)
        OR NEW.id <= (SELECT seq FROM sqlite_sequence WHERE name = 'events');
END;

CREATE TRIGGER IF NOT EXISTS events_before_update
BEFORE UPDATE ON events
BEGIN
    SELECT RAISE(ABORT, 'events: rows of the journal never change');
END;

-- notifications: what is refused ----------------------------------------------

CREATE TRIGGER IF NOT EXISTS notifications_before_insert
BEFORE INSERT ON notifications
BEGIN
    SELECT CASE
        WHEN typeof(NEW.user_id) <> 'text' OR NEW.user_id = ''
        THEN RAISE(ABORT, 'notifications.user_id: expected a user as text, or ''*'' for everyone')
        WHEN NEW.title IS NULL
        THEN RAISE(ABORT, 'notifications.title: expected a text')
        WHEN NEW.id > 4503599627370496
        THEN RAISE(ABORT, 'notifications.id: expected none, or one from 1 to 2^52')
        WHEN NEW.priority IS NOT NULL
            AND (typeof(NEW.priority) <> 'integer'
                OR NEW.priority NOT BETWEEN 1 AND 5)
        THEN RAISE(ABORT, 'notifications.priority: expected an integer from 1 to 5')
        WHEN (typeof(NEW.created_at) <> 'integer' AND NEW.created_at IS NOT NULL)
            OR NEW.created_at NOT BETWEEN 0 AND 253402300799999
        THEN RAISE(ABORT, 'notifications.created_at: expected Unix milliseconds, an integer up to the year 9999')
        WHEN (typeof(NEW.updated_at) <> 'integer' AND NEW.updated_at IS NOT NULL)
            OR NEW.updated_at NOT BETWEEN 0 AND 253402300799999
        THEN RAISE(ABORT, 'notifications.updated_at: expected Unix milliseconds, an integer up to the year 9999')
        WHEN (typeof(NEW.read_at) <> 'integer' AND NEW.read_at IS NOT NULL)
            OR NEW.read_at NOT BETWEEN 0 AND 253402300799999
        THEN RAISE(ABORT, 'notifications.read_at: expected NULL, 0 or Unix milliseconds, an integer up to the year 9999')
        WHEN (typeof(NEW.expires_at) <> 'integer' AND NEW.expires_at IS NOT NULL)
            OR NEW.expires_at NOT BETWEEN 0 AND 253402300799999
        THEN RAISE(ABORT, 'notifications.expires_at: expected NULL or Unix milliseconds, an integer up to the year 9999')
    END;

    -- Dropped without an error: the notification is already there.
    SELECT RAISE(IGNORE)
    WHERE NEW.dedupe_key IS NOT NULL
        AND EXISTS (SELECT 1 FROM notifications
            WHERE user_id = NEW.user_id AND dedupe_key = NEW.dedupe_key
                AND id <> NEW.id);

    -- Left over where the note of a replacement that did not happen kept them.
    DELETE FROM receipts
    WHERE NEW.id > 0 AND notification_id = NEW.id
        AND NOT EXISTS (SELECT 1 FROM notifications WHERE id = NEW.id);
    UPDATE scratch SET (id, user_id, content, read_at, event) =
        (SELECT id, user_id,
            quote(type) || quote(title) || quote(body) || quote(data)
                || quote(link) || quote(priority) || quote(created_at)
                || ',' || quote(updated_at) || ',' || quote(expires_at),
            read_at, coalesce((SELECT max(id) FROM events), 0)
        FROM notifications WHERE id = NEW.id)
    WHERE kind = 'replaced notification'
        AND (id IS NOT NULL
            OR EXISTS (SELECT 1 FROM notifications WHERE id = NEW.id));
END;

CREATE TRIGGER IF NOT EXISTS notifications_before_update
BEFORE UPDATE ON notifications
BEGIN
    SELECT CASE
        WHEN NEW.id IS NOT OLD.id
        THEN RAISE(ABORT, 'notifications.id: expected the id it has, as clients know it by that')
        WHEN typeof(NEW.user_id) <> 'text' OR NEW.user_id = ''
        THEN RAISE(ABORT, 'notifications.user_id: expected a user as text, or ''*'' for everyone')
        WHEN NEW.title IS NULL
        THEN RAISE(ABORT, 'notifications.title: expected a text')
        WHEN NEW.priority IS NOT NULL
            AND (typeof(NEW.priority) <> 'integer'
                OR NEW.priority NOT BETWEEN 1 AND 5)
        THEN RAISE(ABORT, 'notifications.priority: expected an integer from 1 to 5')
        WHEN (typeof(NEW.created_at) <> 'integer' AND NEW.created_at IS NOT NULL)
            OR NEW.created_at NOT BETWEEN 0 AND 253402300799999
        THEN RAISE(ABORT, 'notifications.created_at: expected Unix milliseconds, an integer up to the year 9999')
        WHEN (typeof(NEW.updated_at) <> 'integer' AND NEW.updated_at IS NOT NULL)
            OR NEW.updated_at NOT BETWEEN 0 AND 253402300799999
        THEN RAISE(ABORT, 'notifications.updated_at: expected Unix milliseconds, an integer up to the year 9999')
        WHEN (typeof(NEW.read_at) <> 'integer' AND NEW.read_at IS NOT NULL)
            OR NEW.read_at NOT BETWEEN 0 AND 253402300799999
        THEN RAISE(ABORT, 'notifications.read_at: expected NULL, 0 or Unix milliseconds, an integer up to the year 9999')
        WHEN (typeof(NEW.expires_at) <> 'integer' AND NEW.expires_at IS NOT NULL)
            OR NEW.expires_at NOT BETWEEN 0 AND 253402300799999
        THEN RAISE(ABORT, 'notifications.expires_at: expected NULL or Unix milliseconds, an integer up to the year 9999')
        WHEN (NEW.dedupe_key IS NOT OLD.dedupe_key
                OR NEW.user_id IS NOT OLD.user_id)
            AND EXISTS (SELECT 1 FROM notifications
                WHERE user_id = NEW.user_id AND dedupe_key = NEW.dedupe_key
                    AND id <> NEW.id)
        THEN RAISE(ABORT, 'notifications.dedupe_key: expected a key that no other notification of this user has')
    END;
END;

-- notifications: events -------------------------------------------------------

CREATE TRIGGER IF NOT EXISTS notifications_after_insert
AFTER INSERT ON notifications
BEGIN
    SELECT CASE
        -- Only here the id is known if nobody gave one.
        WHEN NEW.id NOT BETWEEN 1 AND 9007199254740991
        THEN RAISE(ABORT, 'notifications.id: expected none, or one from 1 to 2^52')
        WHEN EXISTS (SELECT 1 FROM scratch
            WHERE kind = 'replaced notification' AND id = NEW.id
                AND user_id <> NEW.user_id)
        THEN RAISE(ABORT, 'notifications: expected INSERT OR REPLACE to keep the user of the row; to move it, UPDATE its user_id')
    END;

    -- An explicit NULL takes the default.  And what is new is unread, also
    -- where a writer chose an id below the watermark.
    UPDATE scratch SET id = NEW.id
    WHERE kind = 'tidying'
        AND (NEW.type IS NULL OR NEW.priority IS NULL
            OR NEW.created_at IS NULL OR NEW.updated_at IS NULL
            OR (NEW.read_at IS NULL AND NEW.id <=
                (SELECT read_through FROM read_marks
                    WHERE user_id = NEW.user_id)));
    UPDATE notifications SET
        type = coalesce(type, 'info'),
        priority = coalesce(priority, 3),
        created_at = coalesce(created_at,
            CAST((julianday('now') - 2440587.5) * 86400000 + 0.5 AS INTEGER)),
        updated_at = coalesce(updated_at,
            CAST((julianday('now') - 2440587.5) * 86400000 + 0.5 AS INTEGER))
    WHERE id = (SELECT id FROM scratch WHERE kind = 'tidying')
        AND (type IS NULL OR priority IS NULL
            OR created_at IS NULL OR updated_at IS NULL);
    UPDATE notifications SET read_at = 0
    WHERE id = (SELECT id FROM scratch WHERE kind = 'tidying')
        AND read_at IS NULL
        AND id <= (SELECT read_through FROM read_marks
            WHERE user_id = NEW.user_id)
        -- A replaced row that was NULL was not set to NULL.
        AND NOT EXISTS (SELECT 1 FROM scratch
            WHERE kind = 'replaced notification' AND id = NEW.id
                AND read_at IS NULL);
    UPDATE scratch SET id = NULL WHERE kind = 'tidying' AND id = NEW.id;

    INSERT INTO events(user_id, action, notification_id)
        SELECT NEW.user_id, 'created', NEW.id
        WHERE NOT EXISTS (SELECT 1 FROM scratch
            WHERE kind = 'replaced notification' AND id = NEW.id);

    -- The rest is for a replaced row.
    DELETE FROM events
    WHERE id > (SELECT event FROM scratch
            WHERE kind = 'replaced notification' AND id = NEW.id)
        AND notification_id = NEW.id AND user_id = NEW.user_id
        AND action = 'deleted';
    INSERT INTO events(user_id, action, notification_id)
        SELECT NEW.user_id, 'updated', NEW.id
        FROM scratch s JOIN notifications n ON n.id = s.id
        WHERE s.kind = 'replaced notification' AND s.id = NEW.id
            AND s.content <>
                quote(n.type) || quote(n.title) || quote(n.body)
                || quote(n.data) || quote(n.link) || quote(n.priority)
                || quote(n.created_at) || ',' || quote(n.updated_at)
                || ',' || quote(n.expires_at);
    INSERT INTO events(user_id, action, notification_id)
        SELECT NEW.user_id,
            CASE WHEN is_read THEN 'read' ELSE 'unread' END, NEW.id
        FROM (SELECT
                coalesce(s.read_at > 0, s.id <= m.read_through, 0) AS was_read,
                coalesce(n.read_at > 0, n.id <= m.read_through, 0) AS is_read
            FROM scratch s JOIN notifications n ON n.id = s.id
            LEFT JOIN read_marks m ON m.user_id = n.user_id
            WHERE s.kind = 'replaced notification' AND s.id = NEW.id
                AND n.user_id <> '*')
        WHERE was_read <> is_read;
    UPDATE scratch SET id = NULL
    WHERE kind = 'replaced notification' AND id = NEW.id;
END;

-- `SET read_at = NULL` on a row that the watermark makes read asks for unread.
-- In a statement that sets the title too it asks for nothing: that is a program
-- that writes back the whole row.  Only these triggers can see which columns a
-- statement names.
CREATE TRIGGER IF NOT EXISTS notifications_update_names_read_at
BEFORE UPDATE OF read_at ON notifications
WHEN OLD.read_at IS NULL AND NEW.read_at IS NULL AND OLD.id <=
    (SELECT read_through FROM read_marks WHERE user_id = OLD.user_id)
BEGIN
    UPDATE scratch SET id = OLD.id WHERE kind = 'update names read_at';
END;

CREATE TRIGGER IF NOT EXISTS notifications_update_names_title
BEFORE UPDATE OF title ON notifications
WHEN OLD.read_at IS NULL AND NEW.read_at IS NULL AND OLD.id <=
    (SELECT read_through FROM read_marks WHERE user_id = OLD.user_id)
BEGIN
    UPDATE scratch SET id = OLD.id WHERE kind = 'update names title';
END;

CREATE TRIGGER IF NOT EXISTS notifications_after_update
AFTER UPDATE ON notifications
WHEN NOT EXISTS (SELECT 1 FROM scratch
    WHERE kind = 'tidying' AND (id = NEW.id OR user_id = NEW.user_id))
BEGIN
    -- What is to be put right: a NULL where there is a default, updated_at
    -- that the writer did not set, a read_at that was set to NULL at or below
    -- the watermark (or came there from another user).
    UPDATE scratch SET id = NEW.id
    WHERE kind = 'tidying'
        AND (NEW.type IS NULL OR NEW.priority IS NULL
            OR NEW.created_at IS NULL OR NEW.updated_at IS NULL
            OR (NEW.updated_at IS OLD.updated_at
                AND (NEW.user_id IS NOT OLD.user_id
                    OR NEW.type IS NOT OLD.type
                    OR NEW.title IS NOT OLD.title
                    OR NEW.body IS NOT OLD.body
                    OR NEW.data IS NOT OLD.data
                    OR NEW.link IS NOT OLD.link
                    OR NEW.priority IS NOT OLD.priority
                    OR NEW.created_at IS NOT OLD.created_at
                    OR NEW.expires_at IS NOT OLD.expires_at))
            OR (NEW.read_at IS NULL AND NEW.id <=
                (SELECT read_through FROM read_marks
                    WHERE user_id = NEW.user_id)));
    UPDATE notifications SET
        type = coalesce(type, 'info'),
        priority = coalesce(priority, 3),
        created_at = coalesce(created_at, OLD.created_at),
        updated_at = CASE
            WHEN updated_at IS NOT NULL AND updated_at IS NOT OLD.updated_at
            THEN updated_at
            WHEN user_id IS NOT OLD.user_id
                OR coalesce(type, 'info') IS NOT OLD.type
                OR title IS NOT OLD.title
                OR body IS NOT OLD.body
                OR data IS NOT OLD.data
                OR link IS NOT OLD.link
                OR coalesce(priority, 3) IS NOT OLD.priority
                OR coalesce(created_at, OLD.created_at) IS NOT OLD.created_at
                OR expires_at IS NOT OLD.expires_at
            THEN CAST((julianday('now') - 2440587.5) * 86400000 + 0.5
                AS INTEGER)
            ELSE OLD.updated_at END
    WHERE id = (SELECT id FROM scratch WHERE kind = 'tidying');
    UPDATE notifications SET read_at = 0
    WHERE id = (SELECT id FROM scratch WHERE kind = 'tidying')
        AND read_at IS NULL
        AND id <= (SELECT read_through FROM read_marks
            WHERE user_id = NEW.user_id)
        AND (OLD.read_at IS NOT NULL OR NEW.user_id IS NOT OLD.user_id
            OR (EXISTS (SELECT 1 FROM scratch
                    WHERE kind = 'update names read_at' AND id = NEW.id)
                AND NOT EXISTS (SELECT 1 FROM scratch
                    WHERE kind = 'update names title' AND id = NEW.id)));
    UPDATE scratch SET id = NULL
    WHERE kind IN ('tidying', 'update names read_at', 'update names title',
            'replaced notification')
        AND id = NEW.id;

    INSERT INTO events(user_id, action, notification_id)
        SELECT OLD.user_id, 'deleted', OLD.id
        WHERE NEW.user_id IS NOT OLD.user_id;
    INSERT INTO events(user_id, action, notification_id)
        SELECT NEW.user_id, 'created', NEW.id
        WHERE NEW.user_id IS NOT OLD.user_id;
    DELETE FROM receipts
    WHERE OLD.user_id = '*' AND NEW.user_id <> '*'
        AND notification_id = OLD.id;

    INSERT INTO events(user_id, action, notification_id)
        SELECT n.user_id, 'updated', n.id
        FROM notifications n
        WHERE n.id = NEW.id AND n.user_id IS OLD.user_id
            AND (n.type IS NOT OLD.type
                OR n.title IS NOT OLD.title
                OR n.body IS NOT OLD.body
                OR n.data IS NOT OLD.data
                OR n.link IS NOT OLD.link
                OR n.priority IS NOT OLD.priority
                OR n.created_at IS NOT OLD.created_at
                OR n.updated_at IS NOT OLD.updated_at
                OR n.expires_at IS NOT OLD.expires_at);
    INSERT INTO events(user_id, action, notification_id)
        SELECT NEW.user_id,
            CASE WHEN is_read THEN 'read' ELSE 'unread' END, NEW.id
        FROM (SELECT
                coalesce(OLD.read_at > 0, n.id <= m.read_through, 0) AS was_read,
                coalesce(n.read_at > 0, n.id <= m.read_through, 0) AS is_read
            FROM notifications n
            LEFT JOIN read_marks m ON m.user_id = n.user_id
            WHERE n.id = NEW.id AND n.user_id = OLD.user_id
                AND n.user_id <> '*')
        WHERE was_read <> is_read;
END;

CREATE TRIGGER IF NOT EXISTS notifications_after_delete
AFTER DELETE ON notifications
BEGIN
    INSERT INTO events(user_id, action, notification_id)
        VALUES (OLD.user_id, 'deleted', OLD.id);
    -- They stay where the broadcast is about to be replaced.
    DELETE FROM receipts
    WHERE OLD.user_id = '*' AND notification_id = OLD.id
        AND NOT EXISTS (SELECT 1 FROM scratch
            WHERE kind = 'replaced notification' AND id = OLD.id);
END;

COMMIT;
