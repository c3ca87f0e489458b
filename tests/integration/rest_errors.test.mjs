// What is wrong with a request is said, with what was expected, and nothing of
// it is done.

import assert from 'node:assert/strict';
import fs from 'node:fs';
import { after, before, test } from 'node:test';

import { BASE, poll, startServer } from './lib/harness.mjs';
import { Rest, assertProblem, raw } from './lib/rest.mjs';
import { SERVER } from './lib/servers.mjs';

let server;
let rest;
before(async () => {
	server = await startServer();
	rest = await Rest.start(server);
});
after(() => server.stop());

const bearer = (token) => ({ Authorization: `Bearer ${token}` });

test('paths: only what is there, decoded once', async () => {
	const token = await server.token('paths', 'read');
	const get = (target) => raw(server, 'GET', target, { headers: bearer(token) });
	for (const [target, status] of [
		[BASE, 200],
		[`${BASE}/`, 200],
		[`${BASE}?`, 200],
		[`${BASE}/%75nread-count`, 200],
		...(SERVER.encodedSlash ? [[`/api%2Fnotifications/unread-count`, 200]] : []),
		[`${BASE}/nothing`, 404],
		[`${BASE}/0`, 404],
		[`${BASE}/-1`, 404],
		[`${BASE}/1e3`, 404],
		[`${BASE}/01`, 404],
		[`${BASE}/9007199254740991`, 404],
		[`${BASE}/9007199254740992`, 404],
		[`${BASE}/99999999999999999999999`, 404],
		[`${BASE}/1/nothing`, 404],
		[`${BASE}/unread-count/`, 404],
		[`${BASE}/Unread-Count`, 404],
		[`${BASE}/%2575nread-count`, 404],
	]) {
		const answer = await get(target);
		if (status === 200) assert.equal(answer.status, 200, target);
		else assertProblem(answer, status);
	}
});

test('methods: 405 says which ones there are', async () => {
	for (const [method, at, allow] of [
		['PUT', '', 'GET, HEAD, POST, OPTIONS'],
		['DELETE', '', 'GET, HEAD, POST, OPTIONS'],
		['POST', '/7', 'GET, HEAD, PATCH, DELETE, OPTIONS'],
		['GET', '/7/read', 'POST, OPTIONS'],
		['HEAD', '/read-all', 'POST, OPTIONS'],
		['GET', '/ticket', 'POST, OPTIONS'],
		['POST', '/stream', 'GET, HEAD, OPTIONS'],
		['POST', '/unread-count', 'GET, HEAD, OPTIONS'],
		['PATCH', '/healthz', 'GET, HEAD, OPTIONS'],
	]) {
		const answer = await server.request(method, at);
		assert.equal(answer.headers.allow, allow, `${method} ${at}`);
		if (method === 'HEAD') assert.equal(answer.status, 405);
		else assertProblem(answer, 405, new RegExp(`${method}.*${allow}`));
		const options = await raw(server, 'OPTIONS', BASE + at);
		assert.equal(options.status, 204);
		assert.equal(options.headers.allow, allow);
	}
	assertProblem(await raw(server, 'OPTIONS', `${BASE}/nothing`), 404);
});

test('query: bad values are refused, unknown names are not', async () => {
	const user = await rest.newUser();
	const { id } = await rest.send(user, 'x');
	for (const query of [
		'limit=abc',
		'limit=0',
		'limit=-1',
		'limit=201',
		'limit=1.5',
		'limit=1&limit=2',
		'limit=%zz',
		'limit=99999999999999999999',
		'before=x',
		'before=0',
		'before=9007199254740992',
		'unread=yes',
		'unread=2',
		'type=a&type=b',
	])
		assertProblem(
			await rest.request(user, 'GET', `?${query}`),
			400,
			new RegExp(`^${query.slice(0, query.indexOf('='))}=.*expected|1 nor 0`),
		);
	assertProblem(await rest.request(user, 'DELETE', `/${id}?everyone=x`), 400);
	for (const query of ['', 'x=%zz', 'Limit=abc', '=&&=', 'limit=&before=&unread='])
		assert.equal((await rest.request(user, 'GET', `?${query}`)).status, 200);
	const long = `type=${'x'.repeat(4096 - 5)}`;
	assert.equal((await rest.request(user, 'GET', `?${long}`)).status, 200);
	assertProblem(await rest.request(user, 'GET', `?${long}x`), 414, /4097 bytes/);
	assertProblem(
		await raw(server, 'GET', `${BASE}/healthz?${'y'.repeat(6000)}`),
		414,
		/6000 bytes, expected at most 4096/,
	);
});

