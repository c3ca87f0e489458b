// The page's small helpers in plain node.

import assert from 'node:assert/strict';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { after, before, test } from 'node:test';

import { ROOT, run, sqliteRows } from '../integration/lib/harness.mjs';
import { insertCommand, relativeTime, safeLink } from '../../web/inbox/text.js';

let folder;

before(() => {
	folder = fs.mkdtempSync(path.join(os.tmpdir(), "belfry test's $HOME "));
});

after(() => fs.rmSync(folder, { recursive: true }));

test('text: the time since', () => {
	const now = Date.parse('2026-03-01T12:00:00.000Z');
	for (const [iso, expected] of [
		['2026-03-01T12:00:00.000Z', 'just now'],
		['2026-03-01T11:59:00.001Z', 'just now'],
		['2026-03-01T11:59:00.000Z', '1 minute ago'],
		['2026-03-01T10:01:00.000Z', '1 hour ago'],
		['2026-02-27T13:00:00.000Z', 'yesterday'],
		['2026-02-22T12:00:00.000Z', 'last week'],
		['2025-12-01T12:00:00.000Z', '3 months ago'],
		['2020-01-01T00:00:00.000Z', '6 years ago'],
		['2026-03-01T12:05:00.000Z', 'in 5 minutes'],
	])
		assert.equal(relativeTime(iso, now), expected, iso);
});

test('text: only http, https and what is relative is a link', () => {
	const base = 'http://host:8080/inbox/';
	for (const [link, href] of [
		['https://example.org', 'https://example.org/'],
		['HTTP://example.org/x', 'http://example.org/x'],
		['/builds/1', 'http://host:8080/builds/1'],
		['x?y#z', 'http://host:8080/inbox/x?y#z'],
		['', 'http://host:8080/inbox/'],
		['javascript:alert(1)', null],
		[' java\tscript:alert(1)', null],
		['data:text/html,x', null],
		['vbscript:x', null],
		['file:///etc/passwd', null],
		['blob:http://host:8080/1', null],
		['http://', null],
		['mailto:a@b', null],
	])
		assert.equal(safeLink(link, base)?.href ?? null, href, link);
});

test('text: the command to copy does what it says, in a shell', async () => {
	const database = path.join(folder, 'b.db');
	const schema = fs
		.readdirSync(path.join(ROOT, 'sql/migrations'))
		.sort()
		.map((name) => fs.readFileSync(path.join(ROOT, 'sql/migrations', name)));
	const made = await run('sqlite3', [database], { input: schema.join('\n') });
	assert.equal(made.code, 0, made.stderr);
	const names = ['alice', "o'neil", '$HOME', '`id`', '"x"', 'back\\slash', '*'];
	for (const name of names) {
		const command = insertCommand(database, name, `to ${name}`);
		const done = await run('bash', ['-c', command]);
		assert.deepEqual([done.code, done.stderr], [0, ''], command);
	}
	const rows = await sqliteRows(
		database,
		'SELECT user_id, title FROM notifications ORDER BY id',
	);
	assert.deepEqual(
		rows,
		names.map((name) => ({ user_id: name, title: `to ${name}` })),
	);
	assert.equal(
		insertCommand('/tmp/x/belfry.db', 'alice', 'Build finished'),
		'sqlite3 /tmp/x/belfry.db "INSERT INTO notifications(user_id, title) ' +
			"VALUES ('alice', 'Build finished')\"",
	);
});
