-- Finding the user of a secret; making sessions, tokens and tickets.
-- Expired rows are found too.  The caller compares expires_at with its clock.

-- name: auth_session
SELECT id, secret_sha256, user_id, scopes, expires_at
FROM sessions
WHERE secret_sha256 = :secret_sha256

-- name: auth_token
SELECT id, secret_sha256, user_id, scopes, expires_at
FROM tokens
WHERE secret_sha256 = :secret_sha256

-- The ticket, with what it says about its issuer, and the issuer as it is now.
-- The issuer's columns are NULL when that session or token is gone.
-- name: auth_ticket
SELECT k.id, k.secret_sha256, k.user_id, k.scopes, k.expires_at,
       k.session_id, k.token_id, k.host_secret,
       coalesce(s.user_id, t.user_id), coalesce(s.scopes, t.scopes),
       coalesce(s.expires_at, t.expires_at)
FROM tickets AS k
LEFT JOIN sessions AS s ON s.id = k.session_id
LEFT JOIN tokens AS t ON t.id = k.token_id
WHERE k.secret_sha256 = :secret_sha256

-- If this changes one row, the ticket was ours to use.
-- name: auth_delete_ticket
DELETE FROM tickets WHERE id = :id

-- name: auth_delete_expired_tickets
DELETE FROM tickets WHERE expires_at <= :now

-- name: auth_insert_session
INSERT INTO sessions(secret_sha256, user_id, scopes, created_at, expires_at)
VALUES (:secret_sha256, :user, :scopes, :now, :expires_at)

-- name: auth_insert_token
INSERT INTO tokens(secret_sha256, user_id, scopes, created_at, expires_at)
VALUES (:secret_sha256, :user, :scopes, :now, :expires_at)

-- name: auth_insert_ticket
INSERT INTO tickets(secret_sha256, session_id, token_id, host_secret, user_id,
                    scopes, created_at, expires_at)
VALUES (:secret_sha256, :session_id, :token_id, :host_secret, :user, :scopes,
        :now, :expires_at)
