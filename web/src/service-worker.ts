// For an application's service worker: the last list is there offline, and what
// a person reads or deletes offline is done when there is a network again.
//
//   import { serveNotifications } from 'belfry-client/service-worker';
//   serveNotifications();
//
// The stream is left alone: a browser may end what a service worker answers after
// half a minute. So is what bears an Authorization: whose it is can't be told
// apart later, and a secret is not to be kept. Everything is in one cache, which
// FORGET deletes.

import { FORGET, PATIENCE_MS, REPLAY } from './messages.js';
import type { Page } from './types.js';

const SYNC = 'belfry';
const ALL = '/read-all';
const QUEUE = '/belfry-queue';
const LIST = '/belfry-list';

interface Queued {
	method: string;
	url: string;
	body: string;
}

interface Extendable extends Event {
	waitUntil(promise: Promise<unknown>): void;
}

interface Fetching extends Extendable {
	request: Request;
	respondWith(response: Promise<Response>): void;
}

interface Clicked extends Extendable {
	notification: globalThis.Notification;
}

interface Client {
	focus(): Promise<unknown>;
}

interface Scope {
	location: Location;
	registration: { sync?: { register(tag: string): Promise<void> } };
	clients: {
		matchAll(options: object): Promise<Client[]>;
		openWindow(url: string): Promise<unknown>;
	};
	addEventListener(type: string, listener: (event: never) => void): void;
}

export interface ServeOptions {
	/** Where the server's interface is. */
	url?: string;
	/** The name of the cache. */
	cache?: string;
}

export function serveNotifications({
	url: base = '/api/notifications', cache: name = 'belfry',
}: ServeOptions = {}) {
	const scope = globalThis as unknown as Scope;
	let turn: Promise<unknown> = Promise.resolve();

	// One at a time: the queue is read, changed and written.
	function inTurn<T>(act: (cache: Cache) => Promise<T>): Promise<T> {
		const next = turn.then(async () => act(await caches.open(name)));
		turn = next.catch(() => {});
		return next;
	}

	async function queueOf(cache: Cache): Promise<Queued[]> {
		return (await cache.match(QUEUE))?.json() ?? [];
	}

	const keep = (cache: Cache, queue: Queued[]) =>
		cache.put(QUEUE, Response.json(queue));

	// In order, until the network or the server fails: true, there is more for
	// later. What the server refuses would be refused again: it is dropped. But
	// where the session has ended it waits for the next one, unless it would do
	// something to the inbox of whoever that is.
	const replay = () =>
		inTurn(async (cache) => {
			const queue = await queueOf(cache);
			for (let one = queue[0]; one; one = queue[0]) {
				const { method, url, body } = one;
				const headers = { 'Content-Type': 'application/json' };
				const answer = await fetch(url, {
					method, headers, body: body || null,
				}).catch(() => null);
				if (!answer || answer.status >= 500 || answer.status === 429)
					return true;
				if (answer.status === 401) {
					await keep(cache, queue.filter(({ url }) => !url.endsWith(ALL)));
					return false;
				}
				queue.shift();
				await keep(cache, queue);
			}
			return false;
		});

	// The browser tries again what is rejected.
	async function replayAll() {
		if (await replay())
			throw new Error('Something waits still.');
	}

	async function getList(request: Request) {
		const { search, searchParams } = new URL(request.url);
		const first = !searchParams.has('before');
		const key = LIST + search; // one of some types is another list

		await replay();
		try {
			const response = await fetch(request);
			if (first && response.ok) {
				const copy = response.clone();
				await inTurn((cache) => cache.put(key, copy));
			}
			return response;
		} catch (error) {
			const known = first &&
				(await inTurn((cache) => lastList(cache, key)));
			if (!known)
				throw error;
			return known;
		}
	}

	// With what was done since.
	async function lastList(cache: Cache, key: string) {
		const page: Page | undefined = await (await cache.match(key))?.json();

		if (!page)
			return null;
		for (const one of await queueOf(cache))
			applyTo(page, one);
		return Response.json(page);
	}

	async function change(event: Fetching, body: string) {
		const { method, url, signal } = event.request;
		const came = Date.now();

		// It must not overtake what waits.
		const answer = !(await replay()) &&
			(await fetch(event.request).catch(() => null));
		if (answer)
			return answer;
		// The page has taken it back. (Neither Chromium nor Firefox tell of its
		// abort here; the kit's own is known by the clock.)
		if (signal.aborted || Date.now() - came >= PATIENCE_MS)
			return Response.error();
		await inTurn(async (cache) =>
			keep(cache, [...(await queueOf(cache)), { method, url, body }]));
		await scope.registration.sync?.register(SYNC).catch(() => {});
		return new Response(null, { status: 202 });
	}

	async function changeOrPass(event: Fetching) {
		const body = await event.request.clone().text();

		return isReading(event.request, body)
			? change(event, body)
			: fetch(event.request);
	}

	scope.addEventListener('fetch', (event: Fetching) => {
		const { method, url, headers } = event.request;
		const { origin, pathname, search } = new URL(url);
		const path = pathname.slice(base.length);

		if (origin !== scope.location.origin || !pathname.startsWith(base) ||
		    headers.has('Authorization'))
			return;
		if (method === 'GET' && path === '')
			event.respondWith(getList(event.request));
		else if (!search && /^(PATCH|DELETE|POST) \/(\d+|read-all)$/.test(
			`${method} ${path}`))
			event.respondWith(changeOrPass(event));
	});
	scope.addEventListener('sync', (event: Extendable & { tag: string }) => {
		if (event.tag === SYNC)
			event.waitUntil(replayAll());
	});
	scope.addEventListener('message', (event: Extendable & MessageEvent) => {
		if (event.data === FORGET)
			event.waitUntil(inTurn(() => caches.delete(name)));
		if (event.data === REPLAY)
			event.waitUntil(replay());
	});
	scope.addEventListener('notificationclick', (event: Clicked) => {
		const { data } = event.notification;

		if (!data?.belfry)
			return;
		event.notification.close();
		event.waitUntil(goTo(data.belfry.link));
	});

	async function goTo(link: string | null) {
		const [open] = await scope.clients.matchAll({ type: 'window' });

		if (link)
			await scope.clients.openWindow(link);
		else
			await open?.focus();
	}
}

// Only what a person does to their own inbox waits; not what an application
// publishes.
function isReading({ method }: Request, body: string) {
	if (method !== 'PATCH')
		return true;
	try {
		return Object.keys(JSON.parse(body)).join() === 'read';
	} catch {
		return false;
	}
}

function applyTo(page: Page, { method, url, body }: Queued) {
	const last = new URL(url).pathname.split('/').at(-1);
	const asked = body ? JSON.parse(body) : {};
	const now = new Date().toISOString();

	for (const one of page.notifications) {
		const hit = last === 'read-all'
			? one.id <= (asked.through ?? Infinity)
			: String(one.id) === last;
		if (!hit)
			continue;
		const was = one.readAt === null;
		one.readAt = method === 'PATCH' && !asked.read ? null : now;
		page.unreadCount += +(one.readAt === null) - +was;
	}
	if (method === 'DELETE')
		page.notifications = page.notifications.filter(
			({ id }) => String(id) !== last,
		);
}
