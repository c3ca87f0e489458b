// One's own changes, shown before the server has them: an overlay over the state.
// A change goes when its request fails, which is the roll-back; when the stream
// tells the same, or later news of the same notification; or when a list that
// was asked for after it decides.

import { newer } from './eventid.js';
import type { Note, Pending, State } from './state.js';
import type { Change } from './types.js';

/** The stream tells of the same change, whoever made it. */
export function isEcho(op: Pending, id: number | undefined, data: Change) {
	return (
		op.kind === data.action &&
		(op.kind === 'all-read'
			? (data as { through: number }).through >= op.through
			: op.id === id)
	);
}

/**
 * Answered, and the state has it, or has news that is later. An all-read that
 * raises no watermark has no event of its own; then those of the rows tell.
 */
export function isSettled({ notes, unread }: State, op: Pending) {
	const stands = (note: Note | undefined) =>
		note &&
		note.read !== (op.kind !== 'unread') &&
		!newer(note.readFrom, op.since);

	if (op.confirmed === null)
		return false;
	if (op.kind === 'deleted')
		return !notes.has(op.id);
	if (op.kind !== 'all-read')
		return !stands(notes.get(op.id));
	return (
		newer(unread.at, op.since) &&
		![...notes].some(([id, note]) => id <= op.through && stands(note))
	);
}
