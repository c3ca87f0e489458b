// Peers that send slowly or not at all, that read slowly or not at all: nobody
// else notices, memory stays flat, and nothing is lost.

import assert from 'node:assert/strict';
import fs from 'node:fs';
import net from 'node:net';
import { after, before, describe, test } from 'node:test';

import { BASE, BINARY, alive, poll, startServer } from './lib/harness.mjs';
import * as fastcgi from './lib/fastcgi.mjs';
import { waiting } from './lib/wait.mjs';
import { insert, insertAll } from './lib/writer.mjs';

const MIB = 1024 * 1024;
// What is freed stays with the sanitizers for a while.
const sanitized = /__(asan|tsan)_init/.test(fs.readFileSync(BINARY, 'latin1'));

function memory(pid) {
	const text = fs.readFileSync(`/proc/${pid}/status`, 'utf8');
	return Number(/^VmRSS:\s+(\d+) kB/m.exec(text)[1]) * 1024;
}

// A connection of which we decide byte by byte what is sent and read.
class Peer {
	received = [];
	bytes = 0;
	closed = false;
	#timers = [];

	constructor(where) {
		this.socket = net.connect(where);
		this.socket.pause();
		this.socket.on('error', () => {});
		this.socket.on('close', () => (this.closed = true));
		this.connected = new Promise((resolve) =>
			this.socket.on('connect', resolve),
		);
	}

	// Each byte in a write of its own.
	async sendByBytes(bytes) {
		for (let at = 0; at < bytes.length && !this.socket.destroyed; at++) {
			this.socket.write(bytes.subarray(at, at + 1));
			await new Promise((resolve) => setImmediate(resolve));
		}
	}

	#take(chunk) {
		if (!chunk) return;
		this.bytes += chunk.length;
		this.received.push(chunk);
	}

	readAll() {
		this.#timers.forEach(clearInterval);
		this.socket.removeAllListeners('readable');
		this.socket.on('data', (chunk) => this.#take(chunk));
		this.socket.resume();
	}

	readSlowly(bytesPerSecond) {
		this.socket.on('readable', () => {});
		this.#timers.push(
			setInterval(() => this.#take(this.socket.read(bytesPerSecond)), 1000),
		);
	}

	close() {
		this.#timers.forEach(clearInterval);
		this.socket.destroy();
	}
}

describe('200 bad peers', () => {
	let server;
	let peers = [];
	const COUNT = Number(process.env.PEERS || 200);
	const ROWS = 60;

	before(async () => {
		server = await startServer({ users: ['alice', 'bob', 'slow'] });
		// Answers of a megabyte, so that no buffer on the way holds them.
		await server.sql(
			insertAll(
				Array.from({ length: ROWS }, (_, i) => ({
					user_id: 'slow',
					title: `${i}`,
					body: 'x'.repeat(20_000),
				})),
			),
		);
	});
	after(async () => {
		peers.forEach((peer) => peer.close());
		await server.stop();
	});

	const cookie = (user) => server.headersFor({ user }).Cookie;

	function asFastcgi(user, options) {
		const uri = `${BASE}?limit=${ROWS}`;
		return fastcgi.request(
			fastcgi.params('GET', uri, { Cookie: cookie(user) }),
			options,
		);
	}

	function asHttp(user) {
		return Buffer.from(
			`GET ${BASE}?limit=${ROWS} HTTP/1.1\r\nHost: 127.0.0.1\r\n` +
				`Cookie: ${cookie(user)}\r\nConnection: close\r\n\r\n`,
		);
	}

	test('leave everybody else served, and are served in the end', async () => {
		const direct = await server.socketPath();
		const { port, hostname } = new URL(server.origin);
		const ways = [
			{ where: direct, ask: asFastcgi },
			{ where: { port, host: hostname }, ask: asHttp },
		];
		const silent = [];
		const readers = [];
		const senders = [];
		const sending = [];
		for (let i = 0; i < COUNT; i++) {
			const { where, ask } = ways[i % 2];
			const peer = new Peer(where);
			peers.push(peer);
			await peer.connected;
			switch (i % 6) {
			case 0:
			case 1: // nothing, or the beginning of something
				if (i % 12 > 5) peer.socket.write(ask('slow').subarray(0, 1 + (i % 40)));
				silent.push(peer);
				break;
			case 2:
			case 3: // asks for much and takes it at 1 kB/s
				peer.socket.write(ask('slow'));
				peer.readSlowly(1024);
				readers.push(peer);
				break;
			default:
				// records of one byte, in pieces of one byte
				sending.push(peer.sendByBytes(ask('alice', { piece: 1 })));
				peer.readAll();
				senders.push(peer);
			}
		}
		const streams = await Promise.all(
			Array.from({ length: 10 }, (_, i) =>
				server.openStream({ user: i % 2 ? 'alice' : 'bob' }),
			),
		);
		const db = server.writer();
		for (let i = 0; i < 100; i++) {
			await db.exec(insert('*', `row ${i}`));
			const list = await server.request('GET', '?limit=1', { user: 'bob' });
			assert.equal(list.json.notifications[0].title, `row ${i}`);
		}
		for (const stream of streams) {
			await stream.until((e) => e.data.notification?.title === 'row 99');
			assert.equal(stream.notifications.length, 100);
			stream.close();
		}
		// All that went on beside them: nobody has got his answer yet.
		for (const peer of readers) {
			assert.ok(!peer.closed);
			assert.ok(peer.bytes < ROWS * 20_000);
		}
		await Promise.all(sending);
		for (const [i, peer] of senders.entries()) {
			const text = () => Buffer.concat(peer.received);
			const complete = i % 2
				? () => /\r\n\r\n[^]*\}/.test(text().toString())
				: () => fastcgi.parse(text()).ended;
			await poll('an answer to 1-byte pieces', complete);
			assert.match(text().toString(), /Status: 200|HTTP\/1\.1 200/);
		}
		// A slow reader that makes haste gets all that it asked for.
		for (const peer of readers.slice(0, 2)) {
			peer.readAll();
			await poll('the whole answer', () => peer.bytes > ROWS * 20_000);
		}
	});

	test('the responder has forgotten them when they go', async () => {
		const pid = await server.responderPid();
		const open = () => fs.readdirSync(`/proc/${pid}/fd`).length;
		const most = open();
		peers.forEach((peer) => peer.close());
		peers = [];
		await poll('descriptors to be closed', () => open() <= 40);
		assert.ok(most > open());
	});
});