test('bodies: not JSON, of the wrong shape, or not a notification', async () => {
	const token = await server.token('bodies', 'read,publish');
	const user = 'bodies';
	const { id } = await rest.send(user, 'kept');
	const sent = (method, at, body) =>
		raw(server, method, BASE + at, {
			headers: {
				...bearer(token),
				'Content-Type': 'application/json',
				'Content-Length': Buffer.byteLength(body),
			},
			body,
		});
	const deep = '['.repeat(100) + ']'.repeat(100);
	const events = await rest.eventsOf(async () => {
		for (const [body, detail] of [
			['', /empty, expected JSON/],
			['{', /at byte 1/],
			['{"userId":"u","title":tru}', /at byte 22/],
			['{"userId":"u","title":"x"} x', /at byte 27/],
			["{'userId':'u'}", /at byte 1/],
			[Buffer.from('{"userId":"u","title":"\xff"}', 'latin1'), /UTF-8.*23/],
			[Buffer.from('{"userId":"u","title":"\xed\xa0\x80"}', 'latin1'), /UTF-8/],
			['\ufeff{"userId":"u","title":"x"}', /at byte 0/],
			[`{"userId":"u","title":"x","data":${deep}}`, /deep|depth|nest/],
			['null', /expected an object, got null/],
			['"x"', /expected an object, got a string/],
			['{}', /^userId: expected .*got nothing/],
			['{"userId":"u"}', /^title: expected a string, got nothing/],
			['{"title":"x"}', /^userId: /],
			['{"userId":"","title":"x"}', /^userId: expected/],
			['{"userId":"a\\u0000b","title":"x"}', /^userId: .*without U\+0000/],
			['{"userId":7,"title":"x"}', /^userId: .*got an integer/],
			['{"userId":"u","title":null}', /^title: .*got null/],
			['{"userId":"u","title":"x","body":[]}', /^body: .*got an array/],
			['{"userId":"u","title":"x","priority":0}', /^priority: .*got 0/],
			['{"userId":"u","title":"x","priority":2.5}', /^priority: /],
			['{"userId":"u","title":"x","priority":"3"}', /^priority: /],
			['{"userId":"u","title":"x","expiresAt":1790000000000}', /^expiresAt: /],
			['{"userId":"u","title":"x","expiresAt":"tomorrow"}', /^expiresAt: /],
			['{"userId":"u","title":"x","dedupeKey":7}', /^dedupeKey: /],
			['{"userId":"u","title":"x","id":7}', /unknown member "id"/],
			['{"userId":"u","title":"x","read":true}', /unknown member "read"/],
		])
			assertProblem(await sent('POST', '', body), 400, detail);
		for (const [body, detail] of [
			['', /empty/],
			['[]', /an array, expected an object/],
			['{"read":1}', /^read: expected true or false, got an integer/],
			['{"read":"true"}', /^read: expected true or false, got a string/],
			['{"read":null}', /^read: expected true or false, got null/],
			['{"read":true,"x":1}', /unknown member "x"/],
			['{"readAt":null}', /unknown member "readAt"/],
		])
			assertProblem(await sent('PATCH', `/${id}`, body), 400, detail);
	});
	assert.deepEqual(events, []);
});

