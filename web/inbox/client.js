// The inbox as a view sees it: the state, kept true by the stream and by
// requests, and the things a person can do. Here model, stream and requests
// meet; each of them knows nothing of the others.

import { Connection } from './connection.js';
import { initialState, reduce, unknownRead, view } from './model.js';
import { createRest } from './rest.js';

const PAGE_SIZE = 50;
const SETTLE_MS = 200;

export class InboxClient {
	#rest;
	#connection;
	#listener;
	#state = initialState();
	#viewed = null; // the state that #view was made of
	#view;
	#status = { status: 'connecting', retryAt: null, reason: null };
	#frames = [];
	#flushing = null;
	#settling = null;
	#reloading = false;
	#loadingMore = false;
	#asked = new Map(); // id -> event id of the text it was asked for
	#keys = 0;

	// listener(created): after every change; `created` are the notifications
	// that the stream has just brought.
	constructor({ base, listener }) {
		this.#rest = createRest(base);
		this.#listener = listener;
		this.#connection = new Connection({
			url: `${base}/stream`,
			snapshot: () => this.#loadFirst(),
			onFrame: (frame) => this.#takeFrame(frame),
			onStatus: (status) => {
				this.#status = status;
				this.#listener([]);
			},
		});
	}

	// view() of the model, and { status, retryAt, reason } of the connection.
	get snapshot() {
		if (this.#viewed !== this.#state) {
			this.#view = view(this.#state);
			this.#viewed = this.#state;
		}
		return { ...this.#view, ...this.#status };
	}

	start() {
		this.#connection.start();
	}

	stop() {
		this.#listener = () => {};
		this.#connection.stop();
		clearTimeout(this.#flushing);
		clearTimeout(this.#settling);
	}

	retryNow() {
		this.#connection.retryNow();
	}

	// What a person does shows at once; the promise rejects where it failed and
	// was taken back.

	setRead(id, read) {
		const kind = read ? 'read' : 'unread';
		return this.#change({ kind, id }, () => this.#rest.setRead(id, read));
	}

	// What comes in the meantime is not meant, so it says up to where.
	readAll() {
		const { list } = this.snapshot;
		if (list.length === 0)
			return Promise.resolve();
		const through = list[0].notification.id;
		return this.#change({ kind: 'all-read', through }, () =>
			this.#rest.readAll(through),
		);
	}

	// Gone already is as good.
	remove(id) {
		return this.#change({ kind: 'deleted', id }, () =>
			this.#rest.remove(id).catch((error) => {
				if (error.status !== 404)
					throw error;
			}),
		);
	}

	async loadMore() {
		const before = this.#state.next;
		if (this.#loadingMore || before === null)
			return;
		this.#loadingMore = true;
		try {
			await this.#ask('list', async () => ({
				page: await this.#rest.list({ limit: PAGE_SIZE, before }),
				before,
			}));
		} finally {
			this.#loadingMore = false;
		}
	}

	// The whole of one that came cut from the stream.
	loadWhole(id) {
		return this.#ask('one', async () => ({
			notification: await this.#rest.get(id),
		}));
	}

	// ---- requests

	async #loadFirst() {
		const { page } = await this.#ask('list', async () => ({
			page: await this.#rest.list({ limit: PAGE_SIZE }),
		}));
		return { cursor: page.lastEventId, epoch: page.epoch };
	}

	async #ask(type, request) {
		const key = ++this.#keys;

		this.#dispatch({ type: 'ask', key });
		try {
			const answer = await request();
			this.#dispatch({ type, key, ...answer });
			this.#settleSoon();
			return answer;
		} catch (error) {
			this.#dispatch({ type: 'unanswered', key });
			throw error;
		}
	}

	async #change(what, request) {
		const key = ++this.#keys;

		this.#dispatch({ type: 'begin', op: { ...what, key } });
		try {
			await request();
			this.#dispatch({ type: 'done', key });
		} catch (error) {
			this.#dispatch({ type: 'failed', key });
			throw error;
		}
	}

	// ---- the model

	// The stream was first: the frames that wait are older than what comes now.
	#dispatch(action) {
		this.#flush();
		this.#state = reduce(this.#state, action);
		this.#listener([]);
	}

	// A burst of frames is one step of the model.
	#takeFrame(frame) {
		this.#frames.push(frame);
		this.#flushing ??= setTimeout(() => this.#flush());
	}

	#flush() {
		clearTimeout(this.#flushing);
		this.#flushing = null;
		const frames = this.#frames.splice(0);
		if (frames.length === 0)
			return;
		const before = this.#state.notes;
		this.#state = reduce(this.#state, { type: 'frames', frames });
		const created = frames
			.filter(({ data }) => data.action === 'created')
			.map(({ data }) => data.notification)
			.filter(({ id }) => !before.has(id) && this.#state.notes.has(id));
		this.#listener(created);
		if (this.#state.needsReload)
			this.#reload();
		this.#settleSoon();
	}

	// The stream goes on meanwhile. Where the list can't be had, the stream is
	// given up too: its retrying brings both.
	async #reload() {
		if (this.#reloading || this.#status.status !== 'connected')
			return;
		this.#reloading = true;
		try {
			await this.#loadFirst();
		} catch {
			this.#connection.startOver();
		} finally {
			this.#reloading = false;
		}
		if (this.#state.needsReload)
			this.#reload(); // there was another reset in between
	}

	#settleSoon() {
		const { needsReload, unread } = this.#state;
		if (!needsReload && (!unread.sure || this.#unknown().length > 0))
			this.#settling ??= setTimeout(() => this.#settle(), SETTLE_MS);
	}

	// Asks for what the frames left open. What fails is tried again after the
	// next frame, and a new connection brings a count by itself.
	#settle() {
		this.#settling = null;
		for (const id of this.#unknown()) {
			this.#asked.set(id, this.#textAt(id));
			this.loadWhole(id).catch(({ status }) => {
				if (status !== 404)
					this.#asked.delete(id);
			});
		}
		if (!this.#state.unread.sure)
			this.#ask('count', async () => ({
				answer: await this.#rest.unreadCount(),
			})).catch(() => {});
	}

	#unknown() {
		return unknownRead(this.#state).filter(
			(id) => this.#asked.get(id) !== this.#textAt(id),
		);
	}

	#textAt(id) {
		return this.#state.notes.get(id).textAt;
	}
}
