// What happened once, and must not again: databases that come late, go, are
// put back or damaged under open streams, credentials that change meanwhile,
// and work that nobody should have to wait for.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { describe, test } from 'node:test';

import {
	BINARY,
	makeDatabase,
	poll,
	startServer,
	temporaryFolder,
} from './lib/harness.mjs';
import { beforeExpiry } from './lib/wait.mjs';
import { insert, insertAll } from './lib/writer.mjs';

const isReset = (event) => event.event === 'reset';
const isHeartbeat = (event) => event.event === 'heartbeat';
const titled = (title) => (event) => event.data.notification?.title === title;
const titles = (events) => events.map((e) => e.data.notification.title);

// Starts a server for one test; its end is part of the test.
async function withServer(options, action) {
	const server = await startServer(options);
	try {
		await action(server);
	} catch (error) {
		await server.stop().catch(() => {});
		throw error;
	}
	await server.stop();
}

async function readiness(server, status) {
	await poll(`readyz ${status}`, async () => {
		const answer = await server.request('GET', '/readyz');
		return answer.status === status;
	});
}

async function assertRefused(server, user) {
	const stream = server.stream({ user, lastEventId: '0' });
	const last = await stream.end();
	assert.equal(stream.status, 200);
	assert.equal(stream.events.length, 1, stream.describe());
	assert.equal(last.event, 'close');
	assert.equal(last.data.reason, 'refused');
}

function many(user, count, more = {}) {
	return insertAll(
		Array.from({ length: count }, (_, i) => ({
			user_id: user,
			title: `${i}`,
			...more,
		})),
	);
}

async function countOf(server, from) {
	const [row] = await server.rows(`SELECT count(*) AS n FROM ${from};`);
	return row.n;
}

