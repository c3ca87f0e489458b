// List, then stream from the list's lastEventId, while rows are inserted, read,
// changed, moved and deleted by SQL and by REST: when it is quiet, what the
// client holds equals what the tables hold.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';

import { startServer } from './lib/harness.mjs';
import { Model, inboxRows } from './lib/model.mjs';
import { insert, insertAll, quote } from './lib/writer.mjs';

const ROUNDS = Number(process.env.ROUNDS || 500);
const USERS = Array.from({ length: 10 }, (_, i) => `user${i}`);
const STEPS = 12;

let server;
let db;
before(async () => {
	server = await startServer({ users: USERS });
	db = server.writer();
});
after(() => server.stop());

const below = (n) => Math.floor(Math.random() * n);
const pick = (list) => list[below(list.length)];
const randomRow = (user) =>
	`(SELECT id FROM notifications WHERE user_id IN (${quote(user)}, '*') ` +
	'ORDER BY random() LIMIT 1)';
const broadcast = "(SELECT max(id) FROM notifications WHERE user_id = '*')";

// One random change that user may see, by somebody else's SQL.
const CHANGES = [
	(user) => insert(user, `t${below(1000)}`, { priority: 1 + below(5) }),
	(user) =>
		`BEGIN;${insert(user, 'a')}${insert(user, 'b')}${insert(user, 'c')}COMMIT;`,
	() => insert('*', `all ${below(1000)}`),
	(user) =>
		`UPDATE notifications SET title = 'u${below(1000)}' WHERE id = ${randomRow(user)};`,
	(user) =>
		`UPDATE notifications SET read_at = 1 + ${below(1e9)} WHERE id = ${randomRow(user)};`,
	(user) =>
		`UPDATE notifications SET read_at = NULL WHERE id = ${randomRow(user)};`,
	(user) =>
		`UPDATE notifications SET read_at = ${below(2)}, body = 'b${below(9)}' WHERE id = ${randomRow(user)};`,
	(user) => `DELETE FROM notifications WHERE id = ${randomRow(user)};`,
	(user) =>
		`UPDATE notifications SET user_id = '${pick(USERS)}' WHERE id = (SELECT max(id) FROM notifications WHERE user_id = ${quote(user)});`,
	(user) =>
		`INSERT OR REPLACE INTO receipts(user_id, notification_id, read_at)
		SELECT ${quote(user)}, id, 5 FROM notifications WHERE id = ${broadcast};`,
	(user) =>
		`INSERT OR REPLACE INTO receipts(user_id, notification_id, deleted_at)
		SELECT ${quote(user)}, id, 5 FROM notifications WHERE id = ${broadcast};`,
	(user) =>
		`DELETE FROM receipts WHERE user_id = ${quote(user)} AND notification_id = ${broadcast};`,
	(user) =>
		`INSERT OR REPLACE INTO read_marks(user_id, read_through)
		SELECT ${quote(user)}, max(id) FROM notifications
		WHERE id >= coalesce((SELECT read_through FROM read_marks
			WHERE user_id = ${quote(user)}), 0) HAVING max(id) > 0;`,
];

// The same by the user's own requests.
const REQUESTS = [
	(user, id) => ['PATCH', `/${id}`, { user, body: { read: true } }],
	(user, id) => ['PATCH', `/${id}`, { user, body: { read: false } }],
	(user, id) => ['POST', `/${id}/read`, { user }],
	(user, id) => ['DELETE', `/${id}`, { user }],
	(user) => ['POST', '/read-all', { user }],
];

async function change(user, model) {
	for (let step = 0; step < STEPS; step++) {
		const id = pick([...model.items.keys()]);
		if (below(4) || id === undefined) {
			await db.exec(pick(CHANGES)(user).replaceAll(/\s+/g, ' '));
			continue;
		}
		const answer = await server.request(...pick(REQUESTS)(user, id));
		assert.ok([200, 204, 404].includes(answer.status), answer.text);
	}
}

// One client: loads, streams, applies.
async function client(user, model) {
	const first = await model.load(server, { user });
	const stream = server.stream({
		user,
		lastEventId: first.lastEventId,
		query: { epoch: first.epoch },
	});
	const seen = [];
	stream.onEvent = (event) => {
		seen.push(`${event.id} ${event.text.slice(0, 200)}`);
		model.apply(event);
	};
	const connected = await stream.connected();
	assert.equal(connected.data.resumed, true);
	assert.equal(connected.data.from, first.lastEventId);
	return { user, model, stream, seen };
}

test(`${ROUNDS} times the model equals the tables`, async () => {
	let counts = 0;
	for (let round = 0; round < ROUNDS; round += USERS.length) {
		const models = USERS.map(() => new Model());
		// The changes run before, while and after the clients come.
		const changes = USERS.map((user, i) => change(user, models[i]));
		const clients = await Promise.all(
			USERS.map((user, i) => client(user, models[i])),
		);
		await Promise.all(changes);
		// Not every event of theirs comes as a frame (a broadcast that they have
		// hidden, say), so each gets a last one that does.
		const end = `end of round ${round}`;
		await db.exec(
			insertAll(USERS.map((user) => ({ user_id: user, title: end }))),
		);
		for (const { user, model, stream, seen } of clients) {
			await stream.until((event) => event.data.notification?.title === end);
			assert.deepEqual(
				model.rows(),
				await inboxRows(db, user),
				`${user} in round ${round}:\n${seen.join('\n')}`,
			);
			counts += model.counts;
			stream.close();
		}
		// Some of it stays for the next round.
		await db.exec(
			`DELETE FROM notifications WHERE user_id = '*' OR id % 4 > 0;`,
		);
	}
	// The frames did carry counts, and each was compared.
	assert.ok(counts > ROUNDS, `${counts} counts`);
});
