// The hub, with the way to the server in hand: whoever joins, comes late or
// comes back sees every event once, or is told to load anew.

import { afterEach, beforeEach, expect, test, vi } from 'vitest';

import { Hub, SIGNED_OUT, type FromHub } from '../src/hub.js';
import { hubTransport } from '../src/media.js';
import type { Request, Sink } from '../src/transport.js';
import type { Frame } from '../src/types.js';

interface Stream {
	request: Request;
	sink: Sink;
	open: boolean;
}

let streams: Stream[];
let posted: FromHub[];
let status: number;
let hub: Hub;

beforeEach(() => {
	vi.useFakeTimers();
	streams = [];
	posted = [];
	status = 200;
	hub = new Hub({
		transports: [
			(request, sink) => {
				const stream = { request, sink, open: true };
				streams.push(stream);
				return () => void (stream.open = false);
			},
		],
		probe: async () => new Response(null, { status }),
		post: (message) => posted.push(structuredClone(message)),
	});
});

afterEach(() => {
	hub.stop();
	vi.useRealTimers();
});

const settled = () => vi.advanceTimersByTimeAsync(0);
const last = () => streams.at(-1)!;

async function join(from: string, cursor: string, more: Partial<Request> = {}) {
	const request = { cursor, epoch: 'e1', poll: false, urgent: null, ...more };
	hub.take({ from, join: request });
	await settled();
}

function connect(from: string, more = {}) {
	last().sink.frame('connected', from, {
		resumed: true, from, latest: from, epoch: 'e1', heartbeatMs: 30000,
		unreadCount: 1, ...more,
	});
}

const say = (id: string) =>
	last().sink.frame('notification', id, {
		action: 'read', notificationId: Number(id),
	});

// What the one sees: "connected 5", "notification 6" …
const seen = (who: string) =>
	posted
		.filter(({ to }) => to === null || to === who)
		.flatMap(({ frames, status: said }) => [
			...(frames ?? []).map(({ event, id }) => `${event} ${id}`),
			...(said ? [said.status] : []),
		]);

test('hub: one stream, from where the first who joins is', async () => {
	await join('a', '5');
	await join('b', '5');
	expect(streams.length).toBe(1);
	expect(last().request).toMatchObject({ cursor: '5', epoch: 'e1' });
	connect('5');
	say('6');
	const about = (who: string) =>
		posted.filter(({ to }) => to === who).flatMap((m) => m.frames ?? []);
	expect(about('a').map(({ id }) => id)).toEqual(['5']);
	expect(about('b').map(({ id }) => id)).toEqual(['5']);
	expect(posted.at(-1)).toMatchObject({
		to: null, frames: [{ event: 'notification', id: '6' }],
	});
});

test('hub: a late one gets what was since its cursor, in one message', async () => {
	await join('a', '5');
	connect('5');
	for (const id of ['6', '7', '8', '10'])
		say(id);
	posted = [];
	await join('b', '7');
	expect(posted.length).toBe(1);
	expect(seen('b')).toEqual([
		'connected 7', 'notification 8', 'notification 10',
	]);
	expect(posted[0]!.frames![0]!.data).toMatchObject({
		resumed: true, from: '7', latest: '5', unreadCount: 1,
	});
});

test('hub: what it can not give is a reset to where it is', async () => {
	await join('a', '5');
	connect('5');
	say('6');
	for (const [who, cursor, epoch] of [['b', '4', 'e1'], ['c', '6', 'e0']]) {
		posted = [];
		await join(who!, cursor!, { epoch: epoch! });
		expect(seen(who!)).toEqual(['connected ', 'reset 6']);
		const [hello] = posted[0]!.frames!;
		expect(hello!.data).toMatchObject({ resumed: false, epoch: 'e1' });
		expect(hello!.data).not.toHaveProperty('from');
		expect(hello!.data).not.toHaveProperty('unreadCount');
	}
});

test('hub: it keeps the last thousand frames, of heartbeats the last', async () => {
	await join('a', '1');
	connect('1');
	for (let id = 2; id <= 1003; id++)
		say(String(id));
	for (let id = 1004; id < 1100; id++)
		last().sink.frame('heartbeat', String(id), { timestamp: 1 });
	posted = [];
	await join('b', '3');
	expect(seen('b').at(-1)).toBe('reset 1099');
	posted = [];
	await join('c', '4');
	expect(seen('c').length).toBe(1 + 999 + 1);
	expect(seen('c').at(-1)).toBe('heartbeat 1099');
});

test('hub: after a loss it goes on, and all are told', async () => {
	await join('a', '5');
	connect('5');
	say('6');
	posted = [];
	last().sink.end();
	await settled();
	expect(seen('a')).toEqual(['connecting', 'disconnected']);
	await join('b', '5'); // while it is away
	expect(seen('b').at(-1)).toBe('disconnected');
	await vi.advanceTimersByTimeAsync(2000);
	expect(last().request.cursor).toBe('6');
	posted = [];
	connect('6');
	say('7');
	expect(seen('a')).toEqual(['connected 6', 'notification 7']);
	expect(
		posted.filter(({ to }) => to === 'b').flatMap((m) => m.frames!)
			.map(({ event, id }) => `${event} ${id}`),
	).toEqual(['connected 5', 'notification 6']);
});

