// The store on a server made here: connecting and letting go, what a person
// does, late answers, and what is told to whom.

import { afterEach, beforeEach, expect, test, vi } from 'vitest';

import { getNotifications } from '../src/default.js';
import { createNotifications, type Notifications } from '../src/index.js';
import { Server, note } from './lib/server.js';

let server: Server;
let store: Notifications;

beforeEach(() => {
	server = new Server(3);
	store = createNotifications({ sharing: 'none' });
});

afterEach(() => {
	store.disconnect();
	vi.useRealTimers();
	vi.restoreAllMocks();
	vi.unstubAllGlobals();
	vi.doUnmock('../src/engine.js');
});

const until = (condition: () => boolean) =>
	vi.waitFor(() => expect(condition()).toBe(true), { timeout: 20000 });
const connected = () => until(() => store.isConnected);
const titles = () => store.notifications.map((one) =>
	one.id + (one.read ? '' : '*')).join(' ');

test('store: nothing happens before somebody listens', async () => {
	expect(store.getSnapshot()).toEqual({
		notifications: [], unreadCount: 0, hasUnread: false, isLoading: true,
		hasMore: false, connectionStatus: 'connecting', isConnected: false,
		isStale: false, retryAt: null, reason: null,
	});
	expect(server.requests).toEqual([]);
});

test('store: list, then the stream from where the list ends', async () => {
	store.subscribe(() => {});
	await connected();
	expect(server.requests).toEqual(['GET limit=50']);
	const { searchParams } = server.sources[0]!.url;
	expect(searchParams.get('lastEventId')).toBe('100');
	expect(searchParams.get('epoch')).toBe('e1');
	expect(titles()).toBe('3* 2* 1*');
	expect(store.isLoading).toBe(false);
	server.create();
	await until(() => store.notifications.length === 4);
	expect(store.unreadCount).toBe(4);
	expect(store.hasUnread).toBe(true);
});

test('store: the snapshot is the same until something changes', async () => {
	store.connect();
	await connected();
	await until(() => store.notifications.length === 3);
	const before = store.getSnapshot();
	expect(store.getSnapshot()).toBe(before);
	server.create();
	await until(() => store.notifications.length === 4);
	expect(store.getSnapshot()).not.toBe(before);
	expect(store.notifications[1]).toBe(before.notifications[0]);
});

test('store: the first connects, the last one gone disconnects', async () => {
	const one = store.subscribe(() => {});
	const two = store.on('created', () => {});
	await connected();
	vi.useFakeTimers();
	one();
	one(); // twice is once
	await vi.advanceTimersByTimeAsync(5000);
	expect(server.open.length).toBe(1);
	two();
	store.subscribe(() => {})(); // as React's strict mode does
	const again = store.subscribe(() => {});
	await vi.advanceTimersByTimeAsync(5000);
	expect(server.sources.length).toBe(1);
	expect(server.open.length).toBe(1);
	again();
	await vi.advanceTimersByTimeAsync(5000);
	expect(server.open.length).toBe(0);
});

test('store: disconnect() holds until connect() or reconnect()', async () => {
	store.subscribe(() => {});
	await connected();
	for (const again of [store.connect, store.reconnect]) {
		store.disconnect();
		expect(server.open.length).toBe(0);
		expect(store.connectionStatus).toBe('disconnected');
		expect(store.isStale).toBe(true);
		store.subscribe(() => {});
		await new Promise((resolve) => setTimeout(resolve));
		expect(server.open.length).toBe(0);
		again();
		await connected();
		expect(store.isStale).toBe(false);
	}
});

test('store: what a person does shows at once', async () => {
	store.connect();
	await connected();
	let open = () => {};
	server.gate = new Promise((resolve) => (open = resolve));
	const done = [store.markAsRead(3), store.remove(2)];
	expect(titles()).toBe('3 1*');
	expect(store.unreadCount).toBe(1);
	open();
	await Promise.all(done);
	expect(titles()).toBe('3 1*');
	await store.markAsUnread(3);
	expect(titles()).toBe('3* 1*');
	await store.markAllAsRead();
	expect(titles()).toBe('3 1');
	expect(store.hasUnread).toBe(false);
	await vi.waitFor(() => expect(server.unreadCount).toBe(0));
});

