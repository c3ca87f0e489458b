-- The queries of the REST side and of a stream's first frame.
--
-- :user is the reader.  :now is the time; rows that have expired by then are not
-- found.  :through and :through_at are the user's watermark, or 0 and NULL.
-- A row is read if coalesce(read_at > 0, id <= :through), where read_at is the
-- row's own, or for a broadcast the receipt's.
--
-- A user's rows and the broadcasts are two ranges of one index, each in the
-- order of ids, which UNION ALL ... ORDER BY 1 merges row by row.  One range with
-- user_id IN (:user, '*') would have to be sorted.

-- name: store_head
SELECT max(CAST(coalesce((SELECT value FROM meta WHERE key = 'floor'), 0)
           AS INTEGER),
           coalesce((SELECT min(id) FROM events) - 1, head.seq)),
       head.seq,
       (SELECT value FROM meta WHERE key = 'epoch')
FROM (SELECT coalesce((SELECT seq FROM sqlite_sequence WHERE name = 'events'),
                      0) AS seq) AS head

-- name: store_mark
SELECT read_through, read_at FROM read_marks WHERE user_id = :user

-- name: store_last_notification
SELECT max(id) FROM notifications

-- Two kinds of rows are unread: above the watermark the rows without a read time,
-- and anywhere the rows that were made unread again (0).  Each kind is a range of
-- notifications_by_state, so a long history of read rows costs nothing.  At most
-- :limit rows of each range are looked at (-1: all).  The second column is the
-- highest number of rows that were looked at in a range.
-- name: store_unread_count
SELECT sum(unread), max(seen) FROM (
    SELECT coalesce(sum(is_unread), 0) AS unread, count(*) AS seen FROM (
        SELECT expires_at IS NULL OR expires_at > :now AS is_unread
        FROM notifications
        WHERE user_id = :user AND read_at IS NULL AND id > :through
        LIMIT :limit)
    UNION ALL
    SELECT coalesce(sum(is_unread), 0), count(*) FROM (
        SELECT expires_at IS NULL OR expires_at > :now AS is_unread
        FROM notifications
        WHERE user_id = :user AND read_at = 0
        LIMIT :limit)
    UNION ALL
    SELECT coalesce(sum(is_unread), 0), count(*) FROM (
        SELECT coalesce(r.read_at, 0) <= 0 AND r.deleted_at IS NULL
               AND (n.expires_at IS NULL OR n.expires_at > :now) AS is_unread
        FROM notifications AS n
        LEFT JOIN receipts AS r
          ON r.user_id = :user AND r.notification_id = n.id
        WHERE n.user_id = '*' AND n.id > :through
        LIMIT :limit)
    UNION ALL
    SELECT coalesce(sum(is_unread), 0), count(*) FROM (
        SELECT r.read_at = 0 AND r.deleted_at IS NULL AND n.user_id = '*'
               AND (n.expires_at IS NULL OR n.expires_at > :now) AS is_unread
        FROM receipts AS r
        JOIN notifications AS n ON n.id = r.notification_id
        WHERE r.user_id = :user AND r.notification_id <= :through
        LIMIT :limit))

-- :types is ",a,b," or NULL.  A type that contains a comma can't be asked for.
-- name: store_list
SELECT n.id, n.user_id, n.type, n.title, n.body, n.data, n.link, n.priority,
       n.created_at, n.updated_at,
       CASE WHEN n.read_at > 0 THEN n.read_at
            WHEN n.read_at IS NULL AND n.id <= :through THEN :through_at END,
       n.expires_at
FROM notifications AS n
WHERE n.user_id = :user AND n.id < :before
  AND (n.expires_at IS NULL OR n.expires_at > :now)
  AND (:types IS NULL OR (instr(:types, ',' || n.type || ',') > 0
                          AND instr(n.type, ',') = 0))
