// What keeps a stream open, and what ends it: limits, revocation, expiry, a stop.

import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';

import {
	action,
	assertClose,
	assertSessionOver,
	writeUntilEnded,
} from './lib/frames.mjs';
import { alive, poll, startServer } from './lib/harness.mjs';
import { ONE_PROCESS, SERVER } from './lib/servers.mjs';
import { beforeExpiry } from './lib/wait.mjs';
import { insert } from './lib/writer.mjs';

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
		// Of polls, the one that has waited longest.
		const oldest = SERVER.holdsBack
			? await poll('one to end', () => streams.find((stream) => stream.ended))
			: streams[0];
		assertClose(await oldest.end(), 'evicted');
		assert.ok(oldest.events.at(-1).data.retryAfterMs >= 60_000);
		await server.sql(insert('alice', 'who is there'));
		for (const stream of streams.filter((each) => each !== oldest))
			await stream.until(action('created'));
		assert.equal(oldest.notifications.length, 0);
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
			const eves = name === 'the session is given to somebody else';
			// The next poll is that somebody else's.
			if (eves && SERVER.holdsBack) stream.slices = false;
			await stream.end();
			if (!eves || !SERVER.holdsBack) assertSessionOver(stream);
			assert.equal(stream.notifications.length, 0);
			await stays.until(action('created'));
			const again = server.stream({ cookie: secret });
			await again.opened;
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
		await stream.end();
		assertSessionOver(stream);
	});

	test('a session that expires ends its streams within a heartbeat', async () => {
		const db = server.writer();
		// mod_fcgid waits a second before it starts a process for a stream
		const { expiresAt, opened } = await beforeExpiry(
			SERVER.keepsProcesses ? 6000 : 1500,
			async (expiresAt) => {
				const open = async (user) =>
					server.openStream({ cookie: await server.session(user, { expiresAt }) });
				return [await open('henry'), await open('iris')];
			},
		);
		const [silent, busy] = opened;
		await writeUntilEnded(busy, db, 'iris');
		assertSessionOver(busy);
		await silent.end();
		assertSessionOver(silent);
		assert.ok(busy.notifications.length > 0);
		assert.ok(Date.now() >= expiresAt);
		// The clock is that of its own heartbeats: what is late there is late here.
		const beats = silent.events.filter(
			(e) => e.event === 'heartbeat' && e.data.timestamp > expiresAt,
		);
		assert.ok(beats.length <= 2, `${beats.length} heartbeats later`);
	});
});

describe('max_streams', () => {
	let server;
	before(async () => {
		server = await startServer({
			users: ['alice', 'bob', 'carol'],
			// Where a closed tab is not seen, the second heartbeat finds it.
			set: { max_streams: 6, heartbeat: SERVER.holdsBack ? '5s' : '1s' },
		});
	});
	after(() => server.stop());

	test('over max_streams: a close frame, or 503 to other clients', async () => {
		const streams = [];
		for (const user of ['alice', 'alice', 'alice', 'bob', 'bob', 'bob'])
			streams.push(await server.openStream({ user }));
		await server.waitForStreams(6);
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

// A poll ends with a row or a heartbeat, before that.
const WHOLE = { skip: SERVER.holdsBack && 'polls end sooner by themselves' };

describe('stream_lifetime', WHOLE, () => {
	const STREAMS = 12;
	let server;
	before(async () => {
		server = await startServer({
			users: ['alice', 'bob'],
			set: { stream_lifetime: '5s' },
		});
	});
	after(() => server.stop());

	test('ends silent and busy streams, not all at once; nothing is lost', async () => {
		const db = server.writer();
		const silent = await server.openStream({ user: 'bob' });
		const busy = [];
		for (let i = 0; i < STREAMS; i++)
			busy.push(await server.openStream({ user: 'alice' }));
		for (const stream of busy) await writeUntilEnded(stream, db, 'alice');
		for (const stream of [silent, ...busy])
			assertClose(await stream.end(), 'lifetime');
		const lengths = new Set(busy.map((stream) => stream.notifications.length));
		assert.ok(lengths.size > 1, 'all have ended after the same row');
		await db.exec(insert('alice', 'last'));
		const rows = await db.rows(
			"SELECT id FROM events WHERE user_id = 'alice' AND action = 'created' ORDER BY id;",
		);
		for (const stream of busy) {
			const next = await server.openStream({
				user: 'alice',
				lastEventId: stream.cursor,
			});
			assert.equal(next.events[0].data.resumed, true);
			await next.until((e) => e.data.notification?.title === 'last');
			next.close();
			assert.deepEqual(
				[...stream.notifications, ...next.notifications].map((e) => e.id),
				rows.map(({ id }) => String(id)),
			);
		}
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

	test('says when to come back, ends each response, and exits', ONE_PROCESS, async () => {
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
