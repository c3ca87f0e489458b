// Random statements of all kinds, some of them refused.  After each one, a client
// that knows nothing but the events must know what the tables say; and where
// nothing changed that it can see, there must be no event.  In the end, clients
// that stopped listening at some earlier time catch up by a replay.

import assert from 'node:assert/strict';
import { after, test } from 'node:test';

import { Workshop, asRows, bound, queries, rows, shell } from './lib/sqlite.mjs';

const workshop = new Workshop();
after(() => workshop.close());

const USERS = ['alice', 'bob', 'carol'];
// Dave does nothing himself.
const VIEWERS = [...USERS, 'dave'];
const STATEMENTS = 600;
const SEEDS = (process.env.SEEDS || '1,2,3,4').split(',').map(Number);

// Mulberry32.
function generator(seed) {
	let a = seed;
	const next = () => {
		a = (a + 0x6d2b79f5) | 0;
		let t = Math.imul(a ^ (a >>> 15), 1 | a);
		t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
		return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
	};
	const below = (n) => Math.floor(next() * n);
	const pick = (...of) => of[below(of.length)];
	return { below, pick };
}

function statement({ below, pick }) {
	const id = 1 + below(12);
	const person = pick(...USERS);
	const user = pick(...USERS, '*');
	const title = pick('a', 'b', 'c');
	const time = pick('NULL', 'NULL', '0', '5', '6');
	const verb = pick('INSERT', 'INSERT', 'REPLACE', 'INSERT OR IGNORE');
	const upsert = pick('read_at', 'title', 'user_id');
	const notification = `notifications(id, user_id, title, type, created_at, updated_at, read_at)
		VALUES (${id}, '${user}', '${title}', ${pick('NULL', "'info'", "'w'")}, 1, 1, ${time})`;
	return pick(
		() => `INSERT INTO notifications(user_id, title, read_at) VALUES ('${user}', '${title}', ${time})`,
		() => `${verb} INTO ${notification}`,
		() => `${verb} INTO ${notification}`,
		() => `INSERT INTO ${notification} ON CONFLICT(id) DO UPDATE SET ${upsert} = excluded.${upsert}`,
		() => `UPDATE notifications SET title = '${title}' WHERE id = ${id}`,
		() => `UPDATE notifications SET read_at = ${time} WHERE id = ${id}`,
		() => `UPDATE notifications SET read_at = ${time} WHERE user_id = '${user}'`,
		() => `UPDATE notifications SET read_at = ${time}, title = '${title}' WHERE id = ${id}`,
		() => `UPDATE notifications SET read_at = read_at, type = NULL, updated_at = 1 WHERE id > ${id}`,
		() => `UPDATE notifications SET user_id = '${user}', read_at = ${time} WHERE id = ${id}`,
		() => `UPDATE notifications SET user_id = '${user}' WHERE id BETWEEN ${id} AND ${id + 1}`,
		() => `DELETE FROM notifications WHERE id = ${id}`,
		() => `${verb} INTO receipts VALUES ('${person}', ${id}, ${time}, ${pick('NULL', 'NULL', '5')})`,
		() => `${verb} INTO receipts VALUES ('${person}', ${id}, ${time}, ${pick('NULL', 'NULL', '5')})`,
		() => `INSERT INTO receipts VALUES ('${person}', ${id}, ${time}, NULL)
			ON CONFLICT(user_id, notification_id) DO UPDATE SET ${pick('read_at = excluded.read_at', 'deleted_at = 7', 'deleted_at = NULL')}`,
		() => `UPDATE receipts SET ${pick('read_at', 'deleted_at')} = ${pick('NULL', '5')} WHERE user_id = '${person}'`,
		() => `DELETE FROM receipts WHERE user_id = '${person}' AND notification_id = ${id}`,
		() => `${verb} INTO read_marks(user_id, read_through) VALUES ('${person}', ${id})`,
		() => `INSERT INTO read_marks(user_id, read_through) VALUES ('${person}', ${id})
			ON CONFLICT(user_id) DO UPDATE SET read_through = excluded.read_through`,
		() => `UPDATE read_marks SET read_through = ${id} WHERE user_id = '${person}'`,
		() => (below(4) ? 'SELECT 1 WHERE 0' : `DELETE FROM read_marks WHERE user_id = '${person}'`),
	)();
}

// What each user sees, by definition.
const TRUTH = VIEWERS.map(
	(user) => `SELECT 'sees', '${user}', n.id, n.user_id = '*',
		NOT coalesce(CASE n.user_id WHEN '*' THEN r.read_at ELSE n.read_at END > 0,
			n.id <= coalesce((SELECT read_through FROM read_marks WHERE user_id = '${user}'), 0)),
		n.type || '/' || n.title || '/' || n.priority || '/' || n.created_at || '/' || n.updated_at
		FROM notifications n
		LEFT JOIN receipts r ON r.user_id = '${user}' AND r.notification_id = n.id
		WHERE (n.user_id = '${user}' OR n.user_id = '*') AND r.deleted_at IS NULL;`,
).join('\n');

