// The connection, with the browser's parts made here and a clock that is moved
// by hand: when it comes back and by which way, how long it waits, and when it
// stops.

import assert from 'node:assert/strict';
import { mock } from 'node:test';

import { afterEach, beforeEach, test } from 'vitest';

import { Connection } from '../src/connection.js';
import { directWays } from '../src/ways.js';

const START = 1_800_000_000_000;
const URL_OF_STREAM = 'http://host/stream';
let sources; // every EventSource made, the newest last
let probes; // answers to HEAD, in order: a status, headers; or an error
let snapshots; // what snapshot() gives, in order; then the first again
let frames;
let statuses;
let connection;
let window; // hears what the browser tells
let fetched; // requests for a stream, with the answer's end in hand

class FakeEventSource extends EventTarget {
	constructor(url) {
		super();
		this.url = new URL(url);
		this.closed = false;
		sources.push(this);
	}

	close() {
		this.closed = true;
	}

	say(event, data, id = '') {
		const said = new Event(event);
		said.data = typeof data === 'string' ? data : JSON.stringify(data);
		said.lastEventId = id;
		this.dispatchEvent(said);
	}

	connect(more = {}) {
		const data = { epoch: 'e1', heartbeatMs: 30000, latest: '7', ...more };
		this.say('connected', { resumed: true, ...data }, '7');
	}

	fail() {
		this.dispatchEvent(new Event('error'));
	}
}

beforeEach(() => {
	mock.timers.enable({
		apis: ['setTimeout', 'setInterval', 'Date'],
		now: START,
	});
	mock.method(Math, 'random', () => 0.5);
	sources = [];
	probes = [];
	snapshots = [{ cursor: '7', epoch: 'e1' }];
	frames = [];
	statuses = [];
	fetched = [];
	window = new EventTarget();
	Object.assign(globalThis, {
		EventSource: FakeEventSource,
		document: Object.assign(new EventTarget(), {
			visibilityState: 'visible',
		}),
		addEventListener: window.addEventListener.bind(window),
		removeEventListener: window.removeEventListener.bind(window),
	});
	mock.method(globalThis, 'fetch', async (url, { method, signal, headers }) => {
		if (method !== 'HEAD')
			return answerStream(url, signal, headers);
		assert.equal(url, URL_OF_STREAM);
		const probe = probes.shift() ?? new TypeError('network');
		if (probe instanceof Error) throw probe;
		const [status, answered] = [probe].flat();
		return new Response(null, { status, headers: answered });
	});
	connection = make();
});

function make(more = {}, options = {}) {
	return new Connection({
		...directWays(
			{ url: URL_OF_STREAM, credentials: 'same-origin', key: '' },
			options,
		),
		snapshot: async () => {
			const next = snapshots.length > 1 ? snapshots.shift() : snapshots[0];
			if (next instanceof Error) throw next;
			return next;
		},
		onFrame: (frame) => frames.push(structuredClone(frame)),
		onStatus: (status) => statuses.push(status),
		...more,
	});
}

// A stream by fetch: `say` writes to it, `end` ends it.
function answerStream(url, signal, headers) {
	const bytes = new TransformStream();
	const writer = bytes.writable.getWriter();
	const text = new TextEncoder();
	signal.addEventListener('abort', () => writer.abort().catch(() => {}));
	fetched.push({
		url: new URL(url),
		headers,
		signal,
		say: (words) => writer.write(text.encode(words)),
		end: () => writer.close(),
	});
	const refusal = probes.shift();
	return refusal
		? new Response(null, { status: refusal })
		: new Response(bytes.readable, {
				headers: { 'Content-Type': 'text/event-stream' },
			});
}

afterEach(() => {
	connection.stop();
	mock.timers.reset();
	mock.restoreAll();
});

// Lets everything happen that waits for no clock.
async function settled() {
	for (let i = 0; i < 10; i++)
		await new Promise((resolve) => setImmediate(resolve));
}

async function pass(ms) {
	mock.timers.tick(ms);
	await settled();
}

async function started() {
	connection.start();
	await settled();
	return sources.at(-1);
}

const status = () => statuses.at(-1).status;
const waits = () => statuses.at(-1).retryAt - Date.now();

