// A stream shows its own user's rows and the broadcasts, and nothing else,
// whatever is asked of it.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';

import { startServer } from './lib/harness.mjs';
import { insert, quote } from './lib/writer.mjs';

// Names that a careless comparison takes for one another.
const USERS = [
	'alice',
	'Alice',
	'alice ',
	' alice',
	'alice%',
	'alic_',
	'alice*',
	"alice' OR '1'='1",
	'alice,bob',
	'alice\n',
	'ali',
	'ａlice',
	'é', // one code point
	'e\u0301', // two
	'bob',
	'1',
	'01',
	'1.0',
	'NULL',
	'u'.repeat(300),
];
const SECRET = (user) => `only for <${user}>`;

let server;
let db;
before(async () => {
	server = await startServer({ users: USERS });
	db = server.writer();
});
after(() => server.stop());

async function head() {
	const [{ id }] = await db.rows('SELECT max(id) AS id FROM events;');
	return id ?? 0;
}

// What a user may see from the cursor on: [id, action] of its own rows and of
// broadcasts.
async function allowed(user, from) {
	const rows = await db.rows(
		`SELECT id, action FROM events WHERE id > ${from} AND user_id IN (${quote(user)}, '*') ORDER BY id;`,
	);
	return rows.map((row) => [row.id, row.action]);
}

const shape = (stream) =>
	stream.notifications.map((event) => [Number(event.id), event.data.action]);

test('live: everybody gets exactly what is theirs', async () => {
	const streams = [];
	for (const user of USERS)
		streams.push(await server.openStream({ user, keepRaw: true }));
	const from = await head();
	for (const user of [...USERS, ...USERS].reverse())
		await db.exec(insert(user, SECRET(user)));
	await db.exec(
		"UPDATE notifications SET body = 'changed' WHERE id % 2;" +
			'UPDATE notifications SET read_at = 5 WHERE id % 3;',
	);
	// A change of a row that is deleted before it is told of is passed over.
	for (const [i, user] of USERS.entries()) {
		const told = (await allowed(user, from)).length;
		await streams[i].waitFor(() => streams[i].notifications.length >= told);
	}
	await db.exec('DELETE FROM notifications WHERE id % 5 = 0;');
	await db.exec(insert('*', 'end'));
	for (const [i, user] of USERS.entries()) {
		const stream = streams[i];
		await stream.until((event) => event.data.notification?.title === 'end');
		assert.deepEqual(shape(stream), await allowed(user, from));
		for (const event of stream.notifications) {
			const { title } = event.data.notification ?? {};
			if (title && title !== 'end') assert.equal(title, SECRET(user));
		}
		stream.close();
	}
});

test('replay: the same from any cursor, whosever id it is', async () => {
	const last = await head();
	const cursors = ['0', 'earliest', ...[1, 2, 3, 10, 25].map((n) => last - n)];
	for (const user of ['alice', 'Alice', 'bob', "alice' OR '1'='1"])
		for (const cursor of cursors) {
			const stream = server.stream({ user, query: { lastEventId: cursor } });
			await stream.until((event) => event.data.notification?.title === 'end');
			const from = Number(cursor) || 0;
			const may = new Set((await allowed(user, from)).map(([id]) => id));
			for (const event of stream.notifications) {
				assert.ok(may.has(Number(event.id)), `${user} saw ${event.text}`);
				const { title } = event.data.notification ?? {};
				if (title && title !== 'end') assert.equal(title, SECRET(user));
			}
			stream.close();
		}
});

