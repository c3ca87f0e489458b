// Cursors that can't be honoured: each reason, and that what is written
// afterwards arrives all the same.

import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { after, afterEach, before, beforeEach, describe, test } from 'node:test';

import { poll, sqlite, startServer } from './lib/harness.mjs';
import { Model, inboxRows } from './lib/model.mjs';
import { insert, insertAll } from './lib/writer.mjs';

const isReset = (event) => event.event === 'reset';
const titled = (title) => (event) => event.data.notification?.title === title;

let server;

async function latest() {
	const rows = await server.rows('SELECT max(id) AS id FROM events;');
	return rows[0].id;
}

async function epoch() {
	const rows = await server.rows(
		"SELECT value FROM meta WHERE key = 'epoch';",
	);
	return rows[0].value;
}

// The stream starts with a reset for that reason, in one piece with connected,
// and goes on from there.
async function assertReset(options, reason) {
	const stream = server.stream({ user: 'alice', keepRaw: true, ...options });
	const reset = await stream.until(isReset);
	const [connected] = stream.events;
	assert.equal(stream.status, 200);
	assert.equal(connected.data.resumed, false);
	assert.equal(connected.id, null);
	assert.equal(reset.index, 1);
	assert.deepEqual(reset.data, { reason, latest: reset.id });
	const both = stream.raw[0].toString();
	assert.match(both, /event: reset\n/, 'in the same write');
	const title = `after ${reason} ${Math.random()}`;
	await server.sql(insert('alice', title));
	const frame = await stream.until(titled(title));
	assert.equal(frame.index, 2, stream.describe());
	assert.ok(BigInt(frame.id) > BigInt(reset.id));
	stream.close();
	// The id of the reset is a good cursor.
	const again = await server.openStream({ user: 'alice', lastEventId: reset.id });
	assert.equal(again.events[0].data.resumed, true);
	await again.until(titled(title));
	again.close();
	return reset;
}

async function assertResumes(options, from) {
	const stream = await server.openStream({ user: 'alice', ...options });
	const [connected] = stream.events;
	assert.equal(connected.data.resumed, true, stream.describe());
	assert.equal(connected.id, String(from));
	stream.close();
}

describe('a cursor that the journal does not have', () => {
	before(async () => {
		server = await startServer({ users: ['alice'] });
	});
	after(() => server.stop());

	test('0 on an empty journal is a cursor like any other', async () => {
		const events = await server.rows('SELECT count(*) AS n FROM events;');
		if (events[0].n === 0) await assertResumes({ lastEventId: '0' }, 0);
		const stream = await server.openStream({ user: 'alice' });
		const cursor = stream.events[0].id;
		stream.close();
		await server.sql(insert('alice', 'first'));
		const back = server.stream({ user: 'alice', lastEventId: cursor });
		await back.until(titled('first'));
		assert.equal(back.events[0].data.resumed, true);
		back.close();
	});

	test('pruned: expired, also from 0', async () => {
		await server.sql(
			insertAll(
				Array.from({ length: 50 }, (_, i) => ({
					user_id: 'alice',
					title: `p ${i}`,
				})),
			),
		);
		const seq = await latest();
		const floor = seq - 10;
		await server.sql(
			`BEGIN; DELETE FROM events WHERE id <= ${floor};
			UPDATE meta SET value = '${floor}' WHERE key = 'floor'; COMMIT;`,
		);
		await assertReset({ lastEventId: '0' }, 'expired');
		await assertReset({ lastEventId: floor - 1 }, 'expired');
		await assertReset({ query: { lastEventId: '1' } }, 'expired');
		await assertResumes({ lastEventId: floor }, floor);
		await assertResumes({ query: { lastEventId: String(seq) } }, seq);
		// earliest is all that is retained
		const stream = server.stream({
			user: 'alice',
			query: { lastEventId: 'earliest' },
		});
		const frame = await stream.next((e) => e.event === 'notification');
		assert.equal(Number(frame.id), floor + 1);
		stream.close();
	});

	test('pruned by DELETE alone, without the floor', async () => {
		const seq = await latest();
		await server.sql(`DELETE FROM events WHERE id < ${seq};`);
		await assertReset({ lastEventId: seq - 2 }, 'expired');
		await assertResumes({ lastEventId: seq - 1 }, seq - 1);
	});

	test('future: unknown', async () => {
		await assertReset({ lastEventId: (await latest()) + 1000 }, 'unknown');
		await assertReset({ lastEventId: '9223372036854775807' }, 'unknown');
	});

	test('garbage: invalid, and never a 4xx', async () => {
		const seq = await latest();
		for (const value of [
			'abc',
			'-1',
			'1.5',
			'+1',
			'0x10',
			'1e3',
			`${seq} `.padEnd(30, 'x'),
			'99999999999999999999',
			'18446744073709551616',
			'EARLIEST',
			'x'.repeat(2000),
		])
			await assertReset({ lastEventId: value }, 'invalid');
		await assertReset({ query: { lastEventId: "1' OR 1=1" } }, 'invalid');
		await assertReset({ query: { lastEventId: '9999999999999999999' } }, 'unknown');
		// A malformed header does not fall back to the query.
		await assertReset(
			{ lastEventId: 'abc', query: { lastEventId: String(seq) } },
			'invalid',
		);
		// An empty one is as good as none.
		await assertResumes({ lastEventId: '', query: { lastEventId: seq } }, seq);
	});

	test("another database's epoch: epoch", async () => {
		const seq = await latest();
		await assertReset({ lastEventId: seq, query: { epoch: 'other' } }, 'epoch');
		const query = { epoch: await epoch() };
		await assertResumes({ lastEventId: seq + 1, query }, seq + 1);
	});
});

