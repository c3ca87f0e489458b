-- 0006: what an INSERT of a notification costs, a sixth less.
--
-- INSERT ... SELECT into a table that has triggers collects its rows in a
-- temporary table first, and SQLite makes one each time: more work than all but
-- writing the row.  So the condition stands in WHEN.

BEGIN IMMEDIATE;

DROP TRIGGER IF EXISTS notifications_after_insert;

CREATE TRIGGER notifications_after_insert
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

-- Only the last file says it: run again, an earlier one would take it back, and
-- who opens the database meanwhile finds an old schema.
PRAGMA user_version = 6;

COMMIT;