// The connection fails now; resolves to what it says it waits for.
async function lose() {
	sources.at(-1).fail();
	await settled();
	assert.equal(status(), 'disconnected');
	assert.ok(sources.at(-1).closed);
	return waits();
}

test('connection: snapshot, then the stream from it', async () => {
	const source = await started();
	assert.equal(
		source.url.href,
		'http://host/stream?lastEventId=7&epoch=e1',
	);
	assert.equal(status(), 'connecting');
	source.connect();
	assert.equal(status(), 'connected');
	source.say('notification', { action: 'read', notificationId: 1 }, '8');
	assert.deepEqual(
		frames.map(({ event, id }) => [event, id]),
		[['connected', '7'], ['notification', '8']],
	);
});

test('connection: comes back with the cursor of the last frame handed on', async () => {
	(await started()).connect({ epoch: 'e2' });
	sources.at(-1).say('notification', {}, '8');
	sources.at(-1).say('heartbeat', {}, '19');
	await lose();
	sources.at(-1).say('notification', {}, '20'); // of a closed one: void
	await pass(30000);
	assert.equal(sources.length, 2);
	assert.equal(
		sources.at(-1).url.search,
		'?lastEventId=19&epoch=e2',
	);
	assert.equal(frames.length, 3);
});

test('connection: waits 1, 2, 4, 8, 16, 30 s, jittered', async () => {
	await started();
	const waited = [];
	for (let i = 0; i < 7; i++) {
		waited.push(await lose());
		const { length } = sources;
		await pass(waited.at(-1) - 1);
		assert.equal(sources.length, length);
		await pass(1);
		assert.equal(sources.length, length + 1);
	}
	assert.deepEqual(
		waited,
		[1, 2, 4, 8, 16, 30, 30].map((seconds) => seconds * 750),
	);
});

test('connection: only one that lived 10 s makes the waits short again', async () => {
	(await started()).connect();
	await lose();
	await pass(750);
	sources.at(-1).connect();
	await pass(9999);
	assert.equal(await lose(), 1500);
	await pass(1500);
	sources.at(-1).connect();
	await pass(10000);
	assert.equal(await lose(), 750);
});

test('connection: a close frame says when to come back', async () => {
	for (const reason of ['lifetime', 'shutdown', 'refused', 'evicted']) {
		await started();
		sources.at(-1).say('close', { reason, retryAfterMs: 61234 });
		assert.deepEqual([status(), waits()], ['disconnected', 61234]);
		const { length } = sources;
		await pass(61233);
		assert.equal(sources.length, length);
		await pass(1);
		assert.equal(sources.length, length + 1);
		connection.stop();
	}
});

test('connection: 401 and 403 stop it, until it is told to start again', async () => {
	for (const code of [401, 403]) {
		await started();
		const { length } = sources;
		probes = [code];
		sources.at(-1).fail();
		await settled();
		assert.deepEqual(
			[status(), statuses.at(-1).reason],
			['error', code],
		);
		await pass(1_000_000);
		window.dispatchEvent(new Event('online'));
		assert.equal(sources.length, length);
		connection.retryNow();
		await settled();
		assert.equal(sources.length, length + 1);
		connection.stop();
	}
});

test('connection: a session that ended stops it; one that goes on does not', async () => {
	(await started()).connect();
	sources.at(-1).say('close', { reason: 'session', retryAfterMs: 1000 });
	await settled();
	assert.equal(status(), 'disconnected');
	await pass(750);
	probes = [401];
	sources.at(-1).say('close', { reason: 'session', retryAfterMs: 1000 });
	await settled();
	assert.equal(status(), 'error');
});

test('connection: Retry-After of 429 and 503 is obeyed, in both forms', async () => {
	await started();
	probes = [
		[429, { 'Retry-After': '17' }],
		[503, { 'Retry-After': new Date(START + 60000).toUTCString() }],
		503,
		new TypeError('network'),
	];
	assert.equal(await lose(), 17000);
	await pass(17000);
	assert.equal(await lose(), 60000 - 17000);
	await pass(60000);
	assert.equal(await lose(), 3000);
	await pass(3000);
	assert.equal(await lose(), 6000);
	assert.deepEqual(
		statuses
			.filter((one) => one.status === 'disconnected')
			.map((one) => one.reason),
		[429, 503, 503, 'network'],
	);
});

