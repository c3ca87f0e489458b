-- Queries of belfry doctor only.

-- name: doctor_schema
SELECT type, name, sql, tbl_name FROM sqlite_master
WHERE sql IS NOT NULL AND name NOT LIKE 'sqlite^_%' ESCAPE '^'
ORDER BY type, name

-- name: doctor_object
SELECT sql FROM sqlite_master WHERE type = :type AND name = :name

-- Runs after meta_set in one transaction.  The commit changes nothing and is yet
-- written to the -wal.  (An UPDATE to the same value would write nothing.)
-- name: doctor_unset
DELETE FROM meta WHERE key = :key

-- name: doctor_last_event
SELECT at FROM events ORDER BY id DESC LIMIT 1

-- name: doctor_delete_notifications
DELETE FROM notifications WHERE user_id = :user
