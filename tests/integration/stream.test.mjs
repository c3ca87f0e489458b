// The stream as one client sees it: frames, filters, poll mode, limits, ends.

import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { after, before, describe, test } from 'node:test';

import { createParser } from 'eventsource-parser';

import {
	alive,
	poll,
	sqlite,
	startServer,
	temporaryFolder,
} from './lib/harness.mjs';
import { insert, insertAll } from './lib/writer.mjs';

const action = (name) => (event) =>
	event.event === 'notification' && event.data.action === name;

function assertClose(event, reason) {
	assert.equal(event?.event, 'close');
	assert.equal(event.data.reason, reason);
	assert.equal(event.retry, event.data.retryAfterMs);
	assert.equal(event.id, null);
}

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
			'resumed',
			'timestamp',
			'unreadCount',
		]);
		assert.equal(connected.id, String(seq));
		assert.equal(connected.data.message, 'Connected to notification stream');
		assert.equal(connected.data.from, String(seq));
		assert.equal(connected.data.latest, String(seq));
		assert.equal(connected.data.epoch, epoch);
		assert.equal(connected.data.heartbeatMs, 30_000);
		assert.equal(connected.data.unreadCount, 2);
		assert.ok(connected.retry >= 2250 && connected.retry <= 3750);
		stream.close();
	});

	test('retry is spread over the streams', async () => {
		const streams = await Promise.all(
			Array.from({ length: 10 }, () => server.openStream({ user: 'bob' })),
		);
		const retries = new Set(streams.map((stream) => stream.events[0].retry));
		assert.ok(retries.size > 1, `all ${[...retries]}`);
		streams.forEach((stream) => stream.close());
	});

	test('each change writes its frame, with unreadCount', async () => {
		const stream = await server.openStream({ user: 'carol' });
		const change = async (sql, name) => {
			await db.exec(sql);
			return stream.next(action(name));
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
		);
		const { notification } = created.data;
		const { id } = notification;
		assert.equal(created.data.unreadCount, 1);
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
		const updated = await change(at("title = 'new'"), 'updated');
		assert.equal(updated.data.notification.title, 'new');
		const read = await change(at('read_at = 1700000000000'), 'read');
		assert.deepEqual(read.data, {
			action: 'read',
			notificationId: id,
			unreadCount: 0,
		});
		const unread = await change(at('read_at = NULL'), 'unread');
		assert.equal(unread.data.notificationId, id);
		assert.equal(unread.data.unreadCount, 1);
		const all = await change(
			`INSERT INTO read_marks(user_id, read_through) VALUES ('carol', ${id});`,
			'all-read',
		);
		assert.deepEqual(all.data, {
			action: 'all-read',
			through: id,
			unreadCount: 0,
		});
		const deleted = await change(
			`DELETE FROM notifications WHERE id = ${id};`,
			'deleted',
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

describe('hostile text', () => {
	let server;
	let db;
	before(async () => {
		server = await startServer({ users: ['alice'] });
		db = server.writer();
	});
	after(() => server.stop());

	const hex = (text) => Buffer.from(text, 'hex');
	// What is stored, and what a client must see.
	const CASES = [
		['a\nb', 'a\nb'],
		['a\rb\r\nc', 'a\rb\r\nc'],
		['\n\nevent: close\ndata: {}\n\n', '\n\nevent: close\ndata: {}\n\n'],
		['data: x\rid: 1\r\r', 'data: x\rid: 1\r\r'],
		[': comment', ': comment'],
		['\u2028\u2029\u0085', '\u2028\u2029\u0085'],
		['\u{feff}mark', '\u{feff}mark'],
		['"\\/\b\f\t\u0001\u001f\u007f', '"\\/\b\f\t\u0001\u001f\u007f'],
		['</script><!--', '</script><!--'],
		['😀 \u{10ffff} ñ', '😀 \u{10ffff} ñ'],
		[hex('610062'), 'a\ufffdb'], // NUL
		[hex('00'), '\ufffd'],
		[hex('61eda08062'), null], // a lone surrogate in UTF-8's shape
		[hex('ff'), '\ufffd'],
		[hex('c328'), null],
		[hex('f09f98'), null], // cut in a character
		[hex('c080'), null], // overlong NUL
		['x'.repeat(60_000), 'x'.repeat(60_000)],
		['é'.repeat(30_000), 'é'.repeat(30_000)],
		['\n'.repeat(60_000), '\n'.repeat(60_000)],
	];

	test('is one event each, for us and for eventsource-parser', async () => {
		const stream = await server.openStream({ user: 'alice', keepRaw: true });
		for (const field of ['title', 'body', 'type', 'link', 'data'])
			for (const [stored] of CASES)
				await db.exec(
					insert('alice', field === 'title' ? stored : 't', {
						...(field === 'title' ? {} : { [field]: stored }),
					}),
				);
		const total = CASES.length * 5;
		await stream.waitFor(() => stream.notifications.length >= total);
		await db.exec(insert('alice', 'last'));
		await stream.until((e) => e.data.notification?.title === 'last');
		assert.equal(stream.notifications.length, total + 1);
		assert.deepEqual(stream.violations, []);

		const decoder = new TextDecoder();
		const parsed = [];
		const parser = createParser({
			onEvent: (event) => parsed.push(event),
			onError: (error) => assert.fail(error),
		});
		for (const chunk of stream.raw)
			parser.feed(decoder.decode(chunk, { stream: true }));
		assert.deepEqual(
			parsed.map(({ event, id, data }) => ({ event, id, text: data })),
			stream.events.map(({ event, id, text }) => ({
				event,
				id: id ?? undefined,
				text,
			})),
		);

		const frames = stream.notifications.map((e) => e.data.notification);
		['title', 'body', 'type', 'link', 'data'].forEach((field, group) =>
			CASES.forEach(([stored, expected], i) => {
				const value = frames[group * CASES.length + i][field];
				if (expected !== null) assert.equal(value, expected, field);
				else assert.match(value, /\ufffd/, `${field} of ${stored}`);
			}),
		);
		for (const frame of frames.slice(0, -1)) {
			const rest = await server.request('GET', `/${frame.id}`, {
				user: 'alice',
			});
			assert.deepEqual(rest.json, frame);
		}
		stream.close();
	});

	test('over 256 KiB is cut on the stream and whole over REST', async () => {
		const stream = await server.openStream({ user: 'alice' });
		const body = `${'é\n"'.repeat(100_000)}end`;
		await db.exec(insert('alice', 'long body', { body }));
		await db.exec(insert('alice', 'y'.repeat(400_000)));
		await db.exec(
			insert('alice', 'long data', { data: JSON.stringify({ x: body }) }),
		);
		for (const whole of [{ body }, { title: 'y'.repeat(400_000) }, { data: { x: body } }]) {
			const frame = await stream.next(action('created'));
			const { notification } = frame.data;
			assert.equal(notification.truncated, true);
			assert.ok(Buffer.byteLength(frame.text) < 256 * 1024 + 200, 'frame size');
			const rest = await server.request('GET', `/${notification.id}`, {
				user: 'alice',
			});
			for (const [key, value] of Object.entries(whole))
				assert.deepEqual(rest.json[key], value, key);
			assert.ok(!('truncated' in rest.json));
			// Cut between characters.
			assert.ok(!frame.text.includes('\ufffd'));
		}
		await db.exec(insert('alice', 'short'));
		const frame = await stream.next(action('created'));
		assert.equal(frame.data.notification.truncated, undefined);
		stream.close();
	});
});

describe('poll mode, HEAD, tickets', () => {
	let server;
	before(async () => {
		server = await startServer({ users: ['alice'] });
		await server.sql(insert('alice', 'first') + insert('alice', 'second'));
	});
	after(() => server.stop());

	test('poll: what is due comes and the response ends', async () => {
		const stream = await server.openStream({
			user: 'alice',
			query: { poll: '1', lastEventId: '0' },
		});
		await stream.end();
		const [connected, ...rest] = stream.events;
		assert.equal(connected.data.poll, true);
		assert.equal(connected.retry, 1000);
		assert.deepEqual(
			rest.map((event) => event.data.notification?.title),
			['first', 'second'],
		);
	});

	test('poll: with nothing due it waits for the first event', async () => {
		const one = await server.openStream({ user: 'alice', query: { poll: '1' } });
		assert.equal(one.ended, false);
		await server.sql(insert('bob', 'not hers'));
		await server.sql(insert('alice', 'third'));
		await one.end();
		assert.deepEqual(
			one.notifications.map((event) => event.data.notification.title),
			['third'],
		);
		// A reset is due at once too.
		const two = server.stream({
			user: 'alice',
			query: { poll: '1', lastEventId: 'x' },
		});
		await two.end();
		assert.deepEqual(
			two.events.map((event) => event.event),
			['connected', 'reset'],
		);
	});

	test('a stream cut in polls loses and repeats nothing', async () => {
		const follower = server.follow({
			user: 'alice',
			query: { poll: '1' },
			cursor: '0',
		});
		const db = server.writer();
		for (let i = 0; i < 200; i++) await db.exec(insert('alice', `poll ${i}`));
		await follower.waitFor(
			() => follower.received.at(-1)?.data.notification?.title === 'poll 199',
		);
		const rows = await server.rows(
			"SELECT id FROM events WHERE user_id = 'alice' ORDER BY id;",
		);
		assert.deepEqual(
			follower.received.map((event) => Number(event.id)),
			rows.map((row) => row.id),
		);
		await follower.stop();
	});

	test('HEAD checks like GET and opens nothing', async () => {
		const head = async (who) => {
			const stream = server.stream({ method: 'HEAD', ...who });
			await stream.opened;
			await stream.end();
			return stream;
		};
		const good = await head({ user: 'alice' });
		assert.equal(good.status, 200);
		assert.equal(
			good.headers['content-type'],
			'text/event-stream; charset=utf-8',
		);
		assert.equal(good.bytes, 0);
		assert.equal((await head({})).status, 401);
		const token = await server.token('robot', 'publish');
		assert.equal((await head({ token })).status, 403);
		const post = await server.request('POST', '/stream', { user: 'alice' });
		assert.equal(post.status, 405);
		assert.match(post.headers.allow, /GET/);
	});

	test('a ticket opens one stream; HEAD does not use it up', async () => {
		const made = await server.request('POST', '/ticket', { user: 'alice' });
		assert.equal(made.status, 201, made.text);
		const query = { ticket: made.json.ticket };
		const head = server.stream({ method: 'HEAD', query });
		await head.opened;
		assert.equal(head.status, 200);
		const stream = await server.openStream({ query });
		await server.sql(insert('alice', 'for the ticket'));
		await stream.until(action('created'));
		const again = server.stream({ query });
		await again.opened;
		assert.equal(again.status, 401);
		// The stream lives as long as what issued the ticket.
		await server.sql("DELETE FROM sessions WHERE user_id = 'alice';");
		const end = await stream.end();
		assert.equal(end.data.reason, 'session');
	});
});

describe('ends of streams', () => {
	let server;
	before(async () => {
		server = await startServer({
			users: ['alice', 'bob', 'carol'],
			set: { heartbeat: '1s', max_streams_per_user: 3 },
		});
	});
	after(() => server.stop());

	test('a heartbeat carries the last row that is dealt with', async () => {
		const stream = await server.openStream({ user: 'alice' });
		assert.equal(stream.events[0].data.heartbeatMs, 1000);
		const first = await stream.next((event) => event.event === 'heartbeat');
		assert.deepEqual(Object.keys(first.data), ['timestamp']);
		// Rows of somebody else move the cursor of an idle client.
		await server.sql(insert('bob', 'b'));
		const [{ seq }] = await server.rows('SELECT max(id) AS seq FROM events;');
		const later = await stream.until(
			(event) => event.event === 'heartbeat' && event.id === String(seq),
		);
		assert.ok(BigInt(later.id) > BigInt(first.id ?? 0));
		assert.equal(stream.notifications.length, 0);
		stream.close();
		const again = await server.openStream({ user: 'alice', lastEventId: later.id });
		assert.equal(again.events[0].data.resumed, true);
		assert.equal(again.events[0].id, later.id);
		again.close();
	});

	test('the newest stream of a user wins, the oldest is told to wait', async () => {
		const streams = [];
		for (let i = 0; i < 4; i++)
			streams.push(await server.openStream({ user: 'alice' }));
		assertClose(await streams[0].end(), 'evicted');
		assert.ok(streams[0].events.at(-1).data.retryAfterMs >= 60_000);
		await server.sql(insert('alice', 'who is there'));
		for (const stream of streams.slice(1)) await stream.until(action('created'));
		assert.equal(streams[0].notifications.length, 0);
		streams.forEach((stream) => stream.close());
	});

	const revocations = {
		'the tool revokes the session': async (db, secret, id) => {
			const done = await server.tool('session', 'revoke', String(id));
			assert.equal(done.code, 0, done.stderr);
		},
		'DELETE FROM sessions': (db, secret, id) =>
			db.exec(`DELETE FROM sessions WHERE id = ${id};`),
		'the session is given to somebody else': (db, secret, id) =>
			db.exec(`UPDATE sessions SET user_id = 'eve' WHERE id = ${id};`),
		'the secret is changed': (db, secret, id) =>
			db.exec(
				'UPDATE sessions SET secret_sha256 = ' +
					`lower(hex(zeroblob(32))) WHERE id = ${id};`,
			),
		'its life is cut short': (db, secret, id) =>
			db.exec(
				`UPDATE sessions SET expires_at = ${Date.now() - 1} WHERE id = ${id};`,
			),
	};
	for (const [name, revoke] of Object.entries(revocations))
		test(`ends at once when ${name}`, async () => {
			const db = server.writer();
			const secret = await server.session('dave', { scopes: 'read' });
			const other = await server.session('dave', { scopes: 'read' });
			const [{ id }] = await db.rows(
				"SELECT max(id) - 1 AS id FROM sessions WHERE user_id = 'dave';",
			);
			const stream = await server.openStream({ cookie: secret });
			const stays = await server.openStream({ cookie: other });
			// A second row in the same transaction must not get out.
			await revoke(db, secret, id);
			await db.exec(insert('dave', 'after'));
			assertClose(await stream.end(), 'session');
			assert.equal(stream.notifications.length, 0);
			await stays.until(action('created'));
			const again = server.stream({ cookie: secret });
			await again.opened;
			const eves = name === 'the session is given to somebody else';
			assert.equal(again.status, eves ? 200 : 401);
			stays.close();
			again.close();
			await db.exec("DELETE FROM sessions WHERE user_id IN ('dave', 'eve');");
		});

	test('a session that is prolonged keeps its stream', async () => {
		const db = server.writer();
		const expiresAt = Date.now() + 3_600_000;
		const secret = await server.session('frank', { expiresAt });
		const stream = await server.openStream({ cookie: secret });
		await db.exec(
			`UPDATE sessions SET expires_at = ${expiresAt + 1000} WHERE user_id = 'frank';`,
		);
		await db.exec(insert('frank', 'still there'));
		await stream.until(action('created'));
		assert.equal(stream.ended, false);
		stream.close();
	});

	test('a revoked token ends its streams', async () => {
		const token = await server.token('gina', 'read');
		const stream = await server.openStream({ token });
		await server.sql("DELETE FROM tokens WHERE user_id = 'gina';");
		assertClose(await stream.end(), 'session');
	});

	test('a session that expires ends its streams within a heartbeat', async () => {
		const reference = await server.openStream({ user: 'bob' });
		const db = server.writer();
		const expiresAt = Date.now() + 1500;
		const open = async (user) =>
			server.openStream({ cookie: await server.session(user, { expiresAt }) });
		const silent = await open('henry');
		const busy = await open('iris');
		while (!busy.ended) await db.exec(insert('iris', 'busy'));
		assertClose(busy.events.at(-1), 'session');
		assertClose(await silent.end(), 'session');
		assert.ok(busy.notifications.length > 0);
		assert.ok(Date.now() >= expiresAt);
		// The clock is that of another stream's heartbeats.
		const beats = reference.events.filter(
			(e) => e.event === 'heartbeat' && e.data.timestamp > expiresAt,
		);
		assert.ok(beats.length <= 3, `${beats.length} heartbeats later`);
		reference.close();
	});
});

describe('max_streams', () => {
	let server;
	before(async () => {
		server = await startServer({
			users: ['alice', 'bob', 'carol'],
			set: { max_streams: 6 },
		});
	});
	after(() => server.stop());

	test('over max_streams: a close frame, or 503 to other clients', async () => {
		const streams = [];
		for (const user of ['alice', 'alice', 'alice', 'bob', 'bob', 'bob'])
			streams.push(await server.openStream({ user }));
		const refused = server.stream({ user: 'carol' });
		assertClose(await refused.end(), 'refused');
		assert.equal(refused.status, 200);
		assert.equal(refused.events.length, 1);
		const plain = server.stream({
			user: 'carol',
			headers: { Accept: 'application/json' },
		});
		await plain.end();
		assert.equal(plain.status, 503);
		assert.match(plain.headers['retry-after'], /^\d+$/);
		assert.match(plain.headers['content-type'], /^application\/problem\+json/);
		// REST goes on, and a place that comes free is given away.
		const list = await server.request('GET', '', { user: 'carol' });
		assert.equal(list.status, 200);
		streams[0].close();
		await poll('a place', async () => {
			const stream = server.stream({ user: 'carol' });
			await stream.waitFor(() => stream.events.length > 0);
			streams.push(stream);
			return stream.events[0].event === 'connected';
		});
		streams.forEach((stream) => stream.close());
	});
});

describe("the host application's own sessions", () => {
	let server;
	let host;
	const dir = temporaryFolder();
	before(async () => {
		host = path.join(dir, 'host/app.db');
		fs.mkdirSync(path.dirname(host));
		fs.chmodSync(path.dirname(host), 0o777);
		await sqlite(
			host,
			`CREATE TABLE session(token TEXT PRIMARY KEY, userId TEXT, expiresAt INT);
			INSERT INTO session VALUES
				('t-alice', 'alice', 32503680000000), ('t-bob', 'bob', 32503680000000),
				('t-carol', 'carol', 32503680000000), ('t-late', 'late', 1000);`,
		);
		fs.chmodSync(host, 0o666);
		server = await startServer({
			dir,
			set: {
				heartbeat: '1s',
				session_database: host,
				session_query:
					'SELECT userId FROM session WHERE token = :token AND expiresAt > :now_ms',
				session_cookie: 'app.session',
			},
		});
	});
	after(() => server.stop());

	const cookie = (token) => ({ headers: { Cookie: `app.session=${token}` } });

	test('are the login of the stream', async () => {
		const stream = await server.openStream(cookie('t-alice'));
		await server.sql(insert('alice', 'hers') + insert('bob', 'his'));
		const frame = await stream.next(action('created'));
		assert.equal(frame.data.notification.title, 'hers');
		for (const token of ['t-late', 'nobody', '']) {
			const bad = server.stream(cookie(token));
			await bad.end();
			assert.equal(bad.status, 401);
		}
		stream.close();
	});

	test('end their streams within a heartbeat, silent or busy', async () => {
		const reference = await server.openStream(cookie('t-carol'));
		const silent = await server.openStream(cookie('t-alice'));
		const busy = await server.openStream(cookie('t-bob'));
		const db = server.writer();
		await db.exec(insert('bob', 'before'));
		await busy.until(action('created'));
		await sqlite(host, "DELETE FROM session WHERE token IN ('t-alice', 't-bob');");
		const from = Date.now();
		while (!busy.ended) await db.exec(insert('bob', 'busy'));
		await silent.end();
		for (const stream of [silent, busy]) {
			assert.equal(stream.events.at(-1).event, 'close');
			assert.equal(stream.events.at(-1).data.reason, 'session');
		}
		const beats = reference.events.filter(
			(e) => e.event === 'heartbeat' && e.data.timestamp > from,
		);
		assert.ok(beats.length <= 4, `${beats.length} heartbeats later`);
		assert.equal(reference.ended, false);
		reference.close();
	});

	test('a lock on their database signs nobody out', async () => {
		const stream = await server.openStream(cookie('t-carol'));
		const { Writer } = await import('./lib/writer.mjs');
		const lock = new Writer(host);
		await lock.exec('BEGIN EXCLUSIVE;');
		const refused = server.stream(cookie('t-carol'));
		const end = await refused.end();
		assert.equal(refused.status, 200);
		assert.equal(end.data.reason, 'refused');
		const list = await server.request('GET', '', cookie('t-carol'));
		assert.equal(list.status, 503);
		assert.match(list.headers['retry-after'], /^\d+$/);
		// The stream that is open survives some re-checks.
		const seen = stream.events.length;
		await stream.waitFor(() => stream.events.length >= seen + 3);
		await lock.exec('ROLLBACK;');
		await lock.close();
		await server.sql(insert('carol', 'still there'));
		await stream.until(action('created'));
		stream.close();
	});
});

describe('SIGTERM', () => {
	let server;
	before(async () => {
		server = await startServer({
			users: Array.from({ length: 40 }, (_, i) => `user${i}`),
		});
	});
	after(() => server.stop());

	test('says when to come back, ends each response, and exits', async () => {
		const streams = await Promise.all(
			Array.from({ length: 40 }, (_, i) =>
				server.openStream({ user: `user${i}` }),
			),
		);
		// What lighttpd says of a response that did not end as it should.
		const errors = () =>
			server
				.log()
				.split('\n')
				.filter((line) => /end-of-file|response (already|not)|backend/.test(line))
				.filter((line) => !/child exited|\) connect /.test(line));
		assert.deepEqual(errors(), []);
		const pid = await server.responderPid();
		process.kill(pid, 'SIGTERM');
		server.kills++;
		const ends = await Promise.all(streams.map((stream) => stream.end()));
		for (const end of ends) assertClose(end, 'shutdown');
		assert.ok(streams.every((stream) => stream.response.complete));
		const waits = new Set(ends.map((end) => end.data.retryAfterMs));
		assert.ok(waits.size > 10, `${waits.size} different waits of 40`);
		await poll('the responder to exit', () => !alive(pid));
		// END_REQUEST came before the end: nothing for lighttpd to complain of.
		assert.deepEqual(errors(), []);
		// What was written meanwhile is there for those who come back.
		await server.sql(insert('*', 'while away'));
		await server.healthy();
		const back = await server.openStream({
			user: 'user0',
			lastEventId: streams[0].cursor,
		});
		const frame = await back.until(action('created'));
		assert.equal(frame.data.notification.title, 'while away');
	});
});