test('connection: no wait is longer than an hour', async () => {
	await started();
	for (const seconds of ['2147484', '1' + '0'.repeat(300)]) {
		probes = [[503, { 'Retry-After': seconds }]];
		assert.equal(await lose(), 3_600_000);
		await pass(3_600_000);
	}
	sources.at(-1).connect();
	sources.at(-1).say('close', { reason: 'shutdown', retryAfterMs: 2 ** 31 });
	assert.equal(waits(), 3_600_000);
});

test('connection: the snapshot is retried in the same loop', async () => {
	const failure = (code, wait) =>
		Object.assign(new Error(), { status: code, retryAfterMs: wait });
	snapshots = [failure(0), failure(503, 9000), { cursor: '9', epoch: 'e1' }];
	await started();
	assert.deepEqual([status(), waits(), sources.length], ['disconnected', 750, 0]);
	await pass(750);
	assert.deepEqual([status(), waits(), sources.length], ['disconnected', 9000, 0]);
	await pass(9000);
	assert.equal(sources[0].url.searchParams.get('lastEventId'), '9');
	connection.stop();
	snapshots = [failure(401)];
	connection.startOver();
	connection.start();
	await settled();
	assert.equal(status(), 'error');
});

test('connection: starting over takes a new snapshot', async () => {
	(await started()).connect();
	snapshots = [{ cursor: '50', epoch: 'e9' }];
	connection.startOver();
	assert.ok(sources[0].closed);
	assert.equal(status(), 'disconnected');
	await pass(750);
	assert.equal(
		sources.at(-1).url.search,
		'?lastEventId=50&epoch=e9',
	);
});

test('connection: looked at while the snapshot is awaited, it asks once', async () => {
	let give;
	let asked = 0;
	connection = make({
		snapshot: () => {
			asked++;
			return new Promise((resolve) => (give = resolve));
		},
	});
	connection.start();
	await pass(5000);
	window.dispatchEvent(new Event('online'));
	await settled();
	give({ cursor: '7', epoch: 'e1' });
	await settled();
	assert.equal(asked, 1);
	assert.equal(sources.length, 1);
});

test('connection: what it does not understand it does not skip', async () => {
	(await started()).connect();
	sources[0].say('notification', '{"cut', '8');
	assert.ok(sources[0].closed);
	snapshots = [{ cursor: '60', epoch: 'e1' }];
	await pass(750);
	assert.equal(sources.at(-1).url.searchParams.get('lastEventId'), '60');
	assert.equal(frames.length, 1);
});

test('connection: no answer within 10 s is a failure', async () => {
	await started();
	await pass(9999);
	assert.equal(status(), 'connecting');
	await pass(1);
	assert.equal(status(), 'disconnected');
	assert.ok(sources[0].closed);
});

test('connection: silence of two and a half heartbeats is a dead connection', async () => {
	(await started()).connect({ heartbeatMs: 30000 });
	await pass(60000);
	sources[0].say('heartbeat', {}, '8');
	await pass(75000);
	assert.equal(status(), 'connected');
	await pass(1000);
	assert.equal(status(), 'disconnected');
	assert.equal(statuses.at(-1).reason, 'silence');
});

test('connection: a hub that waits is waited for, and not for long after', async () => {
	const opened = [];
	connection = make({
		transports: [(request, sink) => {
			opened.push(sink);
			return () => {};
		}],
		probe: undefined,
	});
	connection.start();
	await settled();
	opened[0].status({
		status: 'disconnected', retryAt: Date.now() + 30000, reason: 'lost',
	});
	await pass(69000);
	assert.deepEqual([opened.length, statuses.at(-1).reason], [1, 'lost']);
	await pass(2000);
	assert.equal(statuses.at(-1).reason, 'silence');
});

test('connection: the watchdog goes by the clock, not by its ticks', async () => {
	(await started()).connect({ heartbeatMs: 30000 });
	mock.timers.setTime(START + 3_600_000); // asleep: nothing ticked
	await pass(1000);
	assert.equal(status(), 'disconnected');
});