test('bodies: of a type that a form of another site could send', async () => {
	const token = await server.token('forms', 'read,publish');
	const body = '{"userId":"u","title":"x"}';
	const sent = (type, method = 'POST', at = '') =>
		raw(server, method, BASE + at, {
			headers: {
				...bearer(token),
				'Content-Length': body.length,
				...(type ? { 'Content-Type': type } : {}),
			},
			body,
		});
	for (const type of [
		'text/plain',
		'text/plain;application/json',
		'application/x-www-form-urlencoded',
		'multipart/form-data; boundary=x',
	]) {
		assertProblem(await sent(type), 415, /expected application\/json/);
		assertProblem(await sent(type, 'POST', '/read-all'), 415);
		assertProblem(await sent(type, 'DELETE', '/1'), 415);
	}
	for (const type of [
		'application/json',
		'application/json; charset=utf-8',
		'application/merge-patch+json',
		null,
	])
		assert.equal((await sent(type)).status, 201, type);
	// without a body its type is nobody's business
	const empty = await raw(server, 'POST', `${BASE}/read-all`, {
		headers: { ...bearer(token), 'Content-Type': 'text/plain' },
	});
	assert.equal(empty.status, 200);
});

test('bodies: up to 8 MiB', async () => {
	const token = await server.token('large', 'read,publish');
	const user = 'large';
	const frame = JSON.stringify({ userId: user, title: 'x', body: '' }).length;
	const send = (size) =>
		server.request('POST', '', {
			token,
			body: { userId: user, title: 'x', body: 'y'.repeat(size - frame) },
		});
	if (!SERVER.largeBodies) {
		assert.equal((await send(128 * 1024)).status, 201);
		assert.equal((await send(128 * 1024 + 8192)).status, 500);
		return;
	}
	const most = 8 * 1024 * 1024;
	const made = await send(most);
	assert.equal(made.status, 201);
	assert.equal(made.json.body.length, most - frame);
	const events = await rest.eventsOf(async () => {
		assertProblem(await send(most + 1), 413, /8 MiB/);
		assertProblem(await send(most * 3), 413, /8 MiB/);
	});
	assert.deepEqual(events, []);
	assert.equal((await server.request('GET', '/unread-count', { token })).status, 200);
});

test('a locked database: reading goes on, writing is 503 after a while', async () => {
	const user = await rest.newUser();
	const { id } = await rest.send(user, 'x');
	const locker = server.writer();
	await locker.exec('BEGIN IMMEDIATE;');
	const waiting = rest.request(user, 'PATCH', `/${id}`, { read: true });
	assert.equal((await rest.request(user, 'GET', `/${id}`)).status, 200);
	const late = await waiting;
	assertProblem(late, 503, /locked/);
	assert.equal(late.json.type, 'urn:belfry:error:busy');
	assert.match(late.headers['retry-after'], /^\d+$/);
	await locker.exec('ROLLBACK;');
	const now = await rest.request(user, 'PATCH', `/${id}`, { read: true });
	assert.notEqual(now.json.readAt, null);
});

test('a database that is away: 503 and not ready, until it is back', async () => {
	const own = await startServer({ users: ['alice'] });
	const away = `${own.db}.away`;
	const files = ['', '-wal', '-shm'];
	const move = (from, to) =>
		files
			.filter((end) => fs.existsSync(from + end))
			.forEach((end) => fs.renameSync(from + end, to + end));
	try {
		assert.equal((await own.request('GET', '', { user: 'alice' })).status, 200);
		move(own.db, away);
		for (const [method, at] of [
			['GET', ''],
			['GET', '/unread-count'],
			['POST', '/read-all'],
			['GET', '/readyz'],
		]) {
			const answer = await own.request(method, at, { user: 'alice' });
			assertProblem(answer, 503, /no such database.*belfry init/);
			assert.ok(!answer.text.includes(own.dir), 'where it lies is not told');
		}
		assert.equal((await own.request('GET', '/healthz')).status, 200);
		// native EventSource survives a frame, but no status
		const stream = own.stream({ user: 'alice' });
		await stream.opened;
		assert.equal(stream.status, 200);
		await poll('the stream to end', () => stream.ended);
		assert.deepEqual(
			stream.events.map((e) => [e.event, e.data.reason]),
			[['close', 'refused']],
		);
		move(away, own.db);
		await poll('the database to be found again', async () => {
			const answer = await own.request('GET', '/readyz');
			return answer.status === 200;
		});
		assert.equal((await own.request('GET', '', { user: 'alice' })).status, 200);
	} finally {
		await own.stop();
	}
});
