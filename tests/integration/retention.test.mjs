// What goes by itself: events by age and number, notifications that are read,
// unread or everyone's, what has expired; and what stays.

import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { after, before, describe, test } from 'node:test';

import { action } from './lib/frames.mjs';
import {
	BINARY,
	makeDatabase,
	poll,
	run,
	sqlite,
	sqliteRows,
	startServer,
	temporaryFolder,
} from './lib/harness.mjs';
import { insert } from './lib/writer.mjs';

const DAY = 86_400_000;
const NONE = { events: 0, expired: 0, read: 0, unread: 0, broadcasts: 0, sessions: 0 };
const CLOCK_NANOSLEEP = { x64: 230, arm64: 115 }[process.arch];

describe('belfry prune', () => {
	let dir, db;
	before(() => {
		dir = temporaryFolder();
	});
	after(() => fs.rmSync(dir, { recursive: true, force: true }));

	async function fresh(name, sql) {
		db = path.join(dir, `${name}.db`);
		await makeDatabase(db);
		await sqlite(db, sql);
	}

	// What it prints, as {events, …}; the same for --dry-run before.
	async function prune(keys) {
		const env = { ...process.env };
		for (const [key, value] of Object.entries(keys))
			env[`BELFRY_RETENTION_${key.toUpperCase()}`] = String(value);
		const call = async (...args) => {
			const done = await run(BINARY, ['prune', '--db', db, ...args], { env });
			assert.equal(done.code, 0, done.stderr);
			assert.equal(done.stderr, '');
			return Object.fromEntries(
				done.stdout
					.trim()
					.split('\n')
					.map((line) => /^(.*) (\d+)$/.exec(line).slice(1))
					.map(([key, n]) => [key.split(' ')[0], Number(n)]),
			);
		};
		const state = 'SELECT (SELECT count(*) FROM events) AS e, (SELECT count(*) FROM notifications) AS n;';
		const was = await sqliteRows(db, state);
		const would = await call('--dry-run');
		assert.deepEqual(await sqliteRows(db, state), was);
		const did = await call();
		assert.deepEqual(did, would);
		// Nothing is left to do.
		if (!Object.keys(keys).some((key) => key === 'rows'))
			assert.deepEqual(await call('--dry-run'), NONE);
		return did;
	}

	const rows = (sql) => sqliteRows(db, sql);
	const ids = async (sql = 'SELECT id FROM notifications ORDER BY id;') =>
		(await rows(sql)).map((row) => row.id);
	const made = (user, days, more = {}) => {
		const row = { user_id: user, title: 't', created_at: Date.now() - days * DAY, ...more };
		const values = Object.values(row).map((v) => (typeof v === 'string' ? `'${v}'` : v));
		return `INSERT INTO notifications(${Object.keys(row)}) VALUES (${values});`;
	};

	test('events by number: the newest stay, and floor says where they begin', async () => {
		await fresh('rows', `BEGIN; ${Array.from({ length: 1500 }, (_, i) => insert('alice', `n${i}`)).join('\n')} COMMIT;`);
		assert.equal((await prune({ rows: 10 })).events, 1490);
		assert.deepEqual(await rows("SELECT min(id) AS low, max(id) AS high, count(*) AS n, (SELECT value FROM meta WHERE key = 'floor') AS floor FROM events;"),
			[{ low: 1491, high: 1500, n: 10, floor: '1490' }]);
		assert.equal((await ids()).length, 1500);
	});

	test('events by age: up to the first that is young, and never the newest', async () => {
		await fresh('age', `${insert('alice', 'a')}${insert('alice', 'b')}${insert('alice', 'c')}`);
		const at = (days) => `INSERT INTO events(user_id, action, notification_id, at) VALUES ('alice', 'updated', 1, ${Date.now() - days * DAY});`;
		await sqlite(db, `DELETE FROM events; ${at(40)}${at(31)}${at(29)}${at(50)}${at(50)}`);
		assert.equal((await prune({})).events, 2);
		assert.equal((await rows('SELECT count(*) AS n FROM events;'))[0].n, 3);
		assert.equal((await prune({ age: '1d' })).events, 2);
		const [{ n, floor, last }] = await rows("SELECT count(*) AS n, max(id) AS last, (SELECT value FROM meta WHERE key = 'floor') AS floor FROM events;");
		assert.equal(n, 1);
		assert.equal(Number(floor), last - 1);
	});

	test('read and unread ones by age; a watermark reads too', async () => {
		await fresh('kinds', [
			made('alice', 10), made('alice', 10, { read_at: 5 }), made('alice', 1, { read_at: 5 }),
			made('bob', 10), made('bob', 10, { read_at: 0 }), made('bob', 1), made('bob', 100),
			`INSERT INTO read_marks(user_id, read_through) VALUES ('bob', 6);`,
			`UPDATE notifications SET read_at = 0 WHERE id = 5;`,
			'DELETE FROM events;',
		].join('\n'));
		assert.deepEqual(await prune({}), NONE);
		assert.deepEqual(await prune({ read_age: '5d' }), { ...NONE, read: 2 });
		assert.deepEqual(await ids(), [1, 3, 5, 6, 7]);
		assert.deepEqual((await rows("SELECT user_id || ' ' || action || ' ' || notification_id AS e FROM events ORDER BY id;")).map((r) => r.e), ['alice deleted 2', 'bob deleted 4']);
		assert.equal((await prune({ unread_age: '5d' })).unread, 3);
		assert.deepEqual(await ids(), [3, 6]);
	});

	test('by number, of each user the newest, and of each kind by itself', async () => {
		const list = [];
		for (let i = 0; i < 700; i++)
			list.push(made(i % 2 ? 'alice' : 'bob', 0, i % 4 < 2 ? { read_at: 5 } : {}));
		list.push(...Array.from({ length: 5 }, () => made('*', 0)));
		await fresh('numbers', `BEGIN; ${list.join('\n')} COMMIT;`);
		const did = await prune({ read_rows: 3, unread_rows: 170, broadcast_rows: 2 });
		assert.deepEqual(did, { ...NONE, read: 350 - 6, unread: 350 - 340, broadcasts: 3 });
		assert.deepEqual(await rows('SELECT user_id, read_at > 0 AS r, count(*) AS n, max(id) AS last FROM notifications GROUP BY 1, 2 ORDER BY 1, 2;'), [
			{ user_id: '*', r: null, n: 2, last: 705 },
			{ user_id: 'alice', r: null, n: 170, last: 700 },
			{ user_id: 'alice', r: 1, n: 3, last: 698 },
			{ user_id: 'bob', r: null, n: 170, last: 699 },
			{ user_id: 'bob', r: 1, n: 3, last: 697 },
		]);
	});

	test('a broadcast goes with its receipts, of which nobody is told', async () => {
		const readers = `WITH RECURSIVE c(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM c WHERE n < 1000)
			INSERT INTO receipts(user_id, notification_id, deleted_at) SELECT 'u' || n, 1, 5 FROM c;`;
		await fresh('broadcast', `${made('*', 10)}${made('*', 1)}${readers}
			INSERT INTO receipts(user_id, notification_id, read_at) VALUES ('u1', 2, 5); DELETE FROM events;`);
		assert.equal((await prune({ broadcast_age: '5d' })).broadcasts, 1);
		assert.deepEqual(await ids(), [2]);
		assert.deepEqual(await rows('SELECT notification_id AS id, count(*) AS n FROM receipts GROUP BY 1;'), [{ id: 2, n: 1 }]);
		assert.deepEqual((await rows('SELECT DISTINCT user_id, action FROM events ORDER BY id;')),
			[{ user_id: '*', action: 'updated' }, { user_id: '*', action: 'deleted' }]);
	});

	test('sessions and tokens go a day after they have expired, untold', async () => {
		const sha = (n) => `printf('%064x', ${n})`;
		const row = (table, n, expires) =>
			`INSERT INTO ${table}(secret_sha256, user_id, expires_at) VALUES (${sha(n)}, 'u${n}', ${expires});`;
		const now = Date.now();
		await fresh('credentials', `WITH RECURSIVE c(n) AS (SELECT 1000 UNION ALL SELECT n + 1 FROM c WHERE n < 1299)
			INSERT INTO sessions(secret_sha256, user_id, expires_at) SELECT ${sha('n')}, 'many', 1 FROM c;
			${row('sessions', 1, now - 2 * DAY)} ${row('sessions', 2, now - DAY / 2)}
			${row('sessions', 3, now + DAY)} ${row('sessions', 4, 'NULL')}
			${row('tokens', 5, now - 2 * DAY)} ${row('tokens', 6, now - DAY / 2)} ${row('tokens', 7, 'NULL')}
			DELETE FROM events;`);
		assert.equal((await prune({})).sessions, 302);
		assert.deepEqual(await rows('SELECT user_id AS u FROM sessions UNION ALL SELECT user_id FROM tokens;'),
			['u2', 'u3', 'u4', 'u6', 'u7'].map((u) => ({ u })));
		assert.deepEqual(await rows('SELECT action FROM events;'), []);
	});

	test('names that hold a NUL are passed once', async () => {
		await fresh('nul', `INSERT INTO notifications(user_id, title, created_at) VALUES
			('a' || char(0) || 'b', 't', 0), ('a' || char(0) || 'c', 't', 0), ('a', 't', 0);`);
		assert.equal((await prune({ unread_age: '1d' })).unread, 3);
	});

	test('what has expired goes, more than a batch of it', async () => {
		await fresh('expired', Array.from({ length: 300 }, () => insert('alice', 'x')).join('\n'));
		await sqlite(db, 'UPDATE notifications SET expires_at = 1 WHERE id <= 250;');
		const done = await prune({});
		assert.equal(done.expired, 250);
		assert.equal((await ids()).length, 50);
	});
});

