-- 0004: triggers of `receipts` and `read_marks`: which change writes which
-- event, and what is refused.  0002 says how they work.

BEGIN IMMEDIATE;

-- receipts --------------------------------------------------------------------

-- A procedure: are these times that a receipt may have?
CREATE VIEW IF NOT EXISTS receipt_values AS
    SELECT NULL AS read_at, NULL AS deleted_at WHERE 0;

CREATE TRIGGER IF NOT EXISTS receipt_values_insert
INSTEAD OF INSERT ON receipt_values
BEGIN
    SELECT CASE
        WHEN (typeof(NEW.read_at) <> 'integer' AND NEW.read_at IS NOT NULL)
            OR NEW.read_at NOT BETWEEN 0 AND 253402300799999
        THEN RAISE(ABORT, 'receipts.read_at: expected NULL, 0 or Unix milliseconds, an integer up to the year 9999')
        WHEN (typeof(NEW.deleted_at) <> 'integer' AND NEW.deleted_at IS NOT NULL)
            OR NEW.deleted_at NOT BETWEEN 0 AND 253402300799999
        THEN RAISE(ABORT, 'receipts.deleted_at: expected NULL or Unix milliseconds, an integer up to the year 9999')
    END;
END;

CREATE TRIGGER IF NOT EXISTS receipts_before_insert
BEFORE INSERT ON receipts
BEGIN
    SELECT CASE
        WHEN typeof(NEW.user_id) <> 'text' OR NEW.user_id IN ('', '*')
        THEN RAISE(ABORT, 'receipts.user_id: expected one user as text, not '''' or ''*''')
        WHEN NOT EXISTS (SELECT 1 FROM notifications
            WHERE id = NEW.notification_id AND user_id = '*')
        THEN RAISE(ABORT, 'receipts.notification_id: expected the id of a broadcast that is there (a notification of user ''*'')')
    END;
    INSERT INTO receipt_values(read_at, deleted_at)
        VALUES (NEW.read_at, NEW.deleted_at);
    UPDATE scratch SET (id, user_id, read_at, deleted_at, event) =
        (SELECT notification_id, user_id, read_at, deleted_at,
            coalesce((SELECT max(id) FROM events), 0)
        FROM receipts
        WHERE user_id = NEW.user_id AND notification_id = NEW.notification_id)
    WHERE kind = 'replaced receipt'
        AND (id IS NOT NULL OR EXISTS (SELECT 1 FROM receipts
            WHERE user_id = NEW.user_id
                AND notification_id = NEW.notification_id));
END;

CREATE TRIGGER IF NOT EXISTS receipts_before_update
BEFORE UPDATE ON receipts
BEGIN
    SELECT RAISE(ABORT, 'receipts: expected the user_id and notification_id that it has; INSERT another one')
    WHERE NEW.user_id IS NOT OLD.user_id
        OR NEW.notification_id IS NOT OLD.notification_id;
    INSERT INTO receipt_values(read_at, deleted_at)
        VALUES (NEW.read_at, NEW.deleted_at);
END;

-- A procedure: write the events of a receipt that was (read_at, deleted_at) and
-- is now what the table says; none without a broadcast.
CREATE VIEW IF NOT EXISTS receipt_changes AS
    SELECT NULL AS user_id, NULL AS notification_id,
        NULL AS read_at, NULL AS deleted_at
    WHERE 0;

CREATE TRIGGER IF NOT EXISTS receipt_changes_insert
INSTEAD OF INSERT ON receipt_changes
BEGIN
    INSERT INTO events(user_id, action, notification_id)
        SELECT NEW.user_id,
            CASE WHEN NEW.deleted_at IS NULL THEN 'deleted' ELSE 'created' END,
            NEW.notification_id
        FROM notifications n
        LEFT JOIN receipts r
            ON r.user_id = NEW.user_id AND r.notification_id = n.id
        WHERE n.id = NEW.notification_id AND n.user_id = '*'
            AND (r.deleted_at IS NULL) <> (NEW.deleted_at IS NULL);
    -- One that comes back comes as unread.
    INSERT INTO events(user_id, action, notification_id)
        SELECT NEW.user_id, CASE WHEN is_read THEN 'read' ELSE 'unread' END,
            NEW.notification_id
        FROM (SELECT
                CASE WHEN NEW.deleted_at IS NULL
                    THEN coalesce(NEW.read_at > 0, n.id <= m.read_through, 0)
                    ELSE 0 END AS was_read,
                coalesce(r.read_at > 0, n.id <= m.read_through, 0) AS is_read
            FROM notifications n
            LEFT JOIN receipts r
                ON r.user_id = NEW.user_id AND r.notification_id = n.id
            LEFT JOIN read_marks m ON m.user_id = NEW.user_id
            WHERE n.id = NEW.notification_id AND n.user_id = '*'
                AND r.deleted_at IS NULL)
        WHERE was_read <> is_read;
END;

