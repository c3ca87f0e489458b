-- Prepared once like any other: compiling them anew for each request cost as much
-- as looking a credential up.

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
