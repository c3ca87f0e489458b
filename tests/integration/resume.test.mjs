// Clients are cut off again and again while rows go in: nothing is lost, and on
// one connection nothing comes twice or out of order.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';

import { startServer } from './lib/harness.mjs';
import { insert } from './lib/writer.mjs';

const ROUNDS = Number(process.env.ROUNDS || 200);
const USERS = ['alice', 'bob', 'carol', 'dave'];

let server;
before(async () => {
	server = await startServer({ users: USERS });
});
after(() => server.stop());

const below = (n) => Math.floor(Math.random() * n);

// Rows for everybody, steadily, until told to stop; 1 in 10 is a broadcast.
function insertSteadily() {
	const db = server.writer();
	let stopped = false;
	let number = 0;
	const done = (async () => {
		while (!stopped) {
			const user = below(10) ? USERS[below(USERS.length)] : '*';
			await db.exec(insert(user, `row ${number++}`));
			await new Promise((resolve) => setTimeout(resolve, 1));
		}
		await db.close();
	})();
	return () => {
		stopped = true;
		return done;
	};
}

// By the client: in most of these the last bytes are a piece of a frame.
async function cutByClient(follower) {
	const goal = follower.received.length + below(8);
	await follower.waitFor(() => follower.received.length >= goal);
	const stream = follower.current;
	const bytes = stream.bytes + 1 + below(2000);
	stream.closeWhen(() => stream.bytes >= bytes);
	await stream.end();
}

// Of 20 cuts 17 by clients, 2 of the responder, 1 of the web server.  (lighttpd
// takes its time to start a responder that dies twice within two seconds.)
async function cut(round, followers) {
	if (round % 20 === 9 || round % 20 === 14) await server.killResponder();
	else if (round % 20 === 19) await server.restartWebServer();
	else await cutByClient(followers[round % followers.length]);
}

test(`${ROUNDS} cuts under steady inserts`, async () => {
	const followers = USERS.map((user) => server.follow({ user, cursor: '0' }));
	const stop = insertSteadily();
	// Four at a time, so that some meet on the way.
	for (let round = 0; round < ROUNDS; round += 4)
		await Promise.all([0, 1, 2, 3].map((i) => cut(round + i, followers)));
	await stop();

	for (const [i, user] of USERS.entries()) {
		const follower = followers[i];
		const rows = await server.rows(
			`SELECT e.id, n.title FROM events e
			JOIN notifications n ON n.id = e.notification_id
			WHERE e.user_id IN ('${user}', '*') ORDER BY e.id;`,
		);
		assert.ok(rows.length > ROUNDS / 4);
		await follower.waitFor(() => follower.cursor === String(rows.at(-1).id));
		await follower.stop();
		// At least once, and on each connection once and in order.
		const union = new Map(
			follower.received.map((e) => [Number(e.id), e.data.notification.title]),
		);
		assert.deepEqual(
			[...union].sort(([a], [b]) => a - b),
			rows.map((row) => [row.id, row.title]),
		);
		for (const stream of follower.connections) {
			const ids = stream.notifications.map((event) => Number(event.id));
			for (let at = 1; at < ids.length; at++)
				assert.ok(ids[at] > ids[at - 1], `${ids[at]} after ${ids[at - 1]}`);
			stream.check();
		}
		assert.deepEqual(follower.resets, []);
		assert.ok(follower.connections.length > 1);
	}
});
