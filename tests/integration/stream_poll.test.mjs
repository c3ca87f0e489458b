// Other ways to the same stream: cut in polls, asked for by HEAD, with a ticket.

import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';

import { action } from './lib/frames.mjs';
import { startServer } from './lib/harness.mjs';
import { SERVER } from './lib/servers.mjs';
import { insert } from './lib/writer.mjs';

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
		const one = server.stream({ user: 'alice', query: { poll: '1' } });
		if (!SERVER.holdsBack) await one.connected();
		await server.waitForStreams(1);
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

	test('poll: a heartbeat ends it, as it would not be seen before', async (t) => {
		const brisk = await startServer({ users: ['alice'], set: { heartbeat: '1s' } });
		t.after(() => brisk.stop());
		const stream = brisk.stream({ user: 'alice', query: { poll: '1' } });
		const last = await stream.end();
		assert.equal(last.event, 'heartbeat');
		assert.deepEqual(
			stream.events.map((event) => event.event),
			['connected', 'heartbeat'],
		);
	});

	test('stream_mode = poll: who has no cursor gets one at once', async (t) => {
		const polls = await startServer({
			users: ['alice'],
			// It wins over that of apache/fcgid.conf.
			env: { BELFRY_STREAM_MODE: 'poll' },
		});
		t.after(() => polls.stop());
		await polls.sql(insert('alice', 'before'));
		const first = polls.stream({ user: 'alice' });
		first.slices = false;
		await first.end();
		assert.deepEqual(
			first.events.map((event) => [event.event, event.data.poll]),
			[['connected', true]],
		);
		// And with it waits for what it does not have.
		const next = polls.stream({
			user: 'alice',
			query: { poll: '1' },
			lastEventId: first.cursor,
		});
		await polls.waitForStreams(1);
		assert.equal(next.ended, false);
		await polls.sql(insert('alice', 'after'));
		await next.end();
		assert.equal(next.notifications[0].data.notification.title, 'after');
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
		// A poll is over by now, and the next one takes another ticket.
		if (!SERVER.holdsBack) await stream.until(action('created'));
		const again = server.stream({ query });
		await again.opened;
		assert.equal(again.status, 401);
		if (SERVER.holdsBack) return;
		// The stream lives as long as what issued the ticket.
		await server.sql("DELETE FROM sessions WHERE user_id = 'alice';");
		const end = await stream.end();
		assert.equal(end.data.reason, 'session');
	});
});
