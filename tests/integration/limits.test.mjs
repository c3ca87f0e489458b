// How often somebody may ask, and how much in one go: what is refused, how it is
// said, and that nobody else notices.

import assert from 'node:assert/strict';
import fs from 'node:fs';
import net from 'node:net';
import path from 'node:path';
import { after, before, describe, test } from 'node:test';

import * as fastcgi from './lib/fastcgi.mjs';
import { action } from './lib/frames.mjs';
import { BASE, makeDatabase, poll, run, startServer, temporaryFolder, BINARY } from './lib/harness.mjs';
import { Responder, killResponders } from './lib/responder.mjs';
import { insert } from './lib/writer.mjs';

const SSE = { Accept: 'text/event-stream' };
const count = (answers, status) => answers.filter((a) => a.status === status).length;

function assertLimited(answer) {
	assert.equal(answer.status, 429);
	assert.match(answer.headers['retry-after'], /^[1-9]\d*$/);
	assert.match(answer.headers['content-type'], /^application\/problem\+json/);
	assert.equal(answer.json.type, 'urn:belfry:error:limited');
}

function assertProblem(answer, status, detail) {
	assert.equal(answer.status, status);
	assert.match(answer.headers['content-type'], /^application\/problem\+json/);
	assert.equal(answer.json.status, status);
	assert.match(answer.json.detail, detail);
}

describe('rates of a user or token', () => {
	let server;
	before(async () => {
		server = await startServer({
			users: ['alice', 'bob'],
			set: { rate_limit: 'connect=1/s:3,read=1/s:10,write=1/s:4,publish=1/s:6', max_streams_per_user: 100 },
		});
	});
	after(() => server.stop());

	// Twice the burst and more at once: at least a burst of them pass, and the rest,
	// but for what has been filled up meanwhile, do not.
	async function burst(n, size, ask) {
		const from = Date.now();
		const answers = await Promise.all(Array.from({ length: n }, ask));
		const refilled = Math.ceil((Date.now() - from) / 1000) + 1;
		const limited = answers.filter((a) => a.status === 429);
		const passed = n - limited.length;
		assert.ok(passed >= size && passed <= size + refilled, `${passed} of ${n} passed`);
		limited.forEach(assertLimited);
	}

	test('reads', async () => {
		await burst(40, 10, () => server.request('GET', '', { user: 'alice' }));
		assert.equal((await server.request('GET', '', { user: 'bob' })).status, 200);
		// They are counted apart.
		assert.equal((await server.request('POST', '/read-all', { user: 'alice' })).status, 200);
	});

	test('a user who signs in again has the same bucket, a token one of its own', async () => {
		const token = await server.token('bob', 'read');
		const from = Date.now();
		let passed = 0;
		for (let i = 0; i < 6; i++) {
			const cookie = await server.session('bob', {});
			const answers = await Promise.all(
				Array.from({ length: 10 }, () => server.request('GET', '/unread-count', { cookie })),
			);
			passed += count(answers, 200);
			assert.equal(count(answers, 200) + count(answers, 429), 10);
		}
		// One burst for all six sessions, and what has been filled up meanwhile.
		const refilled = Math.ceil((Date.now() - from) / 1000) + 1;
		assert.ok(passed <= 10 + refilled, `${passed} of 60 passed`);
		assert.equal((await server.request('GET', '', { token })).status, 200);
	});

	test('writes', () => burst(30, 3, () => server.request('POST', '/read-all', { user: 'alice' })));

	test('publishing', async () => {
		const token = await server.token('app', 'publish');
		await burst(30, 6, () =>
			server.request('POST', '', { token, body: { userId: 'bob', title: 'x' } }),
		);
	});

	test('connects: in band for a browser, 429 for the others', async () => {
		const from = Date.now();
		const streams = Array.from({ length: 8 }, () =>
			server.stream({ user: 'alice', headers: SSE }),
		);
		for (const stream of streams) {
			await stream.waitFor(() => stream.events.length);
			assert.equal(stream.status, 200);
		}
		const refilled = Math.ceil((Date.now() - from) / 1000) + 1;
		const refused = streams.filter((s) => s.events[0].event === 'close');
		const passed = streams.length - refused.length;
		assert.ok(passed >= 3 && passed <= 3 + refilled, `${passed} of 8 passed`);
		for (const stream of refused) {
			assert.equal(stream.events[0].data.reason, 'refused');
			assert.ok(stream.events[0].data.retryAfterMs >= 1000);
		}
		// A second later one more may pass: until one does not.
		const plain = await poll('a 429', async () => {
			const headers = { Accept: '*/*' };
			const stream = server.stream({ user: 'alice', headers });
			await stream.opened;
			if (stream.status === 429) return stream;
			return stream.close();
		});
		await plain.end();
		const { status, headers, body } = plain;
		assertLimited({ status, headers, text: body, json: JSON.parse(body) });
		// Those that are open are untouched, and so is everybody else.
		const open = streams.find((stream) => !refused.includes(stream));
		await server.sql(insert('alice', 'x'));
		await open.until(action('created'));
		const other = await server.openStream({ user: 'bob', headers: SSE });
		[...streams, other].forEach((stream) => stream.close());
	});

	test('a batch counts each of its notifications, over restarts and processes', async () => {
		const token = await server.token('batch', 'publish');
		const body = Array.from({ length: 1000 }, (_, i) => ({ userId: 'bob', title: `${i}` }));
		assert.equal((await server.request('POST', '', { token, body })).status, 201);
		const next = () => server.request('POST', '', { token, body: { userId: 'bob', title: 'x' } });
		assertLimited(await next());
		await server.killResponder();
		await server.healthy();
		const later = await next();
		assertLimited(later);
		assert.ok(Number(later.headers['retry-after']) > 100);
	});

	test('health checks are never limited', async () => {
		const answers = await Promise.all(
			Array.from({ length: 60 }, (_, i) => server.request('GET', i % 2 ? '/healthz' : '/readyz')),
		);
		assert.equal(count(answers, 200), 60);
	});
});

