// The notifications of one person as an application sees them: the state, kept
// true by the stream and by requests, and the things a person can do. Here
// model, link and requests meet; each of them knows nothing of the others.

import type { Events, Notifications, Options, Snapshot } from './api.js';
import { backoffMs } from './backoff.js';
import type { Link } from './link.js';
import type { Action } from './model.js';
import type { HttpError, Request } from './rest.js';
import {
	initialState, unknownRead, view, type Note, type Wish,
} from './state.js';
import type {
	ConnectionStatus, Count, Frame, Page, Start, StatusInfo, WireNotification,
} from './types.js';

export type { HttpError } from './rest.js';
export type * from './api.js';
export type * from './types.js';

const SETTLE_MS = 200;
const LINGER_MS = 1000;

type Told = keyof Events | 'change';

export function createNotifications(options: Options = {}): Notifications {
	const handlers: { [E in Told]?: Set<(data: never) => void> } = {};
	const asked = new WeakSet<Note>(); // of those with an unknown read state
	let engine: typeof import('./engine.js') | undefined;
	let state = initialState();
	let status: StatusInfo = {
		status: 'connecting', retryAt: null, reason: null,
	};
	let shown: Snapshot | null = null;
	let link: Link | null = null;
	let run = 0; // what an earlier run says is void
	let users = 0;
	let letGo: (() => void) | null = null; // connect() counts as one of them
	let off = false;
	let keys = 0;
	let frames: Frame[] = [];
	let flushing: ReturnType<typeof setTimeout> | undefined;
	let settling: typeof flushing;
	let lingering: typeof flushing;
	let retrying: typeof flushing; // the code itself could not be loaded
	let failures = 0;
	let reloading = false;
	let loadingMore: Promise<void> | null = null;

	function getSnapshot(): Snapshot {
		if (shown)
			return shown;
		const { list: notifications, unreadCount } = view(state, options);
		const { status: connectionStatus, retryAt, reason } = status;
		const isConnected = connectionStatus === 'connected';
		return (shown = {
			notifications,
			unreadCount,
			hasUnread: unreadCount > 0,
			isLoading: !state.loaded && connectionStatus !== 'error',
			hasMore: !!state.next,
			connectionStatus,
			isConnected,
			isStale: state.loaded && (!isConnected || state.needsReload),
			retryAt,
			reason,
		});
	}

	// One that throws keeps nothing from the others, nor from the connection;
	// window.onerror hears of it.
	function emit(type: Told, data?: unknown) {
		for (const handler of [...(handlers[type] ?? [])])
			try {
				handler(data as never);
			} catch (error) {
				queueMicrotask(() => {
					throw error;
				});
			}
	}

	function changed() {
		shown = null;
		emit('change');
	}

	// ---- connecting

	function setStatus(next: StatusInfo) {
		if (JSON.stringify(next) === JSON.stringify(status))
			return;
		status = next;
		if (next.reason === 'signed out')
			stop(initialState());
		emit('status', next);
		changed();
	}

	// What speaks to the server is loaded when there is something to say.
	const load = async () => (engine ??= await import('./engine.js'));
	const request: Request = async (...what) =>
		(await load()).createRequest(options)(...what);

	function say(name: ConnectionStatus, reason: string | null = null) {
		setStatus({ status: name, retryAt: null, reason });
	}

	async function start() {
		const mine = ++run;
		clearTimeout(retrying);
		retrying = undefined;
		say('connecting');
		try {
			const made = await (await load()).createLink({
				...options,
				snapshot: refresh,
				onFrame: takeFrame,
				onStatus: setStatus,
			});
			if (mine !== run)
				return made.stop();
			link = made;
			made.start();
		} catch {
			// The code itself can't be loaded.
			if (mine !== run)
				return;
			const wait = backoffMs(failures++);
			retrying = setTimeout(retry, wait);
			globalThis.addEventListener?.('online', retry, { once: true });
			setStatus({
				status: 'disconnected', retryAt: Date.now() + wait,
				reason: 'network',
			});
		}
	}

	function retry() {
		if (retrying)
			void start();
	}

	function stop(left = state) {
		run++;
		link?.stop();
		link = null;
		[flushing, settling, lingering, retrying].forEach(clearTimeout);
		flushing = settling = retrying = undefined;
		frames = [];
		state = left;
	}

	// ---- requests

	async function ask<A extends 'list' | 'one' | 'count'>(
		type: A,
		send: () => Promise<Omit<Action & { type: A }, 'type' | 'key'>>,
	) {
		const key = ++keys;

		if (!engine)
			await load();
		dispatch({ type: 'ask', key });
		try {
			const answer = await send();
			dispatch({ type, key, ...answer } as unknown as Action);
			if (link)
				settleSoon();
			return answer;
		} catch (error) {
			dispatch({ type: 'unanswered', key });
			throw error;
		}
	}

	async function change(
		wish: Wish, method: string, path: string | number, body?: unknown,
	) {
		const key = ++keys;

		if (!engine)
			await load();
		dispatch({ type: 'begin', op: { ...wish, key } });
		try {
			await request(method, `/${path}`, body);
		} catch (error) {
			// Gone already is as good.
			if (wish.kind !== 'deleted' || (error as HttpError).status !== 404) {
				dispatch({ type: 'failed', key });
				throw error;
			}
		}
		dispatch({ type: 'done', key });
	}

	const getList = (before?: string) =>
		ask('list', async () => ({
			before,
			page: await request<Page>('GET', { before }),
		}));

	async function refresh(): Promise<Start> {
		const { page } = await getList();
		return { cursor: page.lastEventId, epoch: page.epoch };
	}

	async function loadWhole(id: number) {
		await ask('one', async () => ({
			notification: await request<WireNotification>('GET', `/${id}`),
		}));
	}

	// ---- the model

	// What happens, happens when the engine is there.

	// The stream was first: the frames that wait are older than what comes now.
	function dispatch(action: Action) {
		flush();
		state = engine!.reduce(state, action);
		changed();
	}

	// A burst of frames is one step of the model.
	function takeFrame(frame: Frame) {
		emit('frame', frame);
		emit(frame.event, frame.data);
		frames.push(frame);
		flushing ??= setTimeout(flush);
	}

	function flush() {
		clearTimeout(flushing);
		flushing = undefined;
		if (!frames[0])
			return;
		const before = state.notes;
		const taken = frames;
		frames = [];
		state = engine!.reduce(state, { type: 'frames', frames: taken });
		changed();
		if (handlers.created) {
			const fresh = new Set(
				taken.map(({ data }) =>
					'notification' in data && data.action === 'created' &&
						data.notification.id,
				),
			);
			getSnapshot().notifications
				.filter(({ id }) => fresh.has(id) && !before.has(id))
				.reverse() // the oldest first
				.forEach((item) => emit('created', item));
		}
		void reload();
		settleSoon();
	}

	// The stream goes on meanwhile. Where the list can't be had, the stream is
	// given up too: its retrying brings both.
	async function reload() {
		if (!state.needsReload || reloading || status.status !== 'connected')
			return;
		reloading = true;
		await refresh().catch(() => link?.startOver());
		reloading = false;
		void reload(); // there may have been another reset in between
	}

	const unknown = () =>
		unknownRead(state).filter((note) => !asked.has(note));

	function settleSoon() {
		if (!state.needsReload && (!state.unread.sure || unknown()[0]))
			settling ??= setTimeout(settle, SETTLE_MS);
	}

	// Asks for what the frames left open. What fails is tried again after the
	// next frame, and a new connection brings a count by itself.
	function settle() {
		settling = undefined;
		for (const note of unknown()) {
			asked.add(note);
			loadWhole(note.notification.id).catch(() => asked.delete(note));
		}
		if (!state.unread.sure)
			ask('count', async () => ({
				answer: await request<Count>('GET', '/unread-count'),
			})).catch(() => {});
	}

	function on(type: Told, listener: (data: never) => void) {
		// Of its own, so that the same function may come twice.
		const mine = (data: never) => listener(data);
		const all = (handlers[type] ??= new Set());

		clearTimeout(lingering);
		all.add(mine);
		if (users++ === 0 && !off && !link)
			void start();
		return () => {
			if (all.delete(mine) && --users === 0)
				lingering = setTimeout(stop, LINGER_MS);
		};
	}

	function connect() {
		const was = off;
		off = false;
		letGo ??= on('change', () => {});
		if ((was || retrying) && !link)
			void start();
	}

	function disconnect() {
		off = true;
		letGo?.();
		letGo = null;
		stop();
		say('disconnected', 'closed');
	}

	const store = {
		getSnapshot,
		subscribe: (listener: () => void) => on('change', listener),
		on,
		connect,
		disconnect,
		reconnect() {
			if (link) {
				link.retryNow();
			} else {
				off = true; // whatever it was
				connect();
			}
		},
		signOut() {
			link?.signOut();
			disconnect();
			state = initialState();
			changed();
		},
		markAsRead: (id: number) =>
			change({ kind: 'read', id }, 'PATCH', id, { read: true }),
		markAsUnread: (id: number) =>
			change({ kind: 'unread', id }, 'PATCH', id, { read: false }),
		async markAllAsRead() {
			const through = getSnapshot().notifications[0]?.id;
			if (through)
				await change(
					{ kind: 'all-read', through },
					'POST', 'read-all', { through },
				);
		},
		remove: (id: number) => change({ kind: 'deleted', id }, 'DELETE', id),
		loadMore: () =>
			(loadingMore ??= (async () => {
				if (state.next)
					await getList(state.next);
			})().finally(() => (loadingMore = null))),
		refresh,
		loadWhole,
	};

	for (const name in getSnapshot())
		Object.defineProperty(store, name, {
			get: () => getSnapshot()[name as keyof Snapshot],
			enumerable: true,
		});
	return store as unknown as Notifications;
}
