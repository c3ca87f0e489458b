-- Deleting what has expired or is more than is kept.

-- name: retention_expired
SELECT id, user_id = '*' FROM notifications
WHERE expires_at <= :now ORDER BY expires_at LIMIT :limit

-- An ordinary delete: the trigger writes `deleted`.
-- name: retention_delete
DELETE FROM notifications WHERE id = :id

-- Deletes some receipts of a broadcast, with triggers switched off.  No event is
-- wanted, because the whole broadcast goes.
-- name: retention_delete_receipts
DELETE FROM receipts
WHERE notification_id = :id
  AND user_id IN (SELECT user_id FROM receipts
                  WHERE notification_id = :id LIMIT :limit)

-- A broadcast may have too many receipts to be deleted at once.  So it expires
-- now: nobody sees it from here on, and the pass over expired rows does the rest.
-- name: retention_end_broadcast
UPDATE notifications SET expires_at = :now
WHERE id = :id AND (expires_at IS NULL OR expires_at > :now)

-- The oldest events.  The newest event stays, because it is the anchor.
-- name: retention_events
SELECT id, at FROM events
WHERE id > :after AND id <= :through AND id < (SELECT max(id) FROM events)
ORDER BY id LIMIT :limit

-- name: retention_count_events
SELECT count(*), coalesce((SELECT max(id) FROM events), 0) FROM events

-- name: retention_newest_event
SELECT coalesce(max(id), 0) FROM events

-- The next two run in one transaction.
-- name: retention_prune_events
DELETE FROM events
WHERE id <= :last AND id < (SELECT max(id) FROM events)

-- name: retention_floor
INSERT INTO meta(key, value) VALUES ('floor', :last)
ON CONFLICT(key) DO UPDATE SET value = excluded.value
WHERE CAST(value AS INTEGER) < CAST(excluded.value AS INTEGER)

-- name: retention_next_user
SELECT min(user_id) FROM notifications WHERE user_id > :after

-- One user's notifications, newest first: is it read?
-- name: retention_inbox
SELECT n.id, n.created_at, coalesce(n.read_at > 0, n.id <= m.read_through, 0)
FROM notifications AS n
LEFT JOIN read_marks AS m ON m.user_id = n.user_id
WHERE n.user_id = :user AND n.id < :before
  AND (n.expires_at IS NULL OR n.expires_at > :now)
ORDER BY n.id DESC LIMIT :limit

-- Sessions and tokens that have expired, at most :limit of them (-1: all).
-- name: retention_count_sessions
SELECT count(*) FROM (SELECT 1 FROM sessions WHERE expires_at <= :before
                      LIMIT :limit)

-- name: retention_delete_sessions
DELETE FROM sessions
WHERE id IN (SELECT id FROM sessions WHERE expires_at <= :before LIMIT :limit)

-- name: retention_count_tokens
SELECT count(*) FROM (SELECT 1 FROM tokens WHERE expires_at <= :before
                      LIMIT :limit)

-- name: retention_delete_tokens
DELETE FROM tokens
WHERE id IN (SELECT id FROM tokens WHERE expires_at <= :before LIMIT :limit)
