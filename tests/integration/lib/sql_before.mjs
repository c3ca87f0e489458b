// What is there before a statement, for the tables of sql*.test.mjs.

export const NONE = '';
export const ONE = `INSERT INTO notifications(id, user_id, title, body, created_at, updated_at)
	VALUES (1, 'alice', 'one', 'text', 1000, 1000);`;
export const TWO = `${ONE}
	INSERT INTO notifications(id, user_id, title, created_at, updated_at)
	VALUES (2, 'bob', 'two', 1000, 1000);`;
export const KEYED = `INSERT INTO notifications(id, user_id, title, dedupe_key) VALUES
	(1, 'alice', 'one', 'k1'), (2, 'alice', 'two', 'k2'), (3, 'bob', 'three', 'k1');`;
// Watermark 4 of 5: 1 and 4 read by it, 2 made unread again, 3 read by itself; 5
// is unread.
export const MARKED = `INSERT INTO notifications(id, user_id, title, created_at, updated_at) VALUES
	(1, 'alice', 'one', 1000, 1000), (2, 'alice', 'two', 1000, 1000),
	(3, 'alice', 'three', 1000, 1000), (4, 'alice', 'four', 1000, 1000),
	(5, 'alice', 'five', 1000, 1000);
	UPDATE notifications SET read_at = 300 WHERE id = 3;
	INSERT INTO read_marks(user_id, read_through, read_at) VALUES ('alice', 4, 400);
	UPDATE notifications SET read_at = 0 WHERE id = 2;`;
export const BROADCAST = `INSERT INTO notifications(id, user_id, title, created_at, updated_at) VALUES
	(1, '*', 'one', 1000, 1000), (2, '*', 'two', 1000, 1000);`;
// 1: alice read it, bob hid it, carol made it unread below her watermark 1.
export const RECEIPTS = `${BROADCAST}
	INSERT INTO receipts(user_id, notification_id, read_at) VALUES ('alice', 1, 100);
	INSERT INTO receipts(user_id, notification_id, deleted_at) VALUES ('bob', 1, 100);
	INSERT INTO read_marks(user_id, read_through, read_at) VALUES ('carol', 1, 100);
	INSERT INTO receipts(user_id, notification_id, read_at) VALUES ('carol', 1, 0);`;
export const A = 'a'.repeat(64);
export const B = 'b'.repeat(64);
export const SESSIONS = `INSERT INTO sessions(id, secret_sha256, user_id, scopes, created_at, expires_at) VALUES
	(1, '${A}', 'alice', 'read', 1000, 5000), (2, '${B}', 'bob', 'read', 1000, NULL);
	INSERT INTO tokens(id, secret_sha256, user_id, scopes, created_at, expires_at) VALUES
	(1, '${A}', 'alice', 'publish', 1000, 5000), (2, '${B}', 'bob', 'publish', 1000, NULL);`;
export const STAGED = `CREATE TABLE staging(user_id, title, body);
	INSERT INTO staging VALUES ('alice', 'a', NULL), ('bob', 'b', 'x'), ('*', 'c', NULL);`;
