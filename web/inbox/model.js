// The inbox as one pure reducer: reduce(state, action) gives the next state and
// changes nothing else. Whatever is shown is derived by view(state).
//
// News comes by several ways that may overtake each other: frames of the
// stream, answers to lists, answers to one's own requests. What decides is the
// journal's event id: every notification remembers of which event its text
// (`textAt`) and its read state (`readFrom`) are, and an older word never
// replaces a newer one. Event ids are decimal strings of up to 19 digits, so
// they are compared as such; "0" is older than everything.
//
// One's own changes are an overlay over what the server has said: pending.js.

import { later, newer } from './eventid.js';
import { isEcho, isSettled, overlay } from './pending.js';

export function initialState() {
	return {
		loaded: false, // a first page has arrived
		needsReload: false, // a reset has come: ask for the first page
		epoch: null,
		head: '0', // newest event of the stream
		newest: '0', // newest event id seen anywhere
		listed: '0', // of which the first page is
		notes: new Map(), // id -> { notification, textAt, read, readFrom }
		// What the stream said of unknown ones while an answer is awaited that
		// may be older: id -> { at, gone } or { at, read }.
		heard: new Map(),
		allRead: { through: 0, at: '0' },
		unread: { count: 0, at: '0', sure: true },
		next: null, // where the next older page starts
		floor: Infinity, // all ids from here up are loaded
		asking: new Map(), // key -> { head, turn } of a request under way
		pending: [],
		turn: 0,
	};
}

// Actions:
//   { type: "frames", frames: [{ event, id, data }] }    from the stream
//   { type: "ask", key }            a GET is sent; its answer bears the key:
//   { type: "list", key, page, before }  before: of a further page, its cursor
//   { type: "one", key, notification }
//   { type: "count", key, answer }
//   { type: "unanswered", key }
//   { type: "begin", op: { key, kind, id | through } }   kind: "read",
//                                       "unread", "deleted", "all-read"
//   { type: "done", key } { type: "failed", key }
export function reduce(state, action) {
	const draft = {
		...state,
		notes: new Map(state.notes),
		heard: new Map(state.heard),
		asking: new Map(state.asking),
		turn: state.turn + 1,
	};
	handlers[action.type](draft, action);
	draft.pending = draft.pending.filter((op) => !isSettled(draft, op));
	if (draft.asking.size === 0)
		draft.heard.clear();
	return draft;
}

const handlers = {
	frames(draft, { frames }) {
		for (const frame of frames)
			takeFrame(draft, frame);
	},
	ask(draft, { key }) {
		draft.asking.set(key, { head: draft.head, turn: draft.turn });
	},
	unanswered(draft, { key }) {
		draft.asking.delete(key);
	},
	list(draft, { key, page, before }) {
		const asked = answered(draft, key);
		const older = before !== undefined;
		// A further page must continue what is loaded now, and of two first
		// ones under way the later one counts.
		if (asked && (older ? before === draft.next
				    : !newer(draft.listed, page.lastEventId)))
			takeList(draft, page, older, asked);
	},
	one(draft, { key, notification }) {
		const asked = answered(draft, key);
		if (asked && draft.notes.has(notification.id))
			putListed(draft, notification, asked.head);
	},
	count(draft, { key, answer }) {
		if (answered(draft, key))
			setUnread(draft, answer.unreadCount, answer.lastEventId);
	},
	begin(draft, { op }) {
		draft.pending = [
			...draft.pending,
			{ ...op, since: draft.newest, confirmed: null },
		];
	},
	done(draft, { key }) {
		draft.pending = draft.pending.map((op) =>
			op.key === key ? { ...op, confirmed: draft.turn } : op,
		);
	},
	failed(draft, { key }) {
		draft.pending = draft.pending.filter((op) => op.key !== key);
	},
};

// What was asked before a reset is not in `asking` any more: it may tell of a
// history that no longer holds.
function answered(draft, key) {
	const asked = draft.asking.get(key);
	draft.asking.delete(key);
	return asked;
}

// ---- frames of the stream

function takeFrame(draft, { event, id, data }) {
	if (event === 'connected')
		return takeConnected(draft, data);
	if (event === 'reset')
		return takeReset(draft, id);
	if (event !== 'notification' && event !== 'heartbeat')
		return;
	if (!newer(id, draft.head))
		return;
	draft.head = id;
	draft.newest = later(id, draft.newest);
	if (event === 'notification')
		takeChange(draft, id, data);
}

// The count is that of the journal's head, which the frames to come lead up to.
function takeConnected(draft, data) {
	draft.epoch = data.epoch;
	if (data.resumed && typeof data.unreadCount === 'number')
		setUnread(draft, data.unreadCount, data.latest);
}

// Nothing known can be trusted, but it stays on the screen until the new list
// is there: with all guards at "0", any word on it wins.
function takeReset(draft, id) {
	for (const [key, note] of draft.notes)
		draft.notes.set(key, { ...note, textAt: '0', readFrom: '0' });
	draft.needsReload = true;
	draft.listed = '0';
	draft.head = id;
	draft.newest = id;
	draft.heard.clear();
	draft.asking.clear();
	draft.allRead = { through: 0, at: '0' };
	draft.unread = { ...draft.unread, at: '0', sure: false };
}