describe('a reader that stalls', () => {
	let server;
	let db;
	before(async () => {
		server = await startServer({ users: ['alice', 'bob'] });
		db = server.writer();
	});
	after(() => server.stop());

	const ROWS = 800;
	const BODY = 65_536; // 800 of these: 50 MiB

	const big = (i) =>
		`INSERT INTO notifications(user_id, title, body)
		VALUES ('alice', 'big ${i}', hex(randomblob(${BODY / 2})));`;

	test('in the middle of 50 MB of its own events', async () => {
		const pid = await server.responderPid();
		const stalled = await server.openStream({ user: 'alice' });
		const sister = await server.openStream({ user: 'alice' });
		const other = await server.openStream({ user: 'bob' });
		const count = (stream) => stream.notifications.length;
		// Warm: whatever memory a flow of such rows takes is taken.
		let written = 0;
		const write = async (upTo) => {
			for (; written < upTo; written++) {
				await db.exec(big(written));
				await db.exec(insert('bob', `small ${written}`));
				await sister.waitFor(() => sister.events.length > written);
			}
		};
		await write(100);
		await stalled.waitFor(() => count(stalled) === 100);
		stalled.pause();
		const base = memory(pid);
		let most = base;
		while (written < ROWS) {
			await write(written + 50);
			// Those who read have all of it while the other one does not.
			await sister.waitFor(() => count(sister) === written);
			await other.waitFor(() => count(other) === written);
			most = Math.max(most, memory(pid));
		}
		assert.ok(count(stalled) < ROWS / 2, `${count(stalled)} before the stall`);
		// A sanitizer's own memory is many times ours.
		const bound = (sanitized ? 1024 : 8) * MIB;
		assert.ok(
			most - base < bound,
			`grew by ${((most - base) / MIB).toFixed(1)} MiB`,
		);
		stalled.resume();
		await stalled.waitFor(() => count(stalled) === ROWS);
		assert.ok(memory(pid) - base < bound, 'and stays small in catching up');
		// The same frames, but for the count that only a live one carries.
		const plain = ({ id, data: { unreadCount, ...rest } }) =>
			`${id} ${JSON.stringify(rest)}`;
		for (const [at, event] of stalled.notifications.entries())
			assert.ok(plain(event) === plain(sister.notifications[at]), event.id);
		const rows = await db.rows(
			"SELECT id FROM events WHERE user_id = 'alice' ORDER BY id;",
		);
		assert.deepEqual(
			stalled.notifications.map((event) => Number(event.id)),
			rows.map((row) => row.id),
		);
		for (const stream of [stalled, sister, other]) stream.close();
	});

	test('does not keep the responder from ending', async () => {
		const stalled = await server.openStream({
			user: 'alice',
			lastEventId: '0',
		});
		stalled.pause();
		const other = await server.openStream({ user: 'bob' });
		const pid = await server.responderPid();
		process.kill(pid, 'SIGTERM');
		server.kills++;
		const end = await other.end();
		assert.equal(end.data.reason, 'shutdown');
		await poll('the responder to end', () => !alive(pid));
		stalled.close();
	});

	test('comes back with its cursor after a kill in mid-replay', async () => {
		const follower = server.follow({ user: 'alice', cursor: '0' });
		await follower.waitFor(() => follower.received.length > 50);
		follower.current.pause();
		await server.killResponder();
		follower.current.close();
		await follower.waitFor(
			() => new Set(follower.received.map((e) => e.id)).size === ROWS,
		);
		await follower.stop();
	});
});

