// The inbox as one pure reducer: reduce(state, action) gives the next state and
// changes nothing else. What is shown of a state is in state.ts; this is loaded
// with what speaks to the server, as nothing happens before.
//
// News comes by several ways that may overtake each other: frames of the
// stream, answers to lists, answers to one's own requests. What decides is the
// journal's event id: every notification remembers of which event its text
// (`textAt`) and its read state (`readFrom`) are, and an older word never
// replaces a newer one. "0" is older than everything.
//
// One's own changes are an overlay over what the server has said: pending.ts.

import { later, newer } from './eventid.js';
import { isEcho, isSettled } from './pending.js';
import type { Asked, Key, Note, Pending, State, Wish } from './state.js';
import type {
	Change, Connected, Count, Frame, Page, WireNotification,
} from './types.js';

export type Action =
	| { type: 'frames'; frames: Frame[] }
	/** A GET is sent; its answer bears the key. */
	| { type: 'ask'; key: Key }
	/** `before`: of a further page, its cursor. */
	| { type: 'list'; key: Key; page: Page; before?: string | undefined }
	| { type: 'one'; key: Key; notification: WireNotification }
	| { type: 'count'; key: Key; answer: Count }
	| { type: 'unanswered'; key: Key }
	| { type: 'begin'; op: Wish & { key: Key } }
	| { type: 'done'; key: Key }
	| { type: 'failed'; key: Key };

export function reduce(state: State, action: Action): State {
	const draft: State = {
		...state,
		notes: new Map(state.notes),
		heard: new Map(state.heard),
		asking: new Map(state.asking),
		turn: state.turn + 1,
	};
	apply(draft, action);
	keep(draft, (op) => !isSettled(draft, op));
	// While an answer is awaited, what it will be held against stays.
	if (draft.asking.size === 0) {
		draft.heard.clear();
		trim(draft);
	}
	return draft;
}

// A stream has no end: the oldest go, as if their page had not been asked for.
// Many at a time, as who asks for that page wants the cursor to stand still.
function trim(draft: State) {
	const { notes, paged, keep } = draft;

	if (notes.size < paged + 2 * keep)
		return;
	const ids = [...notes.keys()].sort((a, b) => b - a);
	for (const id of ids.splice(paged + keep))
		notes.delete(id);
	const lowest = ids.at(-1)!;
	if (lowest > draft.floor) {
		draft.floor = lowest;
		draft.next = String(lowest);
	}
}

function keep(draft: State, which: (op: Pending) => boolean) {
	draft.pending = draft.pending.filter(which);
}

function apply(draft: State, action: Action) {
	if (action.type === 'frames')
		return action.frames.forEach((frame) => takeFrame(draft, frame));
	if (action.type === 'begin')
		return void (draft.pending = [
			...draft.pending,
			{ ...action.op, since: draft.newest, confirmed: null },
		]);
	const { key } = action;
	if (action.type === 'ask')
		return draft.asking.set(key, { head: draft.head, turn: draft.turn });
	if (action.type === 'done')
		return void (draft.pending = draft.pending.map((op) =>
			op.key === key ? { ...op, confirmed: draft.turn } : op,
		));
	if (action.type === 'failed')
		return keep(draft, (op) => op.key !== key);
	// What was asked before a reset is not in `asking` any more: it may tell of
	// a history that no longer holds.
	const asked = draft.asking.get(key);
	draft.asking.delete(key);
	if (asked)
		takeAnswer(draft, action, asked);
}

// ---- frames of the stream

function takeFrame(draft: State, { event, id, data }: Frame) {
	if (event === 'connected')
		return takeConnected(draft, data);
	if (event === 'reset')
		return takeReset(draft, id);
	if (event === 'close' || !newer(id, draft.head))
		return;
	draft.head = id;
	draft.newest = later(id, draft.newest);
	if (event === 'notification')
		takeChange(draft, id, data);
}

// The count is that of the journal's head, which the frames to come lead up to.
function takeConnected(draft: State, data: Connected) {
	if (data.resumed && data.unreadCount !== undefined)
		setUnread(draft, data.unreadCount, data.latest);
}

// Nothing known can be trusted, but it stays on the screen until the new list
// is there: with all guards at "0", any word on it wins.
function takeReset(draft: State, id: string) {
	for (const [key, note] of draft.notes)
		draft.notes.set(key, { ...note, textAt: '0', readFrom: '0' });
	draft.needsReload = true;
	draft.listed = '0';
	draft.head = draft.newest = id;
	draft.heard.clear();
	draft.asking.clear();
	draft.allRead = { through: 0, at: '0' };
	draft.unread = { ...draft.unread, at: '0', sure: false };
}

function takeChange(draft: State, at: string, data: Change) {
	let id: number | undefined;

	if (data.action === 'created' || data.action === 'updated') {
		id = data.notification.id;
		putStreamed(draft, data.notification, data.action === 'created', at);
	} else if (data.action === 'all-read') {
		readThrough(draft, data.through, at);
	} else if (data.action === 'deleted') {
		id = data.notificationId;
		remove(draft, id, at);
	} else if (data.action === 'read' || data.action === 'unread') {
		id = data.notificationId;
		setRead(draft, id, data.action === 'read', at);
	} else {
		return; // an action of a later version
	}
	if (data.unreadCount !== undefined)
		setUnread(draft, data.unreadCount, at);
	keep(draft, (op) => !isEcho(op, id, data));
}

