-- 0002: triggers of `events`, and of INSERT and DELETE of `notifications`: which
-- change writes which event, and what is refused.
--
-- How the triggers are written, and why:
--
-- * SQLite runs several triggers of one event in no fixed order.  So events that
--   need an order come from one body.
-- * INSERT OR REPLACE deletes the old row without a delete trigger, or, with
--   recursive_triggers on, with one.  So BEFORE INSERT notes the row that is
--   already there ('replaced notification' in `scratch`).  An AFTER INSERT that
--   finds the note knows that this row was replaced, and takes back what a
--   delete trigger has written in between.  (An upsert or OR IGNORE never gets
--   to AFTER INSERT.  The next note overwrites theirs.)
-- * An OR clause of the writer's statement overrides the OR clauses inside of
--   triggers.  So these triggers have none, and no constraint that could fail.
-- * Where a trigger puts a value right (for instance a default for an explicit
--   NULL), its UPDATE fires triggers again, and with recursive_triggers on also
--   the same trigger.  'tidying' in `scratch` names the row, or the user, for
--   which the triggers are to be silent then.
-- * What several triggers do is a procedure: a view without rows.  Its INSTEAD OF
--   INSERT trigger is the body, and its columns are the parameters.
-- * What an INSERT seldom does is a procedure too: SQLite clears the registers of
--   a trigger's whole body before it looks at its WHEN.  The condition stands in
--   WHEN, as INSERT ... SELECT into a table that has triggers makes a temporary
--   table for its rows.  Together this saves a third of what an INSERT costs.
-- * RAISE takes only a literal text (before SQLite 3.47).  So each message names
--   its table and column in full.

BEGIN IMMEDIATE;

-- events ----------------------------------------------------------------------

-- A procedure: is this id one that a writer may give?
CREATE VIEW IF NOT EXISTS given_event_ids AS SELECT NULL AS id WHERE 0;

CREATE TRIGGER IF NOT EXISTS given_event_ids_insert
INSTEAD OF INSERT ON given_event_ids
BEGIN
    SELECT RAISE(ABORT, 'events.id: expected an id above all that were there, up to 2^52')
    WHERE NEW.id > 4503599627370496
        OR NEW.id <= (SELECT max(id) FROM events)
        OR NEW.id <= (SELECT seq FROM sqlite_sequence WHERE name = 'events');
END;

-- An id that nobody gave reads as -1 before an INSERT.
CREATE TRIGGER IF NOT EXISTS events_before_insert
BEFORE INSERT ON events WHEN NEW.id <> -1
BEGIN
    INSERT INTO given_event_ids(id) VALUES (NEW.id);
END;

CREATE TRIGGER IF NOT EXISTS events_before_update
BEFORE UPDATE ON events
BEGIN
    SELECT RAISE(ABORT, 'events: rows of the journal never change');
END;

-- notifications: INSERT and DELETE --------------------------------------------

-- A procedure: are these values that a notification may have?
CREATE VIEW IF NOT EXISTS notification_values AS
    SELECT NULL AS user_id, NULL AS title, NULL AS priority, NULL AS created_at,
        NULL AS updated_at, NULL AS read_at, NULL AS expires_at
    WHERE 0;

CREATE TRIGGER IF NOT EXISTS notification_values_insert
INSTEAD OF INSERT ON notification_values
BEGIN
    SELECT CASE
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
    END;
END;

CREATE TRIGGER IF NOT EXISTS notifications_before_insert
BEFORE INSERT ON notifications
BEGIN
    SELECT RAISE(ABORT, 'notifications.id: expected none, or one from 1 to 2^52')
    WHERE NEW.id > 4503599627370496;
    INSERT INTO notification_values(user_id, title, priority, created_at,
            updated_at, read_at, expires_at)
        VALUES (NEW.user_id, NEW.title, NEW.priority, NEW.created_at,
            NEW.updated_at, NEW.read_at, NEW.expires_at);

    -- Dropped without an error: the notification is already there.
    SELECT RAISE(IGNORE)
    WHERE NEW.dedupe_key IS NOT NULL
        AND EXISTS (SELECT 1 FROM notifications
            WHERE user_id = NEW.user_id AND dedupe_key = NEW.dedupe_key
                AND id <> NEW.id);
