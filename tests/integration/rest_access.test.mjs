// Who may do what: credentials, scopes, CSRF, CORS, and that nobody sees
// anything of another user's.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';

import { BASE, startServer } from './lib/harness.mjs';
import { Rest, assertProblem, ids, raw } from './lib/rest.mjs';

const APP = 'https://app.example';

// Every route, and the scopes of which one is enough.
const ROUTES = [
	['GET', '', ['read']],
	['HEAD', '', ['read']],
	['POST', '', ['publish']],
	['GET', '/unread-count', ['read']],
	['HEAD', '/stream', ['read']],
	['GET', '/stream?poll=1&lastEventId=garbage', ['read']],
	['POST', '/read-all', ['read']],
	['POST', '/ticket', ['read']],
	['GET', '/{id}', ['read']],
	['PATCH', '/{id}', ['read', 'publish']],
	['POST', '/{id}/read', ['read']],
	['DELETE', '/{id}', ['read', 'publish']],
];
const UNSAFE = ROUTES.filter(([method]) => !['GET', 'HEAD'].includes(method));

let server;
let rest;
before(async () => {
	server = await startServer({ set: { cors_origins: APP } });
	rest = await Rest.start(server);
});
after(() => server.stop());

// Where a route's {id} is a notification of that user's that is there.
async function target(at, user) {
	if (!at.includes('{id}')) return at;
	return at.replace('{id}', (await rest.send(user, 'x')).id);
}

const bodyOf = (method, at, user) =>
	method === 'POST' && at === '' ? { userId: user, title: 'x' } : {};

test('without a good credential everything is 401', async () => {
	const user = await rest.newUser();
	const cookie = await server.session(user);
	const expired = await server.session(`${user}-late`, { expiresAt: 1 });
	const bad = `bft_${'x'.repeat(43)}`;
	for (const [method, at] of ROUTES)
		for (const who of [
			{},
			{ token: bad },
			{ token: bad, cookie }, // the first that is there decides
			{ cookie: `bfs_${'x'.repeat(43)}` },
			{ cookie: expired },
			{ token: cookie },
			{ headers: { Authorization: 'Bearer' } },
			{ headers: { Authorization: `Bearer ${'x'.repeat(5000)}` } },
		]) {
			const answer = await server.request(method, await target(at, user), {
				...who,
				...(method === 'POST' || method === 'PATCH'
					? { body: bodyOf(method, at, user) }
					: {}),
			});
			const name = `${method} ${at} ${JSON.stringify(who)}`;
			assert.equal(answer.status, 401, name);
			assert.equal(answer.headers['www-authenticate'], 'Bearer');
			assert.equal(answer.headers.location, undefined);
			if (method !== 'HEAD') assertProblem(answer, 401);
		}
});

test('each route wants its scope', async () => {
	for (const scopes of ['read', 'publish', 'admin', 'read,publish']) {
		const user = `scoped-${scopes}`;
		const token = await server.token(user, scopes);
		for (const [method, at, wanted] of ROUTES) {
			const allowed = wanted.some((scope) => scopes.split(',').includes(scope));
			const answer = await server.request(method, await target(at, user), {
				token,
				...(method === 'POST' || method === 'PATCH'
					? { body: bodyOf(method, at, user) }
					: {}),
			});
			const name = `${method} ${at} with ${scopes}: ${answer.text}`;
			if (allowed) {
				assert.ok(answer.status < 300, name);
			} else {
				assert.equal(answer.status, 403, name);
				if (method !== 'HEAD')
					assertProblem(answer, 403, new RegExp(`"${scopes}", expected`));
			}
		}
	}
});