// A broadcast comes without `readAt`. One that is known keeps its read state, a
// created one is unread (or under the watermark), and an updated one that is
// not known has a state only the server knows: readFrom "0" asks for it. One of
// a page that is not loaded comes with that page.
function putStreamed(
	draft: State, notification: WireNotification, created: boolean, at: string,
) {
	const { id, readAt } = notification;
	const known = draft.notes.get(id);

	if (known && !newer(at, known.textAt))
		return;
	if (!known && !created && id < draft.floor && !draft.asking.size)
		return countBy(draft, null, at);
	let { read, readFrom } = known ?? {
		read: id <= draft.allRead.through,
		readFrom: created ? at : '0',
	};
	if (readAt !== undefined && !newer(readFrom, at)) {
		read = readAt !== null;
		readFrom = at;
	}
	draft.notes.set(id, { notification, textAt: at, read, readFrom });
	countBy(
		draft,
		known || created ? +!read - +(known ? !known.read : 0) : null,
		at,
	);
}

// Where it is so already, a frame that told the state of now was ahead of the
// journal: whether the count has it is not known.
function setRead(draft: State, id: number, read: boolean, at: string) {
	const known = draft.notes.get(id);

	if (!known)
		draft.heard.set(id, { at, read });
	else if (!newer(at, known.readFrom))
		return;
	else
		draft.notes.set(id, { ...known, read, readFrom: at });
	const sure = known && known.readFrom !== '0' && known.read !== read;
	countBy(draft, sure ? (read ? -1 : 1) : null, at);
}

// The server leaves out what has expired from its counts before it deletes it.
function remove(draft: State, id: number, at: string) {
	const known = draft.notes.get(id);

	if (known && !newer(at, known.textAt))
		return;
	draft.heard.set(id, { at, gone: true });
	draft.notes.delete(id);
	const sure =
		known && known.readFrom !== '0' && !known.notification.expiresAt;
	countBy(draft, sure ? -+!known.read : null, at);
}

function readThrough(draft: State, through: number, at: string) {
	let above = 0;

	draft.allRead = { through: Math.max(through, draft.allRead.through), at };
	for (const [id, note] of draft.notes) {
		if (id <= through && newer(at, note.readFrom))
			draft.notes.set(id, { ...note, read: true, readFrom: at });
		else if (!note.read)
			above++;
	}
	if (newer(at, draft.unread.at))
		draft.unread = { count: above, at, sure: draft.floor <= through + 1 };
}

// ---- the number of unread ones, as of the event `at`

function setUnread(draft: State, count: number, at: string) {
	if (!newer(draft.unread.at, at))
		draft.unread = { count, at, sure: true };
}

// `change` null: this event may have changed the count, nobody here knows how.
function countBy(draft: State, change: number | null, at: string) {
	const { count, at: was, sure } = draft.unread;

	if (newer(at, was))
		draft.unread = {
			count: Math.max(0, count + (change ?? 0)),
			at,
			sure: sure && change !== null,
		};
}

// ---- answers to GET

function takeCount(draft: State, { unreadCount, lastEventId }: Count) {
	setUnread(draft, unreadCount, lastEventId);
}

function takeAnswer(
	draft: State, action: Action & { key: Key }, asked: Asked,
) {
	if (action.type === 'one') {
		if (draft.notes.has(action.notification.id))
			putListed(draft, action.notification, asked.head);
	} else if (action.type === 'count') {
		takeCount(draft, action.answer);
	} else if (action.type === 'list') {
		const { page, before } = action;
		// A further page must continue what is loaded now, and of two first
		// ones under way the later one counts.
		if (before ? before === draft.next
			   : !newer(draft.listed, page.lastEventId))
			takeList(draft, page, !!before, asked);
	}
}

function takeList(draft: State, page: Page, older: boolean, asked: Asked) {
	const at = page.lastEventId;
	const listed = new Set(page.notifications.map((n) => n.id));
	const top = older ? draft.floor : Infinity;
	const bottom = page.next === null ? 0 : Math.min(top, ...listed);
	// The first page says anew what is there; a further one its own range.
	const from = older ? bottom : 0;

	for (const [id, note] of draft.notes)
		if (id >= from && id < top && !listed.has(id) &&
		    !newer(note.textAt, at))
			draft.notes.delete(id);
	for (const notification of page.notifications)
		putListed(draft, notification, at);
	draft.next = page.next;
	draft.paged = (older ? draft.paged : 0) + page.notifications.length;
	draft.floor = bottom;
	draft.newest = later(at, draft.newest);
	takeCount(draft, page);
	keep(draft, (op) => op.confirmed === null || op.confirmed > asked.turn);
	if (older)
		return;
	draft.listed = at;
	draft.loaded = true;
	draft.needsReload = false;
}

// For text and read state each the latest word there is: the list's, what was
// known, what was heard meanwhile.
function putListed(draft: State, notification: WireNotification, at: string) {
	const { id, readAt } = notification;
	const known = draft.notes.get(id);
	const heard = draft.heard.get(id);
	const note: Note = { notification, textAt: at, read: !!readAt, readFrom: at };
	const hear = (read: boolean, readFrom: string) => {
		if (newer(readFrom, note.readFrom))
			Object.assign(note, { read, readFrom });
	};

	if (heard?.gone && newer(heard.at, later(at, known?.textAt ?? '0')))
		return;
	if (known) {
		if (newer(known.textAt, at)) {
			note.notification = known.notification;
			note.textAt = known.textAt;
		}
		hear(known.read, known.readFrom);
	}
	if (heard && !heard.gone)
		hear(heard.read!, heard.at);
	if (id <= draft.allRead.through)
		hear(true, draft.allRead.at);
	draft.notes.set(id, note);
}
