// The stream as one client sees it: its head, its frames, its filters.

import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';

import { action } from './lib/frames.mjs';
import { startServer } from './lib/harness.mjs';
import { SERVER } from './lib/servers.mjs';
import { insert, insertAll } from './lib/writer.mjs';

describe('frames', () => {
	let server;
	let db;
	before(async () => {
		server = await startServer({ users: ['alice', 'bob', 'carol'] });
		db = server.writer();
	});
	after(() => server.stop());

	test('head of the answer and the first frame', async () => {
		await server.sql(insert('alice', 'one') + insert('alice', 'two'));
		const [{ seq }] = await server.rows('SELECT max(id) AS seq FROM events;');
		const [{ epoch }] = await server.rows(
			"SELECT value AS epoch FROM meta WHERE key = 'epoch';",
		);
		const stream = await server.openStream({ user: 'alice', keepRaw: true });
		assert.equal(stream.status, 200);
		const { headers } = stream;
		assert.equal(headers['content-type'], 'text/event-stream; charset=utf-8');
		assert.equal(headers['cache-control'], 'no-store, no-transform');
		assert.equal(headers['x-accel-buffering'], 'no');
		assert.equal(headers['x-content-type-options'], 'nosniff');
		assert.equal(headers['content-length'], undefined);
		// Firefox reports a stream as open only at its first body byte.
		assert.match(stream.raw[0].toString(), /^retry: \d+\nevent: connected\n/);
		const [connected] = stream.events;
		assert.deepEqual(Object.keys(connected.data).sort(), [
			'epoch',
			'from',
			'heartbeatMs',
			'latest',
			'message',
			...(SERVER.holdsBack ? ['poll'] : []),
			'resumed',
			'timestamp',
			'unreadCount',
		]);
		assert.equal(connected.id, String(seq));
		assert.equal(connected.data.message, 'Connected to notification stream');
		assert.equal(connected.data.from, String(seq));
		assert.equal(connected.data.latest, String(seq));
		assert.equal(connected.data.epoch, epoch);
		assert.equal(connected.data.heartbeatMs, SERVER.holdsBack ? 1000 : 30_000);
		assert.equal(connected.data.unreadCount, 2);
		if (SERVER.holdsBack) assert.equal(connected.retry, 1000);
		else assert.ok(connected.retry >= 2250 && connected.retry <= 3750);
		stream.close();
	});

	test('retry is spread over the streams', async () => {
		const streams = await Promise.all(
			Array.from({ length: 10 }, () => server.openStream({ user: 'bob' })),
		);
		const retries = new Set(streams.map((stream) => stream.events[0].retry));
		if (SERVER.holdsBack) assert.deepEqual([...retries], [1000]);
		else assert.ok(retries.size > 1, `all ${[...retries]}`);
		streams.forEach((stream) => stream.close());
	});

	test('each change writes its frame, with unreadCount', async () => {
		const stream = await server.openStream({ user: 'carol' });
		const change = async (sql, name, unreadCount) => {
			await db.exec(sql);
			const frame = await stream.next(action(name));
			// Between two polls, and before a process of its own follows the
			// journal, it is a replay, which has none.
			const count = frame.data.unreadCount;
			if (SERVER.oneProcess || count !== undefined)
				assert.equal(count, unreadCount);
			return frame;
		};
		const created = await change(
			insert('carol', 'title', {
				type: 'deploy',
				body: 'body',
				data: '{"a":[1,"é"]}',
				link: '/x?y=1&z',
				priority: 5,
			}),
			'created',
			1,
		);
		const { notification } = created.data;
		const { id } = notification;
		const { createdAt } = notification;
		assert.match(createdAt, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
		assert.deepEqual(notification, {
			id,
			type: 'deploy',
			title: 'title',
			body: 'body',
			data: { a: [1, 'é'] },
			link: '/x?y=1&z',
			priority: 5,
			broadcast: false,
			createdAt,
			updatedAt: createdAt,
			readAt: null,
			expiresAt: null,
		});
		const at = (what) =>
			`UPDATE notifications SET ${what} WHERE id = ${id};`;
		const updated = await change(at("title = 'new'"), 'updated', 1);
		assert.equal(updated.data.notification.title, 'new');
		const read = await change(at('read_at = 1700000000000'), 'read', 0);
		assert.deepEqual(
			{ unreadCount: 0, ...read.data },
			{ action: 'read', notificationId: id, unreadCount: 0 },
		);
		const unread = await change(at('read_at = NULL'), 'unread', 1);
		assert.equal(unread.data.notificationId, id);
		const all = await change(
			`INSERT INTO read_marks(user_id, read_through) VALUES ('carol', ${id});`,
			'all-read',
			0,
		);
		assert.deepEqual(
			{ unreadCount: 0, ...all.data },
			{ action: 'all-read', through: id, unreadCount: 0 },
		);
		const deleted = await change(
			`DELETE FROM notifications WHERE id = ${id};`,
			'deleted',
			0,
		);
		assert.equal(deleted.data.notificationId, id);
		// Each id is the row of the journal.
		const rows = await server.rows(
			"SELECT id, action FROM events WHERE user_id = 'carol' ORDER BY id;",
		);
		assert.deepEqual(
			stream.notifications.map((e) => [Number(e.id), e.data.action]),
			rows.map((row) => [row.id, row.action]),
		);
		stream.close();
	});

	test('unreadCount is true at its frame, however long the batch', async () => {
		for (const others of [10, 498, 499, 500, 998, 2500]) {
			const stream = await server.openStream({ user: 'alice' });
			let unread = stream.events[0].data.unreadCount;
			await server.sql(
				insertAll([
					{ user_id: 'alice', title: 'first' },
					...Array(others).fill({ user_id: 'nobody', title: 'x' }),
					{ user_id: 'alice', title: 'last' },
				]),
			);
			await stream.until((e) => e.data.notification?.title === 'last');
			for (const event of stream.notifications) {
				unread++;
				const { unreadCount = unread } = event.data;
				assert.equal(unreadCount, unread, `${others}: ${event.text}`);
			}
			stream.close();
		}
	});

	test('a broadcast is the same bytes for everyone', async () => {
		const users = ['alice', 'bob', 'carol'];
		const streams = await Promise.all(
			users.map((user) => server.openStream({ user })),
		);
		await db.exec(insert('*', 'to all'));
		const frames = await Promise.all(
			streams.map((stream) => stream.next(action('created'))),
		);
		for (const frame of frames) {
			assert.equal(frame.text, frames[0].text);
			assert.equal(frame.data.notification.broadcast, true);
			assert.ok(!('readAt' in frame.data.notification));
		}
		streams.forEach((stream) => stream.close());
	});

	test('one transaction of the application: both rows or neither', async () => {
		const stream = await server.openStream({ user: 'alice' });
		await db.exec('CREATE TABLE orders(n);');
		await db.exec(
			`BEGIN; INSERT INTO orders VALUES (1); ${insert('alice', 'lost')} ROLLBACK;`,
		);
		await db.exec(
			`BEGIN; INSERT INTO orders VALUES (2); ${insert('alice', 'kept')} COMMIT;`,
		);
		const frame = await stream.next(action('created'));
		assert.equal(frame.data.notification.title, 'kept');
		stream.close();
	});

	test('type and minPriority narrow what is created, and only that', async () => {
		const open = (query) => server.openStream({ user: 'alice', query });
		const [byType, byPriority, both] = await Promise.all([
			open({ type: 'a,b' }),
			open({ minPriority: '4' }),
			open({ type: 'a', minPriority: '4' }),
		]);
		const rows = [];
		for (const type of ['a', 'b', 'c', 'ab'])
			for (const priority of [1, 3, 4, 5])
				rows.push({ title: `${type}${priority}`, type, priority });
		await db.exec(
			rows
				.map(({ title, ...more }) => insert('alice', title, more))
				.concat(
					"UPDATE notifications SET body = 'x' WHERE title = 'c1';",
					"DELETE FROM notifications WHERE title = 'ab1';",
				)
				.join('\n'),
		);
		const expected = (keep) => rows.filter(keep).map((row) => row.title);
		for (const [stream, keep] of [
			[byType, (row) => ['a', 'b'].includes(row.type)],
			[byPriority, (row) => row.priority >= 4],
			[both, (row) => row.type === 'a' && row.priority >= 4],
		]) {
			await stream.until(action('deleted'));
			const titles = stream.notifications
				.filter(action('created'))
				.map((event) => event.data.notification.title);
			assert.deepEqual(titles, expected(keep));
			const update = stream.notifications.find(action('updated'));
			assert.equal(update.data.notification.title, 'c1');
		}
		// The same rows when they are replayed.
		const [{ id: cursor }] = byType.events;
		const replay = await server.openStream({
			user: 'alice',
			query: { type: 'a,b' },
			lastEventId: cursor,
		});
		await replay.until(action('deleted'));
		assert.deepEqual(
			replay.notifications.filter(action('created')).map((e) => e.id),
			byType.notifications.filter(action('created')).map((e) => e.id),
		);
		for (const stream of [byType, byPriority, both, replay]) stream.close();
	});

	test('REST and stream agree, also for what the server itself writes', async () => {
		const stream = await server.openStream({ user: 'alice' });
		const token = await server.token('service', 'publish');
		const made = await server.request('POST', '', {
			token,
			body: { userId: 'alice', title: 'by REST', data: { n: 1.5 }, priority: 1 },
		});
		assert.equal(made.status, 201, made.text);
		const { id } = made.json;
		const created = await stream.next(action('created'));
		const got = await server.request('GET', `/${id}`, { user: 'alice' });
		assert.deepEqual(created.data.notification, got.json);
		const read = await server.request('POST', `/${id}/read`, { user: 'alice' });
		assert.equal(read.status, 204);
		assert.equal((await stream.next(action('read'))).data.notificationId, id);
		const list = await server.request('GET', '?limit=1', { user: 'alice' });
		assert.equal(list.json.lastEventId, stream.cursor);
		const gone = await server.request('DELETE', `/${id}`, { user: 'alice' });
		assert.equal(gone.status, 204);
		assert.equal((await stream.next(action('deleted'))).data.notificationId, id);
		stream.close();
	});

	test('no credential or a bad one: 401 and a problem, no stream', async () => {
		for (const who of [{}, { cookie: 'bfs_nonsense' }, { token: 'bft_x' }]) {
			const stream = server.stream(who);
			await stream.opened;
			await stream.end();
			assert.equal(stream.status, 401);
			assert.match(stream.headers['content-type'], /^application\/problem\+json/);
			assert.equal(JSON.parse(stream.body).status, 401);
		}
	});
});
