-- The queries of the journal: its rows in order, its position, and the change of
-- epoch after its history was rewritten.
--
-- A row of the journal comes with the notification as it is now, under three
-- conditions: the action is `created` or `updated`, the notification still
-- belongs to the event's user, and it has not expired at :now.  Otherwise the
-- notification's columns are NULL.  (A user who takes a hidden broadcast back gets
-- a `created` that nobody else gets.  So a `created` of one user may find a
-- broadcast too.)  The read time is the effective one; NULL = unread.  The read
-- time of a broadcast is always NULL.

-- Begins with the last row seen, which must still be there unchanged.
-- name: journal_page
SELECT e.id, e.user_id, e.action, e.notification_id, e.nonce,
       n.id, n.user_id, n.type, n.title, n.body, n.data, n.link, n.priority,
       n.created_at, n.updated_at,
       CASE WHEN n.user_id = '*' THEN NULL
            WHEN n.read_at > 0 THEN n.read_at
            WHEN n.read_at IS NULL AND n.id <= m.read_through
            THEN m.read_at END,
       n.expires_at, e.at
FROM events AS e
LEFT JOIN notifications AS n
  ON n.id = e.notification_id AND e.action IN ('created', 'updated')
     AND (n.user_id = e.user_id OR (n.user_id = '*' AND e.action = 'created'))
     AND (n.expires_at IS NULL OR n.expires_at > :now)
LEFT JOIN read_marks AS m ON m.user_id = n.user_id
WHERE e.id >= :last
ORDER BY e.id
LIMIT :limit

-- The events of (:after, :through] that one user may see: the user's own and the
-- broadcasts', two ranges of one index, merged row by row.  A `created` or
-- `updated` is left out if its notification is gone, or is a broadcast that the
-- user has hidden.
-- name: replay_page
SELECT e.id, e.user_id, e.action, e.notification_id, e.nonce,
       n.id, n.user_id, n.type, n.title, n.body, n.data, n.link, n.priority,
       n.created_at, n.updated_at,
       CASE WHEN n.user_id = '*' THEN NULL
            WHEN n.read_at > 0 THEN n.read_at
            WHEN n.read_at IS NULL AND n.id <= (SELECT read_through
                FROM read_marks WHERE user_id = :user)
            THEN (SELECT read_at FROM read_marks WHERE user_id = :user) END,
       n.expires_at
FROM events AS e
LEFT JOIN notifications AS n
  ON n.id = e.notification_id AND e.action IN ('created', 'updated')
     AND (n.user_id = e.user_id OR (n.user_id = '*' AND e.action = 'created'))
     AND (n.expires_at IS NULL OR n.expires_at > :now)
LEFT JOIN receipts AS r
  ON r.user_id = :user AND r.notification_id = n.id
WHERE e.user_id = :user AND e.id > :after AND e.id <= :through
  AND (e.action IN ('read', 'unread', 'deleted', 'all-read')
       OR (n.id IS NOT NULL AND r.deleted_at IS NULL))
UNION ALL
SELECT e.id, e.user_id, e.action, e.notification_id, e.nonce,
       n.id, n.user_id, n.type, n.title, n.body, n.data, n.link, n.priority,
       n.created_at, n.updated_at, NULL, n.expires_at
FROM events AS e
LEFT JOIN notifications AS n
  ON n.id = e.notification_id AND e.action IN ('created', 'updated')
     AND n.user_id = '*'
     AND (n.expires_at IS NULL OR n.expires_at > :now)
LEFT JOIN receipts AS r
  ON r.user_id = :user AND r.notification_id = n.id
WHERE e.user_id = '*' AND e.id > :after AND e.id <= :through
  AND (e.action IN ('read', 'unread', 'deleted', 'all-read')
       OR (n.id IS NOT NULL AND r.deleted_at IS NULL))
ORDER BY 1
LIMIT :limit

-- A row if this session or token (:action says which) ended in
-- (:after, :through].
-- name: revoked_since
SELECT 1 FROM events
WHERE id > :after AND id <= :through
  AND action = :action AND notification_id = :id
LIMIT 1

-- name: hidden_users
SELECT user_id FROM receipts
WHERE notification_id = :id AND deleted_at IS NOT NULL

-- Floor, sequence, epoch: a cursor X is good if floor <= X <= sequence.
-- name: journal_head
SELECT max(CAST(coalesce((SELECT value FROM meta WHERE key = 'floor'), 0)
                AS INTEGER),
           coalesce((SELECT min(id) FROM events) - 1, head.seq)),
       head.seq,
       (SELECT value FROM meta WHERE key = 'epoch')
FROM (SELECT coalesce((SELECT seq FROM sqlite_sequence WHERE name = 'events'),
                      0) AS seq) AS head

-- name: journal_last
SELECT id, nonce FROM events ORDER BY id DESC LIMIT 1

-- name: journal_row_at
SELECT nonce FROM events WHERE id = :id

-- A new epoch: the next four run in one transaction, in this order.
-- name: epoch_set
INSERT INTO meta(key, value) VALUES ('epoch', :epoch)
ON CONFLICT(key) DO UPDATE SET value = excluded.value

-- The row is made by the first migration.
-- name: epoch_raise_sequence
UPDATE sqlite_sequence SET seq = :seq WHERE name = 'events' AND seq < :seq

-- name: epoch_floor
INSERT INTO meta(key, value) VALUES ('floor', :seq)
ON CONFLICT(key) DO UPDATE SET value = excluded.value

-- name: epoch_row
INSERT INTO events(user_id, action, notification_id) VALUES ('', 'epoch', 0)

-- name: meta_get
SELECT value FROM meta WHERE key = :key

-- name: meta_set
INSERT INTO meta(key, value) VALUES (:key, :value)
ON CONFLICT(key) DO UPDATE SET value = excluded.value

-- Until when does this row let that user in (0: for ever)?  The secret is not
-- compared, because ids are never given twice while a table lives.
-- name: session_expiry
SELECT coalesce(expires_at, 0) FROM sessions WHERE id = :id AND user_id = :user

-- name: token_expiry
SELECT coalesce(expires_at, 0) FROM tokens WHERE id = :id AND user_id = :user