END;

-- A procedure: note the row of that id, if there is one, as it may be replaced.
CREATE VIEW IF NOT EXISTS replaced_notifications AS SELECT NULL AS id WHERE 0;

CREATE TRIGGER IF NOT EXISTS replaced_notifications_insert
INSTEAD OF INSERT ON replaced_notifications
BEGIN
    -- Kept for a replacement that did not happen; then the row was deleted.
    DELETE FROM receipts
    WHERE notification_id =
            (SELECT id FROM scratch WHERE kind = 'replaced notification')
        AND NOT EXISTS (SELECT 1 FROM notifications WHERE id =
            (SELECT id FROM scratch WHERE kind = 'replaced notification'));
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

CREATE TRIGGER IF NOT EXISTS notifications_before_replace
BEFORE INSERT ON notifications
WHEN NEW.id > 0
    OR (SELECT id FROM scratch WHERE kind = 'replaced notification') IS NOT NULL
BEGIN
    INSERT INTO replaced_notifications(id) VALUES (NEW.id);
END;

-- A procedure: put a row right.  NULL columns take these values; updated_at
-- takes its value in any case, if there is one.
CREATE VIEW IF NOT EXISTS notification_corrections AS
    SELECT NULL AS id, NULL AS created_at, NULL AS updated_at, NULL AS read_at
    WHERE 0;

CREATE TRIGGER IF NOT EXISTS notification_corrections_insert
INSTEAD OF INSERT ON notification_corrections
BEGIN
    UPDATE scratch SET id = NEW.id WHERE kind = 'tidying';
    UPDATE notifications SET
        type = coalesce(type, 'info'),
        priority = coalesce(priority, 3),
        created_at = coalesce(created_at, NEW.created_at),
        updated_at = coalesce(NEW.updated_at, updated_at),
        read_at = coalesce(read_at, NEW.read_at)
    WHERE id = NEW.id;
    UPDATE scratch SET id = NULL WHERE kind = 'tidying';
END;

-- A procedure: a broadcast that is new to everybody is unread, also for those
-- whose watermark is above it.
CREATE VIEW IF NOT EXISTS new_broadcasts AS SELECT NULL AS id WHERE 0;

CREATE TRIGGER IF NOT EXISTS new_broadcasts_insert
INSTEAD OF INSERT ON new_broadcasts
BEGIN
    UPDATE scratch SET id = NEW.id WHERE kind = 'tidying';
    INSERT INTO receipts(user_id, notification_id, read_at)
        SELECT user_id, NEW.id, 0 FROM read_marks
        WHERE read_through >= NEW.id;
    UPDATE scratch SET id = NULL WHERE kind = 'tidying';
END;

CREATE TRIGGER IF NOT EXISTS notifications_after_insert
AFTER INSERT ON notifications
WHEN NOT EXISTS (SELECT 1 FROM scratch
    WHERE kind = 'replaced notification' AND id = NEW.id)
BEGIN
    -- Only here the id is known if nobody gave one.
    SELECT RAISE(ABORT, 'notifications.id: expected none, or one from 1 to 2^52')
    WHERE NEW.id NOT BETWEEN 1 AND 9007199254740991;
    INSERT INTO events(user_id, action, notification_id)
        VALUES (NEW.user_id, 'created', NEW.id);
END;

-- A procedure: put right what was just inserted.
CREATE VIEW IF NOT EXISTS new_notifications AS
    SELECT NULL AS id, NULL AS user_id, NULL AS updated_at WHERE 0;

CREATE TRIGGER IF NOT EXISTS new_notifications_insert
INSTEAD OF INSERT ON new_notifications
BEGIN
    INSERT INTO notification_corrections(id, created_at, updated_at, read_at)
        SELECT NEW.id, now, coalesce(NEW.updated_at, now),
            (SELECT 0 FROM read_marks
            WHERE user_id = NEW.user_id AND read_through >= NEW.id)
        FROM (SELECT CAST((julianday('now') - 2440587.5) * 86400000 + 0.5
            AS INTEGER) AS now);
END;

