// The reducer: what each action does to the list and the
// count, and that no order in which stream, lists and own requests overtake
// each other leaves it different from the server.

import assert from 'node:assert/strict';

import { test } from 'vitest';

import { newer } from '../src/eventid.js';
import { reduce } from '../src/model.js';
import { initialState, unknownRead, view } from '../src/state.js';

const note = (id, more = {}) => ({
	id,
	title: `title ${id}`,
	broadcast: false,
	readAt: null,
	expiresAt: null,
	...more,
});
const READ = { readAt: '2026-01-01T00:00:00.000Z' };

// A broadcast as the stream has it.
function shared(id, more = {}) {
	const { readAt, ...rest } = note(id, { broadcast: true, ...more });
	return rest;
}

const list = (at, notifications, more = {}) => ({
	notifications,
	next: null,
	unreadCount: notifications.filter((n) => n.readAt === null).length,
	lastEventId: at,
	epoch: 'e',
	...more,
});
const frame = (id, data) => ({
	type: 'frames',
	frames: [{ event: 'notification', id, data }],
});
const created = (id, notification, more) =>
	frame(id, { action: 'created', notification, ...more });
const updated = (id, notification, more) =>
	frame(id, { action: 'updated', notification, ...more });
const acted = (id, action, notificationId, more) =>
	frame(id, { action, notificationId, ...more });
const allRead = (id, through, more) =>
	frame(id, { action: 'all-read', through, ...more });
const reset = (id) => ({
	type: 'frames',
	frames: [{ event: 'reset', id, data: { reason: 'expired', latest: id } }],
});
const connected = (latest, unreadCount) => ({
	type: 'frames',
	frames: [
		{
			event: 'connected',
			id: '1',
			data: { resumed: true, latest, unreadCount, epoch: 'e' },
		},
	],
});
const ask = (key) => ({ type: 'ask', key });
const answer = (key, page, before) => ({ type: 'list', key, page, before });
const loaded = (at, notifications, more) => [
	ask('first'),
	answer('first', list(at, notifications, more)),
];
const begin = (key, kind, on) => ({ type: 'begin', op: { key, kind, ...on } });
const done = (key) => ({ type: 'done', key });
const failed = (key) => ({ type: 'failed', key });

const play = (actions, from = initialState()) => actions.reduce(reduce, from);
// "3 2* 1": the list with a star at the unread, and the count.
const shown = (state) => {
	const { list: items, unreadCount } = view(state, {});
	const text = items.map((item) => item.id + (item.read ? '' : '*'));
	return `${text.join(' ')} (${unreadCount})`;
};

