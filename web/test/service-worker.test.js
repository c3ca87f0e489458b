// The service worker's part with the worker's surroundings made here: what waits,
// for how long, and in which order it goes out.

import assert from 'node:assert/strict';

import { afterEach, beforeEach, test, vi } from 'vitest';

import { serveNotifications } from '../src/service-worker.js';

const HOST = 'http://host';
const BASE = `${HOST}/api/notifications`;
let listeners; // of the worker, by event
let kept; // the cache: text by key
let answers; // a status, by "METHOD /path"; null: no network
let online; // what the rest is answered
let sent; // what has reached the network
let slow; // how long the network takes to fail
let synced; // how often a background sync was asked for

beforeEach(() => {
	vi.useFakeTimers({ toFake: ['Date'] });
	listeners = {};
	kept = new Map();
	answers = {};
	online = true;
	sent = [];
	synced = slow = 0;
	const cache = {
		match: async (key) => kept.has(key) ? new Response(kept.get(key)) : undefined,
		put: async (key, response) => void kept.set(key, await response.text()),
	};
	vi.stubGlobal('caches', {
		open: async () => cache,
		delete: async () => kept.clear(),
	});
	vi.stubGlobal('location', new URL(HOST));
	vi.stubGlobal('registration', {
		sync: { register: async () => void synced++ },
	});
	vi.stubGlobal('addEventListener', (type, listener) =>
		(listeners[type] = listener));
	vi.stubGlobal('fetch', async (what, init) => {
		const request = new Request(what, init);
		request.signal.throwIfAborted();
		const { pathname } = new URL(request.url);
		const name = `${request.method} ${pathname.slice(BASE.length - HOST.length)}`;
		const status = name in answers ? answers[name] : online ? 204 : null;
		vi.setSystemTime(Date.now() + slow);
		if (status === null)
			throw new TypeError('network');
		sent.push(`${name} ${status}`);
		return new Response(null, { status });
	});
	serveNotifications();
});

afterEach(() => {
	vi.unstubAllGlobals();
	vi.useRealTimers();
});

function change(name, signal) {
	const [method, path] = name.split(' ');
	const body = method === 'PATCH' ? '{"read":true}' : undefined;
	let answer;
	listeners.fetch({
		request: new Request(BASE + path, { method, body, signal }),
		respondWith: (promise) => (answer = promise),
	});
	return answer;
}

function tell(type, more) {
	let done;
	listeners[type]({ ...more, waitUntil: (promise) => (done = promise) });
	return done;
}

const replay = () => tell('message', { data: 'belfry:replay' });
const sync = () => tell('sync', { tag: 'belfry' });
const waiting = () => JSON.parse(kept.get('/belfry-queue') ?? '[]')
	.map(({ method, url }) => `${method} ${url.slice(BASE.length)}`);

async function offline(...names) {
	online = false;
	for (const name of names)
		assert.equal((await change(name)).status, 202);
	assert.deepEqual(waiting(), names);
	online = true;
}

test('service worker: what is done offline goes out in order', async () => {
	await offline('PATCH /1', 'DELETE /2');
	assert.equal(synced, 2);
	answers['PATCH /1'] = 404; // refused: refused again
	await replay();
	assert.deepEqual(sent, ['PATCH /1 404', 'DELETE /2 204']);
	assert.deepEqual(waiting(), []);
});

test('service worker: what waits outlives a session, but no signing out', async () => {
	// The next session may be somebody else's: they have no /1, but an inbox.
	await offline('PATCH /1', 'POST /read-all', 'DELETE /2');
	answers = { 'PATCH /1': 401, 'DELETE /3': 401 };
	await replay();
	assert.deepEqual(sent, ['PATCH /1 401']);
	assert.deepEqual(waiting(), ['PATCH /1', 'DELETE /2']);
	// What is done meanwhile is refused, as the page is to know.
	assert.equal((await change('DELETE /3')).status, 401);
	assert.deepEqual(waiting(), ['PATCH /1', 'DELETE /2']);
	answers = {};
	sent = [];
	await replay();
	assert.deepEqual(sent, ['PATCH /1 204', 'DELETE /2 204']);
	await offline('DELETE /4');
	await tell('message', { data: 'belfry:forget' });
	assert.deepEqual(waiting(), []);
});

test('service worker: a sync that gave up is one to be tried again', async () => {
	for (const status of [null, 429, 503]) {
		await offline('PATCH /1');
		answers['PATCH /1'] = status;
		await assert.rejects(sync());
		await replay(); // nobody waits for this one's end
		assert.deepEqual(waiting(), ['PATCH /1']);
		answers = {};
		await sync();
		assert.deepEqual(waiting(), []);
	}
});

test('service worker: what the page has taken back does not wait', async () => {
	const refused = async (answer) =>
		assert.equal((await answer).type, 'error');
	const signal = AbortSignal.abort();
	await refused(change('PATCH /1', signal));
	assert.deepEqual(waiting(), []);
	await offline('PATCH /1');
	online = false;
	await refused(change('PATCH /2', signal));
	// Browsers don't tell: but no page waits for more than 10 s.
	slow = 10000;
	await refused(change('PATCH /3'));
	assert.deepEqual(waiting(), ['PATCH /1']);
	slow = 9999;
	await change('PATCH /4');
	assert.deepEqual(waiting(), ['PATCH /1', 'PATCH /4']);
});

test('service worker: nothing overtakes what waits', async () => {
	for (const status of [null, 429, 503]) {
		await offline('PATCH /1');
		answers['PATCH /1'] = status;
		sent = [];
		assert.equal((await change('DELETE /1')).status, 202);
		assert.deepEqual(waiting(), ['PATCH /1', 'DELETE /1']);
		answers = {};
		sent = [];
		assert.equal((await change('PATCH /2')).status, 204);
		assert.deepEqual(
			sent, ['PATCH /1 204', 'DELETE /1 204', 'PATCH /2 204'],
		);
	}
});