describe('a journal that can not be followed', { concurrency: true }, () => {
	test('a head file that is none: refused, and good when it goes', async () => {
		const dir = temporaryFolder();
		const db = path.join(dir, 'data/belfry.db');
		await makeDatabase(db);
		// Requests can read the database, whoever follows the journal can't.
		fs.writeFileSync(`${db}-belfry.d`, 'not a folder');
		await withServer({ dir, db, users: ['alice', 'bob'] }, async (server) => {
			await server.sql(many('alice', 3));
			// It may have been let in before we gave up: then it must wait.
			const early = server.follow({ user: 'alice', cursor: '0' });
			await readiness(server, 503);
			await assertRefused(server, 'bob');
			const plain = await server.request('GET', '/stream', { user: 'bob' });
			assert.equal(plain.status, 503);
			assert.equal((await server.request('GET', '/healthz')).status, 200);
			assert.equal(early.received.length, 0, early.describe());
			fs.rmSync(`${db}-belfry.d`);
			await readiness(server, 200);
			await server.sql(insert('alice', 'late'));
			await early.waitFor(() => early.received.some(titled('late')));
			assert.deepEqual(titles(early.received), ['0', '1', '2', 'late']);
			assert.equal(early.resets.length, 0);
			await early.stop();
		});
	});

	test('a database that appears later: cursor 0 gets its rows', async () => {
		const dir = temporaryFolder();
		const db = path.join(dir, 'data/belfry.db');
		const aside = path.join(dir, 'data/aside.db');
		await makeDatabase(aside);
		// It is named in the configuration, so that nobody makes it.
		const options = { dir, db: aside, set: { database: db } };
		await withServer({ ...options, users: ['alice'] }, async (server) => {
			await readiness(server, 503);
			await server.sql(
				`${many('alice', 3)}\nPRAGMA wal_checkpoint(TRUNCATE);`,
			);
			server.db = db;
			fs.renameSync(aside, db);
			const follower = server.follow({ user: 'alice', cursor: '0' });
			await follower.waitFor(() => follower.current?.events.length);
			await server.sql(insert('alice', 'late'));
			await follower.waitFor(() => follower.received.some(titled('late')));
			assert.deepEqual(titles(follower.received), ['0', '1', '2', 'late']);
			await follower.stop();
		});
	});

	test('a damaged schema: one complaint, and streams outlive it', async () => {
		const users = ['alice'];
		await withServer({ users, set: { heartbeat: '1s' } }, async (server) => {
			const stream = await server.openStream({ user: 'alice' });
			const { expiresAt: until, opened: [prolonged] } = await beforeExpiry(
				2000,
				async (expiresAt) => {
					const cookie = await server.session('bob', { expiresAt });
					const opened = await server.openStream({ cookie });
					await server.sql("UPDATE sessions SET expires_at = NULL WHERE user_id = 'bob';");
					return [opened];
				},
			);
			await server.sql('ALTER TABLE read_marks RENAME TO away;');
			await readiness(server, 503);
			// Nobody is signed out because the database can't be asked.
			await stream.until(
				(e) => isHeartbeat(e) && e.data.timestamp > until + 2000,
			);
			assert.ok(!prolonged.ended, prolonged.describe());
			await server.sql('ALTER TABLE away RENAME TO read_marks;');
			await readiness(server, 200);
			await server.sql(insert('*', 'mended'));
			await stream.until(titled('mended'));
			await prolonged.until(titled('mended'));
			assert.equal(server.logLines('database-usable').length, 1);
			const complaints = server.logLines('database-unusable');
			const texts = new Set(complaints.map((line) => line.fields.detail));
			// What it says may change on the way; it is not said over and over.
			assert.ok(complaints.length <= 2 * texts.size, server.log());
		});
	});

	test('the head file is for the group, whatever the umask', async () => {
		const dir = temporaryFolder();
		const db = path.join(dir, 'belfry.db');
		const socket = path.join(dir, 'socket');
		await makeDatabase(db);
		const responder = spawn(
			'sh',
			[
				'-c',
				'umask 022; exec "$0" serve --db "$1" --listen "unix:$2"',
				...[BINARY, db, socket],
			],
			{ stdio: ['ignore', 'ignore', 'pipe'] },
		);
		const exited = new Promise((resolve) => responder.on('close', resolve));
		let log = '';
		responder.stderr.on('data', (chunk) => (log += chunk));
		try {
			await poll('the responder to start', () => {
				assert.equal(responder.exitCode, null, log);
				return log.includes(' info start ');
			});
			assert.equal(fs.statSync(`${db}-belfry.d/head-1`).mode & 0o777, 0o660);
		} finally {
			responder.kill('SIGTERM');
		}
		assert.equal(await exited, 0);
		fs.rmSync(dir, { recursive: true });
	});
});

describe('history put back under open streams', { concurrency: true }, () => {
	test('two responders begin one new epoch', async () => {
		await withServer({ users: ['alice', 'bob'] }, async (first) => {
			const backup = path.join(first.dir, 'backup.db');
			await first.sql(`${many('*', 3)}\n.backup ${backup}\n${many('*', 5)}`);
			await withServer({ db: first.db, checkDatabase: false }, async (second) => {
				const [cookie] = await first.addSessions(['carol']);
				await first.sql(`.backup ${backup}`);
				await first.sql(many('*', 5));
				const sides = [
					{ server: first, who: { user: 'alice' } },
					{ server: second, who: { cookie } },
				];
				for (const side of sides)
					side.stream = await side.server.openStream(side.who);
				await first.sql(`.restore ${backup}`);
				for (const { stream } of sides) await stream.until(isReset);
				await first.sql(insert('*', 'after'));
				for (const { stream } of sides) {
					await stream.until(titled('after'));
					assert.equal(stream.events.filter(isReset).length, 1);
				}
				assert.equal(await countOf(first, "events WHERE action = 'epoch'"), 1);
				const epoch = "SELECT value FROM meta WHERE key = 'epoch';";
				const before = await first.rows(epoch);
				const cursor = sides[0].stream.cursor;
				assert.equal(sides[1].stream.cursor, cursor);
				// A restart has nothing to find that is not as it was.
				await first.whileDown(() => second.whileDown(() => {}));
				for (const { server, who } of sides) {
					const again = await server.openStream({
						...who,
						lastEventId: cursor,
					});
					assert.equal(again.events[0].data.resumed, true, again.describe());
				}
				assert.deepEqual(await first.rows(epoch), before);
			});
		});
	});

	test('a session that it does not know is over at once', async () => {
		await withServer({ users: ['alice'] }, async (server) => {
			const backup = path.join(server.dir, 'backup.db');
			await server.sql(`${many('alice', 3)}\n.backup ${backup}`);
			const known = await server.openStream({ user: 'alice' });
			const [cookie] = await server.addSessions(['alice']);
			const token = await server.token('alice');
			const unknown = [
				await server.openStream({ cookie }),
				await server.openStream({ token }),
			];
			await server.sql(insert('alice', 'before'));
			await known.until(titled('before'));
			await server.sql(`.restore ${backup}\n${insert('alice', 'after')}`);
			await known.until(isReset);
			for (const stream of unknown) {
				const last = await stream.end();
				assert.equal(last.event, 'close', stream.describe());
				assert.equal(last.data.reason, 'session');
				assert.deepEqual(titles(stream.notifications), ['before']);
			}
			await server.sql(insert('alice', 'later'));
			await known.until(titled('later'));
		});
	});
});