// A client as it should be: on a reset it loads the list anew.  Live frames that
// come meanwhile are applied after.
class Client {
	model = new Model();
	resets = [];
	#waiting = Promise.resolve();

	constructor(user) {
		this.user = user;
	}

	async start() {
		const first = await this.model.load(server, { user: this.user });
		this.stream = server.stream({
			user: this.user,
			lastEventId: first.lastEventId,
		});
		this.stream.onEvent = (event) => this.#take(event);
		await this.stream.connected();
	}

	// After a cut: with its cursor, and optionally its epoch.
	async reconnect(query = {}) {
		const { cursor } = this.stream;
		this.stream.close();
		this.stream = server.stream({
			user: this.user,
			query,
			lastEventId: cursor,
		});
		this.stream.onEvent = (event) => this.#take(event);
		await this.stream.connected();
	}

	#take(event) {
		if (isReset(event)) this.resets.push(event.data.reason);
		this.#waiting = this.#waiting.then(async () => {
			if (isReset(event)) await this.model.load(server, { user: this.user });
			// What the list already told is older than it.
			else if (
				event.id === null ||
				BigInt(event.id) > BigInt(this.model.lastEventId)
			)
				this.model.apply(event);
		});
	}

	async assertCurrent() {
		const title = `current ${Math.random()}`;
		await server.sql(insert(this.user, title));
		// By its frame, or by the list after a reset.
		await poll(`${title} in ${this.stream.describe()}`, () =>
			[...this.model.items.values()].some((item) => item.title === title),
		);
		await this.#waiting;
		assert.deepEqual(this.model.rows(), await inboxRows(server, this.user));
	}
}

function copy(from, to) {
	fs.copyFileSync(from, to);
	fs.chmodSync(to, fs.statSync(server.db).mode & 0o777);
	const { uid, gid } = fs.statSync(server.db);
	fs.chownSync(to, uid, gid);
}

// Puts another file in the database's place, as a careful person does.
function replaceDatabase(file) {
	const fresh = `${server.db}.new`;
	copy(file, fresh);
	for (const suffix of ['-wal', '-shm'])
		fs.rmSync(server.db + suffix, { force: true });
	fs.renameSync(fresh, server.db);
}