UNION ALL
SELECT n.id, n.user_id, n.type, n.title, n.body, n.data, n.link, n.priority,
       n.created_at, n.updated_at,
       CASE WHEN r.read_at > 0 THEN r.read_at
            WHEN r.read_at IS NULL AND n.id <= :through THEN :through_at END,
       n.expires_at
FROM notifications AS n
LEFT JOIN receipts AS r ON r.user_id = :user AND r.notification_id = n.id
WHERE n.user_id = '*' AND n.id < :before AND r.deleted_at IS NULL
  AND (n.expires_at IS NULL OR n.expires_at > :now)
  AND (:types IS NULL OR (instr(:types, ',' || n.type || ',') > 0
                          AND instr(n.type, ',') = 0))
ORDER BY 1 DESC

-- The same for ?unread=1, in the four ranges of store_unread_count.
-- name: store_list_unread
SELECT n.id, n.user_id, n.type, n.title, n.body, n.data, n.link, n.priority,
       n.created_at, n.updated_at, NULL, n.expires_at
FROM notifications AS n
WHERE n.user_id = :user AND n.read_at IS NULL
  AND n.id > :through AND n.id < :before
  AND (n.expires_at IS NULL OR n.expires_at > :now)
  AND (:types IS NULL OR (instr(:types, ',' || n.type || ',') > 0
                          AND instr(n.type, ',') = 0))
UNION ALL
SELECT n.id, n.user_id, n.type, n.title, n.body, n.data, n.link, n.priority,
       n.created_at, n.updated_at, NULL, n.expires_at
FROM notifications AS n
WHERE n.user_id = :user AND n.read_at = 0 AND n.id < :before
  AND (n.expires_at IS NULL OR n.expires_at > :now)
  AND (:types IS NULL OR (instr(:types, ',' || n.type || ',') > 0
                          AND instr(n.type, ',') = 0))
UNION ALL
SELECT n.id, n.user_id, n.type, n.title, n.body, n.data, n.link, n.priority,
       n.created_at, n.updated_at, NULL, n.expires_at
FROM notifications AS n
LEFT JOIN receipts AS r ON r.user_id = :user AND r.notification_id = n.id
WHERE n.user_id = '*' AND n.id > :through AND n.id < :before
  AND coalesce(r.read_at, 0) <= 0 AND r.deleted_at IS NULL
  AND (n.expires_at IS NULL OR n.expires_at > :now)
  AND (:types IS NULL OR (instr(:types, ',' || n.type || ',') > 0
                          AND instr(n.type, ',') = 0))
UNION ALL
SELECT r.notification_id, n.user_id, n.type, n.title, n.body, n.data, n.link, n.priority,
       n.created_at, n.updated_at, NULL, n.expires_at
FROM receipts AS r
CROSS JOIN notifications AS n ON n.id = r.notification_id
WHERE r.user_id = :user AND r.notification_id <= :through
  AND r.notification_id < :before AND r.read_at = 0 AND r.deleted_at IS NULL
  AND n.user_id = '*'
  AND (n.expires_at IS NULL OR n.expires_at > :now)
  AND (:types IS NULL OR (instr(:types, ',' || n.type || ',') > 0
                          AND instr(n.type, ',') = 0))
ORDER BY 1 DESC

-- Finds any user's row.  The read state is its user's, or for a broadcast :user's.
-- The last two columns: may :user see it (it is :user's own, or a broadcast that
-- :user has not hidden), and is it a broadcast.
-- name: store_get
SELECT n.id, n.user_id, n.type, n.title, n.body, n.data, n.link, n.priority,
       n.created_at, n.updated_at,
       CASE WHEN CASE n.user_id WHEN '*' THEN r.read_at ELSE n.read_at END > 0
            THEN CASE n.user_id WHEN '*' THEN r.read_at ELSE n.read_at END
            WHEN CASE n.user_id WHEN '*' THEN r.read_at ELSE n.read_at END
                 IS NULL AND n.id <= m.read_through
            THEN m.read_at END,
       n.expires_at,
       n.user_id = :user OR (n.user_id = '*' AND r.deleted_at IS NULL),
       n.user_id = '*'