function takeChange(draft, at, data) {
	const id = data.notification?.id ?? data.notificationId;
	switch (data.action) {
	case 'created':
	case 'updated':
		putStreamed(draft, data.notification, data.action, at);
		break;
	case 'read':
	case 'unread':
		setRead(draft, id, data.action === 'read', at);
		break;
	case 'deleted':
		remove(draft, id, at);
		break;
	case 'all-read':
		readThrough(draft, data.through, at);
		break;
	default:
		return; // an action of a later version
	}
	if (typeof data.unreadCount === 'number')
		setUnread(draft, data.unreadCount, at);
	draft.pending = draft.pending.filter((op) => !isEcho(op, id, data));
}

// A broadcast comes without `readAt`. One that is known keeps its read state, a
// created one is unread (or under the watermark), and an updated one that is
// not known has a state only the server knows: readFrom "0" asks for it.
function putStreamed(draft, notification, action, at) {
	const known = draft.notes.get(notification.id);

	if (known && !newer(at, known.textAt))
		return;
	let { read, readFrom } = known ?? {
		read: notification.id <= draft.allRead.through,
		readFrom: action === 'created' ? at : '0',
	};
	if (notification.readAt !== undefined && !newer(readFrom, at)) {
		read = notification.readAt !== null;
		readFrom = at;
	}
	draft.notes.set(notification.id, {
		notification, textAt: at, read, readFrom,
	});
	const before = known && !known.read ? 1 : 0;
	const sure = known || action === 'created';
	countBy(draft, sure ? (read ? 0 : 1) - before : null, at);
}

// Where it is so already, a frame that told the state of now was ahead of the
// journal: whether the count has it is not known.
function setRead(draft, id, read, at) {
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
function remove(draft, id, at) {
	const known = draft.notes.get(id);

	if (known && !newer(at, known.textAt))
		return;
	draft.heard.set(id, { at, gone: true });
	draft.notes.delete(id);
	const sure =
		known && known.readFrom !== '0' && !known.notification.expiresAt;
	countBy(draft, sure ? (known.read ? 0 : -1) : null, at);
}

function readThrough(draft, through, at) {
	let above = 0;

	draft.allRead = { through: Math.max(through, draft.allRead.through), at };
	for (const [id, note] of draft.notes) {
		if (id <= through && newer(at, note.readFrom))
			draft.notes.set(id, { ...note, read: true, readFrom: at });
		else if (!note.read)
			above++;
	}
	if (newer(at, draft.unread.at)) {
		const sure = draft.floor <= through + 1;
		draft.unread = { count: above, at, sure };
	}
}

// ---- the number of unread ones, as of the event `at`

function setUnread(draft, count, at) {
	if (!newer(draft.unread.at, at))
		draft.unread = { count, at, sure: true };
}

// `change` null: this event may have changed the count, nobody here knows how.
function countBy(draft, change, at) {
	if (!newer(at, draft.unread.at))
		return;
	draft.unread = {
		count: Math.max(0, draft.unread.count + (change ?? 0)),
		at,
		sure: draft.unread.sure && change !== null,
	};
}

// ---- answers to GET

function takeList(draft, page, older, asked) {
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
	draft.floor = bottom;
	draft.newest = later(at, draft.newest);
	setUnread(draft, page.unreadCount, at);
	draft.pending = draft.pending.filter(
		(op) => op.confirmed === null || op.confirmed > asked.turn,
	);
	if (older)
		return;
	draft.epoch = page.epoch;
	draft.listed = at;
	draft.loaded = true;
	draft.needsReload = false;
}

// For text and read state each the latest word there is: the list's, what was
// known, what was heard meanwhile.
function putListed(draft, notification, at) {
	const { id } = notification;
	const { through, at: allReadAt } = draft.allRead;
	const known = draft.notes.get(id);
	const heard = draft.heard.get(id);
	let text = { notification, textAt: at };
	let state = { read: notification.readAt !== null, readFrom: at };
	const hear = (read, readFrom) => {
		if (newer(readFrom, state.readFrom))
			state = { read, readFrom };
	};

	if (heard?.gone && newer(heard.at, later(at, known?.textAt ?? '0')))
		return;
	if (known && newer(known.textAt, at))
		text = { notification: known.notification, textAt: known.textAt };
	if (known)
		hear(known.read, known.readFrom);
	if (heard && !heard.gone)
		hear(heard.read, heard.at);
	if (id <= through)
		hear(true, allReadAt);
	draft.notes.set(id, { ...text, ...state });
}

// ---- what is to be shown

// { list: [{ notification, read }] newest first, unreadCount, hasMore, loaded };
// a notification that has not changed is the same object as before.
export function view(state) {
	const list = [];
	let change = 0;

	for (const note of state.notes.values()) {
		const read = overlay(state, note);
		if (read !== null)
			list.push({ notification: note.notification, read });
		change += (read === false ? 1 : 0) - (note.read ? 0 : 1);
	}
	list.sort((a, b) => b.notification.id - a.notification.id);
	const all = state.pending.find((op) => op.kind === 'all-read');
	const unreadCount = all
		? list.filter((item) => !item.read).length
		: Math.max(0, state.unread.count + change);
	return {
		list, unreadCount,
		hasMore: state.next !== null, loaded: state.loaded,
	};
}

// The ids of those of which only the server knows whether they are read.
export function unknownRead(state) {
	if (state.needsReload)
		return [];
	return [...state.notes]
		.filter(([, note]) => note.readFrom === '0')
		.map(([id]) => id);
}