describe('history that is not what it was', () => {
	let backup;
	let client;
	let other;

	const rows = (n, title) =>
		insertAll(
			Array.from({ length: n }, (_, i) => ({
				user_id: i % 2 ? 'alice' : 'bob',
				title: `${title} ${i}`,
			})),
		);

	beforeEach(async () => {
		server = await startServer({ users: ['alice', 'bob'] });
		backup = path.join(server.dir, 'backup.db');
		await server.sql(rows(20, 'before'));
		await server.sql(`.backup ${backup}\n`);
		await server.sql(rows(90, 'lost'));
		client = new Client('alice');
		other = new Client('bob');
		await client.start();
		await other.start();
	});
	afterEach(() => server.stop());

	// A file is replaced in steps, each of which may be noticed by itself.
	async function assertRewritten({ times = 1 } = {}) {
		for (const each of [client, other]) {
			await each.stream.until(isReset);
			await each.assertCurrent();
			assert.deepEqual([...new Set(each.resets)], ['rewritten']);
			assert.ok(each.resets.length <= times, `${each.resets.length} resets`);
		}
	}

	test('.restore under a live stream: rewritten', async () => {
		const cursor = client.stream.cursor;
		const old = await epoch();
		await server.sql(`.restore ${backup}\n`);
		await assertRewritten();
		const now = await epoch();
		assert.notEqual(now, old);
		// Whoever was away at that time is told as well, with or without epoch.
		const seq = await latest();
		assert.ok(seq > Number(cursor), 'the sequence only grows');
		await assertReset({ lastEventId: cursor }, 'expired');
		await assertReset({ lastEventId: cursor, query: { epoch: old } }, 'epoch');
	});

	test('.restore, and written on past all cursors at once', async () => {
		await server.sql(`.restore ${backup}\n${rows(300, 'after')}\n`);
		await assertRewritten();
	});

	test('a backup put back while stopped, and written on', async () => {
		const cursor = client.stream.cursor;
		const old = await epoch();
		await server.whileDown(async () => {
			replaceDatabase(backup);
			// Past the cursor: by its number alone it looks good.
			await server.sql(rows(250, 'after'));
			assert.ok((await latest()) > Number(cursor));
		});
		await client.reconnect();
		await other.reconnect({ epoch: old });
		await client.assertCurrent();
		await other.assertCurrent();
		assert.deepEqual(client.resets, ['expired']);
		assert.deepEqual(other.resets, ['epoch']);
		assert.notEqual(await epoch(), old);
	});

	test('a backup put back while the responder starts again', async () => {
		// Which of the two is first is the machine's choice; no client may end
		// up with what is not in the tables.
		for (let i = 0; i < 5; i++) {
			await server.killResponder();
			replaceDatabase(backup);
			if (i % 2) await server.sql(rows(250, `after ${i}`));
			await server.healthy();
			await client.reconnect();
			await other.reconnect();
			await client.assertCurrent();
			await other.assertCurrent();
		}
		assert.ok(client.resets.length >= 5);
	});

	test('a backup put back while stopped, not written on', async () => {
		await server.whileDown(() => replaceDatabase(backup));
		await client.reconnect();
		await client.assertCurrent();
		assert.deepEqual(client.resets, ['expired']);
	});

	test('the database file replaced under a live stream', async () => {
		replaceDatabase(backup);
		await assertRewritten({ times: 2 });
	});

	test('replaced by a file that has been written on', async () => {
		await sqlite(
			backup,
			`${rows(300, 'elsewhere')}\nPRAGMA wal_checkpoint(TRUNCATE);`,
		);
		replaceDatabase(backup);
		await assertRewritten({ times: 2 });
	});

	test('a new boot id: nobody knows what was taken back', async () => {
		const cursor = client.stream.cursor;
		const seq = await latest();
		await server.whileDown(changeBootId);
		await client.reconnect();
		await client.assertCurrent();
		assert.deepEqual(client.resets, ['expired']);
		assert.ok((await latest()) > seq + 1_000_000);
		await assertReset({ lastEventId: cursor }, 'expired');
	});

	test('a new boot id, the last commits taken back', async () => {
		const cursor = client.stream.cursor;
		await server.whileDown(async () => {
			changeBootId();
			replaceDatabase(backup);
			await server.sql(rows(250, 'after'));
		});
		await client.reconnect();
		await client.assertCurrent();
		assert.deepEqual(client.resets, ['expired']);
		assert.ok((await latest()) > Number(cursor) + 1_000_000);
	});
});

// What a reboot does to the head file, seen from the responder.
function changeBootId() {
	const file = `${server.db}-belfry.d/head-1`;
	const bytes = fs.readFileSync(file);
	const boot = fs
		.readFileSync('/proc/sys/kernel/random/boot_id', 'utf8')
		.trim();
	const at = bytes.indexOf(boot);
	assert.ok(at >= 0, 'the head file holds the boot id');
	const replaced = boot.replace(/^./, (c) => (c === '0' ? '1' : '0'));
	const fd = fs.openSync(file, 'r+');
	fs.writeSync(fd, replaced, at);
	fs.closeSync(fd);
}