const TABLE = [
	['a first page', [...loaded('10', [note(2), note(1, READ)])], '2* 1 (1)'],
	[
		'created',
		[...loaded('10', [note(1, READ)]), created('11', note(2))],
		'2* 1 (1)',
	],
	[
		'created, and since read: a replay tells the state of now',
		[...loaded('10', []), created('11', note(1, READ)), acted('12', 'read', 1)],
		'1 (0)',
	],
	[
		'a frame twice',
		[...loaded('10', []), created('11', note(1)), created('11', note(1))],
		'1* (1)',
	],
	[
		'frames that the list already has in it',
		[
			...loaded('13', [note(1, READ)]),
			created('11', note(1)),
			acted('12', 'read', 1),
		],
		'1 (0)',
	],
	[
		'a late list does not undo a newer read',
		[
			...loaded('10', [note(1)]),
			ask('late'),
			acted('12', 'read', 1),
			answer('late', list('11', [note(1)])),
		],
		'1 (0)',
	],
	[
		'nor a newer deletion',
		[
			...loaded('10', [note(2), note(1)]),
			ask('late'),
			acted('12', 'deleted', 2),
			answer('late', list('11', [note(2), note(1)])),
		],
		'1* (1)',
	],
	[
		'nor a newer arrival',
		[
			...loaded('10', [note(1)]),
			ask('late'),
			created('12', note(2)),
			answer('late', list('11', [note(1)])),
		],
		'2* 1* (2)',
	],
	[
		'nor what was said of one that only it brings',
		[
			...loaded('10', [note(3)], { next: '3', unreadCount: 1 }),
			ask('late'),
			acted('12', 'unread', 2),
			acted('13', 'deleted', 1, { unreadCount: 2 }),
			answer('late', list('11', [note(2, READ), note(1)]), '3'),
		],
		'3* 2* (2)',
	],
	[
		'nor a newer all-read, of which it brings older ones',
		[
			...loaded('10', [note(3)], { next: '3', unreadCount: 3 }),
			ask('late'),
			allRead('12', 3),
			answer('late', list('11', [note(2), note(1)]), '3'),
		],
		'3 2 1 (0)',
	],
	[
		'a list does undo what is older',
		[
			...loaded('10', [note(2), note(1)]),
			ask('new'),
			answer('new', list('15', [note(1, READ)])),
			acted('11', 'unread', 1),
		],
		'1 (0)',
	],
	[
		'all-read spares what is above it and what was read or unread since',
		[
			...loaded('10', [note(3), note(2), note(1)]),
			allRead('12', 2),
			acted('13', 'unread', 1),
		],
		'3* 2 1* (2)',
	],
	[
		'updated keeps the place and takes the text',
		[
			...loaded('10', [note(2), note(1)]),
			updated('11', note(1, { title: 'new', ...READ })),
		],
		'2* 1 (1)',
	],
	[
		'updated of an unknown one is taken as new',
		[
			...loaded('10', [note(2)]),
			updated('11', note(1), { unreadCount: 2 }),
		],
		'2* 1* (2)',
	],
	[
		'a new broadcast is unread, a known one keeps what it was',
		[
			...loaded('10', [note(1, { broadcast: true, ...READ })]),
			created('11', shared(2)),
			updated('12', shared(1)),
		],
		'2* 1 (1)',
	],
	[
		'a row moved away and back',
		[
			...loaded('10', [note(1, READ)]),
			acted('11', 'deleted', 1),
			created('12', note(1)),
		],
		'1* (1)',
	],
	[
		'event ids are numbers, not words',
		[
			...loaded('9', [note(1)]),
			acted('10', 'read', 1),
			acted('100', 'unread', 1),
		],
		'1* (1)',
	],
	[
		'beyond 2^53 too',
		[
			...loaded('9007199254740993', [note(1)]),
			acted('9007199254740992', 'read', 1),
		],
		'1* (1)',
	],
	[
		'the count of `connected` is that of the head: frames up to it add nothing',
		[
			...loaded('10', []),
			connected('12', 2),
			created('11', note(1)),
			created('12', note(2)),
			created('13', note(3)),
		],
		'3* 2* 1* (3)',
	],
	[
		'a further page',
		[
			...loaded('10', [note(4)], { next: '4', unreadCount: 3 }),
			ask('more'),
			answer('more', list('12', [note(3), note(1)], { unreadCount: 3 }), '4'),
		],
		'4* 3* 1* (3)',
	],
	[
		'a further page takes out what is gone from its range',
		[
			...loaded('10', [note(4)], { next: '4', unreadCount: 1 }),
			updated('11', note(2, READ)),
			ask('more'),
			answer('more', list('12', [note(3, READ)], { unreadCount: 1 }), '4'),
		],
		'4* 3 (1)',
	],
	[
		'a further page that does not continue what is loaded',
		[
			...loaded('10', [note(9), note(5)], { next: '5', unreadCount: 4 }),
			reset('50'),
			ask('first'),
			ask('more'),
			answer('first', list('50', [note(9)], { next: '9', unreadCount: 4 })),
			answer('more', list('50', [note(3)], { unreadCount: 4 }), '5'),
		],
		'9* (4)',
	],
	[
		'a first page that was overtaken by another',
		[
			ask('a'),
			ask('b'),
			answer('b', list('12', [note(2)])),
			answer('a', list('11', [note(1)])),
		],
		'2* (1)',
	],
	[
		'a reset keeps the list until the new one is there',
		[...loaded('10', [note(2), note(1)]), reset('50')],
		'2* 1* (2)',
	],
	[
		'after a reset the list says anew what is there, even with lower ids',
		[
			...loaded('90', [note(2), note(1)]),
			acted('91', 'read', 1),
			reset('50'),
			ask('again'),
			answer('again', list('50', [note(1)])),
		],
		'1* (1)',
	],
	[
		'a list that was asked for before a reset is nothing to go by',
		[
			...loaded('90', [note(1)]),
			ask('before'),
			reset('50'),
			ask('after'),
			answer('after', list('50', [note(3)])),
			answer('before', list('90', [note(1)])),
		],
		'3* (1)',
	],
	[
		'a frame between the reset and its list stays',
		[
			...loaded('10', [note(1)]),
			reset('50'),
			ask('again'),
			created('52', note(7)),
			acted('53', 'read', 1, { unreadCount: 1 }),
			answer('again', list('51', [note(1, { title: 'new' })])),
		],
		'7* 1 (1)',
	],
	// ---- own changes
	[
		'shown at once',
		[...loaded('10', [note(2), note(1)]), begin('a', 'read', { id: 1 })],
		'2* 1 (1)',
	],
	[
		'taken back when it fails',
		[
			...loaded('10', [note(2), note(1)]),
			begin('a', 'deleted', { id: 1 }),
			begin('b', 'all-read', { through: 2 }),
			failed('a'),
			failed('b'),
		],
		'2* 1* (2)',
	],
	[
		'the echo changes nothing',
		[
			...loaded('10', [note(1)]),
			begin('a', 'read', { id: 1 }),
			acted('11', 'read', 1),
			done('a'),
		],
		'1 (0)',
	],
	[
		'nor does it come after the answer',
		[
			...loaded('10', [note(1)]),
			begin('a', 'read', { id: 1 }),
			done('a'),
			acted('11', 'read', 1, { unreadCount: 0 }),
		],
		'1 (0)',
	],
	[
		'what another tab does later is not covered by it',
		[
			...loaded('10', [note(1)]),
			begin('a', 'read', { id: 1 }),
			acted('11', 'read', 1),
			acted('12', 'unread', 1),
			done('a'),
		],
		'1* (1)',
	],
	[
		'a list from before does not undo it',
		[
			...loaded('10', [note(1)]),
			ask('late'),
			begin('a', 'deleted', { id: 1 }),
			done('a'),
			answer('late', list('10', [note(1)])),
		],
		' (0)',
	],
	[
		'a list that was asked for after it decides',
		[
			...loaded('10', [note(1)]),
			begin('a', 'read', { id: 1 }),
			done('a'),
			ask('after'),
			answer('after', list('12', [note(1)])),
		],
		'1* (1)',
	],
	[
		'all-read of what is not loaded',
		[
			...loaded('10', [note(9)], { next: '9', unreadCount: 7 }),
			begin('a', 'all-read', { through: 9 }),
			done('a'),
			created('11', note(10)),
		],
		'10* 9 (1)',
	],
	[
		'and its echo',
		[
			...loaded('10', [note(9)], { next: '9', unreadCount: 7 }),
			begin('a', 'all-read', { through: 9 }),
			created('11', note(10)),
			allRead('12', 9),
			done('a'),
		],
		'10* 9 (1)',
	],
	[
		'all-read under the watermark, told by the rows',
		[
			...loaded('10', [note(2), note(1)]),
			allRead('11', 2),
			acted('12', 'unread', 1),
			begin('a', 'all-read', { through: 2 }),
			done('a'),
			acted('13', 'read', 1),
			acted('14', 'unread', 2),
		],
		'2* 1 (1)',
	],
];

