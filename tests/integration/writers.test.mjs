// No writer's commit is missed, whoever writes and however, and none is found
// only because the clock came round: rows found by the tick must be 0.

import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { after, before, test } from 'node:test';

import { startServer } from './lib/harness.mjs';
import { insert, insertAll } from './lib/writer.mjs';

const COMMITS = Number(process.env.COMMITS || 3000);

let server;
before(async () => {
	server = await startServer({ users: ['alice', 'bob'] });
});
after(() => server.stop());

// Every event of the user's from here on; check() compares with the journal.
async function watch(user) {
	const stream = await server.openStream({ user });
	const from = stream.cursor;
	return {
		stream,
		async check() {
			const rows = await server.rows(
				`SELECT id, action FROM events
				WHERE user_id IN ('${user}', '*') AND id > ${from} ORDER BY id;`,
			);
			const last = rows.at(-1)?.id;
			await stream.until((event) => event.id === String(last));
			assert.deepEqual(
				stream.notifications.map((e) => [Number(e.id), e.data.action]),
				rows.map((row) => [row.id, row.action]),
			);
			stream.close();
			return rows.length;
		},
	};
}

async function assertNoneByTick(before, atLeast) {
	const found = await server.rowsFound();
	assert.equal(found.tick, 0, JSON.stringify(found));
	const sum = (counts) => counts.inotify + counts.recheck + counts.own;
	assert.ok(sum(found) - sum(before) >= atLeast, JSON.stringify(found));
}

test('the sqlite3 CLI, one process for each row', async () => {
	const before = await server.rowsFound();
	const alice = await watch('alice');
	for (let i = 0; i < 50; i++) {
		await server.sql(insert('alice', `cli ${i}`));
		await alice.stream.until(
			(event) => event.data.notification?.title === `cli ${i}`,
		);
	}
	assert.equal(await alice.check(), 50);
	await assertNoneByTick(before, 50);
});

for (const synchronous of ['NORMAL', 'FULL'])
	test(`a long-lived writer at ${synchronous}, isolated commits`, async () => {
		const before = await server.rowsFound();
		const db = server.writer({ synchronous });
		const alice = await watch('alice');
		// Isolated: the next one is not written before this one has arrived, so
		// that no later commit can bring to light one that was missed.
		for (let i = 0; i < COMMITS; i++) {
			await db.exec(insert('alice', `${synchronous} ${i}`));
			const event = await alice.stream.next((e) => e.event === 'notification');
			assert.equal(event.data.notification.title, `${synchronous} ${i}`);
		}
		assert.equal(await alice.check(), COMMITS);
		await assertNoneByTick(before, COMMITS);
		await db.close();
	});

test('a rollback shows nothing, what follows it shows', async () => {
	const before = await server.rowsFound();
	const db = server.writer();
	const alice = await watch('alice');
	for (let i = 0; i < 50; i++) {
		await db.exec(`BEGIN; ${insert('alice', 'rolled back')} ROLLBACK;`);
		// One that has spilled frames into the log already.
		await db.exec(
			`PRAGMA cache_size = 10; BEGIN; ${insert('alice', 'x').repeat(20)}
			UPDATE notifications SET body = hex(zeroblob(50000))
			WHERE title = 'x'; ROLLBACK;`,
		);
		await db.exec(insert('alice', `kept ${i}`));
		const event = await alice.stream.next((e) => e.event === 'notification');
		assert.equal(event.data.notification.title, `kept ${i}`);
	}
	assert.equal(await alice.check(), 50);
	await assertNoneByTick(before, 50);
	await db.close();
});

test('a batch of 10,000 in one transaction', async () => {
	const before = await server.rowsFound();
	const [alice, bob] = [await watch('alice'), await watch('bob')];
	const rows = Array.from({ length: 10_000 }, (_, i) => ({
		user_id: i % 10 ? 'alice' : 'bob',
		title: `batch ${i}`,
	}));
	const half = [rows.slice(0, 5000), rows.slice(5000)].map(insertAll);
	await server.sql(`BEGIN;\n${half.join('\n')}\nCOMMIT;`);
	assert.equal(await alice.check(), 9000);
	assert.equal(await bob.check(), 1000);
	await assertNoneByTick(before, 10_000);
});