test('hub: why the server closed is told with the status', async () => {
	await join('a', '5');
	connect('5');
	posted = [];
	last().sink.frame('close', '5', {
		reason: 'shutdown', retryAfterMs: 1234,
	});
	expect(posted).toMatchObject([
		{
			to: null,
			status: { status: 'disconnected', reason: 'shutdown' },
			frames: [{ event: 'close', data: { retryAfterMs: 1234 } }],
		},
	]);
});

test('hub: who is refused ends it for all, until somebody joins anew', async () => {
	await join('a', '5');
	await join('b', '5');
	status = 401;
	last().sink.end();
	await settled();
	expect(seen('b').at(-1)).toBe('error');
	expect(posted.at(-1)!.status!.reason).toBe(401);
	await vi.advanceTimersByTimeAsync(1_000_000);
	expect(streams.length).toBe(1);
	await join('a', '9');
	expect(streams.length).toBe(2);
	expect(last().request.cursor).toBe('9');
});

test('hub: signing out ends it for all', async () => {
	await join('a', '5');
	connect('5');
	hub.take({ from: 'x', stop: true });
	expect(last().open).toBe(false);
	expect(posted.at(-1)).toMatchObject({
		to: null, status: { status: 'error', reason: 'signed out' },
	});
});

test('hub: when the last one leaves, the stream ends', async () => {
	await join('a', '5');
	await join('b', '5');
	connect('5');
	hub.take({ from: 'a', leave: true });
	expect(last().open).toBe(true);
	hub.take({ from: 'b', leave: true });
	expect(last().open).toBe(false);
	await join('c', '8');
	expect(streams.length).toBe(2);
	expect(last().request.cursor).toBe('8');
});

test('hub: what it does not understand, all load anew', async () => {
	await join('a', '5');
	connect('5');
	say('6');
	posted = [];
	last().sink.frame('notification', '7', undefined);
	await vi.advanceTimersByTimeAsync(2000);
	const garbled = posted.flatMap((m) => m.frames ?? []) as Frame[];
	expect(garbled.some(({ data }) => data === undefined)).toBe(true);
	expect(streams.length).toBe(1);
	await join('b', '9');
	expect(streams.length).toBe(2);
	expect(last().request.cursor).toBe('9');
	connect('9');
	posted = [];
	await join('a', '8'); // before what the hub began anew with
	expect(seen('a')).toEqual(['connected ', 'reset 9']);
});

test('hub: the first who joins may be one who looks again', async () => {
	for (const urgent of ['look', 'insist'] as const) {
		const { length } = streams;
		await join('a', '5', { urgent });
		expect(streams.length).toBe(length + 1);
		connect('5');
		expect(seen('a').slice(-2)).toEqual(['connected 5', 'connected 5']);
		hub.take({ from: 'a', leave: true });
	}
});

test('hub: somebody looks again, or insists', async () => {
	await join('a', '5');
	connect('5');
	await join('a', '5', { urgent: 'look' });
	expect(streams.length).toBe(1); // it has spoken just now
	await vi.advanceTimersByTimeAsync(5000);
	await join('a', '5', { urgent: 'look' });
	expect(streams.length).toBe(2);
	await join('a', '5', { urgent: 'insist' });
	expect(streams.length).toBe(3);
});

test('hub: one that hung and goes on is not listened to', () => {
	const told: string[] = [];
	let take!: (message: FromHub) => void;
	let from!: string;
	const transport = hubTransport({
		open(given) {
			take = given;
			return { post: (message) => void (from = message.from), close() {} };
		},
		close() {},
	});
	transport({ cursor: '5', epoch: 'e1', poll: false, urgent: null }, {
		frame: (event: string, id: string) => void told.push(`${event} ${id}`),
		status: ({ status }) => void told.push(status),
		end: () => void told.push('end'),
		again: () => void told.push('again'),
	} as Sink);
	const lost = { status: 'disconnected', retryAt: null, reason: 'silence' } as const;
	const frame = (id: string) =>
		({ event: 'notification', id, data: {} }) as unknown as Frame;

	take({ to: from, since: 1, frames: [frame('6')] });
	take({ to: from, since: 2, frames: [frame('7')] });
	take({ to: null, since: 1, status: lost });
	take({ to: null, since: 1, frames: [frame('8')] });
	take({ to: from, since: 1, frames: [frame('9')] });
	take({ to: null, since: 2, frames: [frame('10')] });
	expect(told).toEqual(['notification 6', 'notification 7', 'notification 10']);
	take({ to: null, since: 2, status: lost });
	take({ to: null, status: SIGNED_OUT });
	expect(told.slice(3)).toEqual(['disconnected', 'error']);
});
