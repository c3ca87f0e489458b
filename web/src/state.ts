// What is known of a person's notifications, and what is shown of it. How the
// one becomes the next is in model.ts.

import type { Notification, WireNotification } from './types.js';

export interface Note {
	notification: WireNotification;
	textAt: string;
	read: boolean;
	/** "0": only the server knows whether it is read. */
	readFrom: string;
}

export type Key = number | string;
export type Asked = { head: string; turn: number };
type Heard = { at: string; gone?: true; read?: boolean };

/** What a person wants. */
export type Wish =
	| { kind: 'read' | 'unread' | 'deleted'; id: number }
	| { kind: 'all-read'; through: number };

/** A wish that is shown, and that the server has not confirmed yet. */
export type Pending = Wish & {
	key: number | string;
	/** The newest event when it was made. */
	since: string;
	/** The model's turn when it was answered. */
	confirmed: number | null;
};

export interface State {
	/** A first page has arrived. */
	loaded: boolean;
	/** A reset has come: ask for the first page. */
	needsReload: boolean;
	/** Newest event of the stream. */
	head: string;
	/** Newest event id seen anywhere. */
	newest: string;
	/** Of which the first page is. */
	listed: string;
	notes: Map<number, Note>;
	/** What was said of unknown ones while an answer is awaited. */
	heard: Map<number, Heard>;
	allRead: { through: number; at: string };
	unread: { count: number; at: string; sure: boolean };
	/** Where the next older page starts. */
	next: string | null;
	/** All ids from here up are loaded. */
	floor: number;
	/** How many were asked for, page by page. */
	paged: number;
	/** How many more than that stay of those that the stream brings. */
	keep: number;
	asking: Map<Key, Asked>;
	pending: Pending[];
	turn: number;
}

export function initialState(keep = 1000): State {
	return {
		loaded: false,
		needsReload: false,
		head: '0',
		newest: '0',
		listed: '0',
		notes: new Map(),
		heard: new Map(),
		allRead: { through: 0, at: '0' },
		unread: { count: 0, at: '0', sure: true },
		next: null,
		floor: Infinity,
		paged: 0,
		keep,
		asking: new Map(),
		pending: [],
		turn: 0,
	};
}

/** Whether it is read, or null for one that is being deleted. */
export function overlay(pending: Pending[], note: Note) {
	const { id } = note.notification;
	let { read } = note;

	for (const op of pending)
		if (op.kind === 'all-read' ? id <= op.through : op.id === id) {
			if (op.kind === 'deleted')
				return null;
			read = op.kind !== 'unread';
		}
	return read;
}

// What has not changed is the same object as before.
const shown = [
	new WeakMap<WireNotification, Notification>(),
	new WeakMap<WireNotification, Notification>(),
];

function show(notification: WireNotification, read: boolean): Notification {
	const known = shown[+read]!;
	let item = known.get(notification);

	if (!item)
		known.set(notification, (item = { ...notification, read }));
	return item;
}

export interface Filter {
	/** Only notifications of these types; `unreadCount` is of what is loaded. */
	types?: readonly string[];
	/** Only those of this priority or a higher one; likewise. */
	minPriority?: number;
}

/** The list, newest first, and the number of unread ones. */
export function view(
	{ notes, pending, unread }: State,
	{ types, minPriority }: Filter,
) {
	const list: Notification[] = [];
	let change = 0;

	for (const note of notes.values()) {
		const { notification } = note;
		const { type, priority } = notification;
		const read = overlay(pending, note);
		// Updates come whatever the filter of the stream is.
		if (!(read === null || priority < minPriority! ||
		      types?.includes(type) === false))
			list.push(show(notification, read));
		change += +(read === false) - +!note.read;
	}
	list.sort((a, b) => b.id - a.id);
	return {
		list,
		unreadCount:
			types || minPriority || pending.some((op) => op.kind === 'all-read')
			? list.filter((item) => !item.read).length
			: Math.max(0, unread.count + change),
	};
}

/** Those of which only the server knows whether they are read. */
export function unknownRead({ needsReload, notes }: State): Note[] {
	return [...notes.values()].filter(
		(note) => !needsReload && note.readFrom === '0',
	);
}