test('a bulk .import through a staging table', async () => {
	const before = await server.rowsFound();
	const alice = await watch('alice');
	const csv = path.join(server.dir, 'bulk.csv');
	const lines = Array.from(
		{ length: 5000 },
		(_, i) => `alice,"bulk ""${i}"", with comma"`,
	);
	fs.writeFileSync(csv, `${lines.join('\n')}\n`);
	await server.sql(`
CREATE TABLE staging(user_id TEXT, title TEXT);
.import --csv ${csv} staging
INSERT INTO notifications(user_id, title) SELECT user_id, title FROM staging;
DROP TABLE staging;
`);
	assert.equal(await alice.check(), 5000);
	const titles = alice.stream.notifications.map(
		(event) => event.data.notification.title,
	);
	assert.equal(titles[0], 'bulk "0", with comma');
	assert.equal(new Set(titles).size, 5000);
	await assertNoneByTick(before, 5000);
});

test('three writers at once, with rollbacks among them', async () => {
	const before = await server.rowsFound();
	const [alice, bob] = [await watch('alice'), await watch('bob')];
	const write = async (name, synchronous) => {
		const db = server.writer({ synchronous });
		for (let i = 0; i < 500; i++) {
			const user = ['alice', 'bob', '*'][i % 3];
			const row = insert(user, `${name} ${i}`);
			if (i % 4 === 3) await db.exec(`BEGIN IMMEDIATE; ${row} ROLLBACK;`);
			else await db.exec(row);
		}
		await db.close();
	};
	await Promise.all([
		write('one', 'NORMAL'),
		write('two', 'FULL'),
		write('three', 'OFF'),
	]);
	const expected = (users) =>
		3 *
		Array.from({ length: 500 }, (_, i) => i).filter(
			(i) => i % 4 !== 3 && users.includes(['alice', 'bob', '*'][i % 3]),
		).length;
	assert.equal(await alice.check(), expected(['alice', '*']));
	assert.equal(await bob.check(), expected(['bob', '*']));
	await assertNoneByTick(before, 3 * 375);
});

test('our own writes through REST', async () => {
	const before = await server.rowsFound();
	const alice = await watch('alice');
	const token = await server.token('service', 'publish');
	for (let i = 0; i < 100; i++) {
		const made = await server.request('POST', '', {
			token,
			body: { userId: 'alice', title: `rest ${i}` },
		});
		assert.equal(made.status, 201);
	}
	assert.equal(await alice.check(), 100);
	await assertNoneByTick(before, 100);
});

// While our writer is at work inotify is not listened to; after it, it is.
test('somebody else’s commits while REST writes, refuses, and is silent', async () => {
	const before = await server.rowsFound();
	const alice = await watch('alice');
	const token = await server.token('service', 'publish');
	const db = server.writer();
	const written = { token, body: { userId: 'bob', title: 'ours' } };
	const refused = { token, body: {} };
	for (const requests of [[written, refused], [refused, refused], []]) {
		let over = false;
		const sent = requests.map(async (options) => {
			const status = options === written ? 201 : 400;
			while (!over)
				assert.equal((await server.request('POST', '', options)).status, status);
		});
		// Isolated, as above.
		for (let i = 0; i < 100; i++) {
			await db.exec(insert('alice', `theirs ${i}`));
			const event = await alice.stream.next((e) => e.event === 'notification');
			assert.equal(event.data.notification.title, `theirs ${i}`);
		}
		over = true;
		await Promise.all(sent);
	}
	assert.equal(await alice.check(), 300);
	await assertNoneByTick(before, 300);
	await db.close();
});