test('connection: a page that is looked at again, or thawed, reconnects', async () => {
	const show = (visible) => {
		document.visibilityState = visible ? 'visible' : 'hidden';
		document.dispatchEvent(new Event('visibilitychange'));
	};
	const thaw = (persisted) =>
		window.dispatchEvent(
			Object.assign(new Event('pageshow'), { persisted }),
		);
	(await started()).connect();
	show(false);
	await pass(5000);
	assert.equal(sources.length, 1);
	show(true);
	thaw(true); // both at once: one new connection
	await settled();
	assert.equal(sources.length, 2);
	assert.ok(sources[0].closed);
	sources[1].connect();
	show(true); // it has spoken just now
	thaw(false);
	await pass(5000);
	thaw(false);
	await settled();
	assert.equal(sources.length, 2);
	thaw(true);
	await settled();
	assert.equal(sources.length, 3);
	// While it waits for its own sake it need not wait on.
	await lose();
	await pass(5000);
	sources.at(-1).say('close', { reason: 'refused', retryAfterMs: 60000 });
	await pass(5000);
	const { length } = sources;
	show(true); // the server has asked not to come back yet
	await settled();
	assert.equal(sources.length, length);
	connection.retryNow(); // but a person insists
	await settled();
	assert.equal(sources.length, length + 1);
});

test('connection: stopped is stopped', async () => {
	(await started()).connect();
	connection.stop();
	const { length } = statuses;
	sources[0].fail();
	window.dispatchEvent(new Event('online'));
	await pass(1_000_000);
	assert.deepEqual([sources.length, statuses.length], [1, length]);
	assert.ok(sources[0].closed);
});

// ---- other ways than the native one

const CONNECTED =
	'event: connected\nid: 7\ndata: {"resumed":true,"latest":"7",' +
	'"epoch":"e1","heartbeatMs":30000}\n\n';

async function fetchedStream() {
	while (fetched.length === 0) await settled();
	return fetched.at(-1);
}

test('connection: where native streams come to nothing, fetch is tried', async () => {
	await started();
	probes = [200];
	await pass(await lose());
	probes = [200];
	await lose();
	assert.equal(sources.length, 2);
	await pass(30000);
	const stream = await fetchedStream();
	assert.equal(sources.length, 2);
	assert.equal(stream.url.searchParams.get('lastEventId'), '7');
	stream.say(`${CONNECTED}event: notification\nid: 8\ndata: {"a":1}\n\n`);
	await settled();
	assert.equal(status(), 'connected');
	assert.deepEqual(frames.at(-1), {
		event: 'notification', id: '8', data: { a: 1 },
	});
	stream.end();
	await settled();
	assert.equal(status(), 'disconnected');
	await pass(30000);
	assert.equal(fetched.at(-1).url.searchParams.get('lastEventId'), '8');
	fetched.at(-1).say(CONNECTED);
	await settled();
	assert.equal(status(), 'connected');
	connection.stop();
	assert.ok(fetched.at(-1).signal.aborted);
});

test('connection: network trouble does not change the way', async () => {
	await started();
	for (let i = 0; i < 6; i++) {
		await lose();
		await pass(30000);
	}
	assert.deepEqual([sources.length, fetched.length], [7, 0]);
});

test('connection: with headers it is fetch at once, and its status is known', async () => {
	connection = make({}, {
		headers: async () => ({ Authorization: 'Bearer x' }),
	});
	connection.start();
	const stream = await fetchedStream();
	assert.equal(sources.length, 0);
	assert.equal(stream.headers.Authorization, 'Bearer x');
	assert.equal(stream.headers.Accept, 'text/event-stream');
	stream.say(CONNECTED);
	await settled();
	assert.equal(status(), 'connected');
	probes = [401];
	stream.end();
	await settled();
	assert.deepEqual([status(), statuses.at(-1).reason], ['error', 401]);
});