describe('the responder prunes by itself', () => {
	let server;
	before(async () => {
		server = await startServer({
			users: ['alice', 'bob'],
			set: { retention_rows: 10, retention_read_age: '1s', retention_broadcast_rows: 2 },
		});
	});
	after(() => server.stop());

	test('streams go on; a cursor that was pruned is reset', async () => {
		const live = await server.openStream({ user: 'alice' });
		const start = live.events[0].data.latest;
		for (let i = 0; i < 30; i++) await server.sql(insert('alice', `n${i}`));
		await live.until((event) => event.data?.notification?.title === 'n29');
		await poll('the journal to be pruned', async () => {
			const [{ n }] = await server.rows('SELECT count(*) AS n FROM events;');
			return n === 10;
		});
		const late = await server.openStream({ user: 'alice', lastEventId: start });
		assert.equal(late.events[0].data.resumed, false);
		assert.equal((await late.next((event) => event.event === 'reset')).data.reason, 'expired');
		await server.sql(insert('alice', 'after'));
		for (const stream of [live, late])
			await stream.until((event) => event.data?.notification?.title === 'after');
		assert.equal(live.notifications.filter(action('created')).length, 31);
		assert.equal(live.events.filter((event) => event.event === 'reset').length, 0);
		[live, late].forEach((stream) => stream.close());
	});

	test('what was read goes, and its user is told', async () => {
		const stream = await server.openStream({ user: 'bob' });
		await server.sql(`INSERT INTO notifications(user_id, title, read_at, created_at) VALUES ('bob', 'old', 5, 5), ('bob', 'unread', NULL, 5);`);
		const gone = await stream.until(action('deleted'));
		const [{ id }] = await server.rows("SELECT id FROM notifications WHERE user_id = 'bob';");
		assert.equal(gone.data.notificationId, id - 1);
		stream.close();
	});

	test('broadcasts beyond the number go', async () => {
		const stream = await server.openStream({ user: 'bob' });
		for (let i = 0; i < 3; i++) await server.sql(insert('*', `b${i}`));
		const [{ id }] = await server.rows("SELECT min(id) AS id FROM notifications WHERE user_id = '*';");
		const gone = await stream.until(action('deleted'));
		assert.equal(gone.data.notificationId, id);
		stream.close();
	});

	// The step that is under way then set the timer again, which was freed with
	// it: seen by the sanitizers only.
	test('a stop while a step waits for the lock', async () => {
		const pid = await server.responderPid();
		const sleeps = () =>
			fs.readdirSync(`/proc/${pid}/task`).some((id) =>
				fs.readFileSync(`/proc/${pid}/task/${id}/syscall`, 'utf8').startsWith(`${CLOCK_NANOSLEEP} `),
			);
		const writer = server.writer();
		const rows = Array.from({ length: 30 }, (_, i) => insert('bob', `n${i}`)).join('\n');
		// In one go: a step between the two would find what it is to do, and do it.
		await writer.exec(`BEGIN; ${rows} COMMIT; BEGIN IMMEDIATE;`);
		await poll('the step to wait for the lock', sleeps);
		const stopped = server.restartWebServer();
		await poll('the stop', () => server.logLines('drain').length);
		await writer.exec('COMMIT;');
		await stopped;
	});
});