test('store: what fails is taken back, and says why', async () => {
	store.connect();
	await connected();
	server.answers.set('PATCH /3', 403).set('DELETE /2', null)
		.set('POST /read-all', 503);
	const failed = [
		expect(store.markAsRead(3)).rejects.toMatchObject({
			status: 403, message: 'no: 403',
		}),
		expect(store.remove(2)).rejects.toMatchObject({ status: 0 }),
		expect(store.markAllAsRead()).rejects.toMatchObject({ status: 503 }),
	];
	expect(titles()).toBe('3 1');
	await Promise.all(failed);
	expect(titles()).toBe('3* 2* 1*');
});

test('store: what is gone already is removed', async () => {
	store.connect();
	await connected();
	server.notes = [];
	await store.remove(2);
	await expect(store.markAsRead(1)).rejects.toMatchObject({ status: 404 });
});

test('store: a late list does not undo what the stream said', async () => {
	server.notes = Array.from({ length: 7 }, (_, i) => note(7 - i));
	store.disconnect();
	store = createNotifications({ sharing: 'none', pageSize: 3 });
	store.connect();
	await connected();
	expect(store.hasMore).toBe(true);
	let open = () => {};
	server.gate = new Promise((resolve) => (open = resolve));
	const more = store.loadMore();
	expect(store.loadMore()).toBe(more);
	await until(() => server.requests.includes('GET limit=3&before=5'));
	server.notes.find(({ id }) => id === 4)!.readAt = 'x';
	server.say({ action: 'read', notificationId: 4 });
	server.say({ action: 'deleted', notificationId: 3 });
	open();
	await more;
	expect(titles()).toBe('7* 6* 5* 4 2*');
});

test('store: a reset brings the list anew', async () => {
	store.connect();
	await connected();
	server.lose();
	await until(() => store.connectionStatus === 'disconnected');
	expect(store.isStale).toBe(true);
	expect(store.retryAt).toBeGreaterThan(Date.now() - 1);
	server.notes = [note(9)];
	server.resumed = false;
	store.reconnect();
	await until(() => titles() === '9*');
	expect(server.requests.filter((r) => r.startsWith('GET limit')).length)
		.toBe(2);
	expect(store.isStale).toBe(false);
});

test('store: what the frames leave open is asked for', async () => {
	store.connect();
	await connected();
	const { readAt, ...shared } = note(2, { broadcast: true, title: 'new' });
	server.notes[1] = note(2, { broadcast: true, title: 'new', readAt: 'x' });
	server.notes.pop();
	server.say({ action: 'deleted', notificationId: 77 });
	server.say({ action: 'deleted', notificationId: 1 });
	server.say({ action: 'deleted', notificationId: 2 });
	server.say({ action: 'updated', notification: shared });
	await until(() => titles() === '3* 2');
	await until(() => store.unreadCount === 1);
	expect(server.requests).toContain('GET /2');
});

test('store: on() tells of what comes, and new ones once', async () => {
	const told: string[] = [];
	store.on('created', ({ title, read }) => told.push(`new ${title} ${read}`));
	store.on('notification', ({ action }) => told.push(action));
	store.on('status', ({ status }) => told.push(status));
	const off = store.on('frame', ({ event, id }) => told.push(event + id));
	await connected();
	expect(told).toEqual(['connected', 'connected100']);
	told.length = 0;
	off();
	server.create({ title: 'x' });
	await until(() => told.length >= 2);
	expect(told).toEqual(['created', 'new x false']);
	server.say({ action: 'created', notification: note(4, { title: 'x' }) });
	server.create({ title: 'y' });
	await until(() => told.includes('new y false'));
	expect(told.slice(2)).toEqual(['created', 'created', 'new y false']);
});

