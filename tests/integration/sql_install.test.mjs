// The texts in sql/: installed by hand, twice, over a database with rows, by
// several at once; what they may not use; and that the queries use the indexes.

import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { after, test } from 'node:test';

import { MARKED, RECEIPTS, SESSIONS } from './lib/sql_before.mjs';
import {
	Workshop,
	asRows,
	bound,
	migrations,
	queries,
	rows,
	shell,
} from './lib/sqlite.mjs';

const workshop = new Workshop();
after(() => workshop.close());

const ALL = migrations().map(({ text }) => text).join('');

async function ask(file, query) {
	const result = await shell(file, asRows(query));
	assert.deepEqual(result.errors, [], query);
	return rows(result.stdout);
}

async function dump(file) {
	const result = await shell(file, '.dump');
	assert.deepEqual(result.errors, []);
	return result.stdout;
}

test('cat sql/migrations/*.sql | sqlite3', async () => {
	const file = workshop.file();
	const result = await shell(file, ALL);
	assert.equal(result.code, 0);
	assert.deepEqual(result.errors, []);
	assert.deepEqual(await ask(file, 'PRAGMA journal_mode'), [['wal']]);
	assert.deepEqual(await ask(file, 'PRAGMA user_version'), [
		[String(migrations().length)],
	]);
	assert.deepEqual(await ask(file, 'PRAGMA integrity_check'), [['ok']]);
	const [[epoch], [floor]] = await ask(
		file,
		'SELECT value FROM meta ORDER BY key',
	);
	assert.match(epoch, /^[0-9a-f]{32}$/);
	assert.equal(floor, '0');
});

test('each database has its own epoch', async () => {
	const epochs = new Set();
	for (let i = 0; i < 3; i++) {
		const file = await workshop.install();
		const [[epoch]] = await ask(
			file,
			"SELECT value FROM meta WHERE key = 'epoch'",
		);
		epochs.add(epoch);
	}
	assert.equal(epochs.size, 3);
});

test('the names are numbered without a gap', () => {
	for (const [i, { name }] of migrations().entries())
		assert.match(name, new RegExp(`^000${i + 1}-[a-z0-9-]+\\.sql$`));
});

test('every file twice, over rows: nothing changes', async () => {
	for (const before of [MARKED, RECEIPTS, SESSIONS]) {
		const file = await workshop.database(before);
		const text = await dump(file);
		const version = await ask(file, 'PRAGMA user_version');
		for (const migration of migrations()) {
			const again = `${migration.text}\n${migration.text}`;
			const result = await shell(file, again);
			assert.deepEqual(result.errors, [], migration.name);
			// Who opens the database meanwhile finds no older one.
			assert.deepEqual(await ask(file, 'PRAGMA user_version'), version);
		}
		assert.deepEqual((await shell(file, ALL)).errors, []);
		assert.equal(await dump(file), text);
	}
});

test('after a second run each change still writes one event', async () => {
	const file = await workshop.install();
	await workshop.install(file);
	assert.deepEqual(
		await ask(
			file,
			`INSERT INTO notifications(user_id, title) VALUES ('alice', 'x');
			SELECT user_id, action FROM events`,
		),
		[['alice', 'created']],
	);
});

test('several at once, writers among them', async () => {
	const file = workshop.file();
	const results = await Promise.all(
		Array.from({ length: 8 }, async (_, i) => {
			const first = await shell(file, ALL);
			const second = await shell(
				file,
				`.timeout 60000
				INSERT INTO notifications(user_id, title) VALUES ('alice', '${i}');`,
			);
			return [...first.errors, ...second.errors];
		}),
	);
	assert.deepEqual(results.flat(), []);
	assert.deepEqual(
		await ask(file, `SELECT count(*), count(DISTINCT notification_id) FROM events
			WHERE action = 'created'`),
		[['8', '8']],
	);
	assert.deepEqual(await ask(file, 'SELECT count(*) FROM meta'), [['2']]);
});