for (const [what, actions, expected] of TABLE)
	test(`model: ${what}`, () => {
		assert.equal(shown(play(actions)), expected);
	});

test('model: reduce() changes nothing but what it returns', () => {
	const before = play(loaded('10', [note(1)]));
	const text = shown(before);
	for (const action of [created('11', note(2)), allRead('11', 5), reset('12')])
		assert.notEqual(reduce(before, action), before);
	assert.equal(shown(before), text);
	assert.equal(before.needsReload, false);
	assert.equal(before.head, '0');
});

test('model: a change of an unknown one leaves the count open', () => {
	const state = play([
		...loaded('10', [note(9)], { next: '9', unreadCount: 4 }),
		acted('11', 'deleted', 3),
	]);
	assert.equal(state.unread.sure, false);
	const settled = play(
		[
			ask('c'),
			{
				type: 'count',
				key: 'c',
				answer: { unreadCount: 3, lastEventId: '11' },
			},
		],
		state,
	);
	assert.equal(settled.unread.sure, true);
	assert.equal(view(settled, {}).unreadCount, 3);
});

test('model: after a reset the count is open until something tells it', () => {
	const state = play([
		...loaded('10', [note(1)]),
		reset('50'),
		ask('again'),
		created('52', note(7)),
		answer('again', list('51', [note(1)])),
	]);
	assert.equal(state.unread.sure, false);
	assert.equal(shown(play([connected('52', 2)], state)), '7* 1* (2)');
});