describe('by address', () => {
	let dir, db, responder, guessed;
	before(async () => {
		dir = temporaryFolder();
		db = path.join(dir, 'data/belfry.db');
		await makeDatabase(db);
		const config = (...lines) => [`database = ${db}`, ...lines, ''].join('\n');
		responder = new Responder({
			dir,
			config: config('rate_limit = read=1/s:10,write=1/s:1', 'rate_limit_address = 3'),
		});
		guessed = new Responder({ dir, config: config('rate_limit_address = 1000') });
	});
	after(async () => {
		for (const one of [responder, guessed]) {
			one.child.kill('SIGTERM');
			assert.equal(await one.exit(), 0);
		}
		killResponders();
		fs.rmSync(dir, { recursive: true });
	});

	async function ask(from, address, headers, uri = BASE) {
		const given = { ...fastcgi.params('GET', uri, headers), REMOTE_ADDR: address };
		await from.ask(`${BASE}/healthz`); // it listens
		return new Promise((resolve, reject) => {
			const socket = net.connect(from.socket);
			const parts = [];
			socket.on('error', reject);
			socket.on('data', (chunk) => parts.push(chunk));
			socket.on('close', () => resolve(fastcgi.parse(Buffer.concat(parts))));
			socket.write(fastcgi.request(given));
		});
	}

	async function credential(kind, user) {
		const scope = kind === 'token' ? ['--scope', 'read'] : [];
		const made = await run(BINARY, [kind, 'create', '--user', user, ...scope, '--db', db]);
		assert.equal(made.code, 0, made.stderr);
		return made.stdout.trim();
	}
	const bearer = (secret) => ({ Authorization: `Bearer ${secret}` });

	test('many users of one address share its bucket, and no other address does', async () => {
		const secrets = [];
		for (let i = 0; i < 8; i++) secrets.push(await credential('token', `u${i}`));
		const from = Date.now();
		const answers = [];
		for (let round = 0; round < 8; round++)
			for (const secret of secrets)
				answers.push(await ask(responder, '192.0.2.1', bearer(secret)));
		const passed = count(answers, 200);
		const refilled = 3 * (Math.ceil((Date.now() - from) / 1000) + 1);
		assert.ok(passed >= 30 && passed <= 30 + refilled, `${passed}`);
		assert.equal(passed + count(answers, 429), 64);
		const fresh = bearer(await credential('token', 'fresh'));
		assert.equal((await ask(responder, '2001:db8::7', fresh)).status, 200);
		// A proxy on this machine is everybody.
		for (let i = 0; i < 40; i++)
			assert.equal((await ask(responder, '127.0.0.1', {})).status, 401);
	});

	test('of IPv6 a whole network is one address', async () => {
		const from = Date.now();
		const answers = [];
		for (let i = 0; i < 120; i++)
			answers.push(await ask(guessed, `2001:db8:1:2:${i}::${i}`, bearer(`bft_${i}`)));
		const refilled = Math.ceil((Date.now() - from) / 1000) + 1;
		assert.ok(count(answers, 401) >= 60 && count(answers, 401) <= 60 + refilled, `${count(answers, 401)}`);
		assert.equal((await ask(guessed, '2001:db8:1:3::1', bearer('bft_'))).status, 401);
	});

	test('guessing: only who was good before gets through', async () => {
		const known = await credential('session', 'known');
		const unknown = await credential('token', 'unknown');
		const cookie = { Cookie: `belfry_session=${known}` };
		assert.equal((await ask(guessed, '192.0.2.60', cookie)).status, 200);
		const from = Date.now();
		const answers = [];
		for (let i = 0; i < 120; i++)
			answers.push(
				i % 2
					? await ask(guessed, '192.0.2.66', bearer(`bft_${i}`))
					: await ask(guessed, '192.0.2.66', {}, `${BASE}/stream?ticket=bfk_${i}`),
			);
		const refilled = Math.ceil((Date.now() - from) / 1000) + 1;
		assert.ok(count(answers, 401) >= 60 && count(answers, 401) <= 60 + refilled, `${count(answers, 401)}`);
		assert.equal(count(answers, 401) + count(answers, 429), 120);
		const last = answers.findLast((answer) => answer.status === 429);
		assert.match(last.head, /^Retry-After: [1-9]\d*\r?$/m);
		assert.equal((await ask(guessed, '192.0.2.66', cookie)).status, 200);
		assert.equal((await ask(guessed, '192.0.2.67', bearer(unknown))).status, 200);
		// Who has none guesses nothing.
		for (let i = 0; i < 5; i++)
			assert.equal((await ask(guessed, '192.0.2.66', {})).status, 401);
	});
});

