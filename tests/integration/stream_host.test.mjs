// Sessions that live in a host application's own table.

import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { after, before, describe, test } from 'node:test';

import { action, assertSessionOver, writeUntilEnded } from './lib/frames.mjs';
import { sqlite, startServer, temporaryFolder } from './lib/harness.mjs';
import { SERVER } from './lib/servers.mjs';
import { beforeExpiry } from './lib/wait.mjs';
import { Writer, insert } from './lib/writer.mjs';

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

	const titled = (title) => (event) => event.data.notification?.title === title;
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
		const silent = await server.openStream(cookie('t-alice'));
		const busy = await server.openStream(cookie('t-bob'));
		const stays = await server.openStream(cookie('t-carol'));
		const db = server.writer();
		await db.exec(insert('bob', 'before'));
		await busy.until(action('created'));
		await sqlite(host, "DELETE FROM session WHERE token IN ('t-alice', 't-bob');");
		const from = Date.now();
		await writeUntilEnded(busy, db, 'bob');
		await silent.end();
		for (const stream of [silent, busy]) assertSessionOver(stream);
		// The clock is that of its own heartbeats: what is late there is late here.
		const beats = silent.events.filter(
			(e) => e.event === 'heartbeat' && e.data.timestamp > from,
		);
		assert.ok(beats.length <= 2, `${beats.length} heartbeats later`);
		assert.equal(stays.ended, false);
		stays.close();
	});

	// Nobody writes to their table then: only the clock tells.  A ticket's stream
	// lives as long as the session that issued it.
	test('end their streams within a heartbeat of their expiry', async () => {
		// mod_fcgid waits a second before it starts a process for a stream
		const { expiresAt, opened } = await beforeExpiry(
			SERVER.keepsProcesses ? 8000 : 2500,
			async (expiresAt) => {
				await sqlite(
					host,
					`DELETE FROM session WHERE token IN ('t-gina', 't-hugo');
					INSERT INTO session VALUES
						('t-gina', 'gina', ${expiresAt}), ('t-hugo', 'hugo', ${expiresAt});`,
				);
				const made = await server.request('POST', '/ticket', cookie('t-gina'));
				assert.equal(made.status, 201, made.text);
				return [
					await server.openStream(cookie('t-gina')),
					await server.openStream({ query: { ticket: made.json.ticket } }),
					await server.openStream(cookie('t-hugo')),
				];
			},
		);
		const [silent, ticket, busy] = opened;
		await writeUntilEnded(busy, server.writer(), 'hugo');
		await Promise.all([silent.end(), ticket.end()]);
		assert.ok(Date.now() >= expiresAt);
		assert.ok(busy.notifications.length > 0);
		for (const stream of [silent, busy]) assertSessionOver(stream);
		// A poll is over by now, and the next one would take another ticket.
		if (!SERVER.holdsBack) assertSessionOver(ticket);
		const beats = silent.events.filter(
			(e) => e.event === 'heartbeat' && e.data.timestamp > expiresAt,
		);
		assert.ok(beats.length <= 2, `${beats.length} heartbeats later`);
	});

	// A browser whose login became another one keeps its token in some
	// applications, and both streams of it are there for a while.
	test('that change hands end the streams of who had them', async () => {
		await sqlite(
			host,
			`INSERT INTO session VALUES ('t-shared', 'dora', 32503680000000);`,
		);
		const first = await server.openStream(cookie('t-shared'));
		await sqlite(
			host,
			`UPDATE session SET userId = 'emil' WHERE token = 't-shared';`,
		);
		const second = await server.openStream(cookie('t-shared'));
		await second.waitFor(() => second.events.length >= 4);
		if (SERVER.holdsBack) {
			// Each poll is asked anew who it is.
			await server.sql(insert('dora', 'hers') + insert('emil', 'his'));
			await second.until(action('created'));
			assert.ok(!first.notifications.some(titled('hers')));
			first.close();
		} else {
			assert.equal(first.ended, true, 'after three heartbeats');
			assertSessionOver(first);
		}
		assert.equal(second.ended, false);
		second.close();
	});

	test('a lock on their database signs nobody out', async (t) => {
		let stream = await server.openStream(cookie('t-carol'));
		const lock = new Writer(host);
		t.after(() => lock.kill());
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
		const { cursor } = stream;
		if (SERVER.holdsBack) {
			// The next poll is told to come back later.
			assert.equal((await stream.end()).data.reason, 'refused');
			assert.equal(stream.sliceStatus, 200);
		} else {
			await stream.waitFor(() => stream.events.length >= seen + 3);
		}
		await lock.exec('ROLLBACK;');
		await lock.close();
		if (SERVER.holdsBack)
			stream = server.stream({ ...cookie('t-carol'), lastEventId: cursor });
		await server.sql(insert('carol', 'still there'));
		await stream.until(action('created'));
		stream.close();
	});
});