-- What is new is unread, also where a writer chose an id below the watermark.
CREATE TRIGGER IF NOT EXISTS notifications_after_insert_corrections
AFTER INSERT ON notifications
WHEN (NEW.type IS NULL OR NEW.priority IS NULL
        OR NEW.created_at IS NULL OR NEW.updated_at IS NULL
        OR (NEW.read_at IS NULL AND NEW.id <=
            (SELECT read_through FROM read_marks WHERE user_id = NEW.user_id)))
    AND NOT EXISTS (SELECT 1 FROM scratch
        WHERE kind = 'replaced notification' AND id = NEW.id)
BEGIN
    INSERT INTO new_notifications(id, user_id, updated_at)
        VALUES (NEW.id, NEW.user_id, NEW.updated_at);
END;

-- Only an id that somebody gave can be below the sequence.
CREATE TRIGGER IF NOT EXISTS notifications_after_insert_of_old_broadcast
AFTER INSERT ON notifications
WHEN NEW.user_id = '*'
    AND NEW.id <=
        (SELECT seq FROM sqlite_sequence WHERE name = 'notifications')
    AND NOT EXISTS (SELECT 1 FROM scratch
        WHERE kind = 'replaced notification' AND id = NEW.id)
BEGIN
    INSERT INTO new_broadcasts(id) VALUES (NEW.id);
END;

-- A procedure: a row has replaced the one that was noted.  The note stays (with
-- `event` NULL) for the trigger above, which may come later.
CREATE VIEW IF NOT EXISTS notification_replacements AS
    SELECT NULL AS id, NULL AS user_id, NULL AS type, NULL AS priority,
        NULL AS created_at, NULL AS updated_at, NULL AS read_at
    WHERE 0;

CREATE TRIGGER IF NOT EXISTS notification_replacements_insert
INSTEAD OF INSERT ON notification_replacements
BEGIN
    SELECT RAISE(ABORT, 'notifications: expected INSERT OR REPLACE to keep the user of the row; to move it, UPDATE its user_id')
    FROM scratch
    WHERE kind = 'replaced notification' AND user_id <> NEW.user_id;

    -- read_at: set to NULL at or below the watermark, if it was not before.
    INSERT INTO notification_corrections(id, created_at, updated_at, read_at)
        SELECT NEW.id, now, coalesce(NEW.updated_at, now),
            (SELECT 0 FROM read_marks
            WHERE user_id = NEW.user_id AND read_through >= NEW.id
                AND was_read_at IS NOT NULL)
        FROM (SELECT read_at AS was_read_at,
                CAST((julianday('now') - 2440587.5) * 86400000 + 0.5
                AS INTEGER) AS now
            FROM scratch WHERE kind = 'replaced notification')
        WHERE NEW.type IS NULL OR NEW.priority IS NULL
            OR NEW.created_at IS NULL OR NEW.updated_at IS NULL
            OR NEW.read_at IS NULL;

    DELETE FROM events
    WHERE id > (SELECT event FROM scratch WHERE kind = 'replaced notification')
        AND notification_id = NEW.id AND user_id = NEW.user_id
        AND action = 'deleted';
    INSERT INTO events(user_id, action, notification_id)
        SELECT NEW.user_id, 'updated', NEW.id
        FROM scratch s JOIN notifications n ON n.id = s.id
        WHERE s.kind = 'replaced notification'
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
            WHERE s.kind = 'replaced notification' AND n.user_id <> '*')
        WHERE was_read <> is_read;
    UPDATE scratch SET event = NULL, content = NULL
    WHERE kind = 'replaced notification';
END;

CREATE TRIGGER IF NOT EXISTS notifications_after_replace
AFTER INSERT ON notifications
WHEN EXISTS (SELECT 1 FROM scratch
    WHERE kind = 'replaced notification' AND id = NEW.id)
BEGIN
    INSERT INTO notification_replacements(id, user_id, type, priority,
            created_at, updated_at, read_at)
        VALUES (NEW.id, NEW.user_id, NEW.type, NEW.priority,
            NEW.created_at, NEW.updated_at, NEW.read_at);
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
            WHERE kind = 'replaced notification' AND id = OLD.id
                AND event IS NOT NULL);
END;

COMMIT;
