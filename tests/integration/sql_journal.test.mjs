// The journal's queries, run by the sqlite3 command-line shell.

import assert from 'node:assert/strict';
import { after, test } from 'node:test';

import { BROADCAST, MARKED, RECEIPTS, SESSIONS, TWO } from './lib/sql_before.mjs';
import { Workshop, asRows, bound, queries, rows, shell } from './lib/sqlite.mjs';

const workshop = new Workshop();
after(() => workshop.close());

const named = queries();
const NOW = 2000;

async function run(file, statement) {
	const result = await shell(file, `${statement};`, ['-bail']);
	assert.deepEqual(result.errors, [], statement);
}

async function query(file, name, values = {}) {
	assert.ok(named.has(name), name);
	const result = await shell(file, asRows(bound(named.get(name), values)));
	assert.deepEqual(result.errors, [], name);
	return rows(result.stdout);
}

// Rows as "alice created 1", with "title@read_at" where there is a notification.
function told(found) {
	return found.map((row) => {
		assert.equal(row.length, 17);
		const [, user, action, about, nonce, id, , , title] = row;
		assert.match(nonce, /^-?\d+$/);
		if (id === null) {
			assert.deepEqual(row.slice(5), Array(12).fill(null));
			return `${user} ${action} ${about}`;
		}
		assert.equal(id, about);
		return `${user} ${action} ${about}: ${title}@${row[15]}`;
	});
}

const page = async (file, last = 0, limit = 500) =>
	told(
		(await query(file, 'journal_page', { last, limit, now: NOW })).map((row) =>
			row.slice(0, -1), // when it happened
		),
	);
const replay = async (file, user, from = 0, through = 2 ** 40, limit = 500) =>
	told(
		await query(file, 'replay_page', {
			user, after: from, through, limit, now: NOW,
		}),
	);

test('a page: the columns', async () => {
	const file = await workshop.database(TWO);
	await run(file, `UPDATE notifications SET data = '{}', link = '/x', priority = 5,
		expires_at = 3000, updated_at = 1500 WHERE id = 1`);
	const found = await query(file, 'journal_page', { last: 3, limit: 9, now: NOW });
	assert.equal(found.length, 1);
	const [, , , , nonce, ...rest] = found[0];
	assert.match(rest.pop(), /^\d{13}$/); // when it happened
	assert.deepEqual(await query(file, 'journal_row_at', { id: 3 }), [[nonce]]);
	assert.deepEqual(found[0].slice(0, 4), ['3', 'alice', 'updated', '1']);
	assert.deepEqual(rest, ['1', 'alice', 'info', 'one', 'text', '{}', '/x', '5',
		'1000', '1500', null, '3000']);
});

test('a page: from the last row on, at most so many', async () => {
	const file = await workshop.database(TWO);
	await run(file, `UPDATE notifications SET title = 'x'`);
	assert.deepEqual(await page(file, 2), ['bob created 2: x@null',
		'alice updated 1: x@null', 'bob updated 2: x@null']);
	assert.deepEqual(await page(file, 2, 2), ['bob created 2: x@null',
		'alice updated 1: x@null']);
	assert.deepEqual(await page(file, 5), []);
});

test('a page: the notification only where it is still that user\'s', async () => {
	const file = await workshop.database(TWO);
	await run(file, `UPDATE notifications SET user_id = 'bob' WHERE id = 1;
		INSERT INTO notifications(user_id, title, expires_at) VALUES
		('alice', 'due', ${NOW}), ('alice', 'not yet', ${NOW + 1});
		DELETE FROM notifications WHERE id = 2`);
	assert.deepEqual(await page(file), ['alice created 1', 'bob created 2',
		'alice deleted 1', 'bob created 1: one@null', 'alice created 3',
		'alice created 4: not yet@null', 'bob deleted 2']);
});

test('a page: read by itself, by the watermark, made unread', async () => {
	const file = await workshop.database(MARKED);
	assert.deepEqual(await page(file), ['alice created 1: one@400',
		'alice created 2: two@null', 'alice created 3: three@300',
		'alice created 4: four@400', 'alice created 5: five@null', 'alice read 3',
		'alice all-read 4', 'alice unread 2']);
});

test('a page: broadcasts and control rows', async () => {
	const file = await workshop.database(`${BROADCAST}
		UPDATE notifications SET read_at = 5 WHERE id = 1; ${SESSIONS}
		DELETE FROM sessions WHERE id = 1; DELETE FROM tokens WHERE id = 2;`);
	assert.deepEqual(await page(file), ['* created 1: one@null',
		'* created 2: two@null', 'alice session-ended 1', 'bob token-ended 2']);
});

