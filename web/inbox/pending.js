// One's own changes, shown before the server has them: an overlay over the state.
// A change goes when its request fails, which is the roll-back; when the stream
// tells the same, or later news of the same notification; or when a list that
// was asked for after it decides.
//
// A change is { key, kind, id | through, since, confirmed }: `since` the newest
// event when it was made, `confirmed` the model's turn when it was answered.

import { newer } from './eventid.js';

// The stream tells of the same change, whoever made it.
export function isEcho(op, id, { action, through }) {
	return op.kind === action &&
		(action === 'all-read' ? through >= op.through : op.id === id);
}

// Answered, and the state has it, or has news that is later. An all-read that
// raises no watermark has no event of its own; then those of the rows tell.
export function isSettled({ notes, unread }, op) {
	const stands = (note) =>
		note && note.read !== (op.kind !== 'unread') &&
		!newer(note.readFrom, op.since);

	if (op.confirmed === null)
		return false;
	if (op.kind === 'deleted')
		return !notes.has(op.id);
	if (op.kind !== 'all-read')
		return !stands(notes.get(op.id));
	return newer(unread.at, op.since) &&
		![...notes].some(([id, note]) => id <= op.through && stands(note));
}

// Whether it is read, or null for one that is being deleted.
export function overlay(state, note) {
	const { id } = note.notification;
	let { read } = note;

	for (const op of state.pending) {
		if (op.kind === 'deleted' && op.id === id)
			return null;
		if (op.kind === 'all-read' ? id <= op.through : op.id === id)
			read = op.kind !== 'unread';
	}
	return read;
}