describe('peers that break off', () => {
	let server;
	before(async () => {
		server = await startServer({ users: ['alice'] });
	});
	after(() => server.stop());

	test('nonsense on the socket costs only its own connection', async () => {
		const where = await server.socketPath();
		const whole = fastcgi.request(
			fastcgi.params('GET', `${BASE}/unread-count`, {
				Cookie: server.headersFor({ user: 'alice' }).Cookie,
			}),
		);
		const bytes = (...list) => Buffer.from(list);
		const nonsense = [
			Buffer.from('GET / HTTP/1.1\r\n\r\n'),
			Buffer.alloc(4096, 0xff),
			Buffer.alloc(4096, 0),
			bytes(1, 1, 0, 1, 0, 8, 0, 0, 0, 9, 0, 0, 0, 0, 0, 0), // role 9
			bytes(1, 4, 0, 1, 0, 0, 0, 0), // parameters of no request
			bytes(1, 2, 0, 1, 0, 0, 0, 0), // abort of no request
			Buffer.concat([whole.subarray(0, 40), bytes(1, 2, 0, 1, 0, 0, 0, 0)]),
			Buffer.concat([whole, whole]),
		];
		// a length of a name that is not there
		const lie = Buffer.from(whole);
		lie[16 + 8] = 0xff;
		nonsense.push(lie);
		for (let cut = 1; cut < whole.length; cut += 17)
			nonsense.push(whole.subarray(0, cut));
		for (const bad of nonsense) {
			const peer = new Peer(where);
			await peer.connected;
			peer.readAll();
			peer.socket.end(bad);
			await waiting('the peer to be let go', () => bad.toString('hex'), (done) => {
				if (peer.closed) done();
				peer.socket.on('close', done);
			});
		}
		const answer = await server.request('GET', '/unread-count', {
			user: 'alice',
		});
		assert.equal(answer.status, 200);
	});

	test('large bodies of anybody share 64 MiB, small ones pass', async () => {
		const token = await server.token('app', 'publish');
		const whole = fastcgi.request(
			{
				...fastcgi.params('POST', BASE, { Authorization: `Bearer ${token}` }),
				CONTENT_TYPE: 'application/json',
			},
			{ body: 'x'.repeat(7 * MIB) },
		);
		const most = whole.length - 100_000;
		const pid = await server.responderPid();
		const before = memory(pid);
		const where = await server.socketPath();
		const peers = Array.from({ length: 30 }, () => new Peer(where));
		for (const peer of peers) {
			await peer.connected;
			peer.readAll();
			peer.socket.write(whole.subarray(0, most));
		}
		await poll('all to be taken', () => peers.every(({ socket }) => socket.writableLength === 0));
		const small = await server.request('POST', '', { token, body: { userId: 'bob', title: 'x' } });
		assert.equal(small.status, 201);
		const grown = memory(pid) - before;
		assert.ok(sanitized || grown < 128 * MIB, `${grown / MIB} MiB more for 210 MiB of bodies`);
		for (const { socket } of peers) socket.write(whole.subarray(most));
		await poll('all answers', () => peers.every((peer) => peer.closed));
		const answers = peers.map((peer) => fastcgi.parse(Buffer.concat(peer.received)));
		const refused = answers.filter(({ status }) => status === 503);
		assert.ok(refused.length >= 20, `${refused.length} refused`);
		for (const { head, body } of refused) {
			assert.match(head, /^Retry-After: 1\r?$/m);
			assert.match(JSON.parse(body).detail, /no room for this body/);
		}
		// The others are read, and are no JSON.
		assert.equal(answers.filter(({ status }) => status === 400).length, 30 - refused.length);
		assert.ok(refused.length < 30);
	});

	test('clients that go at any moment of a stream', async () => {
		await server.sql(
			insertAll(
				Array.from({ length: 300 }, (_, i) => ({
					user_id: 'alice',
					title: `r ${i}`,
				})),
			),
		);
		for (let i = 0; i < 60; i++) {
			const stream = server.stream({ user: 'alice', lastEventId: '0' });
			stream.opened.then(() =>
				stream.closeWhen(() => stream.bytes >= i * 1000),
			);
			if (i % 3 === 0) stream.close();
			else await stream.end();
		}
		const pid = await server.responderPid();
		await poll(
			'their descriptors to be closed',
			() => fs.readdirSync(`/proc/${pid}/fd`).length <= 40,
		);
	});
});