test('how much in one go: query, headers, body', async () => {
	const server = await startServer({ users: ['alice'] });
	try {
		const ask = (at, headers) => server.request('GET', at, { user: 'alice', headers });
		assert.equal((await ask(`?type=${'x'.repeat(4000)}`)).status, 200);
		assertProblem(await ask(`?type=${'x'.repeat(5000)}`), 414, /the query string has 5005 bytes, expected at most 4096/);
		const token = await server.token('app', 'publish');
		const post = (n) =>
			server.request('POST', '', { token, body: { userId: 'alice', title: 'x', body: 'y'.repeat(n) } });
		assertProblem(await post(9 * 1024 * 1024), 413, /the body is larger than 8 MiB/);
		// Who may only read and mark has less to say.
		const mark = (method, at, n) =>
			server.request(method, at, { user: 'alice', body: { ids: 'y'.repeat(n) } });
		for (const at of ['/1', '/read-all']) {
			const method = at === '/1' ? 'PATCH' : 'POST';
			assertProblem(await mark(method, at, 65536), 413, /larger than 64 KiB, which takes the scope "publish"/);
			assert.notEqual((await mark(method, at, 60_000)).status, 413);
		}
		// More than lighttpd itself lets through.
		const socket = net.connect(await server.socketPath());
		const parts = [];
		socket.on('data', (chunk) => parts.push(chunk));
		const closed = new Promise((resolve, reject) => socket.on('close', resolve).on('error', reject));
		socket.write(fastcgi.request(fastcgi.params('POST', BASE, { Cookie: 'x'.repeat(700_000) }, 'body'), { body: 'body' }));
		await closed;
		const answer = fastcgi.parse(Buffer.concat(parts));
		assert.equal(answer.status, 431);
		assert.match(answer.head, /^Content-Type: application\/problem\+json\r?$/m);
		assert.match(JSON.parse(answer.body).detail, /^the request's headers and variables: expected at most 65536 bytes$/);
		// On the stream what is too long is cut; REST has the whole.
		const stream = await server.openStream({ user: 'alice' });
		await server.sql(`INSERT INTO notifications(user_id, title, body) VALUES ('alice', 'long', printf('%.*c', 400000, 'x'));`);
		const frame = await stream.next(action('created'));
		assert.equal(frame.data.notification.truncated, true);
		assert.ok(JSON.stringify(frame.data).length < 300_000);
		stream.close();
	} finally {
		await server.stop();
	}
});