test('.dump and back: rows as they were, triggers there, no event', async () => {
	for (const before of [MARKED, RECEIPTS, SESSIONS]) {
		const file = await workshop.database(before);
		const text = await dump(file);
		const copy = workshop.file();
		const result = await shell(copy, text, ['-bail']);
		assert.deepEqual(result.errors, []);
		assert.equal(await dump(copy), text);
		assert.deepEqual(
			await ask(
				copy,
				`INSERT INTO notifications(user_id, title) VALUES ('dave', 'x');
				SELECT action FROM events WHERE user_id = 'dave'`,
			),
			[['created']],
		);
	}
});

test('.import through a staging table', async () => {
	const file = await workshop.install();
	const csv = path.join(workshop.dir, 'rows.csv');
	const texts = Array.from({ length: 500 }, (_, i) =>
		i % 2 ? `"Zeile ${i}: ""ü"", ✓` : `no. ${i}`,
	);
	const quoted = texts.map((t, i) => `u${i % 3},"${t.replaceAll('"', '""')}\nand more"`);
	fs.writeFileSync(csv, `${quoted.join('\n')}\n`);
	const result = await shell(
		file,
		[
			'CREATE TABLE staging(user_id TEXT, title TEXT);',
			'.mode csv',
			`.import ${csv} staging`,
			'INSERT INTO notifications(user_id, title) SELECT user_id, title FROM staging;',
			'DROP TABLE staging;',
		].join('\n'),
		['-bail'],
	);
	assert.deepEqual(result.errors, []);
	const found = await ask(
		file,
		`SELECT e.user_id, e.action, n.title FROM events e
		JOIN notifications n ON n.id = e.notification_id AND n.user_id = e.user_id
		ORDER BY e.id`,
	);
	assert.deepEqual(
		found,
		texts.map((t, i) => [`u${i % 3}`, 'created', `${t}\nand more`]),
	);
});

// Without comments and texts.
function bare(sql) {
	return sql.replace(/--.*$/gm, '').replace(/'(?:[^']|'')*'/g, "''");
}

