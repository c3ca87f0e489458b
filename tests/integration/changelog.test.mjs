// Real text: the changelogs that Debian puts on every machine, sent by the
// sqlite3 CLI as .import and as INSERT while streams are open.

import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { gunzipSync } from 'node:zlib';

import { startServer } from './lib/harness.mjs';
import { insertAll } from './lib/writer.mjs';

const DOC = '/usr/share/doc';
const ENTRIES = 12_000;
const USERS = ['alice', 'bob', 'carol', 'dave', 'erin'];

// "package (version) distribution; urgency=…", text, " -- Name <mail>  date"
function parseChangelog(text) {
	const entries = [];
	let entry = null;
	for (const line of text.split('\n')) {
		if (/^\S+ \(\S+\)/.test(line)) {
			entry = { title: line, lines: [] };
		} else if (entry && line.startsWith(' -- ')) {
			entries.push({
				title: entry.title,
				body: entry.lines.join('\n'),
				link: line.slice(4),
			});
			entry = null;
		} else if (entry) {
			entry.lines.push(line);
		}
	}
	return entries;
}

function* packages() {
	for (const name of fs.readdirSync(DOC).sort()) {
		const file = path.join(DOC, name, 'changelog.Debian.gz');
		if (fs.existsSync(file))
			yield { name, text: gunzipSync(fs.readFileSync(file)).toString('utf8') };
	}
}

// Enough of each package that all of them have a say.
function readEntries() {
	const lists = [];
	const seen = new Set();
	for (const { name, text } of packages()) {
		if (seen.has(text)) continue; // many packages of one source
		seen.add(text);
		lists.push(
			parseChangelog(text).map((entry) => ({ ...entry, type: name })),
		);
	}
	const entries = [];
	for (let share = 40; entries.length < ENTRIES && share < 1e6; share *= 2) {
		entries.length = 0;
		for (const list of lists) entries.push(...list.slice(0, share));
	}
	return entries.slice(0, ENTRIES).map((entry, i) => ({
		...entry,
		user_id: USERS[(i * 7 + (i >> 3)) % USERS.length],
		priority: 1 + (i % 5),
	}));
}

const COLUMNS = ['user_id', 'type', 'title', 'body', 'link', 'priority'];
const onlyColumns = (entry) =>
	Object.fromEntries(COLUMNS.map((name) => [name, entry[name]]));
const csvField = (value) => `"${String(value).replaceAll('"', '""')}"`;

let server;
let entries;
before(async () => {
	entries = readEntries();
	server = await startServer({ users: USERS });
});
after(() => server.stop());

// What the table holds, byte for byte, in the order of the journal.
async function tableOf(user) {
	const hex = ['type', 'title', 'body', 'link']
		.map((name) => `hex(n.${name}) AS ${name}`)
		.join(', ');
	return server.rows(
		`SELECT e.id AS event, n.id, ${hex}, n.priority
		FROM events e JOIN notifications n ON n.id = e.notification_id
		WHERE e.user_id = '${user}' ORDER BY e.id;`,
	);
}

function asTable({ id, data: { notification: n } }) {
	const hex = (text) => Buffer.from(text, 'utf8').toString('hex').toUpperCase();
	return {
		event: Number(id),
		id: n.id,
		type: hex(n.type),
		title: hex(n.title),
		body: hex(n.body),
		link: hex(n.link),
		priority: n.priority,
	};
}

test('there are 10,000 entries, and they are not just ASCII', () => {
	assert.ok(entries.length >= 10_000, `${entries.length} entries in ${DOC}`);
	const text = entries.map((entry) => entry.title + entry.body + entry.link);
	assert.ok(text.some((t) => /[^\0-\x7f]/.test(t)), 'Unicode');
	assert.ok(text.some((t) => t.includes('"')), 'quotes');
	assert.ok(text.some((t) => t.includes("'")), 'apostrophes');
	assert.ok(text.some((t) => t.includes('\n')), 'line breaks');
});

test('every stream gets its own rows, in order, byte for byte', async () => {
	const streams = await Promise.all(
		USERS.map((user) => server.openStream({ user })),
	);
	const half = entries.length / 2;

	// One half by .import through a staging table, while …
	const csv = path.join(server.dir, 'entries.csv');
	fs.writeFileSync(
		csv,
		entries
			.slice(0, half)
			.map((entry) => COLUMNS.map((name) => csvField(entry[name])).join(','))
			.join('\n') + '\n',
	);
	const names = COLUMNS.join(', ');
	const imported = server.sql(`
CREATE TABLE staging(${names});
.import --csv ${csv} staging
INSERT INTO notifications(${names}) SELECT ${names} FROM staging ORDER BY rowid;
DROP TABLE staging;
`);

	// … the other comes as INSERTs of a few rows.
	const db = server.writer();
	for (let at = half; at < entries.length; ) {
		const size = 1 + ((at * 31) % 40);
		const rows = entries.slice(at, at + size);
		await db.exec(insertAll(rows.map(onlyColumns)));
		at += rows.length;
	}
	await imported;

	// The table holds what the changelogs say …
	const wanted = new Map();
	for (const entry of entries) {
		const key = COLUMNS.map((name) => entry[name]).join('\0');
		wanted.set(key, (wanted.get(key) ?? 0) + 1);
	}
	let total = 0;
	for (const [i, user] of USERS.entries()) {
		const table = await tableOf(user);
		total += table.length;
		assert.ok(table.length > 1000);
		for (const row of table) {
			const text = (name) => Buffer.from(row[name], 'hex').toString();
			const key = [
				user,
				...['type', 'title', 'body', 'link'].map(text),
				row.priority,
			].join('\0');
			assert.ok(wanted.get(key) > 0, `not in the changelogs: ${key}`);
			wanted.set(key, wanted.get(key) - 1);
		}
		// … and the stream what the table holds.
		await streams[i].until((e) => e.id === String(table.at(-1).event));
		assert.deepEqual(streams[i].notifications.map(asTable), table);

		const again = await server.openStream({ user, lastEventId: '0' });
		await again.until((e) => e.id === String(table.at(-1).event));
		assert.deepEqual(again.notifications.map(asTable), table);
		again.close();
		streams[i].close();
	}
	assert.equal(total, entries.length);
});

test('the list has the same, page by page', async () => {
	const table = (await tableOf('alice')).reverse();
	const listed = [];
	for (let next = ''; next !== null; ) {
		const page = await server.request(
			'GET',
			`?limit=100${next && `&before=${next}`}`,
			{ user: 'alice' },
		);
		assert.equal(page.status, 200);
		listed.push(...page.json.notifications);
		next = page.json.next;
	}
	assert.deepEqual(
		listed.map((n) => [n.id, Buffer.from(n.body).toString('hex').toUpperCase()]),
		table.map((row) => [row.id, row.body]),
	);
});
