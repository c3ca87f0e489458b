// A database that can't be used: the responder says so once, answers 503, goes on
// when it is there, and nothing is lost.

import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import fs from 'node:fs';
import path from 'node:path';
import { after, afterEach, before, describe, test } from 'node:test';

import {
	BASE,
	makeDatabase,
	poll,
	sanitizerReports,
	sqlite,
	startServer,
	temporaryFolder,
} from './lib/harness.mjs';
import { Responder, killResponders } from './lib/responder.mjs';
import { insert } from './lib/writer.mjs';

describe('a database that can not be used yet', () => {
	const dir = temporaryFolder();
	const good = path.join(dir, 'good/belfry.db');
	before(async () => {
		await makeDatabase(good);
		await sqlite(good, 'PRAGMA wal_checkpoint(TRUNCATE);');
	});
	afterEach(killResponders);
	after(() => {
		assert.deepEqual(sanitizerReports(dir), []);
		fs.rmSync(dir, { recursive: true, force: true });
	});

	const errorLines = ({ output }) =>
		output.split('\n').filter((line) => / error database-unusable /.test(line));

	async function assertWaitedFor(file, repair, options, ...words) {
		const responder = new Responder({
			dir,
			config: `database = ${file}\n`,
			...options,
		});
		const ask = (at, headers) => responder.ask(BASE + at, headers);
		assert.equal((await ask('/healthz')).status, 200, responder.output);
		const cookie = { Cookie: 'belfry_session=bfs_x' };
		for (const at of ['', '/stream', '/unread-count']) {
			const answer = await ask(at, cookie);
			assert.equal(answer.status, 503, `${at} ${responder.output}`);
			assert.match(answer.head, /^Content-Type: application\/problem\+json/im);
			assert.match(answer.head, /^Retry-After: \d+/im);
			assert.equal(JSON.parse(answer.body).status, 503);
			assert.ok(!answer.body.includes(dir), answer.body);
		}
		// Said once, however often it was tried.
		assert.equal(errorLines(responder).length, 1, responder.output);
		for (const word of words) assert.match(errorLines(responder)[0], word);

		await repair();
		await poll('the database to be used', async () => {
			const answer = await ask('', cookie);
			return answer.status === 401;
		});
		await poll('word of it', () => /info database-usable/.test(responder.output));
		responder.child.kill('SIGTERM');
		assert.equal(await responder.exit(), 0, responder.output);
	}

	// A whole one in its place.
	const put = (file) => () => {
		fs.rmSync(file, { force: true, recursive: true });
		fs.copyFileSync(good, `${file}.new`);
		fs.renameSync(`${file}.new`, file);
	};
	const DATABASES = {
		'a database that is not there': [
			() => {},
			/belfry\.db: no such database/,
			/belfry init/,
		],
		'a file that is no database': [
			(file) => fs.writeFileSync(file, randomBytes(8192)),
			/belfry\.db: file is not a database/,
		],
		'a database cut short': [
			(file) => {
				fs.copyFileSync(good, file);
				fs.truncateSync(file, 5000);
			},
			/belfry\.db: /,
		],
		'an empty file': [
			(file) => fs.writeFileSync(file, ''),
			/belfry\.db: schema version 0, expected \d+ .*belfry init/,
		],
		"somebody else's database": [
			(file) => sqlite(file, 'PRAGMA journal_mode=WAL; CREATE TABLE t(a);'),
			/belfry\.db: schema version 0, expected/,
		],
		'a database that is not WAL': [
			async (file) => {
				fs.copyFileSync(good, file);
				await sqlite(file, 'PRAGMA journal_mode=DELETE;');
			},
			/belfry\.db: journal_mode is delete, expected wal/,
		],
		'a folder': [(file) => fs.mkdirSync(file), /belfry\.db: /],
	};
	for (const [name, [make, ...words]] of Object.entries(DATABASES))
		test(name, async () => {
			const folder = fs.mkdtempSync(path.join(dir, 'd'));
			const file = path.join(folder, 'belfry.db');
			await make(file);
			await assertWaitedFor(file, put(file), {}, ...words);
		});

	test('a folder that can only be read', async () => {
		const folder = fs.mkdtempSync(path.join(dir, 'd'));
		const file = path.join(folder, 'belfry.db');
		fs.copyFileSync(good, file);
		fs.chmodSync(file, 0o444);
		fs.chmodSync(folder, 0o555);
		const repair = () => {
			fs.chmodSync(folder, 0o755);
			fs.chmodSync(file, 0o644);
		};
		await assertWaitedFor(file, repair, { unprivileged: true }, /belfry\.db/);
	});

	test('a session_query that would write signs nobody in or out', async () => {
		const responder = new Responder({
			dir,
			config:
				`database = ${good}\n` +
				'session_query = DELETE FROM sessions WHERE id = :token\n',
		});
		const answer = await responder.ask(BASE, { Cookie: 'belfry_session=x' });
		assert.ok(answer.status >= 500, `${answer.status} ${answer.body}`);
		responder.child.kill('SIGTERM');
		assert.equal(await responder.exit(), 0, responder.output);
	});
});

describe('a database that goes away under a running server', () => {
	let server;
	before(async () => {
		server = await startServer({ users: ['alice', 'bob'] });
	});
	after(() => server.stop());

	const FILES = ['', '-wal', '-shm'];
	const move = (from, to) =>
		FILES.filter((suffix) => fs.existsSync(from + suffix)).forEach((suffix) =>
			fs.renameSync(from + suffix, to + suffix),
		);

	test('is a problem for REST, and its streams go on when it is back', async () => {
		const stream = await server.openStream({ user: 'alice' });
		const away = `${server.db}-away`;
		move(server.db, away);
		const list = await poll('503', async () => {
			const got = await server.request('GET', '', { user: 'alice' });
			return got.status === 503 ? got : null;
		});
		assert.match(list.headers['content-type'], /^application\/problem\+json/);
		assert.match(list.headers['retry-after'], /^\d+$/);
		assert.equal(list.json.status, 503);
		// Where the files lie is nobody's business.
		assert.ok(!list.text.includes(path.dirname(server.db)), list.text);
		const made = await server.request('POST', '', {
			user: 'alice',
			body: { userId: 'alice', title: 'lost?' },
		});
		assert.equal(made.status, 503);
		const refused = server.stream({ user: 'bob' });
		const end = await refused.end();
		if (refused.status === 200) assert.equal(end.data.reason, 'refused');
		else assert.equal(refused.status, 503);

		move(away, server.db);
		await server.sql(insert('alice', 'back again'));
		await stream.until((e) => e.data.notification?.title === 'back again');
		assert.equal(stream.events.filter((e) => e.event === 'reset').length, 0);
		await poll('readiness', async () => {
			const got = await server.request('GET', '', { user: 'alice' });
			return got.status === 200;
		});
		stream.close();
	});

	test('is waited for when somebody holds a lock on it', async () => {
		const stream = await server.openStream({ user: 'alice' });
		const lock = server.writer();
		await lock.exec('BEGIN IMMEDIATE;');
		await lock.exec(insert('alice', 'slow transaction'));
		// Reading does not wait for a writer.
		const list = await server.request('GET', '', { user: 'alice' });
		assert.equal(list.status, 200);
		const writing = server.request('POST', '/read-all', { user: 'alice' });
		await lock.exec('COMMIT;');
		assert.equal((await writing).status, 200);
		await stream.until((e) => e.data.notification?.title === 'slow transaction');
		stream.close();
	});
});