test('filters and query parameters do not widen it', async () => {
	const queries = [
		{ type: "x' OR 1=1 --" },
		{ type: '%' },
		{ type: 'info,*' },
		{ type: '' },
		{ minPriority: '-1' },
		{ minPriority: '0 OR 1=1' },
		{ user: 'alice' },
		{ userId: 'alice' },
		{ user_id: 'alice' },
		{ userId: '*' },
		{ epoch: "' OR 1=1" },
		{ poll: '1', user: 'alice' },
	];
	for (const query of queries) {
		const stream = server.stream({
			user: 'bob',
			query: { lastEventId: '0', ...query },
		});
		await stream.opened;
		if (stream.status !== 200) {
			// refusing a bad value is fine too
			assert.equal(stream.status, 400, JSON.stringify(query));
			stream.close();
			continue;
		}
		await stream.connected();
		await db.exec(insert('alice', SECRET('alice')));
		await db.exec(insert('bob', 'his own', { priority: 5, type: 'info' }));
		await db.exec("DELETE FROM notifications WHERE title = 'his own';");
		const [{ id }] = await db.rows(
			"SELECT max(id) AS id FROM events WHERE user_id = 'bob';",
		);
		if (query.poll) await stream.end();
		else await stream.until((event) => event.id === String(id));
		const may = new Set((await allowed('bob', 0)).map(([id]) => id));
		for (const event of stream.notifications) {
			assert.ok(may.has(Number(event.id)), event.text);
			const { title } = event.data.notification ?? {};
			if (title) assert.ok(!title.includes('alice'), event.text);
		}
		stream.close();
	}
});

test('a receipt of one user is seen by that user only', async () => {
	const alice = await server.openStream({ user: 'alice' });
	const bob = await server.openStream({ user: 'bob' });
	await db.exec(insert('*', 'for all'));
	const frame = await alice.until((e) => e.data.action === 'created');
	const { id } = frame.data.notification;
	for (const [method, at, options] of [
		['POST', `/${id}/read`, {}],
		['PATCH', `/${id}`, { body: { read: false } }],
		['DELETE', `/${id}`, {}],
	]) {
		const answer = await server.request(method, at, { user: 'alice', ...options });
		assert.ok(answer.status < 300, answer.text);
	}
	await db.exec(
		`INSERT INTO receipts(user_id, notification_id, read_at) VALUES ('Alice', ${id}, 1);`,
	);
	const all = await server.request('POST', '/read-all', { user: 'alice' });
	assert.equal(all.status, 200);
	await db.exec(insert('*', 'end of receipts'));
	const ended = (event) => event.data.notification?.title === 'end of receipts';
	await alice.until(ended);
	await bob.until(ended);
	assert.deepEqual(
		bob.notifications.map((event) => event.data.action),
		['created', 'created'],
	);
	const actions = alice.notifications.map((event) => event.data.action);
	assert.deepEqual(actions.slice(0, 4), [
		'created',
		'read',
		'unread',
		'deleted',
	]);
	alice.close();
	bob.close();
	// And in a replay.
	const again = server.stream({ user: 'bob', lastEventId: bob.events[0].id });
	await again.until(ended);
	assert.deepEqual(
		again.notifications.map((event) => event.data.action),
		['created', 'created'],
	);
	again.close();
});

test('a row given away is gone for the one and new for the other, live', async () => {
	const alice = await server.openStream({ user: 'alice', keepRaw: true });
	const bob = await server.openStream({ user: 'bob' });
	await db.exec(insert('alice', 'hers at first'));
	const { id } = (await alice.until((e) => e.data.action === 'created')).data
		.notification;
	await db.exec(
		`UPDATE notifications SET user_id = 'bob', title = 'his now' WHERE id = ${id};`,
	);
	const created = await bob.until((event) => event.data.action === 'created');
	assert.equal(created.data.notification.title, 'his now');
	await alice.until(
		(event) =>
			event.data.action === 'deleted' && event.data.notificationId === id,
	);
	assert.doesNotMatch(Buffer.concat(alice.raw).toString(), /his now/);
	alice.close();
	bob.close();
});

test('control rows are seen by nobody', async () => {
	const stream = await server.openStream({ user: 'alice' });
	await server.session('alice', { scopes: 'read' });
	await db.exec(
		"DELETE FROM sessions WHERE user_id = 'alice' AND id = (SELECT max(id) FROM sessions WHERE user_id = 'alice');",
	);
	await db.exec(insert('alice', 'after the control row'));
	await stream.until(
		(event) => event.data.notification?.title === 'after the control row',
	);
	assert.equal(stream.notifications.length, 1);
	stream.close();
});

test('no scope, no stream', async () => {
	for (const [scopes, status] of [
		['read', 200],
		['publish', 403],
		['admin', 403],
		['read,publish', 200],
	]) {
		const token = await server.token('alice', scopes);
		const stream = server.stream({ token });
		await stream.opened;
		assert.equal(stream.status, status, scopes);
		stream.close();
	}
});