test('model: the read state of an unknown broadcast is asked for', () => {
	const state = play([
		...loaded('10', [note(9)], { next: '9', unreadCount: 1 }),
		updated('11', shared(13)),
	]);
	assert.deepEqual(unknownRead(state).map((one) => one.notification.id), [13]);
	const settled = play(
		[
			ask('one'),
			{
				type: 'one',
				key: 'one',
				notification: note(13, { broadcast: true, ...READ }),
			},
		],
		state,
	);
	assert.deepEqual(unknownRead(settled), []);
	assert.equal(shown(settled), '13 9* (1)');
});

test('model: what is changed on a page that is not loaded comes with it', () => {
	const begin = loaded('10', [note(9)], { next: '9', unreadCount: 4 });
	const state = play([...begin, updated('11', shared(3))]);
	assert.equal(shown(state), '9* (4)');
	assert.equal(state.unread.sure, false);
	assert.deepEqual(unknownRead(state), []);
	// Unless that page may be on its way, without the change.
	const asked = play([...begin, ask('page'), updated('11', note(3, { title: 'new' }))]);
	const paged = play(
		[answer('page', list('10', [note(3)], { unreadCount: 4 }), '9')], asked,
	);
	assert.equal(paged.notes.get(3).notification.title, 'new');
});

test('model: of an endless stream the newest stay, and the rest can be had', () => {
	const one = (id) => note(id);
	let state = play(
		loaded('10', [one(9), one(8)], { next: '8', unreadCount: 8 }),
		initialState(3),
	);
	for (let id = 10; id < 1000; id++) {
		state = play([created(String(id + 1), one(id))], state);
		assert.ok(state.notes.size < 8);
		assert.equal(view(state, {}).unreadCount, id - 1);
	}
	const { floor, next } = state;
	assert.equal(next, String(floor));
	assert.equal(Math.min(...state.notes.keys()), floor);
	const page = list('1000', [one(floor - 1), one(floor - 2)], {
		next: String(floor - 2), unreadCount: 998,
	});
	const older = play([ask('page'), answer('page', page, next)], state);
	assert.equal(older.notes.size, state.notes.size + 2);
	// What is awaited is held against all that was heard.
	let waiting = play([ask('list')], state);
	for (let id = 1000; id < 1020; id++)
		waiting = play([created(String(id + 1), one(id))], waiting);
	assert.equal(waiting.notes.size, state.notes.size + 20);
});

test('model: event ids compare as numbers of any length', () => {
	const ids = ['0', '9', '10', '9223372036854775806', '9223372036854775807'];
	for (const [i, a] of ids.entries())
		for (const [j, b] of ids.entries())
			assert.equal(newer(a, b), i > j);
});

// ---- against a simulated server, in every order

function randomFrom(seed) {
	let a = seed;
	return (below) => {
		a = (a + 0x6d2b79f5) | 0;
		let t = Math.imul(a ^ (a >>> 15), 1 | a);
		t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
		return ((t ^ (t >>> 14)) >>> 0) % below;
	};
}

// One user's view of the tables, by the rules of the schema.
class Tables {
	rows = new Map();
	watermark = 0;
	journal = [];
	last = 0;

	constructor(random) {
		this.random = random;
	}