// Of 2018 (3.24) is what a writer's shell may be; all of what follows is younger,
// or is not in every build.
test('nothing that an old sqlite3 does not know', () => {
	const young = [
		/\bSTRICT\b/i, /\bRETURNING\b/i, /\bunixepoch\b/i, /\bjson\w*\s*\(/i,
		/->/, /\bOVER\s*\(/i, /\biif\s*\(/i, /\bGENERATED\b/i, /\bMATERIALIZED\b/i,
		/\bNULLS\s+(FIRST|LAST)\b/i, /\bDISTINCT\s+FROM\b/i, /\bformat\s*\(/i,
		/\bdate(?:time)?\s*\(.*subsec/i, /\bconcat\w*\s*\(/i, /\bstring_agg\b/i,
		/\bRIGHT\s+JOIN\b/i, /\bFULL\s+(OUTER\s+)?JOIN\b/i, /\boctet_length\b/i,
		/\bunhex\b/i, /\btimediff\b/i, /\bgenerate_series\b/i, /\bDROP\s+COLUMN\b/i,
		/\bRENAME\s+COLUMN\b/i, /\b(ceil|floor|ln|log|pow|sqrt|sign|mod)\s*\(/i,
		/\bUPDATE\b[^;]*\bSET\b[^;()]*\bFROM\b/i, /\bFILTER\s*\(/i, /\d_\d/,
	];
	const texts = [
		...migrations().map(({ name, text }) => [name, text]),
		...queries(),
	];
	assert.ok(texts.length > 20);
	for (const [name, text] of texts) {
		for (const pattern of young)
			assert.doesNotMatch(bare(text), pattern, name);
	}
});

test('no trigger relies on an OR clause of its own', () => {
	for (const { name, text } of migrations())
		for (const [body] of text.matchAll(/CREATE TRIGGER[\s\S]*?\nEND;/g))
			assert.doesNotMatch(
				bare(body),
				/\b(INSERT|UPDATE)\s+OR\b|\bREPLACE\s+INTO\b|ON\s+CONFLICT/i,
				`${name}: a writer's OR clause would override it`,
			);
});

test('every column has its comment', () => {
	const tables = migrations().flatMap(({ text }) => [
		...text.matchAll(/CREATE TABLE IF NOT EXISTS (\w+) \(\n([\s\S]*?)\n\)/g),
	]);
	assert.ok(tables.length >= 8);
	for (const [, table, body] of tables) {
		const lines = body.split('\n');
		for (const [i, line] of lines.entries()) {
			const column = line.match(/^ {4}([a-z]\w+) [A-Z]/)?.[1];
			// deleted_at and expires_at of `scratch` share one.
			if (!column || (table === 'scratch' && i && /_at\b/.test(lines[i - 1])))
				continue;
			assert.match(lines[i - 1], /^ {4}-- \S/, `${table}.${column}`);
		}
	}
});

// Enough rows that a wrong plan would be the planner's choice too.
const PARAMETERS = new Proxy(
	{ user: 'user5', now: 2000, limit: 10, types: ',info,', key: 'k' },
	{ get: (of, name) => of[name] ?? 5 },
);

async function plan(file, query) {
	const { stdout, errors } = await shell(
		file,
		`EXPLAIN QUERY PLAN ${bound(query, PARAMETERS)};`,
	);
	assert.deepEqual(errors, [], query);
	return stdout;
}

test('every query runs from an index, and sorts nothing', async () => {
	const file = await workshop.install();
	const big = /\bSCAN (TABLE )?(\w+ AS )?(notifications|events|receipts|n|e|r)\b(?!.*USING COVERING INDEX \w+_expiry)/;
	const ends = /ORDER BY id (DESC )?LIMIT 1\b/;
	for (const [name, query] of queries()) {
		// Counts them all, as its purpose is, once in a while.
		if (name === 'retention_count_events') continue;
		// SQLite's list of tables, which has no index and a hundred rows.
		if (/\bFROM sqlite_master\b/.test(query)) continue;
		const text = await plan(file, query);
		assert.doesNotMatch(text, /TEMP B-TREE/, `${name}\n${text}`);
		if (!ends.test(query)) assert.doesNotMatch(text, big, `${name}\n${text}`);
	}
});

test('which index serves what', async () => {
	const file = await workshop.install();
	const named = queries();
	for (const [what, query, pattern] of [
		[
			'the list',
			`SELECT * FROM notifications WHERE user_id = :user AND id < :id ORDER BY id DESC LIMIT 50`,
			/notifications_by_user \(user_id=\? AND rowid<\?\)/,
		],
		[
			'unread above the watermark',
			`SELECT count(*) FROM notifications WHERE user_id = :user AND read_at IS NULL AND id > :id
				AND (expires_at IS NULL OR expires_at > :now)`,
			/COVERING INDEX notifications_by_state \(user_id=\? AND read_at=\? AND id>\?\)/,
		],
		[
			'made unread again',
			`UPDATE notifications SET read_at = NULL WHERE user_id = :user AND read_at = 0 AND id <= :id`,
			/notifications_by_state \(user_id=\? AND read_at=\? AND id<\?\)/,
		],
		[
			'dedupe',
			`SELECT 1 FROM notifications WHERE user_id = :user AND dedupe_key = :key AND id <> :id`,
			/notifications_by_dedupe_key \(user_id=\? AND dedupe_key=\?\)/,
		],
		['expiry', named.get('retention_expired'), /notifications_by_expiry \(expires_at<\?\)/],
		['the next user', named.get('retention_next_user'), /COVERING INDEX notifications_by_\w+ \(user_id>\?\)/],
		['a user, newest first', named.get('retention_inbox'), /notifications_by_user \(user_id=\? AND rowid<\?\)/],
		['receipts, some', named.get('retention_delete_receipts'), /receipts_by_notification \(notification_id=\?\)/],
		['replay', named.get('replay_page'), /events_by_user \(user_id=\? AND rowid>\? AND rowid<\?\)/],
		['the tail', named.get('journal_page'), /INTEGER PRIMARY KEY \(rowid>\?\)/],
		['who hid it', named.get('hidden_users'), /receipts_hidden \(notification_id=\?/],
		['receipts of a broadcast', 'DELETE FROM receipts WHERE notification_id = :id', /receipts_by_notification \(notification_id=\?\)/],
		['a session', 'SELECT * FROM sessions WHERE secret_sha256 = :key', /sqlite_autoindex_sessions_1 \(secret_sha256=\?\)/],
	])
		assert.match(await plan(file, query), pattern, what);
});
