// A replay tells the state of now: of a row that is gone, has expired or belongs
// to somebody else by now, nothing comes but its end.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';

import { startServer } from './lib/harness.mjs';
import { insert, insertAll } from './lib/writer.mjs';

let server;
let db;
before(async () => {
	server = await startServer({ users: ['alice', 'bob'] });
	db = server.writer();
});
after(() => server.stop());

const MARK = 'last of the replay';

// All frames from the cursor to a row that is inserted now.
async function replay(user, cursor) {
	await db.exec(insert(user, MARK));
	const stream = server.stream({ user, lastEventId: cursor, keepRaw: true });
	await stream.until((event) => event.data.notification?.title === MARK);
	await db.exec(`DELETE FROM notifications WHERE title = '${MARK}';`);
	stream.close();
	const at = stream.notifications.findIndex(
		(event) => event.data.notification?.title === MARK,
	);
	return {
		frames: stream.notifications.slice(0, at),
		text: Buffer.concat(stream.raw).toString(),
	};
}

async function head() {
	const [{ id }] = await db.rows('SELECT max(id) AS id FROM events;');
	return id ?? 0;
}

async function insertOne(user, title, more) {
	await db.exec(insert(user, title, more));
	const [{ id }] = await db.rows('SELECT max(id) AS id FROM notifications;');
	return id;
}

test('a row that moved from alice to bob', async () => {
	const from = await head();
	const id = await insertOne('alice', 'was hers', { body: 'hers' });
	await db.exec(
		`UPDATE notifications SET title = 'title of hers' WHERE id = ${id};`,
	);
	await db.exec(
		`UPDATE notifications SET user_id = 'bob', title = 'secret of bob',
			body = 'only bob' WHERE id = ${id};`.replace(/\s+/g, ' '),
	);
	const hers = await replay('alice', from);
	assert.deepEqual(
		hers.frames.map((event) => event.data),
		[{ action: 'deleted', notificationId: id }].map((data, i) => ({
			...data,
			...(hers.frames[i].data.unreadCount === undefined
				? {}
				: { unreadCount: hers.frames[i].data.unreadCount }),
		})),
	);
	assert.doesNotMatch(hers.text, /secret of bob|only bob|was hers/);
	const his = await replay('bob', from);
	assert.deepEqual(
		his.frames.map((e) => [e.data.action, e.data.notification?.title]),
		[['created', 'secret of bob']],
	);
});

test('a row that went from alice to bob and back', async () => {
	const from = await head();
	const id = await insertOne('alice', 'there');
	for (const user of ['bob', 'alice'])
		await db.exec(
			`UPDATE notifications SET user_id = '${user}' WHERE id = ${id};`,
		);
	const hers = await replay('alice', from);
	assert.deepEqual(
		hers.frames.map((event) => event.data.action),
		['created', 'deleted', 'created'],
	);
	const his = await replay('bob', from);
	assert.deepEqual(
		his.frames.map((event) => event.data.action),
		['deleted'],
	);
});

test('a row that was moved to everybody and a broadcast that was given away', async () => {
	const from = await head();
	const one = await insertOne('alice', 'for one');
	await db.exec(`UPDATE notifications SET user_id = '*' WHERE id = ${one};`);
	const all = await insertOne('*', 'for all');
	await db.exec(
		`UPDATE notifications SET user_id = 'bob', title = 'bobs' WHERE id = ${all};`,
	);
	// A `created` of her own may show what is everybody's now, but what is bob's
	// is shown to bob alone; and the last word on each row is the true one.
	const last = ({ frames }, id) =>
		frames
			.map(({ data }) => [data.notification?.id ?? data.notificationId, data.action])
			.findLast(([of]) => of === id)[1];
	const hers = await replay('alice', from);
	assert.doesNotMatch(hers.text, /bobs/);
	assert.equal(last(hers, one), 'created');
	assert.equal(last(hers, all), 'deleted');
	const his = await replay('bob', from);
	assert.equal(last(his, one), 'created');
	assert.equal(last(his, all), 'created');
	await db.exec(`DELETE FROM notifications WHERE id IN (${one}, ${all});`);
});