	read(row) {
		return row.readAt === null ? row.id <= this.watermark : row.readAt > 0;
	}

	log(action, id) {
		this.journal.push({ id: this.journal.length + 1, action, target: id });
	}

	get head() {
		return String(this.journal.length);
	}

	any() {
		const ids = [...this.rows.keys()];
		return this.rows.get(ids[this.random(ids.length)]);
	}

	create(broadcast) {
		const id = ++this.last;
		this.rows.set(id, { id, broadcast, title: 't0', readAt: null });
		this.log('created', id);
	}

	setRead(row, read) {
		if (this.read(row) === read) return;
		row.readAt = read ? 1 : 0;
		this.log(read ? 'read' : 'unread', row.id);
	}

	readAll(through) {
		const upTo = Math.min(through, this.last);
		const again = [...this.rows.values()].filter(
			(row) => row.id <= upTo && row.readAt === 0,
		);
		if (upTo <= this.watermark)
			return again.forEach((row) => this.setRead(row, true));
		this.watermark = upTo;
		for (const row of again) row.readAt = null;
		this.log('all-read', upTo);
	}

	update(row) {
		row.title = `t${this.journal.length}`;
		this.log('updated', row.id);
	}

	remove(row) {
		this.rows.delete(row.id);
		this.log('deleted', row.id);
	}

	json(row, onStream) {
		const n = {
			id: row.id,
			title: row.title,
			broadcast: row.broadcast,
			expiresAt: null,
		};
		if (!onStream || !row.broadcast)
			n.readAt = this.read(row) ? READ.readAt : null;
		return n;
	}

	get unreadCount() {
		return [...this.rows.values()].filter((row) => !this.read(row)).length;
	}

	page(limit, before) {
		const older = [...this.rows.values()]
			.filter((row) => before === undefined || row.id < Number(before))
			.sort((a, b) => b.id - a.id);
		const part = older.slice(0, limit);
		return {
			notifications: part.map((row) => this.json(row)),
			next: older.length > limit ? String(part.at(-1).id) : null,
			unreadCount: this.unreadCount,
			lastEventId: this.head,
			epoch: 'e',
		};
	}

	// The frame of one journal row as a replay of now tells it; null: passed over.
	frameOf({ id, action, target }) {
		const row = this.rows.get(target);
		let data = { action, notificationId: target };
		if (action === 'created' || action === 'updated') {
			if (!row) return null;
			data = { action, notification: this.json(row, true) };
		} else if (action === 'all-read') {
			data = { action, through: target };
		}
		if (String(id) === this.head && this.random(2))
			data.unreadCount = this.unreadCount;
		return { event: 'notification', id: String(id), data };
	}
}

// A client whose requests take as long as it pleases chance.
class Client {
	cursor = 0;
	waiting = []; // { steps: functions that remain }
	keys = 0;

	constructor(tables, random) {
		this.tables = tables;
		this.random = random;
		// Every third one lets go of what it need not have.
		this.state = initialState(random(3) ? 1000 : 2);
	}

	apply(action) {
		this.state = reduce(this.state, action);
	}

	// Asked, answered on the server, arrived: three moments.
	request(type, onServer, more = {}) {
		const key = ++this.keys;
		let result;
		this.apply(ask(key));
		this.waiting.push([
			() => (result = onServer()),
			() =>
				this.apply(
					result
						? { type, key, ...more, ...result }
						: { type: 'unanswered', key },
				),
		]);
	}

	change(op, onServer, fails) {
		const key = ++this.keys;
		let refused;
		this.apply(begin(key, op.kind, op));
		this.waiting.push([
			() => (refused = fails || onServer() === false),
			() => this.apply(refused ? failed(key) : done(key)),
		]);
	}

	step() {
		const at = this.random(this.waiting.length);
		const steps = this.waiting[at];
		steps.shift()();
		if (steps.length === 0) this.waiting.splice(at, 1);
	}

	stream() {
		const row = this.tables.journal[this.cursor];
		this.cursor++;
		const made = this.tables.frameOf(row);
		if (made) this.apply({ type: 'frames', frames: [made] });
	}