class Client {
	items = new Map();

	copy() {
		const copy = new Client();
		copy.items = new Map(
			[...this.items].map(([id, item]) => [id, { ...item }]),
		);
		return copy;
	}

	// `now`: the notification that a frame would carry, if there is one.
	apply(action, id, now) {
		const known = this.items.get(id);
		if (action === 'created' || action === 'updated') {
			if (!now) return;
			const unread = now.broadcast ? (known?.unread ?? true) : now.unread;
			this.items.set(id, { ...now, unread });
		} else if (action === 'read' || action === 'unread') {
			if (known) known.unread = action === 'unread';
		} else if (action === 'deleted') {
			this.items.delete(id);
		} else if (action === 'all-read') {
			for (const [n, item] of this.items)
				if (n <= id) item.unread = false;
		} else {
			assert.fail(`unknown action ${action}`);
		}
	}

	get sees() {
		return Object.fromEntries(
			[...this.items].sort(([a], [b]) => a - b),
		);
	}
}

// Runs all statements in one shell; what each of them wrote and left.
async function history(file, statements, recursive) {
	const input = [
		`PRAGMA recursive_triggers = ${recursive ? 'ON' : 'OFF'};`,
		'CREATE TEMP TABLE last(id); INSERT INTO last VALUES (0);',
		asRows("SELECT 'start'"),
	];
	for (const sql of statements)
		input.push(
			`${sql};`,
			"SELECT 'event', id, user_id, action, notification_id FROM main.events WHERE id > (SELECT id FROM last) ORDER BY id;",
			'UPDATE last SET id = coalesce((SELECT max(id) FROM main.events), 0);',
			TRUTH,
			"SELECT 'end';",
		);
	const result = await shell(file, input.join('\n'));
	const steps = [];
	let step = { events: [], sees: {} };
	for (const [kind, ...row] of rows(result.stdout)) {
		if (kind === 'event') {
			const [id, user, action, about] = row;
			step.events.push({ id: Number(id), user, action, about: Number(about) });
		} else if (kind === 'sees') {
			const [user, id, broadcast, unread, content] = row;
			step.sees[user] ??= {};
			step.sees[user][id] = {
				broadcast: broadcast === '1',
				unread: unread === '1',
				content,
			};
		} else if (kind === 'end') {
			steps.push(step);
			step = { events: [], sees: {} };
		}
	}
	assert.equal(steps.length, statements.length);
	return { steps, refused: result.errors.length };
}

async function replay(file, after, user) {
	const query = bound(queries().get('replay_page'), {
		user, after, through: 2 ** 40, now: 10, limit: 100_000,
	});
	const result = await shell(file, asRows(query));
	assert.deepEqual(result.errors, []);
	return rows(result.stdout);
}

for (const recursive of [false, true])
	for (const seed of SEEDS)
		test(`seed ${seed}, recursive_triggers ${recursive ? 'on' : 'off'}`, () =>
			check(seed, recursive));

async function check(seed, recursive) {
	const random = generator(seed);
	const statements = Array.from({ length: STATEMENTS }, () => statement(random));
	const file = await workshop.install();
	const { steps, refused } = await history(file, statements, recursive);
	assert.ok(refused > 5 && refused < STATEMENTS / 2, `${refused} refused`);

	const clients = new Map(VIEWERS.map((user) => [user, new Client()]));
	const early = [];
	let before = {};
	let last = 0;
	for (const [i, { events, sees }] of steps.entries()) {
		const what = `statement ${i}: ${statements[i]}`;
		for (const { id, user, action, about } of events) {
			assert.ok(id > last, `${what}: event ${id} after ${last}`);
			last = id;
			for (const [name, client] of clients)
				if (user === name || user === '*')
					client.apply(action, about, sees[name]?.[about]);
		}
		for (const [name, client] of clients)
			assert.deepEqual(client.sees, sees[name] ?? {}, `${what}: ${name}`);
		if (same(before, sees))
			assert.deepEqual(
				events.filter(({ action }) => action !== 'all-read'),
				[],
				what,
			);
		before = sees;
		if (i % 50 === 0)
			for (const [name, client] of clients)
				early.push({ name, last, client: client.copy() });
	}

	const now = steps.at(-1).sees;
	for (const { name, last: cursor, client } of early) {
		for (const row of await replay(file, cursor, name)) {
			const about = Number(row[3]);
			client.apply(row[2], about, row[5] ? now[name]?.[about] : undefined);
		}
		assert.deepEqual(client.sees, now[name] ?? {}, `${name} from ${cursor}`);
	}
}

function same(a, b) {
	return JSON.stringify(a) === JSON.stringify(b);
}