FROM notifications AS n
LEFT JOIN receipts AS r ON r.user_id = :user AND r.notification_id = n.id
LEFT JOIN read_marks AS m
  ON m.user_id = CASE n.user_id WHEN '*' THEN :user ELSE n.user_id END
WHERE n.id = :id

-- name: store_find_dedupe
SELECT id FROM notifications WHERE user_id = :user AND dedupe_key = :key

-- A trigger drops the row without an error if its dedupe key is taken.  The
-- defaults are given here, because a trigger that replaces a NULL afterwards runs
-- an UPDATE with all its triggers.  That costs as much again as the INSERT.
-- name: store_insert
INSERT INTO notifications(user_id, type, title, body, data, link, priority,
                          expires_at, dedupe_key)
VALUES (:user, coalesce(:type, 'info'), :title, :body, :data, :link,
        coalesce(:priority, 3), :expires_at, :dedupe_key)

-- name: store_update
UPDATE notifications
SET user_id = CASE WHEN :has_user THEN :user ELSE user_id END,
    type = CASE WHEN :has_type THEN :type ELSE type END,
    title = CASE WHEN :has_title THEN :title ELSE title END,
    body = CASE WHEN :has_body THEN :body ELSE body END,
    data = CASE WHEN :has_data THEN :data ELSE data END,
    link = CASE WHEN :has_link THEN :link ELSE link END,
    priority = CASE WHEN :has_priority THEN :priority ELSE priority END,
    expires_at = CASE WHEN :has_expires THEN :expires_at ELSE expires_at END,
    dedupe_key = CASE WHEN :has_dedupe THEN :dedupe_key ELSE dedupe_key END
WHERE id = :id

-- name: store_read_row
UPDATE notifications SET read_at = :now WHERE id = :id AND user_id = :user

-- 0 is "made unread again"; above the watermark NULL says the same.
-- name: store_unread_row
UPDATE notifications
SET read_at = CASE WHEN id <= (SELECT read_through FROM read_marks
                               WHERE user_id = :user) THEN 0 END
WHERE id = :id AND user_id = :user

-- name: store_read_receipt
INSERT INTO receipts(user_id, notification_id, read_at)
VALUES (:user, :id, :now)
ON CONFLICT(user_id, notification_id) DO UPDATE SET read_at = excluded.read_at

-- name: store_unread_receipt
INSERT INTO receipts(user_id, notification_id, read_at)
VALUES (:user, :id,
        CASE WHEN :id <= (SELECT read_through FROM read_marks
                          WHERE user_id = :user) THEN 0 END)
ON CONFLICT(user_id, notification_id) DO UPDATE SET read_at = excluded.read_at

-- name: store_hide
INSERT INTO receipts(user_id, notification_id, deleted_at)
VALUES (:user, :id, :now)
ON CONFLICT(user_id, notification_id) DO UPDATE
SET deleted_at = excluded.deleted_at
WHERE receipts.deleted_at IS NULL

-- The watermark only rises.  If it stays and covers a row that was made unread
-- again, the triggers write all-read once more.  Otherwise they drop this.
-- name: store_raise_mark
INSERT INTO read_marks(user_id, read_through, read_at)
VALUES (:user, :new_through, :now)
ON CONFLICT(user_id) DO UPDATE
SET read_through = excluded.read_through, read_at = excluded.read_at
WHERE excluded.read_through >= read_marks.read_through

-- The rows that were made unread again, up to an id below the watermark.
-- name: store_reread_rows
UPDATE notifications SET read_at = :now
WHERE user_id = :user AND read_at = 0 AND id <= :new_through

-- name: store_reread_receipts
UPDATE receipts SET read_at = :now
WHERE user_id = :user AND read_at = 0 AND notification_id <= :new_through

-- name: store_delete
DELETE FROM notifications WHERE id = :id
