// Streams that read late, or not at all, straight from the responder's socket,
// where it can be said to the byte what was taken: none of them waits for a
// clock, keeps a place for ever, or keeps others waiting.

import assert from 'node:assert/strict';
import net from 'node:net';
import { describe, test } from 'node:test';

import * as fastcgi from './lib/fastcgi.mjs';
import { BASE, poll, startServer } from './lib/harness.mjs';
import { waiting } from './lib/wait.mjs';
import { insert, insertAll } from './lib/writer.mjs';

const isHeartbeat = (event) => event.event === 'heartbeat';
const titled = (title) => (event) => event.data.notification?.title === title;

// One stream on the responder's socket.  From stopReading on not a byte more
// is taken from the kernel: a paused socket would read on for a while.
class Direct {
	bytes = '';
	ended = false;
	#parts = [];
	#looks = new Set();
	#reads = true;

	constructor(where, token, query = '') {
		const headers = {
			Authorization: `Bearer ${token}`,
			Accept: 'text/event-stream',
		};
		const params = fastcgi.params('GET', `${BASE}/stream${query}`, headers);
		const buffer = Buffer.alloc(65_536);
		const callback = (n) => {
			this.#parts.push(Buffer.from(buffer.subarray(0, n)));
			for (const look of [...this.#looks]) look();
			return this.#reads;
		};
		this.socket = net.connect({ path: where, onread: { buffer, callback } });
		this.socket.on('error', () => {});
		this.socket.on('end', () => (this.ended = true));
		this.socket.on('close', () => {
			this.ended = true;
			for (const look of [...this.#looks]) look();
		});
		this.sent = new Promise((resolve) =>
			this.socket.write(fastcgi.request(params), resolve),
		);
	}

	get body() {
		return fastcgi.parse(Buffer.concat(this.#parts)).body;
	}

	// The names of its events, in order.
	get events() {
		return [...this.body.matchAll(/^event: (.*)$/gm)].map((match) => match[1]);
	}

	waitFor(what, check) {
		return waiting(what, () => this.events.slice(-9).join(), (done) => {
			const look = () => check() && done();
			this.#looks.add(look);
			look();
			return () => this.#looks.delete(look);
		});
	}

	end() {
		return this.waitFor('the end', () => this.ended);
	}

	// Is open, and stops reading, or not, with what has come by then.
	async open({ stopReading = false } = {}) {
		const connected = () => this.#parts.length && this.body.includes('\n\n');
		if (stopReading) this.#reads = false;
		await this.waitFor('connected', connected);
		assert.equal(this.events[0], 'connected', this.body);
		return this;
	}

	stopReading() {
		this.#reads = false;
		this.socket.pause();
	}

	readOn() {
		this.#reads = true;
		this.socket.resume();
	}

	close() {
		this.socket.destroy();
	}
}

async function withServer(options, action) {
	const server = await startServer(options);
	const direct = [];
	try {
		await action(server, (...args) => {
			direct.push(new Direct(...args));
			return direct.at(-1);
		});
	} catch (error) {
		await server.stop().catch(() => {});
		throw error;
	} finally {
		for (const stream of direct) stream.close();
	}
	await server.stop();
}

const big = (user, count) =>
	insertAll(
		Array.from({ length: count }, (_, i) => ({
			user_id: user,
			title: `big ${i}`,
			body: 'x'.repeat(150_000),
		})),
	);

describe('streams that do not read', { concurrency: true }, () => {
	// With two the frame that is cut is the last one, with more it is not.
	for (const rows of [2, 5])
		test(`a poll cut in ${rows} frames ends when they are read`, async () => {
			await withServer({ users: ['alice'] }, async (server, open) => {
				const token = await server.token('alice');
				const where = await server.socketPath();
				const slice = open(where, token, '?poll=1');
				await slice.open({ stopReading: true });
				const sister = await server.openStream({ user: 'alice' });
				await server.sql(big('alice', rows));
				// Whoever came first was written to first.
				await sister.until(titled(`big ${rows - 1}`));
				assert.deepEqual(slice.events, ['connected']);
				slice.readOn();
				await slice.end();
				// Its time was not over, or a heartbeat would have said so.
				const wanted = Array(rows).fill('notification');
				assert.deepEqual(slice.events, ['connected', ...wanted]);
			});
		});

	test('one that can not be told the end gives its place back', async () => {
		// As many as it takes for one of them to be just full: each has got
		// one row less than the one before it.
		const count = 60;
		const set = {
			heartbeat: '1s',
			max_streams: count + 1,
			max_streams_per_user: count,
		};
		await withServer({ users: ['bob'], set }, async (server, open) => {
			const token = await server.token('alice');
			const other = await server.token('carol');
			const where = await server.socketPath();
			const db = server.writer();
			const bob = await server.openStream({ user: 'bob' });
			const write = async (title) => {
				const body = 'x'.repeat(8000);
				await db.exec(insert('*', title, { body }));
				await bob.until(titled(title));
			};
			for (let i = 0; i < count; i++) {
				await open(where, token).open({ stopReading: true });
				await write(`row ${i}`);
			}
			await db.exec("DELETE FROM tokens WHERE user_id = 'alice';");
			await write('revoked');
			assert.equal((await server.rowsFound()).streams, 2, 'one is ending');
			// Long after it has to be given up, in a clock that is not ours.
			for (let beats = 1; (await server.rowsFound()).streams > 1; beats++) {
				assert.ok(beats < 25, 'it keeps its place');
				await bob.next(isHeartbeat);
			}
			for (let i = 0; i < count; i++) await open(where, other).open();
		});
	});

	test('many rows to many streams are sent in several turns', async () => {
		const count = 600;
		const rows = 490;
		const set = { max_streams_per_user: count };
		await withServer({ users: ['alice'], set }, async (server, open) => {
			const tokens = {};
			for (const user of ['crowd', 'late', 'marker'])
				tokens[user] = await server.token(user);
			const where = await server.socketPath();
			const db = server.writer();
			const seen = (event, user) =>
				server
					.logLines(event)
					.findIndex((line) => line.fields.user === user) >= 0;
			const crowd = Array.from({ length: count }, () =>
				open(where, tokens.crowd),
			);
			for (const stream of crowd) await stream.open();
			for (const stream of crowd) stream.stopReading();
			await open(where, tokens.marker).open();
			const alice = await server.openStream({ user: 'alice' });
			// Until what we look for in the log is not left out for the many
			// lines before it.
			let probes = 0;
			await poll('the log to tell of each stream again', async () => {
				const user = `probe${probes++}`;
				const token = await server.token(user);
				await open(where, token).open();
				return seen('stream-open', user);
			});
			// All is there at once: what is to be sent, and at its end one
			// stream that is to be closed; and somebody else who asks.
			const pid = await server.responderPid();
			process.kill(pid, 'SIGSTOP');
			let late;
			try {
				const made = Array.from({ length: rows }, (_, i) => ({
					user_id: '*',
					title: `row ${i}`,
				}));
				await db.exec(
					`BEGIN;\n${insertAll(made)}\n` +
						"DELETE FROM tokens WHERE user_id = 'marker';\nCOMMIT;",
				);
				late = open(where, tokens.late);
				await late.sent;
			} finally {
				process.kill(pid, 'SIGCONT');
			}
			await late.open();
			await alice.until(titled(`row ${rows - 1}`));
			await poll('the log', () => seen('stream-close', 'marker'));
			const order = server
				.logLines()
				.filter(({ fields }) => ['late', 'marker'].includes(fields.user))
				.map(({ event, fields }) => `${event} ${fields.user}`);
			assert.deepEqual(order.slice(-2), [
				'stream-open late',
				'stream-close marker',
			]);
			// Nobody has missed any of it.
			assert.equal(alice.notifications.length, rows);
			for (const stream of [crowd[0], crowd.at(-1)]) {
				stream.readOn();
				await stream.waitFor(
					'all rows',
					() => stream.events.length === 1 + rows,
				);
			}
		});
	});
});
