-- Prepared once, like every query.  Compiling these for each request cost as much
-- as looking up a credential.

-- name: begin_read
BEGIN

-- name: begin_write
BEGIN IMMEDIATE

-- name: commit
COMMIT

-- name: rollback
ROLLBACK

-- name: savepoint
SAVEPOINT part

-- name: release
RELEASE part

-- name: rollback_to
ROLLBACK TO part