test('what a scope does not cover within a route', async () => {
	const user = await rest.newUser();
	const { id } = await rest.send(user, 'x');
	for (const body of [{ title: 'y' }, { read: true, title: 'y' }, { userId: 'z' }])
		assertProblem(await rest.request(user, 'PATCH', `/${id}`, body), 403, /publish/);
	const own = await server.token(user, 'publish');
	assertProblem(
		await server.request('PATCH', `/${id}`, { token: own, body: { read: true } }),
		403,
		/scope read/,
	);
	const n = (await rest.request(user, 'GET', `/${id}`)).json;
	assert.equal(n.title, 'x');
	assert.equal(n.readAt, null);
});

test('a cookie vouches for a change only from our own pages', async () => {
	const user = await rest.newUser();
	const cookie = `belfry_session=${await server.session(user, { scopes: 'read,publish' })}`;
	const { host } = new URL(server.origin);
	const rows = [
		[{ 'Sec-Fetch-Site': 'same-origin' }, true],
		[{ 'Sec-Fetch-Site': 'none' }, true],
		[{ 'Sec-Fetch-Site': 'same-site' }, false],
		[{ 'Sec-Fetch-Site': 'cross-site' }, false],
		[{ 'Sec-Fetch-Site': 'cross-site', Origin: server.origin }, false],
		[{ 'Sec-Fetch-Site': 'cross-site', Origin: APP }, true],
		[{ Origin: APP }, true],
		[{ Origin: server.origin }, true],
		[{ Origin: `https://${host}` }, true],
		[{ Origin: 'https://evil.example' }, false],
		[{ Origin: `http://${host}.evil.example` }, false],
		[{ Origin: 'null' }, false],
		[{}, false],
	];
	for (const [method, at] of UNSAFE)
		for (const [headers, passes] of rows) {
			const from = await rest.lastEvent();
			const to = await target(at, user);
			const made = (await rest.lastEvent()) - from;
			const body = JSON.stringify(bodyOf(method, at, user));
			const answer = await raw(server, method, BASE + to, {
				headers: {
					Cookie: cookie,
					'Content-Type': 'application/json',
					'Content-Length': body.length,
					...headers,
				},
				body,
			});
			const name = `${method} ${at} ${JSON.stringify(headers)} ${answer.text}`;
			if (passes) {
				assert.ok(answer.status < 300, name);
			} else {
				assertProblem(answer, 403, /Sec-Fetch-Site/);
				assert.equal(await rest.lastEvent(), from + made, name);
			}
		}
	// A token is sent by no browser on its own, and reading changes nothing.
	const token = await server.token(user, 'read');
	const foreign = { 'Sec-Fetch-Site': 'cross-site', Origin: 'https://evil.example' };
	const byToken = await raw(server, 'POST', `${BASE}/read-all`, {
		headers: { ...foreign, Authorization: `Bearer ${token}` },
	});
	assert.equal(byToken.status, 200);
	const reading = await raw(server, 'GET', BASE, {
		headers: { ...foreign, Cookie: cookie },
	});
	assert.equal(reading.status, 200);
	assert.equal(reading.headers['access-control-allow-origin'], undefined);
});

function assertCors(answer, listed) {
	const h = answer.headers;
	assert.equal(h.vary, 'Origin');
	assert.equal(h['access-control-allow-origin'], listed ? APP : undefined);
	assert.equal(
		h['access-control-allow-credentials'],
		listed ? 'true' : undefined,
	);
	assert.equal(
		h['access-control-expose-headers'],
		listed ? 'ETag, Link, Location, Retry-After, X-Request-Id' : undefined,
	);
}