CREATE TRIGGER IF NOT EXISTS receipts_after_insert
AFTER INSERT ON receipts
WHEN NOT EXISTS (SELECT 1 FROM scratch
    WHERE kind = 'tidying' AND id = NEW.notification_id)
BEGIN
    -- Only of a replaced one.
    UPDATE scratch SET user_id = NEW.user_id
    WHERE kind = 'tidying' AND NEW.read_at IS NULL
        AND NEW.notification_id <= (SELECT read_through FROM read_marks
            WHERE user_id = NEW.user_id)
        AND EXISTS (SELECT 1 FROM scratch WHERE kind = 'replaced receipt'
            AND user_id = NEW.user_id AND id = NEW.notification_id
            AND read_at IS NOT NULL);
    UPDATE receipts SET read_at = 0
    WHERE user_id = (SELECT user_id FROM scratch WHERE kind = 'tidying')
        AND notification_id = NEW.notification_id;
    UPDATE scratch SET user_id = NULL
    WHERE kind = 'tidying' AND user_id = NEW.user_id;

    DELETE FROM events
    WHERE id > (SELECT event FROM scratch WHERE kind = 'replaced receipt'
            AND user_id = NEW.user_id AND id = NEW.notification_id)
        AND user_id = NEW.user_id AND notification_id = NEW.notification_id
        AND action IN ('created', 'deleted', 'read', 'unread');
    INSERT INTO receipt_changes(user_id, notification_id, read_at, deleted_at)
        SELECT NEW.user_id, NEW.notification_id,
            CASE id WHEN NEW.notification_id THEN read_at END,
            CASE id WHEN NEW.notification_id THEN deleted_at END
        FROM scratch WHERE kind = 'replaced receipt';
END;

CREATE TRIGGER IF NOT EXISTS receipts_after_update
AFTER UPDATE ON receipts
WHEN NOT EXISTS (SELECT 1 FROM scratch
    WHERE kind = 'tidying' AND user_id = NEW.user_id)
BEGIN
    -- Set to NULL at or below the watermark: 0, as in notifications.
    UPDATE scratch SET user_id = NEW.user_id
    WHERE kind = 'tidying'
        AND NEW.read_at IS NULL AND OLD.read_at IS NOT NULL
        AND NEW.notification_id <= (SELECT read_through FROM read_marks
            WHERE user_id = NEW.user_id);
    UPDATE receipts SET read_at = 0
    WHERE user_id = (SELECT user_id FROM scratch WHERE kind = 'tidying')
        AND notification_id = NEW.notification_id;
    UPDATE scratch SET user_id = NULL
    WHERE kind = 'tidying' AND user_id = NEW.user_id;

    INSERT INTO receipt_changes(user_id, notification_id, read_at, deleted_at)
        VALUES (OLD.user_id, OLD.notification_id, OLD.read_at, OLD.deleted_at);
END;

-- Where it goes because the broadcast has gone, that writes nothing.
CREATE TRIGGER IF NOT EXISTS receipts_after_delete
AFTER DELETE ON receipts
BEGIN
    INSERT INTO receipt_changes(user_id, notification_id, read_at, deleted_at)
        VALUES (OLD.user_id, OLD.notification_id, OLD.read_at, OLD.deleted_at);
END;

-- read_marks ------------------------------------------------------------------

-- A procedure: are these values that a read mark may have, which was at
-- `was_through` before?
CREATE VIEW IF NOT EXISTS read_mark_values AS
    SELECT NULL AS read_through, NULL AS read_at, NULL AS was_through WHERE 0;

CREATE TRIGGER IF NOT EXISTS read_mark_values_insert
INSTEAD OF INSERT ON read_mark_values
BEGIN
    SELECT CASE
        WHEN typeof(NEW.read_through) <> 'integer' OR NEW.read_through < 0
        THEN RAISE(ABORT, 'read_marks.read_through: expected the id of a notification, or 0')
        WHEN NEW.read_through > NEW.was_through
            AND NEW.read_through > max(
                coalesce((SELECT max(id) FROM notifications), 0),
                coalesce((SELECT seq FROM sqlite_sequence
                    WHERE name = 'notifications'), 0))
        THEN RAISE(ABORT, 'read_marks.read_through: expected an id up to that of the last notification')
        WHEN (typeof(NEW.read_at) <> 'integer' AND NEW.read_at IS NOT NULL)
            OR NEW.read_at NOT BETWEEN 1 AND 253402300799999
        THEN RAISE(ABORT, 'read_marks.read_at: expected Unix milliseconds, an integer up to the year 9999')
    END;
END;