test('store: what comes in one go is told in its order', async () => {
	const told: string[] = [];
	store.on('created', ({ title }) => told.push(title));
	await connected();
	for (const title of ['a', 'b', 'c'])
		server.create({ title });
	await until(() => told.length === 3);
	expect(told).toEqual(['a', 'b', 'c']);
});

test('store: refused, it stops and says so', async () => {
	server.answers.set('GET ', 401);
	store.subscribe(() => {});
	await until(() => store.connectionStatus === 'error');
	expect(store.reason).toBe(401);
	expect(store.isLoading).toBe(false);
	server.answers.clear();
	store.reconnect();
	await connected();
	await until(() => store.notifications.length === 3);
});

test('store: signed out, nothing is left', async () => {
	store.connect();
	await connected();
	store.signOut();
	expect(store.notifications).toEqual([]);
	expect(store.unreadCount).toBe(0);
	expect(server.open.length).toBe(0);
	expect(store.connectionStatus).toBe('disconnected');
});

test('store: ten thousand are no burden', async () => {
	server.notes = Array.from({ length: 10000 }, (_, i) => note(10000 - i));
	store.disconnect();
	store = createNotifications({ sharing: 'none', pageSize: 10000 });
	store.connect();
	await connected();
	await until(() => store.notifications.length === 10000);
	for (let i = 0; i < 200; i++)
		server.create();
	await until(() => store.notifications.length === 10200);
	expect(store.unreadCount).toBe(10200);
});

test('store: a filter shows and counts what is of it, whatever comes', async () => {
	server.notes = [];
	store = createNotifications({
		sharing: 'none', types: ['alert'], minPriority: 4,
	});
	server.create({ type: 'alert', priority: 5 });
	store.connect();
	await until(() => store.isConnected);
	const { searchParams } = server.sources[0]!.url;
	expect([searchParams.get('type'), searchParams.get('minPriority')])
		.toEqual(['alert', '4']);
	expect(server.requests).toContain('GET limit=50&type=alert');
	expect([store.notifications.length, store.unreadCount]).toEqual([1, 1]);
	// An update passes the stream's filter, of one that is not known too.
	const other = server.create({ type: 'info', priority: 5 });
	server.say({ action: 'updated', notification: other });
	const low = server.create({ type: 'alert', priority: 3 });
	await until(() => server.head === 104);
	await new Promise((resolve) => setTimeout(resolve));
	expect([store.notifications.length, store.unreadCount]).toEqual([1, 1]);
	server.say({
		action: 'updated', notification: { ...low, priority: 4 },
	});
	await until(() => store.notifications.length === 2);
	expect(store.unreadCount).toBe(2);
	await store.markAsRead(low.id);
	expect(store.unreadCount).toBe(1);
});

test('store: with tickets each stream is a native one with its own', async () => {
	store = createNotifications({
		sharing: 'none', tickets: true, headers: () => ({ Authorization: 'Bearer x' }),
	});
	const ticket = (i: number) =>
		server.sources[i]!.url.searchParams.get('ticket');
	store.connect();
	await until(() => store.isConnected);
	expect(ticket(0)).toBe('ticket 1');
	server.lose();
	await until(() => server.sources.length === 2 && store.isConnected);
	expect(ticket(1)).toBe('ticket 2');
	// None to be had: it stops.
	server.answers.set('POST /ticket', 401);
	server.lose();
	await until(() => store.connectionStatus === 'error');
	expect(store.reason).toBe(401);
});