test('CORS: the listed origin, on answers and errors alike', async () => {
	const user = await rest.newUser();
	for (const [origin, listed] of [
		[APP, true],
		['https://evil.example', false],
		[`${APP}.evil.example`, false],
		['http://app.example', false],
		['null', false],
		[undefined, false],
	]) {
		const headers = origin ? { Origin: origin } : {};
		for (const [method, at, who, status] of [
			['GET', '', { user }, 200],
			['HEAD', '', { user }, 200],
			['GET', '/healthz', {}, 200],
			['GET', '/999999', { user }, 404],
			['GET', '/nothing', {}, 404],
			['PUT', '', {}, 405],
			['GET', '?limit=x', { user }, 400],
			['GET', '', {}, 401],
			['GET', '/stream?poll=1&lastEventId=garbage', { user }, 200],
			['HEAD', '/stream', { user }, 200],
		]) {
			const answer = await server.request(method, at, { ...who, headers });
			assert.equal(answer.status, status, `${method} ${at}`);
			assertCors(answer, listed);
		}
		const preflight = await raw(server, 'OPTIONS', `${BASE}/7`, {
			headers: { ...headers, 'Access-Control-Request-Method': 'PATCH' },
		});
		assert.equal(preflight.status, 204);
		assertCors(preflight, listed);
		assert.equal(preflight.headers.allow, 'GET, HEAD, PATCH, DELETE, OPTIONS');
		assert.equal(
			preflight.headers['access-control-allow-methods'],
			listed ? 'GET, HEAD, PATCH, DELETE, OPTIONS' : undefined,
		);
		assert.equal(
			preflight.headers['access-control-allow-headers'],
			listed
				? 'Authorization, Content-Type, If-None-Match, Last-Event-ID'
				: undefined,
		);
	}
});

test('nobody sees, changes or counts what is another user’s', async () => {
	const [alice, bob] = [await rest.newUser(), await rest.newUser()];
	const hers = await rest.send(alice, 'secret', { type: 'private' });
	const everyones = await rest.send('*', 'all');
	await rest.request(alice, 'POST', `/${everyones.id}/read`);
	const etag = (await rest.request(alice, 'GET', '')).headers.etag;

	for (const query of ['', 'unread=1', 'type=private', `before=${hers.id + 1}`]) {
		const page = await rest.list(bob, query);
		assert.ok(!ids(page).includes(hers.id), query);
		assert.ok(!JSON.stringify(page).includes('secret'), query);
	}
	assert.equal(await rest.unread(bob), 1);
	// her receipt is not his
	assert.equal((await rest.request(bob, 'GET', `/${everyones.id}`)).json.readAt, null);
	const conditional = await server.request('GET', '', {
		user: bob,
		headers: { 'If-None-Match': etag },
	});
	assert.equal(conditional.status, 200);

	// What is not his and what is not there: the same answer, letter by letter.
	const nothing = hers.id + 1_000_000;
	const events = await rest.eventsOf(async () => {
		for (const [method, after, body] of [
			['GET', '', undefined],
			['PATCH', '', { read: true }],
			['PATCH', '', { read: false, title: 'x' }],
			['PATCH', '', { title: 'x' }],
			['PATCH', '', {}],
			['DELETE', '', undefined],
			['DELETE', '?everyone=1', undefined],
			['POST', '/read', undefined],
		]) {
			const there = await rest.request(bob, method, `/${hers.id}${after}`, body);
			const not = await rest.request(bob, method, `/${nothing}${after}`, body);
			assertProblem(there, 404);
			assert.equal(
				there.text,
				not.text.replace(nothing, hers.id),
				`${method} ${after}`,
			);
		}
		// a publisher is not a reader of all
		assertProblem(
			await server.request('GET', `/${hers.id}`, {
				token: await server.token('service', 'read,publish'),
			}),
			404,
		);
	});
	assert.deepEqual(events, []);

	// his watermark and his receipts leave hers alone
	await rest.request(bob, 'POST', '/read-all');
	await rest.request(bob, 'DELETE', `/${everyones.id}`);
	assert.equal(await rest.unread(alice), 1);
	assert.ok(ids(await rest.list(alice)).includes(everyones.id));
	assert.equal((await rest.request(alice, 'GET', `/${hers.id}`)).json.readAt, null);
});

test('a credential that is revoked is bad at once', async () => {
	const user = await rest.newUser();
	assert.equal((await rest.request(user, 'GET', '')).status, 200);
	await rest.db.exec(`DELETE FROM sessions WHERE user_id = '${user}';`);
	assertProblem(await rest.request(user, 'GET', ''), 401);
});
