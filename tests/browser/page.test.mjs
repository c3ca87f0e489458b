// The inbox page's parts that need no browser, in plain node.

import assert from 'node:assert/strict';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { after, before, test } from 'node:test';

import { ROOT, run, sqliteRows } from '../integration/lib/harness.mjs';
import { describe } from '../../web/inbox/connection.js';
import {
	EVERYTHING, filterItems, isFiltered, typesOf,
} from '../../web/inbox/filter.js';
import { insertCommand } from '../../web/inbox/text.js';

let folder;

before(() => {
	folder = fs.mkdtempSync(path.join(os.tmpdir(), "belfry test's $HOME "));
});

after(() => fs.rmSync(folder, { recursive: true }));

test('page: the command to copy does what it says, in a shell', async () => {
	const database = path.join(folder, 'b.db');
	const schema = fs
		.readdirSync(path.join(ROOT, 'sql/migrations'))
		.sort()
		.map((name) => fs.readFileSync(path.join(ROOT, 'sql/migrations', name)));
	const made = await run('sqlite3', [database], { input: schema.join('\n') });
	assert.equal(made.code, 0, made.stderr);
	const names = ['alice', "o'neil", '$HOME', '`id`', '"x"', 'back\\slash', '*'];
	for (const name of names) {
		const command = insertCommand(database, [
			['user_id', name], ['title', `to ${name}`], ['priority', 4],
		]);
		const done = await run('bash', ['-c', command]);
		assert.deepEqual([done.code, done.stderr], [0, ''], command);
	}
	const rows = await sqliteRows(
		database,
		'SELECT user_id, title, priority FROM notifications ORDER BY id',
	);
	assert.deepEqual(
		rows,
		names.map((name) => ({
			user_id: name, title: `to ${name}`, priority: 4,
		})),
	);
	assert.equal(
		insertCommand('/tmp/x/belfry.db', [
			['user_id', 'alice'], ['title', 'Build finished'],
		]),
		'sqlite3 /tmp/x/belfry.db "INSERT INTO notifications(user_id, title) ' +
			"VALUES ('alice', 'Build finished')\"",
	);
});

test('page: what the filters let through', () => {
	const items = [
		{ id: 1, type: 'info', priority: 3, read: true, title: 'Über', body: null },
		{ id: 2, type: 'alert', priority: 5, read: false, title: 'Disk', body: 'Is full' },
		{ id: 3, type: 'info', priority: 4, read: false, title: 'Build full', body: '' },
	];
	const shown = (filter) =>
		filterItems(items, { ...EVERYTHING, ...filter }).map(({ id }) => id);
	for (const [filter, expected] of [
		[{}, [1, 2, 3]],
		[{ unread: true }, [2, 3]],
		[{ type: 'info' }, [1, 3]],
		[{ priority: 4 }, [2, 3]],
		[{ priority: 5, type: 'info' }, []],
		[{ text: ' FULL ' }, [2, 3]],
		[{ text: 'full disk' }, [2]],
		[{ text: 'üb' }, [1]],
	]) {
		assert.deepEqual(shown(filter), expected, JSON.stringify(filter));
		assert.equal(
			isFiltered({ ...EVERYTHING, ...filter }),
			Object.keys(filter).length > 0,
		);
	}
	assert.deepEqual(typesOf(items, ''), ['alert', 'info']);
	assert.deepEqual(typesOf(items, 'gone'), ['alert', 'gone', 'info']);
});

test('page: what is said of the connection', () => {
	const say = (connectionStatus, reason = null, retryAt = null) => {
		const { text, action } =
			describe({ connectionStatus, reason, retryAt }, 1000);
		return [text, action];
	};
	assert.deepEqual(say('connected'), ['Connected', 'Disconnect']);
	assert.deepEqual(say('connecting'), ['Connecting…', '']);
	assert.deepEqual(say('error', 401), ['Stopped · signed out', 'Try now']);
	assert.deepEqual(
		say('disconnected', 'shutdown', 4500),
		['Next try in 4 s · server restarting', 'Try now'],
	);
	assert.deepEqual(
		say('disconnected', 'lost', 500), ['Next try in 0 s', 'Try now'],
	);
	assert.deepEqual(
		say('disconnected', 'closed'),
		['Disconnected · switched off', 'Connect'],
	);
});