CREATE TRIGGER IF NOT EXISTS read_marks_before_insert
BEFORE INSERT ON read_marks
BEGIN
    SELECT RAISE(ABORT, 'read_marks.user_id: expected one user as text, not '''' or ''*''')
    WHERE typeof(NEW.user_id) <> 'text' OR NEW.user_id IN ('', '*');
    INSERT INTO read_mark_values(read_through, read_at, was_through)
        VALUES (NEW.read_through, NEW.read_at, 0);

    -- It only rises: a lower one is dropped without an error, as is the same
    -- one where there is nothing to mark.
    SELECT RAISE(IGNORE) FROM read_marks
    WHERE user_id = NEW.user_id
        AND (read_through > NEW.read_through
            OR (read_through = NEW.read_through
                AND NOT EXISTS (SELECT 1 FROM notifications
                    WHERE user_id = NEW.user_id AND read_at = 0
                        AND id <= NEW.read_through)
                AND NOT EXISTS (SELECT 1 FROM receipts
                    WHERE user_id = NEW.user_id AND read_at = 0
                        AND notification_id <= NEW.read_through)));

    UPDATE scratch SET (user_id, event) =
        (SELECT user_id, coalesce((SELECT max(id) FROM events), 0)
        FROM read_marks WHERE user_id = NEW.user_id)
    WHERE kind = 'replaced read mark';
END;

CREATE TRIGGER IF NOT EXISTS read_marks_before_update
BEFORE UPDATE ON read_marks
BEGIN
    SELECT RAISE(ABORT, 'read_marks.user_id: expected the user that it has; INSERT another one')
    WHERE NEW.user_id IS NOT OLD.user_id;
    INSERT INTO read_mark_values(read_through, read_at, was_through)
        VALUES (NEW.read_through, NEW.read_at, OLD.read_through);
    SELECT RAISE(IGNORE) WHERE NEW.read_through < OLD.read_through;
END;

-- A procedure: write the event of this user's watermark; what was made unread
-- again at or below it is read.
CREATE VIEW IF NOT EXISTS read_mark_changes AS
    SELECT NULL AS user_id, NULL AS read_through WHERE 0;

CREATE TRIGGER IF NOT EXISTS read_mark_changes_insert
INSTEAD OF INSERT ON read_mark_changes
BEGIN
    UPDATE scratch SET user_id = NEW.user_id WHERE kind = 'tidying';
    UPDATE notifications SET read_at = NULL
    WHERE user_id = NEW.user_id AND read_at = 0 AND id <= NEW.read_through;
    UPDATE receipts SET read_at = NULL
    WHERE user_id = NEW.user_id AND read_at = 0
        AND notification_id <= NEW.read_through;
    UPDATE scratch SET user_id = NULL WHERE kind = 'tidying';
    INSERT INTO events(user_id, action, notification_id)
        VALUES (NEW.user_id, 'all-read', NEW.read_through);
END;

CREATE TRIGGER IF NOT EXISTS read_marks_after_insert
AFTER INSERT ON read_marks
BEGIN
    UPDATE read_marks SET read_at =
        CAST((julianday('now') - 2440587.5) * 86400000 + 0.5 AS INTEGER)
    WHERE user_id = NEW.user_id AND read_at IS NULL;
    DELETE FROM events
    WHERE id > (SELECT event FROM scratch
            WHERE kind = 'replaced read mark' AND user_id = NEW.user_id)
        AND user_id = NEW.user_id AND action = 'unread';
    INSERT INTO read_mark_changes(user_id, read_through)
        SELECT NEW.user_id, NEW.read_through WHERE NEW.read_through > 0;
END;

CREATE TRIGGER IF NOT EXISTS read_marks_after_update
AFTER UPDATE OF read_through ON read_marks
WHEN NEW.read_through > OLD.read_through
    OR EXISTS (SELECT 1 FROM notifications
        WHERE user_id = NEW.user_id AND read_at = 0
            AND id <= NEW.read_through)
    OR EXISTS (SELECT 1 FROM receipts
        WHERE user_id = NEW.user_id AND read_at = 0
            AND notification_id <= NEW.read_through)
BEGIN
    INSERT INTO read_mark_changes(user_id, read_through)
        VALUES (NEW.user_id, NEW.read_through);
END;

CREATE TRIGGER IF NOT EXISTS read_marks_after_update_of_read_at
AFTER UPDATE OF read_at ON read_marks WHEN NEW.read_at IS NULL
BEGIN
    UPDATE read_marks SET read_at =
        CAST((julianday('now') - 2440587.5) * 86400000 + 0.5 AS INTEGER)
    WHERE user_id = NEW.user_id;
END;

-- Forgetting a user.  What only the watermark made read is unread then, row by
-- row: a lower watermark could not be told in the order of the journal.
CREATE TRIGGER IF NOT EXISTS read_marks_after_delete
AFTER DELETE ON read_marks
BEGIN
    INSERT INTO events(user_id, action, notification_id)
        SELECT OLD.user_id, 'unread', id FROM (
            SELECT id FROM notifications
            WHERE user_id = OLD.user_id AND read_at IS NULL
                AND id <= OLD.read_through
            UNION ALL
            SELECT n.id FROM notifications n
            LEFT JOIN receipts r
                ON r.user_id = OLD.user_id AND r.notification_id = n.id
            WHERE n.user_id = '*' AND n.id <= OLD.read_through
                AND r.read_at IS NULL AND r.deleted_at IS NULL)
        ORDER BY id;
END;

COMMIT;
