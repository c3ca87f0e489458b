// What tests of streams say of frames.

import assert from 'node:assert/strict';

import { SERVER } from './servers.mjs';
import { HANG_MS } from './wait.mjs';
import { insert } from './writer.mjs';

export const action = (name) => (event) =>
	event.event === 'notification' && event.data.action === name;

export function assertClose(event, reason) {
	assert.equal(event?.event, 'close');
	assert.equal(event.data.reason, reason);
	assert.equal(event.retry, event.data.retryAfterMs);
	assert.equal(event.id, null);
}

// The session of a stream is over.  Cut in polls, it may be between two of them.
export function assertSessionOver(stream) {
	if (SERVER.holdsBack && stream.sliceStatus === 401) return;
	assertClose(stream.events.at(-1), 'session');
}

// Rows for the user, without a pause: the stream is never silent.
export async function writeUntilEnded(stream, db, user) {
	const deadline = Date.now() + HANG_MS;
	while (!stream.ended) {
		assert.ok(Date.now() < deadline, `does not end: ${stream.describe()}`);
		await db.exec(insert(user, 'busy'));
	}
}