test('store: a listener that throws keeps nothing from anybody', async () => {
	const reported: unknown[] = [];
	const later = queueMicrotask;
	vi.spyOn(globalThis, 'queueMicrotask').mockImplementation((act) =>
		later(() => {
			try {
				act();
			} catch (error) {
				reported.push(error);
			}
		}));
	const told: string[] = [];
	const fail = (what: string) => () => {
		told.push(what);
		throw new Error(what);
	};
	for (const type of ['frame', 'notification', 'created', 'status'] as const)
		store.on(type, fail(type));
	store.subscribe(fail('change'));
	store.on('created', ({ title }) => told.push(title));
	await connected();
	server.create({ title: 'fresh' });
	await until(() => told.includes('fresh'));
	expect(titles()).toBe('4* 3* 2* 1*');
	await store.markAsRead(4);
	expect(server.requests).toContain('PATCH /4');
	server.lose();
	await until(() => store.connectionStatus === 'disconnected');
	store.reconnect();
	await connected();
	await until(() => reported.length === told.length - 1);
	expect(reported.map((error) => (error as Error).message))
		.toEqual(told.filter((what) => what !== 'fresh'));
});

test('store: code that can not be loaded is asked for again', async () => {
	const engine = await vi.importActual('../src/engine.js');
	let asked = 0;
	let there = false;
	vi.resetModules();
	vi.doMock('../src/engine.js', () => {
		asked++;
		if (!there)
			throw new TypeError('Failed to fetch');
		return engine;
	});
	const window = new EventTarget();
	vi.stubGlobal('addEventListener', window.addEventListener.bind(window));
	vi.useFakeTimers();
	vi.spyOn(Math, 'random').mockReturnValue(0.5);
	const index = await import('../src/index.js');
	store = index.createNotifications({ sharing: 'none' });
	const waits: number[] = [];
	store.on('status', ({ status, retryAt, reason }) => {
		if (status === 'disconnected' && reason === 'network')
			waits.push(retryAt! - Date.now());
	});
	await until(() => waits.length === 3);
	expect(waits).toEqual([750, 1500, 3000]);
	expect(asked).toBe(3);
	// At once, not in three seconds and more.
	for (const again of [
		() => window.dispatchEvent(new Event('online')), store.connect,
		store.reconnect,
	]) {
		const { length } = waits;
		const now = Date.now();
		again();
		expect(store.connectionStatus).toBe('connecting');
		await until(() => waits.length === length + 1);
		expect(Date.now() - now).toBeLessThan(1000);
	}
	expect(asked).toBe(6);
	there = true;
	await vi.advanceTimersByTimeAsync(30000);
	await connected();
	expect(asked).toBe(7);
});

test('store: a change outlives its page', async () => {
	const kept: string[] = [];
	const { fetch } = globalThis;
	vi.stubGlobal('fetch', (url: string, init: RequestInit) => {
		if (init.keepalive)
			kept.push(init.method!);
		return fetch(url, init);
	});
	store.connect();
	await connected();
	expect(kept).toEqual([]);
	await store.markAsRead(3);
	await store.markAllAsRead();
	await store.remove(2);
	expect(kept).toEqual(['PATCH', 'POST', 'DELETE']);
	// A worker is not to be passed by.
	vi.stubGlobal('navigator', {
		serviceWorker: { controller: { postMessage() {} } },
	});
	await store.markAsUnread(3);
	expect(kept.length).toBe(3);
});

test('store: a service worker is told when there is a network', async () => {
	const postMessage = vi.fn();
	vi.stubGlobal('navigator', {
		serviceWorker: { controller: { postMessage } },
	});
	store.connect();
	await connected();
	expect(postMessage.mock.calls).toEqual([['belfry:replay']]);
	server.lose();
	await until(() => store.connectionStatus === 'disconnected');
	store.reconnect();
	await connected();
	expect(postMessage.mock.calls.length).toBe(2);
	server.greet(server.open[0]!); // as each slice does, where it polls
	expect(postMessage.mock.calls.length).toBe(2);
});

test('store: those that show the same share one', () => {
	const one = getNotifications({ url: '/x', types: ['a'] });
	expect(getNotifications({ url: '/x', types: ['a'] })).toBe(one);
	for (const other of [
		{ url: '/x' }, { url: '/x', types: ['b'] }, { url: '/y', types: ['a'] },
		{ url: '/x', types: ['a'], minPriority: 4 },
		{ url: '/x', types: ['a'], user: 'u' },
	])
		expect(getNotifications(other)).not.toBe(one);
});