describe('what changes by the clock', { concurrency: true }, () => {
	test('a session that is prolonged keeps its stream', async () => {
		await withServer({}, async (server) => {
			const { opened: streams } = await beforeExpiry(3000, async (expiresAt) => {
				const opened = [];
				for (const user of ['alice', 'bob']) {
					const cookie = await server.session(user, { expiresAt });
					const token = await server.token(user, 'read', { expiresAt });
					opened.push(await server.openStream({ cookie }));
					opened.push(await server.openStream({ token }));
				}
				const more = "SET expires_at = expires_at + 86400000 WHERE user_id = 'alice';";
				await server.sql(`UPDATE sessions ${more}\nUPDATE tokens ${more}`);
				return opened;
			});
			// Those that are not tell when it would have been over.
			for (const stream of streams.slice(2))
				assert.equal((await stream.end()).data.reason, 'session');
			await server.sql(insert('alice', 'still here'));
			for (const stream of streams.slice(0, 2))
				await stream.until(titled('still here'));
		});
	});

	test('what expires together goes together', async () => {
		await withServer({ users: ['alice'] }, async (server) => {
			const stream = await server.openStream({ user: 'alice' });
			const now = Date.now();
			const cookie = await server.session('clock', { expiresAt: now + 7000 });
			const clock = await server.openStream({ cookie });
			// At 200 a second they would outlive the clock by far.
			await server.sql(many('alice', 3000, { expires_at: now - 1 }));
			await clock.end();
			assert.equal(await countOf(server, 'notifications'), 0);
			await stream.waitFor(
				() =>
					stream.notifications.filter((e) => e.data.action === 'deleted')
						.length === 3000,
			);
		});
	});
});

describe('the unread count on a stream', () => {
	test('is right, or left out where there are many', async () => {
		await withServer({ users: ['alice'] }, async (server) => {
			const stream = await server.openStream({ user: 'alice' });
			const after = async (sql, predicate) => {
				await server.sql(sql);
				return (await stream.next(predicate)).data.unreadCount;
			};
			assert.equal(await after(insert('alice', 'one'), titled('one')), 1);
			await server.sql(many('alice', 98));
			assert.equal(await after(insert('alice', 'few'), titled('few')), 100);
			await server.sql(many('alice', 2000));
			const left = await after(insert('alice', 'many'), titled('many'));
			assert.equal(left, undefined);
			// Asked for, it is given.
			const again = await server.openStream({ user: 'alice' });
			assert.equal(again.events[0].data.unreadCount, 2101);
			const read = await server.request('POST', '/read-all', { user: 'alice' });
			assert.deepEqual(read.json, { unreadCount: 0 });
			const none = await stream.next((e) => e.data.action === 'all-read');
			assert.equal(none.data.unreadCount, 0);
			assert.equal(await after(insert('alice', 'new'), titled('new')), 1);
		});
	});
});