test('connection: streams that are held back are asked for in slices', async () => {
	await started();
	for (let i = 0; i < 2; i++) {
		assert.equal(sources.at(-1).url.searchParams.get('poll'), null);
		probes = [200];
		await pass(10000);
		assert.equal(status(), 'disconnected');
		await pass(30000);
	}
	const slice = sources.at(-1);
	assert.equal(slice.url.searchParams.get('poll'), '1');
	await pass(34999); // all of it may come at the end of 25 s
	assert.equal(status(), 'connecting');
	const before = statuses.length;
	slice.connect({ poll: true });
	slice.say('notification', {}, '8');
	slice.fail(); // its end
	await settled();
	assert.equal(statuses.length, before + 1);
	assert.equal(status(), 'connected');
	const { length } = sources;
	await pass(999); // not more than once a second
	assert.equal(sources.length, length);
	await pass(1);
	assert.equal(sources.length, length + 1);
	assert.equal(sources.at(-1).url.searchParams.get('lastEventId'), '8');
	await pass(5000);
	sources.at(-1).connect({ poll: true });
	await pass(25000);
	sources.at(-1).fail();
	await pass(0);
	assert.equal(sources.length, length + 2);
	assert.equal(status(), 'connected');
	connection.retryNow(); // a person insists: from the beginning
	await settled();
	assert.equal(sources.at(-1).url.searchParams.get('poll'), null);
});

test('connection: a server that polls by itself is understood', async () => {
	(await started()).connect({ poll: true, heartbeatMs: 1000 });
	await pass(25000); // its silence is no silence
	assert.equal(status(), 'connected');
	sources.at(-1).fail();
	await pass(0);
	assert.equal(sources.length, 2);
	assert.equal(status(), 'connected');
	await pass(10000); // but this one does not answer
	assert.equal(status(), 'disconnected');
});

test('connection: closes in the background on request, and resumes', async () => {
	const show = (visible) => {
		document.visibilityState = visible ? 'visible' : 'hidden';
		document.dispatchEvent(new Event('visibilitychange'));
	};
	connection = make({ hiddenMs: 60000 });
	(await started()).connect();
	sources[0].say('notification', {}, '8');
	show(false);
	await pass(59999);
	assert.ok(!sources[0].closed);
	show(true); // in time
	show(false);
	await pass(60000);
	assert.ok(sources.at(-1).closed);
	assert.deepEqual(
		[status(), statuses.at(-1).reason],
		['disconnected', 'hidden'],
	);
	const { length } = sources;
	await pass(1_000_000);
	assert.equal(sources.length, length);
	show(true);
	await settled();
	assert.equal(sources.length, length + 1);
	assert.equal(sources.at(-1).url.searchParams.get('lastEventId'), '8');
});

test('connection: online does not wake what the background has closed', async () => {
	document.visibilityState = 'hidden'; // opened there
	connection = make({ hiddenMs: 60000 });
	(await started()).connect();
	await pass(50000);
	window.dispatchEvent(new Event('offline'));
	window.dispatchEvent(new Event('online'));
	await settled();
	assert.equal(sources.length, 2);
	sources[1].connect();
	await pass(9999);
	assert.equal(status(), 'connected');
	await pass(1); // 60 s since it was opened
	assert.equal(statuses.at(-1).reason, 'hidden');
	assert.ok(sources[1].closed);
	window.dispatchEvent(new Event('offline'));
	window.dispatchEvent(new Event('online'));
	await pass(1_000_000);
	assert.equal(sources.length, 2);
	connection.retryNow(); // by a script, nobody looks
	await settled();
	sources[2].connect();
	await pass(60000);
	assert.equal(statuses.at(-1).reason, 'hidden');
	document.visibilityState = 'visible';
	document.dispatchEvent(new Event('visibilitychange'));
	await settled();
	assert.equal(sources.length, 4);
	sources[3].connect();
	await pass(70000);
	assert.equal(status(), 'connected');
});

test('connection: a page that goes is let go, and found alive again', async () => {
	(await started()).connect();
	window.dispatchEvent(new Event('pagehide'));
	assert.ok(sources[0].closed);
	await pass(1_000_000);
	assert.equal(sources.length, 1);
	window.dispatchEvent(
		Object.assign(new Event('pageshow'), { persisted: true }),
	);
	await settled();
	assert.equal(sources.length, 2);
});

test('connection: offline it says so, and online it comes back at once', async () => {
	(await started()).connect();
	await pass(5000);
	window.dispatchEvent(new Event('offline'));
	assert.deepEqual(
		[status(), statuses.at(-1).reason],
		['disconnected', 'offline'],
	);
	window.dispatchEvent(new Event('online'));
	await settled();
	assert.equal(sources.length, 2);
	sources[1].connect();
	assert.equal(status(), 'connected');
});