test('a page: a broadcast that a user takes back', async () => {
	const file = await workshop.database(RECEIPTS);
	await run(file, `DELETE FROM receipts WHERE user_id = 'bob'`);
	assert.equal((await page(file)).at(-1), 'bob created 1: one@null');
	assert.equal((await replay(file, 'bob')).at(-1), 'bob created 1: one@null');
	await run(file, `INSERT INTO receipts VALUES ('bob', 1, NULL, 5)`);
	assert.deepEqual(await replay(file, 'bob'), ['* created 2: two@null',
		'bob deleted 1', 'bob deleted 1']);
});

test('replay: one\'s own rows and everybody\'s, in order', async () => {
	const file = await workshop.database(`${TWO}
		INSERT INTO notifications(user_id, title) VALUES ('*', 'three'), ('alice', 'four'), ('*', 'five');
		UPDATE notifications SET read_at = 9 WHERE id = 4;
		INSERT INTO receipts VALUES ('alice', 3, 8, NULL), ('bob', 3, 8, NULL);
		${SESSIONS} DELETE FROM sessions;`);
	const alice = ['alice created 1: one@null', '* created 3: three@null',
		'alice created 4: four@9', '* created 5: five@null', 'alice read 4', 'alice read 3'];
	assert.deepEqual(await replay(file, 'alice'), alice);
	assert.deepEqual(await replay(file, 'bob'), ['bob created 2: two@null',
		'* created 3: three@null', '* created 5: five@null', 'bob read 3']);
	assert.deepEqual(await replay(file, 'nobody'), ['* created 3: three@null',
		'* created 5: five@null']);
	assert.deepEqual(await replay(file, 'alice', 1), alice.slice(1));
	assert.deepEqual(await replay(file, 'alice', 1, 4), alice.slice(1, 3));
	assert.deepEqual(await replay(file, 'alice', 0, 99, 2), alice.slice(0, 2));
	assert.deepEqual(await replay(file, 'alice', 99), []);
});

test('replay: nothing of what is gone, moved, expired or hidden', async () => {
	const file = await workshop.database(`
		INSERT INTO notifications(id, user_id, title) VALUES (1, 'alice', 'moved'), (2, 'alice', 'deleted'),
		(3, 'alice', 'expired'), (4, '*', 'hidden'), (5, '*', 'expired'), (6, 'alice', 'there'), (7, '*', 'moved to alice');
		UPDATE notifications SET title = title || '!';
		UPDATE notifications SET user_id = 'bob' WHERE id = 1;
		DELETE FROM notifications WHERE id = 2;
		UPDATE notifications SET expires_at = ${NOW} WHERE id IN (3, 5);
		INSERT INTO receipts VALUES ('alice', 4, NULL, 5);
		UPDATE notifications SET user_id = 'alice' WHERE id = 7;`);
	assert.deepEqual(await replay(file, 'alice'), ['alice created 6: there!@null',
		'alice updated 6: there!@null', 'alice deleted 1', 'alice deleted 2',
		'alice deleted 4', '* deleted 7', 'alice created 7: moved to alice!@null']);
	assert.deepEqual(await replay(file, 'bob'), ['* created 4: hidden!@null',
		'* updated 4: hidden!@null', 'bob created 1: moved!@null', '* deleted 7']);
});

test('replay: read times of now', async () => {
	const file = await workshop.database(MARKED);
	assert.deepEqual((await replay(file, 'alice')).slice(0, 5), [
		'alice created 1: one@400', 'alice created 2: two@null',
		'alice created 3: three@300', 'alice created 4: four@400',
		'alice created 5: five@null']);
});

test('revoked_since', async () => {
	const file = await workshop.database(`${SESSIONS} DELETE FROM sessions WHERE id = 1;
		DELETE FROM tokens WHERE id = 2;`);
	const revoked = async (action, id, from, through) =>
		(await query(file, 'revoked_since', { action, id, after: from, through })).length;
	assert.equal(await revoked('session-ended', 1, 0, 2), 1);
	assert.equal(await revoked('session-ended', 1, 0, 1), 1);
	assert.equal(await revoked('session-ended', 1, 1, 2), 0);
	assert.equal(await revoked('session-ended', 2, 0, 2), 0);
	assert.equal(await revoked('token-ended', 1, 0, 2), 0);
	assert.equal(await revoked('token-ended', 2, 0, 1), 0);
	assert.equal(await revoked('token-ended', 2, 0, 2), 1);
});