test('a row that was deleted', async () => {
	const from = await head();
	const id = await insertOne('alice', 'to be deleted');
	await db.exec(`UPDATE notifications SET body = 'gone' WHERE id = ${id};`);
	await db.exec(`DELETE FROM notifications WHERE id = ${id};`);
	const { frames, text } = await replay('alice', from);
	assert.deepEqual(
		frames.map((event) => [event.data.action, event.data.notificationId]),
		[['deleted', id]],
	);
	assert.doesNotMatch(text, /to be deleted|gone/);
});

test('a row that has expired', async () => {
	const from = await head();
	const id = await insertOne('alice', 'born expired', {
		expires_at: Date.now() - 1000,
	});
	const { frames, text } = await replay('alice', from);
	assert.doesNotMatch(text, /born expired/);
	for (const event of frames)
		assert.deepEqual([event.data.action, event.data.notificationId], ['deleted', id]);
});

test('a row that expires under a live stream is deleted', async () => {
	const stream = await server.openStream({ user: 'alice' });
	const of = (id, what) => (event) =>
		event.data.action === what &&
		(event.data.notification?.id ?? event.data.notificationId) === id;
	// A row that had expired before it was read is deleted without having been
	// created: then one that lives twice as long.
	let id;
	for (let ms = 700; ; ms *= 2) {
		id = await insertOne('alice', 'short life', { expires_at: Date.now() + ms });
		await stream.until(of(id, 'deleted'));
		if (stream.events.some(of(id, 'created'))) break;
	}
	const rows = await db.rows(`SELECT id FROM notifications WHERE id = ${id};`);
	assert.deepEqual(rows, []);
	stream.close();
});

test('a broadcast that alice has hidden', async () => {
	const from = await head();
	const id = await insertOne('*', 'hidden by alice');
	await db.exec(
		`INSERT INTO receipts(user_id, notification_id, deleted_at)
			VALUES ('alice', ${id}, ${Date.now()});`.replace(/\s+/g, ' '),
	);
	const hers = await replay('alice', from);
	assert.doesNotMatch(hers.text, /hidden by alice/);
	assert.deepEqual(
		hers.frames.map((event) => [event.data.action, event.data.notificationId]),
		[['deleted', id]],
	);
	const his = await replay('bob', from);
	assert.deepEqual(
		his.frames.map((event) => event.data.notification?.title),
		['hidden by alice'],
	);
});

test('the state of now: read and changed since', async () => {
	const from = await head();
	const id = await insertOne('alice', 'v1');
	await db.exec(`UPDATE notifications SET title = 'v2' WHERE id = ${id};`);
	await db.exec(`UPDATE notifications SET read_at = 12345 WHERE id = ${id};`);
	const { frames } = await replay('alice', from);
	assert.deepEqual(
		frames.map((event) => event.data.action),
		['created', 'updated', 'read'],
	);
	for (const event of frames.slice(0, 2)) {
		assert.equal(event.data.notification.title, 'v2');
		assert.equal(event.data.notification.readAt, '1970-01-01T00:00:12.345Z');
	}
});

test('a long replay in pages: every row once, in order', async () => {
	const from = await head();
	const users = ['alice', 'bob', '*'];
	await server.sql(
		insertAll(
			Array.from({ length: 6000 }, (_, i) => ({
				user_id: users[i % 3],
				title: `page ${i}`,
			})),
		),
	);
	const { frames } = await replay('alice', from);
	const expected = await db.rows(
		`SELECT id FROM events WHERE id > ${from} AND user_id IN ('alice', '*')
			AND action = 'created' ORDER BY id;`.replace(/\s+/g, ' '),
	);
	assert.deepEqual(
		frames.map((event) => Number(event.id)),
		expected.map((row) => row.id).slice(0, 4000),
	);
	assert.equal(frames.length, 4000);
});
