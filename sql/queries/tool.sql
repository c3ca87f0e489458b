-- Queries of the tool only.  A NULL :user means everybody.

-- name: tool_list_sessions
SELECT id, user_id, scopes, created_at, expires_at
FROM sessions
WHERE :user IS NULL OR user_id = :user
ORDER BY id

-- name: tool_list_tokens
SELECT id, user_id, scopes, created_at, expires_at
FROM tokens
WHERE :user IS NULL OR user_id = :user
ORDER BY id

-- name: tool_delete_session
DELETE FROM sessions WHERE id = :id

-- name: tool_delete_sessions_of
DELETE FROM sessions WHERE user_id = :user

-- name: tool_delete_token
DELETE FROM tokens WHERE id = :id

-- name: tool_delete_tokens_of
DELETE FROM tokens WHERE user_id = :user

-- The journal from a row on, with each notification as it is now.  A notification
-- that is gone, has expired or belongs to another user is NULL.  The last column
-- is the event's time.
-- name: tool_tail
SELECT e.id, e.user_id, e.action, e.notification_id, e.nonce,
       n.id, n.user_id, n.type, n.title, n.body, n.data, n.link, n.priority,
       n.created_at, n.updated_at,
       CASE WHEN n.user_id = '*' THEN NULL
            WHEN n.read_at > 0 THEN n.read_at
            WHEN n.read_at IS NULL AND n.id <= m.read_through
            THEN m.read_at END,
       n.expires_at,
       e.at
FROM events AS e
LEFT JOIN notifications AS n
  ON n.id = e.notification_id AND n.user_id = e.user_id
     AND e.action IN ('created', 'updated')
     AND (n.expires_at IS NULL OR n.expires_at > :now)
LEFT JOIN read_marks AS m ON m.user_id = n.user_id
WHERE e.id >= :from
ORDER BY e.id
LIMIT :limit

-- name: tool_tail_end
SELECT id, nonce FROM events ORDER BY id DESC LIMIT 1