test('hidden_users', async () => {
	const file = await workshop.database(RECEIPTS);
	assert.deepEqual(await query(file, 'hidden_users', { id: 1 }), [['bob']]);
	assert.deepEqual(await query(file, 'hidden_users', { id: 2 }), []);
});

test('where the journal stands', async () => {
	const file = await workshop.database();
	const head = async () => (await query(file, 'journal_head'))[0];
	const [floor, seq, epoch] = await head();
	assert.deepEqual([floor, seq], ['0', '0']);
	assert.deepEqual(await query(file, 'meta_get', { key: 'epoch' }), [[epoch]]);
	assert.deepEqual(await query(file, 'journal_last'), []);
	await run(file, TWO);
	await run(file, "DELETE FROM notifications");
	assert.deepEqual(await head(), ['0', '4', epoch]);
	const [[last, nonce]] = await query(file, 'journal_last');
	assert.equal(last, '4');
	assert.deepEqual(await query(file, 'journal_row_at', { id: 4 }), [[nonce]]);
	assert.deepEqual(await query(file, 'journal_row_at', { id: 5 }), []);
	await run(file, 'DELETE FROM events WHERE id <= 2');
	assert.deepEqual(await head(), ['2', '4', epoch]);
	await run(file, bound(named.get('meta_set'), { key: 'floor', value: '3' }));
	assert.deepEqual(await head(), ['3', '4', epoch]);
	await run(file, 'DELETE FROM events');
	assert.deepEqual(await head(), ['4', '4', epoch]);
});

test('a new epoch', async () => {
	const file = await workshop.database(TWO);
	const change = (epoch, seq) =>
		run(file, ['BEGIN IMMEDIATE',
			...['epoch_set', 'epoch_raise_sequence', 'epoch_floor', 'epoch_row'].map(
				(name) => bound(named.get(name), { epoch, seq })),
			'COMMIT'].join(';\n'));
	await change('abc', 1000);
	assert.deepEqual(await query(file, 'journal_head'), [['1000', '1001', 'abc']]);
	assert.equal((await query(file, 'journal_last'))[0][0], '1001');
	assert.deepEqual(await page(file, 3), [' epoch 0']);
	await run(file, `INSERT INTO notifications(user_id, title) VALUES ('alice', 'x')`);
	assert.equal((await query(file, 'journal_last'))[0][0], '1002');
	// Never lower, and on a journal without rows too.
	await run(file, bound(named.get('epoch_raise_sequence'), { seq: 5 }));
	assert.equal((await query(file, 'journal_head'))[0][1], '1002');
	await run(file, 'DELETE FROM events');
	await change('def', 2000);
	assert.deepEqual(await query(file, 'journal_head'), [['2000', '2001', 'def']]);
	const fresh = await workshop.database();
	await run(fresh, bound(named.get('epoch_raise_sequence'), { seq: 7 }));
	await run(fresh, named.get('epoch_row'));
	assert.equal((await query(fresh, 'journal_last'))[0][0], '8');
});

test('meta', async () => {
	const file = await workshop.database();
	assert.deepEqual(await query(file, 'meta_get', { key: 'x' }), []);
	for (const value of ['1', '2'])
		await run(file, bound(named.get('meta_set'), { key: 'x', value }));
	assert.deepEqual(await query(file, 'meta_get', { key: 'x' }), [['2']]);
});

test('what has expired: so many at a time, the oldest first', async () => {
	const file = await workshop.database(`${RECEIPTS}
		INSERT INTO notifications(id, user_id, title, expires_at) VALUES
		(3, 'alice', 'a', 30), (4, 'alice', 'b', 20), (5, 'bob', 'c', 10), (6, 'bob', 'd', NULL);
		UPDATE notifications SET expires_at = 15 WHERE id = 1; DELETE FROM events;`);
	const expired = (now, limit) => query(file, 'retention_expired', { now, limit });
	assert.deepEqual(await expired(9, 10), []);
	assert.deepEqual(await expired(20, 2), [['5', '0'], ['1', '1']]);
	assert.deepEqual(await expired(20, 10), [['5', '0'], ['1', '1'], ['4', '0']]);
	await run(file, bound(named.get('retention_delete'), { id: 1 }));
	assert.deepEqual(await page(file), ['* deleted 1']);
	const receipts = await shell(file, 'SELECT count(*) FROM receipts;');
	assert.equal(receipts.stdout.trim(), '0');
});