	reset() {
		this.cursor = this.tables.journal.length;
		this.apply(reset(this.tables.head));
	}

	settle() {
		if (this.state.needsReload)
			return this.request('list', () => ({ page: this.tables.page(4) }));
		if (!this.state.unread.sure)
			this.request('count', () => ({
				answer: {
					unreadCount: this.tables.unreadCount,
					lastEventId: this.tables.head,
				},
			}));
		for (const { notification: { id } } of unknownRead(this.state))
			this.request('one', () => {
				const row = this.tables.rows.get(id); // gone: 404
				return row && { notification: this.tables.json(row) };
			});
	}
}

function somethingHappens(tables, client, random) {
	const row = tables.rows.size ? tables.any() : null;
	const mine = view(client.state, {}).list;
	const some = mine.length
		? mine[random(mine.length)].id
		: null;
	const onRow = (id, action) => () => {
		const target = tables.rows.get(id); // gone: 404
		return target ? action(target) : false;
	};
	const fails = random(5) === 0;
	const read = random(2) === 0;

	switch (random(15)) {
	case 0:
	case 1:
	case 2:
		return tables.create(random(3) === 0);
	case 3:
		return row && tables.setRead(row, read);
	case 4:
		return row && tables.update(row);
	case 5:
		return row && tables.remove(row);
	case 6:
		return random(4) || tables.readAll(random(tables.last + 1));
	case 7:
		return (
			some &&
			client.change(
				{ kind: read ? 'read' : 'unread', id: some },
				onRow(some, (target) => tables.setRead(target, read)),
				fails,
			)
		);
	case 8:
		return (
			some &&
			client.change(
				{ kind: 'deleted', id: some },
				onRow(some, (target) => tables.remove(target)),
				fails,
			)
		);
	case 9:
		return (
			some &&
			random(3) === 0 &&
			client.change(
				{ kind: 'all-read', through: mine[0].id },
				() => tables.readAll(mine[0].id),
				fails,
			)
		);
	case 10: {
		const before = client.state.next;
		const busy = client.waiting.some((steps) => steps.older);
		if (before === null || busy) return null;
		client.request('list', () => ({ page: tables.page(4, before) }), {
			before,
		});
		client.waiting.at(-1).older = true;
		return null;
	}
	case 11:
		return client.settle();
	case 12:
		return random(8) || client.reset();
	default:
		return client.waiting.length && client.step();
	}
}

function simulate(seed) {
	const random = randomFrom(seed);
	const tables = new Tables(random);
	const client = new Client(tables, random);
	for (let i = random(12); i > 0; i--) tables.create(random(3) === 0);
	client.request('list', () => ({ page: tables.page(4) }));
	client.step();
	client.step();
	client.cursor = Number(client.state.newest);
	for (let i = 0; i < 120; i++) {
		somethingHappens(tables, client, random);
		while (client.cursor < tables.journal.length && random(2))
			client.stream();
	}
	do {
		while (client.waiting.length) client.step();
		while (client.cursor < tables.journal.length) client.stream();
		client.settle();
	} while (client.waiting.length);
	const { list: items, unreadCount } = view(client.state, {});
	const known = items.map(({ id, title, read }) => ({ id, title, read }));
	const { floor } = client.state;
	const below = new Set(known.map(({ id }) => id).filter((id) => id < floor));
	const expected = [...tables.rows.values()]
		.filter(({ id }) => id >= floor || below.has(id))
		.sort((a, b) => b.id - a.id)
		.map((row) => ({
			id: row.id,
			title: row.title,
			read: tables.read(row),
		}));
	assert.deepEqual(known, expected, `seed ${seed}`);
	assert.equal(unreadCount, tables.unreadCount, `count, seed ${seed}`);
	// An all-read that changed nothing waits for the next event, without effect.
	const left = client.state.pending.filter((op) => op.kind !== 'all-read');
	assert.deepEqual(left, [], `pending, seed ${seed}`);
	assert.equal(client.state.heard.size, 0, `heard, seed ${seed}`);
}

test('model: 3,000 random courses of events all end as the server has it', () => {
	for (let seed = 1; seed <= 3000; seed++) simulate(seed);
});
