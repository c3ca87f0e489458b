// A server of one person's notifications, made of fetch and EventSource as the
// kit uses them: what it answers and says is what docs/protocol.md promises.

import type { Change, FrameData, WireNotification } from '../../src/types.js';

const BASE = '/api/notifications';

export class Source extends EventTarget {
	closed = false;
	url: URL;

	constructor(url: string) {
		super();
		this.url = new URL(url);
		server.sources.push(this);
		setTimeout(() => server.greet(this));
	}

	say(event: string, data: unknown, id: string) {
		if (this.closed)
			return;
		const said = Object.assign(new Event(event), {
			data: JSON.stringify(data), lastEventId: id,
		});
		this.dispatchEvent(said);
	}

	close() {
		this.closed = true;
	}
}

let server: Server;

export class Server {
	notes: (WireNotification & { readAt: string | null })[] = [];
	head = 100;
	sources: Source[] = [];
	requests: string[] = [];
	/** Answers in place of its own, by "METHOD /path"; null: none at all. */
	answers = new Map<string, number | null>();
	/** Requests wait for this before they are answered. */
	gate: Promise<void> = Promise.resolve();
	resumed = true;
	down = false;
	#tickets = 0;

	constructor(count = 0) {
		server = this;
		for (let i = 1; i <= count; i++)
			this.notes.unshift(note(i));
		Object.assign(globalThis, {
			EventSource: Source,
			fetch: (url: string, init: RequestInit) => this.#fetch(url, init),
			addEventListener: globalThis.addEventListener ?? (() => {}),
			removeEventListener: globalThis.removeEventListener ?? (() => {}),
		});
		globalThis.document ??= Object.assign(new EventTarget(), {
			baseURI: 'http://host/', visibilityState: 'visible',
		}) as unknown as Document;
	}

	get unreadCount() {
		return this.notes.filter((n) => n.readAt === null).length;
	}

	get open() {
		return this.sources.filter((source) => !source.closed);
	}

	greet(source: Source) {
		if (this.down)
			return source.dispatchEvent(new Event('error'));
		const from = source.url.searchParams.get('lastEventId')!;
		source.say(
			'connected',
			{
				message: 'Connected', timestamp: Date.now(),
				resumed: this.resumed, from, latest: String(this.head),
				epoch: 'e1', heartbeatMs: 30000,
				unreadCount: this.unreadCount,
			} satisfies FrameData['connected'],
			this.resumed ? from : '',
		);
		if (!this.resumed)
			source.say(
				'reset',
				{ reason: 'expired', latest: String(this.head) },
				String(this.head),
			);
		return true;
	}

	say(data: Change) {
		this.head++;
		for (const source of this.open)
			source.say('notification', data, String(this.head));
	}

	create(more: Partial<WireNotification> = {}) {
		const id = (this.notes[0]?.id ?? 0) + 1;
		const one = note(id, more);
		this.notes.unshift(one);
		this.say({
			action: 'created', notification: one,
			unreadCount: this.unreadCount,
		});
		return one;
	}

	lose() {
		for (const source of this.open)
			source.dispatchEvent(new Event('error'));
	}

	async #fetch(url: string, { method = 'GET', body }: RequestInit) {
		const { pathname, searchParams } = new URL(url, 'http://host/');
		const path = pathname.slice(BASE.length);
		const name = `${method} ${path}${path ? '' : searchParams}`;
		this.requests.push(name);
		const forced = this.answers.get(`${method} ${path}`);
		if (forced === null || this.down)
			throw new TypeError('network');
		if (forced)
			return Response.json({ detail: `no: ${forced}` }, { status: forced });
		const answer = this.#answer(
			method, path, searchParams, body ? JSON.parse(body as string) : {},
		);
		// What is answered is of now; that it arrives may take a while.
		const text = answer === undefined ? null : JSON.stringify(answer);
		await this.gate;
		return answer === null
			? Response.json({ title: 'Not Found' }, { status: 404 })
			: new Response(text, { status: text === null ? 204 : 200 });
	}

	#answer(
		method: string, path: string, query: URLSearchParams,
		body: { read?: boolean; through?: number },
	): unknown {
		const count = {
			unreadCount: this.unreadCount, lastEventId: String(this.head),
		};
		if (method === 'HEAD')
			return undefined;
		if (path === '') {
			const before = Number(query.get('before') ?? Infinity);
			const limit = Number(query.get('limit'));
			const older = this.notes.filter(({ id }) => id < before);
			const page = older.slice(0, limit);
			return {
				...count,
				notifications: page,
				next: older.length > limit ? String(page.at(-1)!.id) : null,
				epoch: 'e1',
			};
		}
		if (path === '/unread-count')
			return count;
		if (path === '/ticket')
			return { ticket: `ticket ${++this.#tickets}` };
		if (path === '/read-all') {
			const through = Number(body.through);
			for (const one of this.notes)
				if (one.id <= through)
					one.readAt = NOW;
			this.say({ action: 'all-read', through });
			return { unreadCount: this.unreadCount };
		}
		const one = this.notes.find(({ id }) => `/${id}` === path);
		if (!one)
			return null;
		if (method === 'DELETE') {
			this.notes = this.notes.filter((n) => n !== one);
			this.say({ action: 'deleted', notificationId: one.id });
			return undefined;
		}
		if (method === 'PATCH') {
			one.readAt = body.read ? NOW : null;
			this.say({
				action: body.read ? 'read' : 'unread', notificationId: one.id,
			});
		}
		return { ...one };
	}
}

const NOW = '2026-01-01T00:00:00.000Z';

export function note(id: number, more: Partial<WireNotification> = {}) {
	return {
		id, type: 'info', title: `title ${id}`, body: null, data: null,
		link: null, priority: 3, broadcast: false, createdAt: NOW,
		updatedAt: NOW, readAt: null, expiresAt: null, ...more,
	} as WireNotification & { readAt: string | null };
}
