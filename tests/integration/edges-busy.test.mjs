// Somebody else holds the write lock for longer than anybody waits for it: who
// reads does not notice, who writes is told, and stopping does not take longer.

import assert from 'node:assert/strict';
import net from 'node:net';
import { after, before, describe, test } from 'node:test';

import * as fastcgi from './lib/fastcgi.mjs';
import { BASE, startServer } from './lib/harness.mjs';
import { poll, waiting } from './lib/wait.mjs';
import { Writer, insert } from './lib/writer.mjs';

// One request straight to the responder, which takes connections in the order
// in which they are made.
class Direct {
	#parts = [];

	constructor(where, bytes) {
		this.socket = net.connect(where);
		this.socket.on('error', () => {});
		this.socket.on('data', (chunk) => this.#parts.push(chunk));
		this.closed = new Promise((resolve) => this.socket.on('close', resolve));
		this.sent = new Promise((resolve) => this.socket.write(bytes, resolve));
	}

	get answer() {
		return fastcgi.parse(Buffer.concat(this.#parts));
	}

	get answered() {
		return this.#parts.length > 0;
	}

	async end() {
		await waiting('an answer', () => this.answer.head, (done) => {
			this.closed.then(done);
		});
		return this.answer;
	}
}

async function send(where, method, path, token, body) {
	const headers = { Authorization: `Bearer ${token}` };
	const text = body === undefined ? '' : body;
	const params = fastcgi.params(method, BASE + path, headers, text);
	if (body !== undefined) params.CONTENT_TYPE = 'application/json';
	const direct = new Direct(where, fastcgi.request(params, { body: text }));
	await direct.sent;
	return direct;
}

// A server, who holds its database's lock, and credentials.
function fixture() {
	const f = {};
	before(async () => {
		f.server = await startServer({ users: ['alice'] });
		await f.server.sql(insert('alice', 'first'));
		f.publish = await f.server.token('alice', 'read,publish');
		f.read = await f.server.token('alice', 'read');
		f.where = await f.server.socketPath();
		f.holder = new Writer(f.server.db);
		await f.holder.ready;
	});
	after(async () => {
		await f.holder.close();
		await f.server.stop();
	});
	f.send = (method, path, token, body) =>
		send(f.where, method, path, f[token], body);
	// What was sent before this has been taken up when this is answered.
	f.barrier = async () => {
		const get = await f.send('GET', '/unread-count', 'read');
		assert.equal((await get.end()).status, 200);
	};
	f.count = async (from) => {
		const [row] = await f.server.rows(`SELECT count(*) AS n FROM ${from};`);
		return row.n;
	};
	return f;
}

const json = (fields) => JSON.stringify(fields);
const batch = (title) =>
	json([1, 2, 3].map((i) => ({ userId: 'alice', title: `${title} ${i}` })));

describe('while the write lock is held', { concurrency: true }, () => {
	describe('reads', () => {
		const f = fixture();

		test('are answered, though 12 writes wait', async () => {
			await f.holder.exec('BEGIN IMMEDIATE;');
			const writes = [];
			for (let i = 0; i < 12; i++)
				writes.push(await f.send('POST', '/1/read', 'read'));
			const get = await f.send('GET', '/unread-count', 'read');
			const { status, body } = await get.end();
			assert.equal(status, 200);
			assert.equal(JSON.parse(body).unreadCount, 1);
			const stream = await f.server.openStream({ user: 'alice' });
			const early = writes.filter((write) => write.answered);
			assert.equal(early.length, 0, early[0]?.answer.head);
			await f.holder.exec('COMMIT;');
			for (const write of writes)
				assert.equal((await write.end()).status, 204);
			const event = await stream.next((e) => e.event === 'notification');
			assert.equal(event.data.action, 'read');
		});
	});

	describe('who is refused', () => {
		const f = fixture();
		f.nobody = 'bft_nobody';

		test('does not wait with 12 writes', async () => {
			await f.holder.exec('BEGIN IMMEDIATE;');
			const writes = [];
			for (let i = 0; i < 12; i++)
				writes.push(await f.send('POST', '/1/read', 'read'));
			// Those that come before it is clear that the writer waits do, too.
			const refused = [];
			await poll('a refusal', async () => {
				refused.push(await f.send('POST', '/1/read', 'nobody'));
				return refused.some((post) => post.answered);
			});
			const early = writes.filter((write) => write.answered);
			assert.equal(early.length, 0, early[0]?.answer.head);
			await f.holder.exec('COMMIT;');
			for (const write of writes)
				assert.equal((await write.end()).status, 204);
			for (const post of refused)
				assert.match(String((await post.end()).status), /^4(01|29)$/);
		});
	});

	describe('a token that expires', () => {
		const f = fixture();

		test('meanwhile is not good any more', async () => {
			const expires = Date.now() + 1000;
			await f.server.sql(
				`UPDATE tokens SET expires_at = ${expires} WHERE scopes = 'read';`,
			);
			await f.holder.exec('BEGIN IMMEDIATE;');
			const post = await f.send('POST', '/1/read', 'read');
			await poll('it to expire', () => Date.now() > expires);
			await f.holder.exec('ROLLBACK;');
			assert.equal((await post.end()).status, 401);
		});
	});

	describe('writes', () => {
		const f = fixture();

		test('that came together share a commit, not a failure', async () => {
			const stream = await f.server.openStream({ user: 'alice' });
			await f.holder.exec('BEGIN IMMEDIATE;');
			const sent = [];
			const post = async (status, token, body) =>
				sent.push({ status, direct: await f.send('POST', '', token, body) });
			for (let i = 0; i < 32; i++) {
				if (i === 5) await post(400, 'publish', '{"userId":"alice"');
				else if (i === 11) await post(403, 'read', batch('no scope'));
				else if (i === 17) await post(400, 'publish', json({ userId: 'alice' }));
				else if (i === 23) await post(201, 'publish', batch(`all ${i}`));
				else
					await post(
						201,
						'publish',
						json({ userId: 'alice', title: `one ${i}`, body: 'x'.repeat(i) }),
					);
			}
			// Fails when it has the lock, in the middle of the others.
			const missing = await f.send('POST', '/999/read', 'read');
			const last = await f.send('POST', '', 'publish', batch('last'));
			await f.barrier();
			await f.holder.exec('COMMIT;');
			const answers = await Promise.all(sent.map(({ direct }) => direct.end()));
			assert.deepEqual(
				answers.map((answer) => answer.status),
				sent.map(({ status }) => status),
			);
			assert.equal((await missing.end()).status, 404);
			assert.equal((await last.end()).status, 201);
			// Each was told of what is there, by the id it has.
			const told = new Map(
				answers
					.concat(last.answer)
					.filter((answer) => answer.status === 201)
					.flatMap((answer) => JSON.parse(answer.body))
					.map((n) => [n.id, n.title]),
			);
			const rows = await f.server.rows(
				"SELECT id, title FROM notifications WHERE title <> 'first' ORDER BY id;",
			);
			assert.equal(rows.length, 28 + 3 + 3);
			assert.equal(told.size, rows.length);
			for (const { id, title } of rows) assert.equal(told.get(id), title);
			await stream.waitFor(() => stream.notifications.length === rows.length);
			assert.deepEqual(
				stream.notifications.map((event) => event.data.notification.id),
				rows.map((row) => row.id),
			);
		});
	});

	describe('a batch', () => {
		const f = fixture();

		test('is refused in the end, and nothing of it is written', async () => {
			await f.holder.exec('BEGIN IMMEDIATE;');
			const posts = [];
			for (let i = 0; i < 3; i++)
				posts.push(await f.send('POST', '', 'publish', batch(`held ${i}`)));
			for (const post of posts) {
				const { status, head } = await post.end();
				assert.equal(status, 503);
				assert.match(head, /^Retry-After: [1-9]/m);
			}
			await f.holder.exec('COMMIT;');
			assert.equal(await f.count("notifications WHERE title <> 'first'"), 0);
			// The connection is as good as before.
			const again = await f.send('POST', '', 'publish', batch('free'));
			assert.equal((await again.end()).status, 201);
			assert.equal(await f.count("notifications WHERE title <> 'first'"), 3);
		});
	});

	describe('the end', () => {
		const f = fixture();

		// scripts/serve kills whoever has not ended after a quarter of a minute,
		// and says so.
		test('does not wait for 24 writes that wait', async () => {
			const { server } = f;
			await f.holder.exec('BEGIN IMMEDIATE;');
			for (let i = 0; i < 24; i++) await f.send('POST', '/1/read', 'read');
			await server.rowsFound(); // it has seen them when it tells
			server.child.kill('SIGTERM');
			const exit = await server.exited;
			assert.deepEqual(exit, { code: 0, signal: null }, server.output);
			await f.holder.exec('COMMIT;');
			assert.equal(server.logLines('stop').length, 1);
			assert.equal(await f.count('notifications WHERE read_at > 0'), 0);
		});
	});
});
